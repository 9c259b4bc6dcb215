//! What is to be done about a job at this moment: a pure decision over its schedule and what is known of its past.
//!
//! The rules, in the order they are asked:
//!
//! 1. Of the instants that came since the newest one with a row (or since the schedule is followed) only the newest
//!    counts; those before it are passed over. It is due from its wake time on.
//! 2. Nothing new: an occurrence whose process died is taken on again.
//! 3. What should have begun more than `catch_up` ago is not done any more; 2 minutes late is never too late.
//! 4. An instant that has a row never comes again, whatever the clock does meanwhile.

use std::time::Duration;

use chrono::TimeDelta;

use super::timetable::JobSchedule;
use crate::domain::{OccurrenceState, Timestamp};
use crate::store::OccurrenceRow;

/// What begins this long after its wake time or later is called late: the alarm looks again every minute at least.
const LATE: TimeDelta = TimeDelta::minutes(2);

/// Passed-over instants are counted up to this; it takes a month away to miss as many of every five minutes' job, and
/// counting on would make the start wait.
pub const MOST_COUNTED: u64 = 1_000;

/// So many instants with a row are stepped over to find the next one without; beyond them, the next look finds it.
const MOST_STEPPED_OVER: usize = 1_000;

/// What is known of a job's past.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Past {
    /// Occurrences: the newest that had come by now, all that are running, and those yet to come (after the clock went
    /// backwards).
    pub rows: Vec<OccurrenceRow>,
    /// Since when this schedule is followed: nothing before it was missed.
    pub since: Timestamp,
    /// How long the job's lease is still held, by whomever: so long what is running may be alive.
    pub held_for: Option<Duration>,
}

/// What to do about a job now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// This instant is to be taken on.
    Due {
        /// Which.
        instant: Timestamp,
        /// Whether it begins well after its time.
        late: bool,
        /// How many came before it without being done; at most [`MOST_COUNTED`].
        passed_over: u64,
    },
    /// This instant and those before it came too long ago to be done.
    PassedOver {
        /// The newest of them.
        instant: Timestamp,
        /// How many; at most [`MOST_COUNTED`].
        count: u64,
    },
    /// An occurrence whose process died is too old to be taken on again.
    Abandoned {
        /// Which.
        instant: Timestamp,
    },
    /// Nothing before `wake_at`.
    Wait {
        /// The next one.
        instant: Timestamp,
        /// When to wake for it.
        wake_at: Timestamp,
    },
    /// The calendar ends before it comes again.
    Never,
}

/// Decides. `seed` is the installation's, for the jitter.
pub fn look(schedule: &JobSchedule, catch_up: Duration, now: Timestamp, past: &Past, seed: &str) -> Look {
    let oldest = TimeDelta::from_std(catch_up).ok().and_then(|catch_up| now.checked_sub_signed(catch_up));
    // What begins on time is never too old, however short `catch_up` and however long the jitter.
    let in_time = |wake_at: Timestamp| now - wake_at < LATE || oldest.is_none_or(|oldest| wake_at >= oldest);
    let newest_row = past.rows.iter().map(|row| row.scheduled_at).filter(|at| *at <= now).max();
    let from = newest_row.map_or(past.since, |row| row.max(past.since));
    let newest = if from < now { schedule.last_before(from, now) } else { None };
    if let Some(instant) = newest {
        let before = || count(schedule, from, instant);
        let wake_at = schedule.wake_at(instant, seed);
        if wake_at > now {
            return Look::Wait { instant, wake_at };
        }
        if !in_time(wake_at) {
            return Look::PassedOver { instant, count: before().saturating_add(1) };
        }
        return Look::Due { instant, late: now - wake_at >= LATE, passed_over: before() };
    }
    let running = past.rows.iter().filter(|row| row.state == OccurrenceState::Running && row.scheduled_at <= now);
    let running = running.map(|row| row.scheduled_at).max();
    match (running, past.held_for) {
        (Some(instant), None) if in_time(schedule.wake_at(instant, seed)) => {
            Look::Due { instant, late: true, passed_over: 0 }
        }
        (Some(instant), None) => Look::Abandoned { instant },
        (Some(_), Some(held_for)) => wait(schedule, now, past, seed).no_later_than(now, held_for),
        (None, _) => wait(schedule, now, past, seed),
    }
}

/// The next instant without a row.
fn wait(schedule: &JobSchedule, now: Timestamp, past: &Past, seed: &str) -> Look {
    let free = |instant: &Timestamp| past.rows.iter().all(|row| row.scheduled_at != *instant);
    match schedule.after(now).take(MOST_STEPPED_OVER).find(free) {
        Some(instant) => Look::Wait { instant, wake_at: schedule.wake_at(instant, seed) },
        None => schedule.next_after(now).map_or(Look::Never, |instant| Look::Wait { instant, wake_at: instant }),
    }
}

impl Look {
    /// The same, but looked at again when the lease of what is running lapses.
    fn no_later_than(self, now: Timestamp, held_for: Duration) -> Self {
        let lapse = TimeDelta::from_std(held_for).ok().and_then(|held_for| now.checked_add_signed(held_for));
        match (self, lapse) {
            (Self::Wait { instant, wake_at }, Some(lapse)) => Self::Wait { instant, wake_at: wake_at.min(lapse) },
            (other, _) => other,
        }
    }
}

/// How many instants lie after `from` and before `instant`.
fn count(schedule: &JobSchedule, from: Timestamp, instant: Timestamp) -> u64 {
    schedule.after(from).take_while(|at| *at < instant).zip(1..=MOST_COUNTED).last().map_or(0, |(_, count)| count)
}

#[cfg(test)]
#[path = "slots_tests.rs"]
mod tests;
