//! One-shot commands and signals: the first drains, the second ends at once.
//!
//! What is cut off loses nothing: what it did is committed page by page and delivery by delivery, and the next run goes
//! on from there.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::lifecycle::{self, Control};
use crate::telemetry::events;

/// How work that may be asked to stop ended.
pub(super) enum Ended<T> {
    /// By itself, drained or done.
    Itself(T),
    /// It did not drain in time.
    CutOff,
    /// A second signal came.
    AtOnce,
}

/// Does `work` until it ends; asked to stop, it has `limit` to drain.
pub(super) async fn drained<T>(stop: &CancellationToken, limit: Duration, work: impl Future<Output = T>) -> Ended<T> {
    let controls = lifecycle::listen();
    let asked = async {
        let Ok(mut controls) = controls else { return std::future::pending().await };
        wait_for_stop(&mut controls).await;
        tracing::warn!(
            event = events::DAEMON_STOPPING,
            drain_timeout_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
            "Asked to stop: nothing new is taken up, what is in flight is finished. A second signal ends it at once."
        );
        stop.cancel();
        tokio::select! {
            () = wait_for_stop(&mut controls) => Ended::AtOnce,
            () = tokio::time::sleep(limit) => Ended::CutOff,
        }
    };
    let cut = tokio::select! {
        biased;
        done = work => return Ended::Itself(done),
        cut = asked => cut,
    };
    tracing::warn!(event = events::DAEMON_CUT_OFF, "What was in flight is cut off; nothing of it is lost.");
    cut
}

/// There is nothing to read anew within one run.
async fn wait_for_stop(controls: &mut mpsc::Receiver<Control>) {
    loop {
        match controls.recv().await {
            Some(Control::Stop | Control::StopNow) => return,
            Some(Control::Reload) => {}
            None => std::future::pending().await,
        }
    }
}
