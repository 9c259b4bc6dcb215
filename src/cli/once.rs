//! `reconnectd once`: one audit, and everything that is due.

use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::drain::{Ended, drained};
use super::{Exit, output, setup};
use crate::domain::RunId;
use crate::pipeline::{Pipeline, RunError, RunOutcome};
use crate::report::Summary;
use crate::store::LeaseHeld;
use crate::telemetry::{self, events};

#[derive(Debug, Args)]
pub(super) struct OnceArgs {
    /// Ask the provider, but write nothing and tell nobody; the summary says what would have happened.
    #[arg(long)]
    dry_run: bool,
    /// How the summary looks. JSON is one line, the last on standard output.
    #[arg(long, value_enum, default_value = "text", value_name = "FORM")]
    summary: Form,
}

/// How a summary looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    Json,
    Text,
}

pub(super) async fn run(config: Option<&Path>, args: OnceArgs) -> Exit {
    let (bar, process) = match setup::start_with_progress(config) {
        Ok(started) => started,
        Err(exit) => return exit,
    };
    let pipeline = match process.pipeline(args.dry_run).await {
        Ok(pipeline) => pipeline,
        Err(exit) => return exit,
    };
    let ticking = bar.follow(pipeline.progress.subscribe());
    let limit = process.app.config.daemon.drain_timeout;
    let ended = drained(&pipeline.stop, limit, Box::pin(pipeline.run_once())).await;
    ticking.finish();
    let exit = match ended {
        Ended::Itself(Ok(RunOutcome::Ran(summary) | RunOutcome::Stopped(summary))) => report(&summary, args.summary),
        Ended::Itself(Ok(RunOutcome::HeldElsewhere(held))) => {
            say_held(&held, args.summary, &pipeline.run_id);
            Exit::Done
        }
        Ended::Itself(Err(error)) => report_stopped(Some(&error), args.summary, &pipeline, &process),
        Ended::AtOnce => {
            leave_metrics_at_once(&pipeline, &process).await;
            return report_stopped(None, args.summary, &pipeline, &process);
        }
        Ended::CutOff => {
            if !args.dry_run {
                step_aside(&pipeline).await;
            }
            report_stopped(None, args.summary, &pipeline, &process)
        }
    };
    close(&pipeline, &process).await;
    exit
}

/// Prints a summary and says how it went.
pub(super) fn report(summary: &Summary, form: Form) -> Exit {
    let text = match form {
        Form::Text => summary.text(),
        Form::Json => match summary.json() {
            Ok(json) => json,
            Err(error) => {
                output::complain(&format!("the summary cannot be written: {error}"));
                return Exit::Failed;
            }
        },
    };
    output::result(text.trim_end());
    if summary.complete && summary.channels_work() { Exit::Done } else { Exit::Failed }
}

/// Says why there is no whole summary: an error, or else a signal.
pub(super) fn report_stopped(
    error: Option<&RunError>,
    form: Form,
    pipeline: &Pipeline,
    process: &setup::Process,
) -> Exit {
    let (exit, words) = say_why(error);
    if form == Form::Json {
        // A machine that reads the last line learns why, and what was counted where the run got to count.
        let error = telemetry::masked(&words, process.app.config.secrets());
        let bare = || serde_json::json!({ "run_id": pipeline.run_id, "error": error }).to_string();
        let counted = pipeline.failed.get().map(|summary| Summary { error: Some(error.clone()), ..summary.clone() });
        output::result(&counted.and_then(|summary| summary.json().ok()).unwrap_or_else(bare));
    }
    exit
}

/// Logs why there is no summary, an error or else a signal; gives the exit code and the reason.
fn say_why(error: Option<&RunError>) -> (Exit, String) {
    let Some(error) = error else {
        tracing::warn!(
            event = events::RUN_FAILED,
            exit_code = Exit::Failed.code(),
            "Stopped by a signal. What was recorded stays; the next run goes on from there."
        );
        return (Exit::Failed, "stopped by a signal".to_owned());
    };
    let (exit, next) = if error.is_unauthorized() {
        (Exit::KeyRefused, "Replace the key before the next run")
    } else if error.is_state_unusable() {
        (Exit::StateUnusable, "See to the state database before the next run")
    } else {
        (Exit::Failed, "The next run goes on")
    };
    let causes = crate::domain::causes(error);
    tracing::error!(
        event = events::RUN_FAILED, error = %causes, exit_code = exit.code(),
        "The run stopped; nobody was told anything after that. What was recorded stays. {next}."
    );
    (exit, causes)
}

/// Says who is running: to a machine in JSON, to a person in words.
fn say_held(held: &LeaseHeld, form: Form, run: &RunId) {
    if form == Form::Json {
        let remaining_ms = u64::try_from(held.remaining.as_millis()).unwrap_or(u64::MAX);
        let line = serde_json::json!({ "run_id": run, "held_by": held.holder, "remaining_ms": remaining_ms });
        output::result(&line.to_string());
    }
    if form == Form::Text || std::io::stderr().is_terminal() {
        let remaining = held.remaining.as_secs();
        output::complain(&format!("another run is under way ({}; its lease lasts {remaining} s more)", held.holder));
    }
}

/// A connection that is still busy with an interrupted statement must not keep the process.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// The next run would wait up to 20 s for the lease to lapse; if it cannot be given back now, it will.
pub(super) async fn step_aside(pipeline: &Pipeline) {
    let given_back = tokio::time::timeout(CLOSE_LIMIT, pipeline.step_aside()).await;
    if !matches!(given_back, Ok(Ok(()))) {
        tracing::warn!(event = events::RUN_UNTIDY, "The right to run could not be given back; it lapses by itself.");
    }
}

/// Whoever asks twice waits no longer than this for the textfile.
const HURRIED_LIMIT: Duration = Duration::from_millis(500);

/// Leaves the textfile where that takes no time; the old one stays otherwise.
pub(super) async fn leave_metrics_at_once(pipeline: &Pipeline, process: &setup::Process) {
    if !pipeline.settings.dry_run {
        // No time for it: the old file stays, and its age tells.
        let _ = tokio::time::timeout(HURRIED_LIMIT, process.app.write_textfile()).await;
    }
}

/// Leaves the metrics where they are looked for, and the state database as it should be left.
pub(super) async fn close(pipeline: &Pipeline, process: &setup::Process) {
    pipeline.watch.settle().await;
    if !pipeline.settings.dry_run {
        process.app.truth.refresh().await; // For whoever it is exported to, while the state database is open.
        process.app.write_textfile().await;
        process.end().await;
    }
    if tokio::time::timeout(CLOSE_LIMIT, pipeline.store.close()).await.is_err() {
        output::complain("the state database did not close in time");
    }
}
