//! Mass breakages: noticed before anybody is told, held, and told to the operator once.
//!
//! What many users of one auth config (or toolkit) meet at once is hardly the fault of each of them: the
//! product's own OAuth app was deleted, its secret changed, or the toolkit has a bad day. Their incidents become
//! part of a storm, and nobody is told until an operator decides. A storm that heals ends by itself; what is
//! still broken then stays held.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::TimeDelta;

use super::{Fence, PlanContext};
use crate::domain::{EventKind, NotificationId, OperatorEvent, RunCounters, Timestamp};
use crate::fault;
use crate::store::{BreakageCount, NewOperatorEvent, Store, StoreError, StormScope, Work};
use crate::telemetry::events;

/// A subject whose accounts broke in great numbers.
struct Tripped {
    scope: StormScope,
    subject: String,
    broken: u64,
    working: u64,
    /// Since when they were counted.
    since: Timestamp,
}

/// Ends healed storms, and holds those that are there now, in one transaction.
pub(super) async fn hold(
    store: &Store,
    context: &PlanContext<'_>,
    fence: Fence<'_>,
    counters: &mut RunCounters,
) -> Result<(), StoreError> {
    let mut work = store.begin().await?;
    work.renew_lease(fence.lease, fence.ttl).await?;
    let healed = work.end_healed_storms(context.now).await?;
    let mut held = Vec::new();
    for tripped in tripped(&mut work, context).await? {
        let (id, new) = join(&mut work, &tripped, context).await?;
        if new {
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
    let mut counts = Counts { whole: work.count_breakages(begin).await?, since: HashMap::new() };
    let mut decided = HashMap::new();
    for (scope, subject, at) in work.storm_decisions(begin).await? {
        if let Entry::Vacant(place) = counts.since.entry(at) {
            place.insert(work.count_breakages(at).await?);
        }
        decided.insert((scope, subject), at);
    }
    let since = |scope: StormScope, subject: &str| {
        decided.get(&(scope.code().to_owned(), subject.to_owned())).copied().unwrap_or(begin)
    };
    let mut tripped = Vec::new();
    let mut taken = BTreeSet::new();
    let auth_configs: BTreeSet<&str> = counts.whole.iter().map(|count| count.auth_config.as_str()).collect();
    for auth_config in auth_configs {
        let since = since(StormScope::AuthConfig, auth_config);
        let (broken, working) = counts.sum(since, begin, |count| count.auth_config == auth_config);
        if context.storm.trips(broken, working) {
            taken.insert(auth_config.to_owned());
            let (scope, subject) = (StormScope::AuthConfig, auth_config.to_owned());
            tripped.push(Tripped { scope, subject, broken, working, since });
        }
    }
    let mut toolkits: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for count in counts.whole.iter().filter(|count| !taken.contains(&count.auth_config)) {
        toolkits.entry(&count.toolkit).or_default().insert(&count.auth_config);
    }
    // A toolkit with one auth config left would say the same twice.
    for toolkit in toolkits.iter().filter(|(_, auth_configs)| auth_configs.len() > 1).map(|(toolkit, _)| *toolkit) {
        let since = since(StormScope::Toolkit, toolkit);
        let mine = |count: &BreakageCount| count.toolkit == toolkit && !taken.contains(&count.auth_config);
        let (broken, working) = counts.sum(since, begin, mine);
        if context.storm.trips(broken, working) {
            let (scope, subject) = (StormScope::Toolkit, toolkit.to_owned());
            tripped.push(Tripped { scope, subject, broken, working, since });
        }
    }
    Ok(tripped)
}

/// Breakages of the whole window, and since each decision within it.
struct Counts {
    whole: Vec<BreakageCount>,
    since: HashMap<Timestamp, Vec<BreakageCount>>,
}

impl Counts {
    fn sum(&self, since: Timestamp, begin: Timestamp, mine: impl Fn(&BreakageCount) -> bool) -> (u64, u64) {
        let counts = if since == begin { &self.whole } else { self.since.get(&since).unwrap_or(&self.whole) };
        let mine = counts.iter().filter(|count| mine(count));
        mine.fold((0, 0), |(broken, working), count| (broken + count.broken, working + count.working))
    }
}

/// Holds the storm, puts its incidents into it, and tells the operator where it is new.
async fn join(work: &mut Work, tripped: &Tripped, context: &PlanContext<'_>) -> Result<(String, bool), StoreError> {
    let id = context.mint.uuid(context.now);
    let (subject, active) = ((tripped.scope, tripped.subject.as_str()), tripped.broken + tripped.working);
    let (storm, new) = work.hold_storm(&id, subject, (tripped.broken, active), context.now).await?;
    work.join_storm(&storm, subject, tripped.since).await?;
    if new {
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
    }
    Ok((storm, new))
}
