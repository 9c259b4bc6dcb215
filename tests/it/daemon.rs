//! The daemon in one process with the tests, on a clock that the tests move: jobs at their times, what is left out, what
//! is tried again, what ends it, and what the service manager hears.

mod alone;
mod settling;
mod stage;

use std::sync::Arc;
use std::time::Duration;

use reconnectd::daemon::{Audit, Body, End, Failure, FailureKind, Finish, Trouble};
use reconnectd::domain::UserId;
use reconnectd::lifecycle::{Control, RecordingNotifier, Told};
use reconnectd::store::Store;
use reconnectd::telemetry::pulse::STALL_LIMIT;

use self::stage::{DONE, FAILED, RUNNING, Running, SKIPPED, Scripted, failed};
use crate::support::rig::{Hang, Rig};

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
