//! Mass breakages: noticed before anybody is told, held, and told to the operator once.
//!
//! What many users of one auth config (or toolkit) meet at once is hardly the fault of each of them: the
//! product's own OAuth app was deleted, its secret changed, or the toolkit has a bad day. Their incidents become
//! part of a storm, and nobody is told until an operator decides. A storm that heals ends by itself; what is
//! still broken then stays held.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use chrono::TimeDelta;

use super::{Fence, PlanContext};
use crate::domain::{EventKind, NotificationId, OperatorEvent, RESUME_WITHIN, RunCounters, Timestamp};
use crate::fault;
use crate::store::{BreakageCount, NewOperatorEvent, Store, StoreError, StormScope, Work};
use crate::telemetry::events;

/// A subject whose accounts broke in great numbers.
struct Tripped {
    scope: StormScope,
    subject: String,
    broken: u64,
    working: u64,
    /// Since when they were counted, at the earliest.
    since: Timestamp,
}

/// Ends healed storms, and holds those that are there now, in one transaction. What is counted is counted before, so
/// that nobody waits for the count.
pub(super) async fn hold(
    store: &Store,
    context: &PlanContext<'_>,
    fence: Fence<'_>,
    counters: &mut RunCounters,
) -> Result<(), StoreError> {
    let mut work = store.begin_read().await?;
    let tripped = tripped(&mut work, context).await?;
    work.roll_back();
    let mut work = store.begin().await?;
    work.renew_lease(fence.lease, fence.ttl).await?;
    let healed = work.end_healed_storms(context.now).await?;
    let mut held = Vec::new();
    for tripped in tripped {
        if let Some(id) = join(&mut work, &tripped, context).await? {
            held.push((id, tripped));
        }
    }
    fault::point("storm.before_commit");
    work.commit().await?;
    fault::point("storm.after_commit");
    for storm in healed {
        tracing::info!(
            event = events::STORM_HEALED,
            storm_id = storm.id,
            scope = storm.scope,
            subject = storm.subject,
            "Nothing of this storm is broken any more; its users were not told."
        );
    }
    for (id, Tripped { scope, subject, broken, working, .. }) in held {
        counters.storms_opened += 1;
        tracing::error!(
            event = events::STORM_HELD,
            storm_id = id,
            scope = scope.code(),
            subject,
            broken,
            active = broken + working,
            "Many accounts broke at once; nobody is told. Look at the auth config and the toolkit first, then \
             `reconnectd storm release` or `storm discard`."
        );
    }
    Ok(())
}

/// Auth configs that trip the guard, then toolkits whose other auth configs do so together.
async fn tripped(work: &mut Work, context: &PlanContext<'_>) -> Result<Vec<Tripped>, StoreError> {
    let window = TimeDelta::from_std(context.storm.window).unwrap_or(TimeDelta::MAX);
    let begin = context.now - window;
    if context.storm.share >= 1.0 || !work.opened_since(begin).await? {
        return Ok(Vec::new());
    }
    let Some(scanned_at) = work.last_whole_scan().await? else { return Ok(Vec::new()) };
    let cells = count(work, begin, scanned_at - RESUME_WITHIN).await?;
    let trips = |cells: &[&Cell], scope: StormScope, subject: &str| {
        let sum = |what: fn(&BreakageCount) -> u64| cells.iter().map(|cell| what(&cell.count)).sum();
        let (broken, working) = (sum(|count| count.broken), sum(|count| count.working));
        let since = cells.iter().map(|cell| cell.since).min().unwrap_or(begin);
        let tripped = Tripped { scope, subject: subject.to_owned(), broken, working, since };
        context.storm.trips(broken, working).then_some(tripped)
    };
    let mut tripped = Vec::new();
    let mut by_auth_config: BTreeMap<&str, Vec<&Cell>> = BTreeMap::new();
    for cell in &cells {
        by_auth_config.entry(&cell.count.auth_config).or_default().push(cell);
    }
    let mut by_toolkit: BTreeMap<&str, Vec<&Cell>> = BTreeMap::new();
    for (auth_config, mine) in by_auth_config {
        match trips(&mine, StormScope::AuthConfig, auth_config) {
            Some(storm) => tripped.push(storm),
            None => mine.iter().for_each(|cell| by_toolkit.entry(&cell.count.toolkit).or_default().push(cell)),
        }
    }
    // A toolkit with one auth config left would say the same twice.
    for (toolkit, mine) in by_toolkit.into_iter().filter(|(_, mine)| mine.len() > 1) {
        tripped.extend(trips(&mine, StormScope::Toolkit, toolkit));
    }
    Ok(tripped)
}

/// The accounts of one auth config and toolkit.
struct Cell {
    count: BreakageCount,
    /// Since when its breakages were counted: the window's beginning, or the last decision about it.
    since: Timestamp,
}

/// Counts the accounts of each auth config and toolkit, since the window began or since an operator last decided about
/// the one or the other.
async fn count(work: &mut Work, begin: Timestamp, seen_since: Timestamp) -> Result<Vec<Cell>, StoreError> {
    let mut decided: HashMap<(String, String), Timestamp> = HashMap::new();
    for (scope, subject, at) in work.storm_decisions(begin).await? {
        decided.insert((scope, subject), at);
    }
    let last = |scope: StormScope, subject: &str| decided.get(&(scope.code().to_owned(), subject.to_owned())).copied();
    let mut counted: HashMap<Timestamp, Vec<BreakageCount>> = HashMap::new();
    for since in decided.values().copied().chain([begin]) {
        if let Entry::Vacant(place) = counted.entry(since) {
            place.insert(work.count_breakages(since, seen_since).await?);
        }
    }
    // The same accounts are counted each time, so the rows are the same too.
    let whole = counted.get(&begin).cloned().unwrap_or_default();
    let cell = |count: BreakageCount| {
        let decisions = [last(StormScope::AuthConfig, &count.auth_config), last(StormScope::Toolkit, &count.toolkit)];
        let since = decisions.into_iter().flatten().max().unwrap_or(begin);
        let same = |other: &&BreakageCount| other.auth_config == count.auth_config && other.toolkit == count.toolkit;
        let found = counted.get(&since).and_then(|counts| counts.iter().find(same)).cloned();
        Cell { count: found.unwrap_or(count), since }
    };
    Ok(whole.into_iter().map(cell).collect())
}

/// Puts the incidents into the storm, and tells the operator where it is new. Gives its id then. A storm that nothing
/// would join is none: what broke was told before.
async fn join(work: &mut Work, tripped: &Tripped, context: &PlanContext<'_>) -> Result<Option<String>, StoreError> {
    let id = context.mint.uuid(context.now);
    let (subject, active) = ((tripped.scope, tripped.subject.as_str()), tripped.broken + tripped.working);
    let (storm, new) = work.hold_storm(&id, subject, (tripped.broken, active), context.now).await?;
    let joined = work.join_storm(&storm, subject, tripped.since).await?;
    if !new {
        return Ok(None);
    }
    if joined == 0 {
        work.forget_storm(&storm).await?;
        return Ok(None);
    }
    let event = OperatorEvent::StormHeld {
        storm_id: storm.clone(),
        scope: tripped.scope.code().to_owned(),
        subject: tripped.subject.clone(),
        broken: tripped.broken,
        active,
        window_seconds: context.storm.window.as_secs(),
    };
    let deliveries = context.deliveries(EventKind::StormHeld, |_| true);
    let id = NotificationId::new(context.mint.uuid(context.now));
    work.insert_operator_event(&NewOperatorEvent { id, event, deliveries }, context.run, context.now).await?;
    Ok(Some(storm))
}
