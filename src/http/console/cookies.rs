//! The cookies of the console: what the browser shows, and what it is given and told to forget.

use actix_web::HttpRequest;
use actix_web::http::header::{COOKIE, HeaderValue};

use crate::secret::{PlainSecret, SecretKind};

use super::super::State;

/// The name of the cookie: with the prefix, browsers take it over TLS alone, from this host alone.
const COOKIE_NAME: &str = "__Host-portcullis_session";
/// The same on a machine of one's own, without TLS.
const LOCAL_COOKIE_NAME: &str = "portcullis_session";

/// The session that the browser shows.
pub(super) fn session_cookie(request: &HttpRequest, state: &State) -> Option<PlainSecret> {
    let (name, _) = cookie_form(state);
    secret_cookie(request, name).filter(|secret| secret.kind() == SecretKind::Session)
}

/// The secret that the browser shows in the cookie of this name.
pub(super) fn secret_cookie(request: &HttpRequest, name: &str) -> Option<PlainSecret> {
    let headers = request.headers().get_all(COOKIE);
    headers
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(found, _)| *found == name)
        .find_map(|(_, text)| PlainSecret::recognise(text))
}

/// The header that gives the browser a session: until it is closed, or the session ends.
pub(super) fn set_cookie(state: &State, session: &PlainSecret) -> Option<HeaderValue> {
    let (name, attributes) = cookie_form(state);
    HeaderValue::from_str(&format!("{name}={}{attributes}", session.expose())).ok()
}

/// The header that takes it away.
pub(super) fn clear_cookie(state: &State) -> Option<HeaderValue> {
    let (name, attributes) = cookie_form(state);
    HeaderValue::from_str(&format!("{name}={attributes}; Max-Age=0")).ok()
}

fn cookie_form(state: &State) -> (&'static str, &'static str) {
    if is_on_this_machine(state) {
        (LOCAL_COOKIE_NAME, "; Path=/; HttpOnly; SameSite=Strict")
    } else {
        (COOKIE_NAME, "; Path=/; Secure; HttpOnly; SameSite=Strict")
    }
}

/// Whether browsers of this machine alone reach the server, without TLS.
pub(super) fn is_on_this_machine(state: &State) -> bool {
    state.settings.listen.ip().is_loopback() && is_local(&state.base_url)
}

/// Whether a URL is of this machine, without TLS.
fn is_local(base_url: &str) -> bool {
    let Ok(url) = url::Url::parse(base_url) else {
        return false;
    };
    let is_loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "http" && is_loopback
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_reached_without_tls() {
        for (url, is) in [
            ("http://127.0.0.1:8080", true),
            ("http://localhost:8080", true),
            ("http://[::1]:8080", true),
            ("https://localhost:8080", false),
            ("http://scim.example.org", false),
            ("http://localhost.example.org", false),
        ] {
            assert_eq!(is_local(url), is, "{url}");
        }
    }
}
