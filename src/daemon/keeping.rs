//! The two jobs that look back: the reconnect report, and retention.
//!
//! The same functions as `reconnectd report` and `reconnectd retention` rest on; both keep their rows of jobs and go on
//! from what is stored when they are called again.

use async_trait::async_trait;

use super::body::{Body, Call, Failure, FailureKind, Finish};
use crate::domain::JobName;
use crate::report::reconnect::{ReportDone, ReportJob, ReportJobError};
use crate::retention::RetentionJob;
use crate::store::StoreError;

/// The scheduled reconnect report.
pub struct Report;

/// Old rows are dropped.
pub struct Retention;

#[async_trait]
impl Body for Report {
    fn job(&self) -> JobName {
        JobName::Report
    }

    fn keeps_its_row(&self) -> bool {
        true
    }

    async fn run(&self, call: Call) -> Finish {
        let live = call.parts.live();
        let job = ReportJob {
            store: &call.parts.store,
            clock: live.ports.clock.as_ref(),
            mint: &call.parts.mint,
            channels: &live.ports.channels,
            key: &live.settings.delivery.address_key,
            settings: &live.report,
            run: &call.run,
        };
        match job.run(call.scheduled_at, &call.stop).await {
            Ok(ReportDone::Made { .. }) => Finish::Done,
            Ok(ReportDone::Stopped) => Finish::Stopped,
            Err(error) => Finish::Failed(Failure::new(class_of(&error), &error)),
        }
    }
}

#[async_trait]
impl Body for Retention {
    fn job(&self) -> JobName {
        JobName::Retention
    }

    fn keeps_its_row(&self) -> bool {
        true
    }

    async fn run(&self, call: Call) -> Finish {
        let live = call.parts.live();
        let clock = live.ports.clock.as_ref();
        let job = RetentionJob { store: &call.parts.store, clock, settings: live.retention, run: &call.run };
        match job.run(&call.stop).await {
            Ok(done) if done.stopped => Finish::Stopped,
            Ok(_) => Finish::Done,
            Err(error) => Finish::Failed(Failure::from(&error)),
        }
    }
}

/// A report fails for the state database's reasons, or for its folder's, which may pass.
fn class_of(error: &ReportJobError) -> FailureKind {
    let causes = std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |error| error.source());
    let unusable = causes.into_iter().any(|error| error.downcast_ref().is_some_and(StoreError::is_unusable));
    if unusable { FailureKind::StateUnusable } else { FailureKind::Passing }
}
