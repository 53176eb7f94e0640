//! Secret strings: made from the operating system's random numbers, recognised by prefix and checksum,
//! stored only as a SHA-256, and never printed.
//!
//! The published pattern, by which secret scanners find leaks, is [`PATTERN`].

use std::fmt;

use sha2::{Digest, Sha256};

/// The regular expression that matches every secret of Portcullis and nothing else.
pub const PATTERN: &str = r"\b(pcscim|pcadm|pctok|pcsvc|pcprd|pcses|pclnk)_[0-9A-Za-z]{36}\b";

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_LENGTH: usize = 30;
const CHECKSUM_LENGTH: usize = 6;
/// How many of the random characters the public prefix shows: enough to tell keys apart, too few to guess.
const SHOWN_LENGTH: usize = 6;

/// What a secret is for; each kind has a prefix of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecretKind {
    /// A SCIM API key of one directory.
    ScimKey,
    /// An admin API key.
    AdminKey,
    /// A user's API token.
    UserToken,
    /// A token of a service account.
    ServiceAccountToken,
    /// A public key of a service account: no secret, but a credential like the others.
    ServiceAccountKey,
    /// The credential of a product, with which it asks about tokens.
    ProductCredential,
    /// A signed-in session.
    Session,
    /// A one-time link to set a password.
    PasswordLink,
}

impl SecretKind {
    /// Those that a secret of the published pattern is made for.
    const SECRETS: [Self; 7] = [
        Self::ScimKey,
        Self::AdminKey,
        Self::UserToken,
        Self::ServiceAccountToken,
        Self::ProductCredential,
        Self::Session,
        Self::PasswordLink,
    ];

    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::ScimKey,
        Self::AdminKey,
        Self::UserToken,
        Self::ServiceAccountToken,
        Self::ServiceAccountKey,
        Self::ProductCredential,
        Self::Session,
        Self::PasswordLink,
    ];

    /// The prefix before the underscore; none for what is no secret.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::ScimKey => "pcscim",
            Self::AdminKey => "pcadm",
            Self::UserToken => "pctok",
            Self::ServiceAccountToken => "pcsvc",
            Self::ServiceAccountKey => "",
            Self::ProductCredential => "pcprd",
            Self::Session => "pcses",
            Self::PasswordLink => "pclnk",
        }
    }

    /// The name under which the kind is stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ScimKey => "scim_key",
            Self::AdminKey => "api_key",
            Self::UserToken => "user_token",
            Self::ServiceAccountToken => "service_account_token",
            Self::ServiceAccountKey => "service_account_key",
            Self::ProductCredential => "product_credential",
            Self::Session => "session",
            Self::PasswordLink => "password_link",
        }
    }

    /// The kind of this stored name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// The operating system gave no random numbers.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random numbers")]
pub struct RandomError(#[source] getrandom::Error);

/// Random bytes, for secrets that other specifications give a form.
///
/// # Errors
/// When the operating system gives no random numbers.
pub fn random_bytes<const LENGTH: usize>() -> Result<[u8; LENGTH], RandomError> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(RandomError)?;
    Ok(bytes)
}

/// A secret in the clear. It exists while a credential is made or presented, and is never stored.
#[derive(Clone, PartialEq, Eq)]
pub struct PlainSecret {
    kind: SecretKind,
    text: String,
}

impl PlainSecret {
    /// A new secret of this kind.
    ///
    /// # Errors
    /// When the operating system gives no random numbers.
    pub fn generate(kind: SecretKind) -> Result<Self, RandomError> {
        let mut text = format!("{}_", kind.prefix());
        let end = text.len() + RANDOM_LENGTH;
        let mut buffer = [0_u8; 64];
        while text.len() < end {
            getrandom::fill(&mut buffer).map_err(RandomError)?;
            // 248 is the largest multiple of 62 that a byte can hold: beyond it, characters would not be
            // equally likely.
            for byte in buffer.iter().filter(|byte| **byte < 248) {
                if text.len() < end {
                    text.push(digit(u32::from(*byte) % 62));
                }
            }
        }
        let checksum = checksum(&text);
        text.push_str(&checksum);
        Ok(Self { kind, text })
    }

    /// Recognises a presented secret by its form and checksum; no look-up is needed to refuse the rest.
    #[must_use]
    pub fn recognise(text: &str) -> Option<Self> {
        let (prefix, rest) = text.split_once('_')?;
        let kind = SecretKind::SECRETS
            .into_iter()
            .find(|kind| kind.prefix() == prefix)?;
        let well_formed = rest.len() == RANDOM_LENGTH + CHECKSUM_LENGTH
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !well_formed {
            return None;
        }
        let (body, sum) = text.split_at(text.len() - CHECKSUM_LENGTH);
        (checksum(body) == sum).then(|| Self {
            kind,
            text: text.to_owned(),
        })
    }

    /// What the secret is for.
    #[must_use]
    pub fn kind(&self) -> SecretKind {
        self.kind
    }

    /// The text, for the one answer that shows it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The part that may be shown ever after.
    #[must_use]
    pub fn public_prefix(&self) -> String {
        let shown = self.kind.prefix().len() + 1 + SHOWN_LENGTH;
        self.text.chars().take(shown).collect()
    }

    /// What is stored of it.
    #[must_use]
    pub fn hash(&self) -> HashedSecret {
        let digest: [u8; 32] = Sha256::digest(self.text.as_bytes()).into();
        HashedSecret(digest)
    }
}

impl fmt::Debug for PlainSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PlainSecret({}…)", self.public_prefix())
    }
}

/// The SHA-256 of a secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct HashedSecret([u8; 32]);

impl HashedSecret {
    /// The SHA-256 thumbprint of a public key, which stands where a secret's hash does.
    #[must_use]
    pub fn of_thumbprint(thumbprint: [u8; 32]) -> Self {
        Self(thumbprint)
    }

    /// The 32 bytes, as they are stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for HashedSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HashedSecret(…)")
    }
}

fn digit(value: u32) -> char {
    ALPHABET
        .get(value as usize)
        .map_or('0', |byte| char::from(*byte))
}

/// CRC-32 of the text in six base62 digits, the most significant first.
fn checksum(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut digits = ['0'; CHECKSUM_LENGTH];
    for place in digits.iter_mut().rev() {
        *place = digit(rest % 62);
        rest /= 62;
    }
    digits.iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_secret_is_recognised_and_a_changed_one_is_not() {
        for kind in SecretKind::SECRETS {
            let secret = PlainSecret::generate(kind).unwrap();
            assert_eq!(
                PlainSecret::recognise(secret.expose()),
                Some(secret.clone())
            );
            assert_eq!(secret.expose().len(), kind.prefix().len() + 37);
            for position in kind.prefix().len() + 1..secret.expose().len() {
                let mut changed = secret.expose().as_bytes().to_vec();
                changed[position] = if changed[position] == b'x' {
                    b'y'
                } else {
                    b'x'
                };
                let changed = String::from_utf8(changed).unwrap();
                assert_eq!(PlainSecret::recognise(&changed), None, "{position}");
            }
        }
    }

    #[test]
    fn nothing_prints_a_secret() {
        let secret = PlainSecret::generate(SecretKind::ScimKey).unwrap();
        let printed = format!("{secret:?} {:?}", secret.hash());
        assert!(!printed.contains(secret.expose()));
        assert!(printed.contains(&secret.public_prefix()));
    }

    #[test]
    fn what_is_not_ours_is_refused_by_its_form() {
        for text in [
            "",
            "pcscim",
            "pcscim_",
            "other_000000000000000000000000000000000000",
            "pcscim_é",
        ] {
            assert_eq!(PlainSecret::recognise(text), None, "{text}");
        }
    }
}
