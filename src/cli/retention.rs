//! `reconnectd retention`: what the daemon's job of that name does, now and by hand.
//!
//! May run beside everything else. A stop by a signal leaves whole batches dropped; the next time goes on.

use std::path::Path;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::drain::{Ended, drained};
use super::{Exit, output, setup};
use crate::retention::{RetentionDone, RetentionJob};

#[derive(Debug, Args)]
pub(super) struct RetentionArgs {
    /// Count what would be dropped, drop nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(config: Option<&Path>, args: RetentionArgs) -> Exit {
    setup::on_state(config, async |app, store| {
        let settings = app.retention_settings();
        let job = RetentionJob { store, clock: app.clock.as_ref(), settings, run: &app.run_id };
        if args.dry_run {
            output::result(&lines(&job.rehearse().await?, "would be dropped"));
            return Ok(Exit::Done);
        }
        let stop = CancellationToken::new();
        let done = match drained(&stop, app.config.daemon.drain_timeout, Box::pin(job.run(&stop))).await {
            Ended::Itself(done) => done?,
            Ended::CutOff | Ended::AtOnce => return Ok(Exit::Failed),
        };
        output::result(&lines(&done, "dropped"));
        Ok::<_, crate::store::StoreError>(if done.stopped { Exit::Failed } else { Exit::Done })
    })
    .await
}

fn lines(done: &RetentionDone, what: &str) -> String {
    let mut lines: Vec<String> = done.dropped.iter().map(|(code, count)| format!("{code:<16} {count:>10}")).collect();
    lines.push(what.to_owned());
    if done.stopped {
        lines.push("stopped before the end; the next time goes on".to_owned());
    }
    lines.join("\n")
}
