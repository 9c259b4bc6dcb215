//! `once`: the main job end to end, over every database, by real mail and signed webhooks; what it prints, what
//! a rehearsal leaves alone.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use reconnectd::adapters::clock::SystemClock;
use reconnectd::domain::AccountId;
use reconnectd::simulator::SimulatorOptions;
use serde_json::Value;

use super::process::Output;
use super::setup::{REFUSED, Setup, WEBHOOK_SECRET};
use crate::directory::product::Dialect;

/// Keys may be added to the summary, never renamed or taken away: machines read it.
const SUMMARY_KEYS: [&str; 29] = [
    "accounts_seen",
    "baseline",
    "channels_disabled",
    "channels_stopped",
    "complete",
    "conditions",
    "deliveries_cancelled",
    "deliveries_failed",
    "deliveries_pending",
    "deliveries_put_off",
    "deliveries_sent",
    "dry_run",
    "duration_ms",
    "incidents_closed",
    "incidents_open",
    "incidents_opened",
    "incidents_released",
    "notices_planned",
    "recoveries_planned",
    "reminders_planned",
    "requests_sent",
    "retries",
    "run_id",
    "silenced",
    "storms_held",
    "storms_opened",
    "users_blank",
    "users_scanned",
    "users_unknown",
];

/// Six users, one of whom is broken before the first run.
async fn six_users(setup: &Setup) -> [AccountId; 5] {
    for id in ["ada", "ben", "cleo", "dan", "eve"] {
        setup.user(id).await;
    }
    setup.user_at("uma", None).await;
    setup.breaks(&setup.works("eve", "jira"));
    setup.works("ada", "slack");
    let ben = setup.works("ben", "slack");
    assert!(setup.simulator.world().change(&ben, |account| account.alias = Some("work".into())));
    let accounts = [ben, setup.works("cleo", "gmail"), setup.works("cleo", "github"), setup.works("uma", "slack")];
    let [ben, gmail, github, uma] = accounts;
    [ben, gmail, github, uma, setup.works("dan", "notion")]
}

/// Everything but Ada's and Dan's accounts breaks; Dan switched his off.
fn break_some(setup: &Setup, accounts: &[AccountId; 5]) {
    accounts[..4].iter().for_each(|account| setup.breaks(account));
    let reason = Some("Connection status updated by user");
    assert!(setup.simulator.world().set_status(&accounts[4], "INACTIVE", reason));
}

/// One line of JSON on standard output with all keys, and a log of JSON lines of the same run.
fn well_formed(output: &Output) -> Value {
    let summary = output.summary();
    let keys: BTreeSet<&str> = summary.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = BTreeSet::from(SUMMARY_KEYS);
    expected.insert("users_unqueryable");
    assert_eq!(keys, expected);
    for key in ["users_scanned", "duration_ms", "requests_sent", "retries"] {
        assert!(summary[key].is_u64(), "{key}: {summary}");
    }
    assert!(summary["silenced"].as_object().unwrap().values().all(Value::is_u64), "{summary}");
    let log = output.log();
    assert!(log.iter().all(|line| line["run_id"] == summary["run_id"]), "{}", output.stderr);
    let events: Vec<&str> = log.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert!(events.contains(&"run.started") && events.contains(&"run.finished"), "{events:?}");
    summary
}

fn counts(summary: &Value, keys: &[&str]) -> Vec<u64> {
    keys.iter().map(|key| summary[key].as_u64().unwrap()).collect()
}

async fn told_once(state: Dialect, directory: Dialect) {
    let options = SimulatorOptions::new(Arc::new(SystemClock));
    let mut setup = Setup::over(state, directory, options).await.with_mail().await;
    setup.text("policy.first_run", "baseline");
    let accounts = six_users(&setup).await;

    let first = well_formed(&setup.run(&["once", "--summary", "json"]).await.expect(0));
    let keys = ["users_scanned", "users_unknown", "accounts_seen", "incidents_opened", "notices_planned"];
    assert_eq!(counts(&first, &keys), [6, 0, 7, 1, 0], "{first}");
    assert_eq!((&first["baseline"], &first["silenced"]["baseline"]), (&Value::from(true), &Value::from(1)));
    assert_eq!((setup.mailed().len(), setup.told().len()), (0, 0));

    break_some(&setup, &accounts);
    let second = well_formed(&setup.run(&["once", "--summary", "json"]).await.expect(0));
    let keys = ["incidents_opened", "incidents_open", "notices_planned", "deliveries_sent", "deliveries_failed"];
    assert_eq!(counts(&second, &keys), [4, 5, 3, 5, 0], "{second}");
    assert_eq!((&second["complete"], &second["baseline"]), (&Value::from(true), &Value::from(false)));
    let reasons = ["intentional", "baseline", "no_address"].map(|reason| second["silenced"][reason].as_u64());
    assert_eq!(reasons, [Some(1); 3], "{second}");
    assert_eq!(setup.mailed(), ["ben@example.com", "cleo@example.com"]);
    assert_eq!(setup.told(), ["ben", "cleo", "uma"]);
    mails_say_it_all(&setup);
    webhooks_verify(&setup, &accounts);

    let third = well_formed(&setup.run(&["once", "--summary", "json"]).await.expect(0));
    assert_eq!(counts(&third, &keys), [0, 5, 0, 0, 0], "{third}");
    assert_eq!(third["silenced"]["already_notified"], 4);
    assert_eq!((setup.mailed().len(), setup.told().len()), (2, 3), "nobody is told twice");
}

fn mails_say_it_all(setup: &Setup) {
    // Quoted-printable: `=` at a line's end joins it to the next, `=3D` is `=`.
    let mails: Vec<String> = setup.mail.as_ref().unwrap().messages();
    let readable: Vec<String> = mails.iter().map(|mail| mail.replace("=\r\n", "").replace("=3D", "=")).collect();
    let to =
        |who: &str| readable.iter().find(|mail| mail.contains(&format!("X-RcptTo: {who}@example.com\r\n"))).unwrap();
    for (who, parts) in [
        (
            "ben",
            vec![
                "\r\nSubject: Reconnect Slack (work) in Acme\r\n",
                "your Slack (work) account",
                "https://app.acme.example/settings?toolkit=slack",
                "You get this because you connected Slack to Acme",
            ],
        ),
        (
            "cleo",
            vec![
                "Gmail",
                "GitHub",
                "https://app.acme.example/settings?toolkit=gmail",
                "https://app.acme.example/settings?toolkit=github",
                "You get this because you connected",
            ],
        ),
    ] {
        let mail = to(who);
        let every = ["\r\nMessage-ID: <", "@acme.example>\r\n", "\r\nAuto-Submitted: auto-generated\r\n"];
        for part in every.iter().chain(&parts) {
            assert!(mail.contains(part), "{part:?} is missing:\n{mail}");
        }
        assert_eq!(mail.matches("\r\nTo: ").count(), 1);
        assert!(!mail.contains("\r\nCc: ") && !mail.contains("\r\nBcc: "));
    }
    let ids: BTreeSet<&str> =
        readable.iter().map(|mail| mail.lines().find(|line| line.starts_with("Message-ID: ")).unwrap()).collect();
    assert_eq!(ids.len(), 2, "a Message-ID of its own for each");
}

fn webhooks_verify(setup: &Setup, accounts: &[AccountId; 5]) {
    let verifier = standardwebhooks::Webhook::new(WEBHOOK_SECRET).unwrap();
    for request in setup.sink.received() {
        verifier.verify(&request.body, &request.headers).unwrap();
        let event = request.json();
        assert_eq!(event["type"], "reconnect.requested");
        assert!(!String::from_utf8_lossy(&request.body).contains("@example.com"));
        if event["data"]["user_id"] == "ben" {
            let account = &event["data"]["accounts"][0];
            assert_eq!(
                (account["account_id"].as_str(), &account["label"]),
                (Some(accounts[0].as_str()), &"work".into())
            );
            assert_eq!(account["reconnect_url"], "https://app.acme.example/settings?toolkit=slack");
        }
    }
}

#[tokio::test]
async fn people_are_told_once_by_mail_and_webhook() {
    told_once(Dialect::Sqlite, Dialect::Sqlite).await;
}

#[tokio::test]
async fn the_same_with_the_state_on_postgresql_and_the_users_on_mariadb() {
    told_once(Dialect::Postgres, Dialect::Maria).await;
}

#[tokio::test]
async fn the_same_with_the_users_on_postgresql() {
    told_once(Dialect::Sqlite, Dialect::Postgres).await;
}

/// Every file of the state database but the shared memory of its readers.
fn state_files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with("state.db") && !name.ends_with("-shm") {
            files.push((name, std::fs::read(entry.path()).unwrap()));
        }
    }
    files.sort();
    files
}

#[tokio::test]
async fn a_rehearsal_writes_nothing_sends_nothing_and_says_what_would_happen() {
    let setup = Setup::new().await.with_mail().await;
    let accounts = six_users(&setup).await;
    setup.once(0).await;
    assert_eq!((setup.mailed(), setup.told()), (vec!["eve@example.com".to_owned()], vec!["eve".to_owned()]));
    break_some(&setup, &accounts);

    let before = state_files(setup.folder.path());
    let output = setup.run(&["once", "--dry-run", "--summary", "json"]).await.expect(0);
    let rehearsed = well_formed(&output);
    assert_eq!(rehearsed["dry_run"], true);
    assert!(state_files(setup.folder.path()) == before, "the state database was written to");
    assert_eq!((setup.mailed().len(), setup.told().len()), (1, 1), "nothing was sent");

    let text = setup.run(&["once", "--dry-run", "--summary", "text"]).await.expect(0);
    assert!(text.stdout.contains("Dry run: nothing was written and nobody was told."), "{}", text.stdout);
    assert!(state_files(setup.folder.path()) == before);

    let real = setup.once(0).await;
    let keys = ["users_scanned", "accounts_seen", "incidents_opened", "notices_planned"];
    assert_eq!(counts(&rehearsed, &keys), counts(&real, &keys), "{rehearsed} {real}");
    assert_eq!((setup.mailed().len(), setup.told().len()), (3, 4));
}

#[tokio::test]
async fn a_rehearsal_over_a_new_state_database_is_no_first_run() {
    let mut setup = Setup::new().await;
    setup.text("policy.first_run", "baseline");
    setup.broken_user("ben").await;
    setup.run(&["once", "--dry-run"]).await.expect(2);
    setup.run(&["migrate"]).await.expect(0);
    setup.run(&["once", "--dry-run"]).await.expect(0);
    assert_eq!(setup.once(0).await["baseline"], true, "the run after it is");
    assert_eq!(setup.told().len(), 0);
}

#[tokio::test]
async fn the_text_summary_is_for_people() {
    let mut setup = Setup::new().await;
    setup.text("policy.first_run", "baseline");
    six_users(&setup).await;
    let first = setup.run(&["once"]).await.expect(0);
    for part in ["users scanned          6\n", "1 opened", "and nobody was told. From", "baseline"] {
        assert!(first.stdout.contains(part), "{part:?} is missing: {}", first.stdout);
    }
    setup.user("vic,west").await;
    let second = setup.run(&["once", "--summary", "text"]).await.expect(0);
    for part in
        ["7 (1 unqueryable (comma in the id))", "not told, and why:", "NOT AUDITED: 1 user with a comma in the id"]
    {
        assert!(second.stdout.contains(part), "{part:?} is missing: {}", second.stdout);
    }
    assert!(serde_json::from_str::<Value>(second.stdout.lines().last().unwrap()).is_err());
    second.log();
}

#[tokio::test]
async fn somebody_who_breaks_again_after_mending_is_told_again() {
    let mut setup = Setup::new().await;
    setup.text("policy.digest_window", "0s");
    setup.user("ben").await;
    let account = setup.works("ben", "slack");
    for round in 1..=2 {
        setup.once(0).await;
        setup.breaks(&account);
        assert_eq!(setup.once(0).await["incidents_opened"], 1);
        assert_eq!(setup.told().len(), round);
        assert!(setup.simulator.world().set_status(&account, "ACTIVE", None));
    }
    assert_eq!(setup.once(0).await["incidents_closed"], 1);
    assert!(setup.simulator.world().set_status(&account, "EXPIRED", Some(REFUSED)));
}
