//! When a notice is due: the ladder, the dwell, the digest, the caps and the storm guard as numbers, and the two
//! pure functions that apply them, one per incident and one per user.
//!
//! Every instant here follows from what is stored, so that asking again gives the same answer and a run that
//! comes late finds everything that became due in between.

use std::time::Duration;

use chrono::TimeDelta;

use super::decision::{Decision, NotifyReason, Silence};
use super::time::Timestamp;

/// How often and how soon people are told. The defaults are those of `config.example.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticePolicy {
    /// When each notice is due after the incident opened; ascending, at least one.
    pub ladder: Vec<Duration>,
    /// How long an incident must last before anybody is told.
    pub dwell: Duration,
    /// The same where the provider speaks of repeated transient failures; at least `dwell`.
    pub dwell_transient: Duration,
    /// How long after a notification nothing more is said to the same user.
    pub digest_window: Duration,
    /// The most notifications a user gets in any 24 hours; at least 1.
    pub max_per_day: u32,
    /// The most notifications a user gets in any 7 days; at least 1.
    pub max_per_week: u32,
    /// Whether those who were mailed about an incident are mailed when it is over.
    pub recovered_mail: bool,
}

impl Default for NoticePolicy {
    fn default() -> Self {
        Self {
            ladder: vec![Duration::ZERO, Duration::from_hours(3 * 24), Duration::from_hours(10 * 24)],
            dwell: Duration::ZERO,
            dwell_transient: Duration::from_hours(24),
            digest_window: Duration::from_hours(1),
            max_per_day: 2,
            max_per_week: 5,
            recovered_mail: false,
        }
    }
}

const DAY: TimeDelta = TimeDelta::days(1);
const WEEK: TimeDelta = TimeDelta::days(7);

/// What was said about an incident so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NoticesGiven {
    /// How many notices were given, or are about to be; also the number of the next.
    pub count: u32,
    /// One of them waits in the outbox.
    pub under_way: bool,
    /// An operator called one of them off, and it was not put back.
    pub called_off: bool,
    /// No reminder follows, whatever the ladder says.
    pub ladder_ended: bool,
    /// When the last of them came to its end: delivered, given up or called off.
    pub last_ended_at: Option<Timestamp>,
}

/// What a decision about an open incident depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IncidentFacts {
    /// It was broken before this product started to watch.
    pub baseline: bool,
    /// Why the anchor, as last seen, would not be the user's to reconnect; none if it is.
    pub anchor_silence: Option<Silence>,
    /// The provider says that it may mend itself.
    pub transient: bool,
    /// At least one channel tells users what to reconnect.
    pub has_channel: bool,
    /// Why it is kept back: by a storm, or by an operator's silence that covers it now; none if it is not.
    pub held: Option<Silence>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was released from the baseline.
    pub released_at: Option<Timestamp>,
    /// What was said so far.
    pub notices: NoticesGiven,
}

impl NoticePolicy {
    /// Decides about one open incident at `now`.
    pub fn decide(&self, facts: &IncidentFacts, now: Timestamp) -> Decision {
        let told = facts.notices.count > 0;
        let due_at = self.due_at(facts);
        let silence = match facts {
            IncidentFacts { notices: NoticesGiven { under_way: true, .. }, .. } => Some(Silence::AlreadyNotified),
            IncidentFacts { baseline: true, .. } => Some(Silence::Baseline),
            IncidentFacts { notices: NoticesGiven { called_off: true, .. }, .. } => Some(Silence::CalledOff),
            IncidentFacts { notices: NoticesGiven { ladder_ended: true, .. }, .. } if told => Some(Silence::LadderDone),
            _ if due_at.is_none() => Some(Silence::LadderDone),
            _ => None,
        };
        let (Some(due_at), None) = (due_at, silence) else {
            return Decision::Silent(silence.unwrap_or(Silence::LadderDone));
        };
        if told && now < due_at {
            return Decision::Wait(Silence::AlreadyNotified, due_at);
        }
        match facts {
            IncidentFacts { anchor_silence: Some(reason), .. } => Decision::Silent(*reason),
            IncidentFacts { has_channel: false, .. } => Decision::Silent(Silence::NoChannel),
            // Before what an operator says: what ends inside its dwell was never mentioned, silenced or not.
            _ if now < due_at => Decision::Wait(Silence::Dwelling, due_at),
            IncidentFacts { held: Some(reason), .. } => Decision::Silent(*reason),
            _ if told => Decision::Notify(NotifyReason::Reminder),
            _ => Decision::Notify(NotifyReason::FirstNotice),
        }
    }

    /// When the next notice of an incident is due; none after the last step of the ladder. A reminder keeps its
    /// distance from when the notice before it came to its end: who was told late is not reminded early.
    fn due_at(&self, facts: &IncidentFacts) -> Option<Timestamp> {
        let number = usize::try_from(facts.notices.count).ok()?;
        let step = *self.ladder.get(number)?;
        if number == 0 {
            let dwell = if facts.transient { self.dwell_transient } else { self.dwell };
            let due_at = facts.opened_at + delta(step.max(dwell));
            return Some(facts.released_at.map_or(due_at, |released_at| due_at.max(released_at)));
        }
        let before = self.ladder.get(number - 1).copied().unwrap_or_default();
        Some(facts.notices.last_ended_at.unwrap_or(facts.opened_at) + delta(step.saturating_sub(before)))
    }

    /// Why a user to whom something is due is not told at `now`, and when that ends. `told_at` holds the instants
    /// of the user's notifications of the last seven days or more, in any order.
    pub fn hold(&self, told_at: &[Timestamp], now: Timestamp) -> Option<(Silence, Timestamp)> {
        let mut latest: Vec<Timestamp> = told_at.iter().copied().filter(|at| *at > now - WEEK).collect();
        latest.sort_unstable_by(|a, b| b.cmp(a));
        let digest = latest.first().map(|last| (Silence::DigestWindow, *last + delta(self.digest_window)));
        // With n allowed, the n-th latest must have left the period before there is room for one more.
        let room = |most: u32, period: TimeDelta| {
            let nth = usize::try_from(most).unwrap_or(usize::MAX).saturating_sub(1);
            latest.get(nth).map(|at| (Silence::Capped, *at + period))
        };
        let holds = [digest, room(self.max_per_day, DAY), room(self.max_per_week, WEEK)];
        holds.into_iter().flatten().filter(|(_, until)| *until > now).max_by_key(|(_, until)| *until)
    }
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

/// When a mass breakage is taken for somebody else's fault than the users'.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StormGuard {
    /// The share of an auth config's (or toolkit's) working accounts that must break; 1.0 turns the guard off.
    pub share: f64,
    /// How many of them at least.
    pub min: u64,
    /// Within how long.
    pub window: Duration,
}

impl Default for StormGuard {
    fn default() -> Self {
        Self { share: 0.2, min: 20, window: Duration::from_hours(24) }
    }
}

impl StormGuard {
    /// Whether `broken` of the accounts that worked are too many, where `working` still do.
    pub fn trips(&self, broken: u64, working: u64) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "accounts are counted in millions, not in 2^52")]
        let (broken_share, all) = (broken as f64, (broken + working) as f64);
        broken >= self.min && self.share < 1.0 && broken_share > self.share * all
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
