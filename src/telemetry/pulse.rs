//! Whether work moves: what the watchdog and the liveness probe ask before they call the process alive.
//!
//! Turns beats (a page recorded, a delivery attempted, an answer of the provider's, a pause that was announced) into the
//! question whether whoever is at work has got stuck. A process with nothing to do is never stuck. Cheap enough for every
//! request: one atomic store. Lives in memory; a crash leaves nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// So long without a beat and work is stuck: longer than the longest announced pause (10 min, the provider's longest
/// window) and one request after it with its retries cut off by no answer.
pub const STALL_LIMIT: Duration = Duration::from_mins(15);

/// The pulse of one process.
#[derive(Debug)]
pub struct Pulse {
    born: Instant,
    /// Milliseconds from `born` to the last beat.
    last: AtomicU64,
    busy: AtomicUsize,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { born: Instant::now(), last: AtomicU64::new(0), busy: AtomicUsize::new(0) }
    }
}

/// Somebody is at work while this lives.
#[derive(Debug)]
pub struct Busy(Arc<Pulse>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Pulse {
    /// Work moved.
    pub fn beat(&self) {
        self.last.fetch_max(self.millis(Instant::now()), Ordering::Relaxed);
    }

    /// Work began; it ends with what is returned.
    pub fn begin(self: &Arc<Self>) -> Busy {
        self.beat(); // The time without work is no time without progress.
        self.busy.fetch_add(1, Ordering::SeqCst);
        Busy(Arc::clone(self))
    }

    /// For how long work has been stuck at `now`; none while it moves, and while there is none.
    pub fn stalled(&self, now: Instant) -> Option<Duration> {
        if self.busy.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let silent = self.millis(now).saturating_sub(self.last.load(Ordering::Relaxed));
        Some(Duration::from_millis(silent)).filter(|silent| *silent >= STALL_LIMIT)
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.born).as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_is_stuck_after_the_limit_and_idleness_never_is() {
        let pulse = Arc::new(Pulse::default());
        tokio::time::advance(STALL_LIMIT * 3).await;
        assert_eq!(pulse.stalled(Instant::now()), None, "nothing to do");

        let busy = pulse.begin();
        assert_eq!(pulse.stalled(Instant::now()), None, "work just began");
        tokio::time::advance(STALL_LIMIT - Duration::from_secs(1)).await;
        assert_eq!(pulse.stalled(Instant::now()), None);
        pulse.beat();
        tokio::time::advance(STALL_LIMIT - Duration::from_secs(1)).await;
        assert_eq!(pulse.stalled(Instant::now()), None, "it moved in between");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(pulse.stalled(Instant::now()), Some(STALL_LIMIT));

        let other = pulse.begin();
        assert_eq!(pulse.stalled(Instant::now()), None, "other work began");
        tokio::time::advance(STALL_LIMIT).await;
        drop(other);
        assert!(pulse.stalled(Instant::now()).is_some(), "one is still at it");
        drop(busy);
        assert_eq!(pulse.stalled(Instant::now()), None, "nobody is");
    }
}
