//! Keys and tokens as they are presented, against a model of their form that was written from `docs/secrets.md`.

use portcullis::http::caller::bearer;
use portcullis::secret::PlainSecret;
use sha2::{Digest, Sha256};

const PREFIXES: [&str; 7] = [
    "pcscim", "pcadm", "pctok", "pcsvc", "pcprd", "pcses", "pclnk",
];
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Nothing is recognised but what the model says, shown no further than its prefix, and kept as its hash.
pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    recognises(text);
    header(text);
    // A text of the right form, which no fuzzer would find the checksum of.
    if let Some((prefix, rest)) = text.split_once('_')
        && let Some(random) = rest.get(..30)
    {
        let whole = format!(
            "{prefix}_{random}{}",
            checksum(&format!("{prefix}_{random}"))
        );
        recognises(&whole);
        if let Some(secret) = PlainSecret::recognise(&whole) {
            assert_eq!(secret.kind().prefix(), prefix);
            for (at, digit) in whole.char_indices().skip(prefix.len() + 1) {
                let other = if digit == 'x' { "y" } else { "x" };
                let mistyped = [&whole[..at], other, &whole[at + 1..]].concat();
                assert!(PlainSecret::recognise(&mistyped).is_none(), "{mistyped}");
            }
        }
    }
}

fn recognises(text: &str) {
    let secret = PlainSecret::recognise(text);
    assert_eq!(secret.is_some(), is_secret(text), "{text:?}");
    let Some(secret) = secret else {
        return;
    };
    assert_eq!(secret.expose(), text);
    let shown = secret.public_prefix();
    assert!(text.starts_with(&shown) && shown.len() == secret.kind().prefix().len() + 7);
    let printed = format!("{secret:?} {:?}", secret.hash());
    assert!(!printed.contains(&text[shown.len()..]), "it prints itself");
    assert_eq!(secret.hash().as_bytes(), Sha256::digest(text).as_slice());
}

/// What stands in `Authorization` after `Bearer` is what is looked at, and nothing else is.
fn header(text: &str) {
    use actix_web::http::header::{AUTHORIZATION, HeaderValue};
    use actix_web::test::TestRequest;
    let request = |value: HeaderValue| {
        let request = TestRequest::default().insert_header((AUTHORIZATION, value));
        request.to_http_request()
    };
    if let Ok(value) = HeaderValue::from_str(text) {
        let request = request(value);
        if let Some(found) = bearer(&request) {
            assert!(text[..6].eq_ignore_ascii_case("bearer") && text.contains(found));
        }
    }
    if let Ok(value) = HeaderValue::from_str(&format!("Bearer {text}"))
        && text.is_ascii()
    {
        assert_eq!(bearer(&request(value)), Some(text.trim_matches(' ')));
    }
}

fn is_secret(text: &str) -> bool {
    let Some((prefix, rest)) = text.split_once('_') else {
        return false;
    };
    PREFIXES.contains(&prefix)
        && rest.len() == 36
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && text[text.len() - 6..] == checksum(&text[..text.len() - 6])
}

/// CRC-32 (IEEE 802.3), bit by bit, in base 62.
fn checksum(text: &str) -> String {
    let mut sum = u32::MAX;
    for byte in text.bytes() {
        sum ^= u32::from(byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ if sum & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    let mut rest = !sum;
    let mut digits = [0; 6];
    for place in digits.iter_mut().rev() {
        *place = DIGITS[rest as usize % 62];
        rest /= 62;
    }
    digits.map(char::from).iter().collect()
}
