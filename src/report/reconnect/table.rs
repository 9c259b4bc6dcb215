//! The report as CSV for spreadsheets: one figure a row, so that a pivot table makes any view of it.
//!
//! A cell that a spreadsheet would take for a formula is made text: it gets an apostrophe in front
//! (OWASP, "CSV Injection"). Toolkits, auth configs and user ids are words of others.

use std::fmt::Display;

use super::model::{CameBack, CurvePoint, Headline, ReconnectReport, TrendPoint};
use super::trend::Trend;

/// The column names.
const HEADER: [&str; 5] = ["section", "subject", "detail", "figure", "value"];

/// A cell that no spreadsheet calculates.
pub fn safe_cell(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{text}") } else { text.to_owned() }
}

/// A trend as CSV with a header: the rows the report has for its own.
pub(super) fn trend_csv(trend: &Trend) -> Result<String, csv::Error> {
    let mut table = Table::new()?;
    table.row("period", "", "", "from", trend.from.to_rfc3339())?;
    table.row("period", "", "", "to", trend.to.to_rfc3339())?;
    table.maybe("period", "", "", "toolkit", trend.toolkit.as_deref())?;
    table.row("period", "", "", "step", trend.step.code())?;
    table.trend(&trend.points)?;
    table.end()
}

/// The report as CSV with a header.
pub fn csv(report: &ReconnectReport) -> Result<String, csv::Error> {
    let mut table = Table::new()?;
    let (period, c) = (report.period, &report.coverage);
    table.row("report", "", "", "version", report.version)?;
    table.row("report", "", "", "generated_at", report.generated_at.to_rfc3339())?;
    table.row("period", "", "", "from", period.from.to_rfc3339())?;
    table.row("period", "", "", "to", period.to.to_rfc3339())?;
    table.maybe("period", "", "", "toolkit", report.toolkit.as_deref())?;
    table.row("coverage", "", "", "audits_finished", c.audits_finished)?;
    table.row("coverage", "", "", "audits_failed", c.audits_failed)?;
    table.row("coverage", "", "", "last_audit_at", c.last_audit_at.map(|at| at.to_rfc3339()).unwrap_or_default())?;
    table.maybe("coverage", "", "", "freshness_seconds", c.freshness_seconds)?;
    table.row("coverage", "", "", "longest_gap_seconds", c.longest_gap_seconds)?;
    table.row("coverage", "", "", "users_scanned", c.users_scanned)?;
    table.row("coverage", "", "", "users_unknown", c.users_unknown)?;
    table.row("coverage", "", "", "users_unqueryable", c.users_unqueryable)?;
    table.maybe("coverage", "", "", "share", c.share)?;
    table.headline("headline", &report.headline)?;
    if let Some(previous) = &report.previous {
        table.headline("previous", previous)?;
    }
    table.breakages(report)?;
    table.rates(report)?;
    table.told(report)?;
    table.courses(report)?;
    table.trend(&report.trend)?;
    table.end()
}

struct Table {
    rows: csv::Writer<Vec<u8>>,
}

impl Table {
    fn new() -> Result<Self, csv::Error> {
        let mut rows = csv::Writer::from_writer(Vec::new());
        rows.write_record(HEADER)?;
        Ok(Self { rows })
    }

    fn end(self) -> Result<String, csv::Error> {
        let bytes = self.rows.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn row(
        &mut self,
        section: &str,
        subject: &str,
        detail: &str,
        figure: &str,
        value: impl Display,
    ) -> Result<(), csv::Error> {
        let value = safe_cell(&value.to_string());
        self.rows.write_record([section, &safe_cell(subject), &safe_cell(detail), figure, &value])
    }

    /// An empty cell where the figure is not known.
    fn maybe(
        &mut self,
        section: &str,
        subject: &str,
        detail: &str,
        figure: &str,
        value: Option<impl Display>,
    ) -> Result<(), csv::Error> {
        self.row(section, subject, detail, figure, value.map_or_else(String::new, |value| value.to_string()))
    }

    fn headline(&mut self, section: &str, of: &Headline) -> Result<(), csv::Error> {
        for (figure, value) in [
            ("active_at_start", of.active_at_start),
            ("newly_broken", of.newly_broken),
            ("recovered", of.recovered),
            ("gone", of.gone),
            ("open", of.open),
            ("open_left", of.open_left),
            ("notified", of.notified),
            ("delivered", of.delivered),
            ("active_again", of.active_again),
        ] {
            self.row(section, "", "", figure, value)?;
        }
        self.maybe(section, "", "", "break_rate", of.break_rate)?;
        self.maybe(section, "", "", "detect_median_seconds", of.detect_median_seconds)?;
        self.maybe(section, "", "", "reconnect_median_seconds", of.reconnect_median_seconds)
    }

    fn breakages(&mut self, report: &ReconnectReport) -> Result<(), csv::Error> {
        for of in &report.breakages {
            for (figure, value) in [
                ("newly_broken", of.newly_broken),
                ("recovered", of.recovered),
                ("gone", of.gone),
                ("open_under_1_day", of.open.under_1_day),
                ("open_under_7_days", of.open.under_7_days),
                ("open_under_30_days", of.open.under_30_days),
                ("open_older", of.open.older),
            ] {
                self.row("breakages", &of.toolkit, &of.reason, figure, value)?;
            }
        }
        self.row("old_news", "", "", "open", report.old_news_open)
    }

    fn rates(&mut self, report: &ReconnectReport) -> Result<(), csv::Error> {
        for of in &report.toolkits {
            self.row("toolkits", &of.toolkit, "", "active_at_start", of.active_at_start)?;
            self.row("toolkits", &of.toolkit, "", "newly_broken", of.newly_broken)?;
            self.maybe("toolkits", &of.toolkit, "", "break_rate", of.break_rate)?;
        }
        for of in &report.auth_configs {
            self.row("auth_configs", &of.auth_config, &of.toolkit, "active_at_start", of.active_at_start)?;
            self.row("auth_configs", &of.auth_config, &of.toolkit, "newly_broken", of.newly_broken)?;
            self.row("auth_configs", &of.auth_config, &of.toolkit, "share_of_breakages", of.share_of_breakages)?;
            self.row("auth_configs", &of.auth_config, &of.toolkit, "share_of_active", of.share_of_active)?;
            self.row("auth_configs", &of.auth_config, &of.toolkit, "stands_out", of.stands_out)?;
        }
        Ok(())
    }

    fn told(&mut self, report: &ReconnectReport) -> Result<(), csv::Error> {
        let funnel = &report.funnel;
        self.row("funnel", "", "", "notified", funnel.notified)?;
        self.row("funnel", "", "", "delivered", funnel.delivered)?;
        self.maybe("funnel", "", "", "link_opened", funnel.link_opened)?;
        self.maybe("funnel", "", "", "attempt_started", funnel.attempt_started)?;
        self.row("funnel", "", "", "active_again", funnel.active_again)?;
        for of in &report.brought_back {
            let after = of.after_notice.map_or_else(|| "none".to_owned(), |number| number.to_string());
            self.row("brought_back", "after_notice", &after, "recovered", of.recovered)?;
        }
        for (reason, count) in &report.silenced {
            self.row("silenced", reason, "", "count", count)?;
        }
        for of in &report.deliveries {
            for (figure, value) in [
                ("planned", of.planned),
                ("delivered", of.delivered),
                ("dead", of.dead),
                ("cancelled", of.cancelled),
                ("pending", of.pending),
            ] {
                self.row("deliveries", &of.channel, "", figure, value)?;
            }
        }
        Ok(())
    }

    fn trend(&mut self, points: &[TrendPoint]) -> Result<(), csv::Error> {
        for of in points {
            for (figure, value) in [
                ("newly_broken", of.newly_broken),
                ("recovered", of.recovered),
                ("gone", of.gone),
                ("open", of.open),
                ("notified", of.notified),
            ] {
                self.row("trend", &of.from.to_string(), "", figure, value)?;
            }
        }
        Ok(())
    }

    fn courses(&mut self, report: &ReconnectReport) -> Result<(), csv::Error> {
        for of in &report.cohorts {
            let week = of.week.to_string();
            self.row("cohorts", &week, "", "opened", of.opened)?;
            self.row("cohorts", &week, "", "gone", of.gone)?;
            for (days, CameBack { recovered, rate }) in [
                ("1_day", of.within_1_day),
                ("3_days", of.within_3_days),
                ("7_days", of.within_7_days),
                ("30_days", of.within_30_days),
            ] {
                self.row("cohorts", &week, days, "recovered", recovered)?;
                self.maybe("cohorts", &week, days, "rate", rate)?;
            }
        }
        let (detect, reconnect) = (&report.time_to_detect, &report.time_to_reconnect);
        self.row("time_to_detect", "", "", "count", detect.count)?;
        self.maybe("time_to_detect", "", "", "median_seconds", detect.median_seconds)?;
        self.maybe("time_to_detect", "", "", "p90_seconds", detect.p90_seconds)?;
        self.row("time_to_reconnect", "", "", "followed_since", reconnect.followed_since.to_rfc3339())?;
        self.row("time_to_reconnect", "", "", "incidents", reconnect.incidents)?;
        self.row("time_to_reconnect", "", "", "recovered", reconnect.recovered)?;
        self.maybe("time_to_reconnect", "", "", "median_seconds", reconnect.median_seconds)?;
        self.maybe("time_to_reconnect", "", "", "p90_seconds", reconnect.p90_seconds)?;
        for CurvePoint { after_seconds, back } in &report.reconnect_curve {
            self.row("reconnect_curve", "after_seconds", &after_seconds.to_string(), "back", back)?;
        }
        self.row("repeat_breakers", "", "", "incidents", report.repeat_breakers.incidents)?;
        self.row("repeat_breakers", "", "", "users", report.repeat_breakers.users)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (cell, safe) in [
            ("=1+1", "'=1+1"),
            ("+49", "'+49"),
            ("-2", "'-2"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("\n=1", "'\n=1"),
            ("slack", "slack"),
            ("a=1", "a=1"),
            ("", ""),
        ] {
            assert_eq!(safe_cell(cell), safe);
        }
    }
}
