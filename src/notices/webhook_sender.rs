//! Requests to webhooks. Whoever may make a webhook chooses where this server sends requests to, so they go to
//! the public internet alone: it is the address that the name resolved to that is judged and then connected
//! to, so that no name can mean something else a moment later.

use std::sync::Arc;
use std::time::Duration;

use ureq::config::Config;
use ureq::http::{Method, Request, Uri};
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Error};
use url::{Host, Url};

use crate::clock::Timestamp;
use crate::store::deliveries::Attempt;

use super::NoticeError;
use super::networks::is_public;
use super::signature::{self, SigningSecret};

/// How long a receiver has for everything, from the name's look-up to the answer's head.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// The longest head of an answer. Its body is not read.
const LONGEST_HEAD: usize = 16 * 1024;
/// The longest URL.
const LONGEST_URL: usize = 2_000;
/// What the log of deliveries keeps of an error.
const LONGEST_ERROR: usize = 300;

/// What is sent.
#[derive(Debug, Clone)]
pub struct Message {
    /// The notice's id, the same whenever it is sent.
    pub id: String,
    /// JSON.
    pub body: String,
}

/// Sends to webhooks; cloning is cheap.
#[derive(Debug, Clone)]
pub struct WebhookSender {
    agent: Agent,
    allow_private: bool,
}

impl WebhookSender {
    /// A sender that goes to private networks and over http only where that is allowed.
    #[must_use]
    pub fn new(allow_private: bool) -> Self {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(provider))
            .build();
        let config = Config::builder()
            .tls_config(tls)
            .https_only(!allow_private)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_global(Some(TIME_LIMIT))
            .max_response_header_size(LONGEST_HEAD)
            // A connection is not used again: each attempt resolves, and is judged, anew.
            .max_idle_connections(0)
            .user_agent(concat!("Portcullis/", env!("CARGO_PKG_VERSION")))
            .build();
        let resolver = GuardedResolver {
            resolver: DefaultResolver::default(),
            allow_private,
        };
        Self {
            agent: Agent::with_parts(config, DefaultConnector::default(), resolver),
            allow_private,
        }
    }

    /// The URL as it is stored, where requests may go there as far as it tells by itself.
    ///
    /// # Errors
    /// [`NoticeError::Invalid`] with what would be accepted.
    pub fn checked_url(&self, text: &str) -> Result<String, NoticeError> {
        let invalid = |why: &str| NoticeError::Invalid(format!("url {why}"));
        if text.len() > LONGEST_URL {
            return Err(invalid("may have at most 2000 characters"));
        }
        let url = Url::parse(text)
            .map_err(|_| invalid("must be such as https://hooks.example.org/portcullis"))?;
        match url.scheme() {
            "https" => {}
            "http" if self.allow_private => {}
            _ => return Err(invalid("must begin with https://")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid(
                "must hold no user name and password: requests are signed",
            ));
        }
        if url.fragment().is_some() {
            return Err(invalid("must hold no fragment"));
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            _ => None,
        };
        let is_local = matches!(url.host(), Some(Host::Domain(name))
            if name == "localhost" || name.ends_with(".localhost"));
        if !self.allow_private && (is_local || address.is_some_and(|address| !is_public(address))) {
            return Err(invalid(PRIVATE));
        }
        Ok(url.into())
    }

    /// Sends a message signed with each of these secrets; gives the status of an answer that accepts it.
    ///
    /// # Errors
    /// Why it has not been accepted.
    pub fn send(
        &self,
        url: &str,
        message: &Message,
        secrets: &[SigningSecret],
        now: Timestamp,
    ) -> Result<i32, Attempt> {
        let seconds = now.as_millis().div_euclid(1_000);
        let signature = signature::header(secrets, &message.id, seconds, &message.body);
        let request = Request::builder()
            .method(Method::POST)
            .uri(url)
            .header("content-type", "application/json")
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", signature)
            .body(message.body.as_str())
            .map_err(|error| failed(&error, None))?;
        let answer = self
            .agent
            .run(request)
            .map_err(|error| failed(&error, None))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(i32::from(status.as_u16()));
        }
        let what = if status.is_redirection() {
            format!("answered {status}; redirects are not followed")
        } else {
            format!("answered {status}")
        };
        Err(Attempt {
            error: what,
            status: Some(i32::from(status.as_u16())),
        })
    }
}

const PRIVATE: &str = "is in a private network; --allow-private-webhooks lets webhooks go there";

fn failed(error: &dyn std::fmt::Display, status: Option<i32>) -> Attempt {
    let error: String = error.to_string().chars().take(LONGEST_ERROR).collect();
    Attempt { error, status }
}

/// The address is not to be connected to.
#[derive(Debug, thiserror::Error)]
#[error("the address {PRIVATE}")]
struct PrivateAddress;

/// Gives no addresses where one of them is not public.
#[derive(Debug)]
struct GuardedResolver {
    resolver: DefaultResolver,
    allow_private: bool,
}

impl Resolver for GuardedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let addresses = self.resolver.resolve(uri, config, timeout)?;
        let is_allowed = |address: &std::net::SocketAddr| is_public(address.ip());
        if self.allow_private || addresses.iter().all(is_allowed) {
            Ok(addresses)
        } else {
            Err(Error::Other(Box::new(PrivateAddress)))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_url_is_taken_only_where_requests_may_go() {
        let (guarded, open) = (WebhookSender::new(false), WebhookSender::new(true));
        for (url, public, private) in [
            ("https://hooks.example.org/portcullis?a=b", true, true),
            ("https://hooks.example.org:8443", true, true),
            ("http://hooks.example.org/", false, true),
            ("https://localhost/", false, true),
            ("https://a.localhost/", false, true),
            ("https://127.0.0.1/", false, true),
            ("https://2130706433/", false, true),
            ("https://0x7f.1/", false, true),
            ("https://0177.0.0.1/", false, true),
            ("https://[::1]/", false, true),
            ("https://[::ffff:10.0.0.1]/", false, true),
            ("https://169.254.169.254/latest/meta-data/", false, true),
            ("https://user:password@hooks.example.org/", false, false),
            ("https://hooks.example.org/#there", false, false),
            ("ftp://hooks.example.org/", false, false),
            ("file:///etc/passwd", false, false),
            ("hooks.example.org", false, false),
            ("https://", false, false),
            ("", false, false),
        ] {
            assert_eq!(guarded.checked_url(url).is_ok(), public, "{url}");
            assert_eq!(open.checked_url(url).is_ok(), private, "{url}");
        }
        let long = format!("https://hooks.example.org/{}", "a".repeat(2_000));
        assert!(open.checked_url(&long).is_err());
    }

    /// A name that resolves to this machine passes every look at the URL, and is still not connected to.
    #[test]
    fn what_a_name_resolves_to_is_judged_before_it_is_connected_to() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let message = Message {
            id: "1".to_owned(),
            body: "{}".to_owned(),
        };
        let sender = WebhookSender::new(false);
        for host in ["localhost", "127.0.0.1", "2130706433"] {
            let url = format!("https://{host}:{port}/");
            let outcome = sender.send(&url, &message, &[], Timestamp::from_millis(0));
            let error = outcome.unwrap_err().error;
            assert!(error.contains("private network"), "{host}: {error}");
        }
        assert!(listener.accept().is_err(), "nothing was connected to");
    }
}
