//! How things stand, as metrics, read at most every 15 seconds however often it is asked for.
//!
//! Turns a [`Standing`] into the families that `docs/metrics.md` calls truth. Guarantees: one read at a time, bounded in
//! time; a state database that cannot be read leaves those families without samples and says so, instead of showing what
//! was true once. Nothing is written; a crash leaves nothing.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::domain::{ChannelName, Timestamp, causes};
use crate::store::{Standing, Store, StoreError};
use crate::telemetry::Metrics;
use crate::telemetry::health::Dependency;
use crate::telemetry::metrics::{AuditUsers, ChannelTrouble, OutboxState, Truth, UNDECIDED};

/// What was read is true enough for so long: scrapes come every 15 to 60 s.
pub const TRUTH_AGE: Duration = Duration::from_secs(15);
/// A read that failed is tried again sooner.
const FAILURE_AGE: Duration = Duration::from_secs(2);
/// Shorter than Prometheus' usual scrape timeout of 10 s.
const READ_LIMIT: Duration = Duration::from_secs(5);

/// Keeps the metrics that are read from the state database fresh.
pub struct TruthReader {
    metrics: Arc<Metrics>,
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    channels: std::sync::Mutex<Vec<ChannelName>>,
    state: Mutex<State>,
}

/// Where it is read from, and until when the last read counts.
#[derive(Default)]
struct State {
    store: Option<Store>,
    fresh_until: Option<Instant>,
}

/// Why nothing could be read.
#[derive(Debug, thiserror::Error)]
enum Unread {
    #[error("the state database is not open yet")]
    Closed,
    #[error("the state database did not answer within {READ_LIMIT:?}")]
    Slow,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TruthReader {
    /// A reader without a state database: until [`TruthReader::read_from`], nothing is true.
    pub fn new(metrics: Arc<Metrics>, now: Arc<dyn Fn() -> Timestamp + Send + Sync>) -> Self {
        Self { metrics, now, channels: std::sync::Mutex::default(), state: Mutex::default() }
    }

    /// The series of these channels are there from the next read on, even where nothing is stored about them.
    pub fn expect_channels(&self, channels: Vec<ChannelName>) {
        *self.channels.lock().unwrap_or_else(PoisonError::into_inner) = channels;
    }

    /// Reads from `store` from now on.
    pub async fn read_from(&self, store: Store) {
        *self.state.lock().await = State { store: Some(store), fresh_until: None };
    }

    /// Brings the metrics up to date, unless they are. Says whether the state database could be read.
    pub async fn refresh(&self) -> bool {
        let mut state = self.state.lock().await;
        let health = self.metrics.health();
        if state.fresh_until.is_some_and(|until| until > Instant::now()) {
            return health.of(Dependency::State).is_some_and(|state| state.up);
        }
        let now = (self.now)();
        let read = self.read(state.store.as_ref(), now).await;
        let age = if read.is_ok() { TRUTH_AGE } else { FAILURE_AGE };
        state.fresh_until = Some(Instant::now() + age);
        match &read {
            Ok(_) => health.works(Dependency::State, now),
            // Why it could not be opened is known already.
            Err(Unread::Closed) if health.of(Dependency::State).is_some_and(|state| !state.up) => {}
            Err(error) => health.fails(Dependency::State, &causes(error), now),
        }
        let readable = read.is_ok();
        let channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.metrics.set_truth(read.ok().map(|standing| truth(&standing, &channels)));
        readable
    }

    async fn read(&self, store: Option<&Store>, now: Timestamp) -> Result<Standing, Unread> {
        let store = store.ok_or(Unread::Closed)?;
        let read = async { Ok(store.begin_read().await?.standing(now).await?) };
        timeout(READ_LIMIT, read).await.map_err(|_| Unread::Slow)?
    }
}

/// Counts fit: the mantissa of a double holds 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts far beyond 2^53 do not happen")]
fn number(count: u64) -> f64 {
    count as f64
}

/// The metrics that say how things stand.
pub fn truth(standing: &Standing, channels: &[ChannelName]) -> Truth {
    let mut truth = Truth::default();
    for channel in channels {
        truth.expect_channel(channel.as_str());
    }
    for row in &standing.jobs {
        let job = &[row.job.code()];
        truth.add_instant("reconnectd_job_last_start_timestamp_seconds", job, row.started_at);
        truth.add_instant("reconnectd_job_last_success_timestamp_seconds", job, row.succeeded_at);
        truth.add_instant("reconnectd_job_last_failure_timestamp_seconds", job, row.failed_at);
        let duration = row.duration.map_or(0.0, |duration| duration.as_secs_f64());
        truth.add("reconnectd_job_last_duration_seconds", job, duration);
        truth.add("reconnectd_job_failures", job, number(row.failures));
    }
    add_audit(standing, &mut truth);
    for some in &standing.incidents {
        truth.add("reconnectd_incidents_open", &[&some.toolkit, some.reason.code()], number(some.open));
    }
    for (decision, open) in &standing.decisions {
        let decision = decision.as_deref().unwrap_or(UNDECIDED);
        truth.add("reconnectd_incidents_decided", &[decision], number(*open));
    }
    add_channels(standing, &mut truth);
    truth.add("reconnectd_storms_held", &[], number(standing.storms_held.len() as u64));
    for (cause, addresses) in &standing.suppressions {
        truth.add("reconnectd_suppressions", &[cause.code()], number(*addresses));
    }
    truth.add_instant("reconnectd_key_refused_since_timestamp_seconds", &[], standing.key_refused_at);
    truth.add("reconnectd_accounts_unknown_status", &[], number(standing.accounts_unknown_status));
    truth
}

fn add_audit(standing: &Standing, truth: &mut Truth) {
    truth.add("reconnectd_last_audit_coverage_ratio", &[], standing.coverage().unwrap_or(0.0));
    let ended = standing.last_audit.as_ref().and_then(|run| run.finished_at);
    truth.add_instant("reconnectd_last_audit_timestamp_seconds", &[], ended);
    let Some(run) = &standing.last_audit else { return };
    for (outcome, users) in [
        (AuditUsers::Scanned, run.counters.users_scanned),
        (AuditUsers::Unknown, run.counters.users_unknown),
        (AuditUsers::Unqueryable, run.counters.users_unqueryable),
        (AuditUsers::Blank, run.counters.users_blank),
    ] {
        truth.add("reconnectd_last_audit_users", &[outcome.code()], number(users));
    }
    for (condition, accounts) in &run.counters.conditions {
        truth.add("reconnectd_accounts", &[condition], number(*accounts));
    }
}

fn add_channels(standing: &Standing, truth: &mut Truth) {
    for waiting in &standing.outbox {
        let channel = waiting.channel.as_str();
        truth.expect_channel(channel);
        let deliveries = "reconnectd_outbox_deliveries";
        truth.add(deliveries, &[channel, OutboxState::Pending.code()], number(waiting.pending));
        truth.add(deliveries, &[channel, OutboxState::Dead.code()], number(waiting.dead));
        let age = waiting.oldest_due(standing.read_at).as_secs_f64();
        truth.add("reconnectd_outbox_oldest_age_seconds", &[channel], age);
        let since = waiting.due_since(standing.read_at);
        truth.add_instant("reconnectd_outbox_oldest_due_timestamp_seconds", &[channel], since);
    }
    for state in &standing.channels {
        truth.expect_channel(state.channel.as_str());
        for (trouble, since) in [
            (ChannelTrouble::Failing, state.failing_since),
            (ChannelTrouble::Stopped, state.stopped_at),
            (ChannelTrouble::Disabled, state.disabled_at),
        ] {
            let so = f64::from(u8::from(since.is_some()));
            truth.add("reconnectd_channel_state", &[state.channel.as_str(), trouble.code()], so);
        }
    }
}
