//! How each job last went, whoever started it: the daemon, a timer, a Kubernetes job, a person.
//!
//! One row per job, overwritten; what `status` shows and the metrics `reconnectd_job_*` are read from. A crash leaves a
//! job whose start is younger than its end.

use std::time::Duration;

use super::{Row, StoreError, Work, sql};
use crate::domain::{JobName, RunId, Timestamp};

/// How a job last went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRow {
    /// Which.
    pub job: JobName,
    /// When it last began.
    pub started_at: Option<Timestamp>,
    /// When it last came to a good end.
    pub succeeded_at: Option<Timestamp>,
    /// When it last failed.
    pub failed_at: Option<Timestamp>,
    /// Failures since the last good end.
    pub failures: u64,
    /// How long the last one that ended took.
    pub duration: Option<Duration>,
    /// Why the last one failed, scrubbed; none after a good end.
    pub error: Option<String>,
    /// The run of the last start.
    pub run: Option<RunId>,
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobEnd<'a> {
    /// It did what it is for.
    Succeeded,
    /// It did not, for this scrubbed reason.
    Failed(&'a str),
}

impl Work {
    /// Remembers that a job began.
    pub async fn job_started(&mut self, job: JobName, run: &RunId, now: Timestamp) -> Result<(), StoreError> {
        let upsert = sql("INSERT INTO jobs (job, started_at, failures, run_id) VALUES ($1, $2, 0, $3) \
             ON CONFLICT (job) DO UPDATE SET started_at = excluded.started_at, run_id = excluded.run_id");
        self.session.execute(upsert.bind(job.code()).bind(now).bind(run.as_str())).await?;
        Ok(())
    }

    /// Remembers how a job ended.
    pub async fn job_ended(
        &mut self,
        job: JobName,
        run: &RunId,
        end: JobEnd<'_>,
        duration: Duration,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let duration = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        match end {
            JobEnd::Succeeded => {
                let upsert = sql("INSERT INTO jobs (job, run_id, succeeded_at, duration_ms, failures) \
                     VALUES ($1, $2, $3, $4, 0) ON CONFLICT (job) DO UPDATE SET run_id = excluded.run_id, \
                     succeeded_at = excluded.succeeded_at, duration_ms = excluded.duration_ms, failures = 0, error = NULL");
                let upsert = upsert.bind(job.code()).bind(run.as_str()).bind(now).bind(duration);
                self.session.execute(upsert).await?;
            }
            JobEnd::Failed(error) => {
                let upsert = sql("INSERT INTO jobs (job, run_id, failed_at, duration_ms, error, failures) \
                     VALUES ($1, $2, $3, $4, $5, 1) ON CONFLICT (job) DO UPDATE SET run_id = excluded.run_id, \
                     failed_at = excluded.failed_at, duration_ms = excluded.duration_ms, error = excluded.error, \
                     failures = jobs.failures + 1");
                let upsert = upsert.bind(job.code()).bind(run.as_str()).bind(now).bind(duration).bind(error);
                self.session.execute(upsert).await?;
            }
        }
        Ok(())
    }

    /// How each job that ever began last went.
    pub async fn jobs(&mut self) -> Result<Vec<JobRow>, StoreError> {
        self.session.fetch(sql("SELECT * FROM jobs ORDER BY job")).await?.iter().map(job_row).collect()
    }
}

fn job_row(row: &Row) -> Result<JobRow, StoreError> {
    let code = row.text("job")?;
    let duration = row.opt_int("duration_ms")?;
    Ok(JobRow {
        job: JobName::from_code(&code).ok_or_else(|| StoreError::Unreadable(format!("the job {code} is not known")))?,
        started_at: row.opt_instant("started_at")?,
        succeeded_at: row.opt_instant("succeeded_at")?,
        failed_at: row.opt_instant("failed_at")?,
        failures: u64::try_from(row.int("failures")?).unwrap_or(0),
        duration: duration.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0))),
        error: row.opt_text("error")?,
        run: row.opt_text("run_id")?.map(RunId::new),
    })
}
