//! What the tests of the daemon stand on: a clock and an alarm they move, ports that can be missing, bodies that end as told,
//! and a daemon at work.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use reconnectd::config::{self, Config, ConfigError, Fingerprint};
use reconnectd::daemon::{
    self, Assembly, Body, Call, Change, Connected, End, Failure, FailureKind, Finish, Live, Parts, Setup, Trouble,
};
use reconnectd::domain::{Colour, IdMint, JobName, OccurrenceState, Timestamp, from_millis};
use reconnectd::lifecycle::{Control, RecordingNotifier, Told};
use reconnectd::ports::{Alarm, Clock};
use reconnectd::report::reconnect::{Frame, ReportSettings};
use reconnectd::retention::RetentionSettings;
use reconnectd::store::{JobRow, OccurrenceRow, Store};
use reconnectd::telemetry::Pulse;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::support::rig::{Rig, START_MS};

/// A clock that shows what it is told, and wakes who waits for that.
pub(super) struct StepClock(pub(super) watch::Sender<Timestamp>, pub(super) Mutex<BTreeSet<Timestamp>>);

impl StepClock {
    pub(super) fn set(&self, minutes: i64) {
        self.0.send_replace(from_millis(START_MS + minutes * 60_000));
    }

    /// Goes there once somebody waits for it.
    pub(super) async fn step(&self, minutes: i64) {
        while !self.1.lock().unwrap().contains(&from_millis(START_MS + minutes * 60_000)) {
            tokio::task::yield_now().await;
        }
        self.set(minutes);
    }
}

#[async_trait]
impl Clock for StepClock {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
    }

    async fn sleep(&self, duration: Duration) {
        let until = self.now() + duration;
        self.1.lock().unwrap().insert(until);
        self.0.subscribe().wait_for(|now| *now >= until).await.unwrap();
    }
}

/// Rings by the same clock, and is not among those who wait for an instant.
pub(super) struct StepAlarm(Arc<StepClock>);

#[async_trait]
impl Alarm for StepAlarm {
    async fn ring(&self, at: Timestamp) {
        self.0.0.subscribe().wait_for(|now| *now >= at).await.unwrap();
    }
}

/// Builds over the rig, or fails as told; none left means that it hangs.
pub(super) struct Fake {
    pub(super) parts: Arc<Parts>,
    pub(super) troubles: Mutex<VecDeque<Option<Trouble>>>,
}

#[async_trait]
impl Assembly for Fake {
    async fn connect(&self, _: &Config) -> Result<Connected, Trouble> {
        let next = self.troubles.lock().unwrap().pop_front();
        match next {
            Some(Some(trouble)) => Err(trouble),
            Some(None) => Ok(Connected { parts: Arc::clone(&self.parts), servers: Vec::new() }),
            None => std::future::pending().await,
        }
    }

    fn prepare(&self, _: &Config, _: &Arc<Parts>) -> Result<Change, Failure> {
        Ok(Box::new(|| Ok(())))
    }

    fn apply_log(&self, _: &Config) -> Result<(), Failure> {
        Ok(())
    }

    fn reread(&self) -> Result<(Config, Fingerprint), ConfigError> {
        configuration("off")
    }
}

pub(super) fn configuration(audit: &str) -> Result<(Config, Fingerprint), ConfigError> {
    configured(audit, &[])
}

/// With other values than usual.
pub(super) fn configured(audit: &str, more: &[(&str, &str)]) -> Result<(Config, Fingerprint), ConfigError> {
    let keys = [
        ("DIRECTORY__URL", "sqlite://product.db"),
        ("COMPOSIO__API_KEY", "ak_1"),
        ("RECONNECT__URL", "https://app.example.com/"),
        ("RECONNECT__PRODUCT", "Acme"),
        ("SCHEDULE__AUDIT", audit),
        ("SCHEDULE__AUDIT_JITTER", "0s"),
        ("DAEMON__DRAIN_TIMEOUT", "1s"),
    ];
    let off = ["DELIVER", "REPORT", "RETENTION"].map(|job| (format!("RECONNECTD__SCHEDULE__{job}"), "off".to_owned()));
    let keys = keys.map(|(key, value)| (format!("RECONNECTD__{key}"), value.to_owned()));
    let more = more.iter().map(|(key, value)| (format!("RECONNECTD__{key}"), (*value).to_owned()));
    let all: std::collections::BTreeMap<String, String> = keys.into_iter().chain(off).chain(more).collect();
    config::load_comparable(None, all.into_iter())
}

/// A daemon at work.
pub(super) struct Running {
    pub(super) clock: Arc<StepClock>,
    pub(super) store: Store,
    pub(super) controls: mpsc::Sender<Control>,
    pub(super) daemon: JoinHandle<End>,
    pub(super) notifier: Arc<RecordingNotifier>,
    pub(super) pulse: Arc<Pulse>,
}

impl Running {
    /// The audit is due every hour; `START_MS` is an hour.
    pub(super) fn start(rig: &Rig, body: Arc<dyn Body>, troubles: Vec<Option<Trouble>>) -> Self {
        // One that wants to hear of it often, so that the tests see soon what it is about.
        Self::watched(rig, body, troubles, Arc::new(RecordingNotifier::with_watchdog(Duration::from_millis(100))))
    }

    pub(super) fn watched(
        rig: &Rig,
        body: Arc<dyn Body>,
        troubles: Vec<Option<Trouble>>,
        notifier: Arc<RecordingNotifier>,
    ) -> Self {
        let configuration = configuration("0 * * * *").unwrap();
        Self::configured(rig, vec![body], troubles, notifier, configuration)
    }

    pub(super) fn configured(
        rig: &Rig,
        bodies: Vec<Arc<dyn Body>>,
        troubles: Vec<Option<Trouble>>,
        notifier: Arc<RecordingNotifier>,
        configuration: (Config, Fingerprint),
    ) -> Self {
        Self::woken(rig, bodies, troubles, notifier, configuration, |clock| Arc::new(StepAlarm(clock)))
    }

    pub(super) fn woken(
        rig: &Rig,
        bodies: Vec<Arc<dyn Body>>,
        troubles: Vec<Option<Trouble>>,
        notifier: Arc<RecordingNotifier>,
        (config, fingerprint): (Config, Fingerprint),
        alarm: fn(Arc<StepClock>) -> Arc<dyn Alarm>,
    ) -> Self {
        let clock = Arc::new(StepClock(watch::Sender::new(from_millis(START_MS)), Mutex::default()));
        let pipeline = rig.pipeline();
        let mut outside = pipeline.ports.clone();
        outside.clock = Arc::clone(&clock) as Arc<dyn Clock>;
        let (mint, pulse) = (Arc::new(IdMint::new(11)), Arc::new(Pulse::default()));
        let metrics = Arc::clone(&outside.metrics);
        let live = Live {
            ports: outside,
            settings: rig.settings.clone(),
            watch: pipeline.watch.clone(),
            report: ReportSettings {
                period: Duration::from_hours(168),
                directory: None,
                keep: std::num::NonZeroU32::MIN,
                frame: Frame::file("Acme", Colour::ACCENT),
            },
            retention: RetentionSettings {
                history: Duration::from_hours(24 * 800),
                operational: Duration::from_hours(2160),
            },
        };
        let made_of = Arc::new(Parts::new(rig.store.clone(), live, Arc::clone(&mint), Arc::clone(&pulse)));
        let setup = Setup {
            config,
            fingerprint,
            assembly: Arc::new(Fake { parts: made_of, troubles: Mutex::new(troubles.into()) }),
            bodies,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            alarm: alarm(Arc::clone(&clock)),
            notifier: Arc::clone(&notifier) as Arc<dyn reconnectd::lifecycle::Notifier>,
            pulse: Arc::clone(&pulse),
            metrics,
            mint,
            holder: "daemon:1".into(),
            servers: Vec::new(),
        };
        let (controls, heard) = mpsc::channel(4);
        let daemon = tokio::spawn(daemon::run(setup, heard));
        Self { clock, store: rig.store.clone(), controls, daemon, notifier, pulse }
    }

    pub(super) async fn rows(&self) -> Vec<OccurrenceRow> {
        let mut work = self.store.begin_read().await.unwrap();
        let mut rows = work.occurrences(JobName::Audit, from_millis(START_MS + 86_400_000), 100).await.unwrap();
        rows.reverse();
        rows
    }

    /// Waits until the occurrences are in these states; minutes after the start, state.
    pub(super) async fn until(&self, expected: &[(i64, OccurrenceState)]) -> Vec<OccurrenceRow> {
        let mut last = Vec::new();
        for _ in 0..3_000 {
            let rows = self.rows().await;
            last =
                rows.iter().map(|row| ((row.scheduled_at - from_millis(START_MS)).num_minutes(), row.state)).collect();
            if last == expected {
                return rows;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        unreachable!("{last:?} never became {expected:?}; it says {:?}", self.notifier.take().last());
    }

    /// Waits until the schedule is followed: what comes before that was not missed.
    pub(super) async fn follows(&self) {
        for _ in 0..3_000 {
            if self.notifier.take().iter().any(|told| matches!(told, Told::Status(words) if words.contains("next "))) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        unreachable!("it never followed the schedule");
    }

    pub(super) async fn job(&self) -> JobRow {
        self.store.begin_read().await.unwrap().jobs().await.unwrap().remove(0)
    }

    pub(super) async fn stop(self) -> End {
        self.controls.send(Control::Stop).await.unwrap();
        self.daemon.await.unwrap()
    }
}

/// Ends as told, one call after the other; then it is done.
#[derive(Default)]
pub(super) struct Scripted {
    pub(super) calls: Mutex<VecDeque<Option<Finish>>>,
}

impl Scripted {
    /// None stands for a panic.
    pub(super) fn new(calls: impl IntoIterator<Item = Option<Finish>>) -> Arc<Self> {
        Arc::new(Self { calls: Mutex::new(calls.into_iter().collect()) })
    }

    pub(super) fn left(&self) -> usize {
        self.calls.lock().unwrap().len()
    }
}

#[async_trait]
impl Body for Scripted {
    fn job(&self) -> JobName {
        JobName::Audit
    }

    async fn run(&self, _: Call) -> Finish {
        let next = self.calls.lock().unwrap().pop_front();
        match next {
            Some(Some(finish)) => finish,
            Some(None) => unreachable!("scripted"),
            None => Finish::Done,
        }
    }
}

pub(super) fn failed(class: FailureKind) -> Finish {
    Finish::Failed(Failure { class, words: "scripted".into() })
}

pub(super) const DONE: OccurrenceState = OccurrenceState::Done;
pub(super) const FAILED: OccurrenceState = OccurrenceState::Failed;
pub(super) const SKIPPED: OccurrenceState = OccurrenceState::Skipped;
pub(super) const RUNNING: OccurrenceState = OccurrenceState::Running;
