//! How notices leave: the mail server, the sender and the receivers, and where webhooks may go.

use std::fmt;
use std::path::PathBuf;

use clap::{ArgAction, Args};
use lettre::message::Mailbox;
use url::Url;

use super::ConfigError;
use super::catalogue::SMTP_PASSWORD;
use super::origins::Origins;
use super::secrets;

/// The options about notices as someone wrote them.
#[derive(Debug, Clone, Default, Args)]
pub struct NotificationOptions {
    /// The mail server: `smtps://user@host[:465]`, or `smtp://user@host[:587]` with STARTTLS (`?tls=none` without), such as
    /// `smtps://portcullis@mail.example.org`
    #[arg(
        long,
        env = "PORTCULLIS_SMTP_URL",
        value_name = "URL",
        global = true,
        hide_short_help = true,
        help_heading = "Notifications",
        hide_env_values = true
    )]
    pub smtp_url: Option<String>,

    /// The file that holds the address of the mail server, instead of smtp-url, such as
    /// /run/secrets/portcullis-smtp-url
    #[arg(
        long,
        env = "PORTCULLIS_SMTP_URL_FILE",
        value_name = "FILE",
        global = true,
        hide_short_help = true,
        help_heading = "Notifications"
    )]
    pub smtp_url_file: Option<PathBuf>,

    /// The file that holds the password for the mail server, instead of `PORTCULLIS_SMTP_PASSWORD` in the
    /// environment, such as /run/secrets/portcullis-smtp-password
    #[arg(
        long,
        env = "PORTCULLIS_SMTP_PASSWORD_FILE",
        value_name = "FILE",
        global = true,
        hide_short_help = true,
        help_heading = "Notifications"
    )]
    pub smtp_password_file: Option<PathBuf>,

    /// Whom mail is from, such as "Portcullis <portcullis@example.org>"
    #[arg(
        long,
        env = "PORTCULLIS_MAIL_FROM",
        value_name = "ADDRESS",
        global = true,
        hide_short_help = true,
        help_heading = "Notifications"
    )]
    pub mail_from: Option<String>,

    /// Addresses that are told beside the owners and admins, separated by commas, such as security@example.org
    #[arg(
        long,
        env = "PORTCULLIS_MAIL_TO",
        value_name = "ADDRESS,…",
        global = true,
        value_delimiter = ',',
        hide_short_help = true,
        help_heading = "Notifications"
    )]
    pub mail_to: Vec<String>,

    /// Lets webhooks go to private networks, and over http
    #[arg(long, env = "PORTCULLIS_ALLOW_PRIVATE_WEBHOOKS", value_name = "BOOL", global = true,
        num_args = 0..=1, default_missing_value = "true", default_value_t = false, action = ArgAction::Set,
        hide_short_help = true, help_heading = "Notifications")]
    pub allow_private_webhooks: bool,
}

/// What holds about notices.
#[derive(Debug, Clone, Default)]
pub struct Notifications {
    /// How mail leaves; not at all where there is none.
    pub mail: Option<MailSettings>,
    /// Whether webhooks may go to private networks and over http.
    pub allow_private_webhooks: bool,
}

/// How mail leaves.
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// The mail server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way there is encrypted.
    pub encryption: MailEncryption,
    /// With whose name and password, where the server asks for them.
    pub login: Option<MailLogin>,
    /// Whom it is from.
    pub from: Mailbox,
    /// Who is told beside the owners and admins.
    pub to: Vec<Mailbox>,
}

/// How the way to the mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailEncryption {
    /// From the first byte.
    Implicit,
    /// After STARTTLS, which the server has to offer.
    StartTls,
    /// Not at all: for a server on the same machine.
    None,
}

/// A name and a password; the latter never prints itself.
#[derive(Clone, PartialEq, Eq)]
pub struct MailLogin {
    /// The name.
    pub user: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for MailLogin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MailLogin({}, …)", self.user)
    }
}

impl NotificationOptions {
    pub(super) fn notifications(&self, origins: &Origins) -> Result<Notifications, ConfigError> {
        let url = secrets::setting(
            origins,
            "smtp-url",
            self.smtp_url.clone(),
            self.smtp_url_file.as_deref(),
        )?;
        let mail = match url {
            Some(url) => Some(self.mail(&url, origins)?),
            None if self.mail_from.is_some() || !self.mail_to.is_empty() => {
                return Err(ConfigError::new(
                    "mail-from and mail-to need smtp-url: no mail can leave without a server",
                ));
            }
            None => None,
        };
        Ok(Notifications {
            mail,
            allow_private_webhooks: self.allow_private_webhooks,
        })
    }

    /// The messages leave out the URL: it may hold a password.
    fn mail(&self, url: &str, origins: &Origins) -> Result<MailSettings, ConfigError> {
        let wrong = || {
            ConfigError::new(
                "smtp-url must be smtps://user@host[:465] or smtp://user@host[:587][?tls=none]",
            )
        };
        let url = Url::parse(url).map_err(|_| wrong())?;
        let host = url.host_str().filter(|host| !host.is_empty());
        let (encryption, port) = match (url.scheme(), url.query()) {
            ("smtps", None) => (MailEncryption::Implicit, 465),
            ("smtp", None) => (MailEncryption::StartTls, 587),
            ("smtp", Some("tls=none")) => (MailEncryption::None, 25),
            _ => return Err(wrong()),
        };
        let decoded = |text: &str| {
            percent_encoding::percent_decode_str(text)
                .decode_utf8()
                .map(std::borrow::Cow::into_owned)
                .map_err(|_| wrong())
        };
        let user = decoded(url.username())?;
        let login = if user.is_empty() {
            None
        } else {
            let password = match url.password() {
                Some(password) => decoded(password)?,
                None => self.password(origins)?,
            };
            Some(MailLogin { user, password })
        };
        if login.is_some() && encryption == MailEncryption::None {
            return Err(ConfigError::new(
                "smtp-url has tls=none and a user: a password is not sent in the clear",
            ));
        }
        let from = self.mail_from.as_deref().ok_or_else(|| {
            ConfigError::new("smtp-url needs mail-from: the address that mail is from")
        })?;
        Ok(MailSettings {
            host: host.ok_or_else(wrong)?.to_owned(),
            port: url.port().unwrap_or(port),
            encryption,
            login,
            from: mailbox("mail-from", from)?,
            to: self
                .mail_to
                .iter()
                .map(|text| mailbox("mail-to", text))
                .collect::<Result<_, _>>()?,
        })
    }

    fn password(&self, origins: &Origins) -> Result<String, ConfigError> {
        let path = self.smtp_password_file.as_deref();
        secrets::variable(origins, SMTP_PASSWORD, path)?.ok_or_else(|| {
            ConfigError::new(format_args!(
                "smtp-url has a user, but there is no password in {} or smtp-password-file",
                SMTP_PASSWORD.variable
            ))
        })
    }
}

fn mailbox(option: &str, text: &str) -> Result<Mailbox, ConfigError> {
    text.trim().parse().map_err(|_| {
        ConfigError::new(format_args!(
            "{option} has {text:?}, but must be such as portcullis@example.org"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str) -> NotificationOptions {
        NotificationOptions {
            smtp_url: Some(url.to_owned()),
            mail_from: Some("Portcullis <portcullis@example.org>".to_owned()),
            mail_to: vec!["security@example.org".to_owned()],
            ..NotificationOptions::default()
        }
    }

    #[test]
    fn the_way_to_the_mail_server_is_encrypted_unless_the_url_says_that_it_is_not() {
        for (url, encryption, port) in [
            ("smtps://mail.example.org", MailEncryption::Implicit, 465),
            ("smtp://mail.example.org", MailEncryption::StartTls, 587),
            ("smtp://mail.example.org:25", MailEncryption::StartTls, 25),
            ("smtp://localhost?tls=none", MailEncryption::None, 25),
        ] {
            let mail = options(url)
                .notifications(&Origins::default())
                .unwrap()
                .mail
                .unwrap();
            assert_eq!((mail.encryption, mail.port), (encryption, port), "{url}");
            assert_eq!(mail.login, None);
            assert_eq!(mail.from.email.to_string(), "portcullis@example.org");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_without_showing_a_password() {
        for url in [
            "mail.example.org",
            "http://mail.example.org",
            "smtp://u:hidden@mail.example.org?tls=none",
            "smtp://u:hidden@mail.example.org?tls=opportunistic",
            "smtps://u:hidden@",
        ] {
            let error = options(url)
                .notifications(&Origins::default())
                .unwrap_err()
                .to_string();
            assert!(!error.contains("hidden"), "{error}");
        }
        let mut without_sender = options("smtps://mail.example.org");
        without_sender.mail_from = None;
        assert!(without_sender.notifications(&Origins::default()).is_err());
        let mut without_server = options("");
        without_server.smtp_url = None;
        assert!(without_server.notifications(&Origins::default()).is_err());
        let mut no_address = options("smtps://mail.example.org");
        no_address.mail_to = vec!["nobody".to_owned()];
        assert!(no_address.notifications(&Origins::default()).is_err());
    }

    #[test]
    fn a_password_is_read_and_never_printed() {
        let notifications =
            options("smtps://u%40x:hidden%21@mail.example.org").notifications(&Origins::default());
        let mail = notifications.unwrap().mail.unwrap();
        let login = mail.login.clone().unwrap();
        assert_eq!(
            (login.user.as_str(), login.password.as_str()),
            ("u@x", "hidden!")
        );
        assert!(!format!("{mail:?}").contains("hidden"));
    }
}
