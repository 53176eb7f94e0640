//! Signatures of webhooks, as the Standard Webhooks specification has them: HMAC-SHA-256 over the message's
//! id, the time of the attempt, and the body, so that a receiver can tell ours from others', new from
//! repeated, and fresh from replayed.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::secret::{RandomError, random_bytes};

/// What the text form of a secret begins with.
const PREFIX: &str = "whsec_";
/// How many bytes a secret has; the specification asks for 24 to 64.
const LENGTH: usize = 32;
/// The block of SHA-256.
const BLOCK: usize = 64;

/// What a webhook is signed with. It is shown once and never prints itself.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret([u8; LENGTH]);

impl SigningSecret {
    /// A new one.
    ///
    /// # Errors
    /// When the operating system gives no random numbers.
    pub fn generate() -> Result<Self, RandomError> {
        random_bytes().map(Self)
    }

    /// The bytes, as they were sealed.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes, to be sealed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text that the receiver is given, for the one answer that shows it.
    #[must_use]
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(self.0))
    }

    fn sign(&self, id: &str, seconds: i64, body: &str) -> String {
        // RFC 2104 section 2: a key shorter than a block is filled up with zeros.
        let mut block = [0; BLOCK];
        for (place, byte) in block.iter_mut().zip(self.0) {
            *place = byte;
        }
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(format!("{id}.{seconds}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningSecret(…)")
    }
}

/// The value of `webhook-signature`: one for each secret that is valid now.
#[must_use]
pub fn header(secrets: &[SigningSecret], id: &str, seconds: i64, body: &str) -> String {
    let signatures: Vec<String> = secrets
        .iter()
        .map(|secret| secret.sign(id, seconds, body))
        .collect();
    signatures.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with Python's `hmac`, which knows nothing of this code.
    #[test]
    fn a_signature_is_what_another_implementation_computes() {
        let secret = SigningSecret(std::array::from_fn(|index| u8::try_from(index).unwrap()));
        assert_eq!(
            secret.expose(),
            "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
        );
        let signed = header(
            &[secret.clone(), secret],
            "msg_1",
            1_700_000_000,
            "{\"a\":1}",
        );
        let expected = "v1,AMaOha7DUT/0J0JMycRuYOBSvbx3WtwLd2khXXbaVj4=";
        assert_eq!(signed, format!("{expected} {expected}"));
    }

    #[test]
    fn nothing_prints_a_secret() {
        let secret = SigningSecret::generate().unwrap();
        assert_eq!(format!("{secret:?}"), "SigningSecret(…)");
    }
}
