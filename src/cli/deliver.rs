//! `reconnectd deliver`: what is due goes out, without an audit; as often and in as many processes as one likes.

use std::path::Path;

use clap::Args;

use super::drain::{Ended, drained};
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
    let limit = process.app.config.daemon.drain_timeout;
    let exit = match drained(&pipeline.stop, limit, Box::pin(pipeline.deliver_only())).await {
        Ended::Itself(Ok(summary)) => once::report(&summary, args.summary),
        Ended::Itself(Err(error)) => once::report_stopped(Some(&error), args.summary, &pipeline, &process),
        Ended::AtOnce => {
            once::leave_metrics_at_once(&pipeline, &process).await;
            return once::report_stopped(None, args.summary, &pipeline, &process);
        }
        Ended::CutOff => {
            once::step_aside(&pipeline).await;
            once::report_stopped(None, args.summary, &pipeline, &process)
        }
    };
    once::close(&pipeline, &process).await;
    exit
}
