//! `run` as a process: at work, asked to stop, asked to read its configuration anew, with everything down, and what it
//! tells its service manager.

use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::Duration;

use reconnectd::adapters::clock::SystemClock;
use reconnectd::domain::UserId;
use reconnectd::simulator::{Fault, SimulatorOptions};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::process::{Running, until};
use super::setup::Setup;
use crate::directory::product::Dialect;
use crate::support::proxy::Proxy;

/// An audit comes every second, everything else never.
async fn every_second() -> Setup {
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

/// The log so far; a line that is being written is left out.
fn log(running: &Running) -> Vec<Value> {
    running.stderr().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

async fn seen(running: &Running, event: &str, times: usize) {
    until(event, || log(running).iter().filter(|line| line["event"] == event).count() >= times).await;
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
    let of = |event: &str| log.iter().filter(|line| line["event"] == event).cloned().collect::<Vec<_>>();
    assert!(of("job.ended").iter().filter(|line| line["outcome"] == "done").count() >= 2, "{}", output.stderr);
    assert_eq!(log.last().unwrap()["event"], "daemon.stopped", "{}", output.stderr);
    let runs: Vec<&Value> =
        log.iter().filter(|line| line["event"] == "run.started").map(|line| &line["run_id"]).collect();
    assert_ne!(runs[0], runs[1], "each run has an id of its own");
    let running = setup.rows("SELECT job, state FROM occurrences WHERE state = 'running'").await;
    assert_eq!(running.len(), 0, "{running:?}");
    assert_eq!(setup.rows("SELECT job, CAST(failures AS TEXT) FROM jobs").await, [["audit", "0"]]);
    assert_eq!(setup.once(0).await["complete"], true, "nothing is held any more");
}

#[tokio::test]
async fn what_is_in_flight_is_finished_and_nothing_more_is_begun() {
    let mut setup = every_second().await;
    for user in ["u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8"] {
        setup.broken_user(user).await;
    }
    setup.set("directory.page_size", "1");
    setup.set("composio.users_per_request", "1");
    setup.set("composio.concurrency", "1");
    setup.simulator.change(|settings| settings.faults.slow_for = Duration::from_secs(2));
    setup.simulator.fail_user(&UserId::new("u3"), Fault::Slow);
    let running = setup.spawn(&["run"]);
    until("u3 is asked about", || setup.asked().iter().any(|user| user == "u3")).await;
    running.terminate();
    let output = running.finish().await.expect(0);
    assert!(!output.stderr.contains("daemon.cut_off"), "{}", output.stderr);
    let rows = setup.rows("SELECT state, CAST(scan_done AS TEXT), cursor, detail FROM runs").await;
    assert_eq!(
        (rows[0][0].as_str(), rows[0][1].as_str(), rows[0][2].as_str()),
        ("abandoned", "0", "text:u3"),
        "{rows:?}"
    );
    assert!(setup.asked().iter().all(|user| user.as_str() <= "u3"), "{:?}", setup.asked());
    let asked = setup.asked().len();

    setup.simulator.heal_user(&UserId::new("u3"));
    let running = setup.spawn(&["run"]);
    seen(&running, "job.ended", 1).await;
    assert_eq!(setup.asked()[asked], "u4", "nobody is asked about twice: {:?}", setup.asked());
    let taken_over = log(&running).iter().any(|line| line["event"] == "job.started" && line["attempt"] == 2);
    assert!(taken_over, "under the same occurrence: {}", running.stderr());
    assert_eq!(setup.told().len(), 8);
    running.terminate();
    running.finish().await.expect(0);
}

#[tokio::test]
async fn what_does_not_finish_in_time_is_cut_off_and_a_second_signal_ends_at_once() {
    for twice in [false, true] {
        let mut setup = every_second().await;
        setup.broken_user("u1").await;
        setup.text("daemon.drain_timeout", if twice { "10m" } else { "1s" });
        setup.sink.stall_next(1);
        let running = setup.spawn(&["run"]);
        until("the webhook hangs", || setup.sink.received().len() == 1).await;
        running.terminate();
        seen(&running, "daemon.stopping", 1).await;
        if twice {
            running.terminate();
        }
        let output = running.finish().await.expect(i32::from(twice));
        assert!(output.stderr.contains("daemon.cut_off"), "{}", output.stderr);
        setup.on_state("UPDATE deliveries SET lease_expires_at = 0 WHERE lease_expires_at IS NOT NULL").await;
        let summary = setup.once(0).await;
        assert!(summary["resumed_from"].is_string() && summary["deliveries_sent"] == 1, "{summary}");
        let ids: Vec<String> = setup.sink.received().iter().map(|hook| hook.header("webhook-id").to_owned()).collect();
        assert!(ids.len() == 2 && ids[0] == ids[1], "the same id: {ids:?}");
    }
}

#[tokio::test]
async fn a_second_runner_says_who_is_at_it_and_ends_with_0() {
    let mut setup = every_second().await;
    setup.broken_user("u1").await;
    setup.text("daemon.drain_timeout", "0s");
    setup.simulator.change(|settings| settings.faults.slow_for = Duration::from_mins(5));
    setup.simulator.fail_user(&UserId::new("u1"), Fault::Slow);
    let running = setup.spawn(&["run"]);
    until("u1 is asked about", || !setup.asked().is_empty()).await;
    let output = setup.run(&["once"]).await.expect(0);
    let held = output.stderr.contains("run.held_elsewhere") && output.stderr.contains("\"holder\":");
    assert!(held, "{}", output.stderr);
    running.terminate();
    running.finish().await.expect(0);
}

#[tokio::test]
async fn with_everything_down_it_waits_says_so_once_and_works_when_all_is_back() {
    let options = SimulatorOptions::new(Arc::new(SystemClock));
    let mut setup = Setup::over(Dialect::Postgres, Dialect::Postgres, options).await;
    schedule(&mut setup, "* * * * * *", "off");
    setup.broken_user("u1").await;
    let address = |url: &str| {
        let url: url::Url = url.parse().unwrap();
        format!("127.0.0.1:{}", url.port().unwrap()).parse().unwrap()
    };
    let through = |url: &str, proxy: &Proxy| {
        let mut url: url::Url = url.parse().unwrap();
        url.set_port(Some(proxy.address().port())).unwrap();
        url.to_string()
    };
    let provider_url = setup.simulator.base_url().to_string();
    let databases = Proxy::to(address(&setup.state_url)).await;
    let provider = Proxy::to(address(&provider_url)).await;
    let sink = Proxy::to(address(&setup.sink.url())).await;
    for (key, url, proxy) in [
        ("state.url", setup.state_url.clone(), &databases),
        ("directory.url", setup.product.url.clone(), &databases),
        ("composio.base_url", provider_url, &provider),
        ("webhook.url", setup.sink.url(), &sink),
    ] {
        proxy.cut();
        setup.text(key, &through(&url, proxy));
    }
    setup.set("composio.max_attempts", "1");
    let running = setup.spawn(&["run"]);
    seen(&running, "daemon.waiting", 1).await;
    until("it is tried again", || databases.refused() > 3).await;
    let waiting = |running: &Running| log(running).iter().filter(|line| line["event"] == "daemon.waiting").count();
    assert_eq!(waiting(&running), 1, "said once: {}", running.stderr());

    databases.restore();
    seen(&running, "daemon.connected", 1).await;
    seen(&running, "run.finished", 1).await;
    provider.restore();
    sink.restore();
    until("u1 is told", || setup.told() == ["u1"]).await;

    databases.cut();
    seen(&running, "job.unknown", 1).await;
    databases.restore();
    let before = log(&running).iter().filter(|line| line["event"] == "run.finished").count();
    seen(&running, "run.finished", before + 1).await;
    running.terminate();
    running.finish().await.expect(0);
    assert_eq!(setup.told(), ["u1"]);
}

#[tokio::test]
async fn a_new_configuration_is_read_when_asked_and_a_bad_one_is_not() {
    let mut setup = every_second().await;
    setup.broken_user("u1").await;
    let key = setup.folder.path().join("key");
    std::fs::write(&key, "ak_simulator").unwrap();
    setup.remove("composio.api_key");
    setup.text("composio.api_key_file", key.to_str().unwrap());
    let running = setup.spawn(&["run"]);
    seen(&running, "job.ended", 1).await;

    std::fs::write(setup.folder.path().join("reconnectd.toml"), "[composio]\nrequests_per_minute = 0\n[polizy]\n")
        .unwrap();
    running.hang_up();
    seen(&running, "config.reload_refused", 2).await;
    let ended = log(&running).iter().filter(|line| line["event"] == "job.ended").count();
    seen(&running, "job.ended", ended + 1).await;

    setup.text("log.level", "debug");
    setup.set("composio.requests_per_minute", "6000");
    setup.text("http.listen", "127.0.0.1:1");
    std::fs::write(setup.folder.path().join("reconnectd.toml"), setup.configuration()).unwrap();
    running.hang_up();
    seen(&running, "config.reloaded", 1).await;
    let reloaded = log(&running).into_iter().find(|line| line["event"] == "config.reloaded").unwrap();
    assert_eq!(reloaded["changed"], "composio.requests_per_minute, log.level", "{reloaded}");
    assert_eq!(reloaded["needs_restart"], "http.listen", "{reloaded}");
    seen(&running, "scan.page_recorded", 1).await; // A debug line.

    // A secret's file: the key is changed at the provider, then here.
    std::fs::write(&key, "ak_of_tomorrow").unwrap();
    running.hang_up();
    seen(&running, "config.reloaded", 2).await;
    until("the new key is used, and refused", || {
        log(&running).iter().any(|line| line["event"] == "job.ended" && line["outcome"] == "failed")
    })
    .await;
    std::fs::write(&key, "ak_simulator").unwrap();
    running.hang_up();
    seen(&running, "config.reloaded", 3).await;
    let ended = log(&running).iter().filter(|line| line["event"] == "run.finished").count();
    seen(&running, "run.finished", ended + 1).await;
    running.terminate();
    let output = running.finish().await.expect(0);
    assert!(!output.stderr.contains("ak_of_tomorrow"), "no value is said");
}

#[tokio::test]
async fn the_service_manager_hears_what_it_is_about() {
    let mut setup = every_second().await;
    setup.broken_user("u1").await;
    let path = setup.folder.path().join("notify.socket");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_nonblocking(true).unwrap();
    setup.variable("NOTIFY_SOCKET", path.to_str().unwrap());
    setup.variable("WATCHDOG_USEC", "400000");
    let running = setup.spawn(&["run"]);
    let heard = std::cell::RefCell::new(Vec::<String>::new());
    let listen = |wanted: &'static str| {
        let (heard, socket) = (&heard, &socket);
        until(wanted, move || {
            let mut buffer = [0; 4096];
            while let Ok(length) = socket.recv(&mut buffer) {
                heard.borrow_mut().push(String::from_utf8_lossy(&buffer[..length]).trim_end().to_owned());
            }
            heard.borrow().iter().any(|message| message.starts_with(wanted))
        })
    };
    listen("STATUS=next audit ").await;
    assert_eq!(heard.borrow()[0], "READY=1");
    listen("WATCHDOG=1").await;
    heard.borrow_mut().clear();
    running.hang_up();
    listen("READY=1").await;
    let reloading = heard.borrow().iter().find(|message| message.starts_with("RELOADING=1")).cloned().unwrap();
    let instant = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap().parse::<u64>().unwrap();
    assert!(instant > 0);
    running.terminate();
    listen("STOPPING=1").await;
    running.finish().await.expect(0);
}

#[tokio::test]
async fn what_ends_it_at_the_start_has_its_exit_code() {
    let mut setup = every_second().await;
    setup.text("composio.api_key", "ak_revoked");
    setup.run(&["run"]).await.expect(3);
    let event = setup.sink.received().remove(0).json();
    assert_eq!(event["type"], "key.refused", "who watches is told although no job began: {event}");

    let mut setup = every_second().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    setup.text("http.public_url", "https://notices.acme.example");
    setup.text("http.listen", &taken.local_addr().unwrap().to_string());
    let output = setup.run(&["run"]).await.expect(2);
    assert!(output.stderr.contains("[http] listen"), "{}", output.stderr);

    let mut setup = every_second().await;
    setup.text("directory.table", "userz");
    setup.run(&["run"]).await.expect(2);
}

#[tokio::test]
async fn it_serves_the_pages_that_mails_link_to() {
    let mut setup = every_second().await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    setup.text("http.public_url", "https://notices.acme.example");
    setup.text("http.listen", &free.to_string());
    let running = setup.spawn(&["run"]);
    seen(&running, "http.listening", 1).await;
    let mut line = tokio::net::TcpStream::connect(free).await.unwrap();
    line.write_all(b"GET /u/none HTTP/1.1\r\nhost: notices.acme.example\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    line.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    running.terminate();
    running.finish().await.expect(0);
}
