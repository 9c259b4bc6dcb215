//! Whether work moves: what the watchdog and the liveness probe ask before they call the process alive.
//!
//! Turns beats (a page recorded, a delivery attempted, an answer of the provider's, a pause that was announced) into the
//! question whether anybody at work has got stuck. Each job at work has a beat of its own, so that one that moves does
//! not hide one that hangs. A process with nothing to do is never stuck. Cheap enough for every request. Lives in memory;
//! a crash leaves nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So long without a beat and work is stuck: longer than the longest announced pause (10 min, the provider's longest
/// window) and one request after it with its retries cut off by no answer.
pub const STALL_LIMIT: Duration = Duration::from_mins(15);

tokio::task_local! {
    /// The pulse of whatever is at work in this task; what is shared by all, as the provider, beats it.
    static CURRENT: Pulse;
}

/// The pulse of one process, or ([`Busy::pulse`]) of one piece of work in it.
#[derive(Debug, Clone, Default)]
pub struct Pulse {
    all: Arc<All>,
    /// Milliseconds from `born` to the last beat of this piece of work; none for the process's.
    own: Option<Arc<AtomicU64>>,
}

#[derive(Debug)]
struct All {
    born: Instant,
    at_work: Mutex<Vec<Arc<AtomicU64>>>,
}

impl Default for All {
    fn default() -> Self {
        Self { born: Instant::now(), at_work: Mutex::default() }
    }
}

/// Somebody is at work while this lives.
#[derive(Debug)]
pub struct Busy {
    pulse: Pulse,
    last: Arc<AtomicU64>,
}

impl Busy {
    /// The pulse of this work alone.
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.pulse.all.at_work().retain(|last| !Arc::ptr_eq(last, &self.last));
    }
}

impl Pulse {
    /// Work moved: this piece of it; of the process's pulse, the work of the current task ([`Pulse::within`]), and
    /// everybody's where that is not known.
    pub fn beat(&self) {
        let now = self.all.millis(Instant::now());
        if let Some(own) = &self.own {
            own.fetch_max(now, Ordering::Relaxed);
            return;
        }
        let of_this_task = |current: &Self| current.own.clone().filter(|_| Arc::ptr_eq(&current.all, &self.all));
        if let Ok(Some(own)) = CURRENT.try_with(of_this_task) {
            own.fetch_max(now, Ordering::Relaxed);
            return;
        }
        for last in self.all.at_work().iter() {
            last.fetch_max(now, Ordering::Relaxed);
        }
    }

    /// Work began; it ends with what is returned.
    pub fn begin(&self) -> Busy {
        let last = Arc::new(AtomicU64::new(self.all.millis(Instant::now())));
        self.all.at_work().push(Arc::clone(&last));
        Busy { pulse: Self { all: Arc::clone(&self.all), own: Some(Arc::clone(&last)) }, last }
    }

    /// Does this as part of the work with this pulse: [`moved`] beats it, and so does what is shared by all work. For
    /// each task by itself: one that it spawns does not inherit it.
    pub fn within<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self.clone(), work)
    }

    /// For how long work has been stuck at `now`, the longest if more than one has; none while all of it moves, and
    /// while there is none.
    pub fn stalled(&self, now: Instant) -> Option<Duration> {
        let now = self.all.millis(now);
        let silent = |last: &Arc<AtomicU64>| now.saturating_sub(last.load(Ordering::Relaxed));
        let longest = self.all.at_work().iter().map(silent).max().map(Duration::from_millis);
        longest.filter(|silent| *silent >= STALL_LIMIT)
    }
}

impl All {
    fn at_work(&self) -> MutexGuard<'_, Vec<Arc<AtomicU64>>> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.born).as_millis()).unwrap_or(u64::MAX)
    }
}

/// The work that this task is part of moved; nothing where it is part of none, as in commands.
pub fn moved() {
    let _ = CURRENT.try_with(Pulse::beat);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_is_stuck_after_the_limit_and_idleness_never_is() {
        let pulse = Pulse::default();
        tokio::time::advance(STALL_LIMIT * 3).await;
        assert_eq!(pulse.stalled(Instant::now()), None, "nothing to do");

        let nearly = STALL_LIMIT.saturating_sub(Duration::from_secs(1));
        let busy = pulse.begin();
        assert_eq!(pulse.stalled(Instant::now()), None, "work just began");
        tokio::time::advance(nearly).await;
        assert_eq!(pulse.stalled(Instant::now()), None);
        pulse.beat();
        tokio::time::advance(nearly).await;
        assert_eq!(pulse.stalled(Instant::now()), None, "it moved in between");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(pulse.stalled(Instant::now()), Some(STALL_LIMIT));
        drop(busy);
        assert_eq!(pulse.stalled(Instant::now()), None, "nobody is at work");
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_moves_does_not_hide_work_that_hangs() {
        let pulse = Pulse::default();
        let hangs = pulse.begin();
        tokio::time::advance(STALL_LIMIT).await;
        let moves = pulse.begin();
        moves.pulse().beat();
        moves.pulse().within(async { moved() }).await;
        moves.pulse().within(async { pulse.beat() }).await;
        assert_eq!(pulse.stalled(Instant::now()), Some(STALL_LIMIT));
        hangs.pulse().within(async { pulse.beat() }).await;
        assert_eq!(pulse.stalled(Instant::now()), None, "what is shared by all was at work for it");
        tokio::time::advance(STALL_LIMIT).await;
        moves.pulse().beat();
        assert_eq!(pulse.stalled(Instant::now()), Some(STALL_LIMIT));
        drop(hangs);
        assert_eq!(pulse.stalled(Instant::now()), None);
    }
}
