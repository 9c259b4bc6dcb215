//! Turns a report into word of it, as the outbox keeps it: the headline figures of this period and the one before, what
//! broke most, and how much of the truth they rest on. No address and no user's id.

use super::model::{Coverage, Headline, ReconnectReport};
use crate::domain::{MOST_TOOLKITS, OperatorEvent, ReportCoverage, ReportHeadline, ReportReader, ReportToolkit};

/// Word of a report; `reader` is whom this copy is for, where it goes to a list.
pub(super) fn word_of(report: &ReconnectReport, reader: Option<ReportReader>) -> OperatorEvent {
    OperatorEvent::ReportReady {
        from: report.period.from,
        to: report.period.to,
        headline: figures(&report.headline),
        previous: report.previous.as_ref().map(figures),
        toolkits: worst(report),
        coverage: Some(coverage(&report.coverage)),
        reader,
    }
}

/// How much of the truth a report rests on, in short.
pub(super) fn coverage(of: &Coverage) -> ReportCoverage {
    ReportCoverage {
        audits_finished: of.audits_finished,
        audits_failed: of.audits_failed,
        users_scanned: of.users_scanned,
        users_known: of.users_scanned.saturating_sub(of.users_unknown + of.users_unqueryable),
        freshness_seconds: of.freshness_seconds,
    }
}

/// What broke most: by how many in the period, then by how many are open, then by name.
pub(super) fn worst(report: &ReconnectReport) -> Vec<ReportToolkit> {
    let mut found: Vec<ReportToolkit> = Vec::new();
    for of in &report.breakages {
        let at = found.iter().position(|known| known.toolkit == of.toolkit).unwrap_or_else(|| {
            found.push(ReportToolkit { toolkit: of.toolkit.clone(), newly_broken: 0, open: 0 });
            found.len() - 1
        });
        found[at].newly_broken += of.newly_broken;
        found[at].open += of.open.total();
    }
    found.retain(|of| of.newly_broken + of.open > 0);
    found.sort_by(|a, b| {
        (b.newly_broken, b.open).cmp(&(a.newly_broken, a.open)).then_with(|| a.toolkit.cmp(&b.toolkit))
    });
    found.truncate(MOST_TOOLKITS);
    found
}

fn figures(of: &Headline) -> ReportHeadline {
    ReportHeadline {
        active_at_start: of.active_at_start,
        newly_broken: of.newly_broken,
        recovered: of.recovered,
        open: of.open,
        notified: of.notified,
        delivered: of.delivered,
        active_again: of.active_again,
    }
}
