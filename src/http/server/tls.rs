//! The certificate that is served with: read from its files, checked against its key, and read again when they
//! change. Connections are not known here.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig};
use sha2::{Digest, Sha256};
use x509_cert::Certificate as X509;
use x509_cert::der::Decode;

use crate::clock::Timestamp;
use crate::config::TlsFiles;

/// So many days before it expires, a certificate is warned of.
pub const WARNING_DAYS: i64 = 14;

/// Why files cannot be served with.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{0} cannot be read")]
    Unreadable(String, #[source] std::io::Error),
    /// There is no certificate in the file, or something else.
    #[error("{0} must be PEM with a certificate, and those that it was issued by after it")]
    Certificate(String),
    /// There is no key in the file, or one that is not understood. The cause is left out: it may quote the file.
    #[error("{0} must be PEM with one private key (PKCS#8, SEC1 or PKCS#1) that is not encrypted")]
    Key(String),
    /// The key is another certificate's.
    #[error("the key in {key} is not that of the certificate in {certificate}")]
    Mismatch {
        /// The certificate's file.
        certificate: String,
        /// The key's.
        key: String,
    },
    /// The library cannot use them.
    #[error("the certificate cannot be served with")]
    Library(#[from] rustls::Error),
}

/// A certificate with its key.
#[derive(Debug)]
struct Certificate {
    key: Arc<CertifiedKey>,
    expires_at: Timestamp,
    /// What the files held.
    files: FileHashes,
}

type FileHashes = [Vec<u8>; 2];

impl Certificate {
    fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let (certificate, key) = (read(&files.certificate)?, read(&files.key)?);
        let (certificate_name, key_name) = (name(&files.certificate), name(&files.key));
        let chain = CertificateDer::pem_slice_iter(&certificate)
            .collect::<Result<Vec<_>, pem::Error>>()
            .map_err(|_| TlsError::Certificate(certificate_name.clone()))?;
        let expires_at = chain
            .first()
            .and_then(|leaf| X509::from_der(leaf).ok())
            .map(|leaf| leaf.tbs_certificate().validity().not_after)
            .and_then(|end| i64::try_from(end.to_unix_duration().as_millis()).ok())
            .ok_or_else(|| TlsError::Certificate(certificate_name.clone()))?;
        let private_key =
            PrivateKeyDer::from_pem_slice(&key).map_err(|_| TlsError::Key(key_name.clone()))?;
        let provider = default_provider();
        let signing_key = provider
            .key_provider
            .load_private_key(private_key)
            .map_err(|_| TlsError::Key(key_name.clone()))?;
        let certified = CertifiedKey::new(chain, signing_key);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => {
                return Err(TlsError::Mismatch {
                    certificate: certificate_name,
                    key: key_name,
                });
            }
            Err(error) => return Err(error.into()),
        }
        Ok(Self {
            key: Arc::new(certified),
            expires_at: Timestamp::from_millis(expires_at),
            files: [hash(&certificate), hash(&key)],
        })
    }
}

/// When the certificate in the files expires, where they can be served with.
///
/// # Errors
/// [`TlsError`].
pub fn expiry(files: &TlsFiles) -> Result<Timestamp, TlsError> {
    Certificate::load(files).map(|certificate| certificate.expires_at)
}

/// What looking at the files again has come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// They hold what they held.
    Same,
    /// They hold another certificate, which new connections get.
    Renewed(Timestamp),
}

/// The certificate that new connections get.
#[derive(Debug)]
pub(super) struct Certificates {
    files: TlsFiles,
    current: RwLock<Certificate>,
}

impl Certificates {
    pub(super) fn load(files: TlsFiles) -> Result<Self, TlsError> {
        Ok(Self {
            current: RwLock::new(Certificate::load(&files)?),
            files,
        })
    }

    /// When the present one expires.
    pub(super) fn expires_at(&self) -> Timestamp {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.expires_at
    }

    /// Takes what the files hold now. What cannot be served with changes nothing: the certificate that works goes
    /// on being served.
    pub(super) fn look_again(&self) -> Result<Look, TlsError> {
        let now = [
            hash(&read(&self.files.certificate)?),
            hash(&read(&self.files.key)?),
        ];
        let known = {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            current.files == now
        };
        if known {
            return Ok(Look::Same);
        }
        let certificate = Certificate::load(&self.files)?;
        let expires_at = certificate.expires_at;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = certificate;
        Ok(Look::Renewed(expires_at))
    }

    /// TLS 1.2 and 1.3 with the library's choice of ciphers, for HTTP/1.1.
    pub(super) fn server_config(self: &Arc<Self>) -> Result<ServerConfig, TlsError> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current.key))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|cause| TlsError::Unreadable(name(path), cause))
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

fn hash(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}
