//! Structured logs: the subscriber, the shape of a line and the closed list of event names.
//!
//! Turns `tracing` events into lines on standard error, JSON for machines or a sentence for people. Guarantees:
//! one event is one line whatever its values hold, every line carries the run's id, and configured secrets
//! and e-mail addresses do not get out even where a caller slipped. A line that cannot be written is lost;
//! the work goes on.

pub mod events;
mod fields;
pub mod health;
mod journal;
mod line;
mod log;
mod mask;
pub mod metrics;
pub mod otlp;
pub mod pulse;
pub mod spans;

use std::sync::{Arc, PoisonError, RwLock};

use opentelemetry_sdk::trace::SdkTracer;
use secrecy::SecretString;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::filter::{FilterFn, LevelFilter, Targets, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::{EnvFilter, Registry, reload};

pub use line::LineFormat;
use metrics::CountingLayer;
pub use metrics::Metrics;
pub use otlp::FLUSH_LIMIT;
pub use pulse::Pulse;

use crate::domain::RunId;
use crate::ports::Clock;

/// What every line has in common; fixed for the process.
pub struct LogSettings {
    /// How lines look.
    pub format: LineFormat,
    /// A level for this program (`info`), or a list of `target=level` that may begin with one. Other crates
    /// speak from `warn` up unless the list names them.
    pub level: String,
    /// The run, on every line.
    pub run_id: RunId,
    /// Where the time on the lines comes from.
    pub clock: Arc<dyn Clock>,
    /// Texts that must never be seen, such as keys and passwords; those shorter than six characters are too
    /// common to hide.
    pub secrets: Vec<SecretString>,
}

/// Where else events and spans go.
#[derive(Default)]
pub struct Signals {
    /// Events are counted here.
    pub metrics: Option<Arc<Metrics>>,
    /// Spans are traced through this.
    pub tracer: Option<SdkTracer>,
}

/// Logging could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The level is no level and no list of them.
    #[error("logging: [log] level cannot be used")]
    Level(#[source] tracing_subscriber::filter::ParseError),
    /// The log of this process is not there any more.
    #[error("logging: the log is gone")]
    Gone(#[source] reload::Error),
    /// A subscriber was installed before.
    #[error("logging: already started in this process")]
    Started(#[source] tracing::subscriber::SetGlobalDefaultError),
}

/// `text` as a log line would show it, for an error that is printed elsewhere too: without these secrets and
/// without e-mail addresses.
pub fn masked(text: &str, secrets: Vec<SecretString>) -> String {
    mask::Mask::new(secrets).apply(text)
}

/// Starts logging for the process. `writer` gives the place a line goes to: `std::io::stderr`, or one that
/// moves a progress bar out of the way first; it gets every line, with its newline, in one call of `write_all`.
/// Where standard error is systemd's journal, each line begins with its priority.
pub fn init<W>(settings: LogSettings, signals: Signals, writer: W) -> Result<LogHandle, TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let writer = journal::Priorities { inner: writer, on: journal::is_standard_error() };
    let (subscriber, handle) = adjustable(settings, signals, writer)?;
    tracing::subscriber::set_global_default(subscriber).map_err(TelemetryError::Started)?;
    Ok(handle)
}

/// The same without installing it, for a scope or a test.
pub fn subscriber<W>(settings: LogSettings, writer: W) -> Result<impl tracing::Subscriber + Send + Sync, TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    adjustable(settings, Signals::default(), writer).map(|(subscriber, _)| subscriber)
}

/// The same, and what changes it later.
pub fn adjustable<W>(
    settings: LogSettings,
    signals: Signals,
    writer: W,
) -> Result<(impl tracing::Subscriber + Send + Sync, LogHandle), TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let (filter, level) = reload::Layer::new(filter(&settings.level)?);
    let layer = log::LogLayer::new(settings, writer);
    let handle = LogHandle { level, mask: layer.mask() };
    // Events are counted and spans traced whatever level the lines have.
    let ours = Targets::new().with_target(env!("CARGO_CRATE_NAME"), LevelFilter::INFO);
    let counting = signals.metrics.map(|metrics| CountingLayer::new(metrics).with_filter(ours));
    let tracing = signals.tracer.map(|tracer| {
        let layer = OpenTelemetryLayer::new(tracer).with_location(false).with_threads(false).with_target(false);
        layer.with_tracked_inactivity(false).with_filter(our_spans())
    });
    Ok((Registry::default().with(layer.with_filter(filter)).with(counting).with(tracing), handle))
}

/// Spans, and no events: those hold texts of others, which only the log masks.
fn our_spans() -> FilterFn {
    filter_fn(|metadata| {
        metadata.is_span() && metadata.target() == concat!(env!("CARGO_CRATE_NAME"), "::telemetry::spans")
    })
}

fn filter(level: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::builder().parse(directives(level)).map_err(TelemetryError::Level)
}

/// Changes the log of a process that runs.
#[derive(Clone)]
pub struct LogHandle {
    level: reload::Handle<EnvFilter, Registry>,
    mask: Arc<RwLock<mask::Mask>>,
}

impl LogHandle {
    /// From now on this level, or list of levels, holds.
    pub fn set_level(&self, level: &str) -> Result<(), TelemetryError> {
        self.level.reload(filter(level)?).map_err(TelemetryError::Gone)
    }

    /// From now on these texts are hidden too; those hidden before stay so, because they may still be said.
    pub fn also_hide(&self, secrets: Vec<SecretString>) {
        self.mask.write().unwrap_or_else(PoisonError::into_inner).add(secrets);
    }
}

/// A bare level is meant for this program. Libraries stay at `warn`, or below it where the level is lower.
fn directives(level: &str) -> String {
    let (ours, named): (Vec<&str>, Vec<&str>) = level.split(',').map(str::trim).partition(|part| !part.contains('='));
    let ours = ours.last().copied().unwrap_or("info");
    let others = match ours.to_lowercase().as_str() {
        "off" => "off",
        "error" => "error",
        _ => "warn",
    };
    let mut all = vec![others.to_owned(), format!("{}={ours}", env!("CARGO_CRATE_NAME"))];
    all.extend(named.into_iter().map(str::to_owned));
    all.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_level_is_for_this_program_alone() {
        for (level, expected) in [
            ("info", "warn,reconnectd=info"),
            ("trace", "warn,reconnectd=trace"),
            ("error", "error,reconnectd=error"),
            ("off", "off,reconnectd=off"),
            ("info,sqlx=debug", "warn,reconnectd=info,sqlx=debug"),
            ("sqlx=debug, reconnectd::scan=trace", "warn,reconnectd=info,sqlx=debug,reconnectd::scan=trace"),
        ] {
            assert_eq!(directives(level), expected);
        }
    }
}
