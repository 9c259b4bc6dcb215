//! When an incident opens, moves to another account and closes: a pure function of the open incident and
//! the judged accounts of one user and toolkit, called only with a complete list.
//!
//! An incident is one unbroken period in which a user must reconnect one toolkit. It stands for one
//! account (the anchor) but covers them all: ten dead rows of one toolkit are one incident. It closes on
//! evidence only: the anchor is ACTIVE, a newer ACTIVE sibling exists, or the complete list no longer
//! holds it. An anchor that is now disabled, pending or of unknown status keeps it open and silent.

use super::condition::{Condition, Judged};
use super::decision::silence_of;
use super::ids::{AccountId, IncidentId};

/// The open incident of a user and toolkit, where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenIncident {
    /// Its id.
    pub id: IncidentId,
    /// The account it stands for.
    pub anchor: AccountId,
    /// It was broken before this product started to watch; nobody was or will be told about that.
    pub baseline: bool,
}

/// The evidence an incident was closed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseEvidence {
    /// The account is ACTIVE again.
    Active,
    /// A newer account of the same toolkit is ACTIVE.
    Superseded,
    /// The complete list no longer holds the account.
    Gone,
}

impl CloseEvidence {
    /// The code as it is stored and shown.
    pub fn code(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Superseded => "superseded",
            Self::Gone => "gone",
        }
    }

    /// The evidence a stored code stands for.
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Active, Self::Superseded, Self::Gone].into_iter().find(|evidence| evidence.code() == code)
    }
}

/// What a complete observation does to the incident of one user and toolkit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IncidentChange {
    /// Nothing to do.
    None,
    /// A new incident for this account.
    Open(AccountId),
    /// The open incident now stands for another account that still needs its user; nobody is told again.
    Move(AccountId),
    /// The open incident was about old news (`baseline`); it now stands for this account, which broke on our
    /// watch and is news.
    Renew(AccountId),
    /// The open incident is over.
    Close(CloseEvidence),
}

/// Decides for one user and toolkit. `group` holds every account of it, complete; it may be empty.
pub fn next_incident(open: Option<&OpenIncident>, group: &[&Judged]) -> IncidentChange {
    let broken = || group.iter().filter(|judged| judged.condition.needs_reconnect() && !judged.ended);
    if open.is_some_and(|open| open.baseline)
        && let Some(news) = broken().filter(|judged| judged.seen_active && is_users(judged)).max_by_key(|j| rank(j))
    {
        return IncidentChange::Renew(news.account.id.clone());
    }
    let newest = broken().max_by_key(|judged| rank(judged));
    match (open, newest) {
        (None, None) => IncidentChange::None,
        (None, Some(newest)) => IncidentChange::Open(newest.account.id.clone()),
        (Some(open), newest) => {
            let anchor = group.iter().find(|judged| judged.account.id == open.anchor);
            match (anchor, newest) {
                (Some(anchor), _) if anchor.condition.needs_reconnect() && is_users(anchor) => IncidentChange::None,
                (Some(anchor), Some(newest)) if anchor.condition.needs_reconnect() && !is_users(newest) => {
                    IncidentChange::None
                }
                (_, Some(newest)) => IncidentChange::Move(newest.account.id.clone()),
                (None, None) => IncidentChange::Close(CloseEvidence::Gone),
                (Some(anchor), None) if anchor.condition == Condition::Healthy => {
                    IncidentChange::Close(CloseEvidence::Active)
                }
                (Some(anchor), None) if anchor.newer_active => IncidentChange::Close(CloseEvidence::Superseded),
                (Some(_), None) => IncidentChange::None,
            }
        }
    }
}

/// What is the user's to reconnect before what is the operator's to look into, then the newest.
fn rank(judged: &Judged) -> (bool, Option<super::time::Timestamp>, AccountId) {
    (is_users(judged), judged.account.created_at, judged.account.id.clone())
}

fn is_users(judged: &Judged) -> bool {
    silence_of(&judged.account, judged.condition).is_none()
}

#[cfg(test)]
#[path = "incident_tests.rs"]
mod tests;
