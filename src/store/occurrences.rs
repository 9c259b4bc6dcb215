//! Occurrences: the instants at which jobs were due, each taken on once.
//!
//! Whoever takes an occurrence on holds the job's lease, so that no job overlaps itself in any number of processes, and a
//! row that is still `running` when the lease can be taken belongs to a process that died. Settling is fenced by the
//! lease: who lost it writes nothing. A crash leaves a running row and a lease that lapses.

use std::time::Duration;

use super::runs::counted;
use super::{Lease, LeaseHeld, Row, StoreError, Work, sql};
use crate::domain::{JobName, OccurrenceState, RunId, Timestamp, millis};

/// An occurrence as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OccurrenceRow {
    /// What was due.
    pub job: JobName,
    /// When it was due.
    pub scheduled_at: Timestamp,
    /// How far it came.
    pub state: OccurrenceState,
    /// Who took it on, as they named themselves.
    pub holder: String,
    /// How often it was taken on.
    pub attempts: u32,
    /// When it was last taken on.
    pub claimed_at: Timestamp,
    /// When it was settled.
    pub finished_at: Option<Timestamp>,
    /// The run it came to, where it came to one.
    pub run: Option<RunId>,
    /// Why it was skipped or given up; scrubbed.
    pub detail: Option<String>,
}

/// An occurrence that is ours to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimedOccurrence {
    /// What is due.
    pub job: JobName,
    /// When it was due.
    pub scheduled_at: Timestamp,
    /// Fences what is written; to be renewed within its life.
    pub lease: Lease,
    /// 1, or more where those before died over it.
    pub attempt: u32,
}

/// What came of asking for an occurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OccurrenceClaim {
    /// Ours.
    Claimed(ClaimedOccurrence),
    /// Somebody settled it before.
    Settled(OccurrenceState),
    /// Somebody does this job just now, for this instant or another.
    Held(LeaseHeld),
}

impl Work {
    /// Takes an occurrence on for `ttl`, unless it is settled or somebody does this job just now.
    pub async fn claim_occurrence(
        &mut self,
        job: JobName,
        at: Timestamp,
        holder: &str,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<OccurrenceClaim, StoreError> {
        let lease = match self.take_lease(job.lease(), holder, ttl).await? {
            Ok(lease) => lease,
            Err(held) => return Ok(OccurrenceClaim::Held(held)),
        };
        // With the lease in hand, a row that still says `running` is a dead process's.
        let claim = sql("INSERT INTO occurrences (job, scheduled_at, state, holder, attempts, claimed_at) \
             VALUES ($1, $2, 'running', $3, 1, $4) ON CONFLICT (job, scheduled_at) DO UPDATE SET \
             holder = excluded.holder, attempts = occurrences.attempts + 1, claimed_at = excluded.claimed_at \
             WHERE occurrences.state = 'running' RETURNING attempts");
        let rows = self.session.fetch(claim.bind(job.code()).bind(at).bind(holder).bind(now)).await?;
        if let Some(row) = rows.first() {
            let attempt = u32::try_from(row.int("attempts")?).unwrap_or(u32::MAX);
            return Ok(OccurrenceClaim::Claimed(ClaimedOccurrence { job, scheduled_at: at, lease, attempt }));
        }
        self.release_lease(&lease).await?;
        let select = sql("SELECT * FROM occurrences WHERE job = $1 AND scheduled_at = $2");
        let rows = self.session.fetch(select.bind(job.code()).bind(at)).await?;
        let row = rows.first().ok_or_else(|| StoreError::Unreadable("an occurrence vanished".into()))?;
        Ok(OccurrenceClaim::Settled(occurrence_row(row)?.state))
    }

    /// Remembers the run that a claimed occurrence came to, or fails with [`StoreError::LeaseLost`].
    pub async fn occurrence_begun(
        &mut self,
        claimed: &ClaimedOccurrence,
        run: &RunId,
        ttl: Duration,
    ) -> Result<(), StoreError> {
        self.renew_lease(&claimed.lease, ttl).await?;
        let update = sql("UPDATE occurrences SET run_id = $3, detail = NULL WHERE job = $1 AND scheduled_at = $2");
        let update = update.bind(claimed.job.code()).bind(claimed.scheduled_at).bind(run.as_str());
        self.session.execute(update).await?;
        Ok(())
    }

    /// Gives a claimed occurrence back undone, for this reason, or fails with [`StoreError::LeaseLost`].
    pub async fn give_occurrence_back(&mut self, claimed: &ClaimedOccurrence, detail: &str) -> Result<(), StoreError> {
        self.renew_lease(&claimed.lease, Duration::ZERO).await?; // The fence; and the lease is free from here on.
        let update = sql("UPDATE occurrences SET detail = $3 WHERE job = $1 AND scheduled_at = $2");
        self.session.execute(update.bind(claimed.job.code()).bind(claimed.scheduled_at).bind(detail)).await?;
        Ok(())
    }

    /// Whether a run of a job came to a good end, as far as that is still known. An audit that ended having learned of nobody
    /// did not: it is tried again.
    pub async fn came_to_a_good_end(&mut self, job: JobName, run: &RunId) -> Result<bool, StoreError> {
        let select = sql("SELECT counters FROM runs WHERE run_id = $1 AND state = 'finished'");
        let runs = self.session.fetch(select.bind(run.as_str())).await?;
        if let Some(finished) = runs.first() {
            return Ok(!counted(finished)?.saw_nobody());
        }
        let select = sql("SELECT count(*) AS ended FROM jobs WHERE job = $2 AND run_id = $1 AND error IS NULL \
             AND failures = 0 AND succeeded_at >= started_at");
        let rows = self.session.fetch(select.bind(run.as_str()).bind(job.code())).await?;
        Ok(rows.first().map(|row| row.int("ended")).transpose()?.unwrap_or(0) > 0)
    }

    /// One occurrence, where there is word of it.
    pub async fn occurrence(&mut self, job: JobName, at: Timestamp) -> Result<Option<OccurrenceRow>, StoreError> {
        let select = sql("SELECT * FROM occurrences WHERE job = $1 AND scheduled_at = $2");
        self.session.fetch(select.bind(job.code()).bind(at)).await?.first().map(occurrence_row).transpose()
    }

    /// Says how a claimed occurrence ended and gives the job's lease back, or fails with [`StoreError::LeaseLost`].
    pub async fn settle_occurrence(
        &mut self,
        claimed: &ClaimedOccurrence,
        state: OccurrenceState,
        run: Option<&RunId>,
        detail: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.renew_lease(&claimed.lease, Duration::ZERO).await?; // The fence; and the lease is free from here on.
        let update = sql("UPDATE occurrences SET state = $3, run_id = $4, detail = $5, finished_at = $6 \
             WHERE job = $1 AND scheduled_at = $2")
        .bind(claimed.job.code())
        .bind(claimed.scheduled_at)
        .bind(state.code())
        .bind(run.map(RunId::as_str))
        .bind(detail)
        .bind(now);
        self.session.execute(update).await?;
        Ok(())
    }

    /// Remembers that an occurrence was left out and why, unless there is word of it already.
    pub async fn skip_occurrence(
        &mut self,
        job: JobName,
        at: Timestamp,
        holder: &str,
        detail: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let insert =
            sql("INSERT INTO occurrences (job, scheduled_at, state, holder, attempts, claimed_at, finished_at, \
             detail) VALUES ($1, $2, 'skipped', $3, 0, $4, $5, $6) ON CONFLICT (job, scheduled_at) DO NOTHING");
        let insert = insert.bind(job.code()).bind(at).bind(holder).bind(now).bind(now).bind(detail);
        self.session.execute(insert).await?;
        Ok(())
    }

    /// The newest occurrences of a job that were due at `until` or before, newest first; of all states.
    pub async fn occurrences(
        &mut self,
        job: JobName,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<OccurrenceRow>, StoreError> {
        let select = sql("SELECT * FROM occurrences WHERE job = $1 AND scheduled_at <= $2 \
             ORDER BY scheduled_at DESC LIMIT $3");
        let rows = self.session.fetch(select.bind(job.code()).bind(until).bind(limit)).await?;
        rows.iter().map(occurrence_row).collect()
    }
}

impl Work {
    /// The next occurrences of a job that are due after `after`, oldest first; there are some where the clock ran ahead.
    pub async fn occurrences_after(
        &mut self,
        job: JobName,
        after: Timestamp,
        limit: u32,
    ) -> Result<Vec<OccurrenceRow>, StoreError> {
        let select = sql("SELECT * FROM occurrences WHERE job = $1 AND scheduled_at > $2 \
             ORDER BY scheduled_at LIMIT $3");
        let rows = self.session.fetch(select.bind(job.code()).bind(after).bind(limit)).await?;
        rows.iter().map(occurrence_row).collect()
    }

    /// The newest occurrences of a job that are `running`: while its lease is free, those of processes that died.
    pub async fn running_occurrences(&mut self, job: JobName, limit: u32) -> Result<Vec<OccurrenceRow>, StoreError> {
        let select = sql("SELECT * FROM occurrences WHERE job = $1 AND state = 'running' \
             ORDER BY scheduled_at DESC LIMIT $2");
        let rows = self.session.fetch(select.bind(job.code()).bind(limit)).await?;
        rows.iter().map(occurrence_row).collect()
    }

    /// Gives up every occurrence of a job that says `running` except the one at `kept`, and returns how many. For the
    /// holder of the job's lease alone: to it they are dead processes'.
    pub async fn give_up_occurrences(
        &mut self,
        job: JobName,
        kept: Option<Timestamp>,
        detail: &str,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let kept = kept.map_or(i64::MIN, millis);
        let update = sql("UPDATE occurrences SET state = 'failed', detail = $3, finished_at = $4 \
             WHERE job = $1 AND state = 'running' AND scheduled_at <> $2");
        self.session.execute(update.bind(job.code()).bind(kept).bind(detail).bind(now)).await
    }
}

fn occurrence_row(row: &Row) -> Result<OccurrenceRow, StoreError> {
    let (job, state) = (row.text("job")?, row.text("state")?);
    let unknown = |what: &str, code: &str| StoreError::Unreadable(format!("{what} {code} is not known"));
    Ok(OccurrenceRow {
        job: JobName::from_code(&job).ok_or_else(|| unknown("the job", &job))?,
        scheduled_at: row.instant("scheduled_at")?,
        state: OccurrenceState::from_code(&state).ok_or_else(|| unknown("an occurrence's state", &state))?,
        holder: row.text("holder")?,
        attempts: u32::try_from(row.int("attempts")?).unwrap_or(u32::MAX),
        claimed_at: row.instant("claimed_at")?,
        finished_at: row.opt_instant("finished_at")?,
        run: row.opt_text("run_id")?.map(RunId::new),
        detail: row.opt_text("detail")?,
    })
}
