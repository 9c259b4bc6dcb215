//! The limiter on paused time: every row says when the next permit comes.

use std::sync::Arc;

use super::*;

const MINUTE: Duration = Duration::from_mins(1);

fn budget(limit: u32, remaining: u32) -> Budget {
    Budget { limit, remaining, window: MINUTE }
}

/// Seconds until the next permit.
async fn next_permit(limiter: &Limiter) -> f64 {
    let asked = Instant::now();
    limiter.permit().await;
    asked.elapsed().as_secs_f64()
}

#[tokio::test(start_paused = true)]
async fn permits_come_evenly_without_a_burst_and_in_order() {
    let limiter = Arc::new(Limiter::new(600, 0.0));
    let began = Instant::now();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    for n in 0..20_u32 {
        let (limiter, tell) = (Arc::clone(&limiter), tell.clone());
        tokio::spawn(async move {
            limiter.permit().await;
            tell.send((n, began.elapsed())).unwrap();
        });
        tokio::task::yield_now().await;
    }
    for n in 0..20 {
        let (who, when) = told.recv().await.unwrap();
        assert_eq!(who, n, "first come, first served");
        assert!(when >= Duration::from_millis(100) * n, "{n}: {when:?}");
        assert!(when <= Duration::from_millis(105) * n, "{n}: {when:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_named_pause_is_everybodys_and_has_bounds() {
    for (retry_after, waited) in [(30, 30.0), (0, 1.0), (600, 600.0), (86_400, 600.0)] {
        let limiter = Limiter::new(60_000, 0.0);
        limiter.permit().await.asked_to_wait(Duration::from_secs(retry_after), None);
        let (a, b) = tokio::join!(next_permit(&limiter), next_permit(&limiter));
        assert!(a >= waited && b >= waited && b < waited + 0.1, "{retry_after}: {a} {b}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shorter_pause_does_not_shorten_a_longer_one() {
    let limiter = Limiter::new(60_000, 0.0);
    let (long, short) = (limiter.permit().await, limiter.permit().await);
    long.asked_to_wait(Duration::from_secs(30), None);
    short.asked_to_wait(Duration::from_secs(2), None);
    assert!(next_permit(&limiter).await >= 29.9);
}

#[tokio::test(start_paused = true)]
async fn the_edge_pause_doubles_to_a_minute_and_starts_over_after_a_success() {
    let limiter = Limiter::new(60_000, 0.0);
    for seconds in [5.0, 10.0, 20.0, 40.0, 60.0, 60.0] {
        limiter.permit().await.refused_by_the_edge(0.5);
        let waited = next_permit(&limiter).await;
        assert!((waited - seconds).abs() < 0.1, "{waited} instead of {seconds}");
    }
    limiter.permit().await.succeeded();
    limiter.permit().await.refused_by_the_edge(0.5);
    assert!((next_permit(&limiter).await - 5.0).abs() < 0.1);
}

#[tokio::test(start_paused = true)]
async fn requests_refused_together_count_as_one_refusal() {
    let limiter = Limiter::new(60_000, 0.0);
    let mut permits = Vec::new();
    for _ in 0..8 {
        permits.push(limiter.permit().await);
    }
    tokio::time::advance(Duration::from_millis(50)).await;
    for permit in &permits {
        permit.refused_by_the_edge(0.5);
    }
    drop(permits);
    let waited = next_permit(&limiter).await;
    assert!((4.9..5.2).contains(&waited), "{waited}");
}

#[tokio::test(start_paused = true)]
async fn the_reserve_is_kept_until_the_window_is_over() {
    for (reserve, remaining, paused) in
        [(0.25, 501, false), (0.25, 500, true), (0.25, 0, true), (0.0, 1, false), (0.0, 0, true)]
    {
        let limiter = Limiter::new(60_000, reserve);
        limiter.permit().await.saw_budget(budget(2000, remaining));
        let waited = next_permit(&limiter).await;
        assert_eq!(waited > 59.0, paused, "reserve {reserve}, {remaining} left: {waited}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_counts_as_spent() {
    let limiter = Limiter::new(60_000, 0.25);
    let flying = [limiter.permit().await, limiter.permit().await, limiter.permit().await];
    limiter.permit().await.saw_budget(budget(2000, 503));
    assert!(next_permit(&limiter).await > 59.0);
    drop(flying);
    limiter.permit().await.saw_budget(budget(2000, 503));
    assert!(next_permit(&limiter).await < 1.0);
}

#[tokio::test(start_paused = true)]
async fn the_pause_ends_with_the_window_not_a_window_later() {
    let limiter = Limiter::new(60_000, 0.25);
    limiter.permit().await.saw_budget(budget(2000, 1900));
    tokio::time::advance(Duration::from_secs(40)).await;
    limiter.permit().await.saw_budget(budget(2000, 400));
    let waited = next_permit(&limiter).await;
    assert!((19.0..=20.1).contains(&waited), "{waited}");
    // A new window with plenty left: nobody waits.
    limiter.permit().await.saw_budget(budget(2000, 1999));
    assert!(next_permit(&limiter).await < 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_wait_takes_no_permit() {
    let limiter = Limiter::new(60, 0.0);
    limiter.permit().await;
    for _ in 0..5 {
        assert!(tokio::time::timeout(Duration::from_millis(10), limiter.permit()).await.is_err());
    }
    assert!(next_permit(&limiter).await <= 1.0);
    assert_eq!(limiter.state().in_flight, 0);
}
