//! Delivering: as the last stage of a run, and by itself (`reconnectd deliver`), as often and in as many processes side
//! by side as one likes.
//!
//! By itself it also plans, where nobody holds the right to run, so that reminders and what was held over quiet time
//! go out between two audits. It scans nothing and writes no row of a run. A crash leaves what a run's crash leaves:
//! whole notifications and leased deliveries.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tracing::Instrument as _;

use super::ending::finished;
use super::{Pipeline, RunError, Running};
use crate::deliver::{Delivered, Deliverer};
use crate::domain::{JobName, RunCounters};
use crate::record::Baseline;
use crate::report::Summary;
use crate::store::Lease;
use crate::telemetry::metrics::{JobOutcome, Stage};
use crate::telemetry::{events, spans};

/// Says the summary for who reads logs, without what only an audit can say; a warning where somebody should look.
fn log_finished(summary: &Summary) {
    if summary.stopped {
        finished!(warn, events::DELIVER_FINISHED, summary, "Asked to stop; what is due stays in the outbox.");
    } else if summary.channels_work() && summary.storms_held.is_empty() {
        finished!(info, events::DELIVER_FINISHED, summary, "What was due went out.");
    } else {
        finished!(warn, events::DELIVER_FINISHED, summary, "What was due went out, as far as it could.");
    }
}

impl Pipeline {
    /// Plans, if the right to run is free, and delivers what is due, until it is done or asked to stop. The summary's
    /// counters of the scan are 0.
    pub async fn deliver_only(&self) -> Result<Summary, RunError> {
        let (span, job) = (spans::run(&self.run_id, JobName::Deliver), self.ports.metrics.job_begins(JobName::Deliver));
        let mut watched = self.watch.job(JobName::Deliver, &self.run_id);
        watched.began();
        let outcome = Box::pin(self.plan_and_deliver_once()).instrument(span.clone()).await;
        job.ended(match &outcome {
            Ok(summary) if summary.stopped => JobOutcome::Stopped,
            Ok(_) => JobOutcome::Done,
            Err(_) => JobOutcome::Failed,
        });
        self.note_state(outcome.as_ref().err());
        if outcome.is_err() {
            spans::run_failed(&span);
        }
        watched.ended_as(outcome.as_ref().map(Some));
        outcome
    }

    async fn plan_and_deliver_once(&self) -> Result<Summary, RunError> {
        let baseline = Baseline { taking_stock: false, until: None };
        let mut running = self.running(None, baseline, None, self.ports.clock.now());
        self.note_start(JobName::Deliver).await?;
        let outcome = Box::pin(self.plan_and_deliver(&mut running)).await;
        self.note_end(JobName::Deliver, &running, &outcome).await?;
        let summary = *self.finish(running, outcome).await?;
        log_finished(&summary);
        Ok(summary)
    }

    async fn plan_and_deliver(&self, running: &mut Running) -> Result<Option<Delivered>, RunError> {
        if let Ok(lease) = self.try_lease(&self.planner()).await? {
            self.hold(lease);
            let planned = tokio::select! {
                planned = Box::pin(self.plan_after_stock(&lease, running)) => planned,
                lost = self.keep_lease(Some(&lease)) => Err(RunError::Store(lost)),
            };
            self.step_aside().await?;
            planned?;
        }
        let delivered = self.deliver(&mut running.counters).await?;
        Ok((!delivered.interrupted).then_some(delivered))
    }

    /// Who holds the right to run while nothing but planning is done. Not the name that runs have: an audit waits for a
    /// planner, however many rows of runs that died this process or one of the same name has left.
    fn planner(&self) -> String {
        format!("{} (deliver)", self.settings.holder)
    }

    /// Plans, unless the first run, which only takes stock, has not come to its end, or the newest run did not see
    /// everybody: what is half seen looks like few of many, also where it is all of them.
    async fn plan_after_stock(&self, lease: &Lease, running: &mut Running) -> Result<(), RunError> {
        let mut work = self.store.begin_read().await?;
        let taking_stock = self.settings.baseline_first && !work.has_finished_run().await?;
        let half_seen = work.latest_runs(1).await?.pop().is_none_or(|run| !run.scan_done);
        work.roll_back();
        if !taking_stock && !half_seen {
            self.plan(false, lease, &mut running.counters).await?;
        }
        Ok(())
    }

    /// Delivers what is due; counts what became of it, and how long it took.
    pub(super) async fn deliver(&self, counters: &mut RunCounters) -> Result<Delivered, RunError> {
        let (before, began) = (counters.clone(), self.ports.clock.now());
        let delivered = self.deliverer().deliver_due(counters).await;
        self.ports.metrics.run_counted(&before, counters);
        self.stage_ended(Stage::Deliver, began);
        Ok(delivered?)
    }

    pub(super) fn deliverer(&self) -> Arc<Deliverer> {
        Arc::new(Deliverer {
            store: self.store.clone(),
            directory: Arc::clone(&self.ports.directory),
            provider: Arc::clone(&self.ports.provider),
            channels: self.ports.channels.clone(),
            clock: Arc::clone(&self.ports.clock),
            mint: Arc::clone(&self.mint),
            reconnect_url: self.settings.reconnect_url.clone(),
            retry: self.settings.retry,
            quiet: self.settings.quiet.clone(),
            settings: self.settings.delivery.clone(),
            pace: Arc::clone(&self.pace),
            run: self.run_id.clone(),
            stop: self.stop.clone(),
            metrics: Arc::clone(&self.ports.metrics),
            pulse: Arc::clone(&self.pulse),
            refused: Mutex::new(HashMap::new()),
        })
    }
}
