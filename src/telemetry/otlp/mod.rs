//! Traces and metrics over OTLP (http/protobuf), set up by the standard `OTEL_*` variables alone; without an endpoint
//! among them nothing is exported and nothing runs.
//!
//! Turns our spans (`telemetry::spans`) into traces, by the SDK, and the samples of [`Metrics`] into metrics, by hand: the
//! SDK's instruments would be a second count beside ours. Guarantees: the same families and values as a scrape shows; no
//! log line, so no error text, goes along with a span; export never holds work up: spans wait in a bounded queue and are
//! dropped when it is full, and the end of a process waits at most 5 s for the last of them; a failure is said once until
//! an export succeeds. A crash loses what was not exported yet.

mod encode;
mod send;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::time::timeout;

pub use settings::{OtlpError, OtlpSettings, Target};

use self::send::Sender;
use super::metrics::Metrics;
use crate::domain::Timestamp;
use crate::ports::Clock;

/// The longest the end of a process waits for the last export.
pub const FLUSH_LIMIT: Duration = Duration::from_secs(5);

/// The name of a service nobody named.
const SERVICE: &str = "reconnectd";

/// Exports, while it lives.
pub struct Otlp {
    traces: Option<SdkTracerProvider>,
    metrics: Option<(Target, Sender)>,
    interval: Duration,
    resource: Resource,
    began_at: Timestamp,
}

impl Otlp {
    /// Sets up what the settings ask for; sends nothing yet. To be called within a Tokio runtime.
    pub fn start(settings: OtlpSettings, now: Timestamp) -> Result<Self, OtlpError> {
        let resource = resource();
        let traces = match settings.traces {
            Some(target) => Some(tracer_provider(target, resource.clone())?),
            None => None,
        };
        let metrics = match settings.metrics {
            Some(target) => Some((target.clone(), Sender::new("metrics", &target)?)),
            None => None,
        };
        Ok(Self { traces, metrics, interval: settings.interval, resource, began_at: now })
    }

    /// What spans go through; none where traces are not exported.
    pub fn tracer(&self) -> Option<SdkTracer> {
        self.traces.as_ref().map(|provider| provider.tracer("reconnectd"))
    }

    /// Exports the metrics every `OTEL_METRIC_EXPORT_INTERVAL`, for ever. `refresh` brings them up to date.
    pub async fn keep_exporting<F>(&self, metrics: &Metrics, clock: &dyn Clock, refresh: impl Fn() -> F)
    where
        F: Future,
    {
        loop {
            tokio::time::sleep(self.interval).await;
            refresh().await;
            self.export_metrics(metrics, clock).await;
        }
    }

    async fn export_metrics(&self, metrics: &Metrics, clock: &dyn Clock) {
        let Some((target, sender)) = &self.metrics else { return };
        let body = encode::request(&self.resource, metrics.samples(), self.began_at, clock.now());
        sender.post(target, body).await;
    }

    /// Exports what is left, within 5 s. For the end of a process.
    pub async fn finish(&self, metrics: &Metrics, clock: &dyn Clock) {
        let traces = self.traces.clone();
        let flushed = async {
            self.export_metrics(metrics, clock).await;
            if let Some(traces) = traces {
                // The SDK's flush blocks its caller; how it fails was said when it failed.
                tokio::task::spawn_blocking(move || traces.shutdown_with_timeout(FLUSH_LIMIT).ok()).await.ok();
            }
        };
        timeout(FLUSH_LIMIT, flushed).await.ok();
    }
}

/// What everything exported says of where it comes from: `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`, or else our
/// own name.
fn resource() -> Resource {
    let found = Resource::builder().build();
    let named = found.get(&"service.name".into()).is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let builder = Resource::builder().with_attribute(version);
    if named { builder.build() } else { builder.with_service_name(SERVICE).build() }
}

fn tracer_provider(target: Target, resource: Resource) -> Result<SdkTracerProvider, OtlpError> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Sender::new("traces", &target)?)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(target.url.as_str())
        .with_timeout(target.timeout)
        .with_headers(target.headers.into_iter().collect())
        .build()
        .map_err(|error| OtlpError::Exporter(Arc::new(error)))?;
    Ok(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build())
}
