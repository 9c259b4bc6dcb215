//! What is seen from outside: the events that are logged, what happened in which order, memory, tasks.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use reconnectd::domain::{JobName, RunId, Timestamp};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum Entry {
    /// A body was called.
    Called { job: JobName, at: Timestamp, run: RunId },
    /// And came to a good end.
    Done { job: JobName, at: Timestamp },
    /// The log said that so many instants up to this one were passed over.
    PassedOver { job: JobName, at: Timestamp, count: u64 },
    /// The process ended, asked to or not.
    Ended,
    /// The clock was set back.
    SetBack,
}

/// Everything that happened, in order.
pub type Journal = Arc<Mutex<Vec<Entry>>>;

pub struct Watch {
    /// The names of events, and how often each was seen.
    pub events: Arc<Mutex<BTreeMap<String, u64>>>,
    pub journal: Journal,
}

struct Collector {
    events: Arc<Mutex<BTreeMap<String, u64>>>,
    journal: Journal,
}

#[derive(Default)]
struct Fields {
    event: Option<String>,
    job: Option<JobName>,
    at: Option<Timestamp>,
    count: u64,
    all: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "event" => self.event = Some(value.to_owned()),
            "job" => self.job = JobName::from_code(value),
            _ => {}
        }
        self.record_debug(field, &value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "occurrences" {
            self.count = value;
        }
        self.record_debug(field, &value);
    }
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "scheduled_at" {
            self.at = text.parse().ok();
        }
        let _infallible = write!(self.all, " {}={text}", field.name());
    }
}

impl<S: tracing::Subscriber> Layer<S> for Collector {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if !event.metadata().target().starts_with("reconnectd") {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let name = fields.event.unwrap_or_else(|| format!("none at {}", event.metadata().name()));
        if std::env::var_os("RECONNECTD_TEST_SOAK_LOG").is_some() {
            println!("{name}{}", fields.all);
        }
        if name == reconnectd::telemetry::events::SCHEDULE_PASSED_OVER {
            let (job, at) = (fields.job.unwrap(), fields.at.unwrap());
            self.journal.lock().unwrap().push(Entry::PassedOver { job, at, count: fields.count });
        }
        *self.events.lock().unwrap().entry(name).or_default() += 1;
    }
}

impl Watch {
    /// From here on every event of this process is seen.
    pub fn start() -> Self {
        let (events, journal) = (Arc::default(), Journal::default());
        let collector = Collector { events: Arc::clone(&events), journal: Arc::clone(&journal) };
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(collector)).unwrap();
        Self { events, journal }
    }
}

/// Memory of this process in KiB, as the kernel counts what is resident.
pub fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Tasks of this runtime that have not ended.
pub fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}
