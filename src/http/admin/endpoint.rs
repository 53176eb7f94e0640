//! A path of the admin interface, where each method names the scope that it needs. There is no way to mount a
//! handler here that is not told who calls: the rights have been checked before it runs.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::http::Method;
use actix_web::{FromRequest, Handler, HttpRequest, Responder, web};

use crate::policies::Scope;

use super::super::State;
use super::super::openapi::{ApiEndpoint, Argument, Caller, Mounted, Operation};
use super::super::problem::Problem;
use super::Admin;

/// A method and path of the admin interface, and the scope that they need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminRoute {
    /// The method; HEAD goes with GET.
    pub method: Method,
    /// Below `/admin/v1`, with parameters in braces.
    pub path: String,
    /// What the caller must have.
    pub scope: Scope,
    /// Whether an orphaned key with the scope may call it.
    pub orphans_may: bool,
}

/// What a call asks of whoever makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Needed {
    /// The scope that they must have.
    pub(in super::super) scope: Scope,
    /// Whether an orphaned key may. Such a key reads, makes people who cannot sign in yet, and takes access away.
    /// Nobody answers for what else it would do, and whoever has left may still know its secret.
    pub(in super::super) orphans_may: bool,
}

impl Needed {
    /// What looks and changes nothing.
    pub(in super::super) fn to_look(scope: Scope) -> Self {
        Self {
            scope,
            orphans_may: true,
        }
    }

    /// What changes something.
    pub(in super::super) fn to_change(scope: Scope) -> Self {
        Self {
            scope,
            orphans_may: false,
        }
    }

    fn by(method: &Method, scope: Scope, operation: &Operation) -> Self {
        let looks = *method == Method::GET || scope.is_read_only();
        Self {
            scope,
            orphans_may: looks || operation.is_for_orphans(),
        }
    }
}

/// What the methods of one path need.
#[derive(Debug, Clone, Default)]
pub(super) struct Needs(Vec<(Method, Needed)>);

impl Needs {
    /// What this method needs; `None` for one that is not offered.
    pub(super) fn of(&self, method: &Method) -> Option<Needed> {
        let asked = if *method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        self.0
            .iter()
            .find(|(known, _)| known == asked)
            .map(|(_, needed)| *needed)
    }
}

/// The arguments of a handler that is told who calls.
pub(super) trait ToldWhoCalls: FromRequest + Argument {}

macro_rules! told_who_calls {
    ($($further:ident)*) => {
        impl<$($further: FromRequest + Argument + 'static),*> ToldWhoCalls for (Admin, $($further,)*) {}
    };
}

told_who_calls!();
told_who_calls!(A);
told_who_calls!(A B);
told_who_calls!(A B C);
told_who_calls!(A B C D);
told_who_calls!(A B C D E);

/// A handler that takes a body. The caller was checked before the body was read; they are checked again when it
/// is there, so that nobody keeps their rights by holding a body back.
#[derive(Clone)]
struct CheckedAgain<F> {
    needed: Needed,
    handler: F,
}

impl<F, Args> Handler<(HttpRequest, web::Data<State>, Args)> for CheckedAgain<F>
where
    F: Handler<Args>,
    Args: ToldWhoCalls + 'static,
    F::Output: Responder + 'static,
{
    type Output = Result<F::Output, Problem>;
    type Future = Pin<Box<dyn Future<Output = Self::Output>>>;

    fn call(&self, (request, state, args): (HttpRequest, web::Data<State>, Args)) -> Self::Future {
        let checked = Admin::still_with(self.needed, &request, &state);
        let handler = self.handler.clone();
        Box::pin(async move {
            checked?;
            Ok(handler.call(args).await)
        })
    }
}

/// One path with its methods.
pub(super) struct AdminEndpoint {
    endpoint: ApiEndpoint,
    needs: Needs,
}

impl AdminEndpoint {
    /// A path below `/admin/v1`, in actix's pattern syntax, without methods yet.
    pub(super) fn at(path: &str) -> Self {
        Self {
            endpoint: ApiEndpoint::at(path),
            needs: Needs::default(),
        }
    }

    /// Answers GET and HEAD for callers with this scope.
    pub(super) fn get<F, Args>(mut self, scope: Scope, handler: F, operation: Operation) -> Self
    where
        F: Handler<Args>,
        Args: ToldWhoCalls + 'static,
        F::Output: Responder + 'static,
    {
        let (_, operation) = self.needing(scope, Method::GET, operation);
        self.endpoint = self.endpoint.get(handler, operation);
        self
    }

    /// Answers POST for callers with this scope.
    pub(super) fn post<F, Args>(mut self, scope: Scope, handler: F, operation: Operation) -> Self
    where
        F: Handler<Args>,
        Args: ToldWhoCalls + 'static,
        F::Output: Responder + 'static,
    {
        let (needed, operation) = self.needing(scope, Method::POST, operation);
        let handler = CheckedAgain { needed, handler };
        self.endpoint = self.endpoint.post(handler, operation);
        self
    }

    /// Answers PATCH for callers with this scope.
    pub(super) fn patch<F, Args>(mut self, scope: Scope, handler: F, operation: Operation) -> Self
    where
        F: Handler<Args>,
        Args: ToldWhoCalls + 'static,
        F::Output: Responder + 'static,
    {
        let (needed, operation) = self.needing(scope, Method::PATCH, operation);
        let handler = CheckedAgain { needed, handler };
        self.endpoint = self.endpoint.patch(handler, operation);
        self
    }

    /// Answers DELETE for callers with this scope.
    pub(super) fn delete<F, Args>(mut self, scope: Scope, handler: F, operation: Operation) -> Self
    where
        F: Handler<Args>,
        Args: ToldWhoCalls + 'static,
        F::Output: Responder + 'static,
    {
        let (_, operation) = self.needing(scope, Method::DELETE, operation);
        self.endpoint = self.endpoint.delete(handler, operation);
        self
    }

    fn needing(
        &mut self,
        scope: Scope,
        method: Method,
        operation: Operation,
    ) -> (Needed, Operation) {
        let needed = Needed::by(&method, scope, &operation);
        self.needs.0.push((method, needed));
        let caller = if needed.orphans_may {
            Caller::WithScope(scope)
        } else {
            Caller::WithScopeInCare(scope)
        };
        (needed, operation.of(caller))
    }

    /// What is offered here.
    pub(super) fn routes(&self) -> impl Iterator<Item = AdminRoute> {
        let operations = self.endpoint.operations().iter();
        let needs = self.needs.0.iter();
        operations
            .zip(needs)
            .map(|(operation, (method, needed))| AdminRoute {
                method: method.clone(),
                path: operation.path().to_owned(),
                scope: needed.scope,
                orphans_may: needed.orphans_may,
            })
    }

    /// What is said of it.
    pub(super) fn operations(&self) -> &[Mounted] {
        self.endpoint.operations()
    }
}

impl HttpServiceFactory for AdminEndpoint {
    fn register(self, config: &mut AppService) {
        self.endpoint.with_data(self.needs).register(config);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_that_names_no_scope_has_none() {
        let needed = Needed::to_look(Scope::UsersRead);
        let needs = Needs(vec![(Method::GET, needed)]);
        assert_eq!(needs.of(&Method::HEAD), Some(needed));
        assert_eq!(needs.of(&Method::POST), None);
    }
}
