//! The log, on standard error, and traces beside it.

use opentelemetry_otlp::ExporterBuildError;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::{LogFormat, Settings};

use super::log_lines::LogLines;
use super::otlp::Traces;

/// The target of spans that leave for a collector and are in no log.
const TRACE_TARGET: &str = "portcullis::trace";

/// The HTTP library calls it an error when a client sends what is no request; the server has a line of its own for
/// that. What a setting says of the library's lines goes before.
const QUIET: &str = "actix_http=off";

/// What has to be ended with the program.
pub(super) struct Log {
    lines: LogLines,
    traces: Option<Traces>,
}

impl Log {
    /// Sends and writes what has not left yet.
    pub(super) fn stop(self) {
        if let Some(traces) = self.traces {
            traces.stop();
        }
        self.lines.flush();
    }
}

/// Starts the log, and traces where there is a collector for them.
///
/// # Errors
/// When no spans can be sent to that collector.
pub(super) fn start(settings: &Settings) -> Result<Log, ExporterBuildError> {
    // The settings have seen that it can be taken.
    let filter = EnvFilter::new(format!("error,{QUIET},{}", settings.log));
    let lines = LogLines::start();
    let collector = settings.server.traces.as_ref();
    let Some(traces) = collector.map(Traces::start).transpose()? else {
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(lines.clone());
        // A subscriber that is set already (in tests) stays.
        let _ = match settings.log_format {
            LogFormat::Text => builder.with_ansi(is_terminal()).try_init(),
            LogFormat::Json => builder.json().flatten_event(true).try_init(),
        };
        return Ok(Log {
            lines,
            traces: None,
        });
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(lines.clone());
    let layer = match settings.log_format {
        LogFormat::Text => layer.with_ansi(is_terminal()).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    let spans = tracing_opentelemetry::layer()
        .with_tracer(traces.tracer())
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(Targets::new().with_target(TRACE_TARGET, tracing::Level::TRACE));
    let _ = tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .with(spans)
        .try_init();
    Ok(Log {
        lines,
        traces: Some(traces),
    })
}

fn is_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stderr())
}
