//! What on-call and dashboards see: counters, gauges and histograms, from one table of families.
//!
//! Turns what happens in the process ([`Metrics`]'s methods) and what the state database says
//! ([`Metrics::set_truth`]) into one list of samples, and that into OpenMetrics, Prometheus' text format or OTLP.
//! Guarantees: every family and every combination of known labels is there from the start, at zero; label values come
//! from closed sets; one instance knows nothing of another, so that tests run side by side. Counting never waits for
//! anything but a lock held for a moment, and never fails. What a crash loses is what this process counted; what is
//! read from the state database is the same in the next.

mod catalogue;
mod counting;
mod family;
mod labels;
mod layer;
mod process;
mod text;
mod truth;
mod values;

use std::fmt;

pub use catalogue::FAMILIES;
pub use counting::JobUnderWay;
pub use family::{Family, Kind, Label, MAX_OPEN_VALUES, OTHER, Source, Values};
pub use labels::{
    AttemptOutcome, AuditUsers, ChannelTrouble, CountedLevel, JobOutcome, OutboxState, PingOutcome, PlannedKind,
    ReloadOutcome, RequestOutcome, Stage, UserOutcome, WaitReason,
};
pub use layer::CountingLayer;
pub use text::{open_metrics, prometheus_text};
pub use truth::{Truth, UNDECIDED};
pub use values::{FamilySamples, Sample, Value};

use super::health::{Dependencies, DependencyState};

/// All metrics of one process; shared by whatever counts.
pub struct Metrics {
    values: values::Store,
    health: Dependencies,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Everything at zero.
    pub fn new() -> Self {
        let values = values::Store::default();
        for family in FAMILIES {
            if family.source == Source::Counted {
                values.begin(family, family.known_series());
            }
        }
        let metrics = Self { values, health: Dependencies::default() };
        metrics.set(&catalogue::BUILD_INFO, &[env!("CARGO_PKG_VERSION")], 1.0);
        metrics.set(&catalogue::CONFIG_LAST_RELOAD_OK, &[], 1.0);
        metrics
    }

    /// Makes the series of channels that are configured, at zero.
    pub fn expect_channels<'a>(&self, channels: impl IntoIterator<Item = &'a str>) {
        for channel in channels {
            for family in [&catalogue::DELIVERY_ATTEMPTS, &catalogue::DETECT_TO_NOTIFY] {
                self.values.begin(family, family.series_with("channel", channel));
            }
        }
    }

    /// How whatever this process depends on fared when it was last used.
    pub fn health(&self) -> &Dependencies {
        &self.health
    }

    /// What the state database says, as just read; or that it could not be read, which leaves those families
    /// without samples: stale truth would be none.
    pub fn set_truth(&self, truth: Option<Truth>) {
        self.set(&catalogue::STATE_READABLE, &[], f64::from(u8::from(truth.is_some())));
        let read = truth.map(Truth::into_samples).unwrap_or_default();
        let missing = FAMILIES.iter().filter(|family| !read.iter().any(|found| found.family.name == family.name));
        let empty: Vec<_> = missing.map(|family| FamilySamples { family, samples: Vec::new() }).collect();
        self.values.replace_truth(empty);
        self.values.replace_truth(read);
    }

    /// Everything, as it is now.
    pub fn samples(&self) -> Vec<FamilySamples> {
        self.note_health();
        self.note_process();
        FAMILIES.iter().map(|family| self.values.of(family)).collect()
    }

    fn note_health(&self) {
        // As a whole: a channel that is no longer configured must not stay down for ever.
        let all = self.health.all();
        let up = |state: &DependencyState| f64::from(u8::from(state.up));
        let last = |state: &DependencyState| state.last_success.map_or(0.0, truth::seconds);
        let up = all.iter().map(|(name, state)| (vec![name.clone()], up(state)));
        self.values.replace(&catalogue::DEPENDENCY_UP, up);
        let last = all.iter().map(|(name, state)| (vec![name.clone()], last(state)));
        self.values.replace(&catalogue::DEPENDENCY_LAST_OK, last);
    }

    fn note_process(&self) {
        let Some(process) = process::read() else { return };
        self.set(&catalogue::PROCESS_CPU, &[], process.cpu_seconds);
        self.set(&catalogue::PROCESS_MEMORY, &[], process.resident_bytes);
        self.set(&catalogue::PROCESS_FDS, &[], process.open_fds);
        self.set(&catalogue::PROCESS_START, &[], process.started_at_seconds);
    }

    fn add(&self, family: &'static Family, labels: &[&str], by: f64) {
        self.values.add(family, labels, by);
    }

    fn set(&self, family: &'static Family, labels: &[&str], to: f64) {
        self.values.set(family, labels, to);
    }

    fn observe(&self, family: &'static Family, labels: &[&str], value: f64) {
        self.values.observe(family, labels, value);
    }
}
