//! The end of a run: how it went is written down, the right to run is given back, and everything is summed up.
//!
//! A crash before the row is written leaves a run whose process ended: the next one takes over from it.

use chrono::TimeDelta;

use super::{META_BASELINE_END, Pipeline, RunError, Running};
use crate::deliver::Delivered;
use crate::domain::{RunCounters, Timestamp, causes, millis, scrub};
use crate::fault;
use crate::record::Baseline;
use crate::report::Summary;
use crate::store::{ChannelState, Lease, RunEnd, StoreError, StormRow};
use crate::telemetry::events;

/// Held storms a summary names; more at once than there are auth configs do not happen.
const STORMS_NAMED: u32 = 100;

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
        outcome: Result<Delivered, RunError>,
    ) -> Result<Box<Summary>, RunError> {
        let now = self.ports.clock.now();
        self.count_requests(&mut running.counters, running.usage_before);
        let end = if outcome.is_ok() { RunEnd::Finished } else { RunEnd::Failed };
        let detail = outcome.as_ref().err().map(|error| scrub(&causes(error), 500));
        if let Some(lease) = &running.lease {
            let ended = self.end(lease, running.baseline, end, &running.counters, detail.as_deref(), now).await;
            if outcome.is_ok() {
                ended?;
            } else if let Err(error) = ended {
                tracing::warn!(event = events::RUN_UNTIDY, error = %error, "How the run ended could not be written.");
            }
        }
        if !self.settings.dry_run {
            Box::pin(self.note_key(&mut running, outcome.as_ref().err())).await;
        }
        let summary = match outcome {
            Ok(delivered) => {
                let open = self.standing().await?;
                let stopped = delivered.stopped.iter().map(|(name, _)| name.to_string()).collect();
                self.sum_up(running, stopped, open, None, now)
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
            storms_held: work.storms(true, STORMS_NAMED).await?.iter().map(StormRow::words).collect(),
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
        let took = (now - running.started_at).max(TimeDelta::zero());
        Summary {
            run_id: self.run_id.clone(),
            complete: error.is_none() && !running.counters.is_incomplete(),
            error,
            baseline: running.baseline.taking_stock,
            dry_run: self.settings.dry_run,
            resumed_from: running.resumed_from,
            incidents_open: standing.incidents_open,
            deliveries_pending: standing.deliveries_pending,
            storms_held: standing.storms_held,
            channels_stopped,
            channels_disabled: standing.channels_disabled,
            channels_lost: standing.channels_lost,
            duration_ms: u64::try_from(took.num_milliseconds()).unwrap_or(0),
            counters: running.counters,
        }
    }

    async fn end(
        &self,
        lease: &Lease,
        baseline: Baseline,
        end: RunEnd,
        counters: &RunCounters,
        detail: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut work = self.store.begin().await?;
        work.renew_lease(lease, self.settings.lease_ttl).await?;
        work.end_run(&self.run_id, end, counters, detail, now).await?;
        if baseline.taking_stock && end == RunEnd::Finished {
            work.set_meta_once(META_BASELINE_END, &millis(now).to_string()).await?;
        }
        work.release_lease(lease).await?;
        fault::point("end.before_commit");
        work.commit().await?;
        fault::point("end.after_commit");
        Ok(())
    }
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
    if summary.complete && summary.channels_work() && summary.storms_held.is_empty() {
        run!(info, "The run is over.");
    } else {
        run!(warn, "The run is over, and not all of it went well.");
    }
}
