//! What is still true a moment before sending: a pure function of the incidents a notification is about and
//! a fresh, complete list of the user's accounts.

use std::collections::{HashMap, HashSet};

use crate::domain::{
    Account, AccountId, CloseEvidence, Condition, History, IncidentChange, IncidentId, Judged, NoticeItem,
    OpenIncident, OperatorSilence, ReconnectUrl, Silence, Timestamp, ToolkitSlug, judge, next_incident, silence_of,
};
use crate::store::{IncidentClose, KnownAccount, PlannedItem, StoredIncident};

/// How often a delivery of a held storm looks whether an operator has decided.
const STORM_LOOK: chrono::TimeDelta = chrono::TimeDelta::hours(1);

/// What may be said, what must not, and what turned out to be over.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rechecked {
    /// What is still broken, newest first.
    pub items: Vec<NoticeItem>,
    /// Why something is left out; one entry per incident left out.
    pub dropped: Vec<Silence>,
    /// Of what is left out, what the owner of the address does not want to read about.
    pub stopped: Vec<IncidentId>,
    /// What is kept back now and was told on another channel already: why, and when it may be said here.
    pub told_elsewhere: Option<(Silence, Timestamp)>,
    /// Since when each incident counts that is told here for the first time: its opening, or its release.
    pub first_told_since: Vec<Timestamp>,
    /// Incidents the fresh list is the evidence to close.
    pub closed: Vec<IncidentClose>,
}

impl Rechecked {
    /// The toolkits of what may be said, each once.
    pub fn toolkits(&self) -> Vec<ToolkitSlug> {
        let mut toolkits: Vec<ToolkitSlug> = self.items.iter().map(|item| item.toolkit.clone()).collect();
        toolkits.sort();
        toolkits.dedup();
        toolkits
    }
}

/// What we know of the user before the fresh list.
pub(super) struct Before<'a> {
    /// The incidents the notification is about, as planned.
    pub planned: &'a [PlannedItem],
    /// The user's open incidents.
    pub open: &'a [StoredIncident],
    /// Every account ever seen of the user.
    pub known: &'a [KnownAccount],
    /// When the complete list on record was asked for.
    pub observed_at: Option<Timestamp>,
    /// Of the planned incidents, those that were spoken about under this notification on some channel.
    pub spoken_of: &'a HashSet<IncidentId>,
    /// What operators said that nobody is to be told about.
    pub silences: &'a [OperatorSilence],
    /// Accounts that connect attempts behind our own links made.
    pub attempts: &'a HashSet<AccountId>,
}

impl Before<'_> {
    /// Why an operator keeps this incident from being told at `now`, and when to look again, where that may end by
    /// itself or be decided; none if nobody does.
    fn kept_back(&self, incident: &StoredIncident, now: Timestamp) -> Option<(Silence, Option<Timestamp>)> {
        let account = &incident.anchor.account;
        let covers = |silence: &OperatorSilence| {
            silence.covers(&account.user, &incident.toolkit, &account.auth_config, now)
                || silence.covers(&account.user, &account.toolkit, &account.auth_config, now)
        };
        let silenced_until = self.silences.iter().filter(|silence| covers(silence)).map(|silence| silence.until).max();
        if silenced_until.is_some() {
            return Some((Silence::Silenced, silenced_until));
        }
        let storm = incident.storm_silence()?;
        Some((storm, (storm == Silence::StormHeld).then_some(now + STORM_LOOK)))
    }

    /// Whether all that was planned is kept back or over, whatever a fresh list says.
    pub fn nothing_may_be_said(&self, now: Timestamp) -> bool {
        self.planned.iter().all(|planned| {
            let open = self.open.iter().find(|open| open.id == planned.incident);
            open.is_none_or(|incident| self.kept_back(incident, now).is_some())
        })
    }
}

/// Compares; `fresh` must be complete and this user's.
pub(super) fn recheck(before: &Before<'_>, fresh: Vec<Account>, url: &ReconnectUrl, now: Timestamp) -> Rechecked {
    let judged = judged(fresh, before.known, before.attempts, before.observed_at, now);
    let mut result = Rechecked::default();
    for planned in before.planned {
        let Some(incident) = before.open.iter().find(|open| open.id == planned.incident) else {
            result.dropped.push(Silence::Healed); // Closed since it was planned.
            continue;
        };
        if let Some((reason, until)) = before.kept_back(incident, now) {
            let again = until.filter(|_| before.spoken_of.contains(&incident.id)).map(|until| (reason, until));
            result.told_elsewhere = result.told_elsewhere.into_iter().chain(again).min_by_key(|(_, until)| *until);
            result.dropped.push(reason);
            continue;
        }
        let anchor_id = &incident.anchor.account.id;
        let toolkit =
            judged.iter().find(|j| j.account.id == *anchor_id).map_or(&incident.toolkit, |j| &j.account.toolkit);
        let group: Vec<_> = judged.iter().filter(|judged| judged.account.toolkit == *toolkit).collect();
        let (id, baseline) = (incident.id.clone(), incident.baseline);
        let open = OpenIncident { id, anchor: anchor_id.clone(), baseline };
        let speak_of = match next_incident(Some(&open), &group) {
            IncidentChange::Close(evidence) => {
                result.closed.push(close(&incident.id, evidence));
                result.dropped.push(Silence::Healed);
                continue;
            }
            IncidentChange::Move(to) | IncidentChange::Renew(to) => to,
            IncidentChange::None | IncidentChange::Open(_) => anchor_id.clone(),
        };
        let Some(subject) = group.iter().find(|judged| judged.account.id == speak_of) else {
            result.dropped.push(Silence::Healed);
            continue;
        };
        if let Some(reason) = silence_of(&subject.account, subject.condition) {
            result.dropped.push(reason);
            continue;
        }
        if planned.number == 0 {
            result.first_told_since.push(incident.released_at.unwrap_or(incident.opened_at));
        }
        result.items.push(NoticeItem {
            incident: incident.id.clone(),
            number: planned.number,
            toolkit: toolkit.clone(),
            account: subject.account.id.clone(),
            label: subject.account.label().map(str::to_owned),
            second_account: subject.condition == Condition::SecondAccount,
            broke_at: subject.broke_at.unwrap_or(incident.broke_at),
            reconnect_url: url.for_toolkit(toolkit),
            recovery: None,
        });
    }
    result.items.sort_by(|a, b| b.broke_at.cmp(&a.broke_at).then_with(|| a.incident.cmp(&b.incident)));
    result
}

/// The accounts that work, by a fresh and complete list of one user's accounts.
pub(super) fn still_works(
    fresh: Vec<Account>,
    known: &[KnownAccount],
    observed_at: Option<Timestamp>,
    now: Timestamp,
) -> HashMap<AccountId, ToolkitSlug> {
    // Which account an attempt of ours made is no matter here: it says how one ended that never worked.
    let judged = judged(fresh, known, &HashSet::new(), observed_at, now);
    let healthy = judged.into_iter().filter(|judged| judged.condition == Condition::Healthy);
    healthy.map(|judged| (judged.account.id, judged.account.toolkit)).collect()
}

fn judged(
    fresh: Vec<Account>,
    known: &[KnownAccount],
    attempts: &HashSet<AccountId>,
    observed_at: Option<Timestamp>,
    now: Timestamp,
) -> Vec<Judged> {
    let known: HashMap<&AccountId, &KnownAccount> = known.iter().map(|k| (&k.account.id, k)).collect();
    let history = |id: &AccountId| {
        let own = known.get(id).map_or(History::default(), |k| k.history(observed_at));
        History { attempt: attempts.contains(id), ..own }
    };
    judge(fresh, history, now)
}

fn close(id: &IncidentId, evidence: CloseEvidence) -> IncidentClose {
    IncidentClose { id: id.clone(), evidence }
}
