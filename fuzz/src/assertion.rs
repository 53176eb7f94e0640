//! Client assertions (RFC 7523): as they are sent, and signed with a registered key whatever they say.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis::clock::Timestamp;
use portcullis::credentials::assertions::{self, Assertion, AssertionError};
use serde_json::{Map, Value};

use super::world::{NOW_MILLIS, WORLD};

const AUDIENCE: &str = "https://scim.example.org/oauth2/token";
const NOW: f64 = 1_800_000_000.0;

/// A header and claims on two lines are signed; anything else is presented as it is, and nobody can have signed it.
///
/// `<id>` stands for the account, which has another identifier in each process.
pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let text = text.replace("<id>", WORLD.account.as_str());
    match text.split_once('\n') {
        Some((header, claims)) => {
            let [encoded_header, encoded_claims] =
                [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
            let signed = format!("{encoded_header}.{encoded_claims}");
            match check(&WORLD.sign(&signed)) {
                Ok(assertion) => is_acceptable(header, claims, &assertion),
                Err(error) => is_told(&error),
            }
            is_refused(&format!("{signed}."));
            is_refused(&format!("{signed}.{encoded_claims}"));
        }
        None => is_refused(&text),
    }
}

fn check(text: &str) -> Result<Assertion, AssertionError> {
    let now = Timestamp::from_millis(NOW_MILLIS);
    assertions::check(&mut WORLD.connection(), text, &[AUDIENCE], now)
}

fn is_refused(text: &str) {
    match check(text) {
        Ok(_) => panic!("nobody has signed {text}"),
        Err(error) => is_told(&error),
    }
}

/// Whatever is sent, it is its sender's fault.
fn is_told(error: &AssertionError) {
    assert!(
        matches!(error, AssertionError::Refused(_)),
        "a failure of ours: {error}"
    );
}

/// RFC 7523 section 3, point by point.
fn is_acceptable(header: &str, claims: &str, assertion: &Assertion) {
    let object = |text: &str| -> Map<String, Value> {
        serde_json::from_str(text).expect("what was accepted is an object")
    };
    let (header, claims) = (object(header), object(claims));
    let text = |claim: &str| claims.get(claim).and_then(Value::as_str);
    let seconds = |claim: &str| claims.get(claim).map(Value::as_f64);
    let account = WORLD.account.as_str();
    assert_eq!(header.get("alg"), Some(&Value::from("EdDSA")));
    assert!(!header.contains_key("crit"), "an extension was passed over");
    let kind = header.get("typ").and_then(Value::as_str).unwrap_or("JWT");
    assert!(["jwt", "client-authentication+jwt"].contains(&kind.to_ascii_lowercase().as_str()));
    assert_eq!(assertion.account.as_str(), account);
    assert_eq!(text("iss"), Some(account));
    assert_eq!(text("sub"), Some(account));
    let is_ours = match claims.get("aud") {
        Some(Value::Array(audiences)) => audiences.contains(&Value::from(AUDIENCE)),
        Some(audience) => audience == AUDIENCE,
        None => false,
    };
    assert!(is_ours, "it is for somebody else");
    let expires_at = seconds("exp").flatten().expect("it expires");
    assert!(
        expires_at + 61.0 > NOW && expires_at < NOW + 3_661.0,
        "{expires_at}"
    );
    for claim in ["nbf", "iat"] {
        match seconds(claim) {
            None => {}
            Some(at) => assert!(at.is_some_and(|at| at < NOW + 61.0), "{claim}"),
        }
    }
    assert_eq!(text("jti"), Some(assertion.jti.as_str()));
    assert!((1..=256).contains(&assertion.jti.len()));
    assert!(
        assertion.forgotten_at.as_millis() > NOW_MILLIS,
        "it could be used again"
    );
}
