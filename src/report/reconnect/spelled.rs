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

/// Reads a day (`2026-11-16`, from 00:00 UTC on) or an instant (`2026-11-16T08:00:00Z`). The error is the remedy.
pub fn instant(text: &str) -> Result<Timestamp, String> {
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Ok(day.and_time(NaiveTime::MIN).and_utc());
    }
    text.parse().map_err(|_| "write a day, such as 2026-11-16, or an instant, such as 2026-11-16T08:00:00Z".to_owned())
}
