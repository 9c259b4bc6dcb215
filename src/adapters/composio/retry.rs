//! Repeats an attempt that may succeed later: the only file that uses `backoff`.
//!
//! `backoff` counts no attempts, and ignores its own time limit once a wait is given with the error. Both
//! limits are therefore ours: a number of attempts, and one deadline around all of them and their waits.
//! Every wait is computed here and handed over with the error; the crate's policy is never asked.
//!
//! Guarantees: at most `max_attempts` attempts, each with a permit of its own; no wait longer than
//! [`LONGEST_WAIT`]; a wait the provider asked for, and any 429, holds every other task too.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use tokio::time::{Instant, timeout_at};

use super::errors::{Failure, Transient, TransientKind};
use super::limiter::{Limiter, PauseFor, Place};
use super::waiting::Waits;
use crate::domain::{IdMint, Timestamp};
use crate::ports::ProviderError;
use crate::telemetry::events;
use crate::telemetry::metrics::WaitReason;

/// The longest wait or pause, whatever the provider asks for: the longest window it ever documented (600 s,
/// plans of before April 2026). A shorter cap would spend every attempt inside one such window.
pub const LONGEST_WAIT: Duration = Duration::from_mins(10);

/// How long one request may take with all its waits: three of the longest windows. After that the user is
/// unknown and the run goes on.
pub(super) const DEADLINE: Duration = Duration::from_mins(30);

/// First wait after a 429 that names none: the edge blocks for 15 to 30 s at a time (contract, section 4).
const FIRST_THROTTLED_WAIT: Duration = Duration::from_secs(5);
/// First wait after anything else.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait of our own making.
const LONGEST_OWN_WAIT: Duration = Duration::from_mins(1);

/// The bounds of one request with its repetitions.
#[derive(Debug, Clone, Copy)]
pub(super) struct RetryRules {
    /// Attempts, the first included; at least 1.
    pub max_attempts: u32,
    /// For all attempts and waits together, the wait for permits included.
    pub deadline: Duration,
}

/// Makes attempts until one succeeds, one fails for good, or a bound is reached. `attempt` gets its number,
/// 1 is the first. Safe to cancel: nothing but the attempt under way is lost.
pub(super) async fn with_retries<T, F, Fut>(
    rules: RetryRules,
    (limiter, place): (&Limiter, Place),
    jitter: &IdMint,
    attempt: F,
) -> Result<T, ProviderError>
where
    F: Fn(u32) -> Fut,
    Fut: Future<Output = Result<T, Failure>>,
{
    let ends_at = Instant::now() + rules.deadline;
    let made = AtomicU32::new(0);
    let last = Mutex::new(String::from("the deadline passed before the first attempt"));
    // The wait before the next attempt, where the provider's limit is what it is for.
    let wait: Mutex<Option<Waits>> = Mutex::new(None);
    let count_wait = |waits| *wait.lock().unwrap_or_else(PoisonError::into_inner) = waits;
    let run = backoff::future::retry(backoff::backoff::Stop {}, || async {
        count_wait(None);
        limiter.permit(place).await;
        let number = made.fetch_add(1, Ordering::SeqCst) + 1;
        match attempt(number).await {
            Ok(value) => Ok(value),
            Err(Failure::Final(error)) => Err(backoff::Error::permanent(error)),
            Err(Failure::Transient(failed)) => {
                last.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&failed.what);
                let asked_to_wait = failed.is_limited();
                let next = after(rules.max_attempts, ends_at, limiter, jitter, number, failed);
                if asked_to_wait && matches!(next, backoff::Error::Transient { .. }) {
                    count_wait(Some(limiter.waits(WaitReason::Pause)));
                }
                Err(next)
            }
        }
    });
    match timeout_at(ends_at, run).await {
        Ok(result) => result,
        Err(_elapsed) => {
            let last = last.into_inner().unwrap_or_else(PoisonError::into_inner);
            Err(ProviderError::Unavailable { attempts: made.into_inner(), last })
        }
    }
}

/// What follows a failed attempt: a pause for everybody where one is due, then a wait or the end.
fn after(
    max_attempts: u32,
    ends_at: Instant,
    limiter: &Limiter,
    jitter: &IdMint,
    number: u32,
    failed: Transient,
) -> backoff::Error<ProviderError> {
    let wait = wait_after(number, &failed, jitter.unit());
    hold_all(limiter, &failed, wait);
    if failed.forbidden || number >= max_attempts || Instant::now() + wait >= ends_at {
        return backoff::Error::permanent(ProviderError::Unavailable { attempts: number, last: failed.what });
    }
    tracing::warn!(
        event = events::PROVIDER_RETRY,
        attempt = number,
        wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
        class = failed.kind.class(),
        error = %failed.what,
        request_id = %failed.request_id,
        "A request to the provider failed and is tried again."
    );
    backoff::Error::retry_after(ProviderError::Unavailable { attempts: number, last: failed.what }, wait)
}

/// Holds everybody for `wait` where the provider asked for it, or refused for the rate without saying for how long.
pub(super) fn hold_all(limiter: &Limiter, failed: &Transient, wait: Duration) {
    if failed.retry_after.is_some() {
        limiter.pause(wait, PauseFor::RetryAfter);
    } else if failed.kind == TransientKind::Throttled {
        limiter.pause(wait, PauseFor::Throttled);
    }
}

/// How long to wait after attempt `number` (1 is the first) failed. `unit` in `0.0..1.0` spreads the waits of
/// our own making: ±25 %, after a 429 only upwards because its first 5 s are a least.
pub(super) fn wait_after(number: u32, failed: &Transient, unit: f64) -> Duration {
    if let Some(asked) = failed.retry_after {
        return asked.min(LONGEST_WAIT);
    }
    let doublings = 2_u32.saturating_pow(number.saturating_sub(1).min(16));
    let (first, spread) = match failed.kind {
        TransientKind::Throttled => (FIRST_THROTTLED_WAIT, 1.0 + 0.25 * unit),
        _ => (FIRST_WAIT, 0.75 + 0.5 * unit),
    };
    first.saturating_mul(doublings).min(LONGEST_OWN_WAIT).mul_f64(spread).min(LONGEST_OWN_WAIT)
}

/// What an answer asks to wait: `retry-after-ms`, or `retry-after` in seconds or as an HTTP date seen from
/// `now` (a past one is no wait). Not capped here. None where neither can be read.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let seconds = |text: &str, unit: f64| {
        let value = text.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0)?;
        Duration::try_from_secs_f64(value * unit).ok()
    };
    if let Some(wait) = text("retry-after-ms").and_then(|text| seconds(text, 0.001)) {
        return Some(wait);
    }
    let text = text(RETRY_AFTER.as_str())?;
    seconds(text, 1.0).or_else(|| {
        let at = chrono::DateTime::parse_from_rfc2822(text).ok()?;
        Some((at.to_utc() - now).to_std().unwrap_or_default())
    })
}
