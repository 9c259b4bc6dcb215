//! Old rows are dropped: what nothing needs any more, a batch at a time, each its own transaction.
//!
//! History is what the report counts and `explain` shows; it is kept for `[retention] history`. Operational rows (the
//! single tries of deliveries, events for the operator, the occurrences of jobs) are kept for `operational`. What is
//! open, pending, held or running stays whatever its age. A figure of a report does not change because of it: a report
//! whose period would need what is gone is refused instead.
//!
//! Interruptible between two batches; a crash or a stop leaves whole batches dropped, and the next time goes on. That
//! history begins later is written down before the first of it goes.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use crate::domain::{JobName, RunId, Timestamp, causes, scrub};
use crate::ports::Clock;
use crate::store::{Expired, JobEnd, Store, StoreError};
use crate::telemetry::events;
use crate::telemetry::pulse::moved;

/// `[retention]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionSettings {
    /// How long history is kept.
    pub history: Duration,
    /// How long operational rows are kept.
    pub operational: Duration,
}

/// What was dropped, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RetentionDone {
    /// How many rows, by [`Expired::code`]; 0 of what nothing was old.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Told to stop before its end.
    pub stopped: bool,
}

/// Everything retention needs.
pub struct RetentionJob<'a> {
    /// The state database.
    pub store: &'a Store,
    /// What time it is.
    pub clock: &'a dyn Clock,
    /// What is old.
    pub settings: RetentionSettings,
    /// What it is logged and remembered under.
    pub run: &'a RunId,
}

impl RetentionJob<'_> {
    /// Drops what is old, and remembers how that went in `jobs`. What is old is settled once, at the beginning.
    pub async fn run(&self, stop: &CancellationToken) -> Result<RetentionDone, StoreError> {
        let started_at = self.clock.now();
        let mut work = self.store.begin().await?;
        work.job_started(JobName::Retention, self.run, started_at).await?;
        work.commit().await?;
        let done = self.drop_all(started_at, stop).await;
        let now = self.clock.now();
        let duration = (now - started_at).to_std().unwrap_or_default();
        let detail = done.as_ref().err().map(|error| scrub(&causes(error), 500));
        let end = match (&done, &detail) {
            (Ok(done), _) if done.stopped => return Ok(done.clone()),
            (_, Some(detail)) => JobEnd::Failed(detail),
            _ => JobEnd::Succeeded,
        };
        if let Some(error) = &detail {
            tracing::error!(event = events::RETENTION_FAILED, error, "Old rows could not be dropped.");
        }
        let noted = async {
            let mut work = self.store.begin().await?;
            work.job_ended(JobName::Retention, self.run, end, duration, now).await?;
            work.commit().await
        };
        let noted = noted.await;
        done.and_then(|done| noted.map(|()| done))
    }

    /// Counts what [`RetentionJob::run`] would drop. What only becomes free by dropping something else is not in it:
    /// notifications and storms whose last incident would go, users likewise.
    pub async fn rehearse(&self) -> Result<RetentionDone, StoreError> {
        let now = self.clock.now();
        let mut work = self.store.begin_snapshot().await?;
        let mut done = RetentionDone::default();
        for (kind, code) in Expired::CODES {
            done.dropped.insert(code, work.count_expired(kind, self.old(kind, now)).await?);
        }
        Ok(done)
    }

    fn old(&self, kind: Expired, now: Timestamp) -> Timestamp {
        let keep = if kind.is_history() { self.settings.history } else { self.settings.operational };
        now - TimeDelta::from_std(keep).unwrap_or(TimeDelta::days(36_500))
    }

    async fn drop_all(&self, now: Timestamp, stop: &CancellationToken) -> Result<RetentionDone, StoreError> {
        let mut done = RetentionDone::default();
        for (kind, code) in Expired::CODES {
            let before = self.old(kind, now);
            let mut after: Option<String> = None;
            let mut dropped = 0;
            loop {
                if stop.is_cancelled() {
                    done.stopped = true;
                    break;
                }
                let mut work = self.store.begin().await?;
                if kind.is_history() {
                    work.forget_history_before(before).await?;
                }
                let batch = work.drop_expired(kind, before, after.as_deref()).await?;
                work.commit().await?;
                moved();
                dropped += batch.rows;
                match batch.next {
                    None => break,
                    next => after = next,
                }
                tracing::debug!(
                    event = events::RETENTION_PROGRESS,
                    rows = code,
                    rows_dropped = dropped,
                    "Old rows are being dropped."
                );
            }
            done.dropped.insert(code, dropped);
            if done.stopped {
                break;
            }
        }
        log(&done);
        Ok(done)
    }
}

fn log(done: &RetentionDone) {
    tracing::info!(
        event = events::RETENTION_FINISHED,
        stopped = done.stopped,
        rows_dropped = done.dropped.values().sum::<u64>(),
        dropped = serde_json::json!(done.dropped).to_string(),
        "What nothing needs any more was dropped."
    );
}
