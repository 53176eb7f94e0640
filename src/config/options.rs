//! What someone wrote, as the definitions of the command line take it, and what follows from it.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ipnet::IpNet;
use tracing_subscriber::EnvFilter;

use super::catalogue::{self, SecretVariable};
use super::limits::LimitOptions;
use super::master_key::MasterKey;
use super::notifications::NotificationOptions;
use super::origins::Origins;
use super::server::{ServerOptions, ServerSettings};
use super::{
    ConfigError, DEFAULT_DATA_DIR, DEFAULT_INDEXED, DEFAULT_LISTEN, DEFAULT_LOG,
    DEFAULT_SERVICE_ACCOUNT_DOMAIN, Settings, secrets,
};

/// How the log is written to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object on each line.
    Json,
}

/// The options that every command takes. Each is also an environment variable and a key of the file; where there
/// is no default, the help ends with an example.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// A TOML file with these settings: keys as the options are called, those under a heading in a table of its name
    #[arg(long, env = "PORTCULLIS_CONFIG", value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,

    /// The directory of the SQLite file and the master key
    #[arg(
        long,
        env = "PORTCULLIS_DATA_DIR",
        value_name = "DIR",
        global = true,
        default_value = DEFAULT_DATA_DIR
    )]
    pub data_dir: PathBuf,

    /// The database: sqlite:PATH or postgres://…; without it, portcullis.sqlite in the data directory; such as
    /// `postgres://portcullis:password@db.example.org/portcullis`
    #[arg(
        long,
        env = "PORTCULLIS_DATABASE_URL",
        value_name = "URL",
        global = true,
        hide_env_values = true
    )]
    pub database_url: Option<String>,

    /// The file that holds the address of the database, instead of database-url, such as
    /// /run/secrets/portcullis-database-url
    #[arg(
        long,
        env = "PORTCULLIS_DATABASE_URL_FILE",
        value_name = "FILE",
        global = true,
        hide_short_help = true
    )]
    pub database_url_file: Option<PathBuf>,

    /// A streaming replica of a PostgreSQL database, for lists that may be a moment old; nothing that
    /// authenticates or decides is read there; such as `postgres://portcullis:password@replica.example.org/portcullis`
    #[arg(
        long,
        env = "PORTCULLIS_REPLICA_URL",
        value_name = "URL",
        global = true,
        hide_env_values = true,
        hide_short_help = true
    )]
    pub replica_url: Option<String>,

    /// The file that holds the address of the replica, instead of replica-url, such as
    /// /run/secrets/portcullis-replica-url
    #[arg(
        long,
        env = "PORTCULLIS_REPLICA_URL_FILE",
        value_name = "FILE",
        global = true,
        hide_short_help = true
    )]
    pub replica_url_file: Option<PathBuf>,

    /// The file that holds the master key, 64 hexadecimal digits, instead of master.key in the data directory,
    /// such as /run/secrets/portcullis-master-key
    #[arg(
        long,
        env = "PORTCULLIS_MASTER_KEY_FILE",
        value_name = "FILE",
        global = true,
        hide_short_help = true
    )]
    pub master_key_file: Option<PathBuf>,

    /// The file that holds the master key before it, while that is being replaced, instead of
    /// master.key.previous in the data directory, such as /run/secrets/portcullis-previous-master-key
    #[arg(
        long,
        env = "PORTCULLIS_PREVIOUS_MASTER_KEY_FILE",
        value_name = "FILE",
        global = true,
        hide_short_help = true
    )]
    pub previous_master_key_file: Option<PathBuf>,

    /// The address to listen on
    #[arg(
        long,
        env = "PORTCULLIS_LISTEN",
        value_name = "ADDR",
        global = true,
        default_value = DEFAULT_LISTEN
    )]
    pub listen: String,

    /// The URL that clients use, where it is not the one listened on, such as `https://portcullis.example.org`
    #[arg(long, env = "PORTCULLIS_PUBLIC_URL", value_name = "URL", global = true)]
    pub public_url: Option<String>,

    /// A directory of further schema and resource-type JSON files, such as /etc/portcullis/schemas
    #[arg(long, env = "PORTCULLIS_SCHEMAS", value_name = "DIR", global = true)]
    pub schemas: Option<PathBuf>,

    /// How the log is written: text or json
    #[arg(
        long,
        env = "PORTCULLIS_LOG_FORMAT",
        value_name = "FORMAT",
        global = true,
        default_value = "text"
    )]
    pub log_format: String,

    /// What is logged: a level (error, warn, info, debug, trace), or levels of single parts, separated by commas
    #[arg(
        long,
        env = "PORTCULLIS_LOG",
        value_name = "FILTER",
        global = true,
        hide_short_help = true,
        default_value = DEFAULT_LOG
    )]
    pub log: String,

    /// The networks of the proxies that are believed whom they speak for, in the forwarded-header, separated by commas,
    /// such as 10.0.0.0/8
    #[arg(
        long,
        env = "PORTCULLIS_TRUSTED_PROXIES",
        value_name = "CIDR,…",
        global = true,
        value_delimiter = ','
    )]
    pub trusted_proxies: Vec<String>,

    /// The attributes inside multi-valued attributes that have an index
    #[arg(
        long,
        env = "PORTCULLIS_INDEXED_ATTRIBUTES",
        value_name = "PATH,…",
        global = true,
        value_delimiter = ',',
        default_value = DEFAULT_INDEXED,
        hide_short_help = true
    )]
    pub indexed_attributes: Vec<String>,

    /// The domain of the addresses that are made up for service accounts; no mail is sent to them
    #[arg(
        long,
        env = "PORTCULLIS_SERVICE_ACCOUNT_DOMAIN",
        value_name = "DOMAIN",
        global = true,
        default_value = DEFAULT_SERVICE_ACCOUNT_DOMAIN,
        hide_short_help = true
    )]
    pub service_account_domain: String,

    /// How notices leave.
    #[command(flatten)]
    pub notifications: NotificationOptions,

    /// How the server is reached.
    #[command(flatten)]
    pub server: ServerOptions,

    /// The bounds.
    #[command(flatten)]
    pub limits: LimitOptions,

    /// Where each comes from.
    #[arg(skip)]
    pub origins: Origins,
}

impl Options {
    /// What holds.
    ///
    /// # Errors
    /// [`ConfigError`] for the first setting that cannot be taken.
    pub fn settings(self) -> Result<Settings, ConfigError> {
        let origins = self.origins.clone();
        self.unlocated_settings()
            .map_err(|error| origins.locate(error))
    }

    fn unlocated_settings(self) -> Result<Settings, ConfigError> {
        let origins = &self.origins;
        let limits = self.limits.limits()?;
        let notifications = self.notifications.notifications(origins)?;
        let server = self.server.server(origins, &limits)?;
        let path = self.database_url_file.as_deref();
        let database_url = match secrets::setting(origins, "database-url", self.database_url, path)?
        {
            Some(url) => checked_database_url(url)?,
            None => format!(
                "sqlite:{}",
                self.data_dir.join("portcullis.sqlite").display()
            ),
        };
        let path = self.replica_url_file.as_deref();
        let replica_url = secrets::setting(origins, "replica-url", self.replica_url, path)?
            .map(|url| checked_replica_url(url, &database_url))
            .transpose()?;
        let master_key = |secret: SecretVariable, path: &Option<PathBuf>| {
            secrets::variable(origins, secret, path.as_deref())?
                .map(|text| master_key(secret, &text))
                .transpose()
        };
        let public_url = self.public_url.as_deref().map(public_url).transpose()?;
        check_redirect(&server, public_url.as_deref())?;
        Ok(Settings {
            database_url,
            replica_url,
            master_key: master_key(catalogue::MASTER_KEY, &self.master_key_file)?,
            previous_master_key: master_key(
                catalogue::PREVIOUS_MASTER_KEY,
                &self.previous_master_key_file,
            )?,
            data_dir: self.data_dir,
            listen: address("listen", &self.listen)?,
            public_url,
            schemas: self.schemas,
            log_format: log_format(&self.log_format)?,
            log: log_filter(self.log)?,
            trusted_proxies: networks(&self.trusted_proxies)?,
            indexed_attributes: self.indexed_attributes,
            service_account_domain: domain(&self.service_account_domain)?,
            notifications,
            server,
            limits,
        })
    }

    #[cfg(test)]
    pub(crate) fn from_arguments(arguments: &[&str]) -> Result<Self, ConfigError> {
        use clap::FromArgMatches;
        let command = Self::augment_args(clap::Command::new("portcullis").no_binary_name(true));
        let arguments = arguments.iter().map(std::ffi::OsString::from);
        let (matches, origins) = match super::parse(command, arguments) {
            Ok(parsed) => parsed,
            Err(super::ParseError::Setting(error)) => return Err(error),
            Err(super::ParseError::Arguments(error)) => panic!("{error}"),
        };
        Ok(Self {
            origins,
            ..Self::from_arg_matches(&matches).unwrap()
        })
    }
}

fn master_key(secret: SecretVariable, text: &str) -> Result<MasterKey, ConfigError> {
    MasterKey::parse(text).ok_or_else(|| {
        ConfigError::new(format_args!(
            "{}, or the file of {}, must be 64 hexadecimal digits",
            secret.variable, secret.file_key
        ))
    })
}

fn log_filter(text: String) -> Result<String, ConfigError> {
    match EnvFilter::try_new(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err(ConfigError::new(format_args!(
            "log is {text:?}, but must be such as {DEFAULT_LOG}"
        ))),
    }
}

/// `host:port` too, since `localhost:8080` is what people write.
pub(super) fn address(option: &str, text: &str) -> Result<SocketAddr, ConfigError> {
    text.to_socket_addrs()
        .ok()
        .and_then(|mut addresses| addresses.next())
        .ok_or_else(|| {
            ConfigError::new(format_args!(
                "{option} is {text:?}, but must be an address and a port such as {DEFAULT_LISTEN}"
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

/// Requests over http are sent on to https, which there has to be.
fn check_redirect(server: &ServerSettings, public_url: Option<&str>) -> Result<(), ConfigError> {
    let has_https = match public_url {
        Some(url) => url.starts_with("https://"),
        None => server.tls.is_some(),
    };
    if has_https || server.http_redirect.is_none() {
        return Ok(());
    }
    Err(ConfigError::new(
        "http-redirect sends browsers on to https, but nothing is served there: set tls-certificate and tls-key, or \
         public-url to the https URL of the proxy in front",
    ))
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
    use super::super::{Source, catalogue::catalogue};
    use super::*;

    fn file(text: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("portcullis-{}.toml", uuid::Uuid::now_v7()));
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn an_argument_goes_before_the_file_and_the_file_before_the_default() {
        let path = file(
            "listen = \"127.0.0.1:1\"\npublic-url = \"https://file.example/\"\n\
            trusted-proxies = [\"10.0.0.0/8\", \"::1\"]\nindexed-attributes = []\n\
            [limits]\nmax-page-size = 500\ndefault-page-size = 50\n",
        );
        let name = path.to_str().unwrap();
        let arguments = [
            "--config",
            name,
            "--listen",
            "127.0.0.1:2",
            "--max-page-size",
            "600",
        ];
        let options = Options::from_arguments(&arguments).unwrap();
        let source = |id| options.origins.source(id);
        assert_eq!(source("listen"), Source::Argument);
        assert_eq!(source("public_url"), Source::File);
        assert_eq!(source("max_body"), Source::Default);
        assert_eq!(
            options.origins.get("default_page_size").unwrap().line,
            Some(7)
        );
        let settings = options.settings().unwrap();
        assert_eq!(settings.listen.port(), 2);
        assert_eq!(settings.public_url.as_deref(), Some("https://file.example"));
        assert_eq!(settings.trusted_proxies.len(), 2);
        assert!(settings.indexed_attributes.is_empty());
        assert_eq!(settings.limits.max_page_size, 600);
        assert_eq!(settings.limits.default_page_size, 50);
        assert_eq!(settings.limits.max_patch_operations, 1_000);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn what_the_file_says_wrongly_is_named_with_file_and_line() {
        let cases = [
            (
                "listen = \"127.0.0.1:1\"\nlissten = 1\n",
                "line 2: there is no setting lissten",
            ),
            ("\nlisten = \"nowhere\"\n", "line 2)"),
            ("[limits]\nmax-body = 1\n", "line 2)"),
            (
                "[notifications]\nallow-private-webhooks = \"maybe\"\n",
                "invalid value 'maybe'",
            ),
        ];
        for (text, message) in cases {
            let path = file(text);
            let name = path.to_str().unwrap();
            let settings = Options::from_arguments(&["--config", name]).and_then(Options::settings);
            let error = settings.unwrap_err().to_string();
            assert!(error.contains(message) && error.contains(name), "{error}");
            assert!(!error.contains('\n'), "{error}");
            std::fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn secrets_come_from_the_files_that_are_named() {
        let [database_url, master_key, smtp_url] = [
            "postgres://u:p@db/portcullis\n".to_owned(),
            format!("{}\n", "0f".repeat(32)),
            "smtps://mail.example.org\n".to_owned(),
        ]
        .map(|text| file(&text));
        let arguments = [
            ("--database-url-file", &database_url),
            ("--master-key-file", &master_key),
            ("--smtp-url-file", &smtp_url),
        ];
        let mut all = vec!["--mail-from", "portcullis@example.org"];
        for (option, path) in arguments {
            all.extend([option, path.to_str().unwrap()]);
        }
        let settings = Options::from_arguments(&all).unwrap().settings().unwrap();
        assert_eq!(settings.database_url, "postgres://u:p@db/portcullis");
        assert_eq!(settings.master_key, MasterKey::parse(&"0f".repeat(32)));
        assert_eq!(
            settings.notifications.mail.unwrap().host,
            "mail.example.org"
        );
        all.extend(["--database-url", "postgres://x"]);
        let both = Options::from_arguments(&all).unwrap().settings();
        let both = both.unwrap_err().to_string();
        assert!(
            both.starts_with("database-url and database-url-file are both given"),
            "{both}"
        );
        for path in [database_url, master_key, smtp_url] {
            std::fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn every_default_that_is_shown_is_one_that_can_be_written() {
        let mut arguments = Vec::new();
        for setting in catalogue() {
            if let Some(default) = setting.default {
                arguments.push(format!("--{}={default}", setting.key));
            }
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let written = Options::from_arguments(&arguments)
            .unwrap()
            .settings()
            .unwrap();
        let defaults = Options::from_arguments(&[]).unwrap().settings().unwrap();
        assert_eq!(format!("{written:?}"), format!("{defaults:?}"));
    }
}
