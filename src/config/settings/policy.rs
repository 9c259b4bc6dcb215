//! The settings of the notice policy: who is told, when, how often, and when an operator is asked first.

use std::num::NonZeroU32;
use std::time::Duration;

/// `[policy]`
#[derive(Debug, Clone)]
pub struct Policy {
    /// `first_run`.
    pub first_run: FirstRun,
    /// `ladder`: how long after an incident opens each notice of it is due; 1 to 10 entries, strictly ascending,
    /// each at most 365 d.
    pub ladder: Vec<Duration>,
    /// `dwell`: how long an incident must last before anybody is told; at most 30 d.
    pub dwell: Duration,
    /// `dwell_transient`: the same where the provider's reason speaks of transient failures; at least `dwell`, at
    /// most 30 d.
    pub dwell_transient: Duration,
    /// `digest_window`: what breaks within this long after a notification joins the next one; at most 7 d.
    pub digest_window: Duration,
    /// `max_per_day`: notifications to one user in any 24 hours, 1 to 100.
    pub max_per_day: NonZeroU32,
    /// `max_per_week`: notifications to one user in any 7 days, `max_per_day` to 500.
    pub max_per_week: NonZeroU32,
    /// `recovered_mail`: whether someone who had been told is also told by mail that it works again.
    pub recovered_mail: bool,
}

/// What the very first run does with accounts that are already broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstRun {
    /// Record them and tell nobody.
    Baseline,
    /// Tell everybody.
    Notify,
}

/// `[storm]`: notices are held where more than `share` and at least `min` of one auth config's accounts break
/// within `window`.
#[derive(Debug, Clone)]
pub struct Storm {
    /// `share`: of the accounts, 0.01 to 1.0; 1.0 is never exceeded, so it turns the guard off.
    pub share: f64,
    /// `min`: accounts, 1 to 1,000,000.
    pub min: NonZeroU32,
    /// `window`: 1 h to 30 d.
    pub window: Duration,
}
