//! The requests in flight, answered in any order, that go on while something else is waited for.
//!
//! Guarantee: none of them stands still while it holds what others wait for (its turn at the provider's door): whoever
//! waits for something else meanwhile does so through [`InFlight::beside`]. Dropping it drops every request.

use std::collections::VecDeque;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

/// See the module.
pub(super) struct InFlight<F: Future> {
    asked: FuturesUnordered<F>,
    /// Answers that came while something else was waited for.
    early: VecDeque<F::Output>,
}

impl<F: Future> InFlight<F> {
    pub(super) fn new() -> Self {
        Self { asked: FuturesUnordered::new(), early: VecDeque::new() }
    }

    /// Requests without an answer yet.
    pub(super) fn len(&self) -> usize {
        self.asked.len()
    }

    pub(super) fn push(&mut self, request: F) {
        self.asked.push(request);
    }

    /// The next answer; none when nothing is in flight.
    pub(super) async fn next(&mut self) -> Option<F::Output> {
        match self.early.pop_front() {
            Some(answer) => Some(answer),
            None => self.asked.next().await,
        }
    }

    /// Waits for `other` while the requests go on.
    pub(super) async fn beside<T>(&mut self, other: impl Future<Output = T>) -> T {
        tokio::pin!(other);
        loop {
            tokio::select! {
                biased;
                done = &mut other => return done,
                Some(answer) = self.asked.next() => self.early.push_back(answer),
            }
        }
    }
}
