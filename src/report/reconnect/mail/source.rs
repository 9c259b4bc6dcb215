//! Turns the period of a report into its letter when a mail is about to leave: from the state database, not from what the
//! job held in memory or wrote to files, so that any process can send it, also days later and on another machine.
//!
//! Guarantees: a report is as of the end of its period, so every attempt has the same figures; one report is computed at a
//! time, and the last letter is kept, so that the addresses of a list cost one computation and one letter's memory. A crash
//! loses nothing: it is computed again.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::super::compute::{ReportError, reconnect_report};
use super::super::model::Period;
use super::letter;
use crate::domain::{FailureClass, Timestamp, causes, scrub};
use crate::ports::{Letter, Letters, SendError};
use crate::store::Store;

/// The longest detail of a failure.
const MAX_DETAIL_CHARS: usize = 300;

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

type Made = ((Timestamp, Timestamp, Timestamp), Arc<Letter>);

/// Makes letters of reports about the users of one product.
pub struct MailedReports {
    product: String,
    state: StateSlot,
    latest: tokio::sync::Mutex<Option<Made>>,
}

impl MailedReports {
    /// Reads from what `state` holds when a letter is asked for.
    pub fn new(product: String, state: StateSlot) -> Self {
        Self { product, state, latest: tokio::sync::Mutex::default() }
    }
}

#[async_trait]
impl Letters for MailedReports {
    async fn letter(&self, from: Timestamp, to: Timestamp, at: Timestamp) -> Result<Arc<Letter>, SendError> {
        let asked = (from, to, at);
        let mut latest = self.latest.lock().await;
        if let Some((_, letter)) = latest.as_ref().filter(|(made, _)| *made == asked) {
            return Ok(Arc::clone(letter));
        }
        let failed = |class, words: &str| SendError { class, detail: scrub(words, MAX_DETAIL_CHARS) };
        let store = self.state.get();
        let store = store.ok_or_else(|| failed(FailureClass::Transient, "the state database is not open"))?;
        let report = reconnect_report(&store, Period { from, to }, at).await.map_err(|error| {
            // What was dropped stays dropped; a database that is away comes back.
            let class = match error {
                ReportError::Store(_) => FailureClass::Transient,
                _ => FailureClass::Refused,
            };
            failed(class, &format!("the report could not be made: {}", causes(&error)))
        })?;
        let product = self.product.clone();
        let drawn = tokio::task::spawn_blocking(move || letter(&report, &product)).await;
        let drawn =
            drawn.map_err(|_| failed(FailureClass::Refused, "making the report's letter ended unexpectedly"))?;
        let drawn = drawn.map_err(|error| failed(FailureClass::Refused, &causes(&error)))?;
        let letter = Arc::new(drawn);
        *latest = Some((asked, Arc::clone(&letter)));
        Ok(letter)
    }
}
