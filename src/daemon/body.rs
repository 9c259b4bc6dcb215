//! The work of a job: what the daemon calls when an occurrence is its to do.

use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::parts::Parts;
use crate::domain::{JobName, RunId, Timestamp, causes, scrub};
use crate::store::StoreError;
use crate::telemetry::Pulse;

/// The longest reason of a failure that is stored and logged.
const MAX_WORDS: usize = 500;

/// The work of one job. Called again after a failure, so it must go on from what is stored.
#[async_trait]
pub trait Body: Send + Sync {
    /// Which job it is the work of.
    fn job(&self) -> JobName;

    /// Whether it keeps the job's row ([`crate::store::JobRow`]) itself; the daemon does for who does not.
    fn keeps_its_row(&self) -> bool {
        false
    }

    /// Whether it counts and tells the dead man's switch itself, as passes of the pipeline do; the daemon does for who
    /// does not.
    fn is_a_pass(&self) -> bool {
        false
    }

    /// Does it once. Asked to stop (`call.stop`), it finishes what is in flight and says [`Finish::Stopped`]; whoever
    /// takes longer than `[daemon] drain_timeout` is dropped.
    async fn run(&self, call: Call) -> Finish;
}

/// One call of a body.
#[derive(Clone)]
pub struct Call {
    /// What the process is made of.
    pub parts: Arc<Parts>,
    /// The id of this call, on every log line of it.
    pub run: RunId,
    /// The instant at which it was due.
    pub scheduled_at: Timestamp,
    /// Asks to stop.
    pub stop: CancellationToken,
    /// To be told whenever this call moves; [`crate::telemetry::pulse::moved`] tells it within the call's own task.
    pub pulse: Arc<Pulse>,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    /// It did what it is for.
    Done,
    /// Another process, named, does the same just now.
    Held(String),
    /// It was asked to stop before its end, and goes on another time.
    Stopped,
    /// It could not.
    Failed(Failure),
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct Failure {
    /// What follows from it.
    pub class: FailureKind,
    /// In words, scrubbed.
    pub words: String,
}

/// What follows from a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// It may work later.
    Passing,
    /// It went to its end and learned too little: it would begin anew, so the next instant is soon enough.
    Incomplete,
    /// The provider refuses the key: not before somebody replaced it.
    KeyRefused,
    /// The state database is full, corrupt or of another version: the process ends.
    StateUnusable,
    /// The configuration names something that is not there.
    Configuration,
}

impl FailureKind {
    /// What a process that does the job alone exits with, see the README.
    pub fn exit_status(self) -> u8 {
        match self {
            Self::Passing | Self::Incomplete => 1,
            Self::Configuration => 2,
            Self::KeyRefused => 3,
            Self::StateUnusable => 4,
        }
    }
}

impl Failure {
    /// Of this class, in the words of `error` and its causes.
    pub fn new(class: FailureKind, error: &(dyn std::error::Error + 'static)) -> Self {
        Self { class, words: scrub(&causes(error), MAX_WORDS) }
    }
}

impl From<&StoreError> for Failure {
    fn from(error: &StoreError) -> Self {
        let class = if error.is_unusable() { FailureKind::StateUnusable } else { FailureKind::Passing };
        Self::new(class, error)
    }
}
