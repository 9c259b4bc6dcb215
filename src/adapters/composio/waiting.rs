//! How long requests waited for the provider's limits, as time: a second counts once, however many requests wait in it.
//!
//! Where they wait for different reasons at once, the second is counted for the gravest: a pause, then the reserve, then
//! the configured rate. A wait that is cancelled counts until then.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::telemetry::Metrics;
use crate::telemetry::metrics::WaitReason;

/// The gravest first.
const ORDER: [WaitReason; 3] = [WaitReason::Pause, WaitReason::Reserve, WaitReason::Rate];

/// See the module.
#[derive(Default)]
pub(super) struct Waiting {
    ledger: Mutex<Ledger>,
    metrics: Option<Arc<Metrics>>,
}

#[derive(Default)]
struct Ledger {
    /// How many wait for each reason, in [`ORDER`].
    waiting: [usize; ORDER.len()],
    /// Until when everything is counted, while somebody waits.
    since: Option<Instant>,
}

impl Ledger {
    /// The time since the last change, and what was waited for in it.
    fn settle(&mut self, now: Instant) -> Option<(WaitReason, Duration)> {
        let since = self.since.replace(now)?;
        let (_, why) = self.waiting.iter().zip(ORDER).find(|(count, _)| **count > 0)?;
        Some((why, now - since))
    }
}

impl Waiting {
    pub(super) fn counting_into(metrics: Arc<Metrics>) -> Self {
        Self { ledger: Mutex::default(), metrics: Some(metrics) }
    }

    /// One more waits for this, until what is returned is dropped.
    pub(super) fn begin(self: &Arc<Self>, why: WaitReason) -> Waits {
        self.change(why, |count| *count += 1);
        Waits { waiting: Arc::clone(self), why }
    }

    fn change(&self, why: WaitReason, change: impl FnOnce(&mut usize)) {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = ledger.settle(Instant::now());
        if let Some((count, _)) = ledger.waiting.iter_mut().zip(ORDER).find(|(_, of)| *of == why) {
            change(count);
        }
        drop(ledger);
        if let (Some(metrics), Some((why, waited))) = (&self.metrics, waited) {
            metrics.provider_waited(why, waited);
        }
    }
}

/// A request waits while this lives.
pub(super) struct Waits {
    waiting: Arc<Waiting>,
    why: WaitReason,
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.waiting.change(self.why, |count| *count = count.saturating_sub(1));
    }
}
