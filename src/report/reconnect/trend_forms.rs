//! A trend as text, JSON and CSV. Its rows are those the report has for its own trend.

use std::fmt::Write as _;

use super::model::{ReconnectReport, TrendPoint};
use super::table::trend_csv;
use super::trend::{Step, Trend};
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
    if !step.begins_at(to) && !points.is_empty() {
        let to = to.format("%Y-%m-%d %H:%M UTC");
        writeln!(out, "The last {} is not whole: it is counted up to {to}.", step.code()).ok(); // As above.
    }
}
