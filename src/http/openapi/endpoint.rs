//! A path whose operations are described where they are mounted: there is no way to mount one here about which
//! nothing is said.

use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::http::Method;
use actix_web::{FromRequest, Handler, Responder};

use crate::http::Endpoint;

use super::arguments::{Argument, Taken};
use super::operation::{Mounted, Operation};

/// One path with its methods.
pub(in crate::http) struct ApiEndpoint {
    path: String,
    endpoint: Endpoint,
    operations: Vec<Mounted>,
}

impl ApiEndpoint {
    /// A path, in actix's pattern syntax, without methods yet.
    pub(in crate::http) fn at(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            endpoint: Endpoint::at(path),
            operations: Vec::new(),
        }
    }

    /// With something that its handlers and their arguments find by its type.
    pub(in crate::http) fn with_data<T: 'static>(mut self, data: T) -> Self {
        self.endpoint = self.endpoint.with_data(data);
        self
    }

    /// Answers GET, and HEAD with the same headers.
    pub(in crate::http) fn get<F, Args>(mut self, handler: F, operation: Operation) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + Argument + 'static,
        F::Output: Responder + 'static,
    {
        self.describe::<Args>(Method::GET, operation);
        self.endpoint = self.endpoint.get(handler);
        self
    }

    /// Answers POST.
    pub(in crate::http) fn post<F, Args>(mut self, handler: F, operation: Operation) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + Argument + 'static,
        F::Output: Responder + 'static,
    {
        self.describe::<Args>(Method::POST, operation);
        self.endpoint = self.endpoint.post(handler);
        self
    }

    /// Answers PATCH.
    pub(in crate::http) fn patch<F, Args>(mut self, handler: F, operation: Operation) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + Argument + 'static,
        F::Output: Responder + 'static,
    {
        self.describe::<Args>(Method::PATCH, operation);
        self.endpoint = self.endpoint.patch(handler);
        self
    }

    /// Answers DELETE.
    pub(in crate::http) fn delete<F, Args>(mut self, handler: F, operation: Operation) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + Argument + 'static,
        F::Output: Responder + 'static,
    {
        self.describe::<Args>(Method::DELETE, operation);
        self.endpoint = self.endpoint.delete(handler);
        self
    }

    /// What is offered here.
    pub(in crate::http) fn operations(&self) -> &[Mounted] {
        &self.operations
    }

    fn describe<Args: Argument>(&mut self, method: Method, operation: Operation) {
        let mut taken = Taken::default();
        Args::describe(&mut taken);
        self.operations
            .push(Mounted::new(method, &self.path, taken, operation));
    }
}

impl HttpServiceFactory for ApiEndpoint {
    fn register(self, config: &mut AppService) {
        self.endpoint.register(config);
    }
}
