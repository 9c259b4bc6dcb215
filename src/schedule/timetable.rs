//! Which job is due at which instants, and when within its jitter each wakes.
//!
//! A job that is switched off is not in the timetable. The jitter of an instant follows from it, its job and a seed that
//! all processes over one state database share: asked again, or by another replica, it is the same.

use std::time::Duration;

use chrono::TimeDelta;
use chrono_tz::Tz;
use sha2::{Digest as _, Sha256};

use super::cron::CronExpression;
use crate::domain::{JobName, Timestamp, millis};

/// Stretches of time in which the newest instant is looked for, each from scratch where the one before held none: one
/// minute, an hour, a day, a month, a year, and long enough for the 29th of February (eight years over a century).
const LOOK_BACK_MINUTES: [i64; 6] = [1, 60, 24 * 60, 32 * 24 * 60, 367 * 24 * 60, 9 * 367 * 24 * 60];

/// So many instants are looked at for the longest wait between two: a month and more of what comes every hour.
const GAPS: usize = 800;
/// And so far ahead.
const GAPS_WITHIN: TimeDelta = TimeDelta::days(400);

/// When one job is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSchedule {
    /// What is due.
    pub job: JobName,
    /// When, on the clocks of `timezone`.
    pub expression: CronExpression,
    /// Whose clocks.
    pub timezone: Tz,
    /// It wakes up to this long after each instant; shorter than the shortest time between two of them.
    pub jitter: Duration,
}

impl JobSchedule {
    /// The first instant after `at`.
    pub fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        self.expression.next_after(at, self.timezone)
    }

    /// The instants after `at`, each once, in order.
    pub fn after(&self, at: Timestamp) -> impl Iterator<Item = Timestamp> {
        std::iter::successors(self.next_after(at), |instant| self.next_after(*instant))
    }

    /// The newest instant after `from` and not after `until`.
    pub fn last_before(&self, from: Timestamp, until: Timestamp) -> Option<Timestamp> {
        for minutes in LOOK_BACK_MINUTES {
            let start = until.checked_sub_signed(TimeDelta::minutes(minutes)).unwrap_or(from).max(from);
            let newest = self.after(start).take_while(|instant| *instant <= until).last();
            if newest.is_some() || start == from {
                return newest;
            }
        }
        None
    }

    /// When the process wakes for `instant`: not before it, and less than the jitter after it. `seed` is the
    /// installation's, see [`super::Claims::begin`].
    pub fn wake_at(&self, instant: Timestamp, seed: &str) -> Timestamp {
        let Ok(jitter @ 1..) = u64::try_from(self.jitter.as_millis()) else { return instant };
        let digest = Sha256::digest(format!("{seed}\n{}\n{}", self.job.code(), millis(instant)));
        let drawn = digest.iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        instant + TimeDelta::milliseconds(i64::try_from(drawn % jitter).unwrap_or(0))
    }

    /// The longest wait between two of the next instants, for judging whether a job is overdue. None where there are no
    /// two within 400 days.
    pub fn longest_gap(&self, from: Timestamp) -> Option<Duration> {
        let instants: Vec<Timestamp> =
            self.after(from).take(GAPS).take_while(|instant| *instant - from < GAPS_WITHIN).collect();
        let gaps = instants.windows(2).map(|pair| pair[1] - pair[0]);
        gaps.max().and_then(|gap| gap.to_std().ok())
    }
}

/// All jobs that are not off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timetable {
    /// At most one per job, in the order of [`JobName::CODES`].
    pub jobs: Vec<JobSchedule>,
    /// What was missed is made up for if it is not older than this.
    pub catch_up: Duration,
}

impl Timetable {
    /// When a job is due; none where it is off.
    pub fn of(&self, job: JobName) -> Option<&JobSchedule> {
        self.jobs.iter().find(|schedule| schedule.job == job)
    }
}
