//! A process that is killed or asked to stop at any moment: the next one goes on, nobody is forgotten and nobody
//! is told twice.
//!
//! A dead run's right to run lapses after 20 s, which the next run waits out; the stories are told at the same
//! time, in one test, so that this is waited for once.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use reconnectd::adapters::clock::SystemClock;
use reconnectd::domain::UserId;
use reconnectd::simulator::{Fault, SimulatorOptions};
use serde_json::Value;

use super::process::{Running, until};
use super::setup::Setup;
use crate::directory::product::Dialect;
use crate::support::smtp::AiosmtpdServer;
use crate::support::smtp_faults::{Act, FaultySmtp, Moment};

/// Twelve broken users on six pages.
const USERS: [&str; 12] = ["u01", "u02", "u03", "u04", "u05", "u06", "u07", "u08", "u09", "u10", "u11", "u12"];

/// A run that hangs at the fifth page, with earlier pages on record.
async fn hung_while_scanning(state: Dialect) -> (Setup, Running) {
    let mut setup = Setup::over(state, Dialect::Sqlite, SimulatorOptions::new(Arc::new(SystemClock))).await;
    for user in USERS {
        setup.broken_user(user).await;
    }
    setup.set("directory.page_size", "2");
    setup.text("daemon.drain_timeout", "1s"); // What hangs hangs for longer than any drain.
    setup.set("composio.users_per_request", "1");
    setup.set("composio.concurrency", "1");
    setup.simulator.change(|settings| settings.faults.slow_for = Duration::from_mins(10));
    setup.simulator.fail_user(&UserId::new("u09"), Fault::Slow);
    let running = setup.spawn(&["once", "--summary", "json"]);
    until("the provider is asked about u09", || setup.asked().iter().any(|user| user == "u09")).await;
    assert_eq!(setup.told().len(), 0, "nobody is told before the scan is done");
    setup.simulator.heal_user(&UserId::new("u09"));
    (setup, running)
}

/// The run after it goes on where the other stopped, and everybody is told once.
async fn goes_on(setup: &Setup) {
    let before = setup.asked().len();
    let summary = setup.once(0).await;
    assert!(summary["resumed_from"].is_string(), "{summary}");
    let counts = ["users_scanned", "incidents_opened", "notices_planned", "deliveries_sent"].map(|key| &summary[key]);
    assert_eq!(counts, [&Value::from(12); 4], "{summary}");
    let first = &setup.asked()[before];
    assert!(first.as_str() >= "u05" && first.as_str() <= "u09", "it began at {first}");
    assert_eq!(setup.told(), USERS);
    assert_eq!(setup.once(0).await["deliveries_sent"], 0);
    assert_eq!(setup.told(), USERS);
}

async fn killed_while_scanning(state: Dialect) {
    let (setup, running) = hung_while_scanning(state).await;
    running.kill();
    goes_on(&setup).await;
}

async fn asked_to_stop_while_scanning() {
    let (setup, running) = hung_while_scanning(Dialect::Sqlite).await;
    running.terminate();
    let output = running.finish().await.expect(1);
    let said = output.summary();
    assert!(said["error"].is_string() && said["complete"].is_null(), "{said}");
    let last = output.log().pop().unwrap();
    assert_eq!(last["event"], "run.failed", "it says that it was stopped: {}", output.stderr);
    goes_on(&setup).await;
}

/// A process that is alive keeps its right to run: the other says so and leaves.
async fn beside_a_process_that_is_alive() {
    let (setup, running) = hung_while_scanning(Dialect::Sqlite).await;
    let asked = setup.asked().len();
    let output = setup.run(&["once", "--summary", "json"]).await.expect(0);
    assert!(!output.stderr.contains("another run is under way"), "JSON says it: {}", output.stderr);
    let said: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert!(said["held_by"].is_string() && said["remaining_ms"].is_number() && said["run_id"].is_string(), "{said}");
    assert_eq!((setup.asked().len(), setup.told().len()), (asked, 0));
    running.kill();
}

/// Lets the leases of deliveries that a dead process had in hand (5 minutes) lapse.
async fn leases_of_deliveries_lapse(setup: &Setup) {
    setup.on_state("UPDATE deliveries SET lease_expires_at = 0 WHERE lease_expires_at IS NOT NULL").await;
}

/// Which webhook ids each user was told under.
fn ids_by_user(setup: &Setup) -> BTreeMap<String, BTreeSet<String>> {
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for request in setup.sink.received() {
        let user = request.json()["data"]["user_id"].as_str().unwrap().to_owned();
        ids.entry(user).or_default().insert(request.header("webhook-id").to_owned());
    }
    ids
}

async fn killed_while_posting() {
    let setup = Setup::new().await;
    for user in &USERS[..6] {
        setup.broken_user(user).await;
    }
    setup.sink.stall_next(4);
    let running = setup.spawn(&["once"]);
    until("all workers wait for an answer", || setup.sink.received().len() == 4).await;
    running.kill();
    let summary = setup.once(0).await;
    assert_eq!((&summary["deliveries_sent"], &summary["deliveries_pending"]), (&2.into(), &4.into()), "{summary}");
    assert_eq!(setup.told(), USERS[..6], "the others are not lost, and what hung is not repeated yet");
    leases_of_deliveries_lapse(&setup).await;
    assert_eq!(setup.once(0).await["deliveries_sent"], 4);
    assert_eq!(setup.told().len(), 10, "those whose fate nobody knows are told again");
    let ids = ids_by_user(&setup);
    assert!(ids.len() == 6 && ids.values().all(|ids| ids.len() == 1), "under the same id: {ids:?}");
    assert_eq!(setup.once(0).await["deliveries_sent"], 0);
}

fn message_id(mail: &str) -> String {
    mail.lines().find(|line| line.starts_with("Message-ID: ")).unwrap().to_owned()
}

async fn killed_while_mailing() {
    let mut setup = Setup::new().await;
    setup.remove("webhook");
    for user in &USERS[..6] {
        setup.broken_user(user).await;
    }
    let stalling = FaultySmtp::start(&[(Moment::Content, Act::Stall)]).await;
    setup.mail_to(&format!("smtp://{}?tls=none", stalling.address()));
    let running = setup.spawn(&["once"]);
    until("all workers wait for the mail server", || stalling.contents().len() == 4).await;
    running.kill();
    let lost: BTreeSet<String> = stalling.contents().iter().map(|mail| message_id(mail)).collect();
    let mail = AiosmtpdServer::start().await;
    setup.mail_to(&format!("smtp://{}?tls=none", mail.address()));
    setup.mail = Some(mail);
    assert_eq!(setup.once(0).await["deliveries_sent"], 2);
    assert_eq!(setup.mailed().len(), 2, "the others are not lost");
    leases_of_deliveries_lapse(&setup).await;
    assert_eq!(setup.once(0).await["deliveries_sent"], 4);
    let everybody: Vec<String> = USERS[..6].iter().map(|user| format!("{user}@example.com")).collect();
    assert_eq!(setup.mailed(), everybody);
    let arrived = setup.mail.as_ref().unwrap().messages();
    let arrived: BTreeSet<String> = arrived.iter().map(|mail| message_id(mail)).collect();
    assert!(arrived.len() == 6 && arrived.is_superset(&lost), "the same Message-IDs, so that a repeat can be seen");
}

#[tokio::test]
async fn whoever_is_killed_loses_nothing_and_doubles_nothing() {
    tokio::join!(
        killed_while_scanning(Dialect::Sqlite),
        killed_while_scanning(Dialect::Postgres),
        asked_to_stop_while_scanning(),
        beside_a_process_that_is_alive(),
        Box::pin(killed_while_posting()),
        Box::pin(killed_while_mailing()),
    );
}
