//! Time-based one-time passwords (RFC 6238) in the form that every authenticator app knows: SHA-1, six digits,
//! steps of thirty seconds.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;

use crate::clock::Timestamp;

/// The length of a secret in bytes (RFC 4226 section 4 asks for 20).
pub(super) const SECRET_LENGTH: usize = 20;
const STEP_MILLIS: i64 = 30_000;
/// Clocks may be apart, and people are slow: the steps before and after are taken too.
const SKEW: i64 = 1;
const MODULUS: u32 = 1_000_000;
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The time step of a code: the first one around now, and after the last that was taken, that gives it.
pub(super) fn step_of(
    secret: &[u8],
    code: &str,
    last_step: Option<i64>,
    now: Timestamp,
) -> Option<i64> {
    let present = now.as_millis().div_euclid(STEP_MILLIS);
    (present - SKEW..=present + SKEW)
        .filter(|step| last_step.is_none_or(|last| last < *step))
        .find(|step| {
            let expected = code_at(secret, *step);
            expected.is_some_and(|expected| {
                verify_slices_are_equal(expected.as_bytes(), code.as_bytes()).is_ok()
            })
        })
}

/// RFC 4226 section 5.3.
fn code_at(secret: &[u8], step: i64) -> Option<String> {
    let counter = u64::try_from(step).ok()?.to_be_bytes();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &counter);
    let bytes = tag.as_ref();
    let offset = usize::from(bytes.last()? & 0x0f);
    let four: [u8; 4] = bytes.get(offset..offset + 4)?.try_into().ok()?;
    let number = (u32::from_be_bytes(four) & 0x7fff_ffff) % MODULUS;
    Some(format!("{number:06}"))
}

/// RFC 4648 section 6, without padding: how authenticator apps want secrets.
pub(super) fn base32(bytes: &[u8]) -> String {
    let mut text = String::new();
    let (mut bits, mut waiting) = (0_u32, 0);
    for byte in bytes {
        bits = (bits << 8) | u32::from(*byte);
        waiting += 8;
        while waiting >= 5 {
            waiting -= 5;
            text.push(digit(bits >> waiting));
        }
        bits &= (1 << waiting) - 1;
    }
    if waiting > 0 {
        text.push(digit(bits << (5 - waiting)));
    }
    text
}

fn digit(bits: u32) -> char {
    let index = usize::try_from(bits & 0x1f).unwrap_or_default();
    BASE32.get(index).copied().map_or('A', char::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_the_rfcs() {
        // RFC 4226 appendix D.
        let counted = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583",
            "399871", "520489",
        ];
        for (step, code) in (0..).zip(counted) {
            assert_eq!(code_at(SECRET, step).as_deref(), Some(code));
        }
        // RFC 6238 appendix B, of whose eight digits these are the last six.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let at = Timestamp::from_millis(seconds * 1_000);
            assert_eq!(step_of(SECRET, code, None, at), Some(seconds / 30));
        }
    }

    #[test]
    fn a_code_is_taken_one_step_early_or_late_and_once() {
        let step = 37_037_036;
        let code = code_at(SECRET, step).unwrap();
        let at = |steps: i64| Timestamp::from_millis((step + steps) * STEP_MILLIS + 1);
        for (steps, taken) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            assert_eq!(step_of(SECRET, &code, None, at(steps)).is_some(), taken);
        }
        assert_eq!(step_of(SECRET, &code, Some(step - 1), at(0)), Some(step));
        for last in [step, step + 1] {
            assert_eq!(step_of(SECRET, &code, Some(last), at(0)), None);
        }
        for other in ["", "12345", "1234567", "abcdef"] {
            assert_eq!(step_of(SECRET, other, None, at(0)), None);
        }
    }

    #[test]
    fn base32_is_that_of_the_rfc() {
        // RFC 4648 section 10.
        for (bytes, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
    }
}
