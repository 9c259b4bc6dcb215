//! Turns open incidents into notifications and deliveries (the outbox), or into a named reason for silence.
//!
//! Everything due for one user at one moment is one notification, written in one transaction with one
//! delivery per channel. Guarantees: unique keys in the database make a second notice of the same incident
//! and number impossible, also for two processes at once; running it again plans nothing new. A crash
//! leaves whole notifications only; the next run plans the rest.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::{
    ChannelName, Decision, DeliveryId, EventKind, IdMint, IncidentFacts, IncidentId, NotificationId, NotifyReason, RunCounters,
    RunId, Timestamp, UserId, decide,
};
use crate::fault;
use crate::store::{Lease, NewDelivery, NewNotification, PlannedItem, Store, StoreError, StoredIncident, Work};
use crate::telemetry::events;

/// Users per page: keeps memory flat however many incidents are open.
const USERS_PER_PAGE: u32 = 500;

/// A channel a notification goes out on.
pub struct PlannedChannel {
    /// Its name.
    pub name: ChannelName,
    /// Makes the id the outside will see from a new UUID.
    pub outside_id: Box<dyn Fn(&str) -> String + Send + Sync>,
}

/// What planning depends on besides the incidents.
pub struct PlanContext<'a> {
    /// The run.
    pub run: &'a RunId,
    /// The channels that are configured.
    pub channels: &'a [PlannedChannel],
    /// This run only takes stock and tells nobody.
    pub taking_stock: bool,
    /// The moment of deciding.
    pub now: Timestamp,
    /// Makes ids.
    pub mint: &'a IdMint,
}

/// Decides about every open incident, a page of users at a time, and writes what is due under `lease`.
pub async fn plan(
    store: &Store,
    context: &PlanContext<'_>,
    lease: &Lease,
    lease_ttl: Duration,
    counters: &mut RunCounters,
) -> Result<(), StoreError> {
    let mut after: Option<UserId> = None;
    loop {
        let mut work = store.begin_read().await?;
        let incidents = work.open_incidents_page(after.as_ref(), USERS_PER_PAGE).await?;
        work.roll_back();
        let Some(last) = incidents.last() else { return Ok(()) };
        after = Some(last.user.clone());
        let decided = sort_out(incidents, context);
        let mut work = store.begin().await?;
        work.renew_lease(lease, lease_ttl).await?;
        note_silences(&mut work, &decided, context, counters).await?;
        fault::point("silences.before_commit");
        work.commit().await?;
        fault::point("silences.after_commit");
        for (user, due) in decided.due {
            let mut work = store.begin().await?;
            work.renew_lease(lease, lease_ttl).await?;
            if notify(&mut work, &user, &due, context).await? {
                fault::point("notice.before_commit");
                work.commit().await?;
                fault::point("notice.after_commit");
                counters.notices_planned += 1;
            } else {
                work.roll_back(); // Another process spoke first.
            }
        }
    }
}

/// What `plan` would do about these incidents, for a rehearsal: counts, writes nothing.
pub fn rehearse(incidents: Vec<StoredIncident>, context: &PlanContext<'_>, counters: &mut RunCounters) {
    let decided = sort_out(incidents, context);
    counters.notices_planned += decided.due.len() as u64;
    for (incident, silence) in &decided.silent {
        tracing::debug!(event = events::NOTICE_PLANNED, user = %incident.user, reason = silence.code(), "Would stay silent.");
        counters.silence(*silence);
    }
}

/// Incidents with the decision about each; those that are due, by user.
struct Decided {
    due: BTreeMap<UserId, Vec<StoredIncident>>,
    silent: Vec<(StoredIncident, crate::domain::Silence)>,
}

fn sort_out(incidents: Vec<StoredIncident>, context: &PlanContext<'_>) -> Decided {
    let mut decided = Decided { due: BTreeMap::new(), silent: Vec::new() };
    for incident in incidents {
        let facts = IncidentFacts {
            baseline: incident.baseline || context.taking_stock,
            anchor_silence: incident.anchor_silence(),
            spoken_about: incident.spoken_about,
            has_channel: !context.channels.is_empty(),
        };
        match decide(facts) {
            Decision::Notify(NotifyReason::FirstNotice) => {
                decided.due.entry(incident.user.clone()).or_default().push(incident);
            }
            Decision::Silent(reason) => decided.silent.push((incident, reason)),
        }
    }
    decided
}

async fn note_silences(
    work: &mut Work,
    decided: &Decided,
    context: &PlanContext<'_>,
    counters: &mut RunCounters,
) -> Result<(), StoreError> {
    let mut changed: BTreeMap<&'static str, Vec<IncidentId>> = BTreeMap::new();
    for (incident, reason) in &decided.silent {
        counters.silence(*reason);
        if incident.decision.as_deref() != Some(reason.code()) {
            changed.entry(reason.code()).or_default().push(incident.id.clone());
        }
    }
    for (code, incidents) in changed {
        work.note_decisions(code, &incidents, context.now).await?;
    }
    Ok(())
}

async fn notify(
    work: &mut Work,
    user: &UserId,
    due: &[StoredIncident],
    context: &PlanContext<'_>,
) -> Result<bool, StoreError> {
    let uuid = || context.mint.uuid(context.now);
    let reason = NotifyReason::FirstNotice;
    let deliveries = context.channels.iter().map(|channel| NewDelivery {
        id: DeliveryId::new(uuid()),
        channel: channel.name.clone(),
        outside_id: (channel.outside_id)(&uuid()),
    });
    let notification = NewNotification {
        id: NotificationId::new(uuid()),
        user: user.clone(),
        kind: EventKind::ReconnectRequested,
        reason: reason.code(),
        items: due.iter().map(|incident| PlannedItem { incident: incident.id.clone(), number: 0 }).collect(),
        deliveries: deliveries.collect(),
    };
    if !work.insert_notification(&notification, context.run, context.now).await? {
        return Ok(false);
    }
    let incidents: Vec<IncidentId> = due.iter().map(|incident| incident.id.clone()).collect();
    work.note_decisions(reason.code(), &incidents, context.now).await?;
    tracing::info!(
        event = events::NOTICE_PLANNED,
        user = %user, notification_id = %notification.id, reason = reason.code(),
        incidents = due.len(), channels = notification.deliveries.len(),
        "This user will be told."
    );
    Ok(true)
}
