//! Runs and their checkpoints.
//!
//! A run's row moves in the same transaction as the observations it counts, so after a crash the cursor,
//! the counters and the recorded users agree.

use super::{Row, StoreError, Work, sql};
use crate::domain::{Cursor, RunCounters, RunId, Timestamp};

/// A run as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Its id.
    pub id: RunId,
    /// `running`, `finished`, `failed` or `abandoned`.
    pub state: String,
    /// When its first process started.
    pub started_at: Timestamp,
    /// When it last recorded something.
    pub updated_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Whether it only takes stock of what is already broken.
    pub baseline: bool,
    /// Whether the directory was read to its end.
    pub scan_done: bool,
    /// Where the next page starts.
    pub cursor: Option<Cursor>,
    /// The run whose checkpoint it went on from.
    pub resumed_from: Option<RunId>,
    /// Which process runs it.
    pub holder: String,
    /// What it counted so far.
    pub counters: RunCounters,
    /// Why it failed, in words.
    pub detail: Option<String>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// To its end, complete or not.
    Finished,
    /// It had to stop.
    Failed,
    /// Its process died; another went on from its checkpoint, or it was too old to go on from.
    Abandoned,
}

impl RunEnd {
    fn code(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }
}

impl Work {
    /// Adds a new run.
    pub async fn insert_run(&mut self, run: &RunRow) -> Result<(), StoreError> {
        let insert =
            sql("INSERT INTO runs (run_id, state, started_at, updated_at, baseline, scan_done, cursor, resumed_from, \
             holder, counters) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
            .bind(run.id.as_str())
            .bind(run.state.as_str())
            .bind(run.started_at)
            .bind(run.updated_at)
            .bind(run.baseline)
            .bind(run.scan_done)
            .bind(run.cursor.as_ref().map(|cursor| cursor.0.as_str()))
            .bind(run.resumed_from.as_ref().map(RunId::as_str))
            .bind(run.holder.as_str())
            .bind(counters_text(&run.counters)?);
        self.session.execute(insert).await?;
        Ok(())
    }

    /// Moves a run's checkpoint.
    pub async fn checkpoint_run(
        &mut self,
        id: &RunId,
        cursor: Option<&Cursor>,
        scan_done: bool,
        counters: &RunCounters,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let update =
            sql("UPDATE runs SET cursor = $2, scan_done = $3, counters = $4, updated_at = $5 WHERE run_id = $1")
                .bind(id.as_str())
                .bind(cursor.map(|cursor| cursor.0.as_str()))
                .bind(scan_done)
                .bind(counters_text(counters)?)
                .bind(now);
        self.session.execute(update).await?;
        Ok(())
    }

    /// Ends a run that is still running. `detail` says why it failed.
    pub async fn end_run(
        &mut self,
        id: &RunId,
        end: RunEnd,
        counters: &RunCounters,
        detail: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let update = sql("UPDATE runs SET state = $2, counters = $3, detail = $4, finished_at = $5 \
             WHERE run_id = $1 AND state = 'running'")
        .bind(id.as_str())
        .bind(end.code())
        .bind(counters_text(counters)?)
        .bind(detail)
        .bind(now);
        self.session.execute(update).await?;
        Ok(())
    }

    /// Runs that claim to be running, newest first. Whoever holds the run lease knows that they are dead.
    pub async fn unfinished_runs(&mut self) -> Result<Vec<RunRow>, StoreError> {
        let select = sql("SELECT * FROM runs WHERE state = 'running' ORDER BY started_at DESC, run_id DESC");
        self.session.fetch(select).await?.iter().map(run_row).collect()
    }

    /// Whether any run ever went to its end.
    pub async fn has_finished_run(&mut self) -> Result<bool, StoreError> {
        let select = sql("SELECT run_id FROM runs WHERE state = 'finished' LIMIT 1");
        Ok(!self.session.fetch(select).await?.is_empty())
    }

    /// When the newest run that read the whole directory began; none if there was none.
    pub async fn last_whole_scan(&mut self) -> Result<Option<Timestamp>, StoreError> {
        let rows = self.session.fetch(sql("SELECT max(started_at) AS at FROM runs WHERE scan_done = 1")).await?;
        rows.first().map_or(Ok(None), |row| row.opt_instant("at"))
    }

    /// The newest runs.
    pub async fn latest_runs(&mut self, limit: u32) -> Result<Vec<RunRow>, StoreError> {
        let select = sql("SELECT * FROM runs ORDER BY started_at DESC, run_id DESC LIMIT $1").bind(limit);
        self.session.fetch(select).await?.iter().map(run_row).collect()
    }
}

fn counters_text(counters: &RunCounters) -> Result<String, StoreError> {
    serde_json::to_string(counters).map_err(|error| StoreError::Unreadable(error.to_string()))
}

pub(super) fn run_row(row: &Row) -> Result<RunRow, StoreError> {
    Ok(RunRow {
        id: RunId::new(row.text("run_id")?),
        state: row.text("state")?,
        started_at: row.instant("started_at")?,
        updated_at: row.instant("updated_at")?,
        finished_at: row.opt_instant("finished_at")?,
        baseline: row.flag("baseline")?,
        scan_done: row.flag("scan_done")?,
        cursor: row.opt_text("cursor")?.map(Cursor),
        resumed_from: row.opt_text("resumed_from")?.map(RunId::new),
        holder: row.text("holder")?,
        counters: counted(row)?,
        detail: row.opt_text("detail")?,
    })
}

/// What a run had counted.
pub(super) fn counted(row: &Row) -> Result<RunCounters, StoreError> {
    serde_json::from_str(&row.text("counters")?)
        .map_err(|error| StoreError::Unreadable(format!("runs.counters: {error}")))
}
