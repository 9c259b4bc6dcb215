//! The one door to the provider: evenly spaced permits in the order of asking, and pauses that hold everybody.
//!
//! Guarantees: never more than the configured requests per minute, no burst; a pause holds every task that
//! has not got its permit yet; a cancelled wait uses no permit up. Per process: two processes at once ask
//! twice as fast (the run lease prevents that).

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use reqwest::header::HeaderMap;
use tokio::time::{Instant, sleep, sleep_until};

use super::retry::LONGEST_WAIT;
use super::waiting::{Waiting, Waits};
use crate::telemetry::metrics::WaitReason;
use crate::telemetry::{Metrics, events};

/// Tokio's clock for governor, so that both agree on the time and tests can move it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TokioClock;

impl Clock for TokioClock {
    type Instant = std::time::Instant;

    fn now(&self) -> Self::Instant {
        Instant::now().into_std()
    }
}

type Governor = RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<std::time::Instant>>;

/// The window where an answer names none (contract, section 4: one minute since April 2026).
const USUAL_WINDOW: Duration = Duration::from_mins(1);

/// Why it pauses where the reserve is reached.
const RESERVE: &str = "reserve";
/// A change of the rate is seen by whoever waits for a permit after this long at the latest.
const LONGEST_STEP: Duration = Duration::from_secs(1);

/// One evenly spaced permit after the other.
fn governor(requests_per_minute: u32) -> Governor {
    let per_minute = NonZeroU32::new(requests_per_minute).unwrap_or(NonZeroU32::MIN);
    // 60 s spread over at most u32::MAX requests is never zero, so the period is never refused.
    let quota = Quota::with_period(Duration::from_mins(1) / per_minute.get())
        .unwrap_or_else(|| Quota::per_minute(per_minute))
        .allow_burst(NonZeroU32::MIN);
    RateLimiter::direct_with_clock(quota, TokioClock)
}

/// See the module.
pub(super) struct Limiter {
    governor: Mutex<Arc<Governor>>,
    /// Held by the task whose turn it is; tokio's mutex hands over in the order of asking.
    turn: tokio::sync::Mutex<()>,
    paused_until: Mutex<Option<Pause>>,
    reserve: Mutex<f64>,
    waiting: Arc<Waiting>,
    metrics: Arc<Metrics>,
}

/// Nobody gets a permit before this.
#[derive(Debug, Clone, Copy)]
struct Pause {
    until: Instant,
    why: WaitReason,
}

/// What the answer's headers say of the organisation's budget.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Budget {
    limit: f64,
    remaining: f64,
    window: Duration,
}

impl Limiter {
    /// `requests_per_minute` of 0 counts as 1; the settings refuse it earlier.
    pub(super) fn new(requests_per_minute: u32, reserve: f64) -> Self {
        Self {
            governor: Mutex::new(Arc::new(governor(requests_per_minute))),
            turn: tokio::sync::Mutex::new(()),
            paused_until: Mutex::new(None),
            reserve: Mutex::new(reserve),
            waiting: Arc::default(),
            metrics: Arc::new(Metrics::new()),
        }
    }

    /// Counts waits and the budget into `metrics` from now on.
    pub(super) fn count_into(&mut self, metrics: Arc<Metrics>) {
        self.waiting = Arc::new(Waiting::counting_into(Arc::clone(&metrics)));
        self.metrics = metrics;
    }

    /// From now on this rate and this reserve hold, for those who wait already too. The next permit comes a whole
    /// new period from now at the earliest, so that the change itself lets nobody through early.
    pub(super) fn adjust(&self, requests_per_minute: u32, reserve: f64) {
        *self.reserve.lock().unwrap_or_else(PoisonError::into_inner) = reserve;
        let fresh = governor(requests_per_minute);
        // Its one free permit stands for the last one of the old rate.
        let _ = fresh.check();
        *self.governor.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
    }

    fn governor(&self) -> Arc<Governor> {
        Arc::clone(&self.governor.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for the right to send one request.
    pub(super) async fn permit(&self) {
        let _turn = self.turn.lock().await;
        loop {
            // Whoever's turn it is waits for all behind it, too.
            if let Some(pause) = self.pause_left() {
                let _waits = self.waits(pause.why);
                sleep_until(pause.until).await;
                continue;
            }
            match self.governor().check() {
                Ok(()) => return,
                Err(not_yet) => {
                    let _waits = self.waits(WaitReason::Rate);
                    // In short steps, so that a rate that changes meanwhile is seen.
                    sleep(not_yet.wait_time_from(TokioClock.now()).min(LONGEST_STEP)).await;
                }
            }
        }
    }

    /// Counts the time until what is returned is dropped as time in which a request waited for this.
    pub(super) fn waits(&self, why: WaitReason) -> Waits {
        self.waiting.begin(why)
    }

    /// Holds everybody for `duration` from now; a longer pause that is under way stays.
    pub(super) fn pause(&self, duration: Duration, why: &'static str) {
        let now = Instant::now();
        let until = now + duration.min(LONGEST_WAIT);
        let mut paused_until = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = paused_until.is_none_or(|earlier| earlier.until <= now);
        if paused_until.is_none_or(|earlier| earlier.until < until) {
            let why = if why == RESERVE { WaitReason::Reserve } else { WaitReason::Pause };
            *paused_until = Some(Pause { until, why });
        }
        drop(paused_until);
        if begins && until > now {
            let duration_ms = u64::try_from((until - now).as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(
                event = events::PROVIDER_PAUSED,
                duration_ms,
                reason = why,
                "All requests to the provider pause."
            );
        }
    }

    /// Reads the budget of an answer and pauses when the reserve is reached. The window is fixed and nobody
    /// says when it began, so a whole one must pass before it has certainly turned over. Requests in flight
    /// may still dip into the reserve, one each.
    pub(super) fn observe(&self, headers: &HeaderMap) {
        let Some(budget) = Budget::read(headers) else { return };
        self.metrics.provider_budget(budget.limit, budget.remaining);
        if budget.remaining <= budget.limit * *self.reserve.lock().unwrap_or_else(PoisonError::into_inner) {
            self.pause(budget.window, RESERVE);
        }
    }

    fn pause_left(&self) -> Option<Pause> {
        let paused_until = *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        paused_until.filter(|pause| pause.until > Instant::now())
    }
}

impl Budget {
    fn read(headers: &HeaderMap) -> Option<Self> {
        let number = |name| headers.get(name)?.to_str().ok()?.trim().trim_end_matches('s').parse::<f64>().ok();
        let sane = |value: &f64| value.is_finite() && *value >= 0.0;
        let limit = number("x-ratelimit").filter(|limit| sane(limit) && *limit > 0.0)?;
        let remaining = number("x-ratelimit-remaining").filter(sane)?;
        let window = number("x-ratelimit-window-size")
            .filter(|seconds| sane(seconds) && *seconds > 0.0)
            .map_or(USUAL_WINDOW, |seconds| Duration::from_secs_f64(seconds.min(LONGEST_WAIT.as_secs_f64())));
        Some(Self { limit, remaining, window })
    }
}
