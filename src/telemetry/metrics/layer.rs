//! A layer of the log subscriber that counts events by name, whatever the log's level lets through to its lines.

use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::Metrics;
use super::labels::CountedLevel;

/// See the module.
#[derive(Debug, Clone)]
pub struct CountingLayer {
    metrics: Arc<Metrics>,
}

impl CountingLayer {
    /// Counts into `metrics`.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics }
    }
}

impl<S: Subscriber> Layer<S> for CountingLayer {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let level = match *event.metadata().level() {
            Level::ERROR => CountedLevel::Error,
            Level::WARN => CountedLevel::Warn,
            Level::INFO => CountedLevel::Info,
            _ => return,
        };
        let mut name = EventName(String::new());
        event.record(&mut name);
        self.metrics.event(&name.0, level);
    }
}

/// The field `event`.
struct EventName(String);

impl Visit for EventName {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "event" {
            value.clone_into(&mut self.0);
        }
    }

    fn record_debug(&mut self, _field: &Field, _value: &dyn std::fmt::Debug) {}
}
