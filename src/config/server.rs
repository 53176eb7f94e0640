//! How the server is reached beside its address: TLS, the listeners next to the main one. What a file holds is
//! read where it is used.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use url::Url;

use super::ConfigError;
use super::limits::Limits;
use super::options::address;
use super::origins::{Origins, without_secret};
use super::secrets;

/// The options about the server as someone wrote them.
#[derive(Debug, Clone, Args)]
pub struct ServerOptions {
    /// A PEM file with the certificate that is served with and those that it was issued by; read again when it
    /// changes; such as /etc/portcullis/tls/fullchain.pem
    #[arg(
        long,
        env = "PORTCULLIS_TLS_CERTIFICATE",
        value_name = "FILE",
        global = true,
        hide_short_help = true,
        help_heading = "Server"
    )]
    pub tls_certificate: Option<PathBuf>,

    /// A PEM file with the private key of that certificate, such as /etc/portcullis/tls/key.pem
    #[arg(
        long,
        env = "PORTCULLIS_TLS_KEY",
        value_name = "FILE",
        global = true,
        hide_short_help = true,
        help_heading = "Server"
    )]
    pub tls_key: Option<PathBuf>,

    /// A further address, which sends browsers on from http to https, such as 0.0.0.0:80
    #[arg(
        long,
        env = "PORTCULLIS_HTTP_REDIRECT",
        value_name = "ADDR",
        global = true,
        hide_short_help = true,
        help_heading = "Server"
    )]
    pub http_redirect: Option<String>,

    /// A further address for /metrics, /healthz and /readyz; the main one then has no /metrics; such as
    /// 127.0.0.1:9100
    #[arg(
        long,
        env = "PORTCULLIS_METRICS_LISTEN",
        value_name = "ADDR",
        global = true,
        hide_short_help = true,
        help_heading = "Server"
    )]
    pub metrics_listen: Option<String>,

    /// The OpenTelemetry collector that traces are sent to, by OTLP over HTTP, such as
    /// `http://127.0.0.1:4318`
    #[arg(
        long,
        env = "PORTCULLIS_OTLP_ENDPOINT",
        value_name = "URL",
        global = true,
        hide_env_values = true,
        hide_short_help = true,
        help_heading = "Server"
    )]
    pub otlp_endpoint: Option<String>,

    /// The file that holds the collector's URL, which may have a password in it, instead of otlp-endpoint, such as
    /// /run/secrets/portcullis-otlp-endpoint
    #[arg(
        long,
        env = "PORTCULLIS_OTLP_ENDPOINT_FILE",
        value_name = "FILE",
        global = true,
        hide_short_help = true,
        help_heading = "Server"
    )]
    pub otlp_endpoint_file: Option<PathBuf>,

    /// The header in which trusted proxies say whom they speak for: x-forwarded-for, or forwarded (RFC 7239); the
    /// other is not read
    #[arg(
        long,
        env = "PORTCULLIS_FORWARDED_HEADER",
        value_name = "NAME",
        global = true,
        hide_short_help = true,
        help_heading = "Server",
        default_value = "x-forwarded-for"
    )]
    pub forwarded_header: String,
}

/// The header in which a proxy says whom it speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ForwardedHeader {
    /// What most write.
    #[default]
    XForwardedFor,
    /// RFC 7239.
    Forwarded,
}

/// What holds about the server.
#[derive(Debug, Clone, Default)]
pub struct ServerSettings {
    /// What TLS is served with; none where it is not.
    pub tls: Option<TlsFiles>,
    /// Where requests over http are sent on from.
    pub http_redirect: Option<SocketAddr>,
    /// Where those who watch the server ask; the main address where there is none.
    pub metrics_listen: Option<SocketAddr>,
    /// Where traces are sent; none are made where there is none.
    pub traces: Option<TraceSettings>,
    /// What trusted proxies write.
    pub forwarded_header: ForwardedHeader,
}

/// Where traces are sent.
#[derive(Clone, PartialEq, Eq)]
pub struct TraceSettings {
    /// The collector's URL, without a slash at its end; it may hold a password.
    pub endpoint: String,
    /// How many of a hundred requests are traced that no caller traces already.
    pub sample_percent: u32,
}

/// Without what may be secret.
impl fmt::Debug for TraceSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TraceSettings")
            .field("endpoint", &without_secret(&self.endpoint))
            .field("sample_percent", &self.sample_percent)
            .finish()
    }
}

/// The files that TLS is served with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and those that it was issued by, as PEM.
    pub certificate: PathBuf,
    /// Its private key, as PEM.
    pub key: PathBuf,
}

impl ServerOptions {
    pub(super) fn server(
        self,
        origins: &Origins,
        limits: &Limits,
    ) -> Result<ServerSettings, ConfigError> {
        let tls = match (self.tls_certificate, self.tls_key) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (None, None) => None,
            (Some(_), None) => {
                return Err(ConfigError::new(
                    "tls-key is missing, beside tls-certificate",
                ));
            }
            (None, Some(_)) => {
                return Err(ConfigError::new(
                    "tls-certificate is missing, beside tls-key",
                ));
            }
        };
        let path = self.otlp_endpoint_file.as_deref();
        let endpoint = secrets::setting(origins, "otlp-endpoint", self.otlp_endpoint, path)?;
        Ok(ServerSettings {
            tls,
            http_redirect: optional_address("http-redirect", self.http_redirect.as_deref())?,
            metrics_listen: optional_address("metrics-listen", self.metrics_listen.as_deref())?,
            traces: endpoint
                .map(|endpoint| traces(&endpoint, limits))
                .transpose()?,
            forwarded_header: forwarded_header(&self.forwarded_header)?,
        })
    }
}

fn optional_address(option: &str, text: Option<&str>) -> Result<Option<SocketAddr>, ConfigError> {
    text.map(|text| address(option, text)).transpose()
}

fn forwarded_header(text: &str) -> Result<ForwardedHeader, ConfigError> {
    ForwardedHeader::from_str(text, true).map_err(|_| {
        ConfigError::new(format_args!(
            "forwarded-header is {text:?}, but must be x-forwarded-for or forwarded"
        ))
    })
}

fn traces(endpoint: &str, limits: &Limits) -> Result<TraceSettings, ConfigError> {
    let is_url = Url::parse(endpoint)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if !is_url {
        return Err(ConfigError::new(
            "otlp-endpoint must be the URL of a collector, such as http://127.0.0.1:4318",
        ));
    }
    Ok(TraceSettings {
        endpoint: endpoint.trim_end_matches('/').to_owned(),
        sample_percent: limits.otlp_sample_percent,
    })
}
