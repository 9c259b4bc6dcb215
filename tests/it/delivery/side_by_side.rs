//! Several processes that deliver from one outbox, and one that dies.

use std::collections::BTreeMap;

use reconnectd::pipeline::RunOutcome;

use super::*;
use crate::support::rig::Hang;

async fn many_broken(rig: &mut Rig, count: usize) {
    rig.page_size = 500;
    rig.settings.storm.share = 1.0; // Off: they all break at once.
    let users: Vec<String> = (0..count).map(|n| format!("u{n:03}")).collect();
    let names: Vec<&str> = users.iter().map(String::as_str).collect();
    seen_working(rig, &names).await;
    for user in &users {
        breaks(rig, user, "slack");
    }
    planned_unsaid(rig).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_hundreds_of_deliveries_several_workers_send_each_once() {
    on_both(async |mut rig| {
        many_broken(&mut rig, 150).await;
        let workers: Vec<_> = (0..3).map(|_| rig.pipeline()).collect();
        let mut running = tokio::task::JoinSet::new();
        for worker in workers {
            running.spawn(async move { worker.deliver_only().await.unwrap() });
        }
        let summaries = running.join_all().await;
        let mut sent: BTreeMap<String, u32> = BTreeMap::new();
        for (_, notice) in rig.world.take_sent() {
            *sent.entry(notice.outside_id).or_default() += 1;
        }
        assert_eq!((sent.len(), sent.values().max()), (300, Some(&1)), "each once");
        let shares: Vec<u64> = summaries.iter().map(|summary| summary.counters.deliveries_sent).collect();
        assert_eq!(shares.iter().sum::<u64>(), 300);
        assert!(shares.iter().filter(|share| **share > 0).count() > 1, "side by side: {shares:?}");
        assert!(deliveries(&rig).await.iter().all(|row| row.state == "delivered"));
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_dies_is_replaced_when_its_lease_ends_by_whoever_looks() {
    on_both(async |mut rig| {
        rig.channels = vec!["email"];
        many_broken(&mut rig, 6).await;
        rig.world.hang(Some(Hang::Sending));
        let dies = rig.pipeline();
        tokio::select! {
            _ = dies.deliver_only() => panic!("it did not hang"),
            () = rig.world.hanging.notified() => {}
        }
        drop(dies);
        rig.world.hang(None);
        let before: Vec<String> = rig.world.take_sent().into_iter().map(|(_, notice)| notice.outside_id).collect();
        assert!(!before.is_empty() && before.len() <= 4);
        rig.deliver().await;
        let between: Vec<String> = rig.world.take_sent().into_iter().map(|(_, notice)| notice.outside_id).collect();
        assert!(between.iter().all(|id| !before.contains(id)), "what is leased is left alone");
        on_state(&rig, "UPDATE deliveries SET lease_expires_at = 1 WHERE lease_expires_at IS NOT NULL").await;
        rig.deliver().await;
        let after: Vec<String> = rig.world.take_sent().into_iter().map(|(_, notice)| notice.outside_id).collect();
        assert_eq!(between.len() + after.len(), 6);
        assert!(before.iter().all(|id| after.contains(id)), "under the same ids");
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_writes_nothing_at_all() {
    let mut rig = Rig::new().await;
    rig.channels = vec!["email"];
    many_broken(&mut rig, 1).await;
    let steal = "CREATE TRIGGER steal AFTER INSERT ON attempts BEGIN \
         UPDATE deliveries SET lease_token = 'another worker' WHERE delivery_id = NEW.delivery_id; END";
    on_state(&rig, steal).await;
    mends(&rig, "u000", "slack");
    let summary = rig.deliver().await;
    assert_eq!((summary.counters.incidents_closed, summary.incidents_open), (0, 1));
}

#[tokio::test]
async fn delivering_alone_plans_too_unless_a_run_is_under_way_or_stock_is_being_taken() {
    on_both(async |mut rig| {
        rig.channels = vec!["email"];
        seen_working(&rig, &["u", "v"]).await;
        breaks(&rig, "u", "slack");
        // A run is under way: it hangs while it asks about v, u's incident is on record.
        rig.page_size = 1;
        rig.world.hang(Some(Hang::Asking(reconnectd::domain::UserId::new("v"))));
        let pipeline = rig.pipeline();
        let mut recorded = pipeline.progress.subscribe();
        let running = tokio::spawn(async move { pipeline.run_once().await.map(|_| ()) });
        rig.world.hanging.notified().await;
        recorded.wait_for(|progress| progress.done > 0).await.unwrap();
        rig.settings.holder = "other:2".into();
        assert_eq!(rig.store.begin_read().await.unwrap().count_open_incidents().await.unwrap(), 1);
        rig.deliver().await;
        assert!(rig.world.take_sent().is_empty(), "the run plans, nobody else");
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        rig.world.hang(None);
        on_state(&rig, "UPDATE leases SET expires_at = 0").await;
        rig.deliver().await;
        assert!(rig.world.take_sent().is_empty(), "the run saw u alone");
        // Nobody runs. The first run ever must have come to its end where it was to take stock.
        rig.settings.baseline_first = true;
        on_state(&rig, "UPDATE runs SET state = 'abandoned', scan_done = 1").await;
        rig.deliver().await;
        assert!(rig.world.take_sent().is_empty(), "stock is being taken");
        rig.settings.baseline_first = false;
        let summary = rig.deliver().await;
        assert_eq!(rig.world.take_told(), ["email u: slack"]);
        assert_eq!((summary.counters.users_scanned, summary.counters.notices_planned), (0, 1));
        // The right to run was given back at once.
        match rig.pipeline().run_once().await.unwrap() {
            RunOutcome::Ran(summary) => assert_eq!(summary.counters.deliveries_sent, 0),
            RunOutcome::Stopped(summary) => panic!("stopped: {summary:?}"),
            RunOutcome::HeldElsewhere(held) => panic!("held by {}", held.holder),
        }
        let runs = rig.store.begin_read().await.unwrap().latest_runs(10).await.unwrap();
        assert_eq!(runs.len(), 3, "delivering writes no row of a run");
    })
    .await;
}
