//! What the daemon is about, as one sentence for the service manager's status line.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

use crate::domain::{JobName, Timestamp};
use crate::pipeline::Progress;
use crate::store::ClaimedOccurrence;

/// Who waits for what, what is at work, what comes next.
#[derive(Default)]
pub(super) struct Board(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    waiting: Option<String>,
    next: BTreeMap<JobName, Timestamp>,
    working: BTreeMap<JobName, Working>,
}

struct Working {
    claimed: ClaimedOccurrence,
    began: Instant,
    /// Users done when it began, and how far it is; an audit's.
    progress: Option<(u64, watch::Receiver<Progress>)>,
}

impl Board {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What cannot be reached, or that everything can.
    pub(super) fn waits_for(&self, dependency: Option<String>) {
        self.inner().waiting = dependency;
    }

    /// When a job comes next; none where it does not.
    pub(super) fn next(&self, job: JobName, at: Option<Timestamp>) {
        let mut inner = self.inner();
        match at {
            Some(at) => drop(inner.next.insert(job, at)),
            None => drop(inner.next.remove(&job)),
        }
    }

    /// A job is at work.
    pub(super) fn begins(&self, claimed: ClaimedOccurrence) {
        let mut inner = self.inner();
        inner.next.remove(&claimed.job);
        inner.working.insert(claimed.job, Working { claimed, began: Instant::now(), progress: None });
    }

    /// How far an audit is can be read here.
    pub(super) fn follows(&self, job: JobName, progress: watch::Receiver<Progress>) {
        let done = progress.borrow().done;
        if let Some(working) = self.inner().working.get_mut(&job) {
            working.progress = Some((done, progress));
        }
    }

    /// It is not any more.
    pub(super) fn ends(&self, job: JobName) {
        self.inner().working.remove(&job);
    }

    /// What is at work.
    pub(super) fn at_work(&self) -> Vec<ClaimedOccurrence> {
        self.inner().working.values().map(|working| working.claimed).collect()
    }

    /// All of it in a sentence.
    pub(super) fn sentence(&self) -> String {
        let inner = self.inner();
        let mut parts: Vec<String> = Vec::new();
        if let Some(dependency) = &inner.waiting {
            parts.push(format!("waiting for {dependency}"));
        }
        parts.extend(inner.working.iter().map(|(job, working)| working.words(*job)));
        if let Some((job, at)) = inner.next.iter().min_by_key(|(_, at)| **at) {
            parts.push(format!("next {job} {}", at.format("%Y-%m-%d %H:%M:%S UTC")));
        }
        if parts.is_empty() { "nothing is due".to_owned() } else { parts.join("; ") }
    }
}

impl Working {
    fn words(&self, job: JobName) -> String {
        let mut words = format!("{job} at work");
        let Some((before, progress)) = &self.progress else { return words };
        let Progress { done, total } = *progress.borrow();
        if total > 0 {
            let seconds = self.began.elapsed().as_secs().max(1);
            let new = done.saturating_sub(*before);
            // Writing to a String cannot fail.
            let _ =
                write!(words, ", {done} of {total} users, {}.{} per second", new / seconds, new * 10 / seconds % 10);
        }
        words
    }
}
