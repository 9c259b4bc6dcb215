//! What came of an attempt, as metrics: counted once it is settled, and only by whoever settled it.

use super::Deliverer;
use super::attempt::Outcome;
use crate::domain::Timestamp;
use crate::store::{ClaimedDelivery, Settlement};
use crate::telemetry::health::Dependency;
use crate::telemetry::metrics::AttemptOutcome;

impl Deliverer {
    /// Counts a settled attempt. `first_told` are the instants from which the incidents count that were told for the first
    /// time, if they were.
    pub(super) fn count_attempt(
        &self,
        claimed: &ClaimedDelivery,
        settlement: &Settlement,
        outcome: &Outcome,
        first_told: &[Timestamp],
        now: Timestamp,
    ) {
        let counted = match outcome {
            Outcome::LeaseLost => return,
            Outcome::Sent => AttemptOutcome::Delivered,
            Outcome::Cancelled(_) => AttemptOutcome::Cancelled,
            _ if settlement.state == "dead" => AttemptOutcome::Dead,
            _ if settlement.put_off => AttemptOutcome::PutOff,
            Outcome::PutOff { .. } | Outcome::Failed { .. } | Outcome::ChannelStopped(_) => AttemptOutcome::Retry,
        };
        self.metrics.delivery_attempt(&claimed.channel, counted);
        if matches!(outcome, Outcome::Sent) {
            for since in first_told {
                self.metrics.told(&claimed.channel, (now - *since).to_std().unwrap_or_default());
            }
        }
    }

    /// What an attempt says of its channel: that it works, or why it does not; none where it says nothing.
    pub(super) fn note_channel(&self, claimed: &ClaimedDelivery, works: Option<Result<(), &str>>, now: Timestamp) {
        let (health, channel) = (self.metrics.health(), Dependency::Channel(&claimed.channel));
        match works {
            Some(Ok(())) => health.works(channel, now),
            Some(Err(reason)) => health.fails(channel, reason, now),
            None => {}
        }
    }
}
