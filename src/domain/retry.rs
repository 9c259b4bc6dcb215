//! When a failed delivery is tried again, and when it is given up: a pure function of the class of the
//! failure, the number of attempts and a number for jitter.

use std::time::Duration;

/// What kind of failure a send met; decides what happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// May work later: a 4xx reply of a mail server, 408, 5xx, a dropped connection.
    Transient,
    /// The receiver asked for a pause: 429, 503 with `Retry-After`.
    RateLimited(Duration),
    /// Nobody knows whether it arrived: the final reply did not come in time. Tried again under the same id.
    OutcomeUnknown,
    /// This recipient or target will never take it.
    Refused,
    /// This recipient's mailbox does not exist or takes nothing: the address is not to be mailed again.
    RecipientRefused,
    /// The target does not want this request (a 4xx answer of an endpoint): tried a few times, because a
    /// deployment may be under way, and then given up.
    Declined,
    /// The endpoint says that it is gone for good (410): it is disabled.
    EndpointGone,
    /// The content of this message is refused: perhaps of this one only, perhaps of all we send. A second
    /// message that meets the same answers that.
    ContentRefused,
    /// Our own sender, login or endpoint is refused: everything else on this channel would be refused too.
    ChannelBroken,
}

impl FailureClass {
    /// The code as it is stored and logged.
    pub fn code(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::RateLimited(_) => "rate_limited",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Refused => "refused",
            Self::RecipientRefused => "recipient_refused",
            Self::Declined => "declined",
            Self::EndpointGone => "endpoint_gone",
            Self::ContentRefused => "content_refused",
            Self::ChannelBroken => "channel_broken",
        }
    }
}

/// What becomes of a delivery after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Try again after this long.
    RetryAfter(Duration),
    /// Given up.
    Dead,
}

/// The ladder of waits between attempts.
#[derive(Debug, Clone, Copy)]
pub struct RetrySchedule {
    /// Attempts in all, the first included; at least 1.
    pub max_attempts: u32,
    /// The wait after the first failure.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// What fails so long after the first failure is given up, whatever is left of the allowance; what comes due
    /// later than that is tried once more.
    pub horizon: Duration,
}

impl Default for RetrySchedule {
    /// 5 s, then four times as long each time up to 6 h: 5 s, 20 s, 80 s, 5 min, 21 min, 85 min, then
    /// 6 h each. 18 attempts span about 68 h, and what fails 72 h after the first failure is given up. Mail servers give up after four to five (RFC 5321, section
    /// 4.5.4.1); a notice that is later than three days helps nobody, and the relay behind us has its own queue.
    fn default() -> Self {
        Self {
            max_attempts: 18,
            first: Duration::from_secs(5),
            longest: Duration::from_hours(6),
            horizon: Duration::from_hours(72),
        }
    }
}

/// A receiver may ask for a longer pause than our own ladder, but not for more than this.
const LONGEST_RECEIVER_PAUSE: Duration = Duration::from_hours(24);

/// Attempts at a target that declines the request: the waits between them, 5 + 20 + 80 + 320 + 1280 s, end 28 minutes
/// after the first failure, longer than a deployment.
const MOST_DECLINED: u32 = 6;

impl RetrySchedule {
    /// The wait after failure number `failure` (1 is the first) by the ladder alone; `unit` in `0.0..1.0` spreads it
    /// by ±20 %.
    pub fn wait(&self, failure: u32, unit: f64) -> Duration {
        let steps = failure.saturating_sub(1).min(16);
        let ladder = self.first.saturating_mul(4_u32.saturating_pow(steps)).min(self.longest);
        ladder.mul_f64(0.8 + 0.4 * unit.clamp(0.0, 1.0))
    }

    /// Decides after attempt number `attempt` (1 is the first) failed with `class`, `failing_for` after the first
    /// failure of this row: the first failure beyond the horizon is the last. `unit` in `0.0..1.0`
    /// spreads the waits by ±20 % so that many failures at one moment do not come back at one moment.
    pub fn after(&self, attempt: u32, class: FailureClass, unit: f64, failing_for: Duration) -> Verdict {
        let given_up = match class {
            FailureClass::Refused | FailureClass::RecipientRefused => true,
            FailureClass::Declined => attempt >= MOST_DECLINED,
            _ => attempt >= self.max_attempts || failing_for >= self.horizon,
        };
        if given_up {
            return Verdict::Dead;
        }
        let spread = self.wait(attempt, unit);
        let wait = match class {
            FailureClass::RateLimited(pause) => pause.min(LONGEST_RECEIVER_PAUSE).max(spread),
            _ => spread,
        };
        Verdict::RetryAfter(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_stay_bounded_and_end() {
        let schedule = RetrySchedule::default();
        let wait = |attempt, class| match schedule.after(attempt, class, 0.5, Duration::ZERO) {
            Verdict::RetryAfter(wait) => wait.as_secs(),
            Verdict::Dead => 0,
        };
        let ladder: Vec<u64> = (1..=8).map(|n| wait(n, FailureClass::Transient)).collect();
        assert_eq!(ladder, [5, 20, 80, 320, 1280, 5120, 20480, 21600]);
        assert_eq!(wait(18, FailureClass::Transient), 0, "the last attempt is the last");
        assert_eq!(wait(1, FailureClass::Refused), 0, "a refusal is final at once");
        assert_eq!(wait(1, FailureClass::RecipientRefused), 0, "so is that of a mailbox");
        assert_eq!([5, 6].map(|attempt| wait(attempt, FailureClass::Declined)), [1280, 0], "a few tries");
        assert_eq!((1..=5).map(|attempt| wait(attempt, FailureClass::Declined)).sum::<u64>() / 60, 28);
        assert_eq!(wait(1, FailureClass::RateLimited(Duration::from_secs(90))), 90);
        assert_eq!(wait(1, FailureClass::RateLimited(Duration::from_secs(9_999_999))), 86400);
    }

    #[test]
    fn the_first_failure_beyond_the_horizon_is_the_last() {
        let (schedule, hour) = (RetrySchedule::default(), Duration::from_hours(1));
        for (attempt, class, hours, again) in [
            (2, FailureClass::Transient, 71, true),
            (8, FailureClass::Transient, 65, true),
            (8, FailureClass::Transient, 66, true),
            (2, FailureClass::Transient, 72, false),
            (2, FailureClass::RateLimited(24 * hour), 47, true),
            (2, FailureClass::RateLimited(24 * hour), 71, true),
            (2, FailureClass::RateLimited(24 * hour), 72, false),
            (2, FailureClass::OutcomeUnknown, 100, false),
            (2, FailureClass::ChannelBroken, 100, false),
        ] {
            let verdict = schedule.after(attempt, class, 0.5, hours * hour);
            assert_eq!(verdict != Verdict::Dead, again, "{attempt} {class:?} after {hours} h");
        }
    }
}
