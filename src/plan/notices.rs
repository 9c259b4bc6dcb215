//! Open incidents of a page of users: who is told what now, and why the others are not.

use std::collections::{BTreeMap, HashMap};

use chrono::TimeDelta;

use super::{Fence, PlanContext, Standing};
use crate::domain::{
    Decision, EventKind, IncidentFacts, IncidentId, NoticeKind, NotificationId, NotifyReason, OperatorSilence,
    ReasonHint, RunCounters, Silence, Timestamp, UserId,
};
use crate::fault;
use crate::store::{NewNotification, PlannedItem, Store, StoreError, StoredIncident, Work};
use crate::telemetry::events;
use crate::telemetry::pulse::moved;

/// Time zones by user, as stored; users without one are left out.
pub type Zones = HashMap<UserId, String>;

/// How far back notifications are looked for: the longest digest window and the longest cap are a week.
const LOOK_BACK: TimeDelta = TimeDelta::days(7);

/// A page of users with what was decided about each of their open incidents.
pub struct DecidedPage {
    due: BTreeMap<UserId, Vec<(StoredIncident, NotifyReason)>>,
    silent: Vec<Silent>,
}

/// An incident nobody is told about now.
struct Silent {
    incident: StoredIncident,
    reason: Silence,
    /// When the next notice can be given, where that is known.
    until: Option<Timestamp>,
}

impl DecidedPage {
    pub(super) async fn decide(
        work: &mut Work,
        incidents: Vec<StoredIncident>,
        context: &PlanContext<'_>,
        standing: &Standing,
    ) -> Result<Self, StoreError> {
        let mut page = Self::sort_out(incidents, context, standing);
        let users: Vec<UserId> = page.due.keys().cloned().collect();
        let mut told = work.told_at(&users, context.now - LOOK_BACK).await?;
        for user in users {
            let told_at = told.remove(&user).unwrap_or_default();
            if let Some((reason, until)) = context.policy.hold(&told_at, context.now) {
                page.hold(&user, reason, until);
            }
        }
        Ok(page)
    }

    fn sort_out(incidents: Vec<StoredIncident>, context: &PlanContext<'_>, standing: &Standing) -> Self {
        let mut page = Self { due: BTreeMap::new(), silent: Vec::new() };
        for incident in incidents {
            let account = &incident.anchor.account;
            let covers =
                |s: &OperatorSilence| s.covers(&incident.user, &incident.toolkit, &account.auth_config, context.now);
            let facts = IncidentFacts {
                baseline: incident.baseline || context.taking_stock,
                anchor_silence: incident.anchor_silence(),
                transient: account.reason == ReasonHint::Transient,
                has_channel: standing.has_channel,
                held: incident
                    .storm_silence()
                    .or_else(|| standing.silences.iter().any(covers).then_some(Silence::Silenced)),
                opened_at: incident.opened_at,
                released_at: incident.released_at,
                notices: incident.notices,
            };
            match context.policy.decide(&facts, context.now) {
                Decision::Notify(reason) => {
                    page.due.entry(incident.user.clone()).or_default().push((incident, reason));
                }
                Decision::Silent(reason) => page.silent.push(Silent { incident, reason, until: None }),
                Decision::Wait(reason, until) => {
                    page.silent.push(Silent { incident, reason, until: Some(until) });
                }
            }
        }
        page
    }

    /// The users something is due for, whose time zones decide whether it is quiet where they are.
    pub fn users_due(&self) -> impl Iterator<Item = &UserId> {
        self.due.keys()
    }

    fn hold(&mut self, user: &UserId, reason: Silence, until: Timestamp) {
        let held = self.due.remove(user).unwrap_or_default();
        self.silent.extend(held.into_iter().map(|(incident, _)| Silent { incident, reason, until: Some(until) }));
    }

    pub(super) fn with_quiet(mut self, context: &PlanContext<'_>, zones: &Zones) -> Self {
        let users: Vec<UserId> = self.due.keys().cloned().collect();
        for user in users {
            let zone = zones.get(&user).map(String::as_str);
            if let Some(until) = context.quiet.next_opening(context.now, zone, &user) {
                self.hold(&user, Silence::QuietHours, until);
            }
        }
        self
    }
}

/// What planning would do about these incidents, for a rehearsal: counts, writes nothing. Storms are not looked
/// for: they show only when everybody has been looked at.
pub async fn rehearse(
    work: &mut Work,
    incidents: Vec<StoredIncident>,
    context: &PlanContext<'_>,
    zones: &Zones,
    counters: &mut RunCounters,
) -> Result<(), StoreError> {
    let standing = Standing::read(work, context).await?;
    let page = DecidedPage::decide(work, incidents, context, &standing).await?.with_quiet(context, zones);
    counters.notices_planned += page.due.len() as u64;
    for Silent { incident, reason, .. } in &page.silent {
        tracing::debug!(event = events::NOTICE_PLANNED, user = %incident.user, reason = reason.code(), "Would stay silent.");
        counters.silence(*reason);
    }
    Ok(())
}

pub(super) async fn write(
    store: &Store,
    context: &PlanContext<'_>,
    fence: Fence<'_>,
    page: DecidedPage,
    counters: &mut RunCounters,
) -> Result<(), StoreError> {
    let mut work = store.begin().await?;
    work.renew_lease(fence.lease, fence.ttl).await?;
    note_silences(&mut work, &page.silent, context).await?;
    fault::point("silences.before_commit");
    work.commit().await?;
    fault::point("silences.after_commit");
    page.silent.iter().for_each(|silent| counters.silence(silent.reason));
    for (user, due) in page.due {
        moved();
        if context.stop.is_cancelled() {
            return Ok(());
        }
        let mut work = store.begin().await?;
        work.renew_lease(fence.lease, fence.ttl).await?;
        if notify(&mut work, &user, &due, context).await? {
            fault::point("notice.before_commit");
            work.commit().await?;
            fault::point("notice.after_commit");
            counters.notices_planned += 1;
            let reminded = due.iter().all(|(_, reason)| *reason == NotifyReason::Reminder);
            counters.reminders_planned += u64::from(reminded);
        } else {
            work.roll_back(); // Another process spoke first.
        }
    }
    Ok(())
}

async fn note_silences(work: &mut Work, silent: &[Silent], context: &PlanContext<'_>) -> Result<(), StoreError> {
    let mut changed: BTreeMap<(&'static str, Option<Timestamp>), Vec<IncidentId>> = BTreeMap::new();
    for Silent { incident, reason, until } in silent {
        if incident.decision.as_deref() != Some(reason.code()) || incident.next_notice_at != *until {
            changed.entry((reason.code(), *until)).or_default().push(incident.id.clone());
        }
    }
    for ((code, until), incidents) in changed {
        work.note_decisions(code, until, &incidents, context.now).await?;
    }
    Ok(())
}

async fn notify(
    work: &mut Work,
    user: &UserId,
    due: &[(StoredIncident, NotifyReason)],
    context: &PlanContext<'_>,
) -> Result<bool, StoreError> {
    let is_news = due.iter().any(|(_, reason)| *reason == NotifyReason::FirstNotice);
    let reason = if is_news { NotifyReason::FirstNotice } else { NotifyReason::Reminder };
    let item =
        |incident: &StoredIncident| PlannedItem { incident: incident.id.clone(), number: incident.notices.count };
    let notification = NewNotification {
        id: NotificationId::new(context.mint.uuid(context.now)),
        kind: NoticeKind::Reconnect,
        user: user.clone(),
        reason: reason.code(),
        items: due.iter().map(|(incident, _)| item(incident)).collect(),
        deliveries: context.deliveries(EventKind::ReconnectRequested, |_| true),
    };
    if !work.insert_notification(&notification, context.run, context.now).await? {
        return Ok(false);
    }
    for reason in [NotifyReason::FirstNotice, NotifyReason::Reminder] {
        let of_this = due.iter().filter(|(_, r)| *r == reason).map(|(incident, _)| incident.id.clone());
        let incidents: Vec<IncidentId> = of_this.collect();
        if !incidents.is_empty() {
            work.note_decisions(reason.code(), None, &incidents, context.now).await?;
        }
    }
    tracing::info!(
        event = events::NOTICE_PLANNED,
        user = %user, notification_id = %notification.id, reason = reason.code(),
        incidents = due.len(), channels = notification.deliveries.len(),
        "This user will be told."
    );
    Ok(true)
}
