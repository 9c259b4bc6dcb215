//! The end: nothing new is begun, what is in flight is finished in time or cut off, and what was held is given back.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::End;
use super::body::{Failure, FailureKind};
use super::control::Daemon;
use crate::http;
use crate::lifecycle::{Control, Told};
use crate::telemetry::events;

/// For giving back what was cut off, and for closing the state database.
const TIDY_LIMIT: Duration = Duration::from_secs(5);
/// For all that comes after the jobs, but for pings under way, which have their own limit, and the last export: the pages
/// have what they need to finish and a second to say so, because somebody may be on their way to the provider.
pub const CLOSE_LIMIT: Duration = http::STOP_LIMIT.saturating_add(Duration::from_secs(1)).saturating_add(TIDY_LIMIT);

/// How the jobs ended.
enum Drained {
    InTime,
    TooLate,
    AtOnce,
}

impl Daemon {
    /// Ends in good order.
    pub(super) async fn drain(mut self, controls: &mut mpsc::Receiver<Control>) -> End {
        tracing::info!(
            event = events::DAEMON_STOPPING,
            doing = self.board.sentence(),
            drain_timeout_ms = u64::try_from(self.config.daemon.drain_timeout.as_millis()).unwrap_or(u64::MAX),
            "Asked to stop: nothing new is begun, what is in flight is finished. A second signal ends it at once."
        );
        let drained = self.finish_jobs(controls).await;
        if matches!(drained, Drained::AtOnce) {
            return Self::at_once();
        }
        let end = self.close(drained).await;
        // What a person must see to is not hidden by a stop.
        if let Ok(failure) = self.fatals.try_recv() {
            say_fatal(&failure);
            return End::Failed(failure);
        }
        tracing::info!(event = events::DAEMON_STOPPED, "The daemon ended as asked.");
        end
    }

    /// Ends because it cannot go on, but in good order.
    pub(super) async fn fail(mut self, failure: Failure, controls: &mut mpsc::Receiver<Control>) -> End {
        say_fatal(&failure);
        let drained = self.finish_jobs(controls).await;
        if matches!(drained, Drained::AtOnce) {
            return Self::at_once();
        }
        self.close(drained).await;
        End::Failed(failure)
    }

    /// Ends now; every commit is whole, and what was held lapses by itself.
    pub(super) fn at_once() -> End {
        tracing::warn!(event = events::DAEMON_CUT_OFF, "A second signal: it ends at once; nothing is lost.");
        End::AtOnce
    }

    async fn finish_jobs(&mut self, controls: &mut mpsc::Receiver<Control>) -> Drained {
        self.stop.cancel();
        self.setup.notifier.tell(&Told::Stopping);
        self.say(format!("stopping; {}", self.board.sentence()));
        let deadline = tokio::time::sleep(self.config.daemon.drain_timeout);
        tokio::pin!(deadline);
        loop {
            tokio::select! {
                biased;
                ended = self.jobs.join_next() => {
                    if ended.is_none() {
                        return Drained::InTime;
                    }
                }
                control = controls.recv() => match control {
                    Some(Control::Stop | Control::StopNow) => return Drained::AtOnce,
                    Some(Control::Reload) => {}
                    None => deadline.as_mut().await,
                },
                () = &mut deadline => break,
            }
        }
        Drained::TooLate
    }

    /// Drops what is still in flight and gives back what it held.
    async fn cut_off(&mut self) {
        tracing::warn!(
            event = events::DAEMON_CUT_OFF,
            doing = self.board.sentence(),
            "What was in flight did not finish in time and is cut off; nothing of it is lost."
        );
        let give_back = async {
            self.jobs.shutdown().await;
            let Some(at_work) = &self.at_work else { return true };
            let mut whole = true;
            for claimed in self.board.at_work() {
                // Each by itself: one that cannot be given back keeps no other.
                if let Some(pipeline) = at_work.parts.latest(claimed.job) {
                    whole &= pipeline.step_aside().await.is_ok();
                }
                whole &= at_work.claims.give_back(&claimed).await.is_ok();
            }
            whole
        };
        if !matches!(tokio::time::timeout(TIDY_LIMIT, give_back).await, Ok(true)) {
            tracing::warn!(
                event = events::RUN_UNTIDY,
                "What was in flight could not be given back; it lapses by itself within a minute."
            );
        }
    }

    /// What the jobs left, the servers, then the database: within [`CLOSE_LIMIT`] and one ping's limit.
    async fn close(&mut self, drained: Drained) -> End {
        let deadline = Instant::now() + CLOSE_LIMIT;
        self.close.cancel();
        let end = if matches!(drained, Drained::TooLate) {
            self.cut_off().await;
            End::CutOff
        } else {
            End::Stopped
        };
        let served = async { while self.servers.join_next().await.is_some() {} };
        if tokio::time::timeout_at(deadline - TIDY_LIMIT, served).await.is_err() {
            self.servers.abort_all();
        }
        if let Some(at_work) = self.at_work.take() {
            at_work.parts.live().watch.settle().await;
            // A connection that is busy with an interrupted statement must not keep the process.
            tokio::time::timeout(TIDY_LIMIT, at_work.parts.store.close()).await.ok();
        }
        end
    }
}

fn say_fatal(failure: &Failure) {
    let event = match failure.class {
        FailureKind::StateUnusable => events::STATE_UNUSABLE,
        FailureKind::Configuration => events::CONFIG_INVALID,
        _ => events::RUN_FAILED,
    };
    tracing::error!(event = event, error = %failure.words, "The daemon cannot go on and ends. {}", next(failure.class));
}

fn next(class: FailureKind) -> &'static str {
    match class {
        FailureKind::Passing | FailureKind::Incomplete => "Start it again.",
        FailureKind::KeyRefused => "Replace the key, then start it again.",
        FailureKind::StateUnusable => "See to the state database, then start it again.",
        FailureKind::Configuration => "Mend the configuration, then start it again.",
    }
}
