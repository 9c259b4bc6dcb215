//! The metrics against what is written about them, and the texts they become against a reader of their own.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a step that fails ends its test")]

mod counted;
mod exposed;
mod otlp;
mod standing;

use std::sync::Arc;

use reconnectd::domain::{ChannelName, from_millis};
use reconnectd::report::TruthReader;
use reconnectd::telemetry::Metrics;
use reconnectd::telemetry::metrics::{FAMILIES, Family, Source, Value, Values};

use crate::support::rig::START_MS;

const DOCUMENT: &str = include_str!("../../docs/metrics.md");

/// Sets longer than this are named in the table instead of spelled out.
const SPELLED_OUT: usize = 12;

fn labels(family: &Family) -> String {
    let label = |name: &str, values: Values| match values {
        Values::Closed(known) if known().len() <= SPELLED_OUT && name != "version" => {
            let values: Vec<String> = known().iter().map(|value| format!("`{value}`")).collect();
            values.join(" ")
        }
        Values::Closed(_) => match name {
            "version" => "the program's version".to_owned(),
            "event" => "every name of the list of events".to_owned(),
            "reason" => "every reason for silence".to_owned(),
            "decision" => "`first_notice` `reminder` `undecided`, every reason for silence".to_owned(),
            other => panic!("{}: say in a few words what the set of {other} is", family.name),
        },
        Values::Configured if name == "dependency" => "`state` `directory` `provider`, every channel".to_owned(),
        Values::Configured => "every configured channel".to_owned(),
        Values::Bounded => format!("the 50 {name}s with most, `other`"),
    };
    let described: Vec<String> =
        family.labels.iter().map(|known| format!("**{}**: {}", known.name, label(known.name, known.values))).collect();
    if described.is_empty() { "none".to_owned() } else { described.join("; ") }
}

fn row(family: &Family) -> String {
    let (name, kind, labels) = (family.sample_name(), family.kind.word(), labels(family));
    format!("| `{name}` | {kind} | {labels} | {} |", family.help)
}

/// Both ways: a family without its row, a row without its family and a row that says something else all fail.
#[test]
fn the_document_says_what_the_registry_holds() {
    for (source, heading) in
        [(Source::Counted, "Counted by the process"), (Source::Truth, "Read from the state database")]
    {
        let expected: Vec<String> =
            FAMILIES.iter().filter(|family| family.source == source).map(|family| row(family)).collect();
        let section = DOCUMENT.split_once(&format!("\n## {heading}\n")).map_or("", |(_, rest)| rest);
        let section = section.split("\n## ").next().unwrap_or_default();
        let written: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
        assert_eq!(written, expected, "docs/metrics.md, {heading}; the rows should be:\n{}\n", expected.join("\n"));
    }
}

#[test]
fn names_follow_the_conventions() {
    let mut seen = std::collections::BTreeSet::new();
    for family in FAMILIES {
        let name = family.name;
        assert!(seen.insert(name), "{name} stands twice");
        assert!(name.starts_with("reconnectd_") || name.starts_with("process_"), "{name} has a strange prefix");
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'), "{name}");
        for ending in ["_total", "_count", "_sum", "_bucket", "_created"] {
            assert!(!name.ends_with(ending), "{name}: {ending} is added where samples are written");
        }
        for unit in ["_ms", "_milliseconds", "_minutes", "_hours", "_percent"] {
            assert!(!name.contains(unit), "{name} is not in a base unit");
        }
        for label in family.labels {
            // Prometheus' own: a scraped `job` arrives as `exported_job`.
            assert!(!["job", "instance", "le", "quantile"].contains(&label.name), "{name}: {}", label.name);
        }
        assert!(!family.help.ends_with('.') && !family.help.is_empty(), "{name}: {:?}", family.help);
    }
}

/// The value of one series; none where there is no such series.
fn value(metrics: &Metrics, name: &str, labels: &[&str]) -> Option<f64> {
    let all = metrics.samples();
    let family = all.iter().find(|family| family.family.name == name).unwrap_or_else(|| panic!("no family {name}"));
    let sample = family.samples.iter().find(|sample| sample.labels == labels)?;
    Some(match &sample.value {
        Value::Number(number) => *number,
        Value::Histogram { buckets, .. } => f64::from(u32::try_from(buckets.iter().sum::<u64>()).unwrap()),
    })
}

/// A reader of the state for `email`, at the instant rigs begin.
fn reader(metrics: &Arc<Metrics>) -> TruthReader {
    let reader = TruthReader::new(Arc::clone(metrics), Arc::new(|| from_millis(START_MS)));
    reader.expect_channels(vec![ChannelName::new("email")]);
    reader
}
