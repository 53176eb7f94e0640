//! The identifier of a request, under which its answer, its log line and those of the proxies before are found.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Longer ones are replaced.
const LONGEST: usize = 128;

/// The one that the request has, where it is fit to be logged, and otherwise a new one.
pub(super) fn of(headers: &HeaderMap) -> HeaderValue {
    if let Some(id) = headers.get(HEADER)
        && is_fit(id.as_bytes())
    {
        return id.clone();
    }
    let mut buffer = Uuid::encode_buffer();
    let id = Uuid::now_v7().hyphenated().encode_lower(&mut buffer);
    HeaderValue::from_str(id).unwrap_or(HeaderValue::from_static("-"))
}

fn is_fit(id: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@".contains(byte);
    (1..=LONGEST).contains(&id.len()) && id.iter().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_fit_for_a_log_is_replaced() {
        let given = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, HeaderValue::from_static(text));
            of(&headers)
        };
        for fit in ["1", "0193-abc_d.e:f/g+h=@", "a".repeat(128).leak()] {
            assert_eq!(given(fit), fit);
        }
        for unfit in [
            "",
            "two words",
            "a\"b",
            "a\\b",
            "<b>",
            "a".repeat(129).leak(),
        ] {
            let id = given(unfit);
            assert_eq!(id.len(), 36, "{unfit}");
        }
        assert_ne!(of(&HeaderMap::new()), of(&HeaderMap::new()));
    }
}
