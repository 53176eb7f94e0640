//! The master key: 32 random bytes outside the database, from which the keys for single purposes come.

use std::fmt;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const LENGTH: usize = 32;
/// The block of SHA-256.
const BLOCK: usize = 64;
const FILE: &str = "master.key";
const PREVIOUS_FILE: &str = "master.key.previous";

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The file could not be read or made.
    #[error("the master key {path} cannot be used: {cause}", path = path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// The file holds something else.
    #[error("the master key {path} must hold 64 hexadecimal digits", path = path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
    },
    /// The operating system gave no random numbers.
    #[error("the operating system gave no random numbers")]
    Random(#[source] getrandom::Error),
}

/// The master key. It never prints itself.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey([u8; LENGTH]);

impl MasterKey {
    /// Reads 64 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() != LENGTH * 2 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut key = [0; LENGTH];
        for (index, byte) in key.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
        }
        Some(Self(key))
    }

    /// The key of this data directory, where there is one.
    ///
    /// # Errors
    /// When the file cannot be read, or holds something else.
    pub fn load(data_dir: &Path) -> Result<Option<Self>, MasterKeyError> {
        Self::read(data_dir.join(FILE))
    }

    /// The key before it, while that is being replaced.
    ///
    /// # Errors
    /// As [`MasterKey::load`].
    pub fn load_previous(data_dir: &Path) -> Result<Option<Self>, MasterKeyError> {
        Self::read(data_dir.join(PREVIOUS_FILE))
    }

    fn read(path: PathBuf) -> Result<Option<Self>, MasterKeyError> {
        match fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text)
                .map(Some)
                .ok_or(MasterKeyError::Malformed { path }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(MasterKeyError::File { path, cause }),
        }
    }

    /// The key of this data directory; makes directory and key where there are none.
    ///
    /// # Errors
    /// When the file cannot be read or made, or holds something else.
    pub fn load_or_create(data_dir: &Path) -> Result<Self, MasterKeyError> {
        if let Some(key) = Self::load(data_dir)? {
            return Ok(key);
        }
        let path = data_dir.join(FILE);
        let failed = |cause| MasterKeyError::File {
            path: path.clone(),
            cause,
        };
        create_private_directory(data_dir).map_err(failed)?;
        let mut key = [0; LENGTH];
        getrandom::fill(&mut key).map_err(MasterKeyError::Random)?;
        let key = Self(key);
        match write_private(&path, &hexadecimal(&key.0)) {
            Ok(()) => Ok(key),
            // Another process was faster: its key is the one.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Self::load(data_dir)?.ok_or(MasterKeyError::Malformed { path })
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// A key for one purpose: HMAC-SHA-256 of the purpose's name.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> [u8; LENGTH] {
        // RFC 2104 section 2: a key shorter than a block is filled up with zeros.
        let mut block = [0; BLOCK];
        block[..LENGTH].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(purpose.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// What tells this key from another without telling it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hexadecimal(&self.derive("fingerprint"))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MasterKey(…)")
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    nibbles
        .filter_map(|nibble| DIGITS.get(usize::from(nibble)))
        .collect()
}

#[cfg(unix)]
fn create_private_directory(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

#[cfg(not(unix))]
fn create_private_directory(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path)
}

/// Written whole under another name and then linked, so that no process reads half a key.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let temporary = path.with_extension(format!("{}.new", uuid::Uuid::now_v7()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&temporary).and_then(|mut file| {
        writeln!(file, "{text}")?;
        file.sync_all()
    });
    let linked = written.and_then(|()| fs::hard_link(&temporary, path));
    let removed = fs::remove_file(&temporary);
    linked.and(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_read_back() {
        let directory = std::env::temp_dir().join(format!("portcullis-{}", uuid::Uuid::now_v7()));
        let key = MasterKey::load_or_create(&directory).unwrap();
        assert_eq!(MasterKey::load_or_create(&directory).unwrap(), key);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(directory.join(FILE))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        fs::write(directory.join(FILE), "short").unwrap();
        assert!(MasterKey::load_or_create(&directory).is_err());
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn purposes_have_keys_of_their_own_and_nothing_prints_them() {
        let key = MasterKey::parse(&"0f".repeat(32)).unwrap();
        assert_eq!(hexadecimal(&[0x0f, 0xa0]), "0fa0");
        assert_ne!(key.derive("cursor"), key.derive("fingerprint"));
        assert!(!format!("{key:?} {}", key.fingerprint()).contains("0f0f"));
        assert!(MasterKey::parse(&"0g".repeat(32)).is_none());
    }
}
