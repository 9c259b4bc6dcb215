//! `reconnectd once`: one audit, and everything that is due.

use std::path::Path;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use super::{Exit, output, setup};
use crate::pipeline::{Pipeline, RunError, RunOutcome};
use crate::telemetry::events;

#[derive(Debug, Args)]
pub(super) struct OnceArgs {
    /// Ask the provider, but write nothing and tell nobody; the summary says what would have happened.
    #[arg(long)]
    dry_run: bool,
    /// How the summary looks. JSON is one line, the last on standard output.
    #[arg(long, value_enum, default_value = "text", value_name = "FORM")]
    summary: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
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
    let outcome = tokio::select! {
        outcome = pipeline.run_once() => Some(outcome),
        () = asked_to_stop() => None,
    };
    ticking.finish();
    if outcome.is_none() && !args.dry_run {
        step_aside(&pipeline).await;
    }
    let exit = report(outcome, args.summary);
    close(&pipeline).await;
    exit
}

fn report(outcome: Option<Result<RunOutcome, RunError>>, form: Form) -> Exit {
    match outcome {
        Some(Ok(RunOutcome::Ran(summary))) => {
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
            if summary.complete && summary.channels_stopped.is_empty() { Exit::Done } else { Exit::Failed }
        }
        Some(Ok(RunOutcome::HeldElsewhere(held))) => {
            let remaining = held.remaining.as_secs();
            if form == Form::Json {
                output::result(&format!("{{\"held_by\":{:?},\"remaining_s\":{remaining}}}", held.holder));
            }
            output::complain(&format!(
                "another run is under way ({}; its lease lasts {remaining} s more)",
                held.holder
            ));
            Exit::Done
        }
        Some(Err(error)) => {
            tracing::error!(
                event = events::RUN_FAILED, error = %output::causes(&error),
                "The run stopped; nobody was told anything after that. What was recorded stays, and the next run goes on."
            );
            if error.is_unauthorized() { Exit::KeyRefused } else { Exit::Failed }
        }
        None => {
            tracing::warn!(
                event = events::RUN_FAILED,
                "Stopped by a signal. What was recorded stays; the next run goes on from there."
            );
            Exit::Failed
        }
    }
}

/// Completes when the process is asked to stop (SIGTERM or SIGINT).
async fn asked_to_stop() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => {
            if interrupted.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// A connection that is still busy with an interrupted statement must not keep the process.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// The next run would wait up to 20 s for the lease to lapse; if it cannot be given back now, it will.
async fn step_aside(pipeline: &Pipeline) {
    let given_back = tokio::time::timeout(CLOSE_LIMIT, pipeline.step_aside()).await;
    if !matches!(given_back, Ok(Ok(()))) {
        tracing::warn!(event = events::RUN_FAILED, "The right to run could not be given back; it lapses by itself.");
    }
}

async fn close(pipeline: &Pipeline) {
    if tokio::time::timeout(CLOSE_LIMIT, pipeline.store.close()).await.is_err() {
        output::complain("the state database did not close in time");
    }
}
