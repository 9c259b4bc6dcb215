//! Permits, order and pauses on paused time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

use super::limiter::{Limiter, PauseFor, Place};
use super::retry::LONGEST_WAIT;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::{Value, WaitReason};

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

#[tokio::test(start_paused = true)]
async fn permits_are_spaced_evenly_and_given_in_the_order_of_asking() {
    let limiter = Arc::new(Limiter::new(600, 0.0));
    let begun = Instant::now();
    let log = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for number in 0..30 {
        let (limiter, log) = (Arc::clone(&limiter), Arc::clone(&log));
        tasks.push(tokio::spawn(async move {
            limiter.permit(Place::InTurn).await;
            log.lock().unwrap().push((number, begun.elapsed()));
        }));
        tokio::task::yield_now().await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    let log = log.lock().unwrap();
    let order: Vec<u32> = log.iter().map(|(number, _)| *number).collect();
    assert_eq!(order, (0..30).collect::<Vec<_>>());
    for pair in log.windows(2) {
        let gap = pair[1].1.checked_sub(pair[0].1).unwrap();
        assert!(gap >= Duration::from_millis(99) && gap <= Duration::from_millis(110), "{gap:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_wait_uses_no_permit_up_and_blocks_nobody() {
    let limiter = Limiter::new(60, 0.0);
    limiter.permit(Place::InTurn).await;
    let begun = Instant::now();
    for _ in 0..5 {
        tokio::time::timeout(Duration::from_millis(100), limiter.permit(Place::InTurn)).await.unwrap_err();
    }
    limiter.permit(Place::InTurn).await;
    assert!(begun.elapsed() <= Duration::from_millis(1010), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_everybody_and_a_shorter_one_does_not_cut_it() {
    let limiter = Arc::new(Limiter::new(60_000, 0.0));
    limiter.permit(Place::InTurn).await;
    let begun = Instant::now();
    let waiting: Vec<_> = (0..5)
        .map(|_| {
            let limiter = Arc::clone(&limiter);
            tokio::spawn(async move {
                limiter.permit(Place::InTurn).await;
                begun.elapsed()
            })
        })
        .collect();
    limiter.pause(Duration::from_secs(7), PauseFor::Throttled);
    limiter.pause(Duration::from_secs(2), PauseFor::Throttled);
    for task in waiting {
        assert!(task.await.unwrap() >= Duration::from_secs(7));
    }
    assert!(begun.elapsed() < Duration::from_secs(8));
    limiter.pause(Duration::from_hours(5), PauseFor::Throttled);
    limiter.permit(Place::InTurn).await;
    assert!(begun.elapsed() < LONGEST_WAIT + Duration::from_secs(8), "a pause has a bound");
}

#[tokio::test(start_paused = true)]
async fn the_reserve_of_the_budget_is_left_to_others() {
    for (limit, remaining, window, reserve, pause_s) in [
        ("2000", "501", "60s", 0.25, 0),
        ("2000", "500", "60s", 0.25, 60),
        ("2000", "0", "60s", 0.0, 60),
        ("2000", "1", "60s", 0.0, 0),
        ("20000", "10", "600s", 0.25, 600),
        ("20000", "10", "86400s", 0.25, 600),
        ("2000", "500", "60", 0.25, 60),
        ("2000", "500", "soon", 0.25, 60),
        ("0", "0", "60s", 0.25, 0),
        ("many", "0", "60s", 0.25, 0),
        ("2000", "-1", "60s", 0.25, 0),
        ("NaN", "0", "60s", 0.25, 0),
    ] {
        let limiter = Limiter::new(60_000, reserve);
        limiter.observe(&headers(&[
            ("x-ratelimit", limit),
            ("x-ratelimit-remaining", remaining),
            ("x-ratelimit-window-size", window),
        ]));
        let begun = Instant::now();
        limiter.permit(Place::InTurn).await;
        assert_eq!(begun.elapsed().as_secs(), pause_s, "{limit} {remaining} {window} {reserve}");
    }
    let limiter = Limiter::new(60_000, 0.9);
    limiter.observe(&HeaderMap::new());
    let begun = Instant::now();
    limiter.permit(Place::InTurn).await;
    assert_eq!(begun.elapsed(), Duration::ZERO, "no headers, no pause");
}

#[tokio::test(start_paused = true)]
async fn a_new_rate_holds_at_once_for_who_waits_already_and_a_change_lets_nobody_through_early() {
    let limiter = Arc::new(Limiter::new(1, 0.0));
    limiter.permit(Place::InTurn).await;
    let begun = Instant::now();
    let waiting = {
        let limiter = Arc::clone(&limiter);
        tokio::spawn(async move { limiter.permit(Place::InTurn).await })
    };
    tokio::task::yield_now().await;
    limiter.adjust(60, 0.0);
    waiting.await.unwrap();
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_millis(990) && waited <= Duration::from_millis(2_100), "{waited:?}");

    // However often it is changed, every permit comes a period after the one before.
    let begun = Instant::now();
    for _ in 0..5 {
        limiter.adjust(60, 0.0);
        limiter.permit(Place::InTurn).await;
    }
    assert!(begun.elapsed() >= Duration::from_millis(4_950), "{:?}", begun.elapsed());
}

/// The seconds that are counted for this reason.
fn waited(metrics: &Metrics, why: &str) -> u64 {
    let all = metrics.samples();
    let family = all.iter().find(|family| family.family.name == "reconnectd_provider_wait_seconds").unwrap();
    match family.samples.iter().find(|sample| sample.labels == [why]).unwrap().value {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few seconds")]
        Value::Number(seconds) => seconds.round() as u64,
        Value::Histogram { .. } => unreachable!("it is a counter"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_in_which_many_wait_counts_once_and_for_the_gravest_reason() {
    let (mut limiter, metrics) = (Limiter::new(60_000, 0.0), Arc::new(Metrics::new()));
    limiter.count_into(Arc::clone(&metrics));
    let limiter = Arc::new(limiter);
    limiter.pause(Duration::from_secs(10), PauseFor::RetryAfter);
    let retrying = limiter.waits(WaitReason::Pause);
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let limiter = Arc::clone(&limiter);
            tokio::spawn(async move { limiter.permit(Place::InTurn).await })
        })
        .collect();
    let cut_off = limiter.waits(WaitReason::Rate);
    tokio::time::sleep(Duration::from_secs(4)).await;
    drop(cut_off);
    for task in waiting {
        task.await.unwrap();
    }
    drop(retrying);
    assert_eq!((waited(&metrics, "pause"), waited(&metrics, "rate")), (10, 0));
    let slow = limiter.waits(WaitReason::Rate);
    tokio::time::sleep(Duration::from_secs(3)).await;
    drop(slow);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!((waited(&metrics, "pause"), waited(&metrics, "rate")), (10, 3), "nobody waits, nothing is counted");
}

/// Eight tasks that ask in turn for ever, as an audit does; when each permit came.
fn scan(limiter: &Arc<Limiter>, begun: Instant) -> (tokio::task::JoinSet<()>, Arc<Mutex<Vec<Duration>>>) {
    let (mut tasks, log) = (tokio::task::JoinSet::new(), Arc::new(Mutex::new(Vec::new())));
    for _ in 0..8 {
        let (limiter, log) = (Arc::clone(limiter), Arc::clone(&log));
        tasks.spawn(async move {
            loop {
                limiter.permit(Place::InTurn).await;
                log.lock().unwrap().push(begun.elapsed());
            }
        });
    }
    (tasks, log)
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_person_is_served_within_seconds_at_a_low_rate_during_a_scan_and_below_the_reserve() {
    for below_the_reserve in [false, true] {
        // A permit every 3 s: in turn, eight scanning tasks would be 24 s ahead of each request.
        let limiter = Arc::new(Limiter::new(20, 0.25));
        let begun = Instant::now();
        let (mut scanning, scanned) = scan(&limiter, begun);
        tokio::time::sleep(Duration::from_secs(10)).await;
        if below_the_reserve {
            limiter.observe(&headers(&[("x-ratelimit", "2000"), ("x-ratelimit-remaining", "400")]));
        }
        let (clicked, mut served) = (begun.elapsed(), Vec::new());
        // Gives up while it waits: the place goes with it.
        tokio::time::timeout(Duration::from_millis(100), limiter.permit(Place::Ahead)).await.unwrap_err();
        for _request in ["the list", "the page"] {
            limiter.permit(Place::Ahead).await;
            served.push(begun.elapsed());
        }
        assert!(served[1] <= clicked + Duration::from_millis(6_100), "{below_the_reserve} {clicked:?} {served:?}");
        tokio::time::sleep(Duration::from_secs(70)).await;
        scanning.shutdown().await;
        let mut all = scanned.lock().unwrap().clone();
        let paused = all.iter().filter(|at| **at > clicked && **at < clicked + Duration::from_mins(1)).count();
        assert_eq!(paused == 0, below_the_reserve, "who asks in turn leaves the reserve alone: {all:?}");
        assert!(all.iter().any(|at| *at > clicked + Duration::from_mins(1)), "the scan goes on: {all:?}");
        all.extend(&served);
        all.sort_unstable();
        for pair in all.windows(2) {
            assert!(pair[1] >= pair[0] + Duration::from_millis(2_990), "no burst, whoever asks: {all:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_provider_asks_everybody_to_wait_holds_who_waits_in_person_too() {
    for why in [PauseFor::RetryAfter, PauseFor::Throttled] {
        let limiter = Limiter::new(60_000, 0.25);
        limiter.observe(&headers(&[("x-ratelimit", "2000"), ("x-ratelimit-remaining", "400")]));
        let begun = Instant::now();
        limiter.pause(Duration::from_secs(7), why);
        limiter.permit(Place::Ahead).await;
        assert!(begun.elapsed() >= Duration::from_secs(7) && begun.elapsed() < Duration::from_secs(8), "{why:?}");
        limiter.permit(Place::InTurn).await;
        assert!(begun.elapsed() >= Duration::from_mins(1), "{why:?}: the reserve's pause was not cut");
    }
}
