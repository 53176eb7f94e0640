//! A JSON body that may be left out.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use serde::de::DeserializeOwned;
use utoipa::ToSchema;
use utoipa::openapi::Required;

use super::super::openapi::{Argument, Taken};
use super::super::problem::{Problem, ProblemKind};

/// What a body says; nothing where there is none. Its media type is not looked at.
pub(in crate::http) struct OptionalJson<T>(pub(in crate::http) T);

impl<T: Default + DeserializeOwned> FromRequest for OptionalJson<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = web::Bytes::from_request(request, payload);
        Box::pin(async move {
            match body.await {
                Err(_) => Err(Problem::new(
                    ProblemKind::PayloadTooLarge,
                    "the body could not be read, or is too long",
                )),
                Ok(body) if body.is_empty() => Ok(Self(T::default())),
                Ok(body) => serde_json::from_slice(&body)
                    .map(Self)
                    .map_err(|error| Problem::not_taken(&error)),
            }
        })
    }
}

impl<T: ToSchema> Argument for OptionalJson<T> {
    fn describe(taken: &mut Taken) {
        taken.takes::<T>("application/json", Required::False);
    }
}
