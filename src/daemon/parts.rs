//! What one process is made of: one provider behind one limiter, one pace of mail, one set of channels, for all jobs.
//!
//! Jobs share it; a reload replaces what may change, for whatever begins after it. What is under way keeps what it began
//! with, but for the rates, which are of the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio_util::sync::CancellationToken;

use crate::domain::{IdMint, JobName, RunId};
use crate::pipeline::{Pace, Pipeline, Ports, RunSettings, Watch};
use crate::report::reconnect::ReportSettings;
use crate::retention::RetentionSettings;
use crate::store::Store;
use crate::telemetry::Pulse;

/// See the module.
pub struct Parts {
    /// The state database, migrated.
    pub store: Store,
    /// Makes ids.
    pub mint: Arc<IdMint>,
    /// Whether work moves.
    pub pulse: Arc<Pulse>,
    pace: Arc<Mutex<Pace>>,
    live: RwLock<Arc<Live>>,
    /// The pipeline of each job that has one, so that what it holds can be given back when its task is cut off.
    latest: Mutex<HashMap<JobName, Arc<Pipeline>>>,
}

/// What a reload may replace.
pub struct Live {
    /// The edges.
    pub ports: Ports,
    /// The behaviour.
    pub settings: RunSettings,
    /// Who is told that jobs begin and end.
    pub watch: Watch,
    /// How the scheduled report is made.
    pub report: ReportSettings,
    /// What is old.
    pub retention: RetentionSettings,
}

impl Parts {
    /// Ready for work.
    pub fn new(store: Store, live: Live, mint: Arc<IdMint>, pulse: Arc<Pulse>) -> Self {
        let pace = Arc::new(Mutex::new(Pace::new(live.settings.delivery.pace)));
        let live = RwLock::new(Arc::new(live));
        Self { store, mint, pulse, pace, live, latest: Mutex::default() }
    }

    /// What holds now.
    pub fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on this holds; the rates also for what is under way.
    pub fn replace(&self, live: Live) {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner).set_limits(live.settings.delivery.pace);
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(live);
    }

    /// A pipeline for one call of a job, telling `pulse` that it moves.
    pub fn pipeline(&self, job: JobName, run: RunId, stop: CancellationToken, pulse: Arc<Pulse>) -> Arc<Pipeline> {
        let live = self.live();
        let (ports, settings) = (live.ports.clone(), live.settings.clone());
        let mut pipeline = Pipeline::new(self.store.clone(), ports, settings, run, Arc::clone(&self.mint));
        pipeline.pace = Arc::clone(&self.pace);
        pipeline.pulse = pulse;
        pipeline.stop = stop;
        pipeline.watch = live.watch.clone();
        let pipeline = Arc::new(pipeline);
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).insert(job, Arc::clone(&pipeline));
        pipeline
    }

    /// The latest pipeline of a job.
    pub fn latest(&self, job: JobName) -> Option<Arc<Pipeline>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).get(&job).cloned()
    }
}
