//! One occurrence, from the claim to its settlement: the body's calls, kept claimed meanwhile, and what follows.

use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use super::body::{Call, Failure, FailureKind, Finish};
use super::job::{FIRST_PAUSE, Job, LONGEST_PAUSE};
use crate::domain::{JobName, OccurrenceState, RunId, Timestamp, scrub};
use crate::pipeline::WatchedJob;
use crate::ports::PingSignal;
use crate::schedule::{JobSchedule, Turn};
use crate::store::{ClaimedOccurrence, JobEnd, StoreError};
use crate::telemetry::events;
use crate::telemetry::metrics::JobOutcome;

/// A failure that may pass is tried again after this long, then after twice as long each time.
pub(super) const FIRST_RETRY: Duration = Duration::from_mins(1);
/// And at the latest so long after.
pub(super) const LONGEST_RETRY: Duration = Duration::from_mins(15);
/// Somebody else's run is looked at again at the latest so long after.
const LONGEST_HELD: Duration = Duration::from_mins(5);
/// A skip that cannot be written now is written at the next look; it is also left out then.
const SKIP_AGAIN: Duration = Duration::from_secs(10);

/// How a panic of a body is told, before what is known of it.
const WITHOUT_A_WORD: &str = "its task ended without a word";

/// What follows a call.
enum Next {
    /// It is over, so.
    Settle(OccurrenceState, Option<String>, &'static str),
    /// Again after this long: it failed so.
    Again(Duration, String),
    /// Again after this long: somebody, named, does it just now.
    Held(Duration, String),
    /// Somebody else goes on with it, or this process does when it is back.
    GiveBack,
    /// It is not ours any more.
    Lost(StoreError),
    /// The process ends.
    Fatal(Failure),
}

impl Job {
    /// Does an occurrence to its end, or as far as this process comes.
    pub(super) async fn carry_out(
        &self,
        schedule: &JobSchedule,
        catch_up: Duration,
        claimed: ClaimedOccurrence,
        late: bool,
    ) -> Result<(), StoreError> {
        if let Some(run) = self.shared.claims.done_before(&claimed).await? {
            return self.conclude(&claimed, &run, Next::Settle(OccurrenceState::Done, None, "done")).await;
        }
        self.shared.board.begins(claimed);
        let mut failures = 0;
        let (run, next) = loop {
            let (run, finish) = self.call(schedule, &claimed, late).await;
            let next = match finish {
                Ok(finish) => self.judge(finish, schedule, catch_up, &claimed, failures),
                Err(lost) => Next::Lost(lost),
            };
            failures += 1;
            let (job, at) = (claimed.job.code(), claimed.scheduled_at.to_rfc3339());
            let wait = match next {
                Next::Again(wait, error) => {
                    tracing::warn!(
                        event = events::JOB_RETRY, job, scheduled_at = %at, run_id = %run, failures,
                        wait_ms = millis(wait), error, "The job failed and is tried again; what was recorded stays."
                    );
                    wait
                }
                Next::Held(wait, holder) => {
                    tracing::info!(
                        event = events::JOB_HELD, job, scheduled_at = %at, run_id = %run, failures,
                        wait_ms = millis(wait), detail = holder,
                        "Another process does the job just now; it is looked at again."
                    );
                    wait
                }
                next => break (run, next),
            };
            if let Some(next) = self.pause(&claimed, wait).await {
                break (run, next);
            }
        };
        let concluded = self.conclude(&claimed, &run, next).await;
        self.shared.board.ends(claimed.job);
        concluded
    }

    /// One call of the body, and everything that goes on beside it. Fails where the claim was lost.
    async fn call(
        &self,
        schedule: &JobSchedule,
        claimed: &ClaimedOccurrence,
        late: bool,
    ) -> (RunId, Result<Finish, StoreError>) {
        let shared = &self.shared;
        let busy = shared.parts.pulse.begin();
        let run = RunId::new(shared.parts.mint.uuid(self.now()));
        let span = tracing::info_span!("job", run_id = %run, job = claimed.job.code());
        span.in_scope(|| {
            tracing::info!(
                event = events::JOB_STARTED, scheduled_at = %claimed.scheduled_at.to_rfc3339(), late,
                attempt = claimed.attempt, "A job of the schedule began."
            );
        });
        let began = self.now();
        match self.note_start(claimed, &run, began).await {
            Ok(()) => {}
            Err(lost @ StoreError::LeaseLost) => return (run, Err(lost)),
            Err(error) => return (run, Ok(Finish::Failed(Failure::from(&error)))),
        }
        let call = Call {
            parts: shared.parts.clone(),
            run: run.clone(),
            scheduled_at: claimed.scheduled_at,
            stop: shared.stop.child_token(),
            pulse: std::sync::Arc::new(busy.pulse().clone()),
        };
        let live = shared.parts.live();
        let counted = (!self.body.is_a_pass()).then(|| live.ports.metrics.job_begins(claimed.job));
        let mut watched = (!self.body.is_a_pass()).then(|| live.watch.job(claimed.job, &run));
        watched.iter_mut().for_each(WatchedJob::began);
        let body = std::sync::Arc::clone(&self.body);
        // A task of its own: a panic ends it alone, and dropping this ends it too.
        let task = tokio::spawn(busy.pulse().within(async move { body.run(call).await }.instrument(span)));
        let mut task = AbortOnDropHandle::new(task);
        let finish = tokio::select! {
            biased;
            finish = &mut task => finish,
            lost = shared.claims.keep(claimed) => return (run, Err(lost)),
            () = self.leave_out(schedule, claimed.scheduled_at) => return (run, Err(StoreError::LeaseLost)),
            () = self.follow_progress(claimed.job) => return (run, Err(StoreError::LeaseLost)),
        };
        let finish = finish.unwrap_or_else(|panic| {
            Finish::Failed(Failure {
                class: FailureKind::Passing,
                words: scrub(&format!("{WITHOUT_A_WORD}: {panic}"), 500),
            })
        });
        self.note_end(&run, &finish, began).await;
        if let Some(counted) = counted {
            counted.ended(outcome_of(&finish));
        }
        if let Some(watched) = watched {
            let (signal, words) = signal_of(&finish);
            watched.ended(signal, words);
        }
        (run, Ok(finish))
    }

    /// Leaves out what comes while the job is at work; never returns.
    async fn leave_out(&self, schedule: &JobSchedule, running: Timestamp) {
        let shared = &self.shared;
        loop {
            match shared.claims.leave_out(schedule, running, &shared.seed).await {
                Ok(Turn::Wait { wake_at, .. }) => shared.alarm.ring(wake_at).await,
                Ok(_) => std::future::pending().await,
                Err(_) => shared.claims.clock.sleep(SKIP_AGAIN).await, // The body meets the same trouble and says so.
            }
        }
    }

    /// Lets the status line follow the pipeline of this call, where there is one; never returns.
    async fn follow_progress(&self, job: JobName) {
        // The body makes its pipeline when it is first polled.
        tokio::task::yield_now().await;
        if let Some(pipeline) = self.shared.parts.latest(job) {
            self.shared.board.follows(job, pipeline.progress.subscribe());
        }
        std::future::pending::<()>().await;
    }

    fn judge(
        &self,
        finish: Finish,
        schedule: &JobSchedule,
        catch_up: Duration,
        claimed: &ClaimedOccurrence,
        failures: u32,
    ) -> Next {
        let failure = match finish {
            Finish::Done => return Next::Settle(OccurrenceState::Done, None, "done"),
            Finish::Stopped => return Next::GiveBack,
            Finish::Held(_) if self.shared.stop.is_cancelled() => return Next::GiveBack,
            Finish::Held(holder) => {
                return match self.again_after(LONGEST_HELD, schedule, claimed, failures) {
                    Some((wait, _)) => Next::Held(wait, holder),
                    None => Next::Settle(OccurrenceState::Skipped, Some(format!("{holder} was at it")), "held"),
                };
            }
            Finish::Failed(failure) => failure,
        };
        match failure.class {
            FailureKind::StateUnusable => Next::Fatal(failure),
            _ if self.shared.stop.is_cancelled() => Next::GiveBack,
            FailureKind::Passing => {
                let too_late =
                    claimed.scheduled_at.checked_add_signed(TimeDelta::from_std(catch_up).unwrap_or_default());
                if let Some((wait, at)) = self.again_after(LONGEST_RETRY, schedule, claimed, failures)
                    && too_late.is_none_or(|late| at < late)
                {
                    return Next::Again(wait, failure.words);
                }
                Next::Settle(OccurrenceState::Failed, Some(failure.words), "failed")
            }
            FailureKind::KeyRefused | FailureKind::Configuration | FailureKind::Incomplete => {
                Next::Settle(OccurrenceState::Failed, Some(failure.words), "failed")
            }
        }
    }

    /// How long to wait before the next try, and when that is; none where the job's next instant comes first.
    fn again_after(
        &self,
        longest: Duration,
        schedule: &JobSchedule,
        claimed: &ClaimedOccurrence,
        failures: u32,
    ) -> Option<(Duration, Timestamp)> {
        let wait = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(failures.min(16))).min(longest);
        let at = self.now().checked_add_signed(TimeDelta::from_std(wait).ok()?)?;
        let next_due = schedule.next_after(claimed.scheduled_at);
        next_due.is_none_or(|due| at < due).then_some((wait, at))
    }

    /// Waits before the next try; says what to do where it does not come to it.
    async fn pause(&self, claimed: &ClaimedOccurrence, wait: Duration) -> Option<Next> {
        tokio::select! {
            () = self.shared.claims.clock.sleep(wait) => None,
            lost = self.shared.claims.keep(claimed) => Some(Next::Lost(lost)),
            () = self.shared.stop.cancelled() => Some(Next::GiveBack),
        }
    }

    async fn conclude(&self, claimed: &ClaimedOccurrence, run: &RunId, next: Next) -> Result<(), StoreError> {
        let claims = &self.shared.claims;
        match next {
            Next::Settle(state, detail, outcome) => {
                self.settle(claimed, state, run, detail.as_deref()).await?;
                log_end(claimed, run, outcome, detail.as_deref());
                Ok(())
            }
            Next::GiveBack => {
                claims.give_back(claimed).await?;
                log_end(claimed, run, "stopped", None);
                Ok(())
            }
            Next::Lost(error) => {
                let words = crate::domain::causes(&error);
                log_end(claimed, run, "lost", Some(&words));
                Ok(())
            }
            Next::Fatal(failure) => {
                log_end(claimed, run, "failed", Some(&failure.words));
                self.give_up(failure).await;
                Ok(())
            }
            Next::Again(..) | Next::Held(..) => Ok(()), // Never concluded with.
        }
    }

    /// Again and again while the state database is away, until the process is to end: what was done would else be done
    /// once more when the claim has lapsed. Somebody who took it on meanwhile has the last word.
    async fn settle(
        &self,
        claimed: &ClaimedOccurrence,
        state: OccurrenceState,
        run: &RunId,
        detail: Option<&str>,
    ) -> Result<(), StoreError> {
        let (claims, stop) = (&self.shared.claims, &self.shared.stop);
        let mut pause = FIRST_PAUSE;
        loop {
            let last = stop.is_cancelled();
            match claims.settle(claimed, state, Some(run), detail).await {
                Err(error @ StoreError::Transient(_)) if !last => self.say_unknown(&error, pause == FIRST_PAUSE),
                settled => return settled,
            }
            tokio::select! {
                () = claims.clock.sleep(pause) => {}
                () = stop.cancelled() => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn note_start(&self, claimed: &ClaimedOccurrence, run: &RunId, now: Timestamp) -> Result<(), StoreError> {
        self.shared.claims.begun(claimed, run).await?;
        if self.body.keeps_its_row() {
            return Ok(());
        }
        let mut work = self.shared.parts.store.begin().await?;
        work.job_started(self.name(), run, now).await?;
        work.commit().await
    }

    /// For the bodies that do not keep their row themselves, and for those that ended without a word.
    async fn note_end(&self, run: &RunId, finish: &Finish, began: Timestamp) {
        let end = match finish {
            Finish::Done if !self.body.keeps_its_row() => JobEnd::Succeeded,
            Finish::Failed(failure) if !self.body.keeps_its_row() => JobEnd::Failed(&failure.words),
            Finish::Failed(failure) if failure.words.starts_with(WITHOUT_A_WORD) => JobEnd::Failed(&failure.words),
            _ => return,
        };
        let now = self.now();
        let took = (now - began).to_std().unwrap_or_default();
        let noted = async {
            let mut work = self.shared.parts.store.begin().await?;
            work.job_ended(self.name(), run, end, took, now).await?;
            work.commit().await
        };
        if let Err(error) = noted.await {
            tracing::warn!(
                event = events::RUN_UNTIDY, job = self.name().code(), error = %error,
                "How the job ended could not be written."
            );
        }
    }
}

/// What a dead man's switch is told of it.
fn outcome_of(finish: &Finish) -> JobOutcome {
    match finish {
        Finish::Done => JobOutcome::Done,
        Finish::Held(_) => JobOutcome::Held,
        Finish::Stopped => JobOutcome::Stopped,
        Finish::Failed(_) => JobOutcome::Failed,
    }
}

fn signal_of(finish: &Finish) -> (PingSignal, String) {
    match finish {
        Finish::Done => (PingSignal::Succeeded, String::new()),
        Finish::Held(_) => (PingSignal::Stopped, "Another process does it just now.".to_owned()),
        Finish::Stopped => (PingSignal::Stopped, String::new()),
        Finish::Failed(failure) => (PingSignal::Exited(failure.class.exit_status()), failure.words.clone()),
    }
}

fn log_end(claimed: &ClaimedOccurrence, run: &RunId, outcome: &'static str, detail: Option<&str>) {
    let (job, at) = (claimed.job.code(), claimed.scheduled_at.to_rfc3339());
    let detail = detail.unwrap_or_default();
    if matches!(outcome, "done" | "held" | "stopped") {
        tracing::info!(event = events::JOB_ENDED, run_id = %run, job, scheduled_at = %at, outcome, detail, "A job of the schedule ended.");
    } else {
        tracing::error!(event = events::JOB_ENDED, run_id = %run, job, scheduled_at = %at, outcome, detail, "A job of the schedule came to no good end.");
    }
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
