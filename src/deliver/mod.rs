//! Turns due deliveries into sent mail and posted webhooks.
//!
//! For each: take the lease (which counts the attempt), read the address, ask the provider once more, drop
//! what has healed, send, settle under the lease's token. No transaction is open while the network is used.
//!
//! Guarantees: at least once, under an outside id that never changes; never to a user whose accounts were
//! not confirmed broken a moment before; one failing delivery never stops the others. A crash leaves a lease that
//! expires by the database's clock; the delivery is then tried again under the same id.

mod attempt;
mod recheck;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::domain::{ChannelName, DeliveryId, IdMint, ReconnectUrl, RetrySchedule, RunCounters, RunId, Silence};
use crate::fault;
use crate::ports::{Channel, Clock, Directory, Provider, ProviderError};
use crate::store::{ClaimedDelivery, Store, StoreError};
use crate::telemetry::events;

use attempt::Ended;

/// Deliveries in flight at once. Each costs the provider one request; the mail server is the slower side.
const CONCURRENCY: usize = 4;

/// Longer than everything an attempt may take (see `attempt`), so that a lease expires only under a worker
/// that is gone.
const LEASE_TTL: Duration = Duration::from_mins(5);

/// A one-shot run waits this long for a delivery that just failed and is due again soon, so that a hiccup
/// of the mail server does not cost a day.
const LINGER: Duration = Duration::from_secs(30);

/// Everything delivering needs.
pub struct Deliverer {
    /// The outbox.
    pub store: Store,
    /// Where addresses are.
    pub directory: Arc<dyn Directory>,
    /// Who is asked once more.
    pub provider: Arc<dyn Provider>,
    /// How people are told.
    pub channels: Vec<Arc<dyn Channel>>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Makes lease tokens and jitter.
    pub mint: Arc<IdMint>,
    /// Where people are sent.
    pub reconnect_url: ReconnectUrl,
    /// When failures are tried again.
    pub retry: RetrySchedule,
    /// The run attempts are counted to.
    pub run: RunId,
}

/// Delivering had to stop; what was not sent stays in the outbox.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// The provider refused us or answered about somebody else: nobody may be told anything.
    #[error("asking the provider once more before sending failed")]
    Provider(#[source] ProviderError),
    /// The outbox could not be read or written.
    #[error("the outbox could not be read or written")]
    Store(#[from] StoreError),
}

/// What delivering came to.
#[derive(Debug, Default)]
pub struct Delivered {
    /// Channels that refuse us as a sender, and why.
    pub stopped: Vec<(ChannelName, String)>,
}

impl Deliverer {
    /// Sends everything that is due, and what becomes due within half a minute.
    pub async fn deliver_due(self: Arc<Self>, counters: &mut RunCounters) -> Result<Delivered, DeliverError> {
        let mut round = Round::default();
        let mut in_flight = JoinSet::new();
        loop {
            // The permit (room in `in_flight`) comes before the lease: a leased row is worked on at once.
            while round.error.is_none() && in_flight.len() < CONCURRENCY {
                match self.claim(&mut round).await {
                    Ok(Some(claimed)) => {
                        let this = Arc::clone(&self);
                        in_flight.spawn(async move { this.attempt(claimed).await });
                    }
                    Ok(None) => break,
                    // What is in flight is finished and settled all the same.
                    Err(error) => round.error = Some(DeliverError::Store(error)),
                }
            }
            match in_flight.join_next().await {
                Some(Ok((claimed, ended))) => round.count(claimed, ended, counters),
                // Its lease lapses and the attempt counts; the others go on.
                Some(Err(panic)) => tracing::error!(
                    event = events::DELIVERY_RETRY, error = %panic,
                    "An attempt ended without a word; it will be repeated once its lease has lapsed."
                ),
                None if round.error.is_none() && self.wait_for_more(&mut round).await? => {}
                None => break,
            }
        }
        counters.deliveries_failed += round.failed.len() as u64;
        // What is kept open between sends is not kept between runs.
        futures_util::future::join_all(self.channels.iter().map(|channel| channel.close())).await;
        match round.error {
            Some(error) => Err(error),
            None => Ok(round.delivered),
        }
    }

    /// The next delivery that is due, the channels taking turns.
    async fn claim(&self, round: &mut Round) -> Result<Option<ClaimedDelivery>, StoreError> {
        let channels = round.open_channels(&self.channels);
        let now = self.clock.now();
        let token = self.mint.uuid(now);
        for turn in 0..channels.len() {
            let channel = &channels[(round.turn + turn) % channels.len()];
            let mut work = self.store.begin().await?;
            let claimed = work.claim_delivery(channel, &token, LEASE_TTL, &self.run, now).await?;
            fault::point("claim.before_commit");
            work.commit().await?;
            fault::point("claim.after_commit");
            if claimed.is_some() {
                round.turn += turn + 1;
                round.looked_again = false;
                return Ok(claimed);
            }
        }
        Ok(None)
    }

    /// Waits for the next delivery if it is due soon. Says whether it is worth another look.
    async fn wait_for_more(&self, round: &mut Round) -> Result<bool, StoreError> {
        let mut work = self.store.begin_read().await?;
        let next = work.next_attempt_at(&round.open_channels(&self.channels)).await?;
        work.roll_back();
        let Some(wait) = next.map(|next| (next - self.clock.now()).to_std().unwrap_or_default()) else {
            return Ok(false);
        };
        // Due and yet not claimed: it became due this very moment (look again, once), or another process was
        // faster and it is that process's to see to.
        if wait.is_zero() {
            return Ok(!std::mem::replace(&mut round.looked_again, true));
        }
        if wait > LINGER {
            return Ok(false);
        }
        self.clock.sleep(wait).await;
        Ok(true)
    }
}

/// What happened so far in one call.
#[derive(Default)]
struct Round {
    failed: HashSet<DeliveryId>,
    /// The last message on each channel whose content was refused, with none taken since.
    content_refused: HashMap<ChannelName, DeliveryId>,
    /// Whose turn it is among the channels.
    turn: usize,
    /// Whether nothing was claimed since something due was looked for a second time.
    looked_again: bool,
    delivered: Delivered,
    error: Option<DeliverError>,
}

impl Round {
    fn open_channels(&self, channels: &[Arc<dyn Channel>]) -> Vec<ChannelName> {
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

    fn count(&mut self, claimed: ClaimedDelivery, ended: Result<Ended, DeliverError>, counters: &mut RunCounters) {
        match ended {
            Ok(Ended { closed, outcome }) => {
                counters.incidents_closed += closed;
                match outcome {
                    attempt::Outcome::Sent => {
                        counters.deliveries_sent += 1;
                        self.content_refused.remove(&claimed.channel);
                        self.failed.remove(&claimed.id);
                    }
                    attempt::Outcome::Cancelled(reason) => {
                        counters.deliveries_cancelled += 1;
                        counters.silence(reason);
                        self.failed.remove(&claimed.id);
                    }
                    attempt::Outcome::Postponed => counters.silence(Silence::Pending),
                    attempt::Outcome::Failed => {
                        self.failed.insert(claimed.id);
                    }
                    attempt::Outcome::ChannelStopped(detail) => {
                        self.failed.insert(claimed.id);
                        self.stop(claimed.channel, detail);
                    }
                    attempt::Outcome::ContentRefused(detail) => {
                        self.failed.insert(claimed.id.clone());
                        // One mail with an unlucky name must not stop everybody's; two in a row are no accident.
                        let before = self.content_refused.insert(claimed.channel.clone(), claimed.id.clone());
                        if before.is_some_and(|before| before != claimed.id) {
                            self.stop(claimed.channel, detail);
                        }
                    }
                    attempt::Outcome::LeaseLost => {}
                }
            }
            Err(error) => {
                self.error.get_or_insert(error);
            }
        }
    }
}
