//! How people write the time a report is about: the same on the command line and in an address.

use std::ops::RangeInclusive;
use std::time::Duration;

use chrono::{Datelike as _, NaiveDate, NaiveTime};

use super::period::LONGEST;
use crate::domain::Timestamp;

/// The years (UTC) a report can be asked about: from where state databases count, to the last that RFC 3339 can write. Beyond
/// lie years in which the period before has no instants.
const YEARS: RangeInclusive<i32> = 1970..=9999;

/// Reads `7d` or `12h`; at most [`LONGEST`]. The error is the remedy.
pub fn length(text: &str) -> Result<Duration, String> {
    let length =
        humantime::parse_duration(text).map_err(|_| "write a number and a unit, such as 7d or 12h".to_owned())?;
    let longest = LONGEST.to_std().unwrap_or_default();
    if length > longest { Err(format!("at most {}d", LONGEST.num_days())) } else { Ok(length) }
}

/// Reads a day (`2026-11-16`, from 00:00 UTC on) or an instant (`2026-11-16T08:00:00Z`) of [`YEARS`]. The error is the
/// remedy.
pub fn instant(text: &str) -> Result<Timestamp, String> {
    let found = match text.parse::<NaiveDate>() {
        Ok(day) => Some(day.and_time(NaiveTime::MIN).and_utc()),
        Err(_) => text.parse::<Timestamp>().ok(),
    };
    let found = found
        .ok_or_else(|| "write a day, such as 2026-11-16, or an instant, such as 2026-11-16T08:00:00Z".to_owned())?;
    if YEARS.contains(&found.year()) {
        Ok(found)
    } else {
        Err(format!("write a year from {} to {}", YEARS.start(), YEARS.end()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_instants_are_read_and_years_are_bounded() {
        for (text, expected) in [
            ("2026-11-16", Ok("2026-11-16T00:00:00Z")),
            ("2026-11-16T08:00:00+02:00", Ok("2026-11-16T06:00:00Z")),
            ("1970-01-01", Ok("1970-01-01T00:00:00Z")),
            ("9999-12-31T23:59:59Z", Ok("9999-12-31T23:59:59Z")),
            ("1969-12-31", Err("from 1970 to 9999")),
            ("1970-01-01T00:00:00+01:00", Err("from 1970 to 9999")),
            ("+10000-01-01", Err("from 1970 to 9999")),
            ("-262143-01-01", Err("from 1970 to 9999")),
            ("-262143-01-01T00:00:00Z", Err("from 1970 to 9999")),
            ("+262142-12-31T23:59:59Z", Err("from 1970 to 9999")),
            ("tomorrow", Err("such as 2026-11-16")),
        ] {
            match (instant(text), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected.parse::<Timestamp>().unwrap(), "{text}"),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{text}: {found}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }
}
