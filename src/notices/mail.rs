//! Mail: sent by SMTP, in text and in HTML.

use std::sync::Arc;
use std::time::Duration;

use lettre::message::MultiPart;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Message, SmtpTransport, Transport};

use crate::config::{MailEncryption, MailSettings};
use crate::store::deliveries::Attempt;

use super::message::Mail;

/// How long the mail server has for each of its answers.
const TIME_LIMIT: Duration = Duration::from_secs(20);
/// What the log of deliveries keeps of an error.
const LONGEST_ERROR: usize = 300;

/// Sends mail; cloning is cheap.
#[derive(Debug, Clone)]
pub struct Mailer {
    settings: Arc<MailSettings>,
}

impl Mailer {
    /// For these settings. Nothing is connected to yet.
    #[must_use]
    pub fn new(settings: &MailSettings) -> Self {
        Self {
            settings: Arc::new(settings.clone()),
        }
    }

    /// A connection for one mail; certificates are read anew, as they may have been renewed.
    fn transport(&self) -> Result<SmtpTransport, lettre::transport::smtp::Error> {
        let settings = &self.settings;
        let parameters = || TlsParameters::new(settings.host.clone());
        let tls = match settings.encryption {
            MailEncryption::Implicit => Tls::Wrapper(parameters()?),
            MailEncryption::StartTls => Tls::Required(parameters()?),
            MailEncryption::None => Tls::None,
        };
        let own_name = settings.from.email.domain().to_owned();
        let transport = SmtpTransport::builder_dangerous(settings.host.as_str())
            .port(settings.port)
            .tls(tls)
            .hello_name(ClientId::Domain(own_name))
            .timeout(Some(TIME_LIMIT));
        Ok(match &settings.login {
            Some(login) => transport
                .credentials(Credentials::new(login.user.clone(), login.password.clone()))
                .build(),
            None => transport.build(),
        })
    }

    /// The addresses that are told beside people.
    #[must_use]
    pub fn configured_recipients(&self) -> Vec<String> {
        self.settings
            .to
            .iter()
            .map(|mailbox| mailbox.email.to_string())
            .collect()
    }

    /// Sees that the server answers, and takes the name and the password where there are any; sends nothing.
    ///
    /// # Errors
    /// Why not, as one line.
    pub fn check(&self) -> Result<(), String> {
        let transport = self.transport();
        let answers = transport.and_then(|transport| transport.test_connection());
        match answers {
            Ok(true) => Ok(()),
            Ok(false) => Err("the mail server does not answer".to_owned()),
            Err(error) => Err(failed(&error, None).error),
        }
    }

    /// Sends a mail whose identifier is the same whenever it is sent again.
    ///
    /// # Errors
    /// Why the server has not taken it.
    pub(super) fn send(&self, to: &str, id: &str, mail: Mail) -> Result<i32, Attempt> {
        let from = &self.settings.from;
        let domain = from.email.domain();
        let message = to
            .parse()
            .map_err(|error| failed(&error, None))
            .and_then(|to| {
                Message::builder()
                    .from(from.clone())
                    .to(to)
                    .subject(mail.subject)
                    .message_id(Some(format!("<{id}@{domain}>")))
                    .raw_header(automatic())
                    .multipart(MultiPart::alternative_plain_html(mail.text, mail.html))
                    .map_err(|error| failed(&error, None))
            })?;
        let transport = self.transport().map_err(|error| failed(&error, None))?;
        match transport.send(&message) {
            Ok(answer) => Ok(i32::from(u16::from(answer.code()))),
            Err(error) => {
                let status = error.status().map(|code| i32::from(u16::from(code)));
                Err(failed(&error, status))
            }
        }
    }
}

/// RFC 3834 section 5: nothing is to answer by itself.
fn automatic() -> lettre::message::header::HeaderValue {
    use lettre::message::header::{HeaderName, HeaderValue};
    HeaderValue::new(
        HeaderName::new_from_ascii_str("Auto-Submitted"),
        "auto-generated".to_owned(),
    )
}

fn failed(error: &(dyn std::error::Error + 'static), status: Option<i32>) -> Attempt {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    Attempt {
        error: text.chars().take(LONGEST_ERROR).collect(),
        status,
    }
}

/// Whether mail can be sent to a text.
#[must_use]
pub fn is_address(text: &str) -> bool {
    text.parse::<lettre::Address>().is_ok()
}
