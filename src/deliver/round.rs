//! What happened so far in one call of delivering: counted, and remembered for what follows from it in this run.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::attempt::{Ended, Outcome};
use super::reach::PACED;
use super::{DeliverError, Delivered};
use crate::domain::{ChannelName, DeliveryId, RunCounters, Timestamp};
use crate::ports::Channel;
use crate::store::ClaimedDelivery;
use crate::telemetry::events;

/// What happened so far in one call.
#[derive(Default)]
pub(super) struct Round {
    /// Deliveries whose last attempt failed.
    pub failed: HashSet<DeliveryId>,
    /// Whose turn it is among the channels.
    pub turn: usize,
    /// Whether nothing was claimed since something due was looked for a second time.
    pub looked_again: bool,
    /// When there will be a permit to send, where the last look found none.
    pub permit_at: Option<Timestamp>,
    /// Whether anything was put off because of a sending rate: its moment comes, and is waited for.
    pub paced: bool,
    /// How long was waited for repeats since something last came to a good end.
    pub lingered: Duration,
    /// For the summary.
    pub delivered: Delivered,
    /// Why nothing more is claimed.
    pub error: Option<DeliverError>,
}

impl Round {
    /// The channels that have not stopped, by name.
    pub fn open_channels(&self, channels: &[Arc<dyn Channel>]) -> Vec<ChannelName> {
        let stopped = |name: &ChannelName| self.delivered.stopped.iter().any(|(stopped, _)| stopped == name);
        channels.iter().map(|channel| channel.name().clone()).filter(|name| !stopped(name)).collect()
    }

    /// Nothing more is sent on this channel in this run.
    fn stop(&mut self, channel: ChannelName, detail: String) {
        if !self.delivered.stopped.iter().any(|(name, _)| *name == channel) {
            tracing::error!(
                event = events::CHANNEL_STOPPED,
                channel = %channel, detail = %detail,
                "This channel refuses us as a sender; nothing more is sent on it in this run. Mend its configuration: \
                 what is due stays in the outbox."
            );
            self.delivered.stopped.push((channel, detail));
        }
    }

    /// Counts how an attempt ended.
    pub fn count(&mut self, claimed: ClaimedDelivery, ended: Result<Ended, DeliverError>, counters: &mut RunCounters) {
        let Ended { closed, outcome, .. } = match ended {
            Ok(ended) => ended,
            Err(error) => {
                self.error.get_or_insert(error);
                return;
            }
        };
        counters.incidents_closed += closed;
        match outcome {
            Outcome::Sent => {
                counters.deliveries_sent += 1;
                self.lingered = Duration::ZERO;
                self.failed.remove(&claimed.id);
            }
            Outcome::Cancelled(reason) => {
                counters.deliveries_cancelled += 1;
                self.lingered = Duration::ZERO;
                counters.silence(reason);
                self.failed.remove(&claimed.id);
            }
            Outcome::PutOff { code, silence } => {
                counters.deliveries_put_off += 1;
                self.paced |= code == PACED;
                if let Some(reason) = silence {
                    counters.silence(reason);
                }
            }
            Outcome::Failed => {
                self.failed.insert(claimed.id);
            }
            Outcome::ChannelStopped(detail) => {
                self.failed.insert(claimed.id);
                self.stop(claimed.channel, detail);
            }
            Outcome::LeaseLost => {}
        }
    }
}
