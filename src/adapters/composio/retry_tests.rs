//! Attempts, waits and bounds on paused time.

use std::sync::Mutex;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

use super::errors::{Failure, Transient, TransientKind};
use super::limiter::{Limiter, Place};
use super::retry::{LONGEST_WAIT, RetryRules, retry_after, wait_after, with_retries};
use crate::domain::{IdMint, from_millis};
use crate::ports::ProviderError;

fn failed(kind: TransientKind, retry_after: Option<Duration>) -> Transient {
    Transient { kind, what: "HTTP 503".into(), retry_after, forbidden: false, request_id: "r".into() }
}

fn rules(max_attempts: u32) -> RetryRules {
    RetryRules { max_attempts, deadline: Duration::from_mins(30) }
}

#[test]
fn waits_double_from_a_second_or_from_five_after_a_429() {
    let waits = |kind, unit| -> Vec<u128> {
        (1..=8).map(|number| wait_after(number, &failed(kind, None), unit).as_millis()).collect()
    };
    let usual = [1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000];
    for kind in [TransientKind::Server, TransientKind::Transport, TransientKind::TimedOut] {
        assert_eq!(waits(kind, 0.5), usual, "{kind:?}");
    }
    assert_eq!(waits(TransientKind::Server, 0.0)[..3], [750, 1500, 3000]);
    assert_eq!(waits(TransientKind::Server, 1.0)[..3], [1250, 2500, 5000]);
    assert_eq!(waits(TransientKind::Throttled, 0.0)[..5], [5000, 10000, 20000, 40000, 60000]);
    assert_eq!(waits(TransientKind::Throttled, 1.0)[..5], [6250, 12500, 25000, 50000, 60000]);
    let asked = |seconds| wait_after(1, &failed(TransientKind::Throttled, Some(Duration::from_secs(seconds))), 1.0);
    assert_eq!(asked(0), Duration::ZERO);
    assert_eq!(asked(61), Duration::from_secs(61), "no jitter on what was asked for");
    assert_eq!(asked(999_999), LONGEST_WAIT);
}

#[test]
fn the_wait_asked_for_is_read_from_seconds_milliseconds_and_dates() {
    let now = from_millis(1_768_003_200_000); // Sat, 10 Jan 2026 00:00:00 GMT
    for (ms, after, expected_ms) in [
        (None, None, None),
        (None, Some("3"), Some(3000)),
        (None, Some(" 0 "), Some(0)),
        (None, Some("1.5"), Some(1500)),
        (Some("20"), Some("3"), Some(20)),
        (Some("soon"), Some("3"), Some(3000)),
        (Some("-5"), None, None),
        (None, Some("Sat, 10 Jan 2026 00:01:30 GMT"), Some(90_000)),
        (None, Some("Fri, 09 Jan 2026 00:00:00 GMT"), Some(0)),
        (None, Some("inf"), None),
        (None, Some("1e300"), None),
        (None, Some("NaN"), None),
        (None, Some("later"), None),
    ] {
        let mut headers = HeaderMap::new();
        for (name, value) in [("retry-after-ms", ms), ("retry-after", after)] {
            if let Some(value) = value {
                headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
        }
        let read = retry_after(&headers, now).map(|wait| wait.as_millis());
        assert_eq!(read, expected_ms, "{ms:?} {after:?}");
    }
}

/// Runs attempts that fail as `failures` say, then succeed; gives the result and when each attempt began.
async fn run(
    rules: RetryRules,
    per_minute: u32,
    failures: impl Fn(u32) -> Option<Failure>,
) -> (Result<u32, ProviderError>, Vec<Duration>) {
    let (limiter, jitter, log) = (Limiter::new(per_minute, 0.0), IdMint::new(1), Mutex::new(Vec::new()));
    let begun = Instant::now();
    let result = with_retries(rules, (&limiter, Place::InTurn), &jitter, |number| {
        log.lock().unwrap().push(begun.elapsed());
        let outcome = failures(number).map_or(Ok(number), Err);
        async move { outcome }
    })
    .await;
    (result, log.into_inner().unwrap())
}

#[tokio::test(start_paused = true)]
async fn attempts_end_at_their_number_and_every_one_takes_a_permit() {
    let zero = || Failure::Transient(failed(TransientKind::Server, Some(Duration::ZERO)));
    // 6 permits a minute: with waits of zero, only the limiter spaces the attempts.
    let (result, log) = run(rules(4), 6, |_| Some(zero())).await;
    assert_eq!(result.unwrap_err().to_string(), "the provider is unavailable after 4 attempts (HTTP 503)");
    let seconds: Vec<u64> = log.iter().map(Duration::as_secs).collect();
    assert_eq!(seconds, [0, 10, 20, 30]);

    let (result, log) = run(rules(4), 60_000, |number| (number < 3).then(zero)).await;
    assert_eq!((result.unwrap(), log.len()), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_help_is_not_repeated() {
    let forbidden =
        || Failure::Transient(Transient { forbidden: true, ..failed(TransientKind::Server, Some(Duration::ZERO)) });
    let (result, log) = run(rules(5), 60_000, |_| Some(forbidden())).await;
    assert!(matches!(result, Err(ProviderError::Unavailable { attempts: 1, .. })), "{result:?}");
    assert_eq!(log.len(), 1);
    let (result, log) = run(rules(5), 60_000, |_| Some(Failure::Final(ProviderError::Gone))).await;
    assert!(matches!(result, Err(ProviderError::Gone)) && log.len() == 1);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_holds_whatever_waits_are_asked_for() {
    let slow = || Failure::Transient(failed(TransientKind::Throttled, Some(LONGEST_WAIT)));
    let begun = Instant::now();
    let (result, log) = run(rules(1000), 60_000, |_| Some(slow())).await;
    assert!(matches!(result, Err(ProviderError::Unavailable { attempts: 3, .. })), "{result:?}");
    assert_eq!(log.len(), 3);
    assert!(begun.elapsed() <= Duration::from_mins(30), "{:?}", begun.elapsed());

    // An attempt that never ends is cut off too.
    let (limiter, jitter) = (Limiter::new(60_000, 0.0), IdMint::new(1));
    let begun = Instant::now();
    let endless = |_| std::future::pending::<Result<(), Failure>>();
    let error = with_retries(rules(5), (&limiter, Place::InTurn), &jitter, endless).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unavailable { attempts: 1, .. }), "{error}");
    assert_eq!(begun.elapsed().as_secs(), 1800);
}

#[tokio::test(start_paused = true)]
async fn a_429_or_a_wait_asked_for_pauses_the_other_tasks() {
    for (kind, asked_s, held_s) in [
        (TransientKind::Throttled, Some(40), 40),
        (TransientKind::Throttled, None, 5),
        (TransientKind::Server, Some(9), 9),
        (TransientKind::Server, None, 0),
        (TransientKind::Transport, None, 0),
    ] {
        for max_attempts in [1, 2] {
            let (limiter, jitter) = (Limiter::new(60_000, 0.0), IdMint::new(1));
            let fail =
                |_| async move { Err::<(), _>(Failure::Transient(failed(kind, asked_s.map(Duration::from_secs)))) };
            // The failing task is dropped while it waits, or has given up: the pause stays.
            let run = with_retries(rules(max_attempts), (&limiter, Place::InTurn), &jitter, fail);
            tokio::time::timeout(Duration::from_millis(100), run).await.ok();
            let begun = Instant::now();
            limiter.permit(Place::InTurn).await;
            let held = (begun.elapsed() + Duration::from_millis(150)).as_secs();
            assert!(held >= held_s && held <= held_s + 2, "{kind:?} {asked_s:?} {max_attempts}: {held} s");
        }
    }
}
