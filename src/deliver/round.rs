//! What happened so far in one call of delivering: counted, and remembered for what follows from it in this run.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task;

use super::attempt::{Ended, Outcome};
use super::reach::PACED;
use super::{DeliverError, Delivered};
use crate::domain::{ChannelName, DeliveryId, RunCounters, Timestamp};
use crate::ports::Channel;
use crate::store::{ClaimedDelivery, Due};
use crate::telemetry::events;

/// What happened so far in one call.
#[derive(Default)]
pub(super) struct Round {
    /// Who is told.
    pub due: Due,
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
    /// The channels of the deliveries in flight.
    pub places: HashMap<task::Id, ChannelName>,
    /// Attempts in a row on a channel that came to nothing.
    away: HashMap<ChannelName, u32>,
    /// Channels that are left alone for the rest of this run because of that.
    left_alone: HashSet<ChannelName>,
    /// How long was waited for repeats since something last came to a good end.
    pub lingered: Duration,
    /// For the summary.
    pub delivered: Delivered,
    /// Why nothing more is claimed.
    pub error: Option<DeliverError>,
}

impl Round {
    /// One in which nobody but the operator is told.
    pub fn for_the_operator() -> Self {
        Self { due: Due::Events, ..Self::default() }
    }

    /// The channels that have not stopped and are not left alone, by name.
    pub fn open_channels(&self, channels: &[Arc<dyn Channel>]) -> Vec<ChannelName> {
        let stopped = |name: &ChannelName| self.delivered.stopped.iter().any(|(stopped, _)| stopped == name);
        channels
            .iter()
            .map(|channel| channel.name().clone())
            .filter(|name| !stopped(name) && !self.left_alone.contains(name))
            .collect()
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

    /// One more attempt on this channel came to nothing. A run that went on would last as long as the other side
    /// hangs times what is due.
    fn came_to_nothing(&mut self, channel: &ChannelName, most: u32) {
        let in_a_row = self.away.entry(channel.clone()).or_default();
        *in_a_row += 1;
        if *in_a_row >= most && self.left_alone.insert(channel.clone()) {
            tracing::warn!(
                event = events::CHANNEL_LEFT_ALONE,
                channel = %channel, attempts = most,
                "So many attempts in a row came to nothing; this channel is left alone for the rest of this run. What is \
                 due stays in the outbox."
            );
        }
    }

    /// Counts how an attempt ended; a channel is left alone after `most` in a row that came to nothing.
    pub fn count(
        &mut self,
        claimed: ClaimedDelivery,
        ended: Result<Ended, DeliverError>,
        most: u32,
        counters: &mut RunCounters,
    ) {
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
                self.away.remove(&claimed.channel);
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
            Outcome::Failed { away } => {
                self.failed.insert(claimed.id);
                if away {
                    self.came_to_nothing(&claimed.channel, most);
                }
            }
            Outcome::ChannelStopped(detail) => {
                self.failed.insert(claimed.id);
                self.stop(claimed.channel, detail);
            }
            Outcome::LeaseLost => {}
        }
    }
}
