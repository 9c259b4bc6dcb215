//! Values of the notice policy: the ladder, the caps, the quiet time, the storm guard.

use std::ops::RangeInclusive;
use std::time::Duration;

use chrono::{NaiveTime, Weekday};
use chrono_tz::Tz;

use super::length::{LADDER_STEP, length};
use crate::config::errors::{Fault, fault};
use crate::config::settings::FirstRun;

/// The words of `[policy] first_run`.
pub(in crate::config) const FIRST_RUN: &[(&str, FirstRun)] =
    &[("baseline", FirstRun::Baseline), ("notify", FirstRun::Notify)];
/// Whoever did not react to ten notices does not react to the eleventh.
const MAX_LADDER: usize = 10;
/// One every quarter of an hour: more is no cap.
pub(in crate::config) const MAX_PER_DAY: u32 = 100;
/// Five full days of the largest daily cap.
pub(in crate::config) const MAX_PER_WEEK: u32 = 500;
/// Below one in a hundred every breakage of a larger product would be a storm; 1.0 is never exceeded.
pub(in crate::config) const STORM_SHARE: RangeInclusive<f64> = 0.01..=1.0;
/// More accounts than this break in no product that one of these audits.
pub(in crate::config) const MAX_STORM_MIN: u32 = 1_000_000;

/// How long after an incident opens each of its notices is due.
pub(in crate::config) fn ladder(steps: Vec<String>) -> Result<Vec<Duration>, Fault> {
    if steps.is_empty() || steps.len() > MAX_LADDER {
        let what = if steps.is_empty() { "is empty" } else { "has too many entries" };
        return Err(fault(what, format!("write 1 to {MAX_LADDER} lengths of time, such as [\"0d\", \"3d\", \"10d\"]")));
    }
    let steps = steps.into_iter().map(|step| length(LADDER_STEP, "3d")(step)).collect::<Result<Vec<_>, _>>()?;
    if steps.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err(fault("is not in ascending order", "make each entry longer than the one before"));
    }
    Ok(steps)
}

/// `from-to` on the clock of the user.
pub(in crate::config) fn hours(text: &str) -> Result<(NaiveTime, NaiveTime), Fault> {
    const REMEDY: &str = "write two times of day from 00:00 to 23:59, such as \"22:00-08:00\"";
    let time = |text: &str| NaiveTime::parse_from_str(text.trim(), "%H:%M").ok();
    let (from, to) = text
        .split_once('-')
        .and_then(|(from, to)| Some((time(from)?, time(to)?)))
        .ok_or_else(|| fault("not a stretch of the day", REMEDY))?;
    if from == to {
        return Err(fault("begins when it ends", "write two different times, or use days for whole days"));
    }
    Ok((from, to))
}

/// Whole days, six at most.
pub(in crate::config) fn days(names: Vec<String>) -> Result<Vec<Weekday>, Fault> {
    let mut days = Vec::new();
    for name in names {
        let day = name.parse::<Weekday>().map_err(|_| {
            fault(
                "not a day of the week",
                "write English names or their first three letters, such as [\"saturday\", \"sun\"]",
            )
        })?;
        if days.contains(&day) {
            return Err(fault("names a day twice", "name each day once"));
        }
        days.push(day);
    }
    if days.len() == 7 {
        return Err(fault("leaves no day to tell anybody", "name six days at most"));
    }
    Ok(days)
}

/// A time zone by its IANA name.
pub(in crate::config) fn timezone(text: &str) -> Result<Tz, Fault> {
    text.parse().map_err(|_| fault("not a time zone", "write an IANA name, such as Europe/Warsaw or UTC"))
}
