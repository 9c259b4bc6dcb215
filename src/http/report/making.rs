//! Answers to questions: computed one at a time, within bounded time, and kept for a minute.
//!
//! A report reads much of the history; several at once would slow down the work the database is there for. Whoever asks
//! meanwhile waits a little, then is told to come back. A client that hangs up is not noticed before its answer is sent
//! (see [`crate::http`]'s server: what was asked whole is carried out): the computation goes on, ends within [`MOST_WORK`],
//! and whoever asks the same again gets what it found. A stop of the server gives it up. What is given up starts no further
//! statement; the one under way ends in the database in its own time. Guarantees: at most [`KEPT`] answers are held. A
//! restart forgets them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::asked::Question;
use crate::domain::Timestamp;
use crate::report::reconnect::{
    PeriodError, ReconnectReport, ReportError, ReportScope, Trend, TrendAsked, reconnect_report, trend,
};
use crate::store::Store;

/// How long the same question has the same answer: reloading and changing the form costs nothing.
const FRESH: Duration = Duration::from_mins(1);

/// Answers held; each has some 50 kB.
const KEPT: usize = 16;

/// How long one waits for the computation before it.
const MOST_WAIT: Duration = Duration::from_secs(5);

/// How long a computation may take. With the wait before it, it ends before its connection does (30 s).
const MOST_WORK: Duration = Duration::from_secs(20);

/// An answer.
pub(super) enum Made {
    Report(Box<ReconnectReport>),
    Trend(Trend),
}

/// There is no answer now.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotMade {
    /// Another one is being made.
    #[error("another report is being made")]
    Busy,
    /// It took too long.
    #[error("the report took longer than {} s", MOST_WORK.as_secs())]
    Slow,
    /// The server is being stopped.
    #[error("the server stops")]
    Stopping,
    /// Time moved on while it waited; cannot be with a clock that does not go backwards.
    #[error(transparent)]
    Period(#[from] PeriodError),
    /// It cannot be computed.
    #[error(transparent)]
    Report(#[from] ReportError),
}

impl NotMade {
    /// Whether the operator should know: neither the question nor the moment is at fault.
    pub(super) fn is_ours(&self) -> bool {
        matches!(self, Self::Slow | Self::Report(ReportError::Store(_)))
    }

    /// Whether another question would do.
    pub(super) fn is_theirs(&self) -> bool {
        matches!(self, Self::Period(_) | Self::Report(ReportError::Dropped(_) | ReportError::TooManySteps))
    }
}

/// See the module.
pub(super) struct Making {
    turn: Semaphore,
    kept: Mutex<VecDeque<(Question, Instant, Arc<Made>)>>,
}

impl Default for Making {
    fn default() -> Self {
        Self { turn: Semaphore::new(1), kept: Mutex::default() }
    }
}

impl Making {
    /// The answer as of `now`, or of up to a minute before.
    pub(super) async fn get(&self, store: &Store, question: &Question, now: Timestamp) -> Result<Arc<Made>, NotMade> {
        self.get_with(question, async || make(store, question, now).await).await
    }

    async fn get_with(
        &self,
        question: &Question,
        compute: impl AsyncFnOnce() -> Result<Made, NotMade>,
    ) -> Result<Arc<Made>, NotMade> {
        if let Some(made) = self.kept(question) {
            return Ok(made);
        }
        // The semaphore is never closed.
        let turn = timeout(MOST_WAIT, self.turn.acquire()).await.map_err(|_| NotMade::Busy)?;
        if let Some(made) = self.kept(question) {
            return Ok(made);
        }
        let made = Arc::new(timeout(MOST_WORK, compute()).await.map_err(|_| NotMade::Slow)??);
        drop(turn);
        self.keep(question, &made);
        Ok(made)
    }

    fn kept(&self, question: &Question) -> Option<Arc<Made>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(_, since, _)| since.elapsed() < FRESH);
        kept.iter().find(|(of, ..)| of == question).map(|(.., made)| Arc::clone(made))
    }

    fn keep(&self, question: &Question, made: &Arc<Made>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(KEPT - 1);
        kept.push_front((question.clone(), Instant::now(), Arc::clone(made)));
    }
}

async fn make(store: &Store, question: &Question, now: Timestamp) -> Result<Made, NotMade> {
    let period = question.period(now)?;
    match question {
        Question::Report { toolkit, .. } => {
            let scope = ReportScope { period, toolkit: toolkit.clone() };
            Ok(Made::Report(Box::new(reconnect_report(store, scope, now).await?)))
        }
        Question::Trend { step, toolkit, .. } => {
            let (step, toolkit) = (*step, toolkit.clone());
            let asked = TrendAsked { from: period.from, to: period.to, step, toolkit };
            let points = trend(store, &asked).await?;
            Ok(Made::Trend(Trend::new(asked, points)))
        }
    }
}

#[cfg(test)]
#[path = "making_tests.rs"]
mod tests;
