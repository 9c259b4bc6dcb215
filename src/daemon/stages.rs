//! The two jobs that are passes of the pipeline: the audit, and delivering between two audits.
//!
//! The same functions as `reconnectd once` and `reconnectd deliver`; the pipeline keeps their rows of jobs.

use async_trait::async_trait;

use super::body::{Body, Call, Failure, FailureKind, Finish};
use crate::domain::JobName;
use crate::pipeline::{RunError, RunOutcome, SAW_NOBODY};

/// One audit of all users, and what is due after it.
pub struct Audit;

/// Reminders and deliveries that are due.
pub struct Deliver;

#[async_trait]
impl Body for Audit {
    fn job(&self) -> JobName {
        JobName::Audit
    }

    fn keeps_its_row(&self) -> bool {
        true
    }

    fn is_a_pass(&self) -> bool {
        true
    }

    async fn run(&self, call: Call) -> Finish {
        let pipeline = call.parts.pipeline(JobName::Audit, call.run, call.stop, call.pulse);
        match pipeline.run_once().await {
            // Nothing new is known: tried again like a run that the outage ended.
            Ok(RunOutcome::Ran(summary)) if summary.counters.saw_nobody() => {
                Finish::Failed(Failure { class: FailureKind::Passing, words: SAW_NOBODY.to_owned() })
            }
            Ok(RunOutcome::Ran(summary)) => summary
                .shortfall()
                .map_or(Finish::Done, |words| Finish::Failed(Failure { class: FailureKind::Incomplete, words })),
            Ok(RunOutcome::Stopped(_)) => Finish::Stopped,
            Ok(RunOutcome::HeldElsewhere(held)) => Finish::Held(held.holder),
            Err(error) => Finish::Failed(failure(&error)),
        }
    }
}

#[async_trait]
impl Body for Deliver {
    fn job(&self) -> JobName {
        JobName::Deliver
    }

    fn keeps_its_row(&self) -> bool {
        true
    }

    fn is_a_pass(&self) -> bool {
        true
    }

    async fn run(&self, call: Call) -> Finish {
        let pipeline = call.parts.pipeline(JobName::Deliver, call.run, call.stop, call.pulse);
        match pipeline.deliver_only().await {
            Ok(summary) if summary.stopped => Finish::Stopped,
            Ok(_) => Finish::Done,
            Err(error) => Finish::Failed(failure(&error)),
        }
    }
}

fn failure(error: &RunError) -> Failure {
    let class = if error.is_unauthorized() {
        FailureKind::KeyRefused
    } else if error.is_state_unusable() {
        FailureKind::StateUnusable
    } else {
        FailureKind::Passing
    };
    Failure::new(class, error)
}
