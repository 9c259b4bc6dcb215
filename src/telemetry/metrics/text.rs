//! Samples as text: OpenMetrics 1.0 for scrapes, Prometheus' older text format for node_exporter's textfile collector.
//!
//! The library writes OpenMetrics. The older format differs in two things that matter here: the type of a counter is
//! given under the name its samples have, with `_total` (node_exporter would otherwise take it for untyped), and there is
//! no `# EOF`.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;

use super::family::{Family, Kind};
use super::values::{FamilySamples, Sample, Value};

type Labels<'a> = Vec<(&'static str, &'a str)>;

/// `application/openmetrics-text; version=1.0.0; charset=utf-8`.
pub fn open_metrics(samples: Vec<FamilySamples>) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Samples(samples)));
    let mut text = String::with_capacity(64 * 1024);
    encode(&mut text, &registry)?;
    Ok(text)
}

/// `text/plain; version=0.0.4`.
pub fn prometheus_text(samples: Vec<FamilySamples>) -> Result<String, fmt::Error> {
    let counters: Vec<&str> =
        samples.iter().filter(|family| family.family.kind == Kind::Counter).map(|family| family.family.name).collect();
    let open = open_metrics(samples)?;
    let mut text = String::with_capacity(open.len());
    for line in open.lines().filter(|line| *line != "# EOF") {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(what @ ("HELP" | "TYPE")), Some(name), Some(rest)) if counters.contains(&name) => {
                text.push_str(&format!("# {what} {name}_total {rest}"));
            }
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    Ok(text)
}

#[derive(Debug)]
struct Samples(Vec<FamilySamples>);

impl Collector for Samples {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for FamilySamples { family, samples } in &self.0 {
            let kind = match family.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Histogram(_) => MetricType::Histogram,
            };
            let mut metric = encoder.encode_descriptor(family.name, family.help, None, kind)?;
            for sample in samples {
                encode_sample(&mut metric, family, sample)?;
            }
        }
        Ok(())
    }
}

fn encode_sample(metric: &mut MetricEncoder<'_>, family: &Family, sample: &Sample) -> fmt::Result {
    let names = family.labels.iter().map(|label| label.name);
    let labels: Labels<'_> = names.zip(sample.labels.iter().map(String::as_str)).collect();
    // An empty set of labels is written as `{}`, which no parser of the older format takes for granted.
    if labels.is_empty() {
        return encode_value(metric, family, &sample.value);
    }
    encode_value(&mut metric.encode_family(&labels)?, family, &sample.value)
}

fn encode_value(metric: &mut MetricEncoder<'_>, family: &Family, value: &Value) -> fmt::Result {
    match (family.kind, value) {
        (Kind::Counter, Value::Number(number)) => {
            metric.encode_counter(number, None::<&Exemplar<Labels<'static>, f64>>)
        }
        (Kind::Gauge, Value::Number(number)) => metric.encode_gauge(number),
        (Kind::Histogram(bounds), Value::Histogram { sum, buckets }) => {
            let bounds = bounds.iter().copied().chain([f64::INFINITY]);
            let buckets: Vec<(f64, u64)> = bounds.zip(buckets.iter().copied()).collect();
            let count = buckets.iter().map(|(_, count)| count).sum();
            metric.encode_histogram::<Labels<'static>>(*sum, count, &buckets, None)
        }
        _ => Ok(()), // A sample of another kind than its family is never made.
    }
}
