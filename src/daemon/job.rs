//! One job's loop: look, wait, take on, do, settle.
//!
//! Guarantees: an occurrence is done by one process, and not twice at once; what comes while the job is at work is left
//! out; a body that panics fails its occurrence and nothing else; a failure that may pass is tried again under the same
//! occurrence until the next one is due or `catch_up` has passed. Losing the claim ends the body before its next write.
//! Dropped at any moment it leaves what a crash leaves: a `running` row and a lease that lapses.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::board::Board;
use super::body::{Body, Failure};
use super::parts::Parts;
use crate::domain::{JobName, Timestamp};
use crate::ports::Alarm;
use crate::schedule::{Claims, JobSchedule, Timetable, Turn};
use crate::store::StoreError;
use crate::telemetry::events;

/// The schedule is looked at again this soon after the state database did not answer; each time twice as late.
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// And at the latest so long after.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// How often it is looked whether somebody else's claim has lapsed.
const LOOK_AT_OTHERS: Duration = Duration::from_secs(5);

/// What the loops of all jobs share.
#[derive(Clone)]
pub(super) struct Shared {
    pub parts: Arc<Parts>,
    pub claims: Claims,
    /// The installation's, for the jitter.
    pub seed: String,
    pub timetable: watch::Receiver<Arc<Timetable>>,
    pub alarm: Arc<dyn Alarm>,
    pub board: Arc<Board>,
    /// Nothing new is begun after this.
    pub stop: CancellationToken,
    /// Where what ends the process is said.
    pub fatal: mpsc::Sender<Failure>,
}

/// One job and its loop.
pub(super) struct Job {
    pub shared: Shared,
    pub body: Arc<dyn Body>,
}

impl Job {
    pub(super) fn name(&self) -> JobName {
        self.body.job()
    }

    /// Follows the timetable until it is asked to stop, or something happens that ends the process.
    pub(super) async fn follow(mut self) {
        let mut pause = FIRST_PAUSE;
        while !self.shared.stop.is_cancelled() {
            let timetable = Arc::clone(&self.shared.timetable.borrow_and_update());
            let Some(schedule) = timetable.of(self.name()).cloned() else {
                self.comes_next(None, None);
                self.wait(std::future::pending()).await;
                continue;
            };
            let taken = self.shared.claims.take(&schedule, timetable.catch_up, &self.shared.seed).await;
            let looked = match taken {
                Ok(turn) => self.turn(turn, &schedule, timetable.catch_up).await,
                Err(error) => Err(error),
            };
            match looked {
                Ok(()) => pause = FIRST_PAUSE,
                Err(error) if error.is_unusable() => return self.give_up(Failure::from(&error)).await,
                Err(error) => {
                    self.say_unknown(&error, pause == FIRST_PAUSE);
                    let clock = Arc::clone(&self.shared.claims.clock);
                    self.wait(clock.sleep(pause)).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    async fn turn(&mut self, turn: Turn, schedule: &JobSchedule, catch_up: Duration) -> Result<(), StoreError> {
        match turn {
            Turn::Ours { claimed, late } => {
                // A daemon that begins with what it missed has not waited yet, and is watched from the first moment.
                self.is_scheduled(schedule.next_after(self.now()), Some(schedule));
                self.carry_out(schedule, catch_up, claimed, late).await?;
            }
            Turn::Busy { .. } => {
                let clock = Arc::clone(&self.shared.claims.clock);
                self.wait(clock.sleep(LOOK_AT_OTHERS)).await;
            }
            Turn::Wait { wake_at, .. } => {
                self.comes_next(Some(wake_at), Some(schedule));
                let alarm = Arc::clone(&self.shared.alarm);
                self.wait(alarm.ring(wake_at)).await;
            }
            Turn::Never => {
                self.comes_next(None, None);
                self.wait(std::future::pending()).await;
            }
        }
        Ok(())
    }

    /// Says when the job comes next, to who looks at the status line and at the metrics.
    fn comes_next(&self, at: Option<Timestamp>, schedule: Option<&JobSchedule>) {
        self.shared.board.next(self.name(), at);
        self.is_scheduled(at, schedule);
    }

    /// The same, to the metrics alone.
    fn is_scheduled(&self, at: Option<Timestamp>, schedule: Option<&JobSchedule>) {
        let interval = schedule.and_then(|schedule| schedule.longest_gap(self.now()));
        self.shared.parts.live().ports.metrics.job_schedule(self.name(), at, interval);
    }

    /// Waits for this, for a new timetable, or to be asked to stop.
    async fn wait(&mut self, what: impl Future<Output = ()>) {
        tokio::select! {
            () = what => {}
            () = self.shared.stop.cancelled() => {}
            changed = self.shared.timetable.changed() => {
                if changed.is_err() {
                    self.shared.stop.cancelled().await; // Nobody will ever change it again: the process is ending.
                }
            }
        }
    }

    /// Ends the process: a person must see to what failed.
    pub(super) async fn give_up(&self, failure: Failure) {
        // Full or closed: it is ending already.
        let _ = self.shared.fatal.send(failure).await;
    }

    /// Once per outage, and every minute from then on not again.
    pub(super) fn say_unknown(&self, error: &StoreError, first: bool) {
        if first {
            tracing::warn!(
                event = events::JOB_UNKNOWN, job = self.name().code(), error = %crate::domain::causes(error),
                "The schedule of this job cannot be read or written; it is tried again until it can."
            );
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.shared.claims.clock.now()
    }
}
