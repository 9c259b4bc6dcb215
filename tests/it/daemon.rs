//! The daemon in one process with the tests, on a clock that the tests move: jobs at their times, what is left out, what
//! is tried again, what ends it, and what the service manager hears.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

mod alone;
mod settling;

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use reconnectd::config::{self, Config, ConfigError, Fingerprint};
use reconnectd::daemon::{
    self, Assembly, Audit, Body, Call, Change, Connected, End, Failure, FailureKind, Finish, Live, Parts, Setup,
    Trouble,
};
use reconnectd::domain::{Colour, IdMint, JobName, OccurrenceState, Timestamp, UserId, from_millis};
use reconnectd::lifecycle::{Control, RecordingNotifier, Told};
use reconnectd::ports::{Alarm, Clock};
use reconnectd::report::reconnect::{Frame, ReportSettings};
use reconnectd::retention::RetentionSettings;
use reconnectd::store::{JobRow, OccurrenceRow, Store};
use reconnectd::telemetry::Pulse;
use reconnectd::telemetry::pulse::STALL_LIMIT;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::support::rig::{Hang, Rig, START_MS};

/// A clock that shows what it is told, and wakes who waits for that.
struct StepClock(watch::Sender<Timestamp>, Mutex<BTreeSet<Timestamp>>);

impl StepClock {
    fn set(&self, minutes: i64) {
        self.0.send_replace(from_millis(START_MS + minutes * 60_000));
    }

    /// Goes there once somebody waits for it.
    async fn step(&self, minutes: i64) {
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
struct StepAlarm(Arc<StepClock>);

#[async_trait]
impl Alarm for StepAlarm {
    async fn ring(&self, at: Timestamp) {
        self.0.0.subscribe().wait_for(|now| *now >= at).await.unwrap();
    }
}

/// Builds over the rig, or fails as told; none left means that it hangs.
struct Fake {
    parts: Arc<Parts>,
    troubles: Mutex<VecDeque<Option<Trouble>>>,
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

fn configuration(audit: &str) -> Result<(Config, Fingerprint), ConfigError> {
    configured(audit, &[])
}

/// With other values than usual.
fn configured(audit: &str, more: &[(&str, &str)]) -> Result<(Config, Fingerprint), ConfigError> {
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
struct Running {
    clock: Arc<StepClock>,
    store: Store,
    controls: mpsc::Sender<Control>,
    daemon: JoinHandle<End>,
    notifier: Arc<RecordingNotifier>,
    pulse: Arc<Pulse>,
}

impl Running {
    /// The audit is due every hour; `START_MS` is an hour.
    fn start(rig: &Rig, body: Arc<dyn Body>, troubles: Vec<Option<Trouble>>) -> Self {
        // One that wants to hear of it often, so that the tests see soon what it is about.
        Self::watched(rig, body, troubles, Arc::new(RecordingNotifier::with_watchdog(Duration::from_millis(100))))
    }

    fn watched(
        rig: &Rig,
        body: Arc<dyn Body>,
        troubles: Vec<Option<Trouble>>,
        notifier: Arc<RecordingNotifier>,
    ) -> Self {
        let configuration = configuration("0 * * * *").unwrap();
        Self::configured(rig, vec![body], troubles, notifier, configuration)
    }

    fn configured(
        rig: &Rig,
        bodies: Vec<Arc<dyn Body>>,
        troubles: Vec<Option<Trouble>>,
        notifier: Arc<RecordingNotifier>,
        configuration: (Config, Fingerprint),
    ) -> Self {
        Self::woken(rig, bodies, troubles, notifier, configuration, |clock| Arc::new(StepAlarm(clock)))
    }

    fn woken(
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

    async fn rows(&self) -> Vec<OccurrenceRow> {
        let mut work = self.store.begin_read().await.unwrap();
        let mut rows = work.occurrences(JobName::Audit, from_millis(START_MS + 86_400_000), 100).await.unwrap();
        rows.reverse();
        rows
    }

    /// Waits until the occurrences are in these states; minutes after the start, state.
    async fn until(&self, expected: &[(i64, OccurrenceState)]) -> Vec<OccurrenceRow> {
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
    async fn follows(&self) {
        for _ in 0..3_000 {
            if self.notifier.take().iter().any(|told| matches!(told, Told::Status(words) if words.contains("next "))) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        unreachable!("it never followed the schedule");
    }

    async fn job(&self) -> JobRow {
        self.store.begin_read().await.unwrap().jobs().await.unwrap().remove(0)
    }

    async fn stop(self) -> End {
        self.controls.send(Control::Stop).await.unwrap();
        self.daemon.await.unwrap()
    }
}

/// Ends as told, one call after the other; then it is done.
#[derive(Default)]
struct Scripted {
    calls: Mutex<VecDeque<Option<Finish>>>,
}

impl Scripted {
    /// None stands for a panic.
    fn new(calls: impl IntoIterator<Item = Option<Finish>>) -> Arc<Self> {
        Arc::new(Self { calls: Mutex::new(calls.into_iter().collect()) })
    }

    fn left(&self) -> usize {
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

fn failed(class: FailureKind) -> Finish {
    Finish::Failed(Failure { class, words: "scripted".into() })
}

const DONE: OccurrenceState = OccurrenceState::Done;
const FAILED: OccurrenceState = OccurrenceState::Failed;
const SKIPPED: OccurrenceState = OccurrenceState::Skipped;
const RUNNING: OccurrenceState = OccurrenceState::Running;

#[tokio::test]
async fn a_job_is_done_at_its_time_and_once() {
    let rig = Rig::new().await;
    rig.world.user("u1");
    let running = Running::start(&rig, Arc::new(Audit), vec![None]);
    running.follows().await;
    running.clock.set(59);
    running.clock.set(60);
    let rows = running.until(&[(60, DONE)]).await;
    assert_eq!((rows[0].attempts, rows[0].holder.as_str()), (1, "daemon:1"));
    running.clock.set(125);
    running.until(&[(60, DONE), (120, DONE)]).await;
    assert_eq!(running.job().await.failures, 0);
    assert_eq!(rig.world.take_asked(), ["u1", "u1"]);
    assert_eq!(running.stop().await, End::Stopped);
}

#[tokio::test]
async fn what_comes_while_the_job_is_at_work_is_left_out_and_a_stop_gives_back_what_hangs() {
    let mut rig = Rig::new().await;
    rig.world.user("u1");
    rig.world.hang(Some(Hang::Asking(UserId::new("u1"))));
    let running = Running::start(&rig, Arc::new(Audit), vec![None]);
    running.follows().await;
    running.clock.set(60);
    rig.world.hanging.notified().await;
    running.clock.set(121);
    let rows = running.until(&[(60, RUNNING), (120, SKIPPED)]).await;
    assert!(rows[1].detail.as_ref().unwrap().contains("still running"), "{rows:?}");
    assert_eq!(running.stop().await, End::CutOff);

    rig.world.hang(None);
    rig.store = Store::open(&rig.url).await.unwrap(); // The daemon closed the other.
    let running = Running::start(&rig, Arc::new(Audit), vec![None]);
    running.clock.set(121);
    let rows = running.until(&[(60, DONE), (120, SKIPPED)]).await;
    assert_eq!(rows[0].attempts, 2, "taken on again at once, the lease was given back");
    assert_eq!(running.stop().await, End::Stopped);
}

#[tokio::test]
async fn a_panic_fails_its_call_and_is_tried_again_and_the_daemon_lives() {
    let rig = Rig::new().await;
    let body = Scripted::new([None, Some(Finish::Done)]);
    let running = Running::start(&rig, Arc::clone(&body) as Arc<dyn Body>, vec![None]);
    running.follows().await;
    running.clock.set(60);
    running.clock.step(61).await;
    running.until(&[(60, DONE)]).await;
    assert_eq!(running.job().await.failures, 0);
    assert_eq!(running.stop().await, End::Stopped);
}

#[tokio::test]
async fn a_failure_is_tried_again_until_the_next_one_is_due() {
    let rig = Rig::new().await;
    let body = Scripted::new((0..7).map(|_| Some(failed(FailureKind::Passing))));
    let running = Running::start(&rig, Arc::clone(&body) as Arc<dyn Body>, vec![None]);
    running.follows().await;
    running.clock.set(60);
    // After 1, 2, 4, 8 and 15 and 15 minutes; one more try would come at the next instant.
    for minute in [61, 63, 67, 75, 90, 105] {
        running.clock.step(minute).await;
    }
    let rows = running.until(&[(60, FAILED)]).await;
    assert_eq!((rows[0].detail.as_deref(), rows[0].attempts), (Some("scripted"), 1));
    running.clock.set(120);
    running.until(&[(60, FAILED), (120, DONE)]).await;
    assert_eq!(running.stop().await, End::Stopped);
}

#[tokio::test]
async fn a_refused_key_is_not_tried_again_before_the_next_one_and_somebody_elses_run_is_no_failure() {
    let rig = Rig::new().await;
    let held = Some(Finish::Held("other:2".into()));
    let body = Scripted::new([Some(failed(FailureKind::KeyRefused)), held, Some(Finish::Done)]);
    let running = Running::start(&rig, body, vec![None]);
    running.follows().await;
    running.clock.set(60);
    running.until(&[(60, FAILED)]).await;
    running.clock.set(120);
    running.clock.step(121).await;
    running.until(&[(60, FAILED), (120, DONE)]).await;
    assert_eq!(running.stop().await, End::Stopped);
}

/// It would scan everybody anew; the next instant does.
#[tokio::test]
async fn an_audit_that_learned_too_little_is_not_tried_again_before_the_next_one() {
    let rig = Rig::new().await;
    let body = Scripted::new([Some(failed(FailureKind::Incomplete)), Some(Finish::Done)]);
    let running = Running::start(&rig, body, vec![None]);
    running.follows().await;
    running.clock.set(60);
    let rows = running.until(&[(60, FAILED)]).await;
    assert_eq!((rows[0].detail.as_deref(), rows[0].attempts), (Some("scripted"), 1));
    running.clock.set(120);
    running.until(&[(60, FAILED), (120, DONE)]).await;
    assert_eq!(running.stop().await, End::Stopped);
}

#[tokio::test]
async fn what_a_person_must_see_to_ends_it_at_the_start_and_later() {
    let trouble = |class| Trouble { with: "it", failure: Failure { class, words: "scripted".into() } };
    for class in [FailureKind::Configuration, FailureKind::KeyRefused, FailureKind::StateUnusable] {
        let rig = Rig::new().await;
        let running = Running::start(&rig, Scripted::new([]), vec![Some(trouble(class))]);
        let End::Failed(failure) = running.daemon.await.unwrap() else { unreachable!("it goes on") };
        assert_eq!((failure.class, failure.words.as_str()), (class, "it: scripted"));
    }
    let rig = Rig::new().await;
    let running = Running::start(&rig, Scripted::new([Some(failed(FailureKind::StateUnusable))]), vec![None]);
    running.follows().await;
    running.clock.set(60);
    let End::Failed(failure) = running.daemon.await.unwrap() else { unreachable!("it goes on") };
    assert_eq!(failure.class, FailureKind::StateUnusable);
}

#[tokio::test]
async fn what_cannot_be_reached_is_tried_again_and_a_stop_does_not_wait_for_it() {
    let rig = Rig::new().await;
    let away = || Some(Trouble { with: "it", failure: Failure { class: FailureKind::Passing, words: "away".into() } });
    let running = Running::start(&rig, Scripted::new([]), vec![away(), away(), away(), None]);
    for minute in 1..=60 {
        running.clock.set(minute);
        tokio::task::yield_now().await;
    }
    running.follows().await;
    assert_eq!(running.stop().await, End::Stopped);

    let running = Running::start(&rig, Scripted::new([]), vec![away()]);
    assert_eq!(running.stop().await, End::Stopped);
}

#[tokio::test]
async fn a_reload_puts_a_new_schedule_in_use_and_says_so_to_the_service_manager() {
    let rig = Rig::new().await;
    let running = Running::start(&rig, Scripted::new([]), vec![None]);
    running.follows().await;
    running.controls.send(Control::Reload).await.unwrap();
    let mut told = Vec::new();
    while told.iter().filter(|told| **told == Told::Ready).count() == 0 {
        told.extend(running.notifier.take());
        tokio::task::yield_now().await;
    }
    assert_eq!(told[0], Told::Reloading, "{told:?}");
    running.clock.set(180);
    running.until(&[]).await;
    assert_eq!(running.stop().await, End::Stopped);
}

#[tokio::test]
async fn the_service_manager_is_not_told_that_all_is_well_while_work_is_stuck() {
    let rig = Rig::new().await;
    tokio::time::pause();
    let notifier = Arc::new(RecordingNotifier::with_watchdog(Duration::from_secs(10)));
    // Nothing answers at all: only the control loop is at work.
    let running = Running::watched(&rig, Scripted::new([]), Vec::new(), Arc::clone(&notifier));
    let alive = || notifier.take().iter().filter(|told| **told == Told::Alive).count();
    let minute = || tokio::time::sleep(Duration::from_mins(1));
    minute().await;
    assert!(alive() >= 10, "twice within its time");
    let busy = running.pulse.begin();
    minute().await;
    assert!(alive() >= 10, "work began");
    tokio::time::sleep(STALL_LIMIT).await;
    alive();
    minute().await;
    assert_eq!(alive(), 0, "work is stuck");
    running.pulse.beat();
    minute().await;
    assert!(alive() >= 10, "it moves again");
    drop(busy);
    tokio::time::sleep(STALL_LIMIT * 2).await;
    alive();
    minute().await;
    assert!(alive() >= 10, "nothing to do is nothing stuck");
    assert_eq!(running.stop().await, End::Stopped);
}
