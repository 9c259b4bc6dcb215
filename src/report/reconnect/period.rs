//! Which instants a report is about, and how far back what it counts reaches.

use chrono::{DateTime, TimeDelta};

use super::model::Period;
use crate::domain::{Timestamp, millis};
use crate::store::{FIRST_MONDAY_MS, WEEK_MS};

/// Who breaks again so soon after coming back is a repeat breaker.
pub const REPEAT_WITHIN: TimeDelta = TimeDelta::days(30);
/// How long before the end of the period the oldest weekly cohort begins, at least: a quarter of a year, so that some of
/// them have had their 30 days.
const FOLLOWED: TimeDelta = TimeDelta::weeks(12);

/// Not a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// It ends where it begins, or before.
    #[error("the period must end after it begins")]
    Empty,
    /// It ends in the future.
    #[error("the period must not end in the future")]
    Future,
    /// Longer than anybody keeps history.
    #[error("the period must be at most {} days long", LONGEST.num_days())]
    Long,
}

/// The longest period: ten years.
pub const LONGEST: TimeDelta = TimeDelta::days(3660);

impl Period {
    /// From `from` to just before `to`, which is not after `now`.
    pub fn new(from: Timestamp, to: Timestamp, now: Timestamp) -> Result<Self, PeriodError> {
        if to > now {
            Err(PeriodError::Future)
        } else if from >= to {
            Err(PeriodError::Empty)
        } else if to - from > LONGEST {
            Err(PeriodError::Long)
        } else {
            Ok(Self { from, to })
        }
    }
}

/// What a report is about: a period, and all toolkits or one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportScope {
    /// The period.
    pub period: Period,
    /// The one toolkit, as the provider calls it; none for all. One that nobody has makes a report of zeros.
    pub toolkit: Option<String>,
}

/// All toolkits.
impl From<Period> for ReportScope {
    fn from(period: Period) -> Self {
        Self { period, toolkit: None }
    }
}

/// The period of the same length just before.
pub fn same_before(period: Period) -> Period {
    Period { from: period.from - (period.to - period.from), to: period.from }
}

/// The Monday (UTC) since which incidents are followed, for weekly cohorts and the time to reconnect.
pub fn followed_since(period: Period) -> Timestamp {
    let ms = millis(period.from.min(period.to - FOLLOWED));
    let monday = FIRST_MONDAY_MS + (ms - FIRST_MONDAY_MS).div_euclid(WEEK_MS) * WEEK_MS;
    DateTime::from_timestamp_millis(monday).unwrap_or(period.from)
}

/// The oldest instant that what a report counts can depend on.
pub fn history_needed(period: Period) -> Timestamp {
    followed_since(period).min(period.from - REPEAT_WITHIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn incidents_are_followed_from_a_monday_a_quarter_before_the_end() {
        for (from, to, since) in [
            ("2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z", "2026-08-31T00:00:00Z"),
            ("2026-11-16T00:00:00Z", "2026-11-22T23:59:59Z", "2026-08-24T00:00:00Z"),
            ("2025-11-23T12:00:00Z", "2026-11-23T12:00:00Z", "2025-11-17T00:00:00Z"),
            ("1969-12-30T00:00:00Z", "1970-01-06T00:00:00Z", "1969-10-13T00:00:00Z"),
        ] {
            let period = Period { from: at(from), to: at(to) };
            assert_eq!(followed_since(period), at(since), "{from}");
            assert!(history_needed(period) <= at(since) && history_needed(period) <= at(from) - REPEAT_WITHIN);
        }
        let week = Period { from: at("2026-11-16T00:00:00Z"), to: at("2026-11-23T00:00:00Z") };
        assert_eq!(same_before(week), Period { from: at("2026-11-09T00:00:00Z"), to: week.from });
    }

    #[test]
    fn a_period_has_a_length_and_is_over() {
        let now = at("2026-11-23T00:00:00Z");
        assert!(Period::new(now - TimeDelta::days(7), now, now).is_ok());
        assert!(Period::new(now - LONGEST, now, now).is_ok());
        for (from, to, error) in [
            (now, now, PeriodError::Empty),
            (now, now + TimeDelta::seconds(1), PeriodError::Future),
            (now - LONGEST - TimeDelta::seconds(1), now, PeriodError::Long),
        ] {
            assert_eq!(Period::new(from, to, now), Err(error));
        }
    }
}
