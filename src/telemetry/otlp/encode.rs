//! The samples of [`crate::telemetry::Metrics`] as a message of OTLP: counters as cumulative monotonic sums, gauges, and
//! cumulative histograms, under the names of their families.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource as ProtoResource;
use opentelemetry_sdk::Resource;
use prost::Message as _;

use crate::domain::Timestamp;
use crate::telemetry::metrics::{Family, FamilySamples, Kind, Sample, Value};

/// From when to when the values count, in nanoseconds since 1970.
#[derive(Clone, Copy)]
struct Period {
    start: u64,
    now: u64,
}

/// The whole message.
pub(super) fn request(
    resource: &Resource,
    samples: Vec<FamilySamples>,
    began_at: Timestamp,
    now: Timestamp,
) -> Vec<u8> {
    let period = Period { start: nanos(began_at), now: nanos(now) };
    let metrics = samples.into_iter().filter(|family| !family.samples.is_empty()).map(|some| metric(&some, period));
    let scope = InstrumentationScope {
        name: "reconnectd".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let scope_metrics = ScopeMetrics { scope: Some(scope), metrics: metrics.collect(), ..ScopeMetrics::default() };
    let attributes = resource.iter().map(|(key, value)| attribute(key.as_str(), &value.as_str())).collect();
    let resource = ProtoResource { attributes, ..ProtoResource::default() };
    let whole =
        ResourceMetrics { resource: Some(resource), scope_metrics: vec![scope_metrics], ..ResourceMetrics::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![whole] }.encode_to_vec()
}

fn metric(some: &FamilySamples, period: Period) -> Metric {
    let (family, cumulative) = (some.family, AggregationTemporality::Cumulative as i32);
    let numbers = || some.samples.iter().filter_map(|sample| number_point(family, sample, period)).collect();
    let data = match family.kind {
        Kind::Counter => {
            metric::Data::Sum(Sum { data_points: numbers(), aggregation_temporality: cumulative, is_monotonic: true })
        }
        Kind::Gauge => metric::Data::Gauge(Gauge { data_points: numbers() }),
        Kind::Histogram(bounds) => {
            let points = some.samples.iter().filter_map(|sample| histogram_point(family, bounds, sample, period));
            metric::Data::Histogram(Histogram { data_points: points.collect(), aggregation_temporality: cumulative })
        }
    };
    Metric {
        name: family.name.to_owned(),
        description: family.help.to_owned(),
        unit: unit(family.name).to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

/// UCUM, as OTLP has it: `1` where the name says no unit.
fn unit(name: &str) -> &'static str {
    if name.ends_with("_seconds") {
        "s"
    } else if name.ends_with("_bytes") {
        "By"
    } else {
        "1"
    }
}

fn number_point(family: &Family, sample: &Sample, period: Period) -> Option<NumberDataPoint> {
    let Value::Number(number) = sample.value else { return None };
    Some(NumberDataPoint {
        attributes: attributes(family, sample),
        // A gauge begins nowhere.
        start_time_unix_nano: if family.kind == Kind::Counter { period.start } else { 0 },
        time_unix_nano: period.now,
        value: Some(number_data_point::Value::AsDouble(number)),
        ..NumberDataPoint::default()
    })
}

fn histogram_point(family: &Family, bounds: &[f64], sample: &Sample, period: Period) -> Option<HistogramDataPoint> {
    let Value::Histogram { sum, buckets } = &sample.value else { return None };
    Some(HistogramDataPoint {
        attributes: attributes(family, sample),
        start_time_unix_nano: period.start,
        time_unix_nano: period.now,
        count: buckets.iter().sum(),
        sum: Some(*sum),
        bucket_counts: buckets.clone(),
        explicit_bounds: bounds.to_vec(),
        ..HistogramDataPoint::default()
    })
}

fn attributes(family: &Family, sample: &Sample) -> Vec<KeyValue> {
    family.labels.iter().zip(&sample.labels).map(|(label, value)| attribute(label.name, value)).collect()
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

fn nanos(at: Timestamp) -> u64 {
    at.timestamp_nanos_opt().and_then(|nanos| u64::try_from(nanos).ok()).unwrap_or(0)
}
