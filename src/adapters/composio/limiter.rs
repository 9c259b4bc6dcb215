//! The one door to the provider: evenly spaced permits in the order of asking, and pauses.
//!
//! Guarantees: never more than the configured requests per minute, no burst; a pause the provider asked for holds every
//! task that has not got its permit yet; a cancelled wait uses no permit up. Who asks for a person that waits goes
//! ahead of everybody else, and only they use the reserve of the budget. Per process: audits have one door between
//! them, because the run lease lets one process work, but every process that serves pages adds one.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use reqwest::header::HeaderMap;
use tokio::sync::Notify;
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

/// Where a request stands among those that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Behind whoever asked before. The reserve of the budget is not for it.
    InTurn,
    /// A person waits: next, once nothing the provider asked for holds everybody.
    Ahead,
}

/// Why everybody, or everybody in turn, is to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PauseFor {
    /// The provider said for how long.
    RetryAfter,
    /// The provider refused for the rate and did not say for how long.
    Throttled,
    /// What is left of the budget is the reserve.
    Reserve,
}

impl PauseFor {
    fn code(self) -> &'static str {
        match self {
            Self::RetryAfter => "retry_after",
            Self::Throttled => "throttled",
            Self::Reserve => "reserve",
        }
    }
}

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
    /// The same among those who go ahead.
    turn_ahead: tokio::sync::Mutex<()>,
    /// How many go ahead now.
    ahead: AtomicUsize,
    /// Somebody who went ahead is through. Only the one task whose turn it is waits for it.
    ahead_through: Notify,
    pauses: Mutex<Pauses>,
    reserve: Mutex<f64>,
    waiting: Arc<Waiting>,
    metrics: Arc<Metrics>,
}

/// Before these instants no permit is given.
#[derive(Debug, Clone, Copy, Default)]
struct Pauses {
    /// To anybody: the provider asked for it.
    announced: Option<Instant>,
    /// To those in turn: the budget's reserve is reached.
    reserve: Option<Instant>,
}

/// Somebody goes ahead for as long as this is kept.
struct GoesAhead<'a>(&'a Limiter);

impl Drop for GoesAhead<'_> {
    fn drop(&mut self) {
        self.0.ahead.fetch_sub(1, Ordering::SeqCst);
        // One is kept for who is not waiting yet; one too many is a look for nothing.
        self.0.ahead_through.notify_one();
    }
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
            turn_ahead: tokio::sync::Mutex::new(()),
            ahead: AtomicUsize::new(0),
            ahead_through: Notify::new(),
            pauses: Mutex::default(),
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
    pub(super) async fn permit(&self, place: Place) {
        match place {
            Place::InTurn => {
                let _turn = self.turn.lock().await;
                self.next(place).await;
            }
            Place::Ahead => {
                self.ahead.fetch_add(1, Ordering::SeqCst);
                let _ahead = GoesAhead(self);
                let _turn = self.turn_ahead.lock().await;
                self.next(place).await;
            }
        }
    }

    /// The next permit for whoever's turn it is; they wait for all behind them, too.
    async fn next(&self, place: Place) {
        loop {
            if let Some((until, why)) = self.pause_left(place) {
                let _waits = self.waits(why);
                sleep_until(until).await;
                continue;
            }
            if place == Place::InTurn && self.ahead.load(Ordering::SeqCst) > 0 {
                let _waits = self.waits(WaitReason::Rate);
                self.ahead_through.notified().await;
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

    /// Holds everybody for `duration` from now, or everybody in turn where the reserve is reached; a longer pause that is
    /// under way stays.
    pub(super) fn pause(&self, duration: Duration, why: PauseFor) {
        let now = Instant::now();
        let until = now + duration.min(LONGEST_WAIT);
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        let place = if why == PauseFor::Reserve { &mut pauses.reserve } else { &mut pauses.announced };
        let begins = place.is_none_or(|earlier| earlier <= now);
        *place = (*place).max(Some(until));
        drop(pauses);
        if begins && until > now {
            let duration_ms = u64::try_from((until - now).as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(
                event = events::PROVIDER_PAUSED,
                duration_ms,
                reason = why.code(),
                "Requests to the provider pause; below the reserve those of people who wait do not."
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
            self.pause(budget.window, PauseFor::Reserve);
        }
    }

    /// Until when who stands here is held, and why.
    fn pause_left(&self, place: Place) -> Option<(Instant, WaitReason)> {
        let pauses = *self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        let announced = pauses.announced.map(|until| (until, WaitReason::Pause));
        let reserve = pauses.reserve.filter(|_| place == Place::InTurn).map(|until| (until, WaitReason::Reserve));
        let longest = announced.into_iter().chain(reserve).max_by_key(|(until, _)| *until);
        longest.filter(|(until, _)| *until > Instant::now())
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
