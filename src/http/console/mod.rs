//! The web console: pages for admins, and for each person their own tokens, sessions and second factor.
//!
//! Server-rendered; everything that matters works without scripts. A page calls the same functions as the admin
//! and account interfaces do, with the same rights. [`page::Page`] is the only way to mount one: each of its
//! methods says what the visitor must have, and one that changes something takes a [`posted::Posted`] form,
//! whose origin and token have been checked, or a [`posted::Confirmed`] one, whose sender has just shown again
//! who they are. [`frame`] is around each, and [`parts`] has what it
//! is made of.

mod account_keys;
mod answer;
mod assets;
mod attention;
mod audit;
mod audit_event;
mod charts;
mod chosen;
mod cookies;
mod deliveries;
mod directories;
mod directory_alarm;
mod directory_change;
mod directory_ending;
mod downloads;
mod frame;
mod gone;
mod groups;
mod impact;
mod key_change;
mod keys;
mod kinds;
mod many_deleted;
mod mine;
mod my_password;
mod my_tokens;
mod new_key;
mod notices;
mod one_key;
mod orphan_actions;
mod orphans;
mod overview;
pub mod page;
mod parts;
mod pasted;
mod people;
mod people_in_and_out;
mod person_actions;
mod person_forgotten;
mod person_sessions;
mod policies;
mod policy_change;
mod policy_order;
mod posted;
mod product_change;
mod product_parts;
mod products;
mod receipts;
mod refused;
mod roles;
mod rows;
mod service_account_actions;
mod service_accounts;
mod setup;
mod sign_in;
mod signing_keys;
mod things;
mod typed_name;
mod visitor;
mod webhooks;
mod words;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, guard, mime, web};

use super::problem::{Problem, ProblemKind};
use page::{ConsoleRoute, Page};

/// Every answer has these, unless it says otherwise itself.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
             connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    // A form that is sent without a referrer has no origin either, and that is checked.
    (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
];

fn pages() -> Vec<Page> {
    let modules = [
        overview::pages,
        sign_in::pages,
        // Before the pages of one key: `new` is no identifier.
        new_key::pages,
        keys::pages,
        one_key::pages,
        key_change::pages,
        orphans::pages,
        orphan_actions::pages,
        // Before the pages of one person: `new` and `deleted` are no identifiers.
        many_deleted::pages,
        people_in_and_out::pages,
        person_forgotten::pages,
        people::pages,
        person_actions::pages,
        person_sessions::pages,
        groups::pages,
        // Before the pages of one directory: `alarm` is no identifier.
        directory_alarm::pages,
        directories::pages,
        directory_change::pages,
        directory_ending::pages,
        // Before the pages of one policy: `new` is no identifier.
        policy_order::pages,
        policies::pages,
        policy_change::pages,
        roles::pages,
        // Before the pages of one product: `new` is no identifier.
        product_change::pages,
        products::pages,
        product_parts::pages,
        service_accounts::pages,
        service_account_actions::pages,
        account_keys::pages,
        webhooks::pages,
        deliveries::pages,
        signing_keys::pages,
        notices::pages,
        audit::pages,
        audit_event::pages,
        receipts::pages,
        mine::pages,
        my_tokens::pages,
        my_password::pages,
    ];
    modules.into_iter().flat_map(|pages| pages()).collect()
}

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .app_data(visitor::query_config())
        .configure(assets::configure)
        .configure(setup::configure)
        .configure(sign_in::configure);
    for page in pages() {
        config.service(page);
    }
    config.default_service(web::to(answer::no_such_page));
}

/// Leads a browser that was told only the name of the server to the console. Whatever else asks for `/` finds nothing
/// there, as before.
pub(super) fn front_door(config: &mut web::ServiceConfig) {
    let reads = guard::Any(guard::Get()).or(guard::Head());
    let is_browser = guard::All(reads).and(guard::Acceptable::new(mime::TEXT_HTML));
    let lead = || async { answer::see_other("/console/") };
    config.service(web::resource("/").guard(is_browser).to(lead));
}

/// Every method and path of the console that is for those who are signed in, with what a visitor must have.
#[must_use]
pub fn routes() -> Vec<ConsoleRoute> {
    pages().iter().flat_map(Page::routes).collect()
}

/// Nothing of the console is kept by a cache, framed by another page, or lent a script; no secret stays in an address
/// of it; and what is refused before
/// any page of it is asked, such as an address that cannot be read, is told to people.
pub(super) async fn guarded<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if let Some(place) = pasted::without_secrets(request.request()) {
        let mut elsewhere = answer::see_other(&place);
        complete(elsewhere.headers_mut());
        return Ok(request.into_response(elsewhere));
    }
    let mut response = next.call(request).await?.map_into_boxed_body();
    let page = response.response().error().and_then(|error| {
        let unread = error.as_error::<PayloadError>().map(|_| {
            let detail = "the form could not be read, or is too long";
            answer::shown(&Problem::new(ProblemKind::PayloadTooLarge, detail))
        });
        let problem = error.as_error::<Problem>().map(answer::shown);
        problem.or(unread)
    });
    if let Some(page) = page {
        response = response.into_response(page);
    }
    complete(response.headers_mut());
    Ok(response)
}

fn complete(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        if !headers.contains_key(&name) {
            headers.insert(name, value);
        }
    }
}

/// What people see whose request is refused before it reaches the console.
pub(super) fn refusal(problem: &Problem) -> HttpResponse {
    let mut page = answer::shown(problem);
    complete(page.headers_mut());
    page
}
