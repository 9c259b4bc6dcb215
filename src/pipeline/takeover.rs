//! The beginning and the end of a run: taking the right to run, going on from a dead run's checkpoint,
//! keeping the right alive, and writing down how it ended.

use std::sync::PoisonError;
use std::time::Duration;

use chrono::TimeDelta;

use super::{
    HEARTBEATS_PER_LEASE, LEASE_NAME, META_BASELINE, META_BASELINE_END, Pipeline, RESUME_WITHIN, RunError, Running,
};
use crate::deliver::Delivered;
use crate::domain::{RunCounters, Timestamp, causes, from_millis, millis, scrub};
use crate::fault;
use crate::ports::ProviderUsage;
use crate::record::Baseline;
use crate::report::Summary;
use crate::store::{ChannelState, Lease, LeaseHeld, RunEnd, RunRow, StoreError, StormRow, Work};
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

/// How long an audit waits for a process that plans without one.
const PLANNING_LIMIT: Duration = Duration::from_mins(5);
/// How often a held lease is looked at again within its life.
const LOOKS_PER_LEASE: u32 = 40;

impl Pipeline {
    /// Takes the lease and begins a run, from a dead run's checkpoint if there is a fresh one.
    pub(super) async fn take_over(&self) -> Result<Result<Running, LeaseHeld>, RunError> {
        let lease = match self.take_lease().await? {
            Ok(lease) => lease,
            Err(held) => return Ok(Err(held)),
        };
        self.hold(lease);
        let now = self.ports.clock.now();
        let mut work = self.store.begin().await?;
        work.renew_lease(&lease, self.settings.lease_ttl).await?;
        let latest = work.latest_runs(1).await?.pop();
        for run in work.unfinished_runs().await? {
            work.end_run(&run.id, RunEnd::Abandoned, &run.counters, Some("its process ended"), now).await?;
        }
        let resumable = latest.filter(|run| can_go_on(run, now));
        let baseline = self.baseline(&mut work, resumable.as_ref(), now).await?;
        // Only a recorded page makes a checkpoint younger: a chain of runs that fail must not keep an old one alive.
        let recorded_at = resumable.as_ref().map_or(now, |run| run.updated_at);
        let running = self.running(Some(lease), baseline, resumable, now);
        work.insert_run(&RunRow {
            id: self.run_id.clone(),
            state: "running".into(),
            started_at: now,
            updated_at: recorded_at,
            finished_at: None,
            baseline: baseline.taking_stock,
            scan_done: running.scan_done,
            cursor: running.cursor.clone(),
            resumed_from: running.resumed_from.clone(),
            holder: self.settings.holder.clone(),
            counters: running.counters.clone(),
            detail: None,
        })
        .await?;
        fault::point("begin.before_commit");
        work.commit().await?;
        fault::point("begin.after_commit");
        tracing::info!(
            event = events::RUN_STARTED,
            baseline = baseline.taking_stock,
            resumed_from = running.resumed_from.as_ref().map(tracing::field::display),
            users_scanned = running.counters.users_scanned,
            "A run began."
        );
        Ok(Ok(running))
    }

    /// A run that writes nothing: no lease, no row, no checkpoint.
    pub(super) async fn rehearsal(&self) -> Result<Running, RunError> {
        let now = self.ports.clock.now();
        let mut work = self.store.begin().await?;
        let baseline = self.baseline(&mut work, None, now).await?;
        work.roll_back();
        tracing::info!(
            event = events::RUN_STARTED,
            dry_run = true,
            "A dry run began; nothing will be written or sent."
        );
        Ok(self.running(None, baseline, None, now))
    }

    pub(super) fn running(
        &self,
        lease: Option<Lease>,
        baseline: Baseline,
        resumable: Option<RunRow>,
        started_at: Timestamp,
    ) -> Running {
        let usage = self.ports.provider.usage();
        let counters = resumable.as_ref().map_or_else(RunCounters::default, |run| run.counters.clone());
        // What was sent before this process took over, less what this process had sent before this run.
        let usage_before = ProviderUsage {
            requests: counters.requests_sent.wrapping_sub(usage.requests),
            retries: counters.retries.wrapping_sub(usage.retries),
        };
        Running {
            lease,
            baseline,
            started_at,
            usage_before,
            cursor: resumable.as_ref().and_then(|run| run.cursor.clone()),
            scan_done: resumable.as_ref().is_some_and(|run| run.scan_done),
            resumed_from: resumable.map(|run| run.id),
            counters,
        }
    }

    /// Taking stock lasts until a run has finished: one that was killed or refused half-way has not.
    async fn baseline(
        &self,
        work: &mut Work,
        resumed: Option<&RunRow>,
        now: Timestamp,
    ) -> Result<Baseline, StoreError> {
        let taking_stock = match resumed {
            Some(run) => run.baseline,
            None => self.settings.baseline_first && !work.has_finished_run().await?,
        };
        if taking_stock {
            work.set_meta_once(META_BASELINE, &millis(now).to_string()).await?;
        }
        let mut until = None;
        for key in [META_BASELINE_END, META_BASELINE] {
            let at = work.meta(key).await?.and_then(|at| at.parse().ok()).map(from_millis);
            until = until.or(at);
        }
        Ok(Baseline { taking_stock, until })
    }

    /// Waits for a lease whose holder may be dead, at most its remaining life and a little more.
    async fn take_lease(&self) -> Result<Result<Lease, LeaseHeld>, StoreError> {
        let ttl = self.settings.lease_ttl;
        let mut waited = Duration::ZERO;
        let mut remaining_before: Option<Duration> = None;
        loop {
            let held = match self.try_lease().await? {
                Ok(lease) => return Ok(Ok(lease)),
                Err(held) => held,
            };
            match remaining_before {
                // A lease that has more life than before was renewed: its holder is alive.
                Some(before) if held.remaining > before || waited > ttl * 2 => {
                    if waited > PLANNING_LIMIT || self.holds_a_run(&held.holder).await? {
                        return Ok(Err(held));
                    }
                }
                Some(_) => {}
                None => tracing::info!(
                    event = events::RUN_HELD, holder = %held.holder,
                    remaining_ms = u64::try_from(held.remaining.as_millis()).unwrap_or(u64::MAX),
                    "Another process holds the right to run; waiting to see whether it is alive."
                ),
            }
            remaining_before = Some(held.remaining);
            let pause = ttl / LOOKS_PER_LEASE;
            tokio::time::sleep(pause).await;
            waited += pause;
        }
    }

    /// Whether a run of this holder's is under way. A process that only plans and delivers has none, and is done with
    /// the lease soon: an audit must not be left out for it.
    async fn holds_a_run(&self, holder: &str) -> Result<bool, StoreError> {
        let mut work = self.store.begin_read().await?;
        Ok(work.unfinished_runs().await?.iter().any(|run| run.holder == holder))
    }

    /// Takes the right to run if it is free or has lapsed.
    pub(super) async fn try_lease(&self) -> Result<Result<Lease, LeaseHeld>, StoreError> {
        let mut work = self.store.begin().await?;
        let taken = work.take_lease(LEASE_NAME, &self.settings.holder, self.settings.lease_ttl).await?;
        fault::point("lease.before_commit");
        work.commit().await?;
        fault::point("lease.after_commit");
        Ok(taken)
    }

    /// Remembers that this process has the right to run.
    pub(super) fn hold(&self, lease: Lease) {
        *self.lease.lock().unwrap_or_else(PoisonError::into_inner) = Some(lease);
    }

    /// Gives the right to run back after [`Pipeline::run_once`] was dropped, so that the next run need not
    /// wait for it to lapse.
    pub async fn step_aside(&self) -> Result<(), StoreError> {
        let held = *self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lease) = held else { return Ok(()) };
        let mut work = self.store.begin().await?;
        work.release_lease(&lease).await?;
        work.commit().await
    }

    /// Renews the lease until it is lost; never returns otherwise. Without a lease, waits for ever.
    pub(super) async fn keep_lease(&self, lease: Option<&Lease>) -> StoreError {
        let Some(lease) = lease else { return std::future::pending().await };
        loop {
            tokio::time::sleep(self.settings.lease_ttl / HEARTBEATS_PER_LEASE).await;
            match self.renew(lease).await {
                Ok(()) | Err(StoreError::Transient(_)) => {} // Tried again before the lease lapses.
                Err(error) => return error,
            }
        }
    }

    async fn renew(&self, lease: &Lease) -> Result<(), StoreError> {
        let mut work = self.store.begin().await?;
        work.renew_lease(lease, self.settings.lease_ttl).await?;
        work.commit().await
    }

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

/// A run that was killed is finished; one that failed while scanning goes on, so that an outage does not cost
/// the pages before it. One that failed later has nothing left to go on with: the next run scans anew.
fn can_go_on(run: &RunRow, now: Timestamp) -> bool {
    let fresh = now - run.updated_at <= RESUME_WITHIN;
    fresh && (run.state == "running" || (run.state == "failed" && !run.scan_done))
}

/// Says the summary once more for who reads logs; a warning where somebody should look.
pub(super) fn log_finished(summary: &Summary) {
    macro_rules! finished {
        ($level:ident, $words:literal) => {{
            let c = &summary.counters;
            tracing::$level!(
                event = events::RUN_FINISHED,
                complete = summary.complete,
                baseline = summary.baseline,
                dry_run = summary.dry_run,
                resumed_from = summary.resumed_from.as_ref().map(tracing::field::display),
                users_scanned = c.users_scanned,
                users_unknown = c.users_unknown,
                users_unqueryable = c.users_unqueryable,
                accounts_seen = c.accounts_seen,
                incidents_opened = c.incidents_opened,
                incidents_closed = c.incidents_closed,
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
    if summary.complete && summary.channels_work() && summary.storms_held.is_empty() {
        finished!(info, "The run is over.");
    } else {
        finished!(warn, "The run is over, and not all of it went well.");
    }
}
