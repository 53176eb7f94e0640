//! What someone wrote: arguments before environment before file.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use ipnet::IpNet;
use serde::Deserialize;

use super::limits::LimitOptions;
use super::master_key::MasterKey;
use super::notifications::NotificationOptions;
use super::{
    ConfigError, DEFAULT_DATA_DIR, DEFAULT_INDEXED, DEFAULT_LISTEN, DEFAULT_SERVICE_ACCOUNT_DOMAIN,
    Settings,
};

/// How the log is written to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object on each line.
    Json,
}

/// The options that every command takes. Each is also an environment variable and a key of the file.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Options {
    /// A TOML file with these settings (keys as the options are called; limits under [limits], notifications under
    /// [notifications])
    #[arg(long, env = "PORTCULLIS_CONFIG", value_name = "FILE", global = true)]
    #[serde(skip)]
    pub config: Option<PathBuf>,

    /// The directory of the SQLite file and the master key [default: ./portcullis-data]
    #[arg(long, env = "PORTCULLIS_DATA_DIR", value_name = "DIR", global = true)]
    pub data_dir: Option<PathBuf>,

    /// The database [default: portcullis.sqlite in the data directory]
    #[arg(
        long,
        env = "PORTCULLIS_DATABASE_URL",
        value_name = "sqlite:PATH|postgres://…",
        global = true,
        hide_env_values = true
    )]
    pub database_url: Option<String>,

    /// A streaming replica of a PostgreSQL database, for lists that may be a moment old; nothing that
    /// authenticates or decides is read there
    #[arg(
        long,
        env = "PORTCULLIS_REPLICA_URL",
        value_name = "postgres://…",
        global = true,
        hide_env_values = true,
        hide_short_help = true
    )]
    pub replica_url: Option<String>,

    /// The address to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "PORTCULLIS_LISTEN", value_name = "ADDR", global = true)]
    pub listen: Option<String>,

    /// The URL that clients use, where it is not the one listened on
    #[arg(long, env = "PORTCULLIS_PUBLIC_URL", value_name = "URL", global = true)]
    pub public_url: Option<String>,

    /// A directory of further schema and resource-type JSON files
    #[arg(long, env = "PORTCULLIS_SCHEMAS", value_name = "DIR", global = true)]
    pub schemas: Option<PathBuf>,

    /// How the log is written: text or json [default: text]
    #[arg(
        long,
        env = "PORTCULLIS_LOG_FORMAT",
        value_name = "FORMAT",
        global = true
    )]
    pub log_format: Option<String>,

    /// The networks of the proxies whose X-Forwarded-For is believed, separated by commas
    #[arg(
        long,
        env = "PORTCULLIS_TRUSTED_PROXIES",
        value_name = "CIDR,…",
        global = true,
        value_delimiter = ','
    )]
    pub trusted_proxies: Option<Vec<String>>,

    /// The attributes inside multi-valued attributes that have an index [default: emails.value]
    #[arg(
        long,
        env = "PORTCULLIS_INDEXED_ATTRIBUTES",
        value_name = "PATH,…",
        global = true,
        value_delimiter = ',',
        hide_short_help = true
    )]
    pub indexed_attributes: Option<Vec<String>>,

    /// The domain of the addresses that are made up for service accounts; no mail is sent to them
    /// [default: service-accounts.invalid]
    #[arg(
        long,
        env = "PORTCULLIS_SERVICE_ACCOUNT_DOMAIN",
        value_name = "DOMAIN",
        global = true,
        hide_short_help = true
    )]
    pub service_account_domain: Option<String>,

    /// Never an argument: other users of the machine can read those.
    #[arg(skip)]
    #[serde(skip)]
    pub master_key: Option<MasterKey>,

    /// How notices leave.
    #[command(flatten)]
    pub notifications: NotificationOptions,

    /// The bounds.
    #[command(flatten)]
    pub limits: LimitOptions,
}

/// The environment variable that holds the master key, 64 hexadecimal digits.
const MASTER_KEY_VARIABLE: &str = "PORTCULLIS_MASTER_KEY";
/// The same for the one before it.
const PREVIOUS_MASTER_KEY_VARIABLE: &str = "PORTCULLIS_PREVIOUS_MASTER_KEY";

impl Options {
    /// What holds, with the file read and defaults filled in.
    ///
    /// # Errors
    /// [`ConfigError`] for the first setting that cannot be taken.
    pub fn settings(self) -> Result<Settings, ConfigError> {
        let options = match self.config.clone() {
            Some(path) => self.or(read_file(&path)?),
            None => self,
        };
        let limits = options.limits.limits()?;
        let notifications = options.notifications.notifications()?;
        let data_dir = options
            .data_dir
            .unwrap_or_else(|| PathBuf::from(DEFAULT_DATA_DIR));
        let database_url = match options.database_url {
            Some(url) => checked_database_url(url)?,
            None => format!("sqlite:{}", data_dir.join("portcullis.sqlite").display()),
        };
        let replica_url = options
            .replica_url
            .map(|url| checked_replica_url(url, &database_url))
            .transpose()?;
        Ok(Settings {
            database_url,
            replica_url,
            data_dir,
            listen: address(options.listen.as_deref().unwrap_or(DEFAULT_LISTEN))?,
            public_url: options.public_url.as_deref().map(public_url).transpose()?,
            schemas: options.schemas,
            log_format: options
                .log_format
                .as_deref()
                .map_or(Ok(LogFormat::Text), log_format)?,
            trusted_proxies: networks(&options.trusted_proxies.unwrap_or_default())?,
            indexed_attributes: options
                .indexed_attributes
                .unwrap_or_else(|| vec![DEFAULT_INDEXED.to_owned()]),
            service_account_domain: domain(
                options
                    .service_account_domain
                    .as_deref()
                    .unwrap_or(DEFAULT_SERVICE_ACCOUNT_DOMAIN),
            )?,
            master_key: match options.master_key {
                Some(key) => Some(key),
                None => master_key(MASTER_KEY_VARIABLE)?,
            },
            notifications,
            previous_master_key: master_key(PREVIOUS_MASTER_KEY_VARIABLE)?,
            limits,
        })
    }

    fn or(self, file: Self) -> Self {
        Self {
            config: self.config,
            data_dir: self.data_dir.or(file.data_dir),
            database_url: self.database_url.or(file.database_url),
            replica_url: self.replica_url.or(file.replica_url),
            listen: self.listen.or(file.listen),
            public_url: self.public_url.or(file.public_url),
            schemas: self.schemas.or(file.schemas),
            log_format: self.log_format.or(file.log_format),
            trusted_proxies: self.trusted_proxies.or(file.trusted_proxies),
            indexed_attributes: self.indexed_attributes.or(file.indexed_attributes),
            service_account_domain: self.service_account_domain.or(file.service_account_domain),
            master_key: self.master_key,
            notifications: self.notifications.or(file.notifications),
            limits: self.limits.or(file.limits),
        }
    }

    #[cfg(test)]
    pub(super) fn from_arguments(arguments: &[&str]) -> Self {
        use clap::Parser;
        #[derive(Parser)]
        #[command(no_binary_name = true)]
        struct Command {
            #[command(flatten)]
            options: Options,
        }
        Command::parse_from(arguments).options
    }
}

fn master_key(variable: &str) -> Result<Option<MasterKey>, ConfigError> {
    let Ok(text) = std::env::var(variable) else {
        return Ok(None);
    };
    let malformed = || ConfigError::new(format_args!("{variable} must be 64 hexadecimal digits"));
    MasterKey::parse(&text).map(Some).ok_or_else(malformed)
}

fn read_file(path: &Path) -> Result<Options, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        ConfigError::new(format_args!("{} cannot be read: {error}", path.display()))
    })?;
    toml::from_str(&text).map_err(|error| {
        let line = error
            .span()
            .and_then(|span| text.get(..span.start))
            .map_or(1, |before| before.matches('\n').count() + 1);
        let message = error.message().replace('\n', " ");
        ConfigError::new(format_args!("{} line {line}: {message}", path.display()))
    })
}

/// `host:port` too, since `localhost:8080` is what people write.
fn address(text: &str) -> Result<SocketAddr, ConfigError> {
    text.to_socket_addrs()
        .ok()
        .and_then(|mut addresses| addresses.next())
        .ok_or_else(|| {
            ConfigError::new(format_args!(
                "listen is {text:?}, but must be an address and a port such as {DEFAULT_LISTEN}"
            ))
        })
}

fn public_url(text: &str) -> Result<String, ConfigError> {
    let trimmed = text.trim_end_matches('/');
    let host = trimmed
        .strip_prefix("https://")
        .or_else(|| trimmed.strip_prefix("http://"));
    match host {
        Some(host)
            if !host.is_empty()
                && !host.starts_with('/')
                && !host.contains(['?', '#', ' ', '"', '<', '>', '\\']) =>
        {
            Ok(trimmed.to_owned())
        }
        _ => Err(ConfigError::new(format_args!(
            "public-url is {text:?}, but must be such as https://scim.example.org"
        ))),
    }
}

/// The message leaves out the value: it may hold a password.
fn checked_database_url(text: String) -> Result<String, ConfigError> {
    let known = ["sqlite:", "postgres://", "postgresql://"];
    if known.iter().any(|scheme| {
        text.strip_prefix(scheme)
            .is_some_and(|rest| !rest.is_empty())
    }) {
        return Ok(text);
    }
    Err(ConfigError::new(
        "database-url must be sqlite:PATH or postgres://user:password@host/database",
    ))
}

/// The same.
fn checked_replica_url(text: String, database_url: &str) -> Result<String, ConfigError> {
    let is_postgres =
        |url: &str| url.starts_with("postgres://") || url.starts_with("postgresql://");
    if is_postgres(&text) && is_postgres(database_url) {
        return Ok(text);
    }
    Err(ConfigError::new(
        "replica-url must be postgres://user:password@host/database, and so must database-url",
    ))
}

fn log_format(text: &str) -> Result<LogFormat, ConfigError> {
    LogFormat::from_str(text, true).map_err(|_| {
        ConfigError::new(format_args!(
            "log-format is {text:?}, but must be text or json"
        ))
    })
}

fn domain(text: &str) -> Result<String, ConfigError> {
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if text.len() <= 253 && text.split('.').all(is_label) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(ConfigError::new(format_args!(
        "service-account-domain is {text:?}, but must be such as {DEFAULT_SERVICE_ACCOUNT_DOMAIN}"
    )))
}

/// A bare address is the network of that address alone.
fn networks(texts: &[String]) -> Result<Vec<IpNet>, ConfigError> {
    let texts = texts.iter().map(|text| text.trim());
    texts
        .filter(|text| !text.is_empty())
        .map(|text| {
            text.parse::<IpNet>()
                .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
                .map_err(|_| {
                    ConfigError::new(format_args!(
                        "trusted-proxies has {text:?}, but must be networks such as 10.0.0.0/8"
                    ))
                })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_goes_before_the_file_and_the_file_before_the_default() {
        let path = std::env::temp_dir().join(format!("portcullis-{}.toml", uuid::Uuid::now_v7()));
        let text = "listen = \"127.0.0.1:1\"\npublic-url = \"https://file.example/\"\n\
            [limits]\nmax-page-size = 500\ndefault-page-size = 50\n";
        std::fs::write(&path, text).unwrap();
        let file = path.to_str().unwrap();
        let arguments = [
            "--config",
            file,
            "--listen",
            "127.0.0.1:2",
            "--max-page-size",
            "600",
        ];
        let settings = Options::from_arguments(&arguments).settings().unwrap();
        assert_eq!(settings.listen.port(), 2);
        assert_eq!(settings.public_url.as_deref(), Some("https://file.example"));
        assert_eq!(settings.limits.max_page_size, 600);
        assert_eq!(settings.limits.default_page_size, 50);
        assert_eq!(settings.limits.max_patch_operations, 1_000);

        std::fs::write(&path, "listen = \"127.0.0.1:1\"\nlissten = 1\n").unwrap();
        let error = Options::from_arguments(&arguments).settings().unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
        std::fs::remove_file(path).unwrap();
    }
}
