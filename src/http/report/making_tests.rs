//! One at a time, kept for a minute, given up after a while.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::DateTime;
use futures_util::FutureExt as _;

use super::super::asked::Span;
use super::*;
use crate::report::reconnect::Step;

fn question(hours: u64) -> Question {
    Question::Trend { span: Span::Last(Duration::from_hours(hours)), step: Step::Day, toolkit: None }
}

fn made() -> Made {
    let from = DateTime::UNIX_EPOCH;
    let asked = TrendAsked { from, to: from, step: Step::Day, toolkit: None };
    Made::Trend(Trend::new(asked, Vec::new()))
}

#[tokio::test(start_paused = true)]
async fn the_same_question_is_answered_once_a_minute() {
    let (making, computed) = (Making::default(), AtomicUsize::new(0));
    let ask = async |hours| {
        let make = async || {
            computed.fetch_add(1, Ordering::Relaxed);
            Ok(made())
        };
        making.get_with(&question(hours), make).await.unwrap();
        computed.load(Ordering::Relaxed)
    };
    assert_eq!((ask(1).await, ask(1).await, ask(2).await, ask(1).await), (1, 1, 2, 2));
    tokio::time::advance(FRESH).await;
    assert_eq!(ask(1).await, 3);
    for other in 100..200 {
        ask(other).await;
    }
    assert_eq!(making.kept.lock().unwrap().len(), KEPT);
}

#[tokio::test(start_paused = true)]
async fn who_asks_meanwhile_waits_a_little_and_what_is_given_up_makes_room() {
    let making = Making::default();
    let hangs = async || pending().await;
    let one = question(1);
    let mut first = Box::pin(making.get_with(&one, hangs));
    assert!(first.as_mut().now_or_never().is_none(), "it is under way");
    let asked = Instant::now();
    assert!(matches!(making.get_with(&question(2), async || Ok(made())).await, Err(NotMade::Busy)));
    assert_eq!(asked.elapsed(), MOST_WAIT);
    drop(first);
    making.get_with(&question(2), async || Ok(made())).await.unwrap();
    let asked = Instant::now();
    assert!(matches!(making.get_with(&question(3), hangs).await, Err(NotMade::Slow)));
    assert_eq!(asked.elapsed(), MOST_WORK);
    making.get_with(&question(3), async || Ok(made())).await.unwrap();
}
