//! Turns the period of a report into its letter when a mail is about to leave: from the state database, not from what the
//! job held in memory or wrote to files, so that any process can send it, also days later and on another machine.
//!
//! Guarantees: a report is as of the end of its period, so every attempt has the same figures; one report is computed at a
//! time, and the last letters are kept, so that the addresses of a list cost one computation. It is computed in a task of
//! its own that outlives the attempt: where an attempt has no more time, it is put off, and a later one finds the letter.
//! What may go well another time, a panic included, is [`FailureClass::Transient`]; [`FailureClass::Refused`] is what never
//! will. Dropping [`MailedReports`] ends the task. A crash loses nothing: it is computed again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::super::compute::{ReportError, reconnect_report};
use super::super::model::Period;
use super::letter;
use crate::domain::{FailureClass, Timestamp, causes, scrub};
use crate::ports::{Letter, Letters, SendError};
use crate::store::Store;

/// The longest detail of a failure.
const MAX_DETAIL_CHARS: usize = 300;

/// How long an attempt waits for its letter: what it may take in all (`deliver::attempt`, 2 min) leaves the rest for the
/// mail server.
const MOST_WAIT: Duration = Duration::from_mins(1);

/// Letters kept: reports of several periods wait where a mail server was away. Each has some 100 kB.
const KEPT: usize = 4;

/// Where the state database is put once it is open.
#[derive(Clone, Default)]
pub struct StateSlot(Arc<Mutex<Option<Store>>>);

impl StateSlot {
    /// From now on reports are read from this one.
    pub fn put(&self, store: Store) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(store);
    }

    fn get(&self) -> Option<Store> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// From, to and made at.
type Asked = (Timestamp, Timestamp, Timestamp);

type Making = Shared<BoxFuture<'static, Result<Arc<Letter>, SendError>>>;

/// Makes letters of reports about the users of one product.
pub struct MailedReports {
    product: String,
    state: StateSlot,
    latest: Mutex<VecDeque<(Asked, Making)>>,
}

impl MailedReports {
    /// Reads from what `state` holds when a letter is asked for.
    pub fn new(product: String, state: StateSlot) -> Self {
        Self { product, state, latest: Mutex::default() }
    }

    /// The letter, once those that are being made are.
    async fn made(&self, asked: Asked) -> Result<Arc<Letter>, SendError> {
        loop {
            let (of, making) = self.next(asked);
            let made = making.await;
            if made.is_err() {
                self.forget(of); // The next attempt tries anew.
            }
            if of == asked {
                return made;
            }
        }
    }

    /// This letter, or one that is being made; where there is neither, begins this one.
    fn next(&self, asked: Asked) -> (Asked, Making) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let known = latest.iter().find(|(of, _)| *of == asked);
        // Nobody has seen how it ended: it goes on, or did until now.
        let known = known.or_else(|| latest.iter().find(|(_, making)| making.peek().is_none()));
        if let Some(known) = known {
            return known.clone();
        }
        let task = AbortOnDropHandle::new(tokio::spawn(make(self.state.get(), self.product.clone(), asked)));
        let making = outcome_of(task);
        latest.truncate(KEPT - 1);
        latest.push_front((asked, making.clone()));
        (asked, making)
    }

    fn forget(&self, asked: Asked) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.retain(|(of, making)| *of != asked || making.peek().is_none());
    }
}

#[async_trait]
impl Letters for MailedReports {
    async fn letter(&self, from: Timestamp, to: Timestamp, at: Timestamp) -> Result<Arc<Letter>, SendError> {
        let made = timeout(MOST_WAIT, self.made((from, to, at))).await;
        made.unwrap_or_else(|_| Err(failed(FailureClass::Transient, "the report is still being made")))
    }
}

async fn make(store: Option<Store>, product: String, (from, to, at): Asked) -> Result<Arc<Letter>, SendError> {
    let store = store.ok_or_else(|| failed(FailureClass::Transient, "the state database is not open"))?;
    let report = reconnect_report(&store, Period { from, to }, at).await.map_err(|error| {
        // What was dropped stays dropped; a database that is away comes back.
        let (class, words) = match error {
            ReportError::Store(_) => (FailureClass::Transient, "the report could not be made"),
            _ => (FailureClass::Refused, "this report can never be made again"),
        };
        failed(class, &format!("{words}: {}", causes(&error)))
    })?;
    let drawn = tokio::task::spawn_blocking(move || letter(&report, &product)).await.map_err(|_| ended())?;
    // The same report makes the same letter, or the same failure.
    let refused = |error| format!("no letter can be made of this report: {}", causes(&error));
    Ok(Arc::new(drawn.map_err(|error| failed(FailureClass::Refused, &refused(error)))?))
}

/// What comes of a task, for all who wait for it.
fn outcome_of(task: AbortOnDropHandle<Result<Arc<Letter>, SendError>>) -> Making {
    task.map(|made| made.unwrap_or_else(|_| Err(ended()))).boxed().shared()
}

/// A task panicked, or was dropped with its process: another attempt costs nothing, and a report that is given up is lost.
fn ended() -> SendError {
    failed(FailureClass::Transient, "making the report ended unexpectedly")
}

fn failed(class: FailureClass, words: &str) -> SendError {
    SendError { class, detail: scrub(words, MAX_DETAIL_CHARS) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::from_millis;

    async fn store(folder: &tempfile::TempDir, name: &str) -> Store {
        Store::open(&format!("sqlite://{}", folder.path().join(name).display())).await.unwrap()
    }

    fn day(n: i64) -> Timestamp {
        from_millis(1_793_577_600_000 + n * 86_400_000)
    }

    #[tokio::test]
    async fn a_letter_that_takes_longer_than_an_attempt_is_there_for_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let (good, empty) = (store(&folder, "good.db").await, store(&folder, "empty.db").await);
        good.migrate().await.unwrap();
        let slot = StateSlot::default();
        let letters = MailedReports::new("Acme".to_owned(), slot.clone());
        let ask = |week: i64| letters.letter(day(week * 7), day(week * 7 + 7), day(week * 7 + 7));
        let failed = ask(0).await.unwrap_err();
        assert_eq!((failed.class, failed.detail.as_str()), (FailureClass::Transient, "the state database is not open"));
        slot.put(good.clone());
        assert!(ask(0).now_or_never().is_none(), "an attempt that is given up");
        // What is begun from now on fails.
        slot.put(empty);
        assert!(ask(0).await.unwrap().subject.contains("Acme"), "found");
        assert_eq!(ask(1).await.unwrap_err().class, FailureClass::Transient);
        slot.put(good);
        assert_ne!(ask(1).await.unwrap(), ask(0).await.unwrap(), "a failure is not kept, and a letter is");
        for week in 2..10 {
            ask(week).await.unwrap();
        }
        assert_eq!(letters.latest.lock().unwrap().len(), KEPT);
    }

    #[tokio::test]
    async fn reports_are_computed_one_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let good = store(&folder, "good.db").await;
        good.migrate().await.unwrap();
        let slot = StateSlot::default();
        slot.put(good);
        let letters = MailedReports::new("Acme".to_owned(), slot);
        let (one, other) = ((day(0), day(7), day(7)), (day(7), day(14), day(14)));
        let (begun, first) = letters.next(one);
        assert_eq!((begun, letters.next(other).0, letters.next(one).0), (one, one, one), "this one is under way");
        first.await.unwrap();
        assert_eq!((letters.next(one).0, letters.next(other).0), (one, other));
    }

    #[tokio::test]
    async fn a_task_that_ends_without_a_word_is_tried_again() {
        let panicked = AbortOnDropHandle::new(tokio::spawn(async { panic!("a defect of ours") }));
        let error = outcome_of(panicked).await.unwrap_err();
        assert_eq!(
            (error.class, error.detail.as_str()),
            (FailureClass::Transient, "making the report ended unexpectedly")
        );
    }
}
