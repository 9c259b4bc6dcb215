//! Ended incidents: word of the end for every webhook, and for those who were mailed about it, if so configured.

use std::collections::BTreeMap;

use super::{Fence, PlanContext, USERS_PER_PAGE};
use crate::domain::{
    ChannelName, CloseEvidence, EventKind, IncidentId, NoticeKind, NoticePolicy, NotificationId, RunCounters, Silence,
    UserId,
};
use crate::fault;
use crate::store::{EndedIncident, NewNotification, PlannedItem, Store, StoreError, Work};
use crate::telemetry::events;
use crate::telemetry::pulse::moved;

/// What was decided about telling an end, as stored.
const TOLD: &str = "told";
/// It ended inside its dwell: nobody ever heard of it.
const UNMENTIONED: &str = "unmentioned";
const NO_CHANNEL: &str = "no_channel";

/// Tells what ended since the last time, a page of users at a time.
pub(super) async fn tell(
    store: &Store,
    context: &PlanContext<'_>,
    fence: Fence<'_>,
    counters: &mut RunCounters,
) -> Result<(), StoreError> {
    let mut after: Option<UserId> = None;
    loop {
        let mut work = store.begin_read().await?;
        let ended = work.ended_incidents_page(after.as_ref(), USERS_PER_PAGE).await?;
        let ids: Vec<IncidentId> = ended.iter().map(|incident| incident.id.clone()).collect();
        let told_on = work.told_on(&ids).await?;
        let given = work.notices_given(&ids).await?;
        work.roll_back();
        let Some(last) = ended.last() else { return Ok(()) };
        after = Some(last.user.clone());
        let mut by_user: BTreeMap<UserId, Vec<Ended>> = BTreeMap::new();
        for incident in ended {
            let told_on = told_on.get(&incident.id).cloned().unwrap_or_default();
            let notices = given.get(&incident.id).map_or(0, |given| given.count);
            by_user.entry(incident.user.clone()).or_default().push(Ended { incident, told_on, notices });
        }
        for (user, ended) in by_user {
            moved();
            if context.stop.is_cancelled() {
                return Ok(());
            }
            let mut work = store.begin().await?;
            work.renew_lease(fence.lease, fence.ttl).await?;
            let Some(planned) = tell_user(&mut work, &user, &ended, context).await? else {
                work.roll_back(); // Another process was faster.
                continue;
            };
            fault::point("recovery.before_commit");
            work.commit().await?;
            fault::point("recovery.after_commit");
            counters.recoveries_planned += u64::from(planned);
        }
    }
}

struct Ended {
    incident: EndedIncident,
    /// Where a notice about it arrived.
    told_on: Vec<ChannelName>,
    notices: u32,
}

impl Ended {
    /// It ended inside its dwell. Where no run came to decide about it in between, its reason is not known any more:
    /// then the longer dwell counts.
    fn is_unmentioned(&self, policy: &NoticePolicy) -> bool {
        let lasted = (self.incident.closed_at - self.incident.opened_at).to_std().unwrap_or_default();
        let dwelling = match self.incident.decision.as_deref() {
            None => lasted < policy.dwell_transient,
            Some(code) => code == Silence::Dwelling.code(),
        };
        self.notices == 0 && (dwelling || lasted < policy.dwell)
    }

    /// Whether its user can be told that it works again.
    fn works_again(&self) -> bool {
        matches!(self.incident.evidence, CloseEvidence::Active | CloseEvidence::Superseded)
    }
}

/// One notification for what of one user ended and had been mailed, one for the rest. Says whether anything is told;
/// none if another process was faster and nothing may be kept.
async fn tell_user(
    work: &mut Work,
    user: &UserId,
    ended: &[Ended],
    context: &PlanContext<'_>,
) -> Result<Option<bool>, StoreError> {
    let (unmentioned, mentioned): (Vec<&Ended>, Vec<&Ended>) =
        ended.iter().partition(|ended| ended.is_unmentioned(context.policy));
    work.note_recoveries(UNMENTIONED, &ids(&unmentioned)).await?;
    if mentioned.is_empty() {
        return Ok(Some(false));
    }
    // Mails speak only of what was mailed, and an end is told once: two notifications about different incidents.
    let (mailed, others): (Vec<&Ended>, Vec<&Ended>) = mentioned.iter().partition(|ended| is_mailed(ended, context));
    let kind = EventKind::ReconnectRecovered;
    let mut planned = false;
    for (items, with_mail) in [(&mailed, true), (&others, false)] {
        let deliveries = context.deliveries(kind, |channel| with_mail || !channel.personal);
        if items.is_empty() || deliveries.is_empty() {
            continue;
        }
        let item = |ended: &&Ended| PlannedItem { incident: ended.incident.id.clone(), number: ended.notices };
        let new = NewNotification {
            id: NotificationId::new(context.mint.uuid(context.now)),
            kind: NoticeKind::Recovered,
            user: user.clone(),
            reason: "recovered",
            items: items.iter().map(item).collect(),
            deliveries,
        };
        if !work.insert_notification(&new, context.run, context.now).await? {
            return Ok(None); // Another process was faster; the caller rolls back.
        }
        planned = true;
        tracing::info!(
            event = events::RECOVERY_PLANNED,
            user = %user, notification_id = %new.id, incidents = new.items.len(), channels = new.deliveries.len(),
            "It will be told that nothing needs to be reconnected here any more."
        );
    }
    let noted = work.note_recoveries(if planned { TOLD } else { NO_CHANNEL }, &ids(&mentioned)).await?;
    Ok((noted == mentioned.len() as u64).then_some(planned))
}

fn is_mailed(ended: &Ended, context: &PlanContext<'_>) -> bool {
    let personal =
        |name: &ChannelName| context.channels.iter().any(|channel| channel.personal && channel.name == *name);
    context.policy.recovered_mail && ended.works_again() && ended.told_on.iter().any(personal)
}

fn ids(ended: &[&Ended]) -> Vec<IncidentId> {
    ended.iter().map(|ended| ended.incident.id.clone()).collect()
}
