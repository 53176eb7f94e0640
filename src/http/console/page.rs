//! A path of the console, where each method says what a visitor must have. There is no way to mount a page here
//! that is not told who looks at it, nor one that takes a form whose origin and token were not checked.

use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::http::Method;
use actix_web::{FromRequest, Handler, HttpRequest, Responder, web};

use crate::policies::{Rights, Scope};

use super::super::Endpoint;
use super::gone;
use super::posted::{Confirmed, Posted};
use super::refused::{self, FormPage, answering};
use super::visitor::Visitor;

/// What a visitor must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A session, which may have to pass the second factor yet.
    HalfWay,
    /// A session.
    SignedIn,
    /// A session of somebody with this scope.
    With(Scope),
    /// A session of somebody with one of these scopes.
    WithAny(&'static [Scope]),
}

impl Access {
    /// Whether these rights are enough, of somebody who is signed in.
    #[must_use]
    pub fn admits(self, rights: &Rights) -> bool {
        match self {
            Self::HalfWay | Self::SignedIn => true,
            Self::With(scope) => rights.include(scope),
            Self::WithAny(scopes) => scopes.iter().any(|scope| rights.include(*scope)),
        }
    }
}

/// A method and path of the console, and what a visitor must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleRoute {
    /// The method; HEAD goes with GET.
    pub method: Method,
    /// Below `/console`, with parameters in braces.
    pub path: String,
    /// What a visitor must have.
    pub access: Access,
}

/// What the methods of one path need.
#[derive(Debug, Clone, Default)]
pub(super) struct Accesses(Vec<(Method, Access)>);

impl Accesses {
    /// What this method needs; `None` for one that is not offered.
    pub(super) fn of(&self, method: &Method) -> Option<Access> {
        let asked = if *method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        let found = self.0.iter().find(|(known, _)| known == asked);
        found.map(|(_, access)| *access)
    }
}

/// The arguments of a handler that shows something.
pub(super) trait ToldWhoLooks: FromRequest {}
/// The arguments of a handler that changes something.
pub(super) trait ToldWhoSent: FromRequest {}

macro_rules! told {
    ($($further:ident)*) => {
        impl<$($further: FromRequest + 'static),*> ToldWhoLooks for (Visitor, $($further,)*) {}
        impl<Form: 'static, $($further: FromRequest + 'static),*> ToldWhoSent
            for (Posted<Form>, $($further,)*) where Posted<Form>: FromRequest {}
        impl<Form: 'static, $($further: FromRequest + 'static),*> ToldWhoSent
            for (Confirmed<Form>, $($further,)*) where Confirmed<Form>: FromRequest {}
    };
}

told!();
told!(A);
told!(A B);
told!(A B C);
told!(A B C D);

/// One path with its methods.
pub(super) struct Page {
    path: String,
    endpoint: Endpoint,
    accesses: Accesses,
    /// Where the form is that is sent here.
    form: Option<FormPage>,
}

impl Page {
    /// A path below `/console`, in actix's pattern syntax, without methods yet.
    pub(super) fn at(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            endpoint: Endpoint::at(path),
            accesses: Accesses::default(),
            form: None,
        }
    }

    /// Shows something: GET and HEAD. A form that is sent to the same path is on this page, unless [`Page::on`] says
    /// otherwise.
    pub(super) fn get<F, Args>(mut self, access: Access, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: ToldWhoLooks + 'static,
        F::Output: Responder + 'static,
    {
        self.accesses.0.push((Method::GET, access));
        let shown = answering(handler.clone());
        self.endpoint = self
            .endpoint
            .get(move |request: HttpRequest| gone::answered(request, shown.clone()));
        self.on(access, handler)
    }

    /// The page that has the form which is sent here, where that is another: it is shown again where the form is
    /// refused. A page that is itself the answer to a form is answered as to the same form.
    pub(super) fn on<F, Args>(mut self, access: Access, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let shown = answering(handler);
        self.form = Some(FormPage { access, shown });
        self
    }

    /// Changes something: POST. A form that is refused is shown again.
    pub(super) fn post<F, Args>(mut self, access: Access, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: ToldWhoSent + 'static,
        F::Output: Responder + 'static,
    {
        self.accesses.0.push((Method::POST, access));
        let (sent, form) = (answering(handler), self.form.clone());
        self.endpoint = self
            .endpoint
            .post(move |request: HttpRequest, payload: web::Payload| {
                refused::answered(request, payload.into_inner(), sent.clone(), form.clone())
            });
        self
    }

    /// What is offered here.
    pub(super) fn routes(&self) -> impl Iterator<Item = ConsoleRoute> {
        self.accesses.0.iter().map(|(method, access)| ConsoleRoute {
            method: method.clone(),
            path: self.path.clone(),
            access: *access,
        })
    }
}

impl HttpServiceFactory for Page {
    fn register(self, config: &mut AppService) {
        self.endpoint.with_data(self.accesses).register(config);
    }
}
