//! The trend: a report about each step alone.

use reconnectd::domain::from_millis;
use reconnectd::report::reconnect::TrendPoint;

use super::{A_MONDAY_MS, History, View, WEEK_MS};

/// The trend of a report: the week its period ends in and the 25 before.
pub(super) fn weeks(history: &History, to: i64) -> Vec<TrendPoint> {
    let mut monday = A_MONDAY_MS;
    while monday + WEEK_MS < to {
        monday += WEEK_MS;
    }
    let begins = (0..26).rev().map(|ago| monday - ago * WEEK_MS);
    trend(history, &begins.collect::<Vec<_>>(), to)
}

/// What a report about each step alone would say. The last ends at `to`.
pub fn trend(history: &History, begins: &[i64], to: i64) -> Vec<TrendPoint> {
    let point = |(at, from): (usize, &i64)| {
        let headline = View { history, from: *from, to: begins.get(at + 1).copied().unwrap_or(to) }.headline();
        TrendPoint {
            from: from_millis(*from).date_naive(),
            newly_broken: headline.newly_broken,
            recovered: headline.recovered,
            gone: headline.gone,
            open: headline.open,
            notified: headline.notified,
        }
    };
    let Some(watched) = watched_since(history) else { return Vec::new() };
    let known = |(at, _): &(usize, &i64)| begins.get(at + 1).copied().unwrap_or(to) > watched;
    begins.iter().enumerate().filter(known).map(point).collect()
}

/// When the first audit began.
pub(super) fn watched_since(history: &History) -> Option<i64> {
    history.runs.iter().map(|run| run.started_at).min()
}
