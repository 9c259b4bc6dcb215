//! The long-running service: every job at its time, in one process, until it is asked to stop.
//!
//! ```text
//! signals ─▶ control loop ─▶ one loop per job: look ─▶ wait ─▶ take on ─▶ body ─▶ settle
//!                 │                                    (schedule)          (pipeline, report, …)
//!                 └─▶ service manager: ready, reloading, status, watchdog, stopping
//! ```
//!
//! Guarantees: what cannot be reached is waited for, said once per change, and ends nothing; a job that panics ends its
//! occurrence and nothing else; asked to stop, nothing new is begun, what is in flight has `[daemon] drain_timeout` to
//! finish, and what it held is given back. What ends the process by itself: a configuration that names what is not
//! there, a key that is refused at the start, a state database that a person must see to. A crash leaves what the jobs'
//! crashes leave, and occurrences whose claims lapse.

mod assembly;
mod board;
mod body;
mod connecting;
mod control;
mod draining;
mod job;
mod keeping;
mod occurrence;
mod parts;
mod reload;
mod stages;

use std::sync::Arc;

use tokio::sync::mpsc;

pub use assembly::{Assembly, Background, Change, Connected, Trouble};
pub use body::{Body, Call, Failure, FailureKind, Finish};
pub use draining::CLOSE_LIMIT;
pub use keeping::{Report, Retention};
pub use parts::{Live, Parts};
pub use reload::needs_restart;
pub use stages::{Audit, Deliver};

use crate::config::{Config, Fingerprint};
use crate::domain::IdMint;
use crate::lifecycle::{Control, Notifier};
use crate::ports::{Alarm, Clock};
use crate::telemetry::{Metrics, Pulse};

/// Everything the daemon begins with.
pub struct Setup {
    /// The configuration, and what it was made of.
    pub config: Config,
    /// To be compared with what a reload reads.
    pub fingerprint: Fingerprint,
    /// Builds from configuration.
    pub assembly: Arc<dyn Assembly>,
    /// What the jobs do; a job without a body is not followed.
    pub bodies: Vec<Arc<dyn Body>>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What wakes the jobs.
    pub alarm: Arc<dyn Alarm>,
    /// Whoever watches over the process.
    pub notifier: Arc<dyn Notifier>,
    /// Whether work moves; the one the assembly gives to what it builds.
    pub pulse: Arc<Pulse>,
    /// Where it counts; the one the assembly gives to what it builds.
    pub metrics: Arc<Metrics>,
    /// Makes ids.
    pub mint: Arc<IdMint>,
    /// How this process names itself to others.
    pub holder: String,
    /// Servers that need nothing that must be reached first; their listeners are bound.
    pub servers: Vec<Background>,
}

/// How the daemon ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It was asked to stop, and everything in flight was finished or given back in time.
    Stopped,
    /// It was asked to stop, and what was in flight was cut off; the next start goes on from there.
    CutOff,
    /// A second signal: nothing was waited for.
    AtOnce,
    /// It cannot go on.
    Failed(Failure),
}

/// Runs until it is asked to stop or cannot go on.
pub async fn run(setup: Setup, controls: mpsc::Receiver<Control>) -> End {
    Box::pin(control::Daemon::new(setup).run(controls)).await
}
