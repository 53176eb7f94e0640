//! Encryption at rest, for the few secrets that have to be read back: private signing keys, secrets of second
//! factors, secrets that webhooks are signed with. (What only has to be recognised is kept as a hash:
//! `secret`.)
//!
//! A [`Sealer`] holds a key that is derived from the master key, and seals with AES-256-GCM under a random
//! nonce. What is sealed is bound to its purpose and to the row that it belongs to: moved to another row or
//! another column, it does not open. The text form names the master key that it was sealed under, so that
//! the master key can be rotated while servers run.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::config::MasterKey;

/// What the key is derived for, and the form of the text. Another form gets another name.
const FORM: &str = "aes256gcm";
/// How many digits of a master key's fingerprint tell it from another.
const VERSION_LENGTH: usize = 16;

/// Why something could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The text has another form.
    #[error("this is no sealed text")]
    Malformed,
    /// It was sealed under a master key that this process does not have.
    #[error("this was sealed under the master key {0}, which this process does not have")]
    OtherMasterKey(String),
    /// It was changed, or belongs to another row or purpose.
    #[error("the sealed text was changed or belongs elsewhere")]
    Changed,
    /// The cryptographic library refused.
    #[error("encryption failed")]
    Failed,
}

/// What is stored: form, version of the master key, and nonce with ciphertext, separated by dots.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(String);

impl Sealed {
    /// Takes a text as it was stored; whether it can be opened shows then.
    #[must_use]
    pub fn from_stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text to store.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn parts(&self) -> Option<(&str, &str)> {
        let (form, rest) = self.0.split_once('.')?;
        let (version, body) = rest.split_once('.')?;
        (form == FORM && version.len() == VERSION_LENGTH).then_some((version, body))
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            Some((version, _)) => write!(formatter, "Sealed({version})"),
            None => formatter.write_str("Sealed(malformed)"),
        }
    }
}

/// What was sealed, in the clear. It never prints itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Opened(Vec<u8>);

impl Opened {
    /// The bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Opened(…)")
    }
}

/// Seals under the master key that holds, and opens what was sealed under it or the other one.
///
/// While the master key is being replaced a process has two, and which of them holds is said in the database: so
/// that no server seals what another cannot open yet, all of them change over at one moment.
pub struct Sealer {
    current: VersionedKey,
    previous: Option<VersionedKey>,
    previous_holds: AtomicBool,
}

impl Sealer {
    /// A sealer under this master key; `previous` is the one before it, while a rotation is under way.
    #[must_use]
    pub fn new(current: &MasterKey, previous: Option<&MasterKey>) -> Self {
        Self {
            current: VersionedKey::derive(current),
            previous: previous.map(VersionedKey::derive),
            previous_holds: AtomicBool::new(false),
        }
    }

    /// Whether there are two keys: the master key is being replaced.
    #[must_use]
    pub fn has_two_keys(&self) -> bool {
        self.previous.is_some()
    }

    /// Seals from now on under that one of the keys which has this fingerprint.
    pub fn follow(&self, fingerprint: &str) {
        let holds = |key: &VersionedKey| fingerprint.starts_with(&key.version);
        let previous_holds = self.previous.as_ref().is_some_and(holds);
        self.previous_holds.store(previous_holds, Ordering::Relaxed);
    }

    /// How all begins that is sealed under the key that holds.
    #[must_use]
    pub fn beginning(&self) -> String {
        format!("{FORM}.{}.", self.sealing().version)
    }

    fn sealing(&self) -> &VersionedKey {
        self.previous
            .as_ref()
            .filter(|_| self.previous_holds.load(Ordering::Relaxed))
            .unwrap_or(&self.current)
    }

    /// Seals for one purpose (the name of the column) and one row.
    ///
    /// # Errors
    /// [`SealError::Failed`] when the cryptographic library refuses.
    pub fn seal(&self, purpose: &str, id: &str, plaintext: &[u8]) -> Result<Sealed, SealError> {
        let mut ciphertext = plaintext.to_vec();
        let key = self.sealing();
        let nonce = key
            .cipher()?
            .seal_in_place_append_tag(bound_to(purpose, id), &mut ciphertext)
            .map_err(|_| SealError::Failed)?;
        let mut body = nonce.as_ref().to_vec();
        body.append(&mut ciphertext);
        let (version, body) = (&key.version, URL_SAFE_NO_PAD.encode(body));
        Ok(Sealed(format!("{FORM}.{version}.{body}")))
    }

    /// Opens what was sealed for this purpose and this row.
    ///
    /// # Errors
    /// When it was sealed under another master key, for something else, or was changed.
    pub fn open(&self, purpose: &str, id: &str, sealed: &Sealed) -> Result<Opened, SealError> {
        let (version, body) = sealed.parts().ok_or(SealError::Malformed)?;
        let key = [Some(&self.current), self.previous.as_ref()]
            .into_iter()
            .flatten()
            .find(|key| key.version == version)
            .ok_or_else(|| SealError::OtherMasterKey(version.to_owned()))?;
        let body = URL_SAFE_NO_PAD
            .decode(body)
            .map_err(|_| SealError::Malformed)?;
        let (nonce, ciphertext) = body
            .split_at_checked(NONCE_LEN)
            .ok_or(SealError::Malformed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Malformed)?;
        let mut opened = ciphertext.to_vec();
        let length = key
            .cipher()?
            .open_in_place(nonce, bound_to(purpose, id), &mut opened)
            .map_err(|_| SealError::Changed)?
            .len();
        opened.truncate(length);
        Ok(Opened(opened))
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Sealer({})", self.current.version)
    }
}

struct VersionedKey {
    version: String,
    key: [u8; 32],
}

impl VersionedKey {
    fn derive(master_key: &MasterKey) -> Self {
        let fingerprint = master_key.fingerprint();
        Self {
            version: fingerprint.chars().take(VERSION_LENGTH).collect(),
            key: master_key.derive(&format!("sealed {FORM}")),
        }
    }

    fn cipher(&self) -> Result<RandomizedNonceKey, SealError> {
        RandomizedNonceKey::new(&AES_256_GCM, &self.key).map_err(|_| SealError::Failed)
    }
}

/// The length goes first, so that no two pairs make the same bytes.
fn bound_to(purpose: &str, id: &str) -> Aad<Vec<u8>> {
    Aad::from(format!("{}:{purpose}:{id}", purpose.len()).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAINTEXT: &[u8] = b"what must be read back";

    fn master_key(digits: &str) -> MasterKey {
        MasterKey::parse(&digits.repeat(32)).unwrap()
    }

    fn sealer(digits: &str) -> Sealer {
        Sealer::new(&master_key(digits), None)
    }

    #[test]
    fn what_is_sealed_opens_under_the_same_master_key() {
        let sealed = sealer("0a").seal("signing_key", "1", PLAINTEXT).unwrap();
        let stored = Sealed::from_stored(sealed.as_str());
        let opened = sealer("0a").open("signing_key", "1", &stored).unwrap();
        assert_eq!(opened.expose(), PLAINTEXT);
        let empty = sealer("0a").seal("signing_key", "1", b"").unwrap();
        let opened = sealer("0a").open("signing_key", "1", &empty).unwrap();
        assert_eq!(opened.expose(), b"");
    }

    #[test]
    fn the_same_is_never_sealed_to_the_same_text() {
        let under = sealer("0a");
        let [first, second] = [1, 2].map(|_| under.seal("x", "1", PLAINTEXT).unwrap());
        assert_ne!(first, second);
    }

    #[test]
    fn what_was_sealed_for_another_row_or_purpose_does_not_open() {
        let under = sealer("0a");
        let sealed = under.seal("a", "b:c", PLAINTEXT).unwrap();
        for (purpose, id) in [("a", "b"), ("b", "b:c"), ("a:b", "c"), ("", "a:b:c")] {
            let opened = under.open(purpose, id, &sealed);
            assert!(matches!(opened, Err(SealError::Changed)), "{purpose} {id}");
        }
    }

    #[test]
    fn a_change_of_any_character_is_noticed() {
        let under = sealer("0a");
        let sealed = under.seal("x", "1", PLAINTEXT).unwrap();
        for position in 0..sealed.as_str().len() {
            let mut changed = sealed.as_str().as_bytes().to_vec();
            changed[position] = if changed[position] == b'A' {
                b'B'
            } else {
                b'A'
            };
            let changed = Sealed::from_stored(String::from_utf8(changed).unwrap());
            assert!(under.open("x", "1", &changed).is_err(), "{position}");
        }
        for text in ["", ".", "..", "aes256gcm.0000000000000000.", "plain"] {
            assert!(under.open("x", "1", &Sealed::from_stored(text)).is_err());
        }
    }

    #[test]
    fn a_rotated_master_key_opens_what_the_previous_one_sealed() {
        let old = sealer("0a").seal("x", "1", PLAINTEXT).unwrap();
        let rotated = Sealer::new(&master_key("0b"), Some(&master_key("0a")));
        assert_eq!(rotated.open("x", "1", &old).unwrap().expose(), PLAINTEXT);
        assert!(!old.as_str().starts_with(&rotated.beginning()));

        let again = rotated.seal("x", "1", PLAINTEXT).unwrap();
        assert!(again.as_str().starts_with(&rotated.beginning()));
        let opened = sealer("0b").open("x", "1", &again).unwrap();
        assert_eq!(opened.expose(), PLAINTEXT);
        let refused = sealer("0b").open("x", "1", &old).unwrap_err();
        assert!(matches!(refused, SealError::OtherMasterKey(_)), "{refused}");
    }

    #[test]
    fn the_key_that_holds_seals_whichever_it_is() {
        let rotating = Sealer::new(&master_key("0b"), Some(&master_key("0a")));
        for (digits, other) in [("0a", "0b"), ("0b", "0a")] {
            rotating.follow(&master_key(digits).fingerprint());
            let sealed = rotating.seal("x", "1", PLAINTEXT).unwrap();
            assert!(sealer(digits).open("x", "1", &sealed).is_ok());
            assert!(sealer(other).open("x", "1", &sealed).is_err());
        }
    }

    #[test]
    fn nothing_prints_what_is_sealed() {
        let under = sealer("0a");
        let sealed = under.seal("x", "1", PLAINTEXT).unwrap();
        let opened = under.open("x", "1", &sealed).unwrap();
        let printed = format!("{under:?} {sealed:?} {opened:?}");
        assert!(!printed.contains("read back"), "{printed}");
        assert!(!printed.contains("0a0a"), "{printed}");
    }
}
