//! One path with its methods; any other method is answered with 405 and the list of those (RFC 9110
//! section 15.5.6).

use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::guard::{self, Guard};
use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::{FromRequest, Handler, Resource, Responder, web};

use super::metrics::RouteSlot;
use super::problem::{Problem, ProblemKind};

/// One path with its methods.
pub struct Endpoint {
    resource: Resource,
    methods: Vec<Method>,
}

impl Endpoint {
    /// A path, in actix's pattern syntax, without methods yet. Nothing has an identifier with NUL, which
    /// PostgreSQL has no text for.
    #[must_use]
    pub fn at(path: &str) -> Self {
        let without_nul = guard::fn_guard(|request| !request.head().uri.path().contains("%00"));
        Self {
            resource: web::resource(path)
                .guard(without_nul)
                .app_data(RouteSlot::default()),
            methods: Vec::new(),
        }
    }

    /// With something that its handlers and their arguments find by its type.
    #[must_use]
    pub fn with_data<T: 'static>(mut self, data: T) -> Self {
        self.resource = self.resource.app_data(data);
        self
    }

    /// Answers GET, and HEAD with the same headers.
    #[must_use]
    pub fn get<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let either = guard::Any(guard::Get()).or(guard::Head());
        self.route(either, [Method::GET, Method::HEAD], handler)
    }

    /// Answers POST.
    #[must_use]
    pub fn post<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.route(guard::Post(), [Method::POST], handler)
    }

    /// Answers PATCH.
    #[must_use]
    pub fn patch<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.route(guard::Patch(), [Method::PATCH], handler)
    }

    /// Answers DELETE.
    #[must_use]
    pub fn delete<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.route(guard::Delete(), [Method::DELETE], handler)
    }

    fn route<F, Args>(
        mut self,
        guard: impl Guard + 'static,
        methods: impl IntoIterator<Item = Method>,
        handler: F,
    ) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.methods.extend(methods);
        self.resource = self.resource.route(web::route().guard(guard).to(handler));
        self
    }
}

impl HttpServiceFactory for Endpoint {
    fn register(self, config: &mut AppService) {
        let names: Vec<&str> = self.methods.iter().map(Method::as_str).collect();
        let names = names.join(", ");
        let allowed = HeaderValue::from_str(&names).ok();
        self.resource
            .default_service(web::to(move || {
                let problem = Problem::new(
                    ProblemKind::MethodNotAllowed,
                    format!("this path offers {names}"),
                );
                let problem = match allowed.clone() {
                    Some(value) => problem.with_header(ALLOW, value),
                    None => problem,
                };
                async { Err::<&str, Problem>(problem) }
            }))
            .register(config);
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;
    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::{App, HttpResponse};

    use super::*;

    async fn nothing() -> HttpResponse {
        HttpResponse::Ok().finish()
    }

    #[actix_web::test]
    async fn other_methods_are_refused_with_the_list_of_those_offered() {
        let endpoint = Endpoint::at("/thing").get(nothing).post(nothing);
        let app = init_service(App::new().service(endpoint)).await;
        for (method, status) in [
            (Method::GET, StatusCode::OK),
            (Method::HEAD, StatusCode::OK),
            (Method::POST, StatusCode::OK),
            (Method::DELETE, StatusCode::METHOD_NOT_ALLOWED),
            (Method::TRACE, StatusCode::METHOD_NOT_ALLOWED),
        ] {
            let request = TestRequest::with_uri("/thing").method(method.clone());
            let answer = call_service(&app, request.to_request()).await;
            assert_eq!(answer.status(), status, "{method}");
            if status == StatusCode::METHOD_NOT_ALLOWED {
                assert_eq!(answer.headers().get(ALLOW).unwrap(), "GET, HEAD, POST");
            }
        }
    }
}
