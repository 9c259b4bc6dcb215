//! `reconnectd report`: the reconnect report about any period, to standard output or a file.
//!
//! Reads the state database alone and writes nothing into it. The scheduled report is a job of `run`.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::TimeDelta;
use clap::{Args, ValueEnum};

use super::{Exit, output, setup};
use crate::domain::{Timestamp, causes};
use crate::report::reconnect::{
    self, Frame, HtmlError, Period, ReportError, ReportScope, Step, Trend, TrendAsked, UsersError,
};
use crate::store::Store;

/// How far a trend goes back unless told otherwise: with the week of its beginning, as many weeks as the report shows.
const HALF_A_YEAR: Duration = Duration::from_hours(24 * 7 * (reconnect::TREND_WEEKS as u64 - 1));

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// How much time the report is about, up to --to; [report] period if not given.
    #[arg(long, value_name = "LENGTH", value_parser = reconnect::length, conflicts_with = "from")]
    period: Option<Duration>,
    /// The first day (2026-11-16, from 00:00 UTC on) or instant (2026-11-16T08:00:00Z) it is about.
    #[arg(long, value_name = "WHEN", value_parser = reconnect::instant)]
    from: Option<Timestamp>,
    /// The first day or instant after it; now if not given.
    #[arg(long, value_name = "WHEN", value_parser = reconnect::instant)]
    to: Option<Timestamp>,
    /// The one toolkit it is about, as Composio calls it (slack); all if not given.
    #[arg(long, value_name = "TOOLKIT")]
    toolkit: Option<String>,
    /// Instead of the report: what broke and came back in each step up to --to. Goes back half a year where neither --period
    /// nor --from is given, and further than [retention] history where asked.
    #[arg(long, value_enum, value_name = "STEP", conflicts_with = "with_users")]
    trend: Option<Steps>,
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
    /// For machines; docs/report.schema.json and docs/trend.schema.json describe it.
    Json,
    /// For spreadsheets, one figure a row.
    Csv,
    /// For browsers: one file with charts that needs nothing beside it.
    Html,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Steps {
    /// From 00:00 to 00:00 UTC.
    Day,
    /// From Monday to Monday, UTC.
    Week,
    /// A month of the calendar, UTC.
    Month,
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
    #[error("the report cannot be made into HTML")]
    Html(#[from] HtmlError),
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
        let usual = if args.trend.is_some() { HALF_A_YEAR } else { app.config.report.period };
        let length = args.period.unwrap_or(usual);
        let from = args.from.unwrap_or_else(|| to - TimeDelta::from_std(length).unwrap_or(reconnect::LONGEST));
        match Period::new(from, to, now) {
            Ok(period) => {
                let scope = ReportScope { period, toolkit: args.toolkit.clone() };
                write(store, scope, &args, &app.report_frame(), now).await.map(|()| Exit::Done)
            }
            Err(error) => {
                output::complain(&causes(&error));
                Ok(Exit::BadConfiguration)
            }
        }
    })
    .await
}

async fn write(
    store: &Store,
    scope: ReportScope,
    args: &ReportArgs,
    frame: &Frame,
    now: Timestamp,
) -> Result<(), Failed> {
    if args.with_users {
        return write_users(store, scope, args.output.as_deref()).await;
    }
    let content = match args.trend {
        Some(step) => trend(store, scope, step, (args.format, frame)).await?,
        None => report(store, scope, (args.format, frame), now).await?,
    };
    match &args.output {
        None => output::result(content.trim_end_matches('\n')),
        Some(path) => std::fs::write(path, content).map_err(|error| Failed::Write(path.clone(), error))?,
    }
    Ok(())
}

async fn report(
    store: &Store,
    scope: ReportScope,
    (format, frame): (Form, &Frame),
    now: Timestamp,
) -> Result<String, Failed> {
    let report = reconnect::reconnect_report(store, scope, now).await?;
    Ok(match format {
        Form::Text => reconnect::text(&report),
        Form::Json => report.json()?,
        Form::Csv => reconnect::csv(&report)?,
        Form::Html => reconnect::html(&report, frame)?,
    })
}

async fn trend(
    store: &Store,
    scope: ReportScope,
    step: Steps,
    (format, frame): (Form, &Frame),
) -> Result<String, Failed> {
    let step = match step {
        Steps::Day => Step::Day,
        Steps::Week => Step::Week,
        Steps::Month => Step::Month,
    };
    let asked = TrendAsked { from: scope.period.from, to: scope.period.to, step, toolkit: scope.toolkit };
    let points = reconnect::trend(store, &asked).await?;
    let trend = Trend::new(asked, points);
    Ok(match format {
        Form::Text => trend.text(),
        Form::Json => trend.json()?,
        Form::Csv => trend.csv()?,
        Form::Html => reconnect::trend_html(&trend, frame)?,
    })
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
