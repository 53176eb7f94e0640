//! The log, on standard error.

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Starts the log. `PORTCULLIS_LOG` filters it, in the syntax of `tracing_subscriber::EnvFilter`.
pub(super) fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_env("PORTCULLIS_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,actix_server=warn"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A subscriber that is set already (in tests) stays.
    let _ = match format {
        LogFormat::Text => builder
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
