//! The reconnect page of the real program: configured, served, walked, and silent about its secrets at every log level.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a step that fails ends its test")]

use std::time::Duration;

use reconnectd::domain::UserId;
use reconnectd::simulator::{Fault, KeyScope};
use reqwest::Client;
use serde_json::Value;

use super::check::findings;
use super::process::{Running, until};
use super::setup::Setup;
use crate::reconnect::form_in;
use crate::support::sink::Received;

pub const PUBLIC: &str = "https://notices.acme.example";

pub async fn paged() -> Setup {
    let mut setup = with_a_kept_key().await;
    setup.text("reconnect.link_key", "a link key of the operator's own, long enough");
    setup
}

/// The same, with a link key that is made at first use and kept in the state database.
async fn with_a_kept_key() -> Setup {
    rustls::crypto::ring::default_provider().install_default().ok();
    let mut setup = Setup::new().await;
    setup.text("reconnect.mode", "page");
    setup.text("http.public_url", PUBLIC);
    setup.text("http.listen", "127.0.0.1:0");
    for job in ["audit", "deliver", "report", "retention"] {
        setup.text(&format!("schedule.{job}"), "off");
    }
    setup
}

pub async fn listening(setup: &Setup, command: &str) -> (Running, String) {
    let mut running = setup.spawn(&[command]);
    until("it listens", || running.stderr().contains("http.listening") || running.ended()).await;
    let lines: Vec<Value> = running.stderr().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let said = lines.iter().find(|line| line["event"] == "http.listening").cloned().unwrap_or_default();
    (running, format!("http://{}", said["address"].as_str().unwrap_or_default()))
}

/// The link of the one notice posted so far.
pub fn link(setup: &Setup) -> String {
    let events: Vec<Value> = setup.sink.received().iter().map(Received::json).collect();
    let asked = events.iter().find(|event| event["type"] == "reconnect.requested").unwrap();
    let link = asked["data"]["accounts"][0]["reconnect_url"].as_str();
    link.unwrap_or_else(|| panic!("no link in {asked:#}")).to_owned()
}

#[tokio::test]
async fn somebody_reconnects_and_no_log_line_at_any_level_holds_what_would_let_another() {
    for command in ["serve", "run"] {
        somebody_reconnects(command).await;
    }
}

async fn somebody_reconnects(command: &str) {
    let mut setup = paged().await;
    setup.text("log.level", "trace");
    setup.broken_user("u1").await;
    let told = setup.run(&["once", "--summary", "json"]).await.expect(0);
    let link = link(&setup);
    assert!(link.starts_with(&format!("{PUBLIC}/r/")), "{link}");
    let (running, here) = listening(&setup, command).await;
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
    let page = link.replace(PUBLIC, &here);
    let shown = client.get(&page).send().await.unwrap().text().await.unwrap();
    let form = form_in(&shown);
    let pressed = client.post(&page).header("content-type", "application/x-www-form-urlencoded");
    let pressed = pressed.body(format!("form={form}")).send().await.unwrap();
    let hosted = pressed.headers()["location"].to_str().unwrap().to_owned();
    let approved = client.post(&hosted).header("content-type", "application/x-www-form-urlencoded");
    let approved = approved.body("decision=approve").send().await.unwrap();
    let back = approved.headers()["location"].to_str().unwrap().replace(PUBLIC, &here);
    let done = client.get(&back).send().await.unwrap().text().await.unwrap();
    assert!(done.contains("Slack is connected again"), "{done}");
    running.terminate();
    let output = running.finish().await.expect(0);
    let events: Vec<String> = output
        .log()
        .iter()
        .filter_map(|line| line["event"].as_str().map(str::to_owned))
        .filter(|e| e != "log")
        .collect();
    for expected in ["reconnect.opened", "reconnect.started", "incident.closed", "reconnect.ended"] {
        assert!(events.iter().any(|event| event == expected), "{expected}: {events:?}");
    }
    let token = |text: &str| text.rsplit_once('/').unwrap().1.split('?').next().unwrap().to_owned();
    for secret in [token(&link), token(&hosted), token(&back), form, "a link key of the operator's own".to_owned()] {
        for text in [&output.stderr, &output.stdout, &told.stderr] {
            let found = text.lines().find(|line| line.contains(&secret));
            assert_eq!(found, None, "{secret}");
        }
    }
}

/// What a run is asked to wait, whoever clicks waits, too: there is one limiter in the process.
#[tokio::test]
async fn the_pages_of_the_daemon_share_its_door_to_the_provider() {
    let mut setup = paged().await;
    setup.broken_user("u1").await;
    setup.once(0).await;
    let link = link(&setup);
    setup.broken_user("u2").await;
    setup.simulator.change(|settings| settings.faults.retry_after = Duration::from_mins(5));
    setup.simulator.fail_user(&UserId::new("u2"), Fault::RateLimited);
    setup.text("schedule.audit", "* * * * * *");
    setup.text("schedule.audit_jitter", "0s");
    setup.set("composio.users_per_request", "1");
    setup.set("composio.concurrency", "1");
    let (running, here) = listening(&setup, "run").await;
    until("it has to wait", || running.stderr().contains("provider.paused")).await;
    let asked = setup.simulator.requests().len();
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
    let page = link.replace(PUBLIC, &here);
    let form = form_in(&client.get(&page).send().await.unwrap().text().await.unwrap());
    let pressed = client.post(&page).header("content-type", "application/x-www-form-urlencoded");
    let pressed = pressed.body(format!("form={form}")).send().await.unwrap();
    assert_eq!(pressed.status().as_u16(), 503, "{}", running.stderr());
    assert_eq!(setup.simulator.requests().len(), asked, "nothing is asked while it waits");
    drop(running);
}

#[tokio::test]
async fn check_says_whether_the_key_may_make_pages_and_makes_none() {
    let mut setup = paged().await;
    setup.broken_user("u1").await;
    let output = setup.run(&["check"]).await.expect(0);
    assert!(!output.stdout.contains("carries connect.refused"), "{}", output.stdout);
    assert!(output.stdout.contains("the key is accepted and may make connect pages"), "{}", output.stdout);
    assert_eq!(setup.simulator.world().accounts_of(&reconnectd::domain::UserId::new("u1")).len(), 1);
    setup.simulator.change(|settings| settings.scope = KeyScope::ReadOnly);
    let output = setup.run(&["check"]).await.expect(3);
    let failing: Vec<_> = findings(&output).into_iter().filter(|(ok, ..)| !ok).collect();
    assert!(failing.len() == 1 && failing[0].2.contains("'Connected accounts: Write'"), "{failing:?}");
    // Who clicks would read that something is put right, and nobody would be told.
    setup.simulator.change(|settings| settings.scope = KeyScope::Full);
    setup.set("webhook.events", "[\"reconnect.requested\"]");
    let output = setup.run(&["check"]).await.expect(0);
    assert!(output.stdout.contains("WARN   reconnect        no channel carries connect.refused"), "{}", output.stdout);
}

#[tokio::test]
async fn links_are_revoked_by_their_user_their_incident_or_all_at_once() {
    let setup = paged().await;
    for (user, scope) in [("u1", Some("--user")), ("u2", Some("--incident")), ("u3", None)] {
        setup.broken_user(user).await;
        setup.once(0).await;
        let told = setup.run(&["explain", user]).await.expect(0).stdout;
        let line = told.lines().find(|line| line.contains(": opened ")).unwrap_or_else(|| panic!("{told}"));
        let incident = line.split_whitespace().nth(1).unwrap();
        let mut arguments = vec!["links", "revoke"];
        match scope {
            Some("--user") => arguments.extend(["--user", user]),
            Some(by) => arguments.extend([by, incident]),
            None => arguments.push("--all"),
        }
        let done = setup.run(&arguments).await.expect(0);
        assert!(done.stdout.contains("1 link revoked"), "{}", done.stdout);
        assert!(done.stderr.contains("links.revoked"), "{}", done.stderr);
        setup.run(&arguments).await.expect(1);
    }
    setup.run(&["links", "revoke"]).await.expect(2);
    setup.run(&["links", "retire-key"]).await.expect(1);
}

#[tokio::test]
async fn the_link_key_that_is_kept_is_retired_once() {
    let setup = with_a_kept_key().await;
    setup.broken_user("u1").await;
    setup.once(0).await;
    let retired = setup.run(&["links", "retire-key"]).await.expect(0);
    assert!(retired.stderr.contains("links.key_retired"), "{}", retired.stderr);
    setup.run(&["links", "retire-key"]).await.expect(1);
}
