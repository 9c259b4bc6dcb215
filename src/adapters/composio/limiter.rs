//! The one door to the provider: turns a wish to send into a permit, in the order asked.
//!
//! Three brakes. A steady rate (governor, no bursts). A pause for everybody when the provider says so: a
//! 429, or `Retry-After` on any failure. A pause for everybody before the organisation's remaining budget
//! falls under the reserve, because the product's own calls live from the same budget.
//!
//! Cancel-safe: a permit is taken only when it is handed out, and gives its place back when dropped.

use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::time::{Instant, sleep, sleep_until};

use super::headers::Budget;
use crate::telemetry::events;

/// No pause is longer. The longest window the provider has used is 600 s (older plans; contract, section
/// 4), and `Retry-After` names the rest of the window: a shorter cap would knock at a closed door.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_mins(10);
/// No pause after a 429 is shorter: `Retry-After: 0` with a refusal is not an invitation.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// The edge's 429 comes without headers in blocks of 15 to 30 s (contract, section 4).
const EDGE_FIRST_PAUSE: Duration = Duration::from_secs(5);
const EDGE_LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// A pause that grows by less than this is not news.
const WORTH_LOGGING: Duration = Duration::from_secs(1);

/// governor's own clocks do not follow tokio's, so tests on paused time would wait for real.
#[derive(Clone, Copy)]
struct TokioClock;

impl Clock for TokioClock {
    type Instant = std::time::Instant;
    fn now(&self) -> Self::Instant {
        Instant::now().into_std()
    }
}

pub(super) struct Limiter {
    rate: RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<std::time::Instant>>,
    /// tokio's mutex is fair: whoever asks first gets the next permit.
    turn: tokio::sync::Mutex<()>,
    reserve: f64,
    state: Mutex<State>,
}

struct State {
    in_flight: u32,
    paused_until: Instant,
    paused_at: Instant,
    /// Edge refusals since the last success, counted once per pause.
    edge_streak: u32,
    window: Option<Window>,
}

/// What is known of the provider's rate window.
struct Window {
    /// The window is over by then at the latest.
    ends_by: Instant,
    remaining: u32,
}

/// The right to send one request; counts as in flight until dropped.
pub(super) struct Permit<'a> {
    limiter: &'a Limiter,
    granted_at: Instant,
}

impl Limiter {
    /// `requests_per_minute` of zero counts as one; `reserve` is a share in `0.0..1.0`.
    pub(super) fn new(requests_per_minute: u32, reserve: f64) -> Self {
        let per_minute = NonZeroU32::new(requests_per_minute).unwrap_or(NonZeroU32::MIN);
        // `per_minute` gives the same spacing as a period of 60 s / n; the burst of 1 keeps the rate even.
        let quota = Quota::per_minute(per_minute).allow_burst(NonZeroU32::MIN);
        let now = Instant::now();
        let state = State { in_flight: 0, paused_until: now, paused_at: now, edge_streak: 0, window: None };
        Self {
            rate: RateLimiter::direct_with_clock(quota, TokioClock),
            turn: tokio::sync::Mutex::new(()),
            reserve,
            state: Mutex::new(state),
        }
    }

    /// Waits for the pause to end and the rate to allow one more request.
    pub(super) async fn permit(&self) -> Permit<'_> {
        let _turn = self.turn.lock().await;
        loop {
            let paused_until = self.state().paused_until;
            if paused_until > Instant::now() {
                sleep_until(paused_until).await;
                continue;
            }
            match self.rate.check() {
                Ok(()) => {
                    self.state().in_flight += 1;
                    return Permit { limiter: self, granted_at: Instant::now() };
                }
                Err(not_until) => sleep(not_until.wait_time_from(TokioClock.now())).await,
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// The provider answered well: the edge is open again.
    pub(super) fn succeeded(&self) {
        self.limiter.state().edge_streak = 0;
    }

    /// Reads the budget off an answer and pauses everybody until the window is over when what remains,
    /// less what is still in flight, would fall under the reserve.
    pub(super) fn saw_budget(&self, budget: Budget) {
        let now = Instant::now();
        let mut state = self.limiter.state();
        let others = state.in_flight.saturating_sub(1);
        let length = budget.window.min(LONGEST_PAUSE);
        let ends_by = match &state.window {
            // More is left than answers overtaking each other explain: a new window has begun. Its end
            // is not announced, so it is taken as late as it can be.
            Some(known) if now < known.ends_by && budget.remaining <= known.remaining.saturating_add(others) => {
                known.ends_by
            }
            _ => now + length,
        };
        state.window = Some(Window { ends_by, remaining: budget.remaining });
        let floor = f64::from(budget.limit) * self.limiter.reserve;
        if f64::from(budget.remaining.saturating_sub(others)) <= floor {
            state.pause(now, ends_by, "the reserve is reached");
        }
    }

    /// The provider named the pause; with nothing left, it is the rest of the window.
    pub(super) fn asked_to_wait(&self, retry_after: Duration, budget: Option<Budget>) {
        let now = Instant::now();
        let until = now + retry_after.clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        let mut state = self.limiter.state();
        if let Some(budget) = budget.filter(|budget| budget.remaining == 0) {
            state.window = Some(Window { ends_by: until, remaining: budget.remaining });
        }
        state.pause(now, until, "the provider asked for it");
    }

    /// A 429 of the edge without any header: 5 s, doubled with each pause that did not help, up to 60 s,
    /// spread by ±25 % with `unit` in `0.0..1.0`.
    pub(super) fn refused_by_the_edge(&self, unit: f64) {
        let now = Instant::now();
        let mut state = self.limiter.state();
        if self.granted_at < state.paused_at {
            return; // Sent before the pause: the same refusal heard twice.
        }
        let doubled = EDGE_FIRST_PAUSE.saturating_mul(1 << state.edge_streak.min(8));
        state.edge_streak += 1;
        let pause = doubled.min(EDGE_LONGEST_PAUSE).mul_f64(0.75 + 0.5 * unit.clamp(0.0, 1.0));
        state.pause(now, now + pause, "too many requests, no time given");
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = self.limiter.state();
        state.in_flight = state.in_flight.saturating_sub(1);
    }
}

impl State {
    fn pause(&mut self, now: Instant, until: Instant, why: &'static str) {
        if until <= self.paused_until.max(now) {
            return;
        }
        let news = until.duration_since(self.paused_until.max(now)) >= WORTH_LOGGING;
        self.paused_until = until;
        self.paused_at = now;
        if news {
            let pause_ms = u64::try_from(until.duration_since(now).as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(event = events::PROVIDER_PAUSED, pause_ms, why, "All requests to the provider pause.");
        }
    }
}

#[cfg(test)]
#[path = "limiter_tests.rs"]
mod tests;
