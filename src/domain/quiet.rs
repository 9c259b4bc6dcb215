//! Quiet time: when a person is not to be disturbed, on their own clock.
//!
//! Turns an instant and a time zone into "now is fine" or the instant from which it will be. What counts is what the
//! clock on the wall shows: where a daylight-saving change makes an hour happen twice, both count by their
//! name, and where an hour is left out, quiet time that would end in it ends with the jump. What waited for the
//! end goes out spread after it, at an offset that follows from the user and that end, so that asking again
//! gives the same answer.

use std::time::Duration;

use chrono::{DateTime, Datelike as _, Days, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Weekday};
use chrono::{Offset as _, TimeZone as _, Utc};
use chrono_tz::Tz;
use sha2::{Digest as _, Sha256};

use super::ids::UserId;
use super::time::{Timestamp, millis};

/// When nobody is disturbed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuietHours {
    /// From (included) to (excluded), local time; may cross midnight.
    pub hours: Option<(NaiveTime, NaiveTime)>,
    /// Whole days, midnight to midnight, local time; not all seven.
    pub days: Vec<Weekday>,
    /// The zone of users whose own is not known.
    pub zone: Tz,
    /// What waited goes out within this long after the end, at most half of the time until quiet begins again.
    pub spread: Duration,
}

/// Quiet time that lasts longer than this is looked at day by day no further: six days and a long gap.
const MOST_STEPS: usize = 64;

impl QuietHours {
    /// No quiet time at all.
    pub fn off() -> Self {
        Self { hours: None, days: Vec::new(), zone: Tz::UTC, spread: Duration::ZERO }
    }

    /// Whether there is any quiet time.
    pub fn is_on(&self) -> bool {
        self.hours.is_some() || !self.days.is_empty()
    }

    /// When `user` may be disturbed again; none if right now. `zone` is the user's own, an IANA name as stored;
    /// absent or unknown, the default counts.
    pub fn next_opening(&self, now: Timestamp, zone: Option<&str>, user: &UserId) -> Option<Timestamp> {
        if !self.is_on() {
            return None;
        }
        let zone = zone.and_then(|name| name.trim().parse().ok()).unwrap_or(self.zone);
        let end = if self.is_quiet(now, zone) { self.change_after(now, zone) } else { self.last_end(now, zone)? };
        let opening = end + self.offset(end, zone, user);
        (opening > now).then_some(opening)
    }

    /// Whether the clock on the wall shows quiet time.
    fn is_quiet(&self, at: Timestamp, zone: Tz) -> bool {
        let local = at.with_timezone(&zone).naive_local();
        let in_hours = self.hours.is_some_and(|(from, to)| {
            let time = local.time();
            if from < to { (from..to).contains(&time) } else { time >= from || time < to }
        });
        in_hours || self.days.contains(&local.weekday())
    }

    /// The first instant after `at` at which it is not as it is at `at`.
    fn change_after(&self, at: Timestamp, zone: Tz) -> Timestamp {
        let quiet = self.is_quiet(at, zone);
        let mut here = at;
        for _ in 0..MOST_STEPS {
            let next = self.boundaries(here, zone).into_iter().filter(|b| *b > here).min();
            // There is a midnight within any two days.
            let Some(next) = next.map(|next| transition_between(here, next, zone).unwrap_or(next)) else { break };
            if self.is_quiet(next, zone) != quiet {
                return next;
            }
            here = next;
        }
        here
    }

    /// When the last quiet time before `at`, which is not quiet, ended; none if that is more than a day ago.
    fn last_end(&self, at: Timestamp, zone: Tz) -> Option<Timestamp> {
        let from = at - TimeDelta::days(1);
        let mut end = None;
        let mut here = from;
        for _ in 0..MOST_STEPS {
            let change = self.change_after(here, zone);
            if change > at {
                break;
            }
            if !self.is_quiet(change, zone) {
                end = Some(change);
            }
            here = change;
        }
        end
    }

    /// Every instant about `at` at which the wall clock shows midnight or a border of quiet time.
    fn boundaries(&self, at: Timestamp, zone: Tz) -> Vec<Timestamp> {
        let today = at.with_timezone(&zone).date_naive();
        let times = [Some(NaiveTime::MIN), self.hours.map(|(from, _)| from), self.hours.map(|(_, to)| to)];
        let mut found = Vec::with_capacity(18);
        for day in
            [today.checked_sub_days(Days::new(1)), Some(today), today.checked_add_days(Days::new(1)), after(today)]
        {
            for time in times.iter().flatten() {
                found.extend(day.into_iter().flat_map(|day| instants(day.and_time(*time), zone)));
            }
        }
        found
    }

    /// How long after `end` this user's turn comes.
    fn offset(&self, end: Timestamp, zone: Tz, user: &UserId) -> TimeDelta {
        let open_for = (self.change_after(end, zone) - end).to_std().unwrap_or_default();
        let mut hasher = Sha256::new();
        hasher.update(millis(end).to_be_bytes());
        hasher.update(user.as_str().as_bytes());
        let unit = hasher.finalize().iter().take(4).fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
        let spread = self.spread.min(open_for / 2).mul_f64(f64::from(unit) / 4_294_967_296.0);
        TimeDelta::milliseconds(i64::try_from(spread.as_millis()).unwrap_or(0))
    }
}

fn after(day: NaiveDate) -> Option<NaiveDate> {
    day.checked_add_days(Days::new(2))
}

/// When the wall clock shows this: once, twice, or, for a time that is left out, the moment of the jump.
fn instants(local: NaiveDateTime, zone: Tz) -> Vec<Timestamp> {
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(at) => vec![at.to_utc()],
        MappedLocalTime::Ambiguous(first, second) => vec![first.to_utc(), second.to_utc()],
        MappedLocalTime::None => {
            let before = Utc.from_utc_datetime(&local) - TimeDelta::days(2);
            transition_between(before, before + TimeDelta::days(4), zone).into_iter().collect()
        }
    }
}

/// The first instant in `(from, to]` with another offset than `from`, to the millisecond; none where both ends
/// have the same. Two changes within the few days that are asked about do not happen.
fn transition_between(from: Timestamp, to: Timestamp, zone: Tz) -> Option<Timestamp> {
    let offset = |at: DateTime<Utc>| zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc();
    let before = offset(from);
    if offset(to) == before {
        return None;
    }
    let (mut low, mut high) = (from, to);
    while high - low > TimeDelta::milliseconds(1) {
        let middle = low + (high - low) / 2;
        if offset(middle) == before { low = middle } else { high = middle }
    }
    // Changes happen on whole seconds; the halves above may stop within the last millisecond.
    DateTime::from_timestamp_millis(millis(high))
}

#[cfg(test)]
#[path = "quiet_tests.rs"]
mod tests;
