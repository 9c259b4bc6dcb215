//! Telling a dead man's switch how jobs stand, beside the work and never in its way.
//!
//! Turns the beginning and the end of a job into two pings, in that order, from a task of their own. Guarantees: a job
//! neither waits for a ping nor fails with one; the end is told however slow the beginning was; a job that is dropped
//! half-way is told as failed; a process waits at its end for at most one ping's limit ([`Watch::settle`]). A crash
//! leaves a beginning without an end, which is what the switch is there to notice.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::{RunError, RunOutcome};
use crate::domain::{JobName, RunId, causes, scrub};
use crate::ports::{Ping, PingError, PingSignal, Pinger};
use crate::report::Summary;
use crate::telemetry::metrics::PingOutcome;
use crate::telemetry::{Metrics, events};

/// The longest line of the words: one remark of a summary.
const MAX_LINE_CHARS: usize = 500;

/// What a process that does one job exits with, see the README.
const STATUS_FAILED: u8 = 1;
const STATUS_KEY_REFUSED: u8 = 3;
const STATUS_STATE_UNUSABLE: u8 = 4;

/// Who watches the jobs of this process; nobody, unless somebody is configured. Clones share what is under way.
#[derive(Clone, Default)]
pub struct Watch(Option<Arc<Watching>>);

struct Watching {
    pinger: Arc<dyn Pinger>,
    metrics: Arc<Metrics>,
    under_way: TaskTracker,
}

/// A job that is watched from its beginning to its end.
pub struct WatchedJob {
    /// None where nobody wants to hear of it, or its end was told.
    told: Option<(Arc<Watching>, JobName, RunId)>,
    beginning: Option<JoinHandle<()>>,
}

impl Watch {
    /// Tells this switch, and counts what came of it.
    pub fn new(pinger: Arc<dyn Pinger>, metrics: Arc<Metrics>) -> Self {
        Self(Some(Arc::new(Watching { pinger, metrics, under_way: TaskTracker::new() })))
    }

    /// A job that may begin; until it does, nothing is told.
    pub fn job(&self, job: JobName, run: &RunId) -> WatchedJob {
        let watching = self.0.as_ref().filter(|watching| watching.pinger.watches(job));
        WatchedJob { told: watching.map(|watching| (Arc::clone(watching), job, run.clone())), beginning: None }
    }

    /// Waits for pings under way, at most one ping's limit; at the end of a process.
    pub async fn settle(&self) {
        if let Some(watching) = &self.0 {
            watching.under_way.close();
            // What is not through by then has been tried for as long as a ping may take.
            drop(timeout(watching.pinger.limit(), watching.under_way.wait()).await);
        }
    }
}

impl WatchedJob {
    /// It began.
    pub fn began(&mut self) {
        if let Some((watching, job, run)) = &self.told {
            let ping = Ping { job: *job, run: run.clone(), signal: PingSignal::Started, words: String::new() };
            let telling = Arc::clone(watching);
            self.beginning = Some(watching.under_way.spawn(async move { tell(telling.as_ref(), ping).await }));
        }
    }

    /// It ended so; `words` hold no address.
    pub fn ended(mut self, signal: PingSignal, words: String) {
        self.tell_end(signal, words);
    }

    /// It ended as a pipeline's run does.
    pub(super) fn ended_as(self, outcome: Result<Option<&Summary>, &RunError>) {
        match outcome {
            Ok(Some(summary)) if summary.stopped => self.ended(PingSignal::Stopped, in_words(summary)),
            Ok(Some(summary)) if summary.complete && summary.channels_work() => {
                self.ended(PingSignal::Succeeded, in_words(summary));
            }
            Ok(Some(summary)) => self.ended(PingSignal::Exited(STATUS_FAILED), in_words(summary)),
            Ok(None) => {} // Somebody else does it, and tells.
            Err(error) => {
                let status = match error {
                    error if error.is_unauthorized() => STATUS_KEY_REFUSED,
                    error if error.is_state_unusable() => STATUS_STATE_UNUSABLE,
                    _ => STATUS_FAILED,
                };
                self.ended(PingSignal::Exited(status), scrub(&causes(error), MAX_LINE_CHARS));
            }
        }
    }

    fn tell_end(&mut self, signal: PingSignal, words: String) {
        let Some((watching, job, run)) = self.told.take() else { return };
        let (beginning, ping) = (self.beginning.take(), Ping { job, run, signal, words });
        let telling = Arc::clone(&watching);
        watching.under_way.spawn(async move {
            if let Some(mut beginning) = beginning {
                // An end that overtook its beginning would look like a job that still runs. Half the limit for the one,
                // the rest for the other.
                let half = telling.pinger.limit() / 2;
                if timeout(half, &mut beginning).await.is_err() {
                    beginning.abort();
                }
            }
            tell(telling.as_ref(), ping).await;
        });
    }
}

impl Drop for WatchedJob {
    fn drop(&mut self) {
        // Dropped within a runtime, or it could not have begun; at the end of one there is nobody to tell it by.
        if self.beginning.is_some() && tokio::runtime::Handle::try_current().is_ok() {
            self.tell_end(PingSignal::Failed, "It was cut short.".to_owned());
        }
    }
}

/// Tells once, and says so where that failed.
async fn tell(watching: &Watching, ping: Ping) {
    let told = timeout(watching.pinger.limit(), watching.pinger.ping(&ping)).await;
    let error = match told {
        Ok(Ok(())) => return watching.metrics.pinged(PingOutcome::Ok),
        Ok(Err(error)) => error,
        Err(_) => PingError("no answer in time".to_owned()),
    };
    watching.metrics.pinged(PingOutcome::Failed);
    tracing::warn!(
        event = events::PING_FAILED, job = %ping.job, error = %error,
        "The dead man's switch could not be told how this job stands; it may raise an alarm although all is well."
    );
}

/// A summary as it may leave: every line bounded and without addresses.
fn in_words(summary: &Summary) -> String {
    let text = summary.text();
    let lines = text.lines().map(|line| scrub(line, MAX_LINE_CHARS)).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

impl RunOutcome {
    /// The summary, where this process ran.
    pub(super) fn summary(&self) -> Option<&Summary> {
        match self {
            Self::Ran(summary) | Self::Stopped(summary) => Some(summary),
            Self::HeldElsewhere(_) => None,
        }
    }
}
