//! `reconnectd report`: the reconnect report about any period, to standard output or a file.
//!
//! Reads the state database alone and writes nothing into it. The scheduled report is a job of `run`.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use clap::{Args, ValueEnum};

use super::{Exit, output, setup};
use crate::domain::{Timestamp, causes};
use crate::report::reconnect::{self, Period, ReportError, ReportScope, UsersError};
use crate::store::Store;

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// How much time the report is about, up to --to; [report] period if not given.
    #[arg(long, value_name = "LENGTH", value_parser = length, conflicts_with = "from")]
    period: Option<Duration>,
    /// The first day (2026-11-16, from 00:00 UTC on) or instant (2026-11-16T08:00:00Z) it is about.
    #[arg(long, value_name = "WHEN", value_parser = instant)]
    from: Option<Timestamp>,
    /// The first day or instant after it; now if not given.
    #[arg(long, value_name = "WHEN", value_parser = instant)]
    to: Option<Timestamp>,
    /// The one toolkit it is about, as Composio calls it (slack); all if not given.
    #[arg(long, value_name = "TOOLKIT")]
    toolkit: Option<String>,
    /// How it looks.
    #[arg(long, value_enum, default_value = "text", value_name = "FORM")]
    format: Form,
    /// Write it to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Instead of the report: every incident of the period with its user's id, for support. Needs --format csv.
    #[arg(long)]
    with_users: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// For machines; docs/report.schema.json describes it.
    Json,
    /// For spreadsheets, one figure a row.
    Csv,
}

/// The report could not be given.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Users(#[from] UsersError),
    #[error("the report cannot be made into JSON")]
    Json(#[from] serde_json::Error),
    #[error("the report cannot be made into CSV")]
    Csv(#[from] csv::Error),
    #[error("the report cannot be written to {0}")]
    Write(PathBuf, #[source] std::io::Error),
}

pub(super) async fn run(config: Option<&Path>, args: ReportArgs) -> Exit {
    if args.with_users && args.format != Form::Csv {
        output::complain("--with-users gives a list for spreadsheets: add --format csv");
        return Exit::BadConfiguration;
    }
    setup::on_state(config, async |app, store| {
        let now = app.clock.now();
        let to = args.to.unwrap_or(now);
        let length = args.period.unwrap_or(app.config.report.period);
        let from = args.from.unwrap_or_else(|| to - TimeDelta::from_std(length).unwrap_or(reconnect::LONGEST));
        match Period::new(from, to, now) {
            Ok(period) => write(store, ReportScope { period, toolkit: args.toolkit.clone() }, &args, now)
                .await
                .map(|()| Exit::Done),
            Err(error) => {
                output::complain(&causes(&error));
                Ok(Exit::BadConfiguration)
            }
        }
    })
    .await
}

async fn write(store: &Store, scope: ReportScope, args: &ReportArgs, now: Timestamp) -> Result<(), Failed> {
    if args.with_users {
        return write_users(store, scope, args.output.as_deref()).await;
    }
    let report = reconnect::reconnect_report(store, scope, now).await?;
    let content = match args.format {
        Form::Text => reconnect::text(&report),
        Form::Json => report.json()?,
        Form::Csv => reconnect::csv(&report)?,
    };
    match &args.output {
        None => output::result(content.trim_end_matches('\n')),
        Some(path) => std::fs::write(path, content).map_err(|error| Failed::Write(path.clone(), error))?,
    }
    Ok(())
}

async fn write_users(store: &Store, scope: ReportScope, path: Option<&Path>) -> Result<(), Failed> {
    let written = match path {
        None => reconnect::users_csv(store, scope, output::stream()).await,
        Some(path) => {
            let file = private(path).map_err(|error| Failed::Write(path.to_owned(), error))?;
            reconnect::users_csv(store, scope, std::io::BufWriter::new(file)).await
        }
    };
    match written {
        // A reader that went away is no failure of ours.
        Err(UsersError::Write(error)) if is_gone(&error) => Ok(()),
        other => Ok(other.map(|_| ())?),
    }
}

/// A new file for its owner's eyes: it names users. One that is there already is not written over.
fn private(path: &Path) -> std::io::Result<std::fs::File> {
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn is_gone(error: &csv::Error) -> bool {
    matches!(error.kind(), csv::ErrorKind::Io(error) if error.kind() == std::io::ErrorKind::BrokenPipe)
}

fn length(text: &str) -> Result<Duration, String> {
    let length =
        humantime::parse_duration(text).map_err(|_| "write a number and a unit, such as 7d or 12h".to_owned())?;
    let longest = reconnect::LONGEST.to_std().unwrap_or_default();
    if length > longest { Err(format!("at most {}d", reconnect::LONGEST.num_days())) } else { Ok(length) }
}

fn instant(text: &str) -> Result<Timestamp, String> {
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Ok(day.and_time(NaiveTime::MIN).and_utc());
    }
    text.parse().map_err(|_| "write a day, such as 2026-11-16, or an instant, such as 2026-11-16T08:00:00Z".to_owned())
}
