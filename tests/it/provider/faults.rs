//! Every fault, as an error where it stays and as a whole list where it passes.

use std::time::Duration;

use reconnectd::ports::{Provider as _, ProviderError};
use reconnectd::simulator::Fault;

use super::Bench;

/// The error's variant, and what it says apart from that.
fn kind(error: &ProviderError) -> &'static str {
    match error {
        ProviderError::Unauthorized { .. } => "unauthorized",
        ProviderError::Gone => "gone",
        ProviderError::ForeignAccount { .. } => "foreign",
        ProviderError::OwnerMissing => "owner missing",
        ProviderError::Rejected { .. } => "rejected",
        ProviderError::TimedOut(_) => "timed out",
        ProviderError::TooManyPages(_) => "too many pages",
        ProviderError::Unavailable { .. } => "unavailable",
        ProviderError::Malformed(_) => "malformed",
    }
}

#[tokio::test]
async fn a_fault_that_stays_is_an_error_of_its_kind() {
    for (fault, expected, words) in [
        (Fault::RateLimited, "unavailable", "HTTP 429"),
        (Fault::EdgeRateLimited, "unavailable", "HTTP 429"),
        (Fault::ServerError, "unavailable", "HTTP 50"),
        (Fault::Status(408), "unavailable", "HTTP 408"),
        (Fault::Status(599), "unavailable", "HTTP 599"),
        (Fault::Html, "unavailable", "HTTP 502"),
        (Fault::Reset, "unavailable", "after 1 attempts (the connection ended early"),
        (Fault::Closed, "unavailable", "the connection ended early"),
        (Fault::Truncated, "unavailable", "the connection ended early"),
        (Fault::HtmlWithOk, "malformed", "not JSON"),
        (Fault::NoItems, "malformed", "no `items`"),
        (Fault::Status(400), "rejected", "HTTP 400 [Simulated_Fault]"),
        (Fault::Status(404), "rejected", "HTTP 404"),
        (Fault::Status(413), "rejected", "HTTP 413"),
        (Fault::Status(414), "rejected", "HTTP 414"),
        (Fault::Status(422), "rejected", "HTTP 422"),
        (Fault::Status(501), "rejected", "HTTP 501"),
        (Fault::Status(401), "unauthorized", "HTTP 401 [Simulated_Fault]"),
        (Fault::Status(403), "unauthorized", "HTTP 403"),
        (Fault::Status(410), "gone", "410"),
    ] {
        let bench = Bench::with(|settings| settings.max_attempts = 1).await;
        bench.put(&[("ca_1", "u")]);
        bench.simulator.fail_next(fault, 1);
        let error = bench.ask(&["u"]).await.unwrap_err();
        assert_eq!(kind(&error), expected, "{fault:?}: {error}");
        assert!(error.to_string().contains(words), "{fault:?}: {error}");
        assert_eq!(error.stops_the_run(), ["unauthorized", "gone"].contains(&expected), "{fault:?}");
        assert_eq!(bench.provider.usage().requests, 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_fault_that_passes_costs_one_more_request() {
    // Waits of about a second each, all at once.
    let cases = [
        Fault::RateLimited,
        Fault::ServerError,
        Fault::Status(408),
        Fault::Html,
        Fault::Reset,
        Fault::Closed,
        Fault::Truncated,
    ];
    futures_util::future::join_all(cases.map(|fault| async move {
        let bench = Bench::new().await;
        bench.put(&[("ca_1", "u"), ("ca_2", "v")]);
        bench.simulator.fail_next(fault, 1);
        let list = bench.ask(&["u", "v"]).await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert_eq!(list.accounts.len(), 2, "{fault:?}");
        let usage = bench.provider.usage();
        assert_eq!((usage.requests, usage.retries), (2, 1), "{fault:?}");
    }))
    .await;
}

#[tokio::test]
async fn what_is_final_is_asked_once() {
    for fault in [Fault::Status(401), Fault::Status(410), Fault::Status(422), Fault::Status(501), Fault::HtmlWithOk] {
        let bench = Bench::with(|settings| settings.max_attempts = 5).await;
        bench.simulator.fail_next(fault, 5);
        bench.ask(&["u"]).await.unwrap_err();
        assert_eq!((bench.provider.usage().requests, bench.provider.usage().retries), (1, 0), "{fault:?}");
    }
}

#[tokio::test]
async fn a_timeout_is_the_callers_matter_for_many_and_tried_again_for_one() {
    let quick = |settings: &mut reconnectd::adapters::composio::ComposioSettings| {
        settings.timeout_total = Duration::from_millis(400);
    };
    for fault in [Fault::Slow, Fault::SlowBody] {
        let bench = Bench::with(quick).await;
        bench.put(&[("ca_1", "u")]);
        bench.simulator.change(|settings| settings.faults.slow_for = Duration::from_mins(5));
        bench.simulator.fail_next(fault, 1);
        let error = bench.ask(&["u", "v"]).await.unwrap_err();
        assert!(matches!(error, ProviderError::TimedOut(limit) if limit == Duration::from_millis(400)), "{error}");
        assert_eq!(bench.provider.usage().requests, 1);

        bench.simulator.fail_next(fault, 1);
        assert_eq!(bench.ask(&["u"]).await.unwrap().accounts.len(), 1, "{fault:?}");
        bench.simulator.fail_next(fault, 2);
        let error = bench.ask(&["u"]).await.unwrap_err();
        assert_eq!(error.to_string(), "the provider is unavailable after 2 attempts (no answer within 400ms)");
    }
}

#[tokio::test]
async fn nobody_listening_is_unavailable() {
    let bench = Bench::with(|settings| settings.max_attempts = 1).await;
    let Bench { simulator, provider } = bench;
    simulator.shutdown().await;
    let error = provider.accounts_of(&super::users(&["u"])).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the provider is unavailable after 1 attempts (connecting failed: connection refused)"
    );
}

#[tokio::test]
async fn the_wait_one_task_is_told_holds_the_others() {
    let bench = Bench::with(|settings| settings.max_attempts = 1).await;
    bench.simulator.change(|settings| settings.faults.retry_after = Duration::from_secs(1));
    bench.simulator.fail_next(Fault::RateLimited, 1);
    bench.ask(&["u"]).await.unwrap_err();
    let begun = tokio::time::Instant::now();
    bench.ask(&["v"]).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_cancelled_call_harms_nobody() {
    let bench = Bench::new().await;
    bench.put(&[("ca_1", "u")]);
    bench.simulator.change(|settings| settings.faults.slow_for = Duration::from_mins(5));
    for _ in 0..3 {
        bench.simulator.fail_next(Fault::SlowBody, 1);
        tokio::time::timeout(Duration::from_millis(100), bench.ask(&["u"])).await.unwrap_err();
    }
    assert_eq!(bench.ask(&["u"]).await.unwrap().accounts.len(), 1);
}
