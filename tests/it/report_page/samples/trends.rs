//! Courses over time: trends as they come and as they must not come, and the half year that a report's week ends.

use chrono::{NaiveDate, TimeDelta};
use reconnectd::report::reconnect::{
    Cohort, Headline, ReconnectReport, ReconnectTimes, Step, Trend, TrendAsked, TrendPoint,
};

use super::parts::cohort;
use super::{at, monday};

pub fn trend(weeks: i64) -> Vec<TrendPoint> {
    let mut rng = fastrand::Rng::with_seed(4);
    let mut open = 30;
    let points = (0..weeks).map(|week| {
        let newly_broken = 40 + rng.u64(0..60) + if week == weeks - 5 { 180 } else { 0 };
        let recovered = (open + newly_broken) * 6 / 10;
        open = open + newly_broken - recovered - 2;
        let from = monday() - TimeDelta::weeks(weeks - 1 - week);
        TrendPoint { from, newly_broken, recovered, gone: 2, open, notified: newly_broken - 5 }
    });
    points.collect()
}

/// A trend by itself, of points that begin here, one after the other.
pub fn trend_of(step: Step, from: &str, to: &str, points: Vec<TrendPoint>) -> Trend {
    let mut from = at(&format!("{from}T00:00:00Z"));
    let asked = TrendAsked { from, to: at(to), step, toolkit: None };
    let begins = points.into_iter().map(|point| {
        let begin = from.date_naive();
        from = match step {
            Step::Day => from + TimeDelta::days(1),
            Step::Week => from + TimeDelta::weeks(1),
            Step::Month => from + chrono::Months::new(1),
        };
        TrendPoint { from: begin, ..point }
    });
    let points = begins.collect();
    Trend::new(asked, points)
}

/// Trends as they come and as they must not come, with what they are.
pub fn trends() -> [(&'static str, Trend); 6] {
    let weeks = || trend_of(Step::Week, "2026-05-25", "2026-11-19T08:30:00Z", trend(26));
    let empty = TrendPoint { from: monday(), newly_broken: 0, recovered: 0, gone: 0, open: 0, notified: 0 };
    [
        ("weeks", weeks()),
        ("days", trend_of(Step::Day, "2023-11-12", "2026-11-16T00:00:00Z", trend(1_100))),
        ("one", trend_of(Step::Month, "2026-11-01", "2026-11-16T00:00:00Z", trend(1))),
        ("quiet", trend_of(Step::Day, "2026-11-09", "2026-11-16T00:00:00Z", vec![empty; 7])),
        ("unknown", trend_of(Step::Week, "2026-11-09", "2026-11-16T00:00:00Z", Vec::new())),
        ("hostile", Trend { toolkit: Some("</title><script>alert(1)</script>\u{202e}".to_owned()), ..weeks() }),
    ]
}

/// The week from a Monday on, as its headline says it.
pub fn week(from: NaiveDate, of: &Headline) -> TrendPoint {
    let Headline { newly_broken, recovered, gone, open, notified, .. } = *of;
    TrendPoint { from, newly_broken, recovered, gone, open, notified }
}

/// What follows from what broke in a week and the one before: half a year of weeks that ends with both, the cohorts of its
/// last twelve, and how soon people are back.
pub fn with_history(mut report: ReconnectReport) -> ReconnectReport {
    let before = report.previous.clone().unwrap();
    let mut points = vec![week(monday(), &report.headline), week(monday() - TimeDelta::weeks(1), &before)];
    let mut rng = fastrand::Rng::with_seed(4);
    // Backwards: a week has at its end what was open at its begin, and what broke, less what came back or was deleted.
    let begin_of = |of: &TrendPoint| of.open + of.recovered + of.gone - of.newly_broken;
    for back in 2..26 {
        let open = points.last().map(begin_of).unwrap();
        let newly_broken = before.newly_broken * rng.u64(60..150) / 100 * if back == 4 { 3 } else { 1 };
        let (gone, notified) = (newly_broken / 30, newly_broken * 9 / 10);
        let begin = (open + newly_broken * rng.u64(0..50) / 100).saturating_sub(newly_broken / 5);
        let recovered = (begin + newly_broken).saturating_sub(open + gone);
        let from = monday() - TimeDelta::weeks(back);
        points.push(TrendPoint { from, newly_broken, recovered, gone, open, notified });
    }
    points.reverse();
    report.cohorts = points[14..].iter().map(|of| cohort(of.from, of.newly_broken, of.gone)).collect();
    let sum = |of: fn(&Cohort) -> u64| report.cohorts.iter().map(of).sum::<u64>();
    let (incidents, gone) = (sum(|of| of.opened), sum(|of| of.gone));
    let after = |share: f64| report.reconnect_curve.iter().find(|of| of.back >= share).map(|of| of.after_seconds);
    let (median_seconds, p90_seconds) = (after(0.5), after(0.9));
    report.headline.reconnect_median_seconds = median_seconds;
    let recovered = incidents - gone - report.headline.open.min(incidents / 10);
    report.time_to_reconnect =
        ReconnectTimes { incidents, recovered, median_seconds, p90_seconds, ..report.time_to_reconnect };
    report.trend = points;
    report
}
