//! `outbox list|show|redeliver|cancel`: what waits or died is seen, put back or called off from a shell.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::sync::Arc;

use axum::http::header::RETRY_AFTER;
use reconnectd::adapters::clock::SystemClock;
use reconnectd::simulator::SimulatorOptions;
use serde_json::Value;

use super::process::Output;
use super::setup::Setup;
use crate::directory::product::Dialect;
use crate::support::sink::Reply;

/// Ben's and Kim's webhooks were put off and given up, Ada's met a redirect, which stops the channel, and waits.
async fn two_dead_and_one_waiting(state: Dialect) -> Setup {
    let setup = Setup::over(state, Dialect::Sqlite, SimulatorOptions::new(Arc::new(SystemClock))).await;
    for (user, status, code) in [("ben", 503_u16, 0), ("kim", 429, 0), ("ada@example.com", 307, 1)] {
        setup.broken_user_at(user, "x@example.com").await;
        // A day is longer than a run waits for a delivery.
        setup.sink.reply_with(vec![Reply { status, headers: vec![(RETRY_AFTER, "86400")], body_bytes: 0 }]);
        setup.once(code).await;
        if code == 0 {
            setup.give_up().await;
        }
    }
    setup
}

async fn listed(setup: &Setup, arguments: &[&str]) -> Value {
    let output = setup.run(&[&["outbox", "list", "--json"], arguments].concat()).await.expect(0);
    serde_json::from_str(&output.stdout).unwrap()
}

/// The id of a user's delivery.
async fn id_of(setup: &Setup, user: &str) -> String {
    let list = listed(setup, &["--user", user, "--state", "pending", "--state", "dead", "--state", "delivered"]).await;
    list["deliveries"][0]["delivery_id"].as_str().unwrap().to_owned()
}

fn has(output: &Output, parts: &[&str]) {
    let said = format!("{}{}", output.stdout, output.stderr);
    for part in parts {
        assert!(said.contains(part), "{part:?} is missing:\n{said}");
    }
}

#[tokio::test]
async fn the_list_is_what_needs_eyes_unless_told_otherwise() {
    let setup = two_dead_and_one_waiting(Dialect::Sqlite).await;
    let output = setup.run(&["outbox", "list"]).await.expect(0);
    let lines: Vec<&str> = output.stdout.lines().collect();
    let [ada, kim, ben, counts] = lines[..] else { panic!("{}", output.stdout) };
    for (line, parts) in [
        (ada, ["pending ", "webhook:product  a***@example.com  1 attempt  created ", "next attempt ", "HTTP 307"]),
        (kim, ["dead ", "webhook:product  kim  1 attempt  created ", "settled ", "HTTP 429"]),
        (ben, ["dead ", "webhook:product  ben  1 attempt  created ", "settled ", "HTTP 503"]),
    ] {
        assert!(parts.iter().all(|part| line.contains(part)), "{line}");
    }
    assert_eq!(counts, "in all: 1 pending, 2 dead, 0 cancelled, 0 delivered");

    let first = listed(&setup, &["--state", "dead", "--limit", "1", "--channel", "webhook:product"]).await;
    assert_eq!(first["deliveries"][0]["user"], "kim");
    let before = first["next_before"].as_str().unwrap();
    let rest = listed(&setup, &["--state", "dead", "--before", before]).await;
    assert_eq!((&rest["deliveries"][0]["user"], rest["deliveries"].as_array().unwrap().len()), (&"ben".into(), 1));
    assert_eq!((&rest["next_before"], &rest["counts"]["dead"]), (&Value::Null, &2.into()));
    let whole = listed(&setup, &["--state", "dead", "--limit", "2"]).await;
    assert_eq!(
        (whole["deliveries"].as_array().unwrap().len(), &whole["next_before"]),
        (2, &Value::Null),
        "no older one"
    );
    for none in [["--state", "cancelled"], ["--channel", "email"], ["--user", "nobody"]] {
        assert_eq!(listed(&setup, &none).await["deliveries"], Value::Array(vec![]), "{none:?}");
    }
}

#[tokio::test]
async fn show_has_the_whole_of_one() {
    let setup = two_dead_and_one_waiting(Dialect::Sqlite).await;
    let id = id_of(&setup, "ben").await;
    let output = setup.run(&["outbox", "show", &id]).await.expect(0);
    let parts =
        ["dead, settled", "msg_", "slack ", "for ca_ben_slack: opened", ", open, notice 0", "rate_limited", "HTTP 503"];
    has(&output, &parts);
    has(&output, &["user          ben", "Attempts (1)\n  1 2", "Operators (0)", "(first_notice)"]);
    let story = setup.run(&["explain", "ben"]).await.expect(0);
    has(&story, &[&format!("delivery {id}")]);
}

async fn dead_ones_can_be_mended(state: Dialect) {
    let setup = two_dead_and_one_waiting(state).await;
    let (ben, ada) = (id_of(&setup, "ben").await, id_of(&setup, "ada@example.com").await);
    let before = setup.sink.received();
    let outside_id = before[0].header("webhook-id").to_owned();
    let output = setup.run(&["outbox", "redeliver", &ben, "--by", "Kim of on-call"]).await.expect(0);
    has(&output, &[&ben, "put back, due now"]);
    for (id, said) in
        [(ben.as_str(), "is pending already, next attempt"), (&ada, "is pending already"), ("x", "no such")]
    {
        has(&setup.run(&["outbox", "redeliver", id]).await.expect(1), &[said]);
    }
    setup.once(0).await;
    let sent = &setup.sink.received()[before.len()..];
    let ids: Vec<&str> = sent.iter().map(|request| request.header("webhook-id")).collect();
    assert!(ids.contains(&outside_id.as_str()), "the same id: {ids:?}");
    let refused = setup.run(&["outbox", "redeliver", &ben, &ben]).await.expect(1);
    has(&refused, &["was delivered at ", "; a second mail would be a second mail"]);
    for command in [vec!["explain", "ben"], vec!["outbox", "show", &ben]] {
        has(&setup.run(&command).await.expect(0), &["redelivered by operator Kim of on-call 20", "after 1 attempt\n"]);
    }
    setup.once(0).await;
    assert_eq!(setup.sink.received().len(), before.len() + sent.len(), "once");
}

#[tokio::test]
async fn a_dead_one_is_put_back_and_sent_under_its_id() {
    dead_ones_can_be_mended(Dialect::Sqlite).await;
}

#[tokio::test]
async fn the_same_on_postgresql() {
    dead_ones_can_be_mended(Dialect::Postgres).await;
}

#[tokio::test]
async fn an_address_that_was_refused_is_named_when_its_delivery_is_put_back() {
    let setup = two_dead_and_one_waiting(Dialect::Sqlite).await;
    let (ben, kim) = (id_of(&setup, "ben").await, id_of(&setup, "kim").await);
    let refused = "UPDATE attempts SET outcome = 'recipient_refused' WHERE delivery_id = ";
    setup.on_state(&format!("{refused}'{ben}'")).await;
    let output = setup.run(&["outbox", "redeliver", &ben, &kim]).await.expect(0);
    has(&output, &[&format!("{ben}: its address is not written to any more"), "`reconnectd suppress remove`"]);
    assert!(!output.stdout.contains(&format!("{kim}: its address")), "{}", output.stdout);
}

#[tokio::test]
async fn all_dead_of_a_channel_need_a_yes() {
    let setup = two_dead_and_one_waiting(Dialect::Sqlite).await;
    let all = ["outbox", "redeliver", "--dead", "--channel", "webhook:product"];
    let output = setup.run(&all).await.expect(0);
    has(&output, &["webhook:product: 2 dead deliveries; nothing is changed without --yes"]);
    assert_eq!(listed(&setup, &[]).await["counts"]["dead"], 2);
    let output = setup.run(&[&all[..], &["--yes"]].concat()).await.expect(0);
    has(&output, &["webhook:product: 2 dead deliveries put back"]);
    assert_eq!(listed(&setup, &[]).await["counts"]["dead"], 0);
}

#[tokio::test]
async fn what_is_called_off_is_not_sent() {
    let setup = two_dead_and_one_waiting(Dialect::Sqlite).await;
    let (ben, ada) = (id_of(&setup, "ben").await, id_of(&setup, "ada@example.com").await);
    let before = setup.sink.received().len();
    let output = setup.run(&["outbox", "cancel", &ada, &ben, "x"]).await.expect(1);
    has(&output, &[&format!("{ada}: cancelled"), "is dead since", "x: there is no such delivery"]);
    has(&setup.run(&["outbox", "cancel", &ada]).await.expect(1), &["was cancelled at "]);
    setup.on_state("UPDATE deliveries SET next_attempt_at = 0").await;
    setup.once(0).await;
    assert_eq!(setup.sink.received().len(), before);
    has(&setup.run(&["outbox", "show", &ada]).await.expect(0), &["cancelled, settled", "cancelled by operator"]);
    setup.on_state("UPDATE deliveries SET state = 'pending', lease_token = 't', lease_expires_at = 9e15").await;
    for command in ["cancel", "redeliver"] {
        has(&setup.run(&["outbox", command, &ada]).await.expect(1), &["is being sent at this moment (leased until"]);
    }
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    let setup = Setup::new().await;
    setup.run(&["migrate"]).await.expect(0);
    for arguments in [
        &["outbox"][..],
        &["outbox", "list", "--state", "lost"],
        &["outbox", "list", "--limit", "0"],
        &["outbox", "show"],
        &["outbox", "cancel"],
        &["outbox", "redeliver"],
        &["outbox", "redeliver", "--dead"],
        &["outbox", "redeliver", "--channel", "email"],
        &["outbox", "redeliver", "x", "--yes"],
        &["outbox", "redeliver", "x", "--dead", "--channel", "email"],
    ] {
        setup.run(arguments).await.expect(2);
    }
    for arguments in [["outbox", "show", "x"], ["outbox", "list", "--before=x"]] {
        has(&setup.run(&arguments[..]).await.expect(1), &["x: there is no such delivery"]);
    }
}
