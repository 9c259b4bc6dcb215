//! Lengths of time, written as a whole number and its unit.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::errors::{Fault, fault};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Shorter timeouts than 10 ms fail on any network; a host that does not accept a connection within a minute is
/// down.
pub(in crate::config) const CONNECT_TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(10)..=MINUTE;
/// One answer is one page of accounts; ten minutes for it are an outage.
pub(in crate::config) const TOTAL_TIMEOUT: RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_mins(10);
/// A reminder a year after the breakage is the last that could still mean anything.
pub(in crate::config) const LADDER_STEP: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_hours(24 * 365);
/// What has been broken for a month is not passing by itself.
pub(in crate::config) const DWELL: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_hours(24 * 30);
/// The longest stretch a cap counts over.
pub(in crate::config) const DIGEST_WINDOW: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_hours(24 * 7);
/// More than a quarter of a day would turn a quiet night into a quiet day.
pub(in crate::config) const SPREAD: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_hours(6);
/// Shorter than one run of the audit sees no storm; what takes longer than a month is none.
pub(in crate::config) const STORM_WINDOW: RangeInclusive<Duration> = HOUR..=Duration::from_hours(24 * 30);
/// A deployment takes minutes; a receiver that has been gone for a month does not come back.
pub(in crate::config) const DISABLE_AFTER: RangeInclusive<Duration> = HOUR..=Duration::from_hours(24 * 30);
/// A mail that is read a day later must work; a link that works for more than a year is a key nobody remembers.
pub(in crate::config) const LINK_TTL: RangeInclusive<Duration> = DAY..=Duration::from_hours(24 * 365);
/// No exchange with a server takes longer than ten minutes; 0 stops at once.
pub(in crate::config) const DRAIN_TIMEOUT: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_mins(10);

/// A server that does not answer within a minute is down, and no process waits longer for it at its end.
pub(in crate::config) const PING_TIMEOUT: RangeInclusive<Duration> = SECOND..=MINUTE;
/// What was missed a week ago is the next one's business by any schedule.
pub(in crate::config) const CATCH_UP: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_hours(24 * 7);
/// Within a day; the schedule itself sets the bound that counts.
pub(in crate::config) const JITTER: RangeInclusive<Duration> = Duration::ZERO..=DAY;

/// A report about less than a day says little; about more than a year it is no report any more.
pub(in crate::config) const REPORT_PERIOD: RangeInclusive<Duration> = DAY..=Duration::from_hours(24 * 366);
/// The report looks back a quarter of a year and a month; ten years are longer than anybody asks.
pub(in crate::config) const HISTORY: RangeInclusive<Duration> =
    Duration::from_hours(24 * 180)..=Duration::from_hours(24 * 3650);
/// A week to look at what went wrong; what is needed longer is history.
pub(in crate::config) const OPERATIONAL: RangeInclusive<Duration> =
    Duration::from_hours(24 * 7)..=Duration::from_hours(24 * 3650);

/// A length of time within `range`; `example` is what a refusal shows.
pub(in crate::config) fn length(
    range: RangeInclusive<Duration>,
    example: &str,
) -> impl FnOnce(String) -> Result<Duration, Fault> {
    move |text| {
        let remedy = || {
            let (min, max) = (shown(*range.start()), shown(*range.end()));
            format!("write a number and a unit, such as \"{example}\", from {min} to {max}")
        };
        let length = humantime::parse_duration(&text).map_err(|_| fault("not a length of time", remedy()))?;
        if range.contains(&length) { Ok(length) } else { Err(fault("out of range", remedy())) }
    }
}

/// A bound in the largest unit that divides it; humantime would write 365 d as months, days, hours and minutes.
pub(in crate::config) fn shown(length: Duration) -> String {
    let units = [(DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s"), (Duration::from_millis(1), "ms")];
    let mut whole =
        units.iter().filter(|(unit, _)| length >= *unit && length.as_millis().is_multiple_of(unit.as_millis()));
    whole
        .next()
        .map_or_else(|| "0s".to_owned(), |(unit, name)| format!("{}{name}", length.as_millis() / unit.as_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_shown_in_one_unit() {
        for (length, expected) in [
            (Duration::ZERO, "0s"),
            (Duration::from_millis(10), "10ms"),
            (Duration::from_millis(1_500), "1500ms"),
            (SECOND * 90, "90s"),
            (MINUTE, "1m"),
            (HOUR * 25, "25h"),
            (DAY * 365, "365d"),
        ] {
            assert_eq!(shown(length), expected);
        }
    }
}
