//! The list for support, asked for by name: every incident of the period with its user's id, as CSV, a page at a time.
//!
//! Holds user ids as the directory has them, which in some products are addresses; whoever asks for it knows.

use super::compute::{ReportError, stretch};
use super::period::ReportScope;
use super::table::safe_cell;
use crate::domain::Timestamp;
use crate::store::{IncidentLine, Store};

const HEADER: [&str; 12] = [
    "user_id",
    "toolkit",
    "account_id",
    "state",
    "reason",
    "broke_at",
    "opened_at",
    "closed_at",
    "evidence",
    "notices_delivered",
    "last_decision",
    "incident_id",
];

/// Incidents per page.
const PAGE: u32 = 1_000;

/// Why the list could not be written.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// It could not be read.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// It could not be written.
    #[error("the list cannot be written")]
    Write(#[from] csv::Error),
}

/// Writes every incident that was open at some time of the period, of all toolkits or of the one, in the order of their
/// ids. Gives how many.
pub async fn users_csv(
    store: &Store,
    scope: impl Into<ReportScope>,
    to: impl std::io::Write,
) -> Result<u64, UsersError> {
    let ReportScope { period, toolkit } = scope.into();
    // An id is anything the product calls its users. Unquoted, "x;=1+1" is two cells where a semicolon parts them, as in
    // much of Europe, and the second one calculates.
    let mut rows = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(to);
    rows.write_record(HEADER)?;
    let mut work = store.begin_snapshot().await.map_err(ReportError::from)?;
    if let Some(since) = work.history_since().await.map_err(ReportError::from)?
        && since > period.from
    {
        return Err(ReportError::Dropped(since.date_naive()).into());
    }
    let (mut after, mut written) = (String::new(), 0);
    loop {
        let page = work.report_incidents(stretch(period), toolkit.as_deref(), &after, PAGE);
        let page = page.await.map_err(ReportError::from)?;
        for line in &page {
            rows.write_record(cells(line, period.to).map(|cell| safe_cell(&cell)))?;
            written += 1;
        }
        match page.last() {
            Some(last) if page.len() >= PAGE as usize => after.clone_from(&last.incident),
            _ => break,
        }
    }
    rows.flush().map_err(csv::Error::from)?;
    Ok(written)
}

fn cells(line: &IncidentLine, to: Timestamp) -> [String; 12] {
    let closed_at = line.closed_at.filter(|at| *at < to);
    let state = if closed_at.is_some() { "closed" } else { "open" };
    let at = |at: Timestamp| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    [
        line.user.as_str().to_owned(),
        line.toolkit.clone(),
        line.account.clone(),
        state.to_owned(),
        line.reason.clone(),
        at(line.broke_at),
        at(line.opened_at),
        closed_at.map(at).unwrap_or_default(),
        line.evidence.clone().filter(|_| closed_at.is_some()).unwrap_or_default(),
        line.notices.to_string(),
        line.decision.clone().unwrap_or_default(),
        line.incident.clone(),
    ]
}
