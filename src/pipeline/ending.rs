//! The end of a run: how it went is written down, the right to run is given back, and everything is summed up.
//!
//! A crash before the row is written leaves a run whose process ended: the next one takes over from it.

use std::time::Duration;

use super::{Pipeline, RunError, RunOutcome, Running};
use crate::deliver::Delivered;
use crate::domain::{JobName, RunCounters, Timestamp, causes, millis, scrub};
use crate::fault;
use crate::record::Baseline;
use crate::report::Summary;
use crate::store::{ChannelState, JobEnd, Lease, META_BASELINE_END, RunEnd, StoreError, Storm};
use crate::telemetry::events;

/// Held storms a summary names; more at once than there are auth configs do not happen.
const STORMS_NAMED: u32 = 100;

/// The longest reason of a failure that is stored.
const MAX_DETAIL_CHARS: usize = 500;

/// Why a run that was asked to stop has no end.
const STOPPED: &str = "stopped by a signal; the next run goes on from what is recorded";

/// Why an audit that came to its end is no success.
pub const SAW_NOBODY: &str = "nobody could be asked about: the provider answered for no user";

/// What is open, waits and is held at the end of a run.
#[derive(Default)]
struct Standing {
    incidents_open: u64,
    deliveries_pending: u64,
    storms_held: Vec<String>,
    channels_disabled: Vec<String>,
    /// Those of them that no operator disabled.
    channels_lost: Vec<String>,
}

impl Pipeline {
    /// Writes down how the run ended, gives the lease back, and sums up.
    pub(super) async fn finish(
        &self,
        mut running: Running,
        outcome: Result<Option<Delivered>, RunError>,
    ) -> Result<Box<Summary>, RunError> {
        let now = self.ports.clock.now();
        self.count_requests(&mut running.counters, running.usage_before);
        let end = match &outcome {
            Ok(Some(_)) => RunEnd::Finished,
            Ok(None) => RunEnd::Abandoned,
            Err(_) => RunEnd::Failed,
        };
        let detail = match &outcome {
            Ok(Some(_)) => None,
            Ok(None) => Some(STOPPED.to_owned()),
            Err(error) => Some(scrub(&causes(error), MAX_DETAIL_CHARS)),
        };
        if let Some(lease) = &running.lease {
            let ended = self.end(lease, &running, end, detail.as_deref(), now).await;
            if outcome.is_ok() {
                ended?;
            } else if let Err(error) = ended {
                tracing::warn!(event = events::RUN_UNTIDY, error = %error, "How the run ended could not be written.");
            }
        }
        if !self.settings.dry_run {
            let error = outcome.as_ref().err();
            Box::pin(self.note_key(running.usage_before, running.started_at, &mut running.counters, error)).await;
        }
        let summary = match outcome {
            Ok(delivered) => {
                let open = self.standing().await?;
                let channels = delivered.iter().flat_map(|delivered| &delivered.stopped);
                let channels = channels.map(|(name, _)| name.to_string()).collect();
                let summary = self.sum_up(running, channels, open, detail, now);
                Summary { stopped: end == RunEnd::Abandoned, ..summary }
            }
            Err(error) => {
                // The state database may be what failed; what was counted is worth saying all the same.
                let open = self.standing().await.unwrap_or_default();
                let summary = self.sum_up(running, Vec::new(), open, detail, now);
                if self.failed.set(summary).is_err() {
                    tracing::debug!(event = events::RUN_FAILED, "This run had failed before.");
                }
                return Err(error);
            }
        };
        fault::point("run.before_summary");
        Ok(Box::new(summary))
    }

    /// What is open, waits and is held at the end.
    async fn standing(&self) -> Result<Standing, StoreError> {
        let mut work = self.store.begin_read().await?;
        let mut disabled = work.channel_states().await?;
        disabled.retain(|state| {
            state.disabled_at.is_some() && self.ports.channels.iter().any(|channel| *channel.name() == state.channel)
        });
        Ok(Standing {
            channels_lost: named(&disabled, |state| state.changed_by.is_none()),
            channels_disabled: named(&disabled, |_| true),
            incidents_open: work.count_open_incidents().await?,
            deliveries_pending: work.count_deliveries("pending").await?,
            storms_held: work.held_storms(STORMS_NAMED).await?.iter().map(Storm::words).collect(),
        })
    }

    fn sum_up(
        &self,
        running: Running,
        channels_stopped: Vec<String>,
        standing: Standing,
        error: Option<String>,
        now: Timestamp,
    ) -> Summary {
        let took = took(&running, now);
        Summary {
            run_id: self.run_id.clone(),
            complete: error.is_none() && !running.counters.is_incomplete(),
            error,
            stopped: false,
            baseline: running.baseline.taking_stock,
            dry_run: self.settings.dry_run,
            resumed_from: running.resumed_from,
            incidents_open: standing.incidents_open,
            deliveries_pending: standing.deliveries_pending,
            storms_held: standing.storms_held,
            channels_stopped,
            channels_disabled: standing.channels_disabled,
            channels_lost: standing.channels_lost,
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            counters: running.counters,
        }
    }

    /// The summary of a run that was asked to stop while it waited for the right to run.
    pub(super) async fn never_began(&self) -> Result<RunOutcome, RunError> {
        let baseline = Baseline { taking_stock: false, until: None };
        let running = self.running(None, baseline, None, self.ports.clock.now());
        Ok(RunOutcome::Stopped(self.finish(running, Ok(None)).await?))
    }

    /// Remembers that a job began that has no row of a run.
    pub(super) async fn note_start(&self, job: JobName) -> Result<(), StoreError> {
        let mut work = self.store.begin().await?;
        work.job_started(job, &self.run_id, self.ports.clock.now()).await?;
        work.commit().await
    }

    /// Remembers how it ended; where it failed, the state database may be what failed, and that is said elsewhere.
    pub(super) async fn note_end(
        &self,
        job: JobName,
        running: &Running,
        outcome: &Result<Option<Delivered>, RunError>,
    ) -> Result<(), StoreError> {
        let (end, detail) = match outcome {
            Ok(Some(_)) => (RunEnd::Finished, None),
            Ok(None) => return Ok(()),
            Err(error) => (RunEnd::Failed, Some(scrub(&causes(error), MAX_DETAIL_CHARS))),
        };
        let Some(job_end) = job_end(end, detail.as_deref(), None) else { return Ok(()) };
        let now = self.ports.clock.now();
        let noted = async {
            let mut work = self.store.begin().await?;
            work.job_ended(job, &self.run_id, job_end, took(running, now), now).await?;
            work.commit().await
        };
        match noted.await {
            Err(error) if end == RunEnd::Failed => {
                tracing::warn!(event = events::RUN_UNTIDY, error = %error, "How it ended could not be written.");
                Ok(())
            }
            noted => noted,
        }
    }

    async fn end(
        &self,
        lease: &Lease,
        running: &Running,
        end: RunEnd,
        detail: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut work = self.store.begin().await?;
        work.renew_lease(lease, self.settings.lease_ttl).await?;
        let counters = match (end, &running.silenced_before) {
            (RunEnd::Abandoned, Some(silenced)) => {
                RunCounters { silenced: silenced.clone(), ..running.counters.clone() }
            }
            _ => running.counters.clone(),
        };
        work.end_run(&self.run_id, end, &counters, detail, now).await?;
        if running.baseline.taking_stock && end == RunEnd::Finished {
            work.set_meta_once(META_BASELINE_END, &millis(now).to_string()).await?;
        }
        let shortfall = running.counters.shortfall();
        if let Some(job_end) = job_end(end, detail, shortfall.as_deref()) {
            work.job_ended(JobName::Audit, &self.run_id, job_end, took(running, now), now).await?;
        }
        work.release_lease(lease).await?;
        fault::point("end.before_commit");
        work.commit().await?;
        fault::point("end.after_commit");
        Ok(())
    }
}

/// What an end means for the job; nothing where it was asked to stop and will go on. A run that went over all users and
/// learned too little of them is finished, and no success.
fn job_end<'a>(end: RunEnd, detail: Option<&'a str>, shortfall: Option<&'a str>) -> Option<JobEnd<'a>> {
    match end {
        RunEnd::Finished => Some(shortfall.map_or(JobEnd::Succeeded, JobEnd::Failed)),
        RunEnd::Failed => Some(JobEnd::Failed(detail.unwrap_or_default())),
        RunEnd::Abandoned => None,
    }
}

/// How long this process has been at it; a clock that was set back counts as no time.
fn took(running: &Running, now: Timestamp) -> Duration {
    (now - running.started_at).to_std().unwrap_or_default()
}

/// The names of the channels that `which` is true of.
fn named(states: &[ChannelState], which: impl Fn(&ChannelState) -> bool) -> Vec<String> {
    states.iter().filter(|state| which(state)).map(|state| state.channel.to_string()).collect()
}

/// A log line with what every summary says, an event's own fields before it.
macro_rules! finished {
    ($level:ident, $event:expr, $summary:expr, $words:literal $(, $field:ident = $value:expr)*) => {{
        let (summary, c) = ($summary, &$summary.counters);
        tracing::$level!(
            event = $event,
            $($field = $value,)*
            incidents_open = summary.incidents_open,
            incidents_released = c.incidents_released,
            storms_opened = c.storms_opened,
            storms_held = summary.storms_held.join(", "),
            notices_planned = c.notices_planned,
            reminders_planned = c.reminders_planned,
            recoveries_planned = c.recoveries_planned,
            deliveries_sent = c.deliveries_sent,
            deliveries_failed = c.deliveries_failed,
            deliveries_cancelled = c.deliveries_cancelled,
            deliveries_put_off = c.deliveries_put_off,
            deliveries_pending = summary.deliveries_pending,
            channels_stopped = summary.channels_stopped.join(","),
            channels_disabled = summary.channels_disabled.join(","),
            silenced = summary.silenced_json(),
            requests_sent = c.requests_sent,
            retries = c.retries,
            duration_ms = summary.duration_ms,
            $words
        );
    }};
}
pub(super) use finished;

/// Says the summary once more for who reads logs; a warning where somebody should look.
pub(super) fn log_finished(summary: &Summary) {
    macro_rules! run {
        ($level:ident, $words:literal) => {
            finished!(
                $level,
                events::RUN_FINISHED,
                summary,
                $words,
                complete = summary.complete,
                baseline = summary.baseline,
                dry_run = summary.dry_run,
                resumed_from = summary.resumed_from.as_ref().map(tracing::field::display),
                users_scanned = summary.counters.users_scanned,
                users_unknown = summary.counters.users_unknown,
                users_unqueryable = summary.counters.users_unqueryable,
                accounts_seen = summary.counters.accounts_seen,
                incidents_opened = summary.counters.incidents_opened,
                incidents_closed = summary.counters.incidents_closed
            )
        };
    }
    if summary.stopped {
        run!(warn, "The run was asked to stop; the next one goes on from what is recorded.");
    } else if summary.complete && summary.channels_work() && summary.storms_held.is_empty() {
        run!(info, "The run is over.");
    } else {
        run!(warn, "The run is over, and not all of it went well.");
    }
}
