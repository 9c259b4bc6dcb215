//! The organisation's budget: so many requests per fixed minute of the clock, shared by everybody who
//! uses the organisation (contract, section 4).

use std::sync::{Mutex, PoisonError};

use crate::domain::{Timestamp, millis};

/// The window's length (contract, section 4: fixed, one minute, since April 2026).
const WINDOW_MS: i64 = 60_000;

/// What one request did to the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget {
    /// Requests per window.
    pub limit: u32,
    /// Requests left after this one.
    pub remaining: u32,
    /// For a request that was one too many: seconds until the next window.
    pub retry_after_s: Option<u32>,
}

#[derive(Default)]
pub(super) struct OrgRate(Mutex<Window>);

#[derive(Default)]
struct Window {
    number: i64,
    used: u32,
}

impl OrgRate {
    /// Counts one request at `now`. A refused request uses nothing up.
    pub(super) fn take(&self, limit: u32, now: Timestamp) -> Budget {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        window.turn_to(now);
        if window.used < limit {
            window.used += 1;
            return Budget { limit, remaining: limit - window.used, retry_after_s: None };
        }
        let left_ms = WINDOW_MS - millis(now).rem_euclid(WINDOW_MS);
        let retry_after_s = u32::try_from((left_ms + 999) / 1000).unwrap_or(60);
        Budget { limit, remaining: 0, retry_after_s: Some(retry_after_s) }
    }

    /// Uses up `requests` of the window of `now`.
    pub(super) fn spend(&self, requests: u32, now: Timestamp) {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        window.turn_to(now);
        window.used = window.used.saturating_add(requests);
    }
}

impl Window {
    fn turn_to(&mut self, now: Timestamp) {
        let number = millis(now).div_euclid(WINDOW_MS);
        if number != self.number {
            *self = Self { number, used: 0 };
        }
    }
}
