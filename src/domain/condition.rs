//! What we conclude about an account: a pure function of the account, its siblings, our own history of it
//! and the present instant. The rows are those of the contract's CLASS table (section 9), in its order,
//! first match wins; our own history outranks the provider's reason text.

use chrono::TimeDelta;

use super::account::{Account, ReasonHint, Status};
use super::ids::AccountId;
use super::time::Timestamp;

/// What we conclude about one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Condition {
    /// Works, as far as the provider knows.
    Healthy,
    /// Worked once and works no more: the user must reconnect.
    Broken,
    /// Broken, while an older account of the same toolkit works: reconnect, named by its alias.
    SecondAccount,
    /// Broken, but the user has reconnected since: a newer account works.
    Superseded,
    /// An attempt that was never finished; nothing was ever connected.
    NeverConnected,
    /// A first connect that the toolkit or the user refused.
    SetupFailed,
    /// A connect attempt is under way.
    Pending,
    /// Switched off or revoked on purpose, or the product's own auth config is.
    Intentional,
    /// Nobody stands behind the user id.
    Orphan,
    /// The provider used a word we do not know.
    Unknown,
}

impl Condition {
    /// All conditions and their stored codes.
    pub const CODES: [(Self, &'static str); 10] = [
        (Self::Healthy, "healthy"),
        (Self::Broken, "broken"),
        (Self::SecondAccount, "second_account"),
        (Self::Superseded, "superseded"),
        (Self::NeverConnected, "never_connected"),
        (Self::SetupFailed, "setup_failed"),
        (Self::Pending, "pending"),
        (Self::Intentional, "intentional"),
        (Self::Orphan, "orphan"),
        (Self::Unknown, "unknown"),
    ];

    /// The code as it is stored, counted and shown.
    pub fn code(self) -> &'static str {
        Self::CODES.iter().find(|(known, _)| *known == self).map_or("unknown", |(_, code)| code)
    }

    /// The condition a stored code stands for.
    pub fn from_code(code: &str) -> Self {
        Self::CODES.iter().find(|(_, known)| *known == code).map_or(Self::Unknown, |(condition, _)| *condition)
    }

    /// Whether the user would have to do something.
    pub fn needs_reconnect(self) -> bool {
        matches!(self, Self::Broken | Self::SecondAccount)
    }
}

/// What our own records say of one account before this observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct History {
    /// When we last saw it ACTIVE and not disabled; none if never.
    pub last_active_at: Option<Timestamp>,
    /// Since when we have seen it EXPIRED or FAILED without a break; none if it was not when last seen.
    pub broken_since: Option<Timestamp>,
    /// It was superseded when last seen and has not worked since: the user has moved on, and does not come
    /// back to it when the newer account goes away.
    pub superseded: bool,
    /// It left the list while it was broken, and is back without having worked: its incident is over.
    pub ended: bool,
    /// A connect attempt behind one of our own links made it: until it has worked, its end is the attempt's end.
    pub attempt: bool,
}

/// An account and what we conclude about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The account as the provider described it.
    pub account: Account,
    /// What we conclude.
    pub condition: Condition,
    /// When it broke, where its status is EXPIRED or FAILED.
    pub broke_at: Option<Timestamp>,
    /// Whether a working account of the same user and toolkit is at least as new as the breakage: the
    /// evidence that the user has reconnected.
    pub newer_active: bool,
    /// Whether we ever saw it work: then it broke on our watch.
    pub seen_active: bool,
    /// Whether an incident about this very breakage is over already; it opens no other.
    pub ended: bool,
}

/// The provider expires an unfinished attempt after 10 minutes; an account that changed last within 15
/// minutes of its creation never lived (contract, section 8.1 iii: an inference, hence the margin).
const ATTEMPT_LIFE: TimeDelta = TimeDelta::minutes(15);

/// A first connect ends within minutes. FAILED this long after creation is a failed refresh in place of an
/// account that once worked (contract, section 8.2: "FAILED long after `created_at`").
const FAILED_LONG_AFTER: TimeDelta = TimeDelta::hours(24);

/// Judges all accounts of one user together. `accounts` must be complete: a missing sibling could make a
/// superseded account look broken.
pub fn judge(accounts: Vec<Account>, history: impl Fn(&AccountId) -> History, now: Timestamp) -> Vec<Judged> {
    let working: Vec<Account> = accounts.iter().filter(|account| is_working(account)).cloned().collect();
    accounts
        .into_iter()
        .map(|account| {
            let own = history(&account.id);
            let since = broke_at(&account, &own, now);
            let siblings = || working.iter().filter(|other| other.toolkit == account.toolkit && other.id != account.id);
            // A working sibling of unreadable age counts as newer: silence is the smaller mistake.
            let newer_active = siblings().any(|other| other.created_at.is_none_or(|created| created >= since));
            let has_sibling = siblings().next().is_some();
            let superseded = newer_active || own.superseded;
            let condition = condition_of(&account, &own, superseded, has_sibling);
            let broke_at = is_down(&account.status).then_some(since);
            let (seen_active, ended) = (own.last_active_at.is_some(), own.ended);
            Judged { account, condition, broke_at, newer_active, seen_active, ended }
        })
        .collect()
}

fn condition_of(account: &Account, own: &History, superseded: bool, has_working_sibling: bool) -> Condition {
    let once_active = own.last_active_at.is_some() || failed_late(account);
    match account.status {
        _ if account.user.is_nobody() => Condition::Orphan,
        Status::Active if !account.is_disabled => Condition::Healthy,
        _ if account.is_disabled || account.auth_config_disabled => Condition::Intentional,
        Status::Inactive | Status::Revoked => Condition::Intentional,
        Status::Initializing | Status::Initiated => Condition::Pending,
        Status::Expired | Status::Failed if superseded => Condition::Superseded,
        Status::Expired if !once_active && (own.attempt || never_lived(account)) => Condition::NeverConnected,
        Status::Failed if !once_active => Condition::SetupFailed,
        Status::Expired | Status::Failed if has_working_sibling => Condition::SecondAccount,
        Status::Expired | Status::Failed => Condition::Broken,
        Status::Active | Status::Other(_) => Condition::Unknown,
    }
}

fn is_working(account: &Account) -> bool {
    account.status == Status::Active && !account.is_disabled
}

fn is_down(status: &Status) -> bool {
    matches!(status, Status::Expired | Status::Failed)
}

/// The earlier of the provider's last change and our first sight of the breakage, but never before we last
/// saw the account work: a provider that leaves `updated_at` alone must not make an old second account
/// look like a reconnect.
fn broke_at(account: &Account, own: &History, now: Timestamp) -> Timestamp {
    let first_sight = own.broken_since.unwrap_or(now);
    let earliest = account.updated_at.map_or(first_sight, |updated| updated.min(first_sight));
    own.last_active_at.map_or(earliest, |active| earliest.max(active.min(first_sight)))
}

fn failed_late(account: &Account) -> bool {
    account.status == Status::Failed && age_at_change(account).is_some_and(|age| age >= FAILED_LONG_AFTER)
}

/// Without a reason text only the age can tell; without a readable age there is no evidence that anything
/// was ever connected, and silence is the smaller mistake.
fn never_lived(account: &Account) -> bool {
    match account.reason {
        ReasonHint::NeverCompleted => true,
        ReasonHint::None => age_at_change(account).is_none_or(|age| age <= ATTEMPT_LIFE),
        _ => false,
    }
}

fn age_at_change(account: &Account) -> Option<TimeDelta> {
    Some(account.updated_at? - account.created_at?)
}

#[cfg(test)]
#[path = "condition_tests.rs"]
mod tests;
