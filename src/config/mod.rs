//! The settings of one process: where data lives, where to listen, what the limits are, and the master key.
//!
//! No other room is known here. [`Options`] is what someone wrote (arguments, environment, file: [`parse`]),
//! [`Settings`] what follows from it, and the [`catalogue`] what there is to be written.

mod catalogue;
mod file;
mod limits;
mod master_key;
mod notifications;
mod options;
mod origins;
mod secrets;
mod server;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;

pub use catalogue::{
    SECRET_VARIABLES, SecretVariable, SettingDefinition, catalogue, unknown_variables,
};
pub use limits::{LimitOptions, Limits};
pub use master_key::{MasterKey, MasterKeyError};
pub use notifications::{
    MailEncryption, MailLogin, MailSettings, NotificationOptions, Notifications,
};
pub use options::{LogFormat, Options};
pub use origins::{Origin, Origins, ParseError, Source, parse, without_secret};
pub use server::{ForwardedHeader, ServerOptions, ServerSettings, TlsFiles, TraceSettings};

/// Where to listen when nothing else is said.
const DEFAULT_LISTEN: &str = "127.0.0.1:8080";
/// Where data lives when nothing else is said.
const DEFAULT_DATA_DIR: &str = "./portcullis-data";
/// What is logged when nothing else is said.
const DEFAULT_LOG: &str = "info,actix_server=warn";
/// The domain of the addresses of service accounts when nothing else is said: nobody can own it (RFC 2606).
const DEFAULT_SERVICE_ACCOUNT_DOMAIN: &str = "service-accounts.invalid";
/// The attributes inside multi-valued attributes that have an index when nothing else is said.
const DEFAULT_INDEXED: &str = "emails.value";

/// A setting that cannot be taken; the text is one line that names it, in the beginning where it is about its value.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    fn new(text: impl fmt::Display) -> Self {
        Self(text.to_string())
    }
}

/// What holds for this process.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The directory of the SQLite file and the master key.
    pub data_dir: PathBuf,
    /// The address of the database.
    pub database_url: String,
    /// The address of a replica of it for lists, where there is one.
    pub replica_url: Option<String>,
    /// Where to listen.
    pub listen: SocketAddr,
    /// The URL that clients use, where it is not the one listened on.
    pub public_url: Option<String>,
    /// The directory of further schemas and resource types.
    pub schemas: Option<PathBuf>,
    /// How the log is written.
    pub log_format: LogFormat,
    /// What is logged, in the syntax of `tracing_subscriber::EnvFilter`.
    pub log: String,
    /// The proxies that are believed whom they speak for.
    pub trusted_proxies: Vec<IpNet>,
    /// The attributes inside multi-valued attributes that have an index.
    pub indexed_attributes: Vec<String>,
    /// The domain of the addresses that are made up for service accounts.
    pub service_account_domain: String,
    /// The master key from the environment, instead of the file's.
    pub master_key: Option<MasterKey>,
    /// How notices leave.
    pub notifications: Notifications,
    /// How the server is reached.
    pub server: ServerSettings,
    /// The master key before it, while that is being replaced.
    pub previous_master_key: Option<MasterKey>,
    /// The bounds.
    pub limits: Limits,
}

impl Settings {
    /// The base URL that clients use, without a slash at its end, when this is the address listened on.
    #[must_use]
    pub fn base_url(&self, bound: SocketAddr) -> String {
        let scheme = match self.server.tls {
            Some(_) => "https",
            None => "http",
        };
        match &self.public_url {
            Some(url) => url.clone(),
            None if bound.ip().is_unspecified() => format!("{scheme}://localhost:{}", bound.port()),
            None => format!("{scheme}://{bound}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(options: &[&str]) -> Result<Settings, ConfigError> {
        Options::from_arguments(options)?.settings()
    }

    #[test]
    fn defaults_are_those_of_the_documentation() {
        let settings = settings(&[]).unwrap();
        assert_eq!(
            settings.database_url,
            "sqlite:./portcullis-data/portcullis.sqlite"
        );
        assert_eq!(settings.base_url(settings.listen), "http://127.0.0.1:8080");
        assert_eq!(settings.indexed_attributes, ["emails.value"]);
        assert_eq!(settings.limits.max_page_size, 1_000);
    }

    #[test]
    fn a_setting_that_cannot_be_taken_is_named_in_one_line() {
        let cases: &[(&[&str], &str)] = &[
            (&["--listen", "nowhere"], "listen"),
            (&["--public-url", "example.org"], "public-url"),
            (&["--public-url", "https://example.org/?x"], "public-url"),
            (&["--database-url", "mysql://x"], "database-url"),
            (
                &[
                    "--database-url",
                    "postgres://x",
                    "--replica-url",
                    "sqlite:x",
                ],
                "replica-url",
            ),
            (&["--replica-url", "postgres://x"], "replica-url"),
            (&["--trusted-proxies", "10.0.0.0/99"], "trusted-proxies"),
            (
                &["--service-account-domain", "@example.org"],
                "service-account-domain",
            ),
            (&["--tls-certificate", "/x.pem"], "tls-key"),
            (&["--tls-key", "/x.pem"], "tls-certificate"),
            (&["--http-redirect", "80"], "http-redirect"),
            (
                &["--http-redirect", "127.0.0.1:1"],
                "http-redirect sends browsers on to https, but nothing is served there",
            ),
            (
                &["--http-redirect", "127.0.0.1:1", "--public-url", "http://x"],
                "http-redirect sends browsers on to https, but nothing is served there",
            ),
            (&["--forwarded-header", "via"], "forwarded-header"),
            (&["--otlp-endpoint", "collector:4318"], "otlp-endpoint"),
            (&["--max-page-size", "0"], "max-page-size"),
            (&["--log", "portcullis=loud"], "log is"),
            (&["--max-page-size", "many"], "max-page-size"),
            (&["--default-page-size", "2000"], "default-page-size"),
            (&["--audit-retention-days", "89"], "audit-retention-days"),
            (
                &["--config", "/nonexistent/portcullis.toml"],
                "/nonexistent/portcullis.toml",
            ),
        ];
        for (arguments, name) in cases {
            let text = settings(arguments).unwrap_err().to_string();
            assert!(text.contains(name), "{arguments:?}: {text}");
            assert!(!text.contains('\n'), "{text}");
        }
    }
}
