//! A trend as text, JSON and CSV. Its rows are those the report has for its own trend.

use std::fmt::Write as _;

use super::model::{ReconnectReport, TrendPoint};
use super::table::trend_csv;
use super::trend::{Step, Trend};
use super::wording::instant;
use crate::domain::Timestamp;

/// Weeks a report for a terminal shows: two months; JSON and CSV hold all of them.
const WEEKS_SHOWN: usize = 8;

impl Trend {
    /// As JSON, indented, one line end at the end ([docs/trend.schema.json](../../../docs/trend.schema.json)).
    pub fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// As CSV with a header: one figure a row.
    pub fn csv(&self) -> Result<String, csv::Error> {
        trend_csv(self)
    }

    /// As plain text for a terminal, all steps.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let of = self.toolkit.as_deref().unwrap_or("all toolkits");
        let of: String = of.chars().map(|c| if c.is_control() { '?' } else { c }).take(60).collect();
        writeln!(out, "What broke and came back, of {of}").ok(); // Writing to a String does not fail.
        table(&mut out, self.step, &self.points, self.to);
        out
    }
}

/// The last weeks of a report's trend.
pub(super) fn of_report(out: &mut String, report: &ReconnectReport) {
    let shown = report.trend.len().saturating_sub(WEEKS_SHOWN);
    if let Some(points) = report.trend.get(shown..).filter(|points| !points.is_empty()) {
        table(out, Step::Week, points, report.period.to);
    }
}

fn table(out: &mut String, step: Step, points: &[TrendPoint], to: Timestamp) {
    let step_of = format!("{} of", step.code());
    let head = format!(
        "\n{step_of:<12} {:>10} {:>10} {:>10} {:>12} {:>12}\n",
        "broken", "back", "deleted", "open at end", "first told"
    );
    out.push_str(&head);
    for of in points {
        let day = of.from.to_string();
        writeln!(
            out,
            "{day:<12} {:>10} {:>10} {:>10} {:>12} {:>12}",
            of.newly_broken, of.recovered, of.gone, of.open, of.notified
        )
        .ok(); // Writing to a String does not fail.
    }
    if let Some(cut) = not_whole(step, points, to) {
        writeln!(out, "{cut}").ok(); // As above.
    }
}

/// What must be known of the last of a trend's steps where its end cuts it.
pub(super) fn not_whole(step: Step, points: &[TrendPoint], to: Timestamp) -> Option<String> {
    let cut = !step.begins_at(to) && !points.is_empty();
    cut.then(|| format!("The last {} is not whole: it is counted up to {}.", step.code(), instant(to)))
}

/// Of a trend's steps those whose sums can stand beside each other: without a last one that is cut, which would look like
/// a fall in every report that ends in the first hours of a week. The only step there is stays, cut or not.
pub(super) fn comparable(step: Step, points: &[TrendPoint], to: Timestamp) -> &[TrendPoint] {
    match points {
        [whole @ .., _] if !whole.is_empty() && !step.begins_at(to) => whole,
        all => all,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_is_cut_is_left_out_of_what_is_compared_and_said() {
        let day = |text: &str| text.parse().unwrap();
        let at = |from| TrendPoint { from: day(from), newly_broken: 1, recovered: 0, gone: 0, open: 1, notified: 0 };
        let (one, two) = (vec![at("2026-11-09")], vec![at("2026-11-09"), at("2026-11-16")]);
        for (points, to, compared, said) in [
            (&two, "2026-11-23T00:00:00Z", 2, None),
            (
                &two,
                "2026-11-16T07:00:00Z",
                1,
                Some("The last week is not whole: it is counted up to 2026-11-16 07:00 UTC."),
            ),
            (
                &two,
                "2026-11-22T23:59:59Z",
                1,
                Some("The last week is not whole: it is counted up to 2026-11-22 23:59 UTC."),
            ),
            (&one, "2026-11-16T00:00:00Z", 1, None),
            (
                &one,
                "2026-11-12T09:00:00Z",
                1,
                Some("The last week is not whole: it is counted up to 2026-11-12 09:00 UTC."),
            ),
            (&vec![], "2026-11-12T09:00:00Z", 0, None),
        ] {
            let to: Timestamp = to.parse().unwrap();
            assert_eq!(comparable(Step::Week, points, to), &points[..compared], "{to}");
            assert_eq!(not_whole(Step::Week, points, to).as_deref(), said, "{to}");
        }
    }
}
