//! The charts of a trend: what broke and came back in each step, and how much is broken at its end.
//!
//! Columns stay wide enough to be told apart, however many steps there are: more than [`MOST_COLUMNS`] are gathered, each
//! column being the sum of so many. They are counted back from the last step, so that the newest column is not smaller for
//! being cut; the oldest may hold fewer. A last step that the trend's end cuts has no column beside whole ones: it would
//! look like a fall. The line of what is broken has every step, because a level can be read off at any instant.

use chrono::NaiveDate;

use super::super::model::TrendPoint;
use super::super::trend::Step;
use super::super::trend_forms::{comparable, not_whole};
use super::super::wording::{instant, number};
use super::{Chart, ChartError, Maybe, columns, lines};
use crate::domain::Timestamp;

/// Columns of a chart at most: of more they would be hairs.
const MOST_COLUMNS: usize = 53;

/// What broke and came back, and what is broken; without those that would be empty.
pub(in super::super) fn trend_charts(
    points: &[TrendPoint],
    step: Step,
    to: Timestamp,
) -> Result<Vec<Chart>, ChartError> {
    Ok([course(points, step, to)?, open(points, step, to)?].into_iter().flatten().collect())
}

fn course(all: &[TrendPoint], step: Step, to: Timestamp) -> Maybe {
    let points = comparable(step, all, to);
    let Some(most) = points.iter().max_by_key(|of| of.newly_broken) else { return Ok(None) };
    if points.iter().all(|of| of.newly_broken + of.recovered == 0) {
        return Ok(None);
    }
    let sum = |what: fn(&TrendPoint) -> u64| number(points.iter().map(what).sum());
    let per = per_column(points.len(), step);
    let summary = format!(
        "{}: {} accounts broke and {} came back; most broke {}: {}.",
        step.so_many(points.len()),
        sum(|of| of.newly_broken),
        sum(|of| of.recovered),
        step.during(most.from),
        number(most.newly_broken)
    );
    let cut = match all.get(points.len()) {
        Some(left_out) => {
            Some(format!("The one from {}, of which {} is the end, is left out.", left_out.from, instant(to)))
        }
        None => not_whole(step, all, to),
    };
    let gathered = match per {
        1 if points.len() < all.len() => format!(", in whole {}s", step.code()),
        1 => String::new(),
        _ => format!(", in columns of {}", step.so_many(per)),
    };
    let (title, summary) = (format!("Newly broken and back again{gathered}"), with(summary, cut));
    columns::pairs(("trend", &title, &summary), ["newly broken", "back again"], &gather(points, per)).map(Some)
}

fn open(points: &[TrendPoint], step: Step, to: Timestamp) -> Maybe {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Ok(None) };
    if points.iter().all(|of| of.open == 0) {
        return Ok(None);
    }
    let (word, title) = (step.code(), format!("Broken at the end of each {}", step.code()));
    let summary = format!(
        "From {} at the end of the first {word} to {} at the end of the last.",
        number(first.open),
        number(last.open)
    );
    let summary = with(summary, not_whole(step, points, to));
    let points: Vec<_> = points.iter().map(|of| (of.from, of.open)).collect();
    lines::course(("open", &title, &summary), &points, points.len() <= MOST_COLUMNS).map(Some)
}

fn with(summary: String, more: Option<String>) -> String {
    std::iter::once(summary).chain(more).collect::<Vec<_>>().join(" ")
}

/// How many steps a column holds. Of days whole weeks: otherwise some would hold more weekends than others.
fn per_column(steps: usize, step: Step) -> usize {
    match (steps.div_ceil(MOST_COLUMNS), step) {
        (0 | 1, _) => 1,
        (least, Step::Day) => least.next_multiple_of(7),
        (least, _) => least,
    }
}

/// What broke and came back in so many steps at a time, the oldest first.
fn gather(points: &[TrendPoint], per: usize) -> Vec<(NaiveDate, [u64; 2])> {
    let sum = |of: &[TrendPoint]| {
        let from = of.first().map(|first| first.from)?;
        Some((from, [of.iter().map(|of| of.newly_broken).sum(), of.iter().map(|of| of.recovered).sum()]))
    };
    let mut columns: Vec<_> = points.rchunks(per.max(1)).filter_map(sum).collect();
    columns.reverse();
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stay_few_and_whole_and_the_newest_is_full() {
        for (steps, step, columns, per) in [
            (1, Step::Day, 1, 1),
            (53, Step::Day, 53, 1),
            (54, Step::Day, 8, 7),
            (371, Step::Day, 53, 7),
            (372, Step::Day, 27, 14),
            (1_100, Step::Day, 53, 21),
            (53, Step::Week, 53, 1),
            (104, Step::Week, 52, 2),
            (1_100, Step::Week, 53, 21),
            (120, Step::Month, 40, 3),
        ] {
            let day = |at: usize| NaiveDate::from_ymd_opt(2024, 1, 1).unwrap() + chrono::Days::new(at as u64);
            let of = |at| TrendPoint { from: day(at), newly_broken: 1, recovered: 2, gone: 0, open: 0, notified: 0 };
            let points: Vec<_> = (0..steps).map(of).collect();
            let (found, whole) = (per_column(steps, step), per as u64);
            let gathered = gather(&points, found);
            assert_eq!((gathered.len(), found), (columns, per), "{steps} {step:?}");
            assert_eq!(gathered.iter().map(|(_, [broken, _])| broken).sum::<u64>(), steps as u64);
            assert!(gathered[1..].iter().all(|(_, both)| *both == [whole, 2 * whole]), "{gathered:?}");
            assert_eq!(gathered[0].0, day(0));
        }
    }
}
