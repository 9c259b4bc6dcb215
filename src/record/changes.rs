//! What one complete observation of one user changes: a pure function of what was stored and what was seen.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::RecordContext;
use crate::domain::{
    Account, AccountId, AuthConfigId, Condition, History, IncidentChange, IncidentId, Judged, ReasonHint, RunCounters,
    Silence, Status, Timestamp, ToolkitSlug, UserId, judge, next_incident, silence_of,
};
use crate::store::{
    Cause, IncidentClose, IncidentMove, IncidentRenewal, KnownAccount, MovedOn, NewIncident, OpenIncidentRow,
    Transition,
};
use crate::telemetry::events;

/// Everything a page changes, in the order it is written.
#[derive(Debug, Default)]
pub(super) struct PageChanges {
    pub accounts: Vec<KnownAccount>,
    pub transitions: Vec<Transition>,
    pub closed: Vec<Closed>,
    pub renamed: Vec<(IncidentId, ToolkitSlug)>,
    pub moved: Vec<IncidentMove>,
    pub renewed: Vec<IncidentRenewal>,
    pub opened: Vec<NewIncident>,
    pub attention: Vec<(Silence, Account)>,
}

/// An incident that is over, and whose it was.
#[derive(Debug)]
pub(super) struct Closed {
    pub user: UserId,
    pub toolkit: ToolkitSlug,
    pub close: IncidentClose,
}

/// One user's stored state, about to meet a new observation.
pub(super) struct UserChanges<'a> {
    pub user: &'a UserId,
    pub known: Vec<KnownAccount>,
    pub observed_at: Option<Timestamp>,
    pub open: Vec<OpenIncidentRow>,
    /// Accounts that connect attempts behind our own links made.
    pub attempts: &'a HashSet<AccountId>,
    pub context: RecordContext<'a>,
}

impl UserChanges<'_> {
    /// Compares what was stored with the complete list `accounts` and collects every difference.
    pub(super) fn collect(mut self, accounts: Vec<Account>, changes: &mut PageChanges, counters: &mut RunCounters) {
        let known: HashMap<AccountId, KnownAccount> =
            self.known.drain(..).map(|known| (known.account.id.clone(), known)).collect();
        let history = |id: &AccountId| {
            let own = known.get(id).map_or(History::default(), |k| k.history(self.observed_at));
            History { attempt: self.attempts.contains(id), ..own }
        };
        let judged = judge(accounts, history, self.context.now);
        let anchors = self.incidents(&judged, changes);
        for judged in &judged {
            let silence = if judged.condition.needs_reconnect() && !anchors.contains(&judged.account.id) {
                let otherwise = if judged.ended { Silence::EndedBefore } else { Silence::CoveredByIncident };
                Some(silence_of(&judged.account, judged.condition).unwrap_or(otherwise))
            } else {
                silence_of(&judged.account, judged.condition)
            };
            counters.accounts_seen += 1;
            *counters.conditions.entry(judged.condition.code().to_owned()).or_default() += 1;
            // The account an open incident stands for is counted when its incident is decided about.
            if let Some(reason) = silence.filter(|_| !anchors.contains(&judged.account.id)) {
                counters.silence(reason);
            }
            self.account(judged, silence, known.get(&judged.account.id), changes);
        }
        let present: BTreeSet<&AccountId> = judged.iter().map(|judged| &judged.account.id).collect();
        for gone in known.values().filter(|known| known.gone_at.is_none() && !present.contains(&known.account.id)) {
            self.gone(gone, changes);
        }
    }

    /// Decides about the incident of every toolkit involved; returns the accounts open incidents stand for.
    fn incidents(&self, judged: &[Judged], changes: &mut PageChanges) -> BTreeSet<AccountId> {
        let mut groups: BTreeMap<ToolkitSlug, Vec<&Judged>> = BTreeMap::new();
        for judged in judged {
            groups.entry(judged.account.toolkit.clone()).or_default().push(judged);
        }
        let mut open: BTreeMap<ToolkitSlug, &OpenIncidentRow> = BTreeMap::new();
        for row in &self.open {
            // The provider renames toolkits; an incident goes where its account went.
            let now_at = judged.iter().find(|j| j.account.id == row.incident.anchor).map(|j| &j.account.toolkit);
            match now_at.filter(|slug| **slug != row.toolkit && !self.open.iter().any(|o| o.toolkit == **slug)) {
                Some(slug) => {
                    changes.renamed.push((row.incident.id.clone(), slug.clone()));
                    open.insert(slug.clone(), row);
                }
                None => {
                    open.insert(row.toolkit.clone(), row);
                }
            }
        }
        let toolkits: BTreeSet<ToolkitSlug> = groups.keys().chain(open.keys()).cloned().collect();
        let mut anchors = BTreeSet::new();
        for toolkit in toolkits {
            let group = groups.get(&toolkit).map_or(&[][..], Vec::as_slice);
            let row = open.get(&toolkit).copied();
            match next_incident(row.map(|row| &row.incident), group) {
                IncidentChange::None => {}
                IncidentChange::Open(anchor) => {
                    changes.opened.push(self.new_incident(&toolkit, &anchor, group));
                    anchors.insert(anchor);
                    continue;
                }
                IncidentChange::Move(to) => {
                    if let Some(row) = row {
                        changes.moved.push(IncidentMove { id: row.incident.id.clone(), to: to.clone() });
                    }
                    anchors.insert(to);
                    continue;
                }
                IncidentChange::Renew(to) => {
                    if let Some(row) = row {
                        let (broke_at, cause) = (broke_at(group, &to, self.context.now), cause(group, &to));
                        let id = row.incident.id.clone();
                        changes.renewed.push(IncidentRenewal { id, to: to.clone(), broke_at, cause });
                    }
                    anchors.insert(to);
                    continue;
                }
                IncidentChange::Close(evidence) => {
                    if let Some(row) = row {
                        let close = IncidentClose { id: row.incident.id.clone(), evidence };
                        changes.closed.push(Closed { user: self.user.clone(), toolkit: toolkit.clone(), close });
                    }
                    continue;
                }
            }
            anchors.extend(row.map(|row| row.incident.anchor.clone()));
        }
        anchors
    }

    fn new_incident(&self, toolkit: &ToolkitSlug, anchor: &AccountId, group: &[&Judged]) -> NewIncident {
        let now = self.context.now;
        let broke_at = broke_at(group, anchor, now);
        // Own history first: what we saw work, broke on our watch.
        let seen_active = group.iter().any(|judged| judged.account.id == *anchor && judged.seen_active);
        let baseline = self.context.baseline;
        let old_news = baseline.taking_stock || baseline.until.is_some_and(|at| broke_at <= at);
        NewIncident {
            id: crate::domain::IncidentId::new(self.context.mint.uuid(now)),
            user: self.user.clone(),
            toolkit: toolkit.clone(),
            anchor: anchor.clone(),
            broke_at,
            cause: cause(group, anchor),
            baseline: old_news && !seen_active,
        }
    }

    fn account(
        &self,
        judged: &Judged,
        silence: Option<Silence>,
        before: Option<&KnownAccount>,
        changes: &mut PageChanges,
    ) {
        let now = self.context.now;
        let account = &judged.account;
        let down = matches!(account.status, Status::Expired | Status::Failed);
        let after = KnownAccount {
            account: account.clone(),
            condition: judged.condition,
            silence,
            first_seen_at: before.map_or(now, |known| known.first_seen_at),
            last_active_at: self.last_active_at(judged, before),
            broken_since: down.then(|| before.and_then(|known| known.broken_since).unwrap_or(now)),
            last_seen_at: None,
            gone_at: None,
            moved_on: moved_on(judged, before),
        };
        if before == Some(&after) {
            return;
        }
        if let Some(before) = before {
            let from = (before.account.status.clone(), before.condition);
            let to = (account.status.clone(), judged.condition);
            if from != to {
                let (user, reason) = (self.user.clone(), account.reason);
                changes.transitions.push(Transition { user, account: account.id.clone(), from, to, reason });
            }
        }
        if let Some(reason) = silence.filter(|reason| before.and_then(|known| known.silence) != Some(*reason))
            && is_for_the_operator(reason)
        {
            changes.attention.push((reason, account.clone()));
        }
        changes.accounts.push(after);
    }

    /// Written down when an account starts and when it stops working; in between, the user's own
    /// last-observed instant says it, without a write.
    fn last_active_at(&self, judged: &Judged, before: Option<&KnownAccount>) -> Option<Timestamp> {
        let was_working = before.is_some_and(|k| k.gone_at.is_none() && is_working(&k.account));
        match (is_working(&judged.account), was_working) {
            (true, false) => Some(self.context.now),
            (true, true) => before.and_then(|known| known.last_active_at),
            (false, _) => before.and_then(|known| known.history(self.observed_at).last_active_at),
        }
    }

    fn gone(&self, before: &KnownAccount, changes: &mut PageChanges) {
        let history = before.history(self.observed_at);
        changes.transitions.push(Transition {
            user: self.user.clone(),
            account: before.account.id.clone(),
            from: (before.account.status.clone(), before.condition),
            to: (Status::Other("GONE".into()), before.condition),
            reason: before.account.reason,
        });
        changes.accounts.push(KnownAccount {
            last_active_at: history.last_active_at,
            last_seen_at: self.observed_at,
            gone_at: Some(self.context.now),
            ..before.clone()
        });
    }
}

fn broke_at(group: &[&Judged], account: &AccountId, now: Timestamp) -> Timestamp {
    group.iter().find(|judged| judged.account.id == *account).and_then(|judged| judged.broke_at).unwrap_or(now)
}

/// What is said of the account now that it is noticed.
fn cause(group: &[&Judged], account: &AccountId) -> Cause {
    let seen = group.iter().find(|judged| judged.account.id == *account);
    // An incident stands for one of the group.
    let unknown = || Cause { reason: ReasonHint::Other, auth_config: AuthConfigId::new("") };
    seen.map_or_else(unknown, |judged| Cause::of(&judged.account))
}

/// Kept through whatever comes in between, until the account works again.
fn moved_on(judged: &Judged, before: Option<&KnownAccount>) -> Option<MovedOn> {
    if is_working(&judged.account) {
        None
    } else if judged.condition == Condition::Superseded {
        Some(MovedOn::Superseded)
    } else if judged.ended {
        Some(MovedOn::Ended)
    } else {
        before.and_then(|known| known.moved_on)
    }
}

fn is_working(account: &Account) -> bool {
    account.status == Status::Active && !account.is_disabled
}

fn is_for_the_operator(reason: Silence) -> bool {
    matches!(
        reason,
        Silence::AuthConfigDisabled | Silence::ServiceCredential | Silence::IdentityMismatch | Silence::UnknownStatus
    )
}

/// One page may bring hundreds of the same news (an auth config that was switched off); the counters hold
/// the rest.
const ATTENTION_LINES_PER_PAGE: usize = 5;

impl PageChanges {
    /// Says what on-call wants to read, once the page is written.
    pub(super) fn log(&self) {
        for new in self.opened.iter().filter(|new| !new.baseline) {
            tracing::info!(
                event = events::INCIDENT_OPENED,
                user = %new.user, toolkit = %new.toolkit, account = %new.anchor, incident_id = %new.id,
                "A connected account stopped working; its user must reconnect."
            );
        }
        for closed in &self.closed {
            tracing::info!(
                event = events::INCIDENT_CLOSED,
                user = %closed.user, toolkit = %closed.toolkit, incident_id = %closed.close.id,
                evidence = closed.close.evidence.code(),
                "Nothing needs to be reconnected here any more."
            );
        }
        for (reason, account) in self.attention.iter().take(ATTENTION_LINES_PER_PAGE) {
            tracing::warn!(
                event = events::OPERATOR_ATTENTION,
                reason = reason.code(), user = %account.user, toolkit = %account.toolkit, account = %account.id,
                auth_config = %account.auth_config, status = account.status.as_str(),
                "No user can mend this: {}.", reason.words()
            );
        }
        let more = self.attention.len().saturating_sub(ATTENTION_LINES_PER_PAGE);
        if more > 0 {
            tracing::warn!(
                event = events::OPERATOR_ATTENTION,
                more,
                "More accounts of this page need the operator; `explain USER` and the summary's `silenced` have them."
            );
        }
    }
}
