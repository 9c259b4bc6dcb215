//! What becomes of a claimed occurrence: the run it came to, its end, or that it was given back.
//!
//! Everything is fenced by the claim's lease. A crash between the end of a run and its settlement leaves the run's id on
//! the row, by which the next claim finds that nothing is left to do.

use super::Claims;
use crate::domain::{OccurrenceState, RunId};
use crate::store::{ClaimedOccurrence, StoreError};
use crate::telemetry::events;

/// Why a `running` row belongs to nobody although no process died.
pub(super) const GIVEN_BACK: &str = "given back by a process that was asked to stop";

impl Claims {
    /// Remembers under which run a claimed occurrence is being done.
    pub async fn begun(&self, claimed: &ClaimedOccurrence, run: &RunId) -> Result<(), StoreError> {
        let mut work = self.store.begin().await?;
        work.occurrence_begun(claimed, run, self.ttl).await?;
        work.commit().await
    }

    /// The run that did a claimed occurrence to its end, where its process died before it could say so.
    pub async fn done_before(&self, claimed: &ClaimedOccurrence) -> Result<Option<RunId>, StoreError> {
        let mut work = self.store.begin_read().await?;
        let row = work.occurrence(claimed.job, claimed.scheduled_at).await?;
        let Some(run) = row.and_then(|row| row.run) else { return Ok(None) };
        let done = work.came_to_a_good_end(claimed.job, &run).await?;
        work.roll_back();
        Ok(done.then_some(run))
    }

    /// Says how a claimed occurrence ended and gives the job's lease back, or fails with [`StoreError::LeaseLost`].
    pub async fn settle(
        &self,
        claimed: &ClaimedOccurrence,
        state: OccurrenceState,
        run: Option<&RunId>,
        detail: Option<&str>,
    ) -> Result<(), StoreError> {
        let mut work = self.store.begin().await?;
        work.settle_occurrence(claimed, state, run, detail, self.clock.now()).await?;
        work.commit().await
    }

    /// Gives a claimed occurrence back undone, still `running`, so that whoever looks next goes on with it at once:
    /// what a process that stops does.
    pub async fn give_back(&self, claimed: &ClaimedOccurrence) -> Result<(), StoreError> {
        let mut work = self.store.begin().await?;
        work.give_occurrence_back(claimed, GIVEN_BACK).await?;
        work.commit().await
    }
}

/// An occurrence was taken on that somebody had taken on before.
pub(super) fn log_again(claimed: &ClaimedOccurrence, given_back: bool) {
    let (job, at) = (claimed.job.code(), claimed.scheduled_at.to_rfc3339());
    if given_back {
        tracing::info!(
            event = events::SCHEDULE_RESUMED, job, scheduled_at = %at, attempt = claimed.attempt,
            "A process that was asked to stop gave this occurrence back; it is gone on with."
        );
    } else {
        tracing::warn!(
            event = events::SCHEDULE_TAKEN_OVER, job, scheduled_at = %at, attempt = claimed.attempt,
            "The process that did this occurrence died over it; it is done again."
        );
    }
}
