//! Answers to questions: computed one at a time, beside the requests that wait for them, and kept for a while.
//!
//! A report reads much of the history; several at once would slow down the work the database is there for, and take the
//! connections it needs. On PostgreSQL a statement goes on though nobody here waits for its answer any more, because sqlx
//! asks for no cancellation: 15 minutes at most, as on SQLite. So a computation is a task of its own: it keeps its
//! turn to its end, whoever leaves or is told to come back meanwhile, and its answer is kept for them. Who asks the same
//! waits for the same computation; who asks anything else waits a little for the turn.
//!
//! Guarantees: at most one computation, and one connection of the database for it; an answer, if only that there is none
//! yet, within [`MOST_WAIT`] and [`MOST_WORK`]; at most [`KEPT`] answers are held. A stop of the server ends the task, and
//! with it on SQLite the statement under way; on PostgreSQL that ends in its own time. A restart forgets the answers.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::asked::Question;
use crate::domain::{Timestamp, causes};
use crate::report::reconnect::{
    PeriodError, ReconnectReport, ReportError, ReportScope, Trend, TrendAsked, reconnect_report, trend,
};
use crate::store::Store;
use crate::telemetry::events;

/// How long the same question has the same answer: reloading and changing the form costs nothing.
const FRESH: Duration = Duration::from_mins(1);

/// The same for an answer that its asker was told to come back for: long enough to be found by a person.
const FRESH_IF_SLOW: Duration = Duration::from_mins(10);

/// Answers held; each has some 50 kB.
const KEPT: usize = 16;

/// How long one waits for the computation before it.
const MOST_WAIT: Duration = Duration::from_secs(5);

/// How long one waits for an answer. With the wait before it, that ends before the connection does (30 s).
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
    /// It is still being made, and will be there later.
    #[error("the report takes longer than {} s; it is still being made", MOST_WORK.as_secs())]
    Slow,
    /// The server is being stopped.
    #[error("the server stops")]
    Stopping,
    /// The task that made it panicked.
    #[error("making the report ended unexpectedly")]
    Ended,
    /// Time moved on while it waited; cannot be with a clock that does not go backwards.
    #[error(transparent)]
    Period(#[from] PeriodError),
    /// It cannot be computed.
    #[error(transparent)]
    Report(#[from] ReportError),
}

impl NotMade {
    /// Whether another question would do.
    pub(super) fn is_theirs(&self) -> bool {
        let Self::Report(error) = self else { return matches!(self, Self::Period(_)) };
        match error {
            ReportError::Dropped(_) | ReportError::TooManySteps | ReportError::PartOfDay(_) => true,
            ReportError::Store(_) => false,
        }
    }

    /// Tells the operator, unless the question or the moment is at fault.
    fn log(&self, question: &Question) {
        if matches!(self, Self::Ended | Self::Report(ReportError::Store(_))) {
            let error = causes(self);
            let (view, toolkit) = (question.view().code(), question.toolkit().unwrap_or_default());
            tracing::warn!(
                event = events::REPORT_FAILED,
                view,
                toolkit,
                period = question.words(),
                error,
                "A report could not be shown; who asks again has it made again."
            );
        }
    }
}

/// What came of a question, for all who asked it.
pub(super) type Answer = Result<Arc<Made>, Arc<NotMade>>;

type UnderWay = Shared<BoxFuture<'static, Answer>>;

struct Kept {
    question: Question,
    until: Instant,
    made: Arc<Made>,
}

#[derive(Default)]
struct Known {
    kept: VecDeque<Kept>,
    under_way: Option<(Question, UnderWay)>,
}

/// See the module.
pub(super) struct Making {
    turn: Arc<Semaphore>,
    known: Arc<Mutex<Known>>,
}

impl Default for Making {
    fn default() -> Self {
        Self { turn: Arc::new(Semaphore::new(1)), known: Arc::default() }
    }
}

impl Making {
    /// The answer as of `now`, or a kept one; none once `stopping`.
    pub(super) async fn get(
        &self,
        store: &Store,
        question: &Question,
        now: Timestamp,
        stopping: &CancellationToken,
    ) -> Answer {
        let (store, asked) = (store.clone(), question.clone());
        let compute = async move { make(&store, &asked, now).await };
        tokio::select! {
            answer = self.get_with(question, stopping, compute) => answer,
            () = stopping.cancelled() => Err(Arc::new(NotMade::Stopping)),
        }
    }

    async fn get_with(
        &self,
        question: &Question,
        stopping: &CancellationToken,
        compute: impl Future<Output = Result<Made, NotMade>> + Send + 'static,
    ) -> Answer {
        let known = self.known().find(question);
        let answer = if let Some(known) = known {
            known
        } else {
            let turn = timeout(MOST_WAIT, Arc::clone(&self.turn).acquire_owned()).await;
            // The semaphore is never closed.
            let Ok(Ok(turn)) = turn else { return Err(Arc::new(NotMade::Busy)) };
            self.begin(question, turn, stopping.clone(), compute)
        };
        timeout(MOST_WORK, answer).await.unwrap_or_else(|_| Err(Arc::new(NotMade::Slow)))
    }

    /// Computes it in a task that holds `turn`, unless whoever had the turn before asked the same.
    fn begin(
        &self,
        question: &Question,
        turn: OwnedSemaphorePermit,
        stopping: CancellationToken,
        compute: impl Future<Output = Result<Made, NotMade>> + Send + 'static,
    ) -> UnderWay {
        // Held until the task is written down, so that it does not end before.
        let mut known = self.known();
        if let Some(found) = known.find(question) {
            return found;
        }
        let (begun, asked, to_keep) = (Instant::now(), question.clone(), Arc::clone(&self.known));
        let task = tokio::spawn(async move {
            let made = tokio::select! {
                made = said_if_slow(&asked, compute) => made,
                () = stopping.cancelled() => Err(NotMade::Stopping),
            };
            let answer = made.map(Arc::new).map_err(|error| {
                error.log(&asked); // Here, because all who asked may have left.
                Arc::new(error)
            });
            to_keep.lock().unwrap_or_else(PoisonError::into_inner).end(asked, begun, &answer);
            drop(turn);
            answer
        });
        let ended_of = question.clone();
        let answer = task.map(move |ended| {
            ended.unwrap_or_else(|_| {
                NotMade::Ended.log(&ended_of);
                Err(Arc::new(NotMade::Ended))
            })
        });
        let answer = answer.boxed().shared();
        known.under_way = Some((question.clone(), answer.clone()));
        answer
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// The answer that is kept, or under way.
    fn find(&mut self, question: &Question) -> Option<UnderWay> {
        self.kept.retain(|kept| kept.until > Instant::now());
        if let Some(kept) = self.kept.iter().find(|kept| kept.question == *question) {
            let made = Ok(Arc::clone(&kept.made));
            return Some(std::future::ready(made).boxed().shared());
        }
        // One that has an answer and is still here panicked.
        let under_way = self.under_way.as_ref().filter(|(of, answer)| of == question && answer.peek().is_none());
        under_way.map(|(_, answer)| answer.clone())
    }

    fn end(&mut self, question: Question, begun: Instant, answer: &Answer) {
        self.under_way = None;
        if let Ok(made) = answer {
            let fresh = if begun.elapsed() < MOST_WORK { FRESH } else { FRESH_IF_SLOW };
            self.kept.truncate(KEPT - 1);
            self.kept.push_front(Kept { question, until: Instant::now() + fresh, made: Arc::clone(made) });
        }
    }
}

/// `compute`, and a line of the log where it takes longer than who asked for it waits: one, however many those are.
async fn said_if_slow<T>(question: &Question, compute: impl Future<Output = T>) -> T {
    let mut compute = pin!(compute);
    if let Ok(made) = timeout(MOST_WORK, compute.as_mut()).await {
        return made;
    }
    let (view, toolkit) = (question.view().code(), question.toolkit().unwrap_or_default());
    tracing::warn!(
        event = events::REPORT_SLOW,
        view,
        toolkit,
        period = question.words(),
        "Making a report takes longer than whoever asked for it waits; it goes on, and is kept for them for ten minutes."
    );
    compute.await
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
