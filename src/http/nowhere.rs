//! Requests that led nowhere: said one by one at `debug`, and together at `warn`, once a minute at most for each reason.
//!
//! A key that was lost or exchanged makes every link of every mail lead nowhere, and so does a proxy that is not trusted,
//! behind which everybody is one client: that must be seen. A scanner that tries addresses must not fill the log.
//! Guarantees: no token is logged, and nothing of whoever asked. A restart forgets what was not yet said together.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::telemetry::events;

/// Between two warnings of one reason.
const PAUSE: Duration = Duration::from_mins(1);

/// Why a request led nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// Its token was signed by no key of ours.
    NotOurs,
    /// Signed by us, and what it names is not on record.
    NotOnRecord,
    /// Links to the reconnect page are not used any more.
    Retired,
    /// The link, or the client, asks too often.
    TooOften,
}

impl Reason {
    const ALL: [Self; 4] = [Self::NotOurs, Self::NotOnRecord, Self::Retired, Self::TooOften];

    fn code(self) -> &'static str {
        match self {
            Self::NotOurs => "not_ours",
            Self::NotOnRecord => "not_on_record",
            Self::Retired => "retired",
            Self::TooOften => "too_often",
        }
    }
}

/// What was not yet said together.
#[derive(Debug, Clone, Copy, Default)]
struct Unsaid {
    count: u64,
    said_at: Option<Instant>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Nowhere(Mutex<[Unsaid; Reason::ALL.len()]>);

impl Nowhere {
    /// Notes one.
    pub(super) fn note(&self, reason: Reason) {
        let reason_code = reason.code();
        tracing::debug!(event = events::RECONNECT_UNKNOWN, reason = reason_code, "A request led nowhere.");
        if let Some(requests) = self.due(reason, Instant::now()) {
            tracing::warn!(
                event = events::RECONNECT_UNKNOWN,
                reason = reason_code,
                requests,
                "Requests led nowhere since this was last said; if people complain of their links, see \
                 docs/operations.md, \"Every link says it does not work\"."
            );
        }
    }

    /// How many there were since it was last said, where it is time to say so.
    fn due(&self, reason: Reason, now: Instant) -> Option<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unsaid =
            Reason::ALL.into_iter().zip(all.iter_mut()).find_map(|(of, unsaid)| (of == reason).then_some(unsaid))?;
        unsaid.count += 1;
        if unsaid.said_at.is_some_and(|said_at| now.duration_since(said_at) < PAUSE) {
            return None;
        }
        unsaid.said_at = Some(now);
        Some(std::mem::take(&mut unsaid.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_said_at_once_and_then_once_a_minute_with_how_many_there_were() {
        let (nowhere, begun) = (Nowhere::default(), Instant::now());
        let due = |reason, seconds| nowhere.due(reason, begun + Duration::from_secs(seconds));
        assert_eq!(due(Reason::NotOurs, 0), Some(1));
        for second in 1..60 {
            assert_eq!(due(Reason::NotOurs, second), None, "{second}");
        }
        assert_eq!(due(Reason::TooOften, 30), Some(1), "each by itself");
        assert_eq!(due(Reason::NotOurs, 60), Some(60));
        assert_eq!(due(Reason::NotOurs, 61), None);
        assert_eq!(due(Reason::NotOurs, 3_600), Some(2));
    }
}
