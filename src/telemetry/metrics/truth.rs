//! What is read from the state database, as samples. Whoever reads it (`report::truth`) fills in [`Truth`] by family;
//! what it leaves out is there at zero where its labels are known.

use std::collections::BTreeMap;

use super::family::{Family, MAX_OPEN_VALUES, OTHER, Source, Values};
use super::values::{FamilySamples, Sample, Value};
use crate::domain::Timestamp;
use crate::telemetry::metrics::FAMILIES;

/// The decision of an open incident about which nothing was decided yet.
pub const UNDECIDED: &str = "undecided";

/// An instant as Prometheus writes it.
#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 need 41 bits of 53")]
pub(super) fn seconds(at: Timestamp) -> f64 {
    crate::domain::millis(at) as f64 / 1_000.0
}

/// Values by family and labels.
#[derive(Debug, Default)]
pub struct Truth(BTreeMap<&'static str, BTreeMap<Vec<String>, f64>>);

impl Truth {
    /// Adds to one series; several with the same labels add up. Values outside a closed set count as `other` where
    /// the set has that, and as nothing otherwise. A `name` that is no family read from the state is ignored.
    pub fn add(&mut self, name: &str, labels: &[&str], value: f64) {
        let Some(family) = family(name) else {
            debug_assert!(false, "{name} is not read from the state database");
            return;
        };
        let labels: Option<Vec<String>> =
            family.labels.iter().zip(labels).map(|(label, value)| label_value(label.values, value)).collect();
        if let Some(labels) = labels {
            *self.0.entry(family.name).or_default().entry(labels).or_default() += value;
        }
    }

    /// The same with an instant; none is 0.
    pub fn add_instant(&mut self, name: &str, labels: &[&str], at: Option<Timestamp>) {
        self.add(name, labels, at.map_or(0.0, seconds));
    }

    /// Makes the series of a channel, at zero.
    pub fn expect_channel(&mut self, channel: &str) {
        for family in FAMILIES.iter().filter(|family| family.source == Source::Truth) {
            for labels in family.series_with("channel", channel) {
                if family.labels.iter().any(|label| label.name == "channel") {
                    self.0.entry(family.name).or_default().entry(labels).or_default();
                }
            }
        }
    }

    pub(super) fn into_samples(mut self) -> Vec<FamilySamples> {
        let truths = FAMILIES.iter().filter(|family| family.source == Source::Truth);
        truths
            .map(|family| {
                let mut series = self.0.remove(family.name).unwrap_or_default();
                for labels in family.known_series() {
                    series.entry(labels).or_default();
                }
                let series = bounded(family, series);
                let samples = series.into_iter().map(|(labels, value)| Sample { labels, value: Value::Number(value) });
                FamilySamples { family, samples: samples.collect() }
            })
            .collect()
    }
}

fn family(name: &str) -> Option<&'static Family> {
    FAMILIES.iter().copied().find(|family| family.name == name && family.source == Source::Truth)
}

fn label_value(values: Values, value: &str) -> Option<String> {
    match values {
        Values::Closed(known) => {
            let known = known();
            let found = known.iter().find(|known| **known == value).or_else(|| known.iter().find(|k| **k == OTHER));
            found.map(|found| (*found).to_owned())
        }
        Values::Configured | Values::Bounded => Some(value.to_owned()),
    }
}

/// At most [`MAX_OPEN_VALUES`] values of each open label, those with most; the others are added up under `other`.
fn bounded(family: &Family, series: BTreeMap<Vec<String>, f64>) -> BTreeMap<Vec<String>, f64> {
    let Some(at) = family.labels.iter().position(|label| matches!(label.values, Values::Bounded)) else {
        return series;
    };
    let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
    for (labels, value) in &series {
        *sums.entry(labels[at].as_str()).or_default() += value;
    }
    let mut ranked: Vec<(&str, f64)> = sums.into_iter().collect();
    ranked.sort_by(|(_, one), (_, other)| other.total_cmp(one)); // Stable: of equals, the first by name.
    let kept: Vec<String> = ranked.iter().take(MAX_OPEN_VALUES).map(|(name, _)| (*name).to_owned()).collect();
    let mut out = BTreeMap::new();
    for (mut labels, value) in series {
        if !kept.contains(&labels[at]) {
            OTHER.clone_into(&mut labels[at]);
        }
        *out.entry(labels).or_default() += value;
    }
    out
}
