//! What must be so when the daemon has stopped for the last time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::TimeDelta;
use reconnectd::domain::JobName;
use reconnectd::ports::Clock as _;
use reconnectd::store::{OccurrenceRow, Store};
use reconnectd::telemetry::events;
use reconnectd::telemetry::metrics::FAMILIES;
use secrecy::ExposeSecret as _;

use super::ledger;
use super::life::Life;
use super::watch::{Watch, resident_kib, tasks};

/// Memory at the end may be this much more than when it was warm, in KiB: what allocators keep and a bigger database
/// costs, and no more.
const MAY_GROW_KIB: u64 = 16 * 1024;

/// Stops the daemon and draws up the account.
pub async fn draw_up(mut life: Life, watch: &Watch) {
    life.all_is_well();
    // What is being tried again has its next instant by then.
    life.hours_pass(6).await;
    // And what is due then is looked at, however busy the machine is.
    life.clock.stop();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let end = life.stop().await;
    let (before, left, resident) = (life.tasks_before, settled_tasks(life.tasks_before).await, resident_kib());
    let (warm, seen) = (life.resident, watch.events.lock().unwrap().clone());
    println!(
        "soak: {} starts, {}..{end}; memory {warm} to {resident} KiB; tasks {before} to {left}\n{seen:?}",
        life.starts, life.start
    );
    let store = Store::open(life.config.state.url.expose_secret()).await.unwrap();
    let journal = watch.journal.lock().unwrap().clone();
    let said = ledger::draw_up(&store, &life.config.schedule, (life.start, end), &journal).await;
    println!("soak: {said}");
    let mut work = store.begin_read().await.unwrap();
    let audits = work.occurrences(JobName::Audit, end + TimeDelta::days(4000), 1_000_000).await.unwrap();
    work.roll_back();
    store.close().await;
    // One that learned nothing of anybody is a failure, and is tried again under the same occurrence.
    let finished: Vec<String> = sqlx::query_scalar(
        "SELECT run_id FROM runs WHERE state = 'finished' AND \
         (counters::json->>'users_scanned')::bigint > (counters::json->>'users_unknown')::bigint",
    )
    .fetch_all(&mut life.admin)
    .await
    .unwrap();
    assert!(!finished.is_empty());
    ledger::runs_belong_to_occurrences(&finished, &audits, &journal);
    nobody_was_told_twice(&mut life).await;
    // One process, whose audits wait for its planning: nobody else is ever at it.
    let held: Vec<&OccurrenceRow> =
        audits.iter().filter(|row| row.detail.as_ref().is_some_and(|detail| detail.ends_with("was at it"))).collect();
    assert!(held.is_empty(), "left out for a process that is not there: {held:?}");

    assert!(left <= before, "{left} tasks are left of {before}");
    assert!(resident <= warm + MAY_GROW_KIB, "{resident} KiB, {warm} when warm");
    for name in seen.keys() {
        assert!(events::ALL.contains(&name.as_str()), "{name} is not in the catalogue of events");
    }
    let catalogue: BTreeSet<String> = FAMILIES.iter().map(|family| family.name.to_owned()).collect();
    assert_eq!(life.families, catalogue, "scraped, and in the catalogue of metrics");
}

/// Tasks of servers end after the connections to them.
async fn settled_tasks(wanted: usize) -> usize {
    for _ in 0..100 {
        if tasks() <= wanted {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tasks()
}

/// What arrived more than once did so under its one id, as often as it was tried at most; and no notice has two ids.
async fn nobody_was_told_twice(life: &mut Life) {
    let second = "SELECT i.incident_id FROM notification_items i JOIN deliveries d \
         ON d.notification_id = i.notification_id GROUP BY i.incident_id, i.number, d.channel HAVING count(*) > 1";
    let second: Vec<String> = sqlx::query_scalar(second).fetch_all(&mut life.admin).await.unwrap();
    assert!(second.is_empty(), "planned twice: {second:?}");
    let tried: BTreeMap<String, i64> = sqlx::query_as("SELECT outside_id, attempts FROM deliveries")
        .fetch_all(&mut life.admin)
        .await
        .unwrap()
        .into_iter()
        .collect();

    let (mut arrived, mut ids) = (BTreeMap::<String, i64>::new(), BTreeMap::<String, BTreeSet<String>>::new());
    for (mail, _) in life.mail.ledger() {
        let id = mail.lines().find_map(|line| line.strip_prefix("Message-ID:")).unwrap().trim().to_owned();
        *arrived.entry(id).or_default() += 1;
    }
    assert!(!arrived.is_empty(), "nobody was written to");
    for post in life.sink.received() {
        let (event, id) = (post.json(), post.header("webhook-id").to_owned());
        for account in event["data"]["accounts"].as_array().into_iter().flatten() {
            let notice = format!("{} {} {}", event["type"], account["incident_id"], account["notice"]);
            ids.entry(notice).or_default().insert(id.clone());
        }
        *arrived.entry(id).or_default() += 1;
    }
    assert!(!ids.is_empty(), "no webhook was called");
    for (id, times) in &arrived {
        let tried = tried.get(id).unwrap_or_else(|| panic!("{id} arrived, and nobody knows it"));
        assert!(times <= tried, "{id} arrived {times} times, tried {tried} times");
    }
    for (notice, ids) in &ids {
        assert_eq!(ids.len(), 1, "{notice} under {ids:?}");
    }
    let repeats = arrived.values().sum::<i64>() - i64::try_from(arrived.len()).unwrap();
    println!("soak: {} notices arrived, {repeats} repeats under the first id, at {}", arrived.len(), life.clock.now());
}
