//! Taking occurrences on, keeping and settling them: the decision of `slots.rs` carried out on the state database.
//!
//! A claim is one transaction: the job's lease, the occurrence's row, and the end of what dead processes left behind.
//! Everything written later is fenced by the lease. A crash between two calls leaves what the next look goes on from.

use std::sync::Arc;
use std::time::Duration;

use super::settling::{GIVEN_BACK, log_again};
use super::slots::{Look, Past, look};
use super::timetable::{JobSchedule, Timetable};
use crate::domain::{JobName, OccurrenceState, Timestamp, from_millis, millis};
use crate::ports::Clock;
use crate::store::{ClaimedOccurrence, LeaseHeld, OccurrenceClaim, OccurrenceRow, Store, StoreError, Work};
use crate::telemetry::events;

/// How often a claim is renewed within its life.
const RENEWALS_PER_LEASE: u32 = 3;

/// Rows that are read of each kind: the newest, the running, those yet to come.
const MOST_ROWS: u32 = 100;

/// Each look settles something; a job has no more to settle than what was passed over, what died, and a lost race.
const MOST_LOOKS: u32 = 8;

const META_SEED: &str = "schedule_seed";

/// Takes occurrences on for one process.
#[derive(Clone)]
pub struct Claims {
    /// Where occurrences are.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// How this process names itself to others; different in each.
    pub holder: String,
    /// A claim lapses this long after its last renewal, by the database's clock.
    pub ttl: Duration,
}

/// What a process does about a job now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// This occurrence is ours: to be done, kept meanwhile ([`Claims::keep`]) and settled.
    Ours {
        /// The claim.
        claimed: ClaimedOccurrence,
        /// Whether it begins well after its time.
        late: bool,
    },
    /// This instant has come, and somebody does the job just now: look again when their lease lapses or sooner.
    Busy {
        /// Which.
        instant: Timestamp,
        /// Who holds the job; this process too, if it does it already (then [`Claims::leave_out`]).
        held: LeaseHeld,
    },
    /// Nothing before `wake_at`; `instant` is the next one.
    Wait {
        /// The next one.
        instant: Timestamp,
        /// When to look again.
        wake_at: Timestamp,
    },
    /// It never comes again.
    Never,
}

impl Claims {
    /// Begins to follow a timetable, at start and after a reload, and returns the installation's seed for
    /// [`JobSchedule::wake_at`]. Where a job's schedule is not the one followed before, nothing before now was missed by
    /// it. `fresh_seed` is taken where there is none yet.
    pub async fn begin(&self, timetable: &Timetable, fresh_seed: &str) -> Result<String, StoreError> {
        let mut work = self.store.begin().await?;
        work.set_meta_once(META_SEED, fresh_seed).await?;
        let seed = work.meta(META_SEED).await?.unwrap_or_else(|| fresh_seed.to_owned());
        for (job, ..) in JobName::CODES {
            let written = timetable.of(job).map_or_else(|| "off".to_owned(), identity);
            let known = since(&mut work, job).await?;
            if known.is_none_or(|(_, known)| known != written) {
                write_since(&mut work, job, self.clock.now(), &written).await?;
            }
        }
        work.commit().await?;
        Ok(seed)
    }

    /// Looks at a job and takes on what is due. What came too long ago, and what dead processes left, is settled on the
    /// way.
    pub async fn take(&self, schedule: &JobSchedule, catch_up: Duration, seed: &str) -> Result<Turn, StoreError> {
        for _ in 0..MOST_LOOKS {
            let now = self.clock.now();
            let past = self.past(schedule, now).await?;
            match look(schedule, catch_up, now, &past, seed) {
                Look::Due { instant, late, passed_over } => {
                    match self.claim(schedule.job, instant, now).await? {
                        OccurrenceClaim::Claimed(claimed) => {
                            log_passed_over(schedule.job, instant, passed_over);
                            return Ok(Turn::Ours { claimed, late });
                        }
                        OccurrenceClaim::Held(held) => return Ok(Turn::Busy { instant, held }),
                        OccurrenceClaim::Settled(_) => {} // Another replica was faster.
                    }
                }
                Look::PassedOver { instant, count } => self.pass_over(schedule.job, instant, count, now).await?,
                Look::Abandoned { instant } => {
                    if let Some(held) = self.give_up(schedule.job, now).await? {
                        return Ok(Turn::Busy { instant, held });
                    }
                }
                Look::Wait { instant, wake_at } => return Ok(Turn::Wait { instant, wake_at }),
                Look::Never => return Ok(Turn::Never),
            }
        }
        // Only replicas that settle everything before us bring us here; whoever is that busy needs no help now.
        let now = self.clock.now();
        Ok(schedule.next_after(now).map_or(Turn::Never, |instant| Turn::Wait { instant, wake_at: instant }))
    }

    /// What is known of a job, for [`look`] and for people.
    pub async fn past(&self, schedule: &JobSchedule, now: Timestamp) -> Result<Past, StoreError> {
        let job = schedule.job;
        let mut work = self.store.begin_read().await?;
        let mut rows = work.occurrences(job, now, 1).await?;
        rows.extend(work.running_occurrences(job, MOST_ROWS).await?);
        rows.extend(work.occurrences_after(job, now, MOST_ROWS).await?);
        let held = work.lease_holder(job.lease()).await?;
        let followed = since(&mut work, job).await?;
        work.roll_back();
        let since = match followed {
            Some((at, _)) if at <= now => at,
            // The clock was ahead when this was written: time begins now.
            _ => {
                let mut work = self.store.begin().await?;
                write_since(&mut work, job, now, &identity(schedule)).await?;
                work.commit().await?;
                now
            }
        };
        Ok(Past { rows, since, held_for: held.map(|held| held.remaining) })
    }

    /// Takes one occurrence on, unless it is settled, a newer one is, or somebody does the job just now.
    pub async fn claim(&self, job: JobName, at: Timestamp, now: Timestamp) -> Result<OccurrenceClaim, StoreError> {
        let mut work = self.store.begin().await?;
        let claim = work.claim_occurrence(job, at, &self.holder, self.ttl, now).await?;
        let OccurrenceClaim::Claimed(claimed) = &claim else {
            work.commit().await?;
            return Ok(claim);
        };
        let newer = |row: &OccurrenceRow| row.scheduled_at > at && row.state != OccurrenceState::Skipped;
        if let Some(newer) = work.occurrences(job, now, 1).await?.into_iter().find(newer) {
            work.roll_back();
            return Ok(OccurrenceClaim::Settled(newer.state));
        }
        let detail = "its process died; a newer one takes its place";
        work.give_up_occurrences(job, Some(at), detail, now).await?;
        if claimed.attempt > 1 {
            let before = work.occurrence(job, at).await?;
            log_again(claimed, before.and_then(|row| row.detail).as_deref() == Some(GIVEN_BACK));
        }
        work.commit().await?;
        Ok(claim)
    }

    /// Renews a claim for as long as it is polled; returns why it is ours no more.
    pub async fn keep(&self, claimed: &ClaimedOccurrence) -> StoreError {
        let mut renewed_at = tokio::time::Instant::now();
        loop {
            tokio::time::sleep(self.ttl / RENEWALS_PER_LEASE).await;
            match self.renew(claimed).await {
                Ok(()) => renewed_at = tokio::time::Instant::now(),
                Err(StoreError::Transient(_)) if renewed_at.elapsed() < self.ttl => {}
                // It has lapsed, whatever kept us from renewing it.
                Err(StoreError::Transient(_)) => return StoreError::LeaseLost,
                Err(other) => return other,
            }
        }
    }

    async fn renew(&self, claimed: &ClaimedOccurrence) -> Result<(), StoreError> {
        let mut work = self.store.begin().await?;
        work.renew_lease(&claimed.lease, self.ttl).await?;
        work.commit().await
    }

    /// For a job that this process does just now, for `running`: leaves out what came meanwhile, and returns when to
    /// look again. It is not made up for.
    pub async fn leave_out(&self, schedule: &JobSchedule, running: Timestamp, seed: &str) -> Result<Turn, StoreError> {
        for _ in 0..MOST_LOOKS {
            let now = self.clock.now();
            // Ours, and alive: neither its age nor the lease's rest matters.
            let past = Past { held_for: Some(Duration::MAX), ..self.past(schedule, now).await? };
            match look(schedule, Duration::MAX, now, &past, seed) {
                Look::Due { instant, passed_over, .. } => {
                    self.skip(schedule.job, instant, running, passed_over, now).await?;
                    log_passed_over(schedule.job, instant, passed_over);
                }
                Look::Wait { instant, wake_at } => return Ok(Turn::Wait { instant, wake_at }),
                Look::PassedOver { .. } | Look::Abandoned { .. } | Look::Never => return Ok(Turn::Never),
            }
        }
        let now = self.clock.now();
        Ok(schedule.next_after(now).map_or(Turn::Never, |instant| Turn::Wait { instant, wake_at: instant }))
    }

    async fn skip(
        &self,
        job: JobName,
        at: Timestamp,
        running: Timestamp,
        passed_over: u64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let others = if passed_over > 0 { format!("; {passed_over} before it passed over") } else { String::new() };
        let detail = format!("the one of {} was still running{others}", running.to_rfc3339());
        let mut work = self.store.begin().await?;
        work.skip_occurrence(job, at, &self.holder, &detail, now).await?;
        work.commit().await?;
        tracing::warn!(
            event = events::SCHEDULE_SKIPPED, job = job.code(), scheduled_at = %at.to_rfc3339(),
            earlier_at = %running.to_rfc3339(),
            "This occurrence is left out: the job is still at work on an earlier one."
        );
        Ok(())
    }

    async fn pass_over(&self, job: JobName, at: Timestamp, count: u64, now: Timestamp) -> Result<(), StoreError> {
        let detail = format!("missed by more than catch_up; {count} passed over with it");
        let mut work = self.store.begin().await?;
        work.skip_occurrence(job, at, &self.holder, &detail, now).await?;
        work.commit().await?;
        log_passed_over(job, at, count);
        Ok(())
    }

    /// Gives up what dead processes left of a job, unless somebody does it just now.
    async fn give_up(&self, job: JobName, now: Timestamp) -> Result<Option<LeaseHeld>, StoreError> {
        let mut work = self.store.begin().await?;
        let lease = match work.take_lease(job.lease(), &self.holder, self.ttl).await? {
            Ok(lease) => lease,
            Err(held) => return Ok(Some(held)),
        };
        let detail = "its process died, and it is older than catch_up";
        let count = work.give_up_occurrences(job, None, detail, now).await?;
        work.release_lease(&lease).await?;
        work.commit().await?;
        tracing::warn!(
            event = events::SCHEDULE_GIVEN_UP,
            job = job.code(),
            occurrences = count,
            "The process that did this job died over it too long ago to do it again; the next one comes in its time."
        );
        Ok(None)
    }
}

/// A schedule as it is remembered: whether it is still the same one decides what counts as missed.
fn identity(schedule: &JobSchedule) -> String {
    format!("{} {}", schedule.timezone.name(), schedule.expression)
}

fn meta_since(job: JobName) -> String {
    format!("schedule_since.{}", job.code())
}

/// Since when which schedule is followed.
async fn since(work: &mut Work, job: JobName) -> Result<Option<(Timestamp, String)>, StoreError> {
    let Some(text) = work.meta(&meta_since(job)).await? else { return Ok(None) };
    let parsed = text.split_once(' ').and_then(|(at, written)| Some((at.parse().ok()?, written)));
    let (at, written) = parsed.ok_or_else(|| StoreError::Unreadable(format!("meta {}", meta_since(job))))?;
    Ok(Some((from_millis(at), written.to_owned())))
}

async fn write_since(work: &mut Work, job: JobName, at: Timestamp, written: &str) -> Result<(), StoreError> {
    work.set_meta(&meta_since(job), &format!("{} {written}", millis(at))).await
}

fn log_passed_over(job: JobName, at: Timestamp, count: u64) {
    if count > 0 {
        tracing::warn!(
            event = events::SCHEDULE_PASSED_OVER, job = job.code(), scheduled_at = %at.to_rfc3339(), occurrences = count,
            "Occurrences came while nobody was there to do them, or to leave them out; they are not made up for."
        );
    }
}
