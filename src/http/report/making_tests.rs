//! One at a time, kept for a while, and never given up but by a stop.

use std::future::{pending, ready};
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::DateTime;
use tokio::sync::oneshot;

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

async fn ask(making: &Making, hours: u64, compute: impl Future<Output = Made> + Send + 'static) -> Answer {
    making.get_with(&question(hours), &CancellationToken::new(), compute.map(Ok)).await
}

/// What ends when the sender says so, or is gone.
fn until(told: oneshot::Receiver<()>) -> impl Future<Output = Made> + Send + 'static {
    told.map(|_| made())
}

fn why(answer: Answer) -> String {
    answer.err().map(|error| format!("{error:?}")).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn the_same_question_is_answered_once_a_minute() {
    let (making, computed) = (Making::default(), Arc::new(AtomicUsize::new(0)));
    let asked = async |hours| {
        let counted = Arc::clone(&computed);
        let compute = async move {
            counted.fetch_add(1, Ordering::Relaxed);
            made()
        };
        ask(&making, hours, compute).await.ok().unwrap();
        computed.load(Ordering::Relaxed)
    };
    assert_eq!((asked(1).await, asked(1).await, asked(2).await, asked(1).await), (1, 1, 2, 2));
    tokio::time::advance(FRESH).await;
    assert_eq!(asked(1).await, 3);
    for other in 100..200 {
        asked(other).await;
    }
    assert_eq!(making.known().kept.len(), KEPT);
}

#[tokio::test(start_paused = true)]
async fn a_browser_that_leaves_does_not_give_its_turn_away() {
    let making = Making::default();
    let (tell, told) = oneshot::channel();
    let mut first = Box::pin(ask(&making, 1, until(told)));
    assert!(first.as_mut().now_or_never().is_none(), "it is under way");
    drop(first);
    // However often they come back, and with whatever question: nothing else begins.
    for hours in 2..10 {
        let asked = Instant::now();
        assert_eq!(why(ask(&making, hours, ready(made())).await), "Busy");
        assert_eq!(asked.elapsed(), MOST_WAIT);
    }
    tell.send(()).unwrap();
    ask(&making, 2, ready(made())).await.ok().unwrap();
    ask(&making, 1, pending()).await.ok().unwrap(); // What was found for who left is kept.
}

#[tokio::test(start_paused = true)]
async fn what_takes_long_is_there_when_one_comes_back() {
    let making = Making::default();
    let (tell, told) = oneshot::channel();
    let asked = Instant::now();
    assert_eq!(why(ask(&making, 1, until(told)).await), "Slow");
    assert_eq!(asked.elapsed(), MOST_WORK);
    assert_eq!(why(ask(&making, 1, ready(made())).await), "Slow", "the same is computed once");
    let waits = ask(&making, 1, pending());
    let (found, ()) = tokio::join!(waits, async { tell.send(()).unwrap() });
    found.ok().unwrap();
    tokio::time::advance(FRESH_IF_SLOW.saturating_sub(Duration::from_secs(1))).await;
    ask(&making, 1, pending()).await.ok().unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(why(ask(&making, 1, pending()).await), "Slow");
}

#[tokio::test(start_paused = true)]
async fn failures_are_not_kept_and_hold_no_turn() {
    let making = Making::default();
    let fails = async { Err(NotMade::Period(PeriodError::Long)) };
    let failed = making.get_with(&question(1), &CancellationToken::new(), fails).await;
    assert!(matches!(&*failed.err().unwrap(), NotMade::Period(_)));
    let panics = async { std::panic::resume_unwind(Box::new("a defect")) };
    assert_eq!(why(ask(&making, 1, panics).await), "Ended");
    ask(&making, 1, ready(made())).await.ok().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_what_is_computed() {
    let (making, stopping) = (Making::default(), CancellationToken::new());
    let asked = question(1);
    let (mut here, computes) = oneshot::channel::<()>();
    let hangs = making.get_with(&asked, &stopping, async move {
        let _computes = computes;
        pending().await
    });
    let (answer, ()) = tokio::join!(hangs, async { stopping.cancel() });
    assert_eq!(why(answer), "Stopping");
    here.closed().await;
}
