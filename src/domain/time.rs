//! Instants: UTC, millisecond resolution, because that is what every database and the provider keep.

use chrono::{DateTime, Utc};

/// An instant in UTC.
pub type Timestamp = DateTime<Utc>;

/// Milliseconds since the Unix epoch, the form every instant has in the state database.
pub fn millis(at: Timestamp) -> i64 {
    at.timestamp_millis()
}

/// The instant `ms` milliseconds after the Unix epoch. A value outside chrono's range (years
/// -262,143 to 262,142) becomes the epoch; the state database never holds one because [`millis`] wrote it.
pub fn from_millis(ms: i64) -> Timestamp {
    DateTime::from_timestamp_millis(ms).unwrap_or(DateTime::UNIX_EPOCH)
}
