//! Alarm clocks: the system's, set through tokio-cron-scheduler, and one that waits on any clock.
//!
//! tokio-cron-scheduler is the timer the product's owner chose. Of what it offers only one thing is used: a job for one
//! single instant in UTC, written with its year, which puts a message into a channel of one place and is removed. So its
//! faults have nowhere to act: it computes no zone (its zone-aware jobs are an hour off after a clock change, issue 107),
//! repeats nothing (its repeated jobs stop for ever after a delay, pull request 114), runs nothing of ours (it has no
//! guard against overlap) and is believed nothing (it cuts instants to whole seconds and could ring early; an instant
//! that has passed never rings). It looks at the clock twice a second, so it rings up to half a second late.
//!
//! Whatever it does, [`Alarm::ring`] returns after a minute at the latest, by the monotonic clock: should the alarm be
//! lost, or the wall clock be moved, the schedule is looked at again then. Nothing is stored; a crash leaves nothing.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{SubsecRound as _, TimeDelta};
use tokio::sync::{mpsc, oneshot};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::domain::Timestamp;
use crate::ports::{Alarm, Clock};
use crate::telemetry::events;

/// A clock that was moved is noticed after this long at the latest.
pub const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// The scheduler cuts instants to whole seconds: by so much it may ring early, and by more only if the clock was moved.
const WHOLE_SECOND: Duration = Duration::from_secs(1);

/// The scheduler removes a job within a millisecond; one that does not is broken and must not keep our task.
const REMOVAL: Duration = Duration::from_secs(5);

/// The alarm clock could not be started.
#[derive(Debug, thiserror::Error)]
#[error("the scheduler could not be started")]
pub struct AlarmError(#[source] JobSchedulerError);

/// The alarm clock of the daemon. One per process: its few tasks end with the runtime.
pub struct CronAlarm {
    scheduler: JobScheduler,
    clock: Arc<dyn Clock>,
}

impl CronAlarm {
    /// Starts it. `clock` must be the system's, which the scheduler reads by itself.
    pub async fn start(clock: Arc<dyn Clock>) -> Result<Self, AlarmError> {
        let scheduler = JobScheduler::new().await.map_err(AlarmError)?;
        scheduler.start().await.map_err(AlarmError)?;
        Ok(Self { scheduler, clock })
    }

    /// Puts a job for the whole second at or after `at` into the scheduler, until the first half of the result is
    /// dropped. The second half rings, or is closed where the scheduler does not take the job.
    fn arm(&self, at: Timestamp) -> (oneshot::Sender<()>, mpsc::Receiver<()>) {
        let second = at.trunc_subsecs(0);
        let second = if second < at { second + TimeDelta::seconds(1) } else { second };
        let (ringer, rings) = mpsc::channel(1);
        let (armed, disarmed) = oneshot::channel();
        // A task of its own: a call that is dropped between two steps of the scheduler would leave its job there.
        tokio::spawn(hold(self.scheduler.clone(), second, ringer, disarmed));
        (armed, rings)
    }
}

/// Keeps a job in the scheduler until nobody waits for it any more.
async fn hold(scheduler: JobScheduler, at: Timestamp, ringer: mpsc::Sender<()>, disarmed: oneshot::Receiver<()>) {
    let instant = at.format("%-S %-M %-H %-d %-m * %Y").to_string();
    let job = Job::new_async(instant, move |_, _| {
        let ringer = ringer.clone();
        Box::pin(async move {
            // Full: it rang before. Closed: nobody waits any more.
            let _ = ringer.try_send(());
        })
    });
    let added = match job {
        Ok(job) => scheduler.add(job).await,
        Err(error) => Err(error),
    };
    match added {
        Ok(id) => {
            // Nothing is ever sent: it ends when the other half is dropped.
            let _ = disarmed.await;
            // A job that stays would ring once more into a channel that is closed.
            let _ = tokio::time::timeout(REMOVAL, scheduler.remove(&id)).await;
        }
        Err(error) => tracing::warn!(
            event = events::ALARM_BROKEN, error = %error,
            "The alarm clock cannot be set; the process waits for the next instant without it."
        ),
    }
}

#[async_trait]
impl Alarm for CronAlarm {
    async fn ring(&self, at: Timestamp) {
        if at <= self.clock.now() {
            return; // The scheduler would never ring for it.
        }
        let look_again = tokio::time::sleep(LOOK_AGAIN);
        tokio::pin!(look_again);
        let (armed, mut rings) = self.arm(at);
        let rung = tokio::select! {
            rung = rings.recv() => rung.is_some(),
            () = &mut look_again => return,
        };
        drop(armed);
        // Rung or not, nothing begins before its time.
        if let Ok(rest) = (at - self.clock.now()).to_std()
            && (!rung || rest <= WHOLE_SECOND)
        {
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                () = &mut look_again => {}
            }
        }
    }
}

/// Waits on a clock: for tests, whose days take seconds, and for every clock that is not the system's.
pub struct ClockAlarm {
    clock: Arc<dyn Clock>,
}

impl ClockAlarm {
    /// An alarm that goes by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }
}

#[async_trait]
impl Alarm for ClockAlarm {
    async fn ring(&self, at: Timestamp) {
        if let Ok(rest) = (at - self.clock.now()).to_std() {
            self.clock.sleep(rest.min(LOOK_AGAIN)).await;
        }
    }
}

#[cfg(test)]
#[path = "alarm_tests.rs"]
mod tests;
