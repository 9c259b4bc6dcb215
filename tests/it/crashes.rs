//! A process that dies at any point loses nothing and doubles nothing: runs dropped half-way, leases that
//! lapse or are taken away, rehearsals that leave no trace.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::collections::BTreeSet;
use std::time::Duration;

use reconnectd::domain::{ChannelName, Notice, RunId, Status, UserId};
use reconnectd::pipeline::{RunError, RunOutcome};
use reconnectd::ports::ProviderError;
use reconnectd::store::StoreError;
use sqlx::{Connection as _, Row as _, SqliteConnection};

use crate::support::databases::postgres_database;
use crate::support::rig::{Hang, Rig, broken, works};

const DAY: Duration = Duration::from_hours(24);

async fn on_sqlite(rig: &Rig, statement: &'static str) {
    let mut connection = SqliteConnection::connect(&rig.url).await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// Every row of every table, as text.
async fn dump(rig: &Rig) -> String {
    let mut connection = SqliteConnection::connect(&rig.url).await.unwrap();
    let mut dump = String::new();
    for table in [
        "meta",
        "leases",
        "runs",
        "users",
        "accounts",
        "transitions",
        "incidents",
        "notifications",
        "notification_items",
        "deliveries",
        "attempts",
    ] {
        let sql = sqlx::AssertSqlSafe(format!("SELECT * FROM {table}"));
        for row in sqlx::query(sql).fetch_all(&mut connection).await.unwrap() {
            for column in 0..row.len() {
                let text = row.try_get::<Option<String>, _>(column).map(Option::unwrap_or_default);
                dump.push_str(&text.unwrap_or_else(|_| row.get::<i64, _>(column).to_string()));
                dump.push('|');
            }
            dump.push('\n');
        }
    }
    dump
}

/// Six users on three pages, all of whom broke after they were seen to work.
async fn six_broken(rig: &Rig) {
    for n in 1..=6 {
        let user = format!("u{n}");
        rig.world.user(&user);
        rig.world.put(works(&user, &format!("ca_{user}"), "slack"));
    }
    rig.run().await;
    rig.later(DAY);
    let now = rig.now();
    for n in 1..=6 {
        rig.world.change(&format!("u{n}"), &format!("ca_u{n}"), |account| *account = broken(account.clone(), now));
    }
    rig.world.take_asked();
}

/// Starts a run and drops it, as a killed process would, once it hangs at `point` with `recorded` users on
/// record.
async fn die_at(rig: &Rig, point: Hang, recorded: u64) -> RunId {
    rig.world.hang(Some(point));
    let pipeline = rig.pipeline();
    let mut progress = pipeline.progress.subscribe();
    let hangs = async {
        rig.world.hanging.notified().await;
        progress.wait_for(|progress| progress.done == recorded).await.unwrap();
    };
    tokio::select! {
        outcome = pipeline.run_once() => panic!("did not hang: {outcome:?}"),
        () = hangs => {}
    }
    rig.world.hang(None);
    pipeline.run_id
}

async fn killed_while_scanning(rig: Rig) {
    six_broken(&rig).await;
    let dead = die_at(&rig, Hang::Asking(UserId::new("u5")), 4).await;
    assert_eq!(rig.world.take_sent().len(), 0, "nobody is told before the scan is done");
    rig.world.take_asked();
    let summary = rig.run().await;
    assert_eq!(summary.resumed_from, Some(dead));
    let mut work = rig.store.begin_read().await.unwrap();
    let audit = work.jobs().await.unwrap().remove(0);
    assert!(audit.failed_at.is_some() && audit.failures == 0, "it failed, and the next one made good: {audit:?}");
    drop(work);
    let asked = rig.world.take_asked();
    assert_eq!(asked[..2], ["u5", "u6"], "it goes on at the checkpoint (the rest is the last look before sending)");
    assert_eq!(summary.counters.users_scanned, 6, "and counts the whole");
    assert_eq!(summary.counters.incidents_opened, 6);
    assert_eq!(rig.world.take_told().len(), 12);
}

#[tokio::test]
async fn a_run_killed_while_scanning_is_gone_on_from_at_its_checkpoint() {
    killed_while_scanning(Rig::new().await).await;
}

#[tokio::test]
async fn the_same_on_postgresql() {
    killed_while_scanning(Rig::over(&postgres_database().await).await).await;
}

#[tokio::test]
async fn a_run_that_failed_while_scanning_is_gone_on_from_too() {
    let rig = Rig::new().await;
    six_broken(&rig).await;
    rig.world.provider_fails(|user| (user.as_str() == "u5").then_some(ProviderError::Gone));
    rig.try_run().await.unwrap_err();
    rig.world.provider_recovers();
    rig.world.take_asked();
    let summary = rig.run().await;
    assert!(summary.resumed_from.is_some());
    assert_eq!(rig.world.take_asked()[..2], ["u5", "u6"]);
    assert_eq!(rig.world.take_told().len(), 12);

    // One that failed while delivering has nothing left to scan: the next one scans anew.
    rig.later(DAY);
    rig.world.change("u1", "ca_u1", |account| account.status = Status::Active);
    rig.run().await;
    let now = rig.now();
    rig.world.change("u1", "ca_u1", |account| *account = broken(account.clone(), now));
    rig.world.at_contact(|world, _| world.provider_fails(|_| Some(ProviderError::Gone)));
    rig.try_run().await.unwrap_err();
    rig.world.provider_recovers();
    rig.world.at_contact(|_, _| {});
    rig.later(Duration::from_hours(1));
    let summary = rig.run().await;
    assert_eq!((summary.resumed_from, summary.counters.users_scanned), (None, 6));
    assert_eq!(rig.world.take_told().len(), 2, "what was planned is not lost");
}

#[tokio::test]
async fn a_chain_of_failing_runs_keeps_no_old_checkpoint_alive() {
    let rig = Rig::new().await;
    six_broken(&rig).await;
    rig.world.provider_fails(|user| (user.as_str() == "u5").then_some(ProviderError::Gone));
    for _ in 0..3 {
        rig.try_run().await.unwrap_err();
        rig.later(Duration::from_hours(3));
    }
    rig.world.provider_recovers();
    rig.world.take_asked();
    rig.run().await;
    assert_eq!(rig.world.take_asked()[0], "u1");
}

#[tokio::test]
async fn an_old_checkpoint_is_not_gone_on_from() {
    let rig = Rig::new().await;
    six_broken(&rig).await;
    die_at(&rig, Hang::Asking(UserId::new("u5")), 4).await;
    rig.later(Duration::from_hours(7));
    rig.world.take_asked();
    let summary = rig.run().await;
    assert_eq!((summary.resumed_from, summary.counters.users_scanned), (None, 6));
    assert_eq!(rig.world.take_asked()[..6], ["u1", "u2", "u3", "u4", "u5", "u6"]);
}

#[tokio::test]
async fn a_run_killed_while_sending_is_finished_under_the_same_ids() {
    let mut rig = Rig::new().await;
    rig.channels = vec!["email"];
    six_broken(&rig).await;
    die_at(&rig, Hang::Sending, 6).await;
    let before = rig.world.take_sent();
    assert!(!before.is_empty() && before.len() <= 4, "{}", before.len());
    // What the dead process had leased stays leased until the lease ends; the rest is sent now.
    rig.run().await;
    let meanwhile = rig.world.take_sent();
    let ids = |sent: &[(ChannelName, Notice)]| -> BTreeSet<String> {
        sent.iter().map(|(_, notice)| notice.outside_id.clone()).collect()
    };
    assert!(ids(&meanwhile).is_disjoint(&ids(&before)));
    on_sqlite(&rig, "UPDATE deliveries SET lease_expires_at = 0 WHERE lease_expires_at IS NOT NULL").await;
    rig.run().await;
    let mut after = rig.world.take_sent();
    assert!(ids(&after).is_superset(&ids(&before)), "the same Message-IDs, so that a receiver can drop the repeat");
    assert!(ids(&after).is_disjoint(&ids(&meanwhile)), "what was settled is not repeated");
    assert_eq!(ids(&after).len() + ids(&meanwhile).len(), 6, "nobody is lost");
    after.retain(|(_, notice)| ids(&before).contains(&notice.outside_id));
    let user = after[0].1.user.as_str().to_owned();
    let outcomes: Vec<_> = rig.story(&user).await.deliveries[0].attempts.iter().map(|a| a.outcome.clone()).collect();
    assert_eq!(outcomes, [None, Some("sent".to_owned())], "the lost attempt is on record");
    rig.run().await;
    assert_eq!(rig.world.take_sent().len(), 0);
}

#[tokio::test]
async fn a_delivery_whose_worker_always_dies_is_given_up_and_harms_nobody_else() {
    let mut rig = Rig::new().await;
    rig.channels = vec!["email"];
    rig.settings.retry.max_attempts = 3;
    six_broken(&rig).await;
    for _ in 0..3 {
        die_at(&rig, Hang::Sending, 6).await;
        // Every lease lapses, and the next run scans anew.
        on_sqlite(
            &rig,
            "UPDATE deliveries SET lease_expires_at = 0 WHERE lease_expires_at IS NOT NULL; \
             UPDATE leases SET expires_at = 0; UPDATE runs SET state = 'finished'",
        )
        .await;
    }
    let before = rig.world.take_sent();
    assert!(before.len() >= 3, "{}", before.len());
    let summary = rig.run().await;
    // The one that was due first was claimed each time, and perhaps others with it. Which of those claimed at once came
    // as far as sending is chance.
    let mut dead = 0;
    for n in 1..=6 {
        let delivery = &rig.story(&format!("u{n}")).await.deliveries[0];
        if delivery.state == "dead" {
            assert!(delivery.detail.as_deref().unwrap_or("").contains("its worker died 3 times"), "{delivery:?}");
            dead += 1;
        }
    }
    assert!(dead > 0, "{before:?}");
    assert_eq!(summary.deliveries_pending, 0, "the others are settled one way or the other");
    // What may have been sent is not planned anew.
    rig.world.take_sent();
    rig.later(DAY);
    assert_eq!(rig.run().await.counters.notices_planned, 0);
    assert!(rig.world.take_sent().is_empty());
}

#[tokio::test]
async fn a_second_runner_says_who_is_running_and_does_nothing() {
    let rig = Rig::new().await;
    six_broken(&rig).await;
    rig.world.hang(Some(Hang::Asking(UserId::new("u3"))));
    let first = rig.pipeline();
    let running = tokio::spawn(async move { first.run_once().await.map(|_| ()) });
    rig.world.hanging.notified().await;
    let mut second = rig.pipeline();
    second.settings.holder = "other:2".into();
    match second.run_once().await.unwrap() {
        RunOutcome::HeldElsewhere(held) => assert_eq!(held.holder, "test:1"),
        RunOutcome::Ran(summary) | RunOutcome::Stopped(summary) => panic!("ran beside another: {summary:?}"),
    }
    running.abort();
}

#[tokio::test]
async fn a_run_that_lost_its_lease_writes_nothing_more() {
    let rig = Rig::new().await;
    six_broken(&rig).await;
    rig.world.hang(Some(Hang::Asking(UserId::new("u5"))));
    let pipeline = rig.pipeline();
    let running = tokio::spawn(async move { pipeline.run_once().await.map(|_| ()) });
    rig.world.hanging.notified().await;
    on_sqlite(&rig, "UPDATE leases SET token = token + 1, holder = 'thief:9'").await;
    let before = dump(&rig).await;
    let error = running.await.unwrap().unwrap_err();
    assert!(matches!(error, RunError::Store(StoreError::LeaseLost)), "{error:?}");
    assert_eq!(dump(&rig).await, before, "not even how it ended: the row is its successor's now");
    assert_eq!(rig.world.take_sent().len(), 0);
}

/// A process that dies in every audit says nothing itself: its successors do.
#[tokio::test]
async fn audits_whose_process_dies_are_failures_of_the_job() {
    let rig = Rig::new().await;
    six_broken(&rig).await;
    for deaths in 0..3 {
        die_at(&rig, Hang::Asking(UserId::new("u5")), 4).await;
        let mut work = rig.store.begin_read().await.unwrap();
        let audit = work.jobs().await.unwrap().remove(0);
        let words = (deaths > 0).then_some("its process ended");
        assert_eq!((audit.failures, audit.error.as_deref()), (deaths, words));
    }
}

#[tokio::test]
async fn a_rehearsal_writes_nothing_tells_nobody_and_says_what_would_happen() {
    let mut rig = Rig::new().await;
    six_broken(&rig).await;
    let before = dump(&rig).await;
    rig.settings.dry_run = true;
    let rehearsed = rig.run().await;
    assert_eq!(dump(&rig).await, before);
    assert_eq!(rig.world.take_sent().len(), 0);
    rig.settings.dry_run = false;
    let real = rig.run().await;
    assert_eq!(rehearsed.counters.notices_planned, real.counters.notices_planned);
    assert_eq!(rehearsed.counters.incidents_opened, real.counters.incidents_opened);
    assert_eq!((rehearsed.counters.silenced.clone(), rehearsed.dry_run), (real.counters.silenced, true));
}

#[tokio::test]
async fn a_run_in_which_nothing_changed_writes_no_account_rows() {
    let rig = Rig::new().await;
    six_broken(&rig).await;
    rig.run().await;
    on_sqlite(&rig, "CREATE TRIGGER written BEFORE UPDATE ON accounts BEGIN SELECT RAISE(ABORT, 'written'); END").await;
    rig.later(DAY);
    rig.run().await;
    let story = rig.story("u1").await;
    assert_eq!(story.observed_at, Some(rig.now()), "the user was seen all the same");
    rig.world.change("u1", "ca_u1", |account| account.alias = Some("new".into()));
    rig.try_run().await.unwrap_err();
}

#[tokio::test]
async fn last_active_is_known_to_the_run_though_no_row_is_written_for_it() {
    let rig = Rig::new().await;
    rig.world.user("u1");
    rig.world.put(works("u1", "ca_u1", "slack"));
    rig.run().await;
    let first_seen = rig.now();
    for _ in 0..3 {
        rig.later(DAY);
        rig.run().await;
    }
    let last_active = rig.now();
    rig.later(DAY);
    let now = rig.now();
    rig.world.change("u1", "ca_u1", |account| *account = broken(account.clone(), now));
    rig.run().await;
    let known = rig.story("u1").await.accounts[0].known.clone();
    assert_eq!(
        (known.first_seen_at, known.last_active_at, known.broken_since),
        (first_seen, Some(last_active), Some(now))
    );
    rig.later(DAY);
    rig.world.remove("u1", "ca_u1");
    let last_seen = rig.story("u1").await.observed_at;
    rig.run().await;
    let known = rig.story("u1").await.accounts[0].known.clone();
    assert_eq!((known.last_seen_at, known.gone_at), (last_seen, Some(rig.now())));
}
