//! `reconnectd deliver`: what is due goes out, without an audit; as often and in as many processes as one likes.

use std::path::Path;

use clap::Args;

use super::once::{self, Form};
use super::{Exit, setup};

#[derive(Debug, Args)]
pub(super) struct DeliverArgs {
    /// How the summary looks. JSON is one line, the last on standard output.
    #[arg(long, value_enum, default_value = "text", value_name = "FORM")]
    summary: Form,
}

pub(super) async fn run(config: Option<&Path>, args: DeliverArgs) -> Exit {
    let process = match setup::start(config) {
        Ok(process) => process,
        Err(exit) => return exit,
    };
    let pipeline = match process.pipeline(false).await {
        Ok(pipeline) => pipeline,
        Err(exit) => return exit,
    };
    let outcome = tokio::select! {
        outcome = pipeline.deliver_only() => Some(outcome),
        () = once::asked_to_stop() => None,
    };
    if outcome.is_none() {
        once::step_aside(&pipeline).await;
    }
    let exit = match outcome {
        Some(Ok(summary)) => once::report(&summary, args.summary),
        stopped => once::report_stopped(stopped.and_then(Result::err).as_ref(), args.summary, &pipeline, &process),
    };
    once::close(&pipeline).await;
    exit
}
