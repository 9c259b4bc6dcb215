//! What those who watch get from real processes: the textfile, a scrape, and an export over OTLP.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a step that fails ends its test")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::metrics::v1::{metric, number_data_point};
use prost::Message as _;
use serde_json::Value;

use super::process::{Running, until};
use super::setup::Setup;
use crate::support::sink::Sink;

fn textfile(setup: &mut Setup) -> std::path::PathBuf {
    let path = setup.folder.path().join("reconnectd.prom");
    setup.text("monitor.textfile", path.to_str().unwrap());
    path
}

/// The value of one series of a text; none where it is not there.
fn series(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

#[tokio::test]
async fn one_shot_runs_leave_their_metrics_in_the_textfile() {
    let mut setup = Setup::new().await;
    let path = textfile(&mut setup);
    setup.broken_user("eve").await;
    setup.once(0).await;
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(series(&text, r#"reconnectd_incidents_open{toolkit="slack",reason="refresh_refused"} "#), Some(1.0));
    let success = |text: &str, job: &str| {
        series(text, &format!(r#"reconnectd_job_last_success_timestamp_seconds{{job_name="{job}"}} "#)).unwrap()
    };
    assert!(success(&text, "audit") > 1.7e9 && success(&text, "deliver") == 0.0, "{text}");
    assert_eq!(
        series(&text, r#"reconnectd_provider_requests_total{outcome="ok"} "#).map(|sent| sent > 0.0),
        Some(true)
    );
    assert_eq!(series(&text, r#"reconnectd_events_total{event="run.finished",level="info"} "#), Some(1.0), "{text}");
    std::fs::remove_file(&path).unwrap();
    setup.run(&["once", "--dry-run"]).await.expect(0);
    assert!(!path.exists(), "a rehearsal leaves nothing");
    setup.run(&["deliver"]).await.expect(0);
    assert!(success(&std::fs::read_to_string(&path).unwrap(), "deliver") > 1.7e9);
}

#[tokio::test]
async fn a_textfile_that_cannot_be_written_is_said_and_fails_nothing() {
    let mut setup = Setup::new().await;
    setup.text("monitor.textfile", "/nowhere/reconnectd.prom");
    let output = setup.run(&["once"]).await.expect(0);
    assert!(output.stderr.contains("textfile.failed"), "{}", output.stderr);
}

/// Whole answer to a GET.
fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Where the process serves health and metrics, as it says in its log.
async fn watched(running: &mut Running) -> String {
    until("it is watched", || running.stderr().contains("monitor.listening") || running.ended()).await;
    let log = running.stderr();
    let line = log.lines().find(|line| line.contains("monitor.listening")).unwrap();
    serde_json::from_str::<Value>(line).unwrap()["address"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn serve_and_run_answer_who_watches() {
    for command in ["serve", "run"] {
        let mut setup = Setup::new().await;
        setup.text("http.listen", "127.0.0.1:0");
        let mut running = setup.spawn(&[command]);
        let address = watched(&mut running).await;
        assert!(get(&address, "/livez").starts_with("HTTP/1.1 200"), "{command}");
        until("it is ready", || get(&address, "/readyz").starts_with("HTTP/1.1 200")).await;
        let metrics = get(&address, "/metrics");
        assert!(
            metrics.contains("reconnectd_state_readable 1") && metrics.ends_with("# EOF\n"),
            "{command}: {metrics}"
        );
        running.terminate();
        running.finish().await.expect(0);
    }
}

/// The value of the gauge's point with these values of labels in an export; none where there is no such point.
fn point(body: &[u8], name: &str, labels: &[&str]) -> Option<f64> {
    let request = ExportMetricsServiceRequest::decode(body).ok()?;
    let scopes = request.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
    let metric = scopes.flat_map(|scope| scope.metrics).find(|metric| metric.name == name)?;
    let Some(metric::Data::Gauge(gauge)) = metric.data else { panic!("{name} is no gauge") };
    let point = gauge.data_points.into_iter().find(|point| {
        let values = point.attributes.iter().filter_map(|pair| pair.value.clone()?.value);
        let texts = values.map(|value| match value {
            any_value::Value::StringValue(text) => text,
            other => panic!("{name}: {other:?}"),
        });
        texts.eq(labels.iter().copied())
    })?;
    match point.value? {
        number_data_point::Value::AsDouble(value) => Some(value),
        other @ number_data_point::Value::AsInt(_) => panic!("{name}: {other:?}"),
    }
}

#[tokio::test]
async fn what_is_traced_and_counted_goes_where_the_standard_variables_say() {
    let (mut setup, sink) = (Setup::new().await, Sink::start().await);
    setup.broken_user("eve").await;
    setup.variable("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{}", sink.address()));
    setup.variable("OTEL_SERVICE_NAME", "reconnect-of-acme");
    setup.once(0).await;
    let received = sink.received();
    let all: Vec<String> = received.iter().map(|one| String::from_utf8_lossy(&one.body).into_owned()).collect();
    let point = |name: &str, labels: &[&str]| received.iter().find_map(|one| point(&one.body, name, labels));
    assert_eq!(point("reconnectd_state_readable", &[]), Some(1.0));
    assert_eq!(point("reconnectd_incidents_open", &["slack", "refresh_refused"]), Some(1.0));
    assert!(point("reconnectd_job_last_success_timestamp_seconds", &["audit"]).is_some_and(|at| at > 1.7e9));
    for text in ["delivery", "request", "reconnect-of-acme"] {
        assert!(all.iter().any(|body| body.contains(text)), "{text} did not arrive in {} messages", all.len());
    }
    drop(sink);
    let output = setup.run(&["deliver"]).await.expect(0);
    assert!(output.stderr.contains("otlp.failed"), "a collector that is away is said: {}", output.stderr);
    setup.variable("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let output = setup.run(&["deliver"]).await.expect(2);
    assert!(output.stderr.contains("OTEL_EXPORTER_OTLP_PROTOCOL asks for a protocol"), "{}", output.stderr);
}
