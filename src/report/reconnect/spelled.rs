//! How people write the time a report is about: the same on the command line and in an address.

use std::time::Duration;

use chrono::{NaiveDate, NaiveTime};

use super::period::LONGEST;
use crate::domain::Timestamp;

/// Reads `7d` or `12h`; at most [`LONGEST`]. The error is the remedy.
pub fn length(text: &str) -> Result<Duration, String> {
    let length =
        humantime::parse_duration(text).map_err(|_| "write a number and a unit, such as 7d or 12h".to_owned())?;
    let longest = LONGEST.to_std().unwrap_or_default();
    if length > longest { Err(format!("at most {}d", LONGEST.num_days())) } else { Ok(length) }
}

/// Reads a day (`2026-11-16`, from 00:00 UTC on) or an instant (`2026-11-16T08:00:00Z`), neither before 1970: a calendar has
/// a first day, and the time before a period is looked at, too. The error is the remedy.
pub fn instant(text: &str) -> Result<Timestamp, String> {
    let day = text.parse::<NaiveDate>().map(|day| day.and_time(NaiveTime::MIN).and_utc());
    let at: Timestamp = day
        .or_else(|_| text.parse())
        .map_err(|_| "write a day, such as 2026-11-16, or an instant, such as 2026-11-16T08:00:00Z".to_owned())?;
    if at < Timestamp::UNIX_EPOCH { Err("write a day or an instant from 1970-01-01 on".to_owned()) } else { Ok(at) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_and_there_is_none_before_1970() {
        for (text, ms) in [
            ("1970-01-01", Some(0)),
            ("1970-01-02T00:00:01Z", Some(86_401_000)),
            ("1970-01-01T01:00:00+01:00", Some(0)),
            ("1969-12-31", None),
            ("1969-12-31T23:59:59Z", None),
            ("-262143-01-01", None),
            ("-262143-01-01T00:00:00Z", None),
            ("monday", None),
        ] {
            assert_eq!(instant(text).ok().map(|at| at.timestamp_millis()), ms, "{text}");
        }
    }
}
