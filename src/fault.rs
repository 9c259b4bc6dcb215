//! Named moments at which a test may stop the program for good, to kill it there.
//!
//! In a debug build, `RECONNECTD_FAULT=name:n` makes the `n`-th passage (from 1) of the point `name` print
//! [`STOPPED`] and the name to standard error and never return; from then on every other point keeps its
//! thread too. What the process had not done by then is not done when SIGKILL comes. A release build
//! contains none of this and does not read the variable.

/// Every point of a run, in the order it passes them; `tests/it/binary/kill_ledger.rs` compares this list and
/// [`REPORT_POINTS`] with the calls and kills at each of a run's.
pub const POINTS: [&str; 30] = [
    "lease.before_commit",
    "lease.after_commit",
    // The run's row, the ends of dead runs and, on a first run, the mark that taking stock began.
    "begin.before_commit",
    "begin.after_commit",
    "page.before_commit",
    "page.after_commit",
    "channels.before_commit",
    "channels.after_commit",
    "release.before_commit",
    "release.after_commit",
    "storm.before_commit",
    "storm.after_commit",
    "silences.before_commit",
    "silences.after_commit",
    "notice.before_commit",
    "notice.after_commit",
    "recovery.before_commit",
    "recovery.after_commit",
    "planned.before_commit",
    "planned.after_commit",
    "claim.before_commit",
    "claim.after_commit",
    "deliver.before_look",
    "deliver.before_send",
    "deliver.after_send",
    "settle.before_commit",
    "settle.after_commit",
    "end.before_commit",
    "end.after_commit",
    "run.before_summary",
];

/// The points of the scheduled report, in the order the job passes them; the first once for each of its files.
/// `tests/it/binary/kill_report.rs` kills at each.
pub const REPORT_POINTS: [&str; 3] = ["report.before_rename", "report.before_commit", "report.after_commit"];

/// What standard error says once the program has stopped at a point; the point's name follows.
pub const STOPPED: &str = "reconnectd waits to be killed at ";

/// The program is at this point now.
#[cfg(debug_assertions)]
pub fn point(name: &'static str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    /// The point to stop at and which passage of it.
    static FAULT: LazyLock<Option<(String, u64)>> = LazyLock::new(|| {
        let fault = std::env::var("RECONNECTD_FAULT").ok()?;
        let (name, passage) = fault.split_once(':')?;
        Some((name.to_owned(), passage.parse().ok()?))
    });
    static PASSED: AtomicU64 = AtomicU64::new(0);
    static STOPPING: AtomicBool = AtomicBool::new(false);

    let Some((stop_at, passage)) = &*FAULT else { return };
    if name == stop_at && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *passage {
        STOPPING.store(true, Ordering::SeqCst);
        eprintln!("{STOPPED}{name}");
    }
    while STOPPING.load(Ordering::SeqCst) {
        std::thread::park();
    }
}

/// Nothing, in a release build.
#[cfg(not(debug_assertions))]
#[inline]
pub fn point(_name: &'static str) {}
