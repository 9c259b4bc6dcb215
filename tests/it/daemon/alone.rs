//! What the daemon finds out by itself: work that hangs beside work that moves, work that was done and not settled, other
//! processes' work, loops that broke, and a state that a person must see to while it stops.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use reconnectd::daemon::{Body, Call, End, Failure, FailureKind, Finish};
use reconnectd::domain::{JobName, RunId, Timestamp, from_millis};
use reconnectd::lifecycle::{Control, RecordingNotifier, Told};
use reconnectd::ports::Alarm;
use reconnectd::schedule::Claims;
use reconnectd::store::{JobEnd, OccurrenceClaim};
use tokio::sync::watch;

use super::stage::{DONE, RUNNING, Running, SKIPPED, Scripted, StepClock, configuration, configured};
use crate::support::rig::{Rig, START_MS};

/// A job that moves, as told by its beat, and ends; or one that never answers.
struct Paced(JobName, bool);

#[async_trait]
impl Body for Paced {
    fn job(&self) -> JobName {
        self.0
    }

    async fn run(&self, call: Call) -> Finish {
        call.pulse.beat();
        if self.1 { std::future::pending().await } else { Finish::Done }
    }
}

#[tokio::test]
async fn an_audit_that_hangs_is_noticed_while_deliveries_go_on() {
    let rig = Rig::new().await;
    let notifier = Arc::new(RecordingNotifier::with_watchdog(Duration::from_millis(100)));
    let bodies: Vec<Arc<dyn Body>> =
        vec![Arc::new(Paced(JobName::Audit, true)), Arc::new(Paced(JobName::Deliver, false))];
    let configured = configured("0 * * * *", &[("SCHEDULE__DELIVER", "*/5 * * * *")]).unwrap();
    let running = Running::configured(&rig, bodies, vec![None], Arc::clone(&notifier), configured);
    running.follows().await;
    running.clock.set(60);
    running.until(&[(60, RUNNING)]).await;
    for minute in (60..=75).step_by(5) {
        running.clock.set(minute);
        let at = from_millis(START_MS + minute * 60_000);
        loop {
            let rows = running.store.begin_read().await.unwrap().occurrences(JobName::Deliver, at, 1).await.unwrap();
            if rows.iter().any(|row| row.scheduled_at == at && row.state == DONE) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::pause();
        tokio::time::advance(Duration::from_mins(5)).await;
        tokio::time::resume();
    }
    assert!(running.pulse.stalled(tokio::time::Instant::now()).is_some(), "what /livez and the watchdog ask");
    notifier.take();
    // A reload has it say how it is at once, and that ends with the status line.
    running.controls.send(Control::Reload).await.unwrap();
    let mut told = Vec::new();
    while !(told.contains(&Told::Ready) && matches!(told.last(), Some(Told::Status(_)))) {
        told.extend(notifier.take());
        tokio::task::yield_now().await;
    }
    assert!(!told.contains(&Told::Alive), "it is told of no life: {told:?}");
    assert_eq!(running.stop().await, End::CutOff);
}

#[tokio::test]
async fn somebody_elses_run_is_looked_at_again_until_the_next_one_is_due() {
    let rig = Rig::new().await;
    let body = Scripted::new((0..20).map(|_| Some(Finish::Held("other:2".into()))));
    let running = Running::start(&rig, Arc::clone(&body) as Arc<dyn Body>, vec![None]);
    running.follows().await;
    running.clock.set(60);
    // After 1, 2, 4 and then every 5 minutes.
    for minute in [61, 63].into_iter().chain((67..=117).step_by(5)) {
        running.clock.step(minute).await;
    }
    let rows = running.until(&[(60, SKIPPED)]).await;
    assert_eq!((rows[0].detail.as_deref(), body.left()), (Some("other:2 was at it"), 6));
    assert_eq!(running.stop().await, End::Stopped);
}

#[tokio::test]
async fn what_was_done_and_only_not_settled_is_settled_and_not_done_again() {
    for (ended, left) in [(true, 1), (false, 0)] {
        let rig = Rig::new().await;
        let claims = Claims {
            store: rig.store.clone(),
            clock: Arc::new(StepClock(watch::Sender::new(from_millis(START_MS)), Mutex::default())),
            holder: "daemon:0".into(),
            ttl: Duration::from_mins(1),
        };
        let (due, run) = (from_millis(START_MS + 60 * 60_000), RunId::new("run-1"));
        let OccurrenceClaim::Claimed(claimed) = claims.claim(JobName::Audit, due, due).await.unwrap() else {
            unreachable!("nobody else is there")
        };
        claims.begun(&claimed, &run).await.unwrap();
        let mut work = rig.store.begin().await.unwrap();
        work.job_started(JobName::Audit, &run, due).await.unwrap();
        if ended {
            work.job_ended(JobName::Audit, &run, JobEnd::Succeeded, Duration::ZERO, due).await.unwrap();
        }
        work.release_lease(&claimed.lease).await.unwrap(); // As if it had lapsed.
        work.commit().await.unwrap();

        let body = Scripted::new([Some(Finish::Done)]);
        let running = Running::start(&rig, Arc::clone(&body) as Arc<dyn Body>, vec![None]);
        running.clock.set(61);
        running.until(&[(60, DONE)]).await;
        assert_eq!(body.left(), left, "ended: {ended}");
        assert_eq!(running.stop().await, End::Stopped);
    }
}

/// Breaks when it is set.
struct Broken;

#[async_trait]
impl Alarm for Broken {
    async fn ring(&self, _: Timestamp) {
        unreachable!("scripted")
    }
}

#[tokio::test]
async fn a_loop_that_ends_by_itself_ends_the_daemon_so_that_it_is_started_anew() {
    let rig = Rig::new().await;
    let notifier = Arc::new(RecordingNotifier::with_watchdog(Duration::from_millis(100)));
    let bodies: Vec<Arc<dyn Body>> = vec![Scripted::new([])];
    let configuration = configuration("0 * * * *").unwrap();
    let running = Running::woken(&rig, bodies, vec![None], notifier, configuration, |_| Arc::new(Broken));
    let ended = tokio::time::timeout(Duration::from_secs(30), running.daemon).await;
    let End::Failed(failure) = ended.unwrap().unwrap() else { unreachable!("no failure") };
    assert_eq!(failure.class, FailureKind::Passing);
    assert!(failure.words.starts_with("the loop of a job ended by itself"), "{failure}");
}

/// Finds the state unusable while it is asked to stop.
struct Late;

#[async_trait]
impl Body for Late {
    fn job(&self) -> JobName {
        JobName::Audit
    }

    async fn run(&self, call: Call) -> Finish {
        call.stop.cancelled().await;
        Finish::Failed(Failure { class: FailureKind::StateUnusable, words: "scripted".into() })
    }
}

#[tokio::test]
async fn what_a_person_must_see_to_is_not_hidden_by_a_stop() {
    let rig = Rig::new().await;
    let running = Running::start(&rig, Arc::new(Late), vec![None]);
    running.follows().await;
    running.clock.set(60);
    running.until(&[(60, RUNNING)]).await;
    let End::Failed(failure) = running.stop().await else { unreachable!("no failure") };
    assert_eq!(failure.class, FailureKind::StateUnusable);
}
