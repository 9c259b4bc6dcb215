//! One pass of the whole: take the right to run, scan, record, plan, deliver, sum up.
//!
//! The only file that sees every stage. A timer, a Kubernetes job, the command line and the tests call
//! the same [`Pipeline::run_once`]. Asked to stop ([`Pipeline::stop`]), it takes up nothing new, finishes what is in
//! flight, and leaves a row the next run goes on from. Guarantees: one run at a time over one state database (a fenced lease,
//! renewed while it works); a run whose process died is gone on from at its last recorded page by the
//! next one; a refused key, a removed API version or an answer about somebody else stops the run before
//! anybody is told anything. A crash leaves recorded pages, whole notifications and leased deliveries, all
//! of which the next run goes on from.

mod delivering;
mod ending;
mod error;
mod key;
mod pinging;
mod planning;
mod scanning;
mod takeover;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

pub use crate::deliver::Pace;

use crate::deliver::{Delivered, DeliverySettings};
use crate::domain::{
    Cursor, IdMint, JobName, NoticePolicy, QuietHours, ReconnectUrl, RetrySchedule, RunCounters, RunId, StormGuard,
    Timestamp, causes,
};
use crate::fault;
use crate::ports::{Channel, Clock, Directory, Provider, ProviderUsage};
use crate::record::Baseline;
use crate::report::Summary;
use crate::scan::ScanOptions;
use crate::store::{Lease, LeaseHeld, Store};
use crate::telemetry::health::Dependency;
use crate::telemetry::metrics::{JobOutcome, Stage};
use crate::telemetry::{Metrics, Pulse, events, spans};

pub use ending::SAW_NOBODY;
pub use error::RunError;
pub use pinging::{Watch, WatchedJob};

/// The right to run lapses this long after its last renewal, unless [`RunSettings::lease_ttl`] says otherwise;
/// a killed run can be gone on from after that.
pub const LEASE_TTL: Duration = Duration::from_secs(20);
/// How often the right to run is renewed within its life, so that one slow renewal costs nothing.
const HEARTBEATS_PER_LEASE: u32 = 3;
/// The lease that is the right to run.
pub const LEASE_NAME: &str = "run";

/// Everything outside the process.
#[derive(Clone)]
pub struct Ports {
    /// Where users come from.
    pub directory: Arc<dyn Directory>,
    /// Who knows about accounts.
    pub provider: Arc<dyn Provider>,
    /// How people are told.
    pub channels: Vec<Arc<dyn Channel>>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What is counted, and how whatever is used fares.
    pub metrics: Arc<Metrics>,
}

/// How a run behaves.
#[derive(Debug, Clone)]
pub struct RunSettings {
    /// How the provider is asked.
    pub scan: ScanOptions,
    /// Whether the very first run takes stock and tells nobody.
    pub baseline_first: bool,
    /// Write nothing, tell nobody, say what would be done.
    pub dry_run: bool,
    /// Where people are sent.
    pub reconnect_url: ReconnectUrl,
    /// When failed deliveries are tried again.
    pub retry: RetrySchedule,
    /// How often and how soon people are told.
    pub notices: NoticePolicy,
    /// When they are not disturbed.
    pub quiet: QuietHours,
    /// When a mass breakage is held back.
    pub storm: StormGuard,
    /// How deliveries are made.
    pub delivery: DeliverySettings,
    /// How this process names itself to others.
    pub holder: String,
    /// How long the right to run outlives a process that died; see [`LEASE_TTL`].
    pub lease_ttl: Duration,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Users done.
    pub done: u64,
    /// Users in the directory when the run began.
    pub total: u64,
}

/// What a run came to.
#[derive(Debug)]
pub enum RunOutcome {
    /// It ran to its end.
    Ran(Box<Summary>),
    /// It was asked to stop before its end; the next run goes on from what is recorded.
    Stopped(Box<Summary>),
    /// Another process holds the right to run.
    HeldElsewhere(LeaseHeld),
}

/// One run: its ports, its settings and its id.
pub struct Pipeline {
    /// The state database, migrated.
    pub store: Store,
    /// The edges.
    pub ports: Ports,
    /// The behaviour.
    pub settings: RunSettings,
    /// The id on every log line of this process.
    pub run_id: RunId,
    /// Makes ids.
    pub mint: Arc<IdMint>,
    /// How fast this process has sent of late.
    pub pace: Arc<Mutex<Pace>>,
    /// Told at the beginning and after every page.
    pub progress: watch::Sender<Progress>,
    /// What a run that failed had counted; set when [`Pipeline::run_once`] gives an error.
    pub failed: OnceLock<Summary>,
    /// Who is told that jobs begin and end.
    pub watch: Watch,
    /// Asks to stop: nothing new is taken up, what is in flight is finished. Whoever asks says how long that may take,
    /// by dropping the future.
    pub stop: CancellationToken,
    /// Told whenever work moves.
    pub pulse: Arc<Pulse>,
    /// The right to run, while this process has it.
    lease: Mutex<Option<Lease>>,
}

/// A run under way.
struct Running {
    lease: Option<Lease>,
    baseline: Baseline,
    started_at: Timestamp,
    resumed_from: Option<RunId>,
    cursor: Option<Cursor>,
    scan_done: bool,
    counters: RunCounters,
    /// The silences counted before planning, once it has begun: planning again counts its own again.
    silenced_before: Option<BTreeMap<String, u64>>,
    usage_before: ProviderUsage,
}

impl Pipeline {
    /// A run that is ready to go over a migrated state database.
    pub fn new(store: Store, mut ports: Ports, settings: RunSettings, run_id: RunId, mint: Arc<IdMint>) -> Self {
        if settings.dry_run {
            ports.metrics = Arc::new(Metrics::new()); // What only would have been is not counted.
        }
        let progress = watch::Sender::new(Progress::default());
        let pace = Arc::new(Mutex::new(Pace::new(settings.delivery.pace)));
        let (failed, lease, stop) = (OnceLock::new(), Mutex::new(None), CancellationToken::new());
        let (watch, pulse) = (Watch::default(), Arc::new(Pulse::default()));
        Self { store, ports, settings, run_id, mint, pace, progress, failed, watch, stop, pulse, lease }
    }

    /// Runs once. Waits up to a lease's life for a dead process's lease to lapse; a live one's answers
    /// [`RunOutcome::HeldElsewhere`]. Dropping the future stops the run at once, [`Pipeline::stop`] in good order; the
    /// next one goes on from its checkpoint.
    pub async fn run_once(&self) -> Result<RunOutcome, RunError> {
        let (span, job) = (spans::run(&self.run_id, JobName::Audit), self.ports.metrics.job_begins(JobName::Audit));
        // A rehearsal is nobody's business.
        let watch = if self.settings.dry_run { Watch::default() } else { self.watch.clone() };
        let mut watched = watch.job(JobName::Audit, &self.run_id);
        let outcome = Box::pin(self.audit(|| watched.began())).instrument(span.clone()).await;
        job.ended(match &outcome {
            Ok(RunOutcome::Ran(summary)) if summary.shortfall().is_some() => {
                spans::run_failed(&span);
                JobOutcome::Failed
            }
            Ok(RunOutcome::Ran(_)) => JobOutcome::Done,
            Ok(RunOutcome::Stopped(_)) => JobOutcome::Stopped,
            Ok(RunOutcome::HeldElsewhere(_)) => JobOutcome::Held,
            Err(error) => {
                spans::run_failed(&span);
                self.note_state(Some(error));
                JobOutcome::Failed
            }
        });
        watched.ended_as(outcome.as_ref().map(RunOutcome::summary));
        outcome
    }

    /// `began` is called once this process has the right to run.
    async fn audit(&self, began: impl FnOnce()) -> Result<RunOutcome, RunError> {
        let mut running = if self.settings.dry_run {
            self.rehearsal().await?
        } else {
            match self.take_over().await? {
                Ok(running) => running,
                Err(_) if self.stop.is_cancelled() => return self.never_began().await,
                Err(held) => {
                    tracing::info!(
                        event = events::RUN_HELD, holder = %held.holder,
                        "Another process is running; nothing to do here."
                    );
                    return Ok(RunOutcome::HeldElsewhere(held));
                }
            }
        };
        began();
        let lease = running.lease;
        let outcome = tokio::select! {
            outcome = Box::pin(self.stages(&mut running)) => outcome,
            lost = self.keep_lease(lease.as_ref()) => Err(RunError::Store(lost)),
        };
        let summary = self.finish(running, outcome).await?;
        ending::log_finished(&summary);
        Ok(if summary.stopped { RunOutcome::Stopped(summary) } else { RunOutcome::Ran(summary) })
    }

    /// All stages; none where it was asked to stop before their end.
    async fn stages(&self, running: &mut Running) -> Result<Option<Delivered>, RunError> {
        if !running.scan_done {
            let began = self.ports.clock.now();
            let scanned = self.scan_and_record(running).await;
            self.ports.metrics.audit_progress(0, 0);
            self.stage_ended(Stage::Scan, began);
            scanned?;
            if !running.scan_done {
                return Ok(None);
            }
        }
        if self.settings.dry_run {
            return Ok(Some(Delivered::default())); // Each page was planned within its own, rolled back, transaction.
        }
        if let Some(lease) = &running.lease {
            let silenced_before = running.counters.silenced.clone();
            running.silenced_before = Some(silenced_before.clone());
            if !self.plan(running.baseline.taking_stock, lease, &mut running.counters).await? {
                return Ok(None);
            }
            // A run that is gone on from plans again and counts its silences again.
            let planned = RunCounters { silenced: silenced_before, ..running.counters.clone() };
            let mut work = self.store.begin().await?;
            work.renew_lease(lease, self.settings.lease_ttl).await?;
            work.checkpoint_run(&self.run_id, None, true, &planned, self.ports.clock.now()).await?;
            fault::point("planned.before_commit");
            work.commit().await?;
            fault::point("planned.after_commit");
        }
        if running.baseline.taking_stock {
            return Ok(Some(Delivered::default()));
        }
        let delivered = self.deliver(&mut running.counters).await?;
        Ok((!delivered.interrupted).then_some(delivered))
    }

    /// How the state database fared: well, or where it is what failed, not.
    fn note_state(&self, error: Option<&RunError>) {
        let (health, now) = (self.ports.metrics.health(), self.ports.clock.now());
        match error {
            None => health.works(Dependency::State, now),
            Some(RunError::Store(error)) => health.fails(Dependency::State, &causes(error), now),
            Some(_) => {}
        }
    }

    fn stage_ended(&self, stage: Stage, began: Timestamp) {
        let took = (self.ports.clock.now() - began).to_std().unwrap_or_default();
        self.ports.metrics.stage(stage, took);
    }

    /// Adds what the provider was asked since this process took the run over.
    fn count_requests(&self, counters: &mut RunCounters, before: ProviderUsage) {
        let usage = self.ports.provider.usage();
        counters.requests_sent = before.requests.wrapping_add(usage.requests);
        counters.retries = before.retries.wrapping_add(usage.retries);
    }
}
