//! Claims on both state databases: one process of many gets an occurrence, and keeps it only while it renews it.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::sync::Arc;
use std::time::Duration;

use reconnectd::adapters::clock::ManualClock;
use reconnectd::domain::{JobName, OccurrenceState, RunCounters, RunId, Timestamp};
use reconnectd::schedule::{Claims, Timetable, Turn};
use reconnectd::store::{OccurrenceClaim, RunEnd, RunRow, Store, StoreError};

use super::replicas::{World, at, schedule};
use crate::support::databases::on_both;

fn claims(store: &Store, holder: &str, ttl: Duration) -> Claims {
    let clock = Arc::new(ManualClock::new(at("2026-11-21T09:00:00Z")));
    Claims { store: store.clone(), clock, holder: holder.to_owned(), ttl }
}

/// Writes down that a run came to its end with these counters.
async fn ended(store: &Store, id: &str, counters: &RunCounters, now: Timestamp) {
    let mut work = store.begin().await.unwrap();
    let run = RunRow {
        id: RunId::new(id),
        state: "running".into(),
        started_at: now,
        updated_at: now,
        finished_at: None,
        baseline: false,
        scan_done: true,
        cursor: None,
        resumed_from: None,
        holder: "first".into(),
        counters: RunCounters::default(),
        detail: None,
    };
    work.insert_run(&run).await.unwrap();
    work.end_run(&run.id, RunEnd::Finished, counters, None, now).await.unwrap();
    work.commit().await.unwrap();
}

/// What is said of the audit that was due then.
async fn detail(store: &Store, due: Timestamp) -> Option<String> {
    let row = store.begin_read().await.unwrap().occurrence(JobName::Audit, due).await.unwrap();
    row.and_then(|row| row.detail)
}

#[tokio::test]
async fn of_many_processes_at_once_one_takes_an_occurrence_on() {
    on_both(async |store| {
        let hourly = schedule("0 * * * *", chrono_tz::Tz::UTC);
        let timetable = Timetable { jobs: vec![hourly.clone()], catch_up: Duration::from_hours(1) };
        let early = claims(&store, "early", Duration::from_mins(1));
        let early = Claims { clock: Arc::new(ManualClock::new(at("2026-11-21T08:30:00Z"))), ..early };
        assert_eq!(early.begin(&timetable, "first").await.unwrap(), "first");
        assert_eq!(early.begin(&timetable, "second").await.unwrap(), "first", "all share the first one's seed");

        let tasks: Vec<_> = (0..8)
            .map(|n| {
                let (claims, hourly) = (claims(&store, &format!("p{n}"), Duration::from_mins(1)), hourly.clone());
                tokio::spawn(async move { claims.take(&hourly, Duration::from_hours(1), "first").await.unwrap() })
            })
            .collect();
        let mut ours = 0;
        for task in tasks {
            match task.await.unwrap() {
                Turn::Ours { claimed, late } => {
                    assert_eq!((claimed.attempt, late), (1, false));
                    ours += 1;
                }
                Turn::Busy { instant, .. } => assert_eq!(instant, at("2026-11-21T09:00:00Z")),
                Turn::Wait { instant, .. } => assert_eq!(instant, at("2026-11-21T10:00:00Z")),
                Turn::Never => panic!("it comes every hour"),
            }
        }
        assert_eq!(ours, 1);
    })
    .await;
}

#[tokio::test]
async fn an_older_occurrence_is_not_done_after_a_newer_one() {
    on_both(async |store| {
        let process = claims(&store, "a", Duration::from_mins(1));
        let (older, newer) = (at("2026-11-21T08:00:00Z"), at("2026-11-21T09:00:00Z"));
        let OccurrenceClaim::Claimed(claimed) = process.claim(JobName::Report, newer, newer).await.unwrap() else {
            panic!("nobody else is there");
        };
        process.settle(&claimed, OccurrenceState::Done, None, None).await.unwrap();
        let late = process.claim(JobName::Report, older, newer).await.unwrap();
        assert_eq!(late, OccurrenceClaim::Settled(OccurrenceState::Done));
        // What was refused left nothing: neither a row nor a lease.
        let mut work = store.begin_read().await.unwrap();
        assert_eq!(work.occurrences(JobName::Report, newer, 10).await.unwrap().len(), 1);
        assert_eq!(work.lease_holder(JobName::Report.lease()).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_claim_is_kept_while_it_is_renewed_and_lost_to_whoever_takes_it_after_that() {
    on_both(async |store| {
        let (now, ttl) = (at("2026-11-21T09:00:00Z"), Duration::from_millis(300));
        let (first, second) = (claims(&store, "first", ttl), claims(&store, "second", Duration::from_mins(1)));
        let OccurrenceClaim::Claimed(claimed) = first.claim(JobName::Audit, now, now).await.unwrap() else {
            panic!("nobody else is there");
        };
        // Renewed for three lives of it; nobody else gets it meanwhile.
        let kept = tokio::time::timeout(ttl * 3, first.keep(&claimed)).await;
        assert!(kept.is_err(), "{kept:?}");
        let other = second.claim(JobName::Audit, now, now).await.unwrap();
        assert!(matches!(other, OccurrenceClaim::Held(held) if held.holder == "first"));

        // Renewed no more: the other takes it on, and the first one's word counts no more.
        let heir = loop {
            if let OccurrenceClaim::Claimed(heir) = second.claim(JobName::Audit, now, now).await.unwrap() {
                break heir;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(heir.attempt, 2);
        assert!(matches!(first.keep(&claimed).await, StoreError::LeaseLost));
        let late = first.settle(&claimed, OccurrenceState::Failed, None, None).await;
        assert!(matches!(late, Err(StoreError::LeaseLost)), "{late:?}");

        // Given back undone, it can be gone on with at once.
        second.give_back(&heir).await.unwrap();
        assert!(detail(&store, now).await.unwrap().contains("given back"), "nobody died over it");
        let again = first.claim(JobName::Audit, now, now).await.unwrap();
        let OccurrenceClaim::Claimed(claimed) = again else { panic!("{again:?}") };
        assert_eq!(claimed.attempt, 3);
        first.begun(&claimed, &RunId::new("run-3")).await.unwrap();
        assert_eq!(detail(&store, now).await, None, "it is somebody's again");
        assert_eq!(first.done_before(&claimed).await.unwrap(), None, "it began and did not end");

        // An audit that ended having learned of nobody is tried again, also by whoever comes after its process died.
        for (run, users_unknown, done) in [("run-4", 3, None), ("run-5", 2, Some(RunId::new("run-5")))] {
            first.begun(&claimed, &RunId::new(run)).await.unwrap();
            let counters = RunCounters { users_scanned: 3, users_unknown, ..RunCounters::default() };
            ended(&store, run, &counters, now).await;
            assert_eq!(first.done_before(&claimed).await.unwrap(), done, "{users_unknown} of 3 unknown");
        }
    })
    .await;
}

#[tokio::test]
async fn two_replicas_share_a_day_on_either_database() {
    on_both(async |store| {
        let start = at("2026-11-21T08:10:00Z");
        let mut world = World::over(store, schedule("*/30 * * * *", chrono_tz::Tz::UTC), start, 2).await;
        world.run_until(at("2026-11-21T12:10:00Z")).await;
        assert_eq!((world.began.len(), world.done.len()), (8, 8), "{:?}", world.began_at());
    })
    .await;
}
