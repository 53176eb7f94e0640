//! Time-based one-time passwords (RFC 6238) in the form that every authenticator app knows: SHA-1, six digits,
//! steps of thirty seconds.

use totp_rs::{Algorithm, Builder, Secret, Totp};

use crate::clock::Timestamp;

/// The length of a secret in bytes (RFC 4226 section 4 asks for 20).
pub(super) const SECRET_LENGTH: usize = 20;
const STEP_SECONDS: i64 = 30;
/// Clocks may be apart, and people are slow: the steps before and after are taken too.
const SKEW: i64 = 1;

/// The time step of a code: the first one around now, and after the last that was taken, that gives it.
pub(super) fn step_of(
    secret: &[u8],
    code: &str,
    last_step: Option<i64>,
    now: Timestamp,
) -> Option<i64> {
    let codes = codes(secret)?;
    let present = now.as_millis().div_euclid(STEP_SECONDS * 1_000);
    (present - SKEW..=present + SKEW)
        .filter(|step| last_step.is_none_or(|last| last < *step))
        .find(|step| {
            u64::try_from(step * STEP_SECONDS).is_ok_and(|time| codes.check(code, time).is_some())
        })
}

/// The codes of a secret, each in its own step alone: which steps are taken is decided here.
fn codes(secret: &[u8]) -> Option<Totp> {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_skew(0)
        .with_step_duration(STEP_SECONDS.unsigned_abs())
        .with_secret(secret)
        .build()
        .ok()
}

/// RFC 4648 section 6, without padding: how authenticator apps want secrets.
pub(super) fn base32(bytes: &[u8]) -> String {
    Secret::from(bytes).to_base32()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    fn code_at(step: i64) -> String {
        let time = u64::try_from(step * STEP_SECONDS).unwrap();
        codes(SECRET).unwrap().generate(time).to_string()
    }

    #[test]
    fn codes_are_those_of_the_rfcs() {
        // RFC 4226 appendix D.
        let counted = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583",
            "399871", "520489",
        ];
        for (step, code) in (0..).zip(counted) {
            assert_eq!(code_at(step), code);
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
        let code = code_at(step);
        let at = |steps: i64| Timestamp::from_millis((step + steps) * STEP_SECONDS * 1_000 + 1);
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
