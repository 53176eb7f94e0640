//! How requests are refused: one answer for each status, in the form of the interface.

use utoipa::ToSchema;
use utoipa::openapi::header::Header;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{Content, HeaderBuilder, ObjectBuilder, Ref, Response, ResponseBuilder};

use crate::http::oauth::OAuthError;
use crate::http::problem::{MEDIA_TYPE as PROBLEM_JSON, ProblemBody};
use crate::http::scim::{MEDIA_TYPE as SCIM_JSON, SCIM_ERROR};

/// The form in which an interface refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::http) enum Form {
    /// RFC 9457.
    Problem,
    /// RFC 6749 section 5.2.
    OAuth,
    /// RFC 7644 section 3.12.
    Scim,
}

impl Form {
    /// Under which name the answer of this status is kept.
    pub(super) fn name(self, status: u16) -> String {
        let form = match self {
            Self::Problem => "Problem",
            Self::OAuth => "OAuthError",
            Self::Scim => "ScimError",
        };
        format!("{form}{status}")
    }
}

/// What it means to be refused with a status.
fn meaning(status: u16) -> &'static str {
    match status {
        400 => "The request is malformed",
        401 => "There is no credential, or one that does not authenticate",
        403 => "The credential lacks the right for this, or nobody may do it",
        404 => "There is no such thing",
        406 => "None of the media types that the client accepts is offered",
        408 => "The body did not arrive in time",
        409 => "The present state does not allow this",
        412 => "`If-Match` did not hold",
        413 => "The body is too long",
        415 => "The body is of a media type that is not understood",
        422 => "A value is missing or not acceptable",
        429 => "Too many requests",
        501 => "This is not offered",
        503 => "The request cannot be taken now",
        _ => "The server is to blame; its log says why",
    }
}

/// The answer of a status in a form.
pub(super) fn answer(form: Form, status: u16) -> Response {
    let schema = |name: &str| Content::new(Some(Ref::from_schema_name(name)));
    let problem = <ProblemBody as ToSchema>::name();
    let mut answer = ResponseBuilder::new().description(meaning(status));
    answer = match form {
        Form::Problem => answer.content(PROBLEM_JSON, schema(&problem)),
        Form::OAuth => {
            let error = <OAuthError as ToSchema>::name();
            let answer = answer.content("application/json", schema(&error));
            // What no endpoint is reached with is refused before OAuth is spoken.
            if status == 400 {
                answer.content(PROBLEM_JSON, schema(&problem))
            } else {
                answer
            }
        }
        Form::Scim => answer.content(SCIM_JSON, schema(SCIM_ERROR)),
    };
    match status {
        401 => answer.header(
            "WWW-Authenticate",
            header("The challenge (RFC 6750 section 3)"),
        ),
        429 => answer
            .header("Retry-After", header("After how many seconds to try again"))
            .header(
                "RateLimit-Policy",
                header("What is counted, and how much of it is allowed"),
            )
            .header("RateLimit", header("What is left, and when there is more")),
        503 => answer.header("Retry-After", header("After how many seconds to try again")),
        _ => answer,
    }
    .build()
}

fn header(description: &str) -> Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .description(Some(description))
        .build()
}
