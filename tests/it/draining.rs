//! A run that is asked to stop: at each stage it finishes what is in flight, begins nothing more, and the next run goes
//! on from there without asking or telling anybody twice.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::sync::Arc;

use reconnectd::domain::{QuietHours, UserId};
use reconnectd::pipeline::{Pipeline, RunOutcome};
use reconnectd::report::Summary;
use reconnectd::store::RunRow;

use crate::support::rig::{Rig, broken, works};

fn broken_users(rig: &Rig, count: usize) {
    for number in 1..=count {
        let (user, account) = (format!("u{number}"), format!("ca_u{number}"));
        rig.world.user(&user);
        rig.world.put(broken(works(&user, &account, "slack"), rig.now()));
    }
}

async fn stopped(pipeline: &Pipeline) -> Summary {
    match pipeline.run_once().await.unwrap() {
        RunOutcome::Stopped(summary) => *summary,
        other => unreachable!("{other:?}"),
    }
}

async fn latest(rig: &Rig) -> RunRow {
    rig.store.begin_read().await.unwrap().latest_runs(1).await.unwrap().remove(0)
}

#[tokio::test]
async fn while_scanning_the_page_in_flight_is_recorded_and_nobody_behind_it_is_asked_about() {
    let rig = Rig::new().await;
    broken_users(&rig, 8);
    let pipeline = rig.pipeline();
    let stop = pipeline.stop.clone();
    rig.world.provider_fails(move |user| {
        if user.as_str() == "u3" {
            stop.cancel();
        }
        None
    });
    let summary = stopped(&pipeline).await;
    assert_eq!((summary.stopped, summary.complete, summary.counters.users_scanned), (true, false, 4));
    assert!(summary.error.unwrap().contains("stopped by a signal"));
    assert_eq!(rig.world.take_asked(), ["u1", "u2", "u3", "u4"]);
    let row = latest(&rig).await;
    assert_eq!((row.state.as_str(), row.scan_done, row.counters.users_scanned), ("abandoned", false, 4));
    assert!(rig.store.begin_read().await.unwrap().jobs().await.unwrap()[0].succeeded_at.is_none());

    rig.world.provider_recovers();
    let summary = rig.run().await;
    assert_eq!(summary.resumed_from, Some(row.id));
    assert_eq!((summary.counters.users_scanned, summary.counters.incidents_opened), (8, 8));
    assert_eq!(rig.world.take_asked()[..4], ["u5", "u6", "u7", "u8"]);
    assert_eq!(rig.world.take_told().len(), 16);
}

#[tokio::test]
async fn while_planning_whoever_is_being_written_is_written_whole() {
    let mut rig = Rig::new().await;
    rig.settings.quiet =
        QuietHours { hours: Some(("22:00:00".parse().unwrap(), "23:00:00".parse().unwrap())), ..QuietHours::off() };
    broken_users(&rig, 4);
    let pipeline = rig.pipeline();
    let stop = pipeline.stop.clone();
    rig.world.at_contact(move |_, _| stop.cancel());
    let summary = stopped(&pipeline).await;
    assert_eq!((summary.counters.users_scanned, summary.counters.notices_planned), (4, 0));
    assert!(latest(&rig).await.scan_done);
    rig.world.at_contact(|_, _| ());
    rig.world.take_asked();
    let summary = rig.run().await;
    assert_eq!((summary.counters.users_scanned, summary.counters.notices_planned), (4, 4));
    assert_eq!(rig.world.take_told().len(), 8);
    assert_eq!(rig.world.take_asked().len(), 8, "nobody was scanned again: one last look per delivery");
}

#[tokio::test]
async fn while_delivering_what_is_in_flight_is_settled_and_nothing_more_is_claimed() {
    let mut rig = Rig::new().await;
    rig.channels = vec!["webhook:product"];
    broken_users(&rig, 12);
    for audit in [true, false] {
        let pipeline = rig.pipeline();
        let stop = pipeline.stop.clone();
        rig.world.sends_fail(move |_, _| {
            stop.cancel();
            None
        });
        let summary = if audit { stopped(&pipeline).await } else { pipeline.deliver_only().await.unwrap() };
        assert!(summary.stopped, "{summary:?}");
        let sent = rig.world.take_sent().len();
        assert!((1..=4).contains(&sent), "one per place of the channel at most: {sent}");
        assert_eq!(summary.counters.deliveries_sent, sent as u64, "each of them was settled");
    }
    rig.world.sends_fail(|_, _| None);
    let summary = rig.deliver().await;
    assert_eq!((summary.stopped, summary.deliveries_pending), (false, 0));
    let told: Vec<UserId> = rig.world.take_sent().into_iter().map(|(_, notice)| notice.user).collect();
    assert!(told.len() >= 4 && told.len() <= 10, "{told:?}");
}

#[tokio::test]
async fn while_waiting_for_the_right_to_run_it_leaves_at_once() {
    let rig = Rig::new().await;
    broken_users(&rig, 1);
    let mut other = rig.store.begin().await.unwrap();
    other.take_lease("run", "other:2", std::time::Duration::from_mins(5)).await.unwrap().unwrap();
    other.commit().await.unwrap();
    let pipeline = Arc::new(rig.pipeline());
    pipeline.stop.cancel();
    let summary = stopped(&pipeline).await;
    assert_eq!((summary.stopped, summary.counters.users_scanned), (true, 0));
    assert_eq!(rig.world.take_asked().len(), 0);
}
