//! JSON Web Tokens, read with suspicion: the key decides the algorithm, and the clock is ours.

use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use serde_json::{Map, Value};

use crate::clock::Timestamp;

/// The longest token that is looked at.
const MAX_LENGTH: usize = 8 * 1024;
/// By how much the clocks of two machines may differ.
pub(super) const SKEW_SECONDS: i64 = 60;
/// Beyond this, a number of seconds is none (it would not be exact in JSON either).
const MAX_SECONDS: f64 = 9_007_199_254_740_992.0;

/// The claims of a token whose signature is good.
pub(super) type Claims = Map<String, Value>;

/// Whether a text looks like a signed token at all.
#[must_use]
pub fn is_token(text: &str) -> bool {
    text.starts_with("eyJ") && text.len() <= MAX_LENGTH && text.matches('.').count() == 2
}

/// The header, before anything of the token is believed. One that asks for an extension is not understood
/// (RFC 7515 section 4.1.11).
pub(super) fn header(text: &str) -> Option<Header> {
    if !is_token(text) {
        return None;
    }
    let header = decode_header(text).ok()?;
    let wants_extension = header.crit.is_some() || header.extras.inner().contains_key("b64");
    (!wants_extension).then_some(header)
}

/// The claims, where this key and this algorithm verify the signature.
pub(super) fn verified(text: &str, algorithm: Algorithm, key: &DecodingKey) -> Option<Claims> {
    let mut signature_only = Validation::new(algorithm);
    signature_only.required_spec_claims.clear();
    // Both are looked at afterwards, by a clock that is passed in.
    signature_only.validate_exp = false;
    signature_only.validate_aud = false;
    decode::<Claims>(text, key, &signature_only)
        .ok()
        .map(|token| token.claims)
}

/// A claim that is a text.
pub(super) fn text<'a>(claims: &'a Claims, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str)
}

/// A claim that is an instant (RFC 7519 section 2: seconds, with or without a fraction); an error where it is
/// something else.
pub(super) fn instant(claims: &Claims, name: &str) -> Result<Option<Timestamp>, ()> {
    let seconds = match claims.get(name) {
        None => return Ok(None),
        Some(value) => value.as_f64().ok_or(())?,
    };
    if !(0.0..MAX_SECONDS).contains(&seconds) {
        return Err(());
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the range was checked, and a fraction of a second is nothing here"
    )]
    let seconds = seconds as i64;
    Ok(Some(Timestamp::from_millis(0).plus_seconds(seconds)))
}

/// Whether the audience (RFC 7519 section 4.1.3: a text or a list of texts) names one of these.
pub(super) fn is_for(claims: &Claims, audiences: &[&str]) -> bool {
    let is_ours = |value: &Value| value.as_str().is_some_and(|text| audiences.contains(&text));
    match claims.get("aud") {
        Some(Value::Array(list)) => list.iter().all(Value::is_string) && list.iter().any(is_ours),
        Some(value) => is_ours(value),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: &Value) -> Claims {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn instants_are_seconds_and_nothing_else() {
        for (value, expected) in [
            (json!(1_700_000_000), Ok(Some(1_700_000_000_000))),
            (json!(1_700_000_000.9), Ok(Some(1_700_000_000_000))),
            (json!("1700000000"), Err(())),
            (json!(null), Err(())),
            (json!(-1), Err(())),
            (json!(1e300), Err(())),
            (json!([1]), Err(())),
        ] {
            let read = instant(&claims(&json!({"exp": value})), "exp");
            assert_eq!(
                read.map(|at| at.map(Timestamp::as_millis)),
                expected,
                "{value}"
            );
        }
        assert_eq!(instant(&claims(&json!({})), "exp"), Ok(None));
    }

    #[test]
    fn an_audience_is_a_text_or_a_list_that_names_us_exactly() {
        for (audience, expected) in [
            (json!("https://a.example"), true),
            (json!(["https://b.example", "https://a.example"]), true),
            (json!("https://a.example/"), false),
            (json!("https://a.example.org"), false),
            (json!([]), false),
            (json!(["https://a.example", 1]), false),
            (json!({"https://a.example": true}), false),
            (json!(null), false),
        ] {
            let found = is_for(&claims(&json!({"aud": audience})), &["https://a.example"]);
            assert_eq!(found, expected, "{audience}");
        }
        assert!(!is_for(&claims(&json!({})), &["https://a.example"]));
    }

    #[test]
    fn what_has_not_the_form_of_a_token_is_none() {
        for text in [
            "",
            "eyJ",
            "eyJ.a",
            "eyJ.a.b.c",
            "a.b.c",
            "pcadm_x",
            &"eyJ..".repeat(5_000),
        ] {
            assert!(!is_token(text), "{text}");
        }
        assert!(header("eyJ.a.b").is_none());
    }
}
