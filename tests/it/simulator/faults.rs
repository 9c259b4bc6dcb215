//! Bad days: every fault as a client sees it, by script, by user and by chance.

use std::collections::HashMap;
use std::error::Error as _;
use std::io::ErrorKind;
use std::time::Duration;

use reconnectd::domain::UserId;
use reconnectd::simulator::{Fault, Faults, Simulator, SimulatorError, SimulatorOptions};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Bench, header};

/// The operating system's word at the root of a client error, if it has one.
fn io_kind(error: &reqwest::Error) -> Option<ErrorKind> {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        cause = inner.source();
    }
    None
}

#[tokio::test]
async fn faults_that_answer() {
    let bench = Bench::new().await;
    let cases = [
        (Fault::RateLimited, vec![429], "application/json; charset=utf-8", "1", "10000"),
        (Fault::EdgeRateLimited, vec![429], "application/json; charset=utf-8", "", ""),
        (Fault::ServerError, vec![500, 502, 503], "application/json; charset=utf-8", "", "10000"),
        (Fault::Status(422), vec![422], "application/json; charset=utf-8", "", "10000"),
        (Fault::Html, vec![502], "text/html; charset=utf-8", "", ""),
        (Fault::HtmlWithOk, vec![200], "text/html; charset=utf-8", "", ""),
    ];
    for (fault, statuses, kind, retry_after, limit) in cases {
        bench.simulator.fail_next(fault, 1);
        let response = bench.ask("").await;
        assert!(statuses.contains(&response.status().as_u16()), "{fault:?}: {}", response.status());
        assert_eq!(header(&response, "content-type"), kind, "{fault:?}");
        assert_eq!(header(&response, "retry-after"), retry_after, "{fault:?}");
        assert_eq!(header(&response, "x-ratelimit"), limit, "{fault:?}");
        let body = response.text().await.unwrap();
        match fault {
            Fault::RateLimited => assert!(body.starts_with(r#"{"message":"Rate limit exceeded."#), "{body}"),
            Fault::EdgeRateLimited => {
                let body: Value = serde_json::from_str(&body).unwrap();
                assert_eq!(body, json!({"code": 10429, "slug": "HTTP_TooManyRequests"}));
            }
            Fault::Html | Fault::HtmlWithOk => assert!(body.starts_with("<!DOCTYPE html>"), "{body}"),
            _ => assert!(body.contains("Simulated_Fault"), "{body}"),
        }
        assert_eq!(bench.ask("").await.status(), 200, "after {fault:?}");
    }
}

#[tokio::test]
async fn faults_that_break_the_connection() {
    let bench = Bench::new().await;
    bench.put(&[("ca_1", "u", "gmail")]);
    for fault in [Fault::Reset, Fault::Closed] {
        bench.simulator.fail_next(fault, 1);
        let error = bench.get("/api/v3.1/connected_accounts").send().await.unwrap_err();
        let was_reset = io_kind(&error) == Some(ErrorKind::ConnectionReset);
        assert_eq!(was_reset, fault == Fault::Reset, "{fault:?}: {error:?}");
        assert_eq!(bench.ask("").await.status(), 200, "the next connection works");
    }
    bench.simulator.fail_next(Fault::Truncated, 1);
    let mut response = bench.ask("").await;
    let promised = response.content_length().unwrap();
    let first = response.chunk().await.unwrap().expect("half of the body");
    assert_eq!(first.len() as u64, promised / 2);
    response.chunk().await.expect_err("the other half never comes");
    assert_eq!(bench.ids("").await, ["ca_1"]);
}

#[tokio::test]
async fn faults_that_take_their_time() {
    let bench = Bench::with(|options| options.settings.faults.slow_for = Duration::from_millis(250)).await;
    bench.put(&[("ca_1", "u", "gmail")]);
    for fault in [Fault::Slow, Fault::SlowBody] {
        bench.simulator.fail_next(fault, 1);
        let begun = Instant::now();
        let response = bench.ask("").await;
        let head_late = begun.elapsed() >= Duration::from_millis(250);
        assert_eq!(head_late, fault == Fault::Slow, "{fault:?}");
        let list: Value = response.json().await.unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(250), "{fault:?}");
        assert_eq!(list["total_items"], 1);
    }
    bench.simulator.change(|settings| settings.latency = Duration::from_millis(60));
    let begun = Instant::now();
    bench.ids("").await;
    assert!(begun.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn lists_that_cannot_be_trusted() {
    let bench = Bench::new().await;
    bench.put(&[("ca_1", "u", "gmail")]);
    bench.simulator.fail_next(Fault::NoItems, 1);
    assert_eq!(bench.list("").await, json!({}));
    bench.simulator.fail_next(Fault::RepeatedCursor, 2);
    let first = bench.list("").await;
    let cursor = first["next_cursor"].as_str().unwrap().replace('=', "%3D");
    let second = bench.list(&format!("cursor={cursor}")).await;
    assert_eq!((&first["next_cursor"], super::ids_of(&second)), (&second["next_cursor"], vec!["ca_1".to_owned()]));
}

#[tokio::test]
async fn a_script_runs_first_then_the_faults_of_users() {
    let bench = Bench::new().await;
    let bad = UserId::new("bad");
    bench.simulator.fail_user(&bad, Fault::Status(400));
    bench.simulator.fail_next(Fault::Status(503), 2);
    bench.simulator.fail_next(Fault::EdgeRateLimited, 1);
    let mut seen = Vec::new();
    for query in ["user_ids=a,bad", "", "", "", "user_ids=a,bad,b", "user_ids=a", "user_ids=badly"] {
        seen.push(bench.ask(query).await.status().as_u16());
    }
    assert_eq!(seen, [503, 503, 429, 200, 400, 200, 200]);
    bench.simulator.heal_user(&bad);
    assert_eq!(bench.ask("user_ids=bad").await.status(), 200);
    assert_eq!(bench.simulator.request_count(), 8);
}

/// What a client saw of each of 300 requests.
async fn weather(seed: u64) -> Vec<u16> {
    let bench = Bench::with(|options| {
        options.seed = seed;
        options.settings.org_limit_per_minute = None;
        options.settings.faults = Faults {
            rate_429_with_headers: 0.1,
            rate_429_edge: 0.1,
            rate_5xx: 0.1,
            rate_reset: 0.1,
            rate_truncated: 0.1,
            rate_html: 0.1,
            rate_slow: 0.1,
            slow_for: Duration::from_millis(1),
            ..Faults::default()
        };
    })
    .await;
    let mut codes = Vec::new();
    for _ in 0..300 {
        let code = match bench.get("/api/v3.1/connected_accounts").send().await {
            Err(_) => 1,
            Ok(response) => {
                let status = response.status().as_u16();
                if response.bytes().await.is_ok() { status } else { 2 }
            }
        };
        codes.push(code);
    }
    codes
}

#[tokio::test]
async fn chance_follows_the_seed_and_the_rates() {
    let (one, again, other) = (weather(7).await, weather(7).await, weather(8).await);
    assert_eq!(one, again);
    assert_ne!(one, other);
    let mut counts: HashMap<u16, u32> = HashMap::new();
    for code in one {
        *counts.entry(code).or_default() += 1;
    }
    // 300 draws: 30 expected of each kind at 10 %, 120 whole ones (30 of them slow).
    let share = |codes: &[u16]| codes.iter().map(|code| counts.get(code).copied().unwrap_or(0)).sum::<u32>();
    for (codes, least, most) in
        [(&[429][..], 35, 90), (&[1], 12, 55), (&[2], 12, 55), (&[500, 502, 503], 35, 90), (&[200], 85, 160)]
    {
        assert!((least..=most).contains(&share(codes)), "{codes:?} in {counts:?}");
    }
}

#[tokio::test]
async fn options_out_of_range_and_a_taken_port_are_refused() {
    let bench = Bench::new().await;
    let clock = bench.clock.clone();
    let mut options = SimulatorOptions::new(clock.clone());
    options.settings.faults.rate_5xx = 1.5;
    let refused = Simulator::start(options).await.err().expect("a rate above 1");
    assert_eq!(refused.to_string(), "simulator: rate_5xx must lie between 0 and 1, not 1.5");

    let port = bench.simulator.base_url().port().unwrap();
    let again = || SimulatorOptions { port, ..SimulatorOptions::new(clock.clone()) };
    assert!(matches!(Simulator::start(again()).await, Err(SimulatorError::Listen { .. })));
    // Shutting down cuts the idle connection of the client's pool too, and frees the port.
    // A request that waits for its answer is cut off as well.
    bench.simulator.change(|settings| settings.faults.slow_for = Duration::from_mins(5));
    bench.simulator.fail_next(Fault::Slow, 1);
    let waiting = tokio::spawn(bench.get("/api/v3.1/connected_accounts").send());
    while bench.simulator.request_count() == 0 {
        tokio::task::yield_now().await;
    }
    bench.ids("").await;
    let Bench { simulator, client, .. } = bench;
    tokio::time::timeout(Duration::from_secs(5), simulator.shutdown()).await.expect("shutdown hangs");
    waiting.await.unwrap().expect_err("no answer comes any more");
    let url = format!("http://127.0.0.1:{port}/api/v3.1/connected_accounts");
    client.get(&url).send().await.expect_err("nobody listens");
    let revived = Simulator::start(again()).await.unwrap();
    assert_eq!(client.get(&url).send().await.unwrap().status(), 401);
    drop(revived);
}
