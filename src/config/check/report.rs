//! What is told of history, and how long it is kept.

use std::time::Duration;

use super::Checker;
use crate::config::errors::fault;
use crate::config::raw;
use crate::config::settings::{Report, Retention};
use crate::config::value::length::{HISTORY, OPERATIONAL, REPORT_PERIOD, shown};
use crate::config::value::report;

/// What the scheduled report counts before its period begins, breakages again within 30 days of coming back, and how late
/// it may be made, which is the longest `[schedule] catch_up`. What it follows for twelve weeks is within the shortest
/// history.
const BEYOND_PERIOD: Duration = Duration::from_hours(24 * (30 + 7));

impl Checker<'_> {
    pub(super) fn report(&mut self, raw: raw::Report) -> Option<Report> {
        let (refused, mails) = (raw.directory.is_some(), raw.mail_to.is_some());
        let directory = self.optional("report.directory", raw.directory, report::directory);
        let period = self.length("report.period", raw.period, "7d", REPORT_PERIOD);
        let keep = self.number("report.keep", raw.keep, 90, report::MAX_KEPT);
        let mail_to = self.optional("report.mail_to", raw.mail_to, |texts| report::mail_to(&texts));
        if (refused && directory.is_none()) || (mails && mail_to.is_none()) {
            return None;
        }
        Some(Report { directory, period: period?, keep: keep?, mail_to: mail_to.unwrap_or_default() })
    }

    /// What is mailed needs a server and a sender.
    pub(super) fn report_can_be_mailed(&mut self, report: &Report, has_email: bool) {
        if !report.mail_to.is_empty() && !has_email {
            let remedy = "add [email] with url and from, or leave the key out";
            self.fault("report.mail_to", fault("there is no [email] to send it with", remedy));
        }
    }

    /// Otherwise every report would be refused as soon as anything was dropped.
    pub(super) fn history_reaches_reports(&mut self, report: &Report, retention: &Retention) {
        let needed = report.period + BEYOND_PERIOD;
        if retention.history < needed {
            let remedy = format!("set it to at least {}, or [report] period to less", shown(needed));
            let problem = "shorter than the reports of [report] period need";
            self.fault("retention.history", fault(problem, remedy));
        }
    }

    pub(super) fn retention(&mut self, raw: raw::Retention) -> Option<Retention> {
        let history = self.length("retention.history", raw.history, "800d", HISTORY);
        let operational = self.length("retention.operational", raw.operational, "90d", OPERATIONAL);
        if operational > history && history.is_some() {
            self.fault("retention.operational", fault("longer than history", "set it to at most history"));
        }
        Some(Retention { history: history?, operational: operational? })
    }
}
