//! What goes wrong with the daemon itself.

use std::time::Duration;

use reconnectd::domain::UserId;
use reconnectd::simulator::Fault;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Evidence, prometheus, says};
use crate::binary::process::{Running, until};
use crate::binary::setup::Setup;

/// A daemon whose audit comes every second, with its metrics on a free port.
async fn daemon() -> Setup {
    let mut setup = Setup::new().await;
    setup.text("schedule.audit", "* * * * * *");
    setup.text("schedule.audit_jitter", "0s");
    for job in ["deliver", "report", "retention"] {
        setup.text(&format!("schedule.{job}"), "off");
    }
    setup.text("monitor.listen", "127.0.0.1:0");
    setup
}

pub fn log(running: &Running) -> Vec<Value> {
    running.stderr().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

async fn seen(running: &Running, event: &str) {
    until(event, || log(running).iter().any(|line| line["event"] == event)).await;
}

/// What a scrape gets.
pub async fn scrape(running: &Running) -> String {
    get(running, "/metrics").await.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// The whole answer of the monitor.
async fn get(running: &Running, path: &str) -> String {
    seen(running, "monitor.listening").await;
    let line = log(running).into_iter().find(|line| line["event"] == "monitor.listening").unwrap();
    let mut stream = TcpStream::connect(line["address"].as_str().unwrap()).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: test\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Scrapes until this series has this value.
async fn scrape_until(running: &Running, series: &str, value: f64) -> String {
    let says = |line: &str| {
        let (found, is) = line.rsplit_once(' ')?;
        (found == series && is.parse() == Ok(value)).then_some(())
    };
    for _ in 0..300 {
        let text = scrape(running).await;
        if text.lines().any(|line| says(line).is_some()) {
            return text;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("never {series} {value}: {}", scrape(running).await);
}

#[tokio::test]
async fn a_daemon_that_cannot_start_names_the_key_and_its_target_goes_down() {
    let mut setup = daemon().await;
    setup.remove("composio.api_key");
    setup.text("composio.api_key_file", "/nowhere/composio");
    let output = setup.run(&["run"]).await.expect(2);
    assert!(output.stderr.contains("/nowhere/composio"), "{}", output.stderr);
    let up = "      - { series: 'up{job=\"reconnectd\"}', values: '1x240 0x20' }\n";
    let firing = prometheus::firing("", "", 15, up);
    assert!(firing.contains("ReconnectdDown"), "{firing:?}");
}

#[tokio::test]
async fn a_state_database_that_is_away_is_what_the_daemon_waits_for() {
    let mut setup = daemon().await;
    setup.text("state.url", "postgres://u:p@127.0.0.1:1/state");
    let running = setup.spawn(&["run"]);
    seen(&running, "daemon.waiting").await;
    let after = scrape_until(&running, "reconnectd_state_readable", 0.0).await;
    assert!(!after.contains("\nreconnectd_outbox_deliveries{"), "what cannot be read is not there: {after}");
    let ready = get(&running, "/readyz").await;
    assert!(ready.starts_with("HTTP/1.0 503") && ready.contains(r#""down":["state"]"#), "{ready}");
    let evidence =
        Evidence { before: after.replace("state_readable 0", "state_readable 1"), after, log: log(&running) };
    evidence.fires("ReconnectdStateUnreadable", 10);
    let line = evidence.line("daemon.waiting", &[("level", json!("warn"))]);
    says(line, "state");
    says(line, "tried again");
}

#[tokio::test]
async fn a_refused_reload_names_the_key_and_that_the_old_configuration_stays() {
    let mut setup = daemon().await;
    setup.user("u1").await;
    let running = setup.spawn(&["run"]);
    seen(&running, "job.ended").await;
    let before = scrape(&running).await;
    setup.set("composio.requests_per_minute", "0");
    std::fs::write(setup.folder.path().join("reconnectd.toml"), setup.configuration()).unwrap();
    running.hang_up();
    seen(&running, "config.reload_refused").await;
    let after = scrape_until(&running, "reconnectd_config_last_reload_ok", 0.0).await;
    let evidence = Evidence { before, after, log: log(&running) };
    evidence.fires("ReconnectdConfigReloadFailed", 5);
    let line = evidence.line("config.reload_refused", &[("level", json!("error"))]);
    says(line, "requests_per_minute");
    says(line, "stays as it was");
}

#[tokio::test]
async fn an_audit_that_does_not_end_shows_how_far_it_is() {
    let setup = daemon().await;
    for user in ["u1", "u2"] {
        setup.broken_user(user).await;
        setup.simulator.fail_user(&UserId::new(user), Fault::Slow);
    }
    setup.simulator.change(|settings| settings.faults.slow_for = Duration::from_secs(45));
    let running = setup.spawn(&["run"]);
    seen(&running, "run.started").await;
    let after = scrape_until(&running, "reconnectd_job_running{job_name=\"audit\"}", 1.0).await;
    let evidence = Evidence { before: String::new(), after, log: log(&running) };
    evidence.fires("ReconnectdAuditTooLong", 10);
    assert!(evidence.after.contains("reconnectd_audit_users_expected"), "{}", evidence.after);
    evidence.line("job.started", &[("job", json!("audit"))]);
}
