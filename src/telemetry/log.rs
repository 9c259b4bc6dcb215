//! The layer between `tracing` and the lines: collects the fields of spans, joins them to their events and
//! writes the line.

use std::io::Write as _;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::LogSettings;
use super::fields::{Fields, Recorder};
use super::line::{Line, LineFormat};
use super::mask::Mask;
use crate::domain::RunId;
use crate::ports::Clock;

/// The field of a span that names its run; it takes the place of the process's own on the lines within.
const RUN_ID: &str = "run_id";

/// Writes every event that the filter lets through.
pub(super) struct LogLayer<W> {
    format: LineFormat,
    run_id: RunId,
    clock: Arc<dyn Clock>,
    mask: Arc<RwLock<Mask>>,
    writer: W,
}

impl<W> LogLayer<W> {
    pub(super) fn new(settings: LogSettings, writer: W) -> Self {
        let LogSettings { format, run_id, clock, secrets, .. } = settings;
        Self { format, run_id, clock, mask: Arc::new(RwLock::new(Mask::new(secrets))), writer }
    }

    /// What it hides, to be added to.
    pub(super) fn mask(&self) -> Arc<RwLock<Mask>> {
        Arc::clone(&self.mask)
    }

    fn hidden(&self) -> RwLockReadGuard<'_, Mask> {
        self.mask.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S, W> Layer<S> for LogLayer<W>
where
    S: Subscriber + for<'l> LookupSpan<'l>,
    W: for<'w> MakeWriter<'w> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut Recorder { fields: &mut fields, mask: &self.hidden() });
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(&mut Recorder { fields, mask: &self.hidden() });
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut Recorder { fields: &mut fields, mask: &self.hidden() });
        // Of several runs in one process, the event itself or the nearest span that knows its run says whose line this is.
        let mut run_id = fields.take(RUN_ID).and_then(|own| own.as_str().map(RunId::new));
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(outer) = span.extensions().get::<Fields>() {
                run_id = run_id.or_else(|| outer.text(RUN_ID).map(RunId::new));
                fields.add_outer(outer, RUN_ID);
            }
        }
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        let run_id = run_id.as_ref().unwrap_or(&self.run_id);
        let line = Line { at: self.clock.now(), level, target, run_id, fields };
        let text = self.format.render(line);
        // Standard error may be closed; there is nowhere left to say so, and the run does not depend on it.
        let _ = self.writer.make_writer_for(event.metadata()).write_all(text.as_bytes());
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
