//! What broke and came back, step by step: by day, week or month, over any time.
//!
//! A step says what the headline of a report about it alone would say. Steps are whole and UTC (weeks begin on Mondays),
//! but for the last, which the end of what was asked about may cut. Reaches back behind `[retention] history`: what was
//! dropped is in daily sums. Bounded: at most [`MOST_STEPS`].

use chrono::{Datelike as _, Days, Months, NaiveDate, NaiveTime, TimeDelta};
use serde::{Deserialize, Serialize};

use super::compute::ReportError;
use super::model::{Period, REPORT_VERSION, TrendPoint};
use super::wording::number;
use crate::domain::{Timestamp, millis};
use crate::store::{DAY_MS, DayFigures, Store, Stretch, Work};

/// How many weeks the report's own trend has: half a year, which a chart can show.
pub const TREND_WEEKS: u32 = 26;

/// Steps of a trend at most: three years of days.
pub const MOST_STEPS: usize = 1_100;

/// How long a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// From 00:00 UTC to 00:00 UTC.
    Day,
    /// From Monday to Monday, 00:00 UTC.
    Week,
    /// A month of the calendar, UTC.
    Month,
}

/// Which trend.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TrendAsked {
    /// In the first step.
    pub from: Timestamp,
    /// The first instant after the last step, which it may cut.
    pub to: Timestamp,
    /// How long a step is.
    pub step: Step,
    /// Of one toolkit; none of all.
    pub toolkit: Option<String>,
}

/// A trend by itself, as it is shown: `trend.json()`, `trend.csv()`, `trend.text()`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trend {
    /// [`REPORT_VERSION`]: its points are those of the report.
    pub version: u32,
    /// In the first step.
    pub from: Timestamp,
    /// The first instant after the last step, which it may cut.
    pub to: Timestamp,
    /// How long a step is.
    pub step: Step,
    /// Of one toolkit; none of all.
    pub toolkit: Option<String>,
    /// Step by step, the oldest first.
    pub points: Vec<TrendPoint>,
}

impl Trend {
    /// The answer to what was asked.
    pub fn new(asked: TrendAsked, points: Vec<TrendPoint>) -> Self {
        let TrendAsked { from, to, step, toolkit } = asked;
        Self { version: REPORT_VERSION, from, to, step, toolkit, points }
    }
}

impl Step {
    /// The word for it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// So many of them: `1 week`, `26 weeks`.
    pub(super) fn so_many(self, count: usize) -> String {
        format!("{} {}{}", number(count as u64), self.code(), if count == 1 { "" } else { "s" })
    }

    /// When what happened in one that begins on this day happened: `on 2026-11-16`, `in the week from 2026-11-16`.
    pub(super) fn during(self, begin: NaiveDate) -> String {
        match self {
            Self::Day => format!("on {begin}"),
            Self::Week | Self::Month => format!("in the {} from {begin}", self.code()),
        }
    }

    /// Whether an instant is where one begins.
    pub(super) fn begins_at(self, at: Timestamp) -> bool {
        midnight(self.begin(at.date_naive())) == at
    }

    /// The first day of the step this day is in.
    pub(super) fn begin(self, day: NaiveDate) -> NaiveDate {
        match self {
            Self::Day => day,
            Self::Week => day - Days::new(u64::from(day.weekday().num_days_from_monday())),
            Self::Month => day.with_day(1).unwrap_or(day),
        }
    }

    /// The first day of the next step. The end of the calendar is its own next.
    fn next(self, begin: NaiveDate) -> NaiveDate {
        let next = match self {
            Self::Day => begin.checked_add_days(Days::new(1)),
            Self::Week => begin.checked_add_days(Days::new(7)),
            Self::Month => begin.checked_add_months(Months::new(1)),
        };
        next.unwrap_or(NaiveDate::MAX)
    }
}

impl TrendAsked {
    /// The trend of a report: the week its period ends in and the 25 before.
    pub(super) fn of_report(period: Period, toolkit: Option<String>) -> Self {
        let from = period.to - TimeDelta::milliseconds(1) - TimeDelta::weeks(i64::from(TREND_WEEKS) - 1);
        Self { from, to: period.to, step: Step::Week, toolkit }
    }

    /// The first days of its steps.
    fn steps(&self) -> Result<Vec<NaiveDate>, ReportError> {
        let mut steps = Vec::new();
        let mut begin = self.step.begin(self.from.date_naive());
        while midnight(begin) < self.to && begin < NaiveDate::MAX {
            if steps.len() >= MOST_STEPS {
                return Err(ReportError::TooManySteps);
            }
            steps.push(begin);
            begin = self.step.next(begin);
        }
        Ok(steps)
    }
}

/// Makes a trend. Steps that were over before the first audit began are left out: nothing is known of them.
pub async fn trend(store: &Store, asked: &TrendAsked) -> Result<Vec<TrendPoint>, ReportError> {
    let mut work = store.begin_snapshot().await?;
    let points = trend_of(&mut work, asked).await;
    work.roll_back();
    points
}

/// The trend of a report, in its transaction: as many of its weeks as are known in whole.
pub(super) async fn trend_of_report(
    work: &mut Work,
    period: Period,
    toolkit: Option<String>,
) -> Result<Vec<TrendPoint>, ReportError> {
    let mut asked = TrendAsked::of_report(period, toolkit);
    if let Some(since) = work.trend_since().await? {
        while midnight(asked.step.begin(asked.from.date_naive())) < since && asked.from < asked.to {
            asked.from = midnight(asked.step.next(asked.step.begin(asked.from.date_naive())));
        }
    }
    trend_of(work, &asked).await
}

async fn trend_of(work: &mut Work, asked: &TrendAsked) -> Result<Vec<TrendPoint>, ReportError> {
    let mut steps = asked.steps()?;
    let Some(watched) = work.watched_since().await? else { return Ok(Vec::new()) };
    steps.retain(|begin| midnight(asked.step.next(*begin)).min(asked.to) > watched);
    let Some(first) = steps.first().map(|first| midnight(*first)) else { return Ok(Vec::new()) };
    if let Some(since) = work.trend_since().await?.filter(|since| *since > first) {
        return Err(ReportError::Dropped(since.date_naive()));
    }
    let is_midnight = millis(asked.to).rem_euclid(DAY_MS) == 0;
    if !is_midnight && work.history_since().await?.is_some_and(|since| asked.to < since) {
        return Err(ReportError::PartOfDay(asked.to.date_naive()));
    }
    let toolkit = asked.toolkit.as_deref();
    let days = work.report_days(Stretch { from: first, to: asked.to }, toolkit).await?;
    let open = work.report_open(first, toolkit).await?;
    Ok(points(&steps, open, &days))
}

/// Adds up days to steps. `open` were open when the first began.
fn points(steps: &[NaiveDate], mut open: u64, days: &[DayFigures]) -> Vec<TrendPoint> {
    let mut rest = days.iter().peekable();
    let mut points = Vec::with_capacity(steps.len());
    for (at, from) in steps.iter().enumerate() {
        let end = steps.get(at + 1).map_or(i64::MAX, |next| millis(midnight(*next)) / DAY_MS);
        let mut sum = DayFigures::default();
        while let Some(of) = rest.next_if(|of| of.day < end) {
            sum.newly_broken += of.newly_broken;
            sum.released += of.released;
            sum.recovered += of.recovered;
            sum.gone += of.gone;
            sum.notified += of.notified;
        }
        open = (open + sum.newly_broken + sum.released).saturating_sub(sum.recovered + sum.gone);
        let (newly_broken, recovered, gone, notified) = (sum.newly_broken, sum.recovered, sum.gone, sum.notified);
        points.push(TrendPoint { from: *from, newly_broken, recovered, gone, open, notified });
    }
    points
}

fn midnight(day: NaiveDate) -> Timestamp {
    day.and_time(NaiveTime::MIN).and_utc()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn steps_are_whole_but_for_the_last() {
        for (step, from, to, expected) in [
            (Step::Day, "2026-11-16T23:00:00Z", "2026-11-18T00:00:00Z", &["2026-11-16", "2026-11-17"][..]),
            (Step::Day, "2026-11-16T23:00:00Z", "2026-11-17T00:00:01Z", &["2026-11-16", "2026-11-17"]),
            (Step::Week, "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z", &["2026-11-16"]),
            (Step::Week, "2026-11-15T23:59:59Z", "2026-11-23T00:00:01Z", &["2026-11-09", "2026-11-16", "2026-11-23"]),
            (Step::Month, "2026-01-31T00:00:00Z", "2026-03-01T00:00:00Z", &["2026-01-01", "2026-02-01"]),
            (Step::Month, "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", &[]),
        ] {
            let asked = TrendAsked { from: from.parse().unwrap(), to: to.parse().unwrap(), step, toolkit: None };
            let found: Vec<String> = asked.steps().unwrap().iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{step:?} {from}");
        }
    }

    #[test]
    fn a_trend_has_a_bounded_number_of_steps() {
        let from = DateTime::UNIX_EPOCH;
        let most = i64::try_from(MOST_STEPS).unwrap();
        let asked = |days| TrendAsked { from, to: from + TimeDelta::days(days), step: Step::Day, toolkit: None };
        assert_eq!(asked(most).steps().unwrap().len(), MOST_STEPS);
        assert!(matches!(asked(most + 1).steps(), Err(ReportError::TooManySteps)));
    }

    #[test]
    fn a_report_has_half_a_year_of_weeks() {
        for (to, first, last) in
            [("2026-11-23T00:00:00Z", "2026-05-25", "2026-11-16"), ("2026-11-23T08:00:00Z", "2026-06-01", "2026-11-23")]
        {
            let to: Timestamp = to.parse().unwrap();
            let steps = TrendAsked::of_report(Period { from: to - TimeDelta::days(7), to }, None).steps().unwrap();
            assert_eq!(steps.len(), TREND_WEEKS as usize);
            assert_eq!([steps[0].to_string(), steps[25].to_string()], [first, last]);
        }
    }
}
