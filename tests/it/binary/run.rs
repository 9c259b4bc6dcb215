//! `run` as a process: at work, asked to stop, asked to read its configuration anew, with everything down, and what it
//! tells its service manager.

#![expect(clippy::unwrap_used, reason = "a fixture that fails ends its test")]

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use super::process::{Running, until};
use super::setup::Setup;

/// A setup whose audit comes every second and everything else never.
pub async fn every_second() -> Setup {
    let mut setup = Setup::new().await;
    schedule(&mut setup, "* * * * * *", "off");
    setup
}

fn schedule(setup: &mut Setup, audit: &str, deliver: &str) {
    setup.text("schedule.audit", audit);
    setup.text("schedule.audit_jitter", "0s");
    setup.text("schedule.deliver", deliver);
    setup.text("schedule.report", "off");
    setup.text("schedule.retention", "off");
}

fn events(running: &Running, event: &str) -> usize {
    let marked = format!("\"event\":\"{event}\"");
    running.stderr().lines().filter(|line| line.contains(&marked)).count()
}

async fn seen(running: &Running, event: &str, times: usize) {
    until(event, || events(running, event) >= times).await;
}

#[tokio::test]
async fn it_audits_at_its_times_and_ends_with_0_when_asked_to() {
    let setup = every_second().await;
    setup.broken_user("u1").await;
    let running = setup.spawn(&["run"]);
    seen(&running, "job.ended", 2).await;
    assert_eq!(setup.told(), ["u1"], "told once, however often it is audited");
    running.terminate();
    let output = running.finish().await.expect(0);
    let log = output.log();
    let ended = log.iter().filter(|line| line["event"] == "job.ended" && line["outcome"] == "done").count();
    assert!(ended >= 2, "{}", output.stderr);
    assert_eq!(log.last().unwrap()["event"], "daemon.stopped", "{}", output.stderr);
    let rows = setup.rows("SELECT job, state FROM occurrences WHERE state = 'running'").await;
    assert_eq!(rows.len(), 0, "{rows:?}");
    let jobs = setup.rows("SELECT job, CAST(failures AS TEXT) FROM jobs").await;
    assert_eq!(jobs, [["audit", "0"]]);
}
