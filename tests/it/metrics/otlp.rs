//! Traces and metrics as a collector gets them: a real export into a sink, decoded.

use std::collections::BTreeMap;
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::{Span, status};
use prost::Message as _;
use reconnectd::adapters::clock::ManualClock;
use reconnectd::domain::{RunId, from_millis};
use reconnectd::simulator::{DEFAULT_API_KEY, Simulator, SimulatorOptions};
use reconnectd::telemetry::otlp::{Otlp, OtlpSettings};
use reconnectd::telemetry::{self, LineFormat, LogSettings, Signals};

use crate::support::rig::{Rig, START_MS};
use crate::support::sink::Sink;
use crate::walks::{break_slack, seen_working};

struct Collector {
    traces: Sink,
    metrics: Sink,
    otlp: Otlp,
}

async fn collector() -> Collector {
    rustls::crypto::ring::default_provider().install_default().ok();
    let (traces, metrics) = (Sink::start().await, Sink::start().await);
    let variable = |name: &str| match name {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" => Some(traces.url()),
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT" => Some(metrics.url()),
        "OTEL_EXPORTER_OTLP_HEADERS" => Some("x-tenant=acme".to_owned()),
        _ => None,
    };
    let settings = OtlpSettings::read(variable).unwrap().unwrap();
    let otlp = Otlp::start(settings, from_millis(START_MS)).unwrap();
    Collector { traces, metrics, otlp }
}

/// Spans of this thread go to the collector, lines nowhere.
fn traced(rig: &Rig, otlp: &Otlp) -> tracing::subscriber::DefaultGuard {
    let log = LogSettings {
        format: LineFormat::Json,
        level: "off".to_owned(), // What is traced does not depend on what is logged.
        run_id: RunId::new("process"),
        clock: rig.clock.clone(),
        secrets: Vec::new(),
    };
    let signals = Signals { metrics: Some(Arc::clone(&rig.metrics)), tracer: otlp.tracer() };
    let (subscriber, _) = telemetry::adjustable(log, signals, std::io::sink).unwrap();
    tracing::subscriber::set_default(subscriber)
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |pair: &KeyValue| match pair.value.clone().and_then(|value| value.value) {
        Some(any_value::Value::StringValue(text)) => text,
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    attributes.iter().map(|pair| (pair.key.clone(), text(pair))).collect()
}

/// Every span that arrived, and what they say of where they come from.
fn spans(sink: &Sink) -> (Vec<Span>, BTreeMap<String, String>) {
    let (mut spans, mut resource) = (Vec::new(), BTreeMap::new());
    for received in sink.received() {
        assert_eq!((received.header("content-type"), received.header("x-tenant")), ("application/x-protobuf", "acme"));
        for whole in ExportTraceServiceRequest::decode(received.body.as_slice()).unwrap().resource_spans {
            resource = texts(&whole.resource.unwrap().attributes);
            spans.extend(whole.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }
    (spans, resource)
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

#[tokio::test]
async fn a_run_is_a_trace_of_pages_requests_and_deliveries() {
    let mut rig = seen_working(&["u1", "mary@example.com", "u3"]).await;
    rig.channels = vec!["email"];
    break_slack(&rig, "mary@example.com");
    let collector = collector().await;
    let subscriber = traced(&rig, &collector.otlp);
    rig.run().await;
    // And one over the real client, whose users have no accounts.
    let simulator = Simulator::start(SimulatorOptions::new(Arc::new(ManualClock::new(rig.now())))).await.unwrap();
    let mut pipeline = rig.pipeline();
    pipeline.ports.provider = Arc::new(crate::provider::client_of(simulator.base_url(), DEFAULT_API_KEY));
    pipeline.run_once().await.unwrap();
    drop(subscriber);
    collector.otlp.finish(&rig.metrics, rig.clock.as_ref()).await;

    let (spans, resource) = spans(&collector.traces);
    assert_eq!((resource["service.name"].as_str(), resource["service.version"].as_str()), ("reconnectd", "0.1.0"));
    let runs = named(&spans, "run");
    assert_eq!(runs.len(), 2, "{:?}", spans.iter().map(|span| &span.name).collect::<Vec<_>>());
    assert!(runs.iter().all(|run| run.parent_span_id.is_empty() && texts(&run.attributes)["job"] == "audit"));
    let within = |inner: &str, outer: &str| {
        let outer = named(&spans, outer);
        let inner = named(&spans, inner);
        assert!(!inner.is_empty(), "no {inner:?}");
        for span in inner {
            let parent = outer.iter().find(|outer| outer.span_id == span.parent_span_id);
            assert!(parent.is_some_and(|parent| parent.trace_id == span.trace_id), "{span:?}");
        }
    };
    within("page", "run");
    within("delivery", "run");
    within("request", "page");
    let delivery = texts(&named(&spans, "delivery")[0].attributes);
    assert_eq!((delivery["channel"].as_str(), delivery["attempt"].as_str()), ("email", "1"));
    assert_eq!(texts(&named(&spans, "request")[0].attributes)["outcome"], "ok");
    let all = format!("{spans:?}");
    assert!(delivery["user"].contains("***@example.com") && !all.contains("mary@"), "{delivery:?}");
    assert!(spans.iter().all(|span| span.events.is_empty()), "what is logged is not exported");
    assert!(!all.contains(DEFAULT_API_KEY));
}

#[tokio::test]
async fn a_run_that_fails_is_marked_and_a_collector_that_is_down_holds_nothing_up() {
    let rig = seen_working(&["u1"]).await;
    let collector = collector().await;
    let subscriber = traced(&rig, &collector.otlp);
    rig.world.provider_fails(|_| {
        Some(reconnectd::ports::ProviderError::Unauthorized { status: 401, detail: String::new() })
    });
    rig.try_run().await.unwrap_err();
    drop(subscriber);
    collector.traces.stall_next(0);
    collector.metrics.reply_with(vec![503_u16]);
    collector.otlp.finish(&rig.metrics, rig.clock.as_ref()).await;
    let (spans, _) = spans(&collector.traces);
    let code = named(&spans, "run")[0].status.as_ref().unwrap().code;
    assert_eq!(code, status::StatusCode::Error as i32);
}

#[tokio::test]
async fn every_family_leaves_with_the_value_a_scrape_shows() {
    let mut rig = seen_working(&["u1"]).await;
    rig.channels = vec!["email"];
    break_slack(&rig, "u1");
    rig.run().await;
    let reader = super::reader(&rig.metrics);
    reader.read_from(rig.store.clone()).await;
    reader.refresh().await;
    let collector = collector().await;
    collector.otlp.finish(&rig.metrics, rig.clock.as_ref()).await;
    let received = collector.metrics.received();
    let message = ExportMetricsServiceRequest::decode(received[0].body.as_slice()).unwrap();
    let whole = &message.resource_metrics[0];
    assert_eq!(texts(&whole.resource.as_ref().unwrap().attributes)["service.name"], "reconnectd");
    let exported: BTreeMap<_, _> =
        whole.scope_metrics[0].metrics.iter().map(|metric| (metric.name.as_str(), metric)).collect();
    for family in rig.metrics.samples().iter().filter(|family| !family.samples.is_empty()) {
        assert!(exported.contains_key(family.family.name), "{} was not exported", family.family.name);
    }
    let Some(metric::Data::Sum(sent)) = &exported["reconnectd_delivery_attempts"].data else { panic!("no sum") };
    assert!(sent.is_monotonic);
    let delivered = sent.data_points.iter().find(|point| texts(&point.attributes)["outcome"] == "delivered").unwrap();
    assert_eq!(delivered.value, Some(number_data_point::Value::AsDouble(1.0)));
    let Some(metric::Data::Histogram(told)) = &exported["reconnectd_detect_to_notify_seconds"].data else {
        panic!("no histogram")
    };
    let point = &told.data_points[0];
    assert_eq!((point.count, point.bucket_counts.len()), (1, point.explicit_bounds.len() + 1));
    assert_eq!(exported["reconnectd_detect_to_notify_seconds"].unit, "s");
    let Some(metric::Data::Gauge(open)) = &exported["reconnectd_incidents_open"].data else { panic!("no gauge") };
    assert_eq!(texts(&open.data_points[0].attributes)["toolkit"], "slack");
}
