//! Turns open incidents into notifications and their deliveries (the outbox), or into a named reason for
//! silence; turns ended ones into word of their end; holds storms.
//!
//! ```text
//! begin ─▶ storms, releases ─▶ pages of open incidents ─▶ pages of ended incidents
//!                               read ─▶ (zones) ─▶ write
//! ```
//!
//! Everything due for one user at one moment is one notification, written in one transaction with one
//! delivery per channel. A first notice and a reminder are the same code: the n-th notice of an incident.
//! Guarantees: unique keys in the database make a second notice of the same incident and number, and a second
//! word of its end, impossible, also for two processes at once; running it again plans nothing new; nobody's time
//! zone is asked for within a transaction. A crash leaves whole notifications and whole storms only; the next run
//! plans the rest.

mod channels;
mod notices;
mod recoveries;
mod releases;
mod storms;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::{
    ChannelName, EventKind, IdMint, NoticePolicy, OperatorSilence, QuietHours, RunCounters, RunId, StormGuard,
    Timestamp, UserId,
};
use crate::store::{Lease, NewDelivery, Store, StoreError, Work};
use crate::telemetry::pulse::moved;

pub use notices::{DecidedPage, Zones, rehearse};

/// Users per page: keeps memory flat however many incidents are open.
const USERS_PER_PAGE: u32 = 500;

/// A channel a notification goes out on.
pub struct PlannedChannel {
    /// Its name.
    pub name: ChannelName,
    /// Whether it reaches the person rather than a machine of the product's.
    pub personal: bool,
    /// Whether events of a kind go out on it.
    pub carries: Box<dyn Fn(EventKind) -> bool + Send + Sync>,
    /// Makes the id the outside will see from a new UUID.
    pub outside_id: Box<dyn Fn(&str) -> String + Send + Sync>,
}

/// What planning depends on besides what is stored.
pub struct PlanContext<'a> {
    /// The run.
    pub run: &'a RunId,
    /// The channels that are configured.
    pub channels: &'a [PlannedChannel],
    /// This run only takes stock and tells nobody.
    pub taking_stock: bool,
    /// How often and how soon people are told.
    pub policy: &'a NoticePolicy,
    /// When they are not disturbed.
    pub quiet: &'a QuietHours,
    /// When a mass breakage is held back.
    pub storm: &'a StormGuard,
    /// The moment of deciding.
    pub now: Timestamp,
    /// Makes ids.
    pub mint: &'a IdMint,
    /// Nobody more is decided about after this; whoever is being written is written whole.
    pub stop: &'a CancellationToken,
}

impl PlanContext<'_> {
    /// New deliveries on the channels that carry events of this kind and that `wanted` picks.
    fn deliveries(&self, kind: EventKind, wanted: impl Fn(&PlannedChannel) -> bool) -> Vec<NewDelivery> {
        let chosen = self.channels.iter().filter(|channel| (channel.carries)(kind) && wanted(channel));
        chosen.map(|channel| NewDelivery::on(&channel.name, &channel.outside_id, self.mint, self.now)).collect()
    }
}

/// The right to write, renewed in every transaction.
#[derive(Clone, Copy)]
pub struct Fence<'a> {
    /// The run's lease.
    pub lease: &'a Lease,
    /// How long each renewal lasts.
    pub ttl: Duration,
}

/// What holds for everybody while a plan is made.
struct Standing {
    /// The operators' silences that hold.
    silences: Vec<OperatorSilence>,
    /// A channel that asks users to reconnect is configured and in use.
    has_channel: bool,
}

impl Standing {
    async fn read(work: &mut Work, context: &PlanContext<'_>) -> Result<Self, StoreError> {
        let disabled: Vec<ChannelName> = work
            .channel_states()
            .await?
            .into_iter()
            .filter(|state| state.disabled_at.is_some())
            .map(|state| state.channel)
            .collect();
        let usable = |channel: &PlannedChannel| {
            (channel.carries)(EventKind::ReconnectRequested) && !disabled.contains(&channel.name)
        };
        let has_channel = context.channels.iter().any(usable);
        Ok(Self { silences: work.active_silences(context.now).await?, has_channel })
    }
}

/// One pass of planning.
pub struct Planner<'a> {
    store: &'a Store,
    context: PlanContext<'a>,
    fence: Fence<'a>,
    standing: Standing,
    after: Option<UserId>,
}

impl<'a> Planner<'a> {
    /// Sets channels aside that are gone, releases old breakages whose turn it is, holds storms, and is ready to go through the open incidents.
    pub async fn begin(
        store: &'a Store,
        context: PlanContext<'a>,
        fence: Fence<'a>,
        counters: &mut RunCounters,
    ) -> Result<Self, StoreError> {
        if !context.taking_stock {
            channels::retire(store, &context, fence).await?;
            releases::release(store, &context, fence, counters).await?;
            storms::hold(store, &context, fence, counters).await?;
        }
        let mut work = store.begin_read().await?;
        let standing = Standing::read(&mut work, &context).await?;
        work.roll_back();
        Ok(Self { store, context, fence, standing, after: None })
    }

    /// The next page of users with open incidents, decided but for quiet time; none after the last.
    pub async fn next_page(&mut self) -> Result<Option<DecidedPage>, StoreError> {
        let mut work = self.store.begin_read().await?;
        let incidents = work.open_incidents_page(self.after.as_ref(), USERS_PER_PAGE).await?;
        let Some(last) = incidents.last() else { return Ok(None) };
        self.after = Some(last.user.clone());
        moved();
        let page = DecidedPage::decide(&mut work, incidents, &self.context, &self.standing).await?;
        work.roll_back();
        Ok(Some(page))
    }

    /// Writes a page: silences on their incidents, and one transaction per user told. `zones` holds the time zones of
    /// the users of [`DecidedPage::users_due`], as stored.
    pub async fn write(&self, page: DecidedPage, zones: &Zones, counters: &mut RunCounters) -> Result<(), StoreError> {
        notices::write(self.store, &self.context, self.fence, page.with_quiet(&self.context, zones), counters).await
    }

    /// Tells the ends of incidents, after the pages.
    pub async fn finish(self, counters: &mut RunCounters) -> Result<(), StoreError> {
        recoveries::tell(self.store, &self.context, self.fence, counters).await
    }
}
