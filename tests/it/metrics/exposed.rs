//! The listener for monitoring, and the two texts, each read by a parser of its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use reconnectd::domain::{ChannelName, from_millis};
use reconnectd::http::monitor::{self, Monitor};
use reconnectd::report::{TruthReader, write_textfile};
use reconnectd::telemetry::health::Dependency;
use reconnectd::telemetry::metrics::{FAMILIES, Kind, MAX_OPEN_VALUES, Truth, open_metrics, prometheus_text};
use reconnectd::telemetry::pulse::STALL_LIMIT;
use reconnectd::telemetry::{Metrics, Pulse};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::{reader, value};
use crate::support::rig::{Rig, START_MS};

struct Watched {
    address: SocketAddr,
    metrics: Arc<Metrics>,
    truth: Arc<TruthReader>,
    pulse: Arc<Pulse>,
    _stop: tokio_util::sync::DropGuard,
}

async fn watched() -> Watched {
    let (metrics, pulse) = (Arc::new(Metrics::new()), Arc::new(Pulse::default()));
    let truth = Arc::new(reader(&metrics));
    let listener = monitor::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let what = Monitor { metrics: Arc::clone(&metrics), truth: Arc::clone(&truth), pulse: Arc::clone(&pulse) };
    let server = monitor::on(listener, what).unwrap();
    let (address, stop) = (server.address(), CancellationToken::new());
    let stopped = stop.clone();
    tokio::spawn(async move { server.run(stopped.cancelled()).await });
    Watched { address, metrics, truth, pulse, _stop: stop.drop_guard() }
}

/// Status, head in lower case, body.
async fn ask(watched: &Watched, method: &str, path: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(watched.address).await.unwrap();
    stream.write_all(format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_lowercase(), body.to_owned())
}

#[tokio::test]
async fn ready_while_the_state_can_be_read_and_every_dependency_says_why_and_what_to_do() {
    let watched = watched().await;
    let json = |body: &str| serde_json::from_str::<serde_json::Value>(body).unwrap();
    let (status, _, body) = ask(&watched, "GET", "/readyz").await;
    let state = json(&body)["dependencies"]["state"].clone();
    assert_eq!((status, &json(&body)["ready"], &state["ok"]), (503, &false.into(), &false.into()), "{body}");
    assert_eq!(state["reason"], "the state database is not open yet");
    assert!(state["what_to_do"].as_str().unwrap().contains("[state] url"), "{body}");

    let rig = Rig::new().await;
    watched.truth.read_from(rig.store.clone()).await;
    let email = ChannelName::new("email");
    let reason = "454 no for bob@example.com";
    watched.metrics.health().fails(Dependency::Channel(&email), reason, from_millis(START_MS));
    let (status, _, body) = ask(&watched, "GET", "/readyz").await;
    assert_eq!(
        (status, &json(&body)["ready"], &json(&body)["down"]),
        (200, &true.into(), &serde_json::json!(["email"]))
    );
    let mail = &json(&body)["dependencies"]["email"];
    assert!(mail["since"].is_string() && mail["reason"].as_str().unwrap().starts_with("454"), "{body}");
    assert!(!body.contains("bob@"), "{body}");
}

#[tokio::test]
async fn alive_until_work_is_stuck() {
    let watched = watched().await;
    let busy = watched.pulse.begin();
    assert_eq!(ask(&watched, "GET", "/livez").await.0, 200);
    tokio::time::pause();
    tokio::time::advance(STALL_LIMIT + Duration::from_secs(1)).await;
    tokio::time::resume();
    let (status, _, body) = ask(&watched, "GET", "/livez").await;
    assert_eq!((status, body.as_str()), (503, "stuck: work has made no progress for 15 minutes\n"));
    drop(busy);
    assert_eq!(ask(&watched, "GET", "/livez").await.0, 200, "nothing to do is not stuck");
}

#[tokio::test]
async fn metrics_are_open_metrics_and_nothing_else_is_there() {
    let watched = watched().await;
    let (status, head, body) = ask(&watched, "GET", "/metrics").await;
    let kind = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(status == 200 && head.lines().any(|line| line == kind), "{head}");
    assert!(body.ends_with("\n# EOF\n") && body.contains("reconnectd_state_readable 0"), "{body}");
    let (status, _, body) = ask(&watched, "HEAD", "/metrics").await;
    assert_eq!((status, body.as_str()), (200, ""));
    for (method, path, expected) in [("GET", "/", 404), ("GET", "/u/x", 404), ("POST", "/metrics", 405)] {
        assert_eq!(ask(&watched, method, path).await.0, expected, "{method} {path}");
    }
}

/// The samples and types of a text, checked line by line.
fn parsed(text: &str) -> (BTreeMap<String, String>, Vec<(String, f64)>) {
    let (mut types, mut samples) = (BTreeMap::new(), Vec::new());
    for line in text.lines().filter(|line| *line != "# EOF") {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "{line} stands twice");
        } else if !line.starts_with("# HELP ") {
            let (series, number) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{line}");
            samples.push((series.to_owned(), number.parse().unwrap_or_else(|_| panic!("{line}"))));
        }
    }
    (types, samples)
}

#[test]
fn both_texts_hold_every_family_with_its_type_and_start_at_zero() {
    let metrics = Metrics::new();
    metrics.expect_channels(["email"]);
    metrics.set_truth(Some(Truth::default()));
    metrics.told(&ChannelName::new("email"), Duration::from_secs(70));
    let (open, _) = parsed(&open_metrics(metrics.samples()).unwrap());
    let (plain, samples) = parsed(&prometheus_text(metrics.samples()).unwrap());
    for family in FAMILIES {
        assert_eq!(open.get(family.name).map(String::as_str), Some(family.kind.word()), "{}", family.name);
        let name = family.sample_name();
        assert_eq!(plain.get(&name).map(String::as_str), Some(family.kind.word()), "{name}");
        let own = |series: &str| {
            let base = series.split('{').next().unwrap();
            base == name || (matches!(family.kind, Kind::Histogram(_)) && base == format!("{name}_count"))
        };
        let dynamic =
            ["reconnectd_dependency", "reconnectd_incidents_open", "reconnectd_outbox", "reconnectd_channel_state"];
        let found = samples.iter().filter(|(series, _)| own(series)).count();
        assert!(
            found > 0 || dynamic.iter().any(|start| name.starts_with(start)),
            "{name} has no series from the start"
        );
    }
    let number = |series: &str| samples.iter().find(|(known, _)| known == series).map(|(_, number)| *number);
    for (series, expected) in [
        (r#"reconnectd_events_total{event="delivery.dead",level="error"}"#, 0.0),
        (r#"reconnectd_job_last_success_timestamp_seconds{job_name="audit"}"#, 0.0),
        (r#"reconnectd_detect_to_notify_seconds_bucket{le="60.0",channel="email"}"#, 0.0),
        (r#"reconnectd_detect_to_notify_seconds_bucket{le="300.0",channel="email"}"#, 1.0),
        (r#"reconnectd_detect_to_notify_seconds_bucket{le="+Inf",channel="email"}"#, 1.0),
        (r#"reconnectd_detect_to_notify_seconds_sum{channel="email"}"#, 70.0),
        (r#"reconnectd_delivery_attempts_total{channel="email",outcome="dead"}"#, 0.0),
        ("reconnectd_config_last_reload_ok", 1.0),
    ] {
        assert_eq!(number(series), Some(expected), "{series}\n{samples:#?}");
    }
    promtool_accepts(&prometheus_text(metrics.samples()).unwrap());
}

/// Prometheus' own parser and linter, where `tests/run` has brought it.
fn promtool_accepts(text: &str) {
    let Ok(tool) = std::env::var("RECONNECTD_TEST_PROMTOOL") else { return };
    let (input, output) = (Stdio::piped(), Stdio::piped());
    let mut check = Command::new(tool).args(["check", "metrics"]).stdin(input).stderr(output).spawn().unwrap();
    std::io::Write::write_all(&mut check.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let said = check.wait_with_output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

#[test]
fn toolkits_are_bounded_and_unknown_codes_are_other() {
    let metrics = Metrics::new();
    let mut truth = Truth::default();
    for number in 0..MAX_OPEN_VALUES + 10 {
        let toolkit = format!("toolkit{number:03}");
        let open = f64::from(u32::try_from(number).unwrap()) + 1.0;
        truth.add("reconnectd_incidents_open", &[&toolkit, "invented_tomorrow"], open);
    }
    metrics.set_truth(Some(truth));
    let all = metrics.samples();
    let open = all.iter().find(|family| family.family.name == "reconnectd_incidents_open").unwrap();
    assert_eq!(open.samples.len(), MAX_OPEN_VALUES + 1);
    assert_eq!(value(&metrics, "reconnectd_incidents_open", &["other", "other"]), Some(55.0), "the ten with fewest");
    assert_eq!(value(&metrics, "reconnectd_incidents_open", &["toolkit059", "other"]), Some(60.0));
}

#[tokio::test]
async fn the_textfile_is_whole_readable_by_others_and_never_fails_a_run() {
    let rig = Rig::new().await;
    let truth = reader(&rig.metrics);
    truth.read_from(rig.store.clone()).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reconnectd.prom");
    for _ in 0..2 {
        write_textfile(&path, &rig.metrics, &truth).await;
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let (types, samples) = parsed(&text);
    assert!(types.keys().all(|name| name.starts_with("reconnectd_")), "node_exporter has the process's own");
    assert!(!text.contains("# EOF") && samples.contains(&("reconnectd_state_readable".to_owned(), 1.0)));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["reconnectd.prom"], "nothing is left beside it");
    // A folder that is not there is somebody's to make; the run does not depend on it.
    write_textfile(&folder.path().join("none/reconnectd.prom"), &rig.metrics, &truth).await;
}
