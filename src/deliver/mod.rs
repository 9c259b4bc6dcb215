//! Turns due deliveries into sent mail and posted webhooks.
//!
//! ```text
//! permit ─▶ claim ─▶ reach ─▶ look ─▶ send ─▶ settle
//!  pace     lease   address   provider channel  one transaction: outcome, channel, suppression, events
//! ```
//!
//! For each: wait for the sending rate, take the lease (which counts the attempt), read the address, ask the provider
//! once more, drop what has healed or was silenced, send, settle under the lease's token. No transaction is open
//! while the network is used.
//!
//! Guarantees: at least once, under an outside id that never changes; never to a user whose accounts were
//! not confirmed broken a moment before; one failing delivery never stops the others; any number of processes
//! work on one outbox, and none on what another holds. A crash leaves a lease that expires by the database's
//! clock; the delivery is then tried again under the same id.

mod attempt;
mod content;
mod counting;
mod links;
mod look;
mod pace;
mod reach;
mod recheck;
mod round;
mod settings;
mod settle;
mod stopped;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::domain::{ChannelName, IdMint, QuietHours, ReconnectUrl, RetrySchedule, RunCounters, RunId, Timestamp};
use crate::fault;
use crate::ports::{Channel, Clock, Directory, Provider, ProviderError};
use crate::store::{ClaimedDelivery, Due, Store, StoreError};
use crate::telemetry::{Metrics, Pulse, events, spans};

pub use content::Content;
pub use pace::{Pace, PaceLimits};
use round::Round;
pub use settings::{DeliverySettings, LEAVE_ALONE_AFTER};

/// Deliveries in flight at once on each channel: one that hangs holds up no other. Each costs the provider one request;
/// the mail server is the slower side.
const PLACES: usize = 4;

/// Longer than everything an attempt may take, so that a lease expires only under a worker that is gone: at most 60 s
/// for the address, 120 s for the last look, 120 s for the sending and 220 s for the settlement are 520 s; what is left
/// is for a slow machine.
const LEASE_TTL: Duration = Duration::from_mins(10);
const _: () = assert!(
    reach::CONTACT_LIMIT.as_secs()
        + attempt::RECHECK_LIMIT.as_secs()
        + attempt::SEND_LIMIT.as_secs()
        + settle::SETTLE_LIMIT.as_secs()
        + 60
        <= LEASE_TTL.as_secs()
);

/// A one-shot run waits this long for a delivery that just failed and is due again soon, so that a hiccup
/// of the mail server does not cost a day.
const LINGER: Duration = Duration::from_secs(30);

/// Together it waits no longer than this for repeats since something last came to a good end: with many failing
/// deliveries there is always one that is due soon, and the run would last as long as their ladder.
const MOST_LINGER: Duration = Duration::from_mins(2);

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
    /// Makes lease tokens, ids of events and jitter.
    pub mint: Arc<IdMint>,
    /// Where people are sent.
    pub reconnect_url: ReconnectUrl,
    /// When failures are tried again, and until when.
    pub retry: RetrySchedule,
    /// When nobody is disturbed by a channel that writes to addresses.
    pub quiet: QuietHours,
    /// The rest of the settings.
    pub settings: DeliverySettings,
    /// How fast this process has sent of late; all its deliverers share it.
    pub pace: Arc<Mutex<Pace>>,
    /// The run attempts are counted to.
    pub run: RunId,
    /// Nothing more is claimed after this; what is in flight is finished and settled.
    pub stop: CancellationToken,
    /// What is counted, and how channels fare.
    pub metrics: Arc<Metrics>,
    /// Told of every attempt.
    pub pulse: Arc<Pulse>,
    /// What was last refused as it is on each channel, with nothing taken since.
    pub refused: Mutex<HashMap<ChannelName, Content>>,
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
    /// Whether it was asked to stop while something may still have been due.
    pub interrupted: bool,
}

impl Deliverer {
    /// Sends everything that is due, as fast as the rates allow, and what becomes due within half a minute.
    pub async fn deliver_due(self: Arc<Self>, counters: &mut RunCounters) -> Result<Delivered, DeliverError> {
        self.deliver(Round::default(), counters).await
    }

    /// Sends the events for the operator that are due: they need no provider, and go out also where it refuses us.
    pub async fn deliver_events(self: Arc<Self>, counters: &mut RunCounters) -> Result<Delivered, DeliverError> {
        self.deliver(Round::for_the_operator(), counters).await
    }

    async fn deliver(self: Arc<Self>, mut round: Round, counters: &mut RunCounters) -> Result<Delivered, DeliverError> {
        let mut in_flight = JoinSet::new();
        loop {
            // The permit (a place of the channel's, then the sending rate) comes before the lease: a leased row is worked
            // on at once.
            while round.error.is_none() && !self.stop.is_cancelled() {
                match self.claim(&mut round).await {
                    Ok(Some(claimed)) => {
                        let this = Arc::clone(&self);
                        let channel = claimed.channel.clone();
                        let span = spans::delivery(
                            &claimed.id,
                            &claimed.notification,
                            &claimed.channel,
                            &claimed.user,
                            claimed.attempt,
                        );
                        let task = in_flight
                            .spawn(self.pulse.within(async move { this.attempt(claimed).await }.instrument(span)));
                        round.places.insert(task.id(), channel);
                    }
                    Ok(None) => break,
                    // What is in flight is finished and settled all the same.
                    Err(error) => round.error = Some(DeliverError::Store(error)),
                }
            }
            let joined = match round.permit_at.filter(|_| round.error.is_none() && !self.stop.is_cancelled()) {
                Some(at) if !in_flight.is_empty() => {
                    let wait = self.until(at);
                    tokio::select! {
                        biased;
                        joined = in_flight.join_next_with_id() => joined,
                        () = self.clock.sleep(wait) => continue,
                        () = self.stop.cancelled() => continue,
                    }
                }
                _ => in_flight.join_next_with_id().await,
            };
            match joined {
                Some(Ok((task, (claimed, ended)))) => {
                    self.pulse.beat();
                    round.places.remove(&task);
                    if ended.as_ref().is_ok_and(|ended| !ended.reached) && self.is_paced(&claimed.channel) {
                        self.pace().give_back();
                    }
                    round.count(claimed, ended, self.settings.leave_alone_after, counters);
                }
                // Its lease lapses and the attempt counts; the others go on.
                Some(Err(panic)) => {
                    round.places.remove(&panic.id());
                    tracing::error!(
                        event = events::DELIVERY_RETRY, error = %panic,
                        "An attempt ended without a word; it will be repeated once its lease has lapsed."
                    );
                }
                None if self.stop.is_cancelled() => {
                    round.delivered.interrupted = true;
                    break;
                }
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

    /// The next delivery that is due, the channels taking turns; those that write to addresses only with a permit.
    async fn claim(&self, round: &mut Round) -> Result<Option<ClaimedDelivery>, StoreError> {
        let mut channels = round.open_channels(&self.channels);
        channels.retain(|channel| round.places.values().filter(|busy| *busy == channel).count() < PLACES);
        round.permit_at = None;
        for turn in 0..channels.len() {
            let channel = &channels[(round.turn + turn) % channels.len()];
            let now = self.clock.now();
            let paced = self.is_paced(channel);
            if paced && let Err(at) = self.pace().permit(now) {
                round.permit_at = Some(at);
                continue;
            }
            let claimed = self.claim_on(channel, round.due, now).await;
            if paced && !matches!(claimed, Ok(Some(_))) {
                self.pace().give_back();
            }
            if let Some(claimed) = claimed? {
                round.turn += turn + 1;
                round.looked_again = false;
                return Ok(Some(claimed));
            }
        }
        Ok(None)
    }

    async fn claim_on(
        &self,
        channel: &ChannelName,
        due: Due,
        now: Timestamp,
    ) -> Result<Option<ClaimedDelivery>, StoreError> {
        let token = self.mint.uuid(now);
        let mut work = self.store.begin().await?;
        let claimed = work.claim_delivery(channel, due, &token, LEASE_TTL, &self.run, now).await?;
        fault::point("claim.before_commit");
        work.commit().await?;
        fault::point("claim.after_commit");
        Ok(claimed)
    }

    /// Waits for the next delivery if it is due soon, or only the rate keeps it. Says whether it is worth another
    /// look.
    async fn wait_for_more(&self, round: &mut Round) -> Result<bool, StoreError> {
        let (paced, free): (Vec<_>, Vec<_>) =
            round.open_channels(&self.channels).into_iter().partition(|channel| self.is_paced(channel));
        let mut work = self.store.begin_read().await?;
        // Of the events for the operator, what writes to people's addresses carries none.
        let next_free = work.next_attempt_at(&free, round.due).await?;
        let next_paced = work.next_attempt_at(&paced, round.due).await?;
        work.roll_back();
        // What is due and waits for its permit is waited for however long: the rate says how long that is.
        let now = self.clock.now();
        let permit_at = round.permit_at.filter(|at| *at > now);
        if let (Some(at), Some(due)) = (permit_at, next_paced)
            && due <= now
            && next_free.is_none_or(|free| free > now)
        {
            self.pause(self.until(next_free.map_or(at, |free| free.min(at)))).await;
            return Ok(true);
        }
        let Some(next) = next_free.into_iter().chain(next_paced).min() else { return Ok(false) };
        let wait = (next - now).to_std().unwrap_or_default();
        // Due and yet not claimed: it became due this very moment (look again, once), or another process was
        // faster and it is that process's to see to.
        if wait.is_zero() {
            return Ok(!std::mem::replace(&mut round.looked_again, true));
        }
        // What waits for its domain's rate has a moment of its own, which is waited for.
        let gap = if round.paced { self.pace().longest_gap() } else { Duration::ZERO };
        round.lingered += wait;
        if wait > LINGER.max(gap) || round.lingered > MOST_LINGER.max(gap * 2) {
            return Ok(false);
        }
        self.pause(wait).await;
        Ok(true)
    }

    /// Waits with nothing in flight, until it is asked to stop.
    async fn pause(&self, wait: Duration) {
        self.pulse.beat();
        tokio::select! {
            () = self.clock.sleep(wait) => {}
            () = self.stop.cancelled() => {}
        }
    }

    /// Whether the sending rates hold for this channel: it writes to people's addresses.
    fn is_paced(&self, channel: &ChannelName) -> bool {
        self.channels.iter().any(|known| known.name() == channel && known.needs_address())
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now to `at`, in whole milliseconds and at least one, so that no wait is too short for a clock.
    fn until(&self, at: Timestamp) -> Duration {
        let wait = (at - self.clock.now()).to_std().unwrap_or_default();
        Duration::from_millis(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).saturating_add(1))
    }
}
