//! The beginning of a run: taking the right to run, going on from a dead run's checkpoint, and keeping the right
//! alive. A crash leaves a lease that lapses and a row of a run whose process ended.

use std::sync::PoisonError;
use std::time::Duration;

use super::{HEARTBEATS_PER_LEASE, LEASE_NAME, Pipeline, RunError, Running};
use crate::domain::{JobName, RESUME_WITHIN, RunCounters, Timestamp, from_millis, millis};
use crate::fault;
use crate::ports::ProviderUsage;
use crate::record::Baseline;
use crate::store::{JobEnd, Lease, LeaseHeld, META_BASELINE, META_BASELINE_END, RunEnd, RunRow, StoreError, Work};
use crate::telemetry::events;

/// How long an audit waits for a process that plans without one.
const PLANNING_LIMIT: Duration = Duration::from_mins(5);
/// Why a run has no end of its own.
const PROCESS_ENDED: &str = "its process ended";
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
            work.end_run(&run.id, RunEnd::Abandoned, &run.counters, Some(PROCESS_ENDED), now).await?;
            // Nobody else says so: a process that dies in every audit would look like one that works. What was asked to
            // stop has its end already.
            let took = (run.updated_at - run.started_at).to_std().unwrap_or_default();
            work.job_ended(JobName::Audit, &run.id, JobEnd::Failed(PROCESS_ENDED), took, now).await?;
        }
        let resumable = latest.filter(|run| can_go_on(run, now));
        let baseline = self.baseline(&mut work, resumable.as_ref(), now).await?;
        // Only a recorded page makes a checkpoint younger: a chain of runs that fail must not keep an old one alive.
        let recorded_at = resumable.as_ref().map_or(now, |run| run.updated_at);
        let running = self.running(Some(lease), baseline, resumable, now);
        work.watch_from(now).await?;
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
        work.job_started(JobName::Audit, &self.run_id, now).await?;
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
            accepted: usage.accepted,
        };
        Running {
            lease,
            baseline,
            started_at,
            usage_before,
            cursor: resumable.as_ref().and_then(|run| run.cursor.clone()),
            scan_done: resumable.as_ref().is_some_and(|run| run.scan_done),
            resumed_from: resumable.map(|run| run.id),
            silenced_before: None,
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
            let held = match self.try_lease(&self.settings.holder).await? {
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
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.stop.cancelled() => return Ok(Err(held)),
            }
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
    pub(super) async fn try_lease(&self, holder: &str) -> Result<Result<Lease, LeaseHeld>, StoreError> {
        let mut work = self.store.begin().await?;
        let taken = work.take_lease(LEASE_NAME, holder, self.settings.lease_ttl).await?;
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
}

/// A run that was killed or asked to stop is finished; one that failed while scanning goes on, so that an outage does not cost
/// the pages before it. One that failed later has nothing left to go on with: the next run scans anew.
fn can_go_on(run: &RunRow, now: Timestamp) -> bool {
    let fresh = now - run.updated_at <= RESUME_WITHIN;
    // Only one that was asked to stop is `abandoned` and the newest: whoever says it of a dead one begins another.
    fresh && (run.state == "running" || run.state == "abandoned" || (run.state == "failed" && !run.scan_done))
}
