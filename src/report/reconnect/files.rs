//! The scheduled report's files: `report-YYYY-MM-DD.{json,txt,csv,html}` in one directory, the oldest dropped.
//!
//! A file appears whole or not at all: it is written beside its place and renamed. A crash leaves the file that was there
//! before, and at most one `.part` that the next report of that day replaces.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use super::model::ReconnectReport;
use super::{Frame, HtmlError, csv, html, text};
use crate::fault;

/// The endings of a report's files.
pub const FILE_KINDS: [&str; 4] = ["json", "txt", "csv", "html"];

/// A report's files could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportFileError {
    /// The file system refused.
    #[error(
        "the report cannot be written to {0}; check [report] directory: does it exist, is there room, may this user write there?"
    )]
    Write(PathBuf, #[source] std::io::Error),
    /// The report cannot be made into this form.
    #[error("the report cannot be made into JSON")]
    Json(#[from] serde_json::Error),
    /// The report cannot be made into this form.
    #[error("the report cannot be made into CSV")]
    Csv(#[from] ::csv::Error),
    /// The report cannot be made into this form.
    #[error("the report cannot be made into HTML")]
    Html(#[from] HtmlError),
}

/// Writes all forms of a report under the day its period ended, and drops all but the newest `keep` days. Gives the
/// path of the JSON file. To be called where blocking is allowed.
pub(super) fn write(
    directory: &Path,
    report: &ReconnectReport,
    frame: &Frame,
    keep: NonZeroU32,
) -> Result<PathBuf, ReportFileError> {
    let refused = |error| ReportFileError::Write(directory.to_owned(), error);
    std::fs::create_dir_all(directory).map_err(refused)?;
    let name = |kind: &str| directory.join(format!("report-{}.{kind}", report.period.to.date_naive()));
    let forms =
        [("txt", text(report)), ("csv", csv(report)?), ("html", html(report, frame)?), ("json", report.json()?)];
    for (kind, content) in forms {
        let (part, whole) = (name(&format!("{kind}.part")), name(kind));
        let refused = |error| ReportFileError::Write(whole.clone(), error);
        write_synced(&part, &content).map_err(refused)?;
        fault::point("report.before_rename");
        std::fs::rename(&part, &whole).map_err(refused)?;
    }
    for old in outdated(directory, keep).map_err(refused)? {
        std::fs::remove_file(&old).map_err(|error| ReportFileError::Write(old, error))?;
    }
    Ok(name("json"))
}

fn write_synced(path: &Path, content: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut file = std::fs::File::create(path)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()
}

/// The files of all days but the newest `keep`.
fn outdated(directory: &Path, keep: NonZeroU32) -> std::io::Result<Vec<PathBuf>> {
    let mut found: Vec<(String, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let day = path.file_name().and_then(|name| day_of(name.to_str()?));
        found.extend(day.map(|day| (day, path)));
    }
    let mut days: Vec<&String> = found.iter().map(|(day, _)| day).collect();
    days.sort_unstable();
    days.dedup();
    let keep = usize::try_from(keep.get()).unwrap_or(usize::MAX);
    let Some(oldest_kept) = days.iter().rev().nth(keep - 1).map(|day| (*day).clone()) else { return Ok(Vec::new()) };
    Ok(found.into_iter().filter(|(day, _)| *day < oldest_kept).map(|(_, path)| path).collect())
}

/// The day of a file of ours; none of any other.
fn day_of(name: &str) -> Option<String> {
    let (day, kind) = name.strip_prefix("report-")?.split_once('.')?;
    let whole = kind.strip_suffix(".part").unwrap_or(kind);
    let ours = FILE_KINDS.contains(&whole) && day.parse::<chrono::NaiveDate>().is_ok();
    ours.then(|| day.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_others_are_left_alone_and_the_oldest_days_go() {
        let folder = tempfile::tempdir().unwrap();
        let ours = [
            "report-2026-11-02.json",
            "report-2026-11-02.txt",
            "report-2026-11-09.csv.part",
            "report-2026-11-16.html",
            "report-2026-11-23.csv",
        ];
        let others = ["report-2026.json", "report-2026-01-01.xml", "notes.txt", "report-x.html"];
        for name in ours.iter().chain(&others) {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        for (keep, expected) in [(1, 4), (2, 3), (3, 2), (4, 0), (9, 0)] {
            let mut old = outdated(folder.path(), NonZeroU32::new(keep).unwrap()).unwrap();
            old.sort();
            let expected: Vec<PathBuf> = ours[..expected].iter().map(|name| folder.path().join(name)).collect();
            assert_eq!(old, expected, "keep {keep}");
        }
    }
}
