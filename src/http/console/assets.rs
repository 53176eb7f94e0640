//! The style sheet and the scripts, all of them in the binary. Their addresses name their content, so that
//! browsers keep them until there are others.

use std::sync::LazyLock;

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpResponse, web};

use super::super::Endpoint;

const STYLE: &str = include_str!("assets/style.css");
/// Copies a secret, and checks all boxes of a list.
const SCRIPT: &str = include_str!("assets/console.js");
/// Filters while one types. <https://htmx.org>, unchanged; its licence is beside it.
const HTMX: &str = include_str!("assets/htmx-2.0.11.min.js");

pub(super) static STYLE_URL: LazyLock<String> = LazyLock::new(|| address("style.css", STYLE));
pub(super) static SCRIPT_URL: LazyLock<String> = LazyLock::new(|| address("console.js", SCRIPT));
pub(super) static HTMX_URL: LazyLock<String> = LazyLock::new(|| address("htmx.js", HTMX));

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(Endpoint::at("/assets/style.css").get(style))
        .service(Endpoint::at("/assets/console.js").get(script))
        .service(Endpoint::at("/assets/htmx.js").get(htmx));
}

fn address(name: &str, content: &str) -> String {
    let version = crc32fast::hash(content.as_bytes());
    format!("/console/assets/{name}?v={version:08x}")
}

async fn style() -> HttpResponse {
    asset("text/css; charset=utf-8", STYLE)
}

async fn script() -> HttpResponse {
    asset("text/javascript; charset=utf-8", SCRIPT)
}

async fn htmx() -> HttpResponse {
    asset("text/javascript; charset=utf-8", HTMX)
}

fn asset(content_type: &'static str, content: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((
            CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=31536000, immutable"),
        ))
        .body(content)
}
