//! The bounds that keep one request, and one client, from taking the server for itself.

use clap::Args;

use super::ConfigError;

/// Declares each limit once: as an option of the command line, the environment and the file, and as a
/// value with a default and a range.
macro_rules! limits {
    ($($(#[doc = $documentation:literal])+ $name:ident: $default:literal in $least:literal..=$most:literal,
        $option:literal, $variable:literal;)*) => {
        /// The limits as someone wrote them: text, so that a bad one is named together with its origin.
        #[derive(Debug, Clone, Args)]
        pub struct LimitOptions {
            $(
                $(#[doc = $documentation])+
                #[arg(long = $option, env = $variable, value_name = "N", global = true,
                    default_value_t = u32::to_string(&$default),
                    hide_short_help = true, help_heading = "Limits")]
                pub $name: String,
            )*
        }

        impl LimitOptions {
            pub(super) fn limits(&self) -> Result<Limits, ConfigError> {
                let limits = Limits {
                    $($name: within($option, &self.$name, $least, $most)?,)*
                };
                limits.check()?;
                Ok(limits)
            }
        }

        /// Of each option the least and the greatest number.
        pub(super) const RANGES: &[(&str, u32, u32)] = &[$(($option, $least, $most),)*];

        /// The bounds that hold.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Limits {
            $($(#[doc = $documentation])+ pub $name: u32,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }
    };
}

limits! {
    /// Items on a page when the client names no number.
    default_page_size: 100 in 1..=10_000, "default-page-size", "PORTCULLIS_DEFAULT_PAGE_SIZE";
    /// Items on a page at most.
    max_page_size: 1_000 in 1..=10_000, "max-page-size", "PORTCULLIS_MAX_PAGE_SIZE";
    /// Operations in one PATCH request at most.
    max_patch_operations: 1_000 in 1..=100_000, "max-patch-operations", "PORTCULLIS_MAX_PATCH_OPERATIONS";
    /// Operations in one Bulk request at most.
    max_bulk_operations: 1_000 in 1..=100_000, "max-bulk-operations", "PORTCULLIS_MAX_BULK_OPERATIONS";
    /// Bytes of a Bulk request at most.
    max_bulk_payload: 4_194_304 in 1_024..=268_435_456, "max-bulk-payload", "PORTCULLIS_MAX_BULK_PAYLOAD";
    /// Bytes of any other SCIM request at most.
    max_body: 8_388_608 in 1_024..=268_435_456, "max-body", "PORTCULLIS_MAX_BODY";
    /// A PATCH of a group with more members than this is answered without a body.
    max_members_in_answer: 100 in 0..=1_000_000, "max-members-in-answer", "PORTCULLIS_MAX_MEMBERS_IN_ANSWER";
    /// Milliseconds that one query may take.
    statement_time_limit_ms: 5_000 in 10..=600_000, "statement-time-limit-ms", "PORTCULLIS_STATEMENT_TIME_LIMIT_MS";
    /// Seconds that a cursor may be used.
    cursor_timeout: 3_600 in 10..=604_800, "cursor-timeout", "PORTCULLIS_CURSOR_TIMEOUT";
    /// Connections to PostgreSQL at most.
    postgres_connections: 32 in 1..=1_000, "postgres-connections", "PORTCULLIS_POSTGRES_CONNECTIONS";
    /// Failed sign-ins with one user name from one address within fifteen minutes, after which more are refused.
    sign_in_attempts: 10 in 1..=1_000, "sign-in-attempts", "PORTCULLIS_SIGN_IN_ATTEMPTS";
    /// Seconds that an access token works.
    access_token_seconds: 300 in 60..=3_600, "access-token-seconds", "PORTCULLIS_ACCESS_TOKEN_SECONDS";
    /// Days that a key signs access tokens before its successor does.
    signing_key_days: 30 in 2..=365, "signing-key-days", "PORTCULLIS_SIGNING_KEY_DAYS";
    /// Days that audit events are kept, at least 90; 0 keeps them for good.
    audit_retention_days: 0 in 0..=36_500, "audit-retention-days", "PORTCULLIS_AUDIT_RETENTION_DAYS";
    /// Requests a second of a SCIM key whose own rate is not set, with bursts of ten times as many; 0 for no bound.
    scim_key_rate: 100 in 0..=1_000_000, "scim-key-rate", "PORTCULLIS_SCIM_KEY_RATE";
    /// The same of an admin API key.
    api_key_rate: 50 in 0..=1_000_000, "api-key-rate", "PORTCULLIS_API_KEY_RATE";
    /// The same of a session.
    session_rate: 50 in 0..=1_000_000, "session-rate", "PORTCULLIS_SESSION_RATE";
    /// The same of a service account's credential.
    service_account_rate: 50 in 0..=1_000_000, "service-account-rate", "PORTCULLIS_SERVICE_ACCOUNT_RATE";
    /// The same of a product's credential, which asks about every request that the product gets.
    product_credential_rate: 0 in 0..=1_000_000, "product-credential-rate", "PORTCULLIS_PRODUCT_CREDENTIAL_RATE";
    /// Credentials that nobody knows, from one address in a minute, after which more are answered with 429; 0 for no bound.
    unknown_credential_rate: 60 in 0..=1_000_000, "unknown-credential-rate", "PORTCULLIS_UNKNOWN_CREDENTIAL_RATE";
    /// Days that notices are kept that are on their way to nobody any more.
    notice_retention_days: 400 in 1..=3_650, "notice-retention-days", "PORTCULLIS_NOTICE_RETENTION_DAYS";
    /// Seconds that mail waits for other notices of its kind, to go as one.
    mail_digest_seconds: 60 in 0..=86_400, "mail-digest-seconds", "PORTCULLIS_MAIL_DIGEST_SECONDS";
    /// Days that a deleted person can be recovered.
    recovery_days: 30 in 1..=365, "recovery-days", "PORTCULLIS_RECOVERY_DAYS";
    /// Connections at most; further ones wait until one is closed.
    max_connections: 10_000 in 16..=1_000_000, "max-connections", "PORTCULLIS_MAX_CONNECTIONS";
    /// Seconds that a connection is kept on which nothing is asked.
    keep_alive_seconds: 60 in 1..=3_600, "keep-alive-seconds", "PORTCULLIS_KEEP_ALIVE_SECONDS";
    /// Seconds that a TLS handshake may take, and that the line and headers of a request may.
    request_head_seconds: 10 in 1..=300, "request-head-seconds", "PORTCULLIS_REQUEST_HEAD_SECONDS";
    /// Seconds that the body of a request may take.
    request_body_seconds: 60 in 1..=3_600, "request-body-seconds", "PORTCULLIS_REQUEST_BODY_SECONDS";
    /// Seconds that a client may take nothing of an answer.
    answer_stall_seconds: 60 in 1..=3_600, "answer-stall-seconds", "PORTCULLIS_ANSWER_STALL_SECONDS";
    /// Seconds that a list or group may take to be sent that is sent while it is read from the database.
    stream_seconds: 300 in 1..=3_600, "stream-seconds", "PORTCULLIS_STREAM_SECONDS";
    /// Bytes of the path and query of a request at most.
    max_url_bytes: 16_384 in 256..=65_536, "max-url-bytes", "PORTCULLIS_MAX_URL_BYTES";
    /// Bytes of the headers of a request at most.
    max_header_bytes: 32_768 in 1_024..=65_536, "max-header-bytes", "PORTCULLIS_MAX_HEADER_BYTES";
    /// Of a hundred requests that no caller traces already, how many are traced (with otlp-endpoint).
    otlp_sample_percent: 100 in 0..=100, "otlp-sample-percent", "PORTCULLIS_OTLP_SAMPLE_PERCENT";
    /// Seconds that the server goes on serving when it is told to stop, while /readyz says that it does.
    drain_seconds: 0 in 0..=600, "drain-seconds", "PORTCULLIS_DRAIN_SECONDS";
    /// Requests that may wait for the database; more are answered 503.
    max_waiting: 512 in 1..=100_000, "max-waiting", "PORTCULLIS_MAX_WAITING";
    /// Milliseconds that a request waits for a connection or the writer before it is answered 503.
    database_wait_ms: 5_000 in 10..=60_000, "database-wait-ms", "PORTCULLIS_DATABASE_WAIT_MS";
    /// Seconds that requests in flight have to finish when the server is told to stop.
    shutdown_seconds: 30 in 1..=600, "shutdown-seconds", "PORTCULLIS_SHUTDOWN_SECONDS";
}

impl Limits {
    fn check(&self) -> Result<(), ConfigError> {
        if self.default_page_size > self.max_page_size {
            return Err(ConfigError::new(format_args!(
                "default-page-size is {}, which is more than max-page-size ({})",
                self.default_page_size, self.max_page_size
            )));
        }
        if (1..LEAST_RETENTION_DAYS).contains(&self.audit_retention_days) {
            return Err(ConfigError::new(format_args!(
                "audit-retention-days is {}, but must be at least {LEAST_RETENTION_DAYS}, or 0 to keep \
                 events for good",
                self.audit_retention_days
            )));
        }
        Ok(())
    }
}

/// Audit events are kept for so many days at least.
const LEAST_RETENTION_DAYS: u32 = 90;

fn within(option: &str, text: &str, least: u32, most: u32) -> Result<u32, ConfigError> {
    text.trim()
        .parse()
        .ok()
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| {
            ConfigError::new(format_args!(
                "{option} is {text:?}, but must be a number from {least} to {most}"
            ))
        })
}
