//! The log, on standard error.

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Settings};

/// Starts the log.
pub(super) fn start(settings: &Settings) {
    // The settings have seen that it can be taken.
    let filter = EnvFilter::new(&settings.log);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A subscriber that is set already (in tests) stays.
    let _ = match settings.log_format {
        LogFormat::Text => builder
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
