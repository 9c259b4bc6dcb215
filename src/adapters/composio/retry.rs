//! Repeats an attempt until it succeeds, is final, or the attempts or the time are used up.
//!
//! The only file that uses the `backoff` crate, which is unmaintained (RUSTSEC-2025-0012; `deny.toml` says
//! why it is here). It has no cap on attempts, lets a `Retry-After` of zero spin for ever and draws its
//! jitter from ambient randomness; so the attempts are counted here, a deadline lies around the whole,
//! `Retry-After` is capped and kept by the limiter, and the jitter comes from the seed.
//!
//! Dropping the future at any point loses nothing.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use backoff::backoff::Backoff;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};

use super::errors::{Again, Failure};
use super::limiter::LONGEST_PAUSE;
use crate::domain::IdMint;
use crate::telemetry::events;

/// How often and how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct RetryPolicy {
    /// Attempts in all; at least 1.
    pub(super) max_attempts: u32,
    /// A backstop for all attempts of one request, their waits and permits included.
    pub(super) deadline: Duration,
}

/// First wait between attempts (contract, section 9); doubles each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Longest wait between attempts; the default five attempts never reach it.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

impl RetryPolicy {
    /// The deadline leaves every attempt its whole time and the longest pause the limiter may impose.
    pub(super) fn new(max_attempts: u32, timeout_total: Duration) -> Self {
        let per_attempt = timeout_total.saturating_add(LONGEST_PAUSE).saturating_add(LONGEST_WAIT);
        Self { max_attempts, deadline: per_attempt.saturating_mul(max_attempts) }
    }
}

/// Runs `attempt` with its number (1 is the first) until it is over. On failure, the last failure and how
/// many attempts were made.
pub(super) async fn retry<T, F, Fut>(policy: RetryPolicy, mint: &IdMint, attempt: F) -> Result<T, (Failure, u32)>
where
    F: Fn(u32) -> Fut,
    Fut: Future<Output = Result<T, Failure>>,
{
    let made = AtomicU32::new(0);
    let one = async || {
        let number = made.fetch_add(1, Ordering::Relaxed) + 1;
        attempt(number).await.map_err(|failure| {
            if failure.again == Again::No || number >= policy.max_attempts {
                backoff::Error::permanent(failure)
            } else if failure.again == Again::WhenPermitted {
                backoff::Error::retry_after(failure, Duration::ZERO)
            } else {
                backoff::Error::transient(failure)
            }
        })
    };
    let log = |failure: Failure, wait: Duration| {
        tracing::warn!(
            event = events::PROVIDER_RETRY,
            attempt = made.load(Ordering::Relaxed),
            max_attempts = policy.max_attempts,
            retry_in_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            reason = failure.words(),
            "A request to the provider failed and is tried again."
        );
    };
    let run = backoff::future::retry_notify(Waits::new(mint), one, log);
    let outcome = tokio::time::timeout(policy.deadline, run).await;
    let made = made.load(Ordering::Relaxed);
    match outcome {
        Ok(result) => result.map_err(|failure| (failure, made)),
        Err(_) => Err((Failure::transient(format!("gave up after {} s", policy.deadline.as_secs())), made)),
    }
}

/// 1 s, 2 s, 4 s, … each spread by ±25 %.
struct Waits<'a> {
    ladder: ExponentialBackoff,
    mint: &'a IdMint,
}

impl<'a> Waits<'a> {
    fn new(mint: &'a IdMint) -> Self {
        let ladder = ExponentialBackoffBuilder::new()
            .with_initial_interval(FIRST_WAIT)
            .with_multiplier(2.0)
            .with_randomization_factor(0.0)
            .with_max_interval(LONGEST_WAIT)
            .with_max_elapsed_time(None)
            .build();
        Self { ladder, mint }
    }
}

impl Backoff for Waits<'_> {
    fn next_backoff(&mut self) -> Option<Duration> {
        self.ladder.next_backoff().map(|wait| wait.mul_f64(0.75 + 0.5 * self.mint.unit()))
    }

    fn reset(&mut self) {
        self.ladder.reset();
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::ports::ProviderError;

    const POLICY: RetryPolicy = RetryPolicy { max_attempts: 5, deadline: Duration::from_hours(1) };

    #[tokio::test(start_paused = true)]
    async fn attempts_are_counted_and_spread() {
        let began = Instant::now();
        let outcome: Result<(), _> =
            retry(POLICY, &IdMint::new(1), async |_| Err(Failure::transient("HTTP 503".into()))).await;
        let (failure, attempts) = outcome.unwrap_err();
        assert_eq!(attempts, 5);
        assert_eq!(failure.words(), "HTTP 503");
        let took = began.elapsed().as_secs_f64();
        assert!((11.25..=18.75).contains(&took), "1 + 2 + 4 + 8 s, ±25 %: {took}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_success_ends_it_and_final_failures_are_not_repeated() {
        let mint = IdMint::new(1);
        let fine = retry(POLICY, &mint, async |n| if n < 3 { Err(Failure::unreadable("x")) } else { Ok(n) });
        assert_eq!(fine.await.unwrap(), 3);
        for failure in [|| Failure::is_final(ProviderError::Gone), || Failure::timed_out(2)] {
            let outcome: Result<(), _> = retry(POLICY, &IdMint::new(1), async |_| Err(failure())).await;
            assert_eq!(outcome.unwrap_err().1, 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_of_zero_does_not_spin_and_the_deadline_ends_a_hanging_attempt() {
        let outcome: Result<(), _> =
            retry(POLICY, &IdMint::new(1), async |_| Err(Failure::throttled("HTTP 429".into()))).await;
        assert_eq!(outcome.unwrap_err().1, 5);
        let outcome: Result<(), _> = retry(POLICY, &IdMint::new(1), async |_| std::future::pending().await).await;
        let (failure, attempts) = outcome.unwrap_err();
        assert_eq!((failure.words().as_str(), attempts), ("gave up after 3600 s", 1));
    }
}
