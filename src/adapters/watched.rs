//! A directory that is watched: how its calls fare goes into what `/readyz` and the metrics show.

use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::{Contact, Cursor, Timestamp, UserId, UserPage, causes};
use crate::ports::{Clock, Directory, DirectoryError};
use crate::telemetry::Metrics;
use crate::telemetry::health::Dependency;

/// Another directory, and where its health is noted.
pub struct WatchedDirectory<D> {
    inner: D,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
}

/// Notes how one use of a directory, connecting included, came out.
pub fn note<T>(outcome: &Result<T, DirectoryError>, metrics: &Metrics, now: Timestamp) {
    match outcome {
        Ok(_) => metrics.health().works(Dependency::Directory, now),
        Err(error) => metrics.health().fails(Dependency::Directory, &causes(error), now),
    }
}

impl<D: Directory> WatchedDirectory<D> {
    /// Watches `inner`.
    pub fn new(inner: D, metrics: Arc<Metrics>, clock: Arc<dyn Clock>) -> Self {
        Self { inner, metrics, clock }
    }

    fn noted<T>(&self, outcome: Result<T, DirectoryError>) -> Result<T, DirectoryError> {
        note(&outcome, &self.metrics, self.clock.now());
        outcome
    }
}

#[async_trait]
impl<D: Directory> Directory for WatchedDirectory<D> {
    async fn page(&self, after: Option<&Cursor>) -> Result<UserPage, DirectoryError> {
        self.noted(self.inner.page(after).await)
    }

    async fn contact(&self, user: &UserId) -> Result<Option<Contact>, DirectoryError> {
        match self.inner.contact(user).await {
            // One row that cannot be read says nothing of the others.
            Err(error @ DirectoryError::Misconfigured { .. }) => Err(error),
            outcome => self.noted(outcome),
        }
    }

    async fn count(&self) -> Result<u64, DirectoryError> {
        self.noted(self.inner.count().await)
    }

    async fn count_blank(&self) -> Result<u64, DirectoryError> {
        self.noted(self.inner.count_blank().await)
    }
}
