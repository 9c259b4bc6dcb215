//! Reports by mail that do not leave: a letter that a filter dislikes, one that cannot be made now, one that can never be
//! made. None of it is the channel's fault, and nobody's address is in what is remembered of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use reconnectd::domain::{FailureClass, Timestamp};
use reconnectd::ports::{Letter, Letters, SendError};

use super::desk::{Desk, READERS, channel_of, stored_words};
use super::*;
use crate::support::smtp::AiosmtpdServer;
use crate::support::smtp_faults::{ALWAYS, Act, FaultySmtp, Moment};

const DISLIKED: (Moment, usize, Act) = (Moment::Content, ALWAYS, Act::Say("554 5.7.1 looks like spam to us\r\n"));

/// Whether the channel is stopped or disabled; the operator is told when that is written.
async fn stopped(desk: &Desk) -> bool {
    let states = desk.raw.store.begin_read().await.unwrap().channel_states().await.unwrap();
    states.iter().any(|state| state.stopped_at.is_some() || state.disabled_at.is_some())
}

#[tokio::test]
async fn one_letter_that_every_reader_s_filter_dislikes_does_not_stop_the_channel() {
    let desk = Desk::new().await;
    let server = FaultySmtp::with(&[DISLIKED]).await;
    let channel = desk.channel(server.address(), &READERS[..2]);
    desk.make(&channel).await;
    for _ in 0..3 {
        desk.deliver(&channel).await;
        desk.clock.advance(Duration::from_hours(7));
    }
    assert!(server.contents().len() >= 4, "each reader's was tried more than once");
    assert_eq!((stopped(&desk).await, desk.states().await), (false, vec!["pending".to_owned(); 2]));

    // Another report that meets the same answers is no accident.
    desk.make_at(&[Arc::clone(&channel)], now() + TimeDelta::days(1)).await.unwrap();
    desk.deliver(&channel).await;
    assert!(stopped(&desk).await);
}

/// Letters that end as they are told to, in this order, and then well.
struct Scripted(Mutex<VecDeque<FailureClass>>);

#[async_trait]
impl Letters for Scripted {
    async fn letter(&self, _: Timestamp, _: Timestamp, _: Timestamp) -> Result<Arc<Letter>, SendError> {
        match self.0.lock().unwrap().pop_front() {
            Some(class) => Err(SendError { class, detail: "the letter was not made".to_owned() }),
            None => {
                Ok(Arc::new(Letter { subject: "A report".to_owned(), text: "Well.".to_owned(), ..Letter::default() }))
            }
        }
    }
}

#[tokio::test]
async fn a_letter_that_is_not_made_costs_its_reader_an_attempt_or_the_report_and_the_channel_nothing() {
    let server = AiosmtpdServer::start().await;
    for (class, then) in [(FailureClass::Transient, ["delivered"; 2]), (FailureClass::Refused, ["dead", "delivered"])] {
        let desk = Desk::new().await;
        let letters = Arc::new(Scripted(Mutex::new([class].into())));
        let channel = channel_of(server.address(), &READERS[..2], letters);
        desk.make(&channel).await;
        for _ in 0..2 {
            desk.deliver(&channel).await;
            desk.clock.advance(Duration::from_mins(10));
        }
        assert_eq!((desk.states().await, stopped(&desk).await), (then.map(str::to_owned).to_vec(), false), "{class:?}");
        let words = stored_words(&desk.raw).await;
        let named = READERS.iter().any(|reader| words.contains(reader));
        assert!(words.contains("the letter was not made") && !named, "{words}");
    }
    assert_eq!(server.messages().len(), 3);
}

#[tokio::test]
async fn a_report_whose_history_was_dropped_meanwhile_is_given_up_in_clear_words() {
    let desk = Desk::new().await;
    let server = AiosmtpdServer::start().await;
    let channel = desk.channel(server.address(), &READERS[..1]);
    desk.make(&channel).await;
    let mut work = desk.raw.store.begin().await.unwrap();
    work.forget_history_before(now() - TimeDelta::days(1)).await.unwrap();
    work.commit().await.unwrap();
    desk.deliver(&channel).await;
    assert_eq!((desk.states().await, stopped(&desk).await), (vec!["dead".to_owned()], false));
    let words = stored_words(&desk.raw).await;
    assert!(words.contains("can never be made again: history before 2026-11-01 was dropped"), "{words}");
    assert!(server.messages().is_empty() && !words.contains("pm@acme"), "{words}");
}
