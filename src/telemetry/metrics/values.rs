//! The values behind the families: one number or histogram per combination of labels, under one lock.
//!
//! Guarantees: a value outside a closed set is counted under `other` or not at all, so that no input from outside can
//! make series; a panic elsewhere does not poison the counting. The lock is held for one lookup and one addition.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::family::{Family, Kind, MAX_OPEN_VALUES, OTHER, Source, Values};

/// One combination of labels of a family, and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The values of the family's labels, in its order.
    pub labels: Vec<String>,
    /// What it says.
    pub value: Value,
}

/// What a sample says.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Of a counter or a gauge.
    Number(f64),
    /// Of a histogram.
    Histogram {
        /// Observations added up.
        sum: f64,
        /// Observations of at most each bound of the family and above the one before; the last are above all of them.
        buckets: Vec<u64>,
    },
}

/// A family and its samples at one moment, in the order of their labels.
#[derive(Debug, Clone)]
pub struct FamilySamples {
    /// Which family.
    pub family: &'static Family,
    /// Its samples.
    pub samples: Vec<Sample>,
}

type Series = BTreeMap<Vec<String>, Value>;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Store(Mutex<BTreeMap<&'static str, Series>>);

impl Store {
    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<&'static str, Series>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, family: &'static Family, labels: &[&str], change: impl FnOnce(&mut Value)) {
        if !family.allows(labels) {
            debug_assert!(false, "{} has no series {labels:?}", family.name);
            return;
        }
        self.with(|all| {
            let series = all.entry(family.name).or_default();
            let labels = within_bounds(family, series, labels);
            change(series.entry(labels).or_insert_with(|| zero(family)));
        });
    }

    pub(super) fn add(&self, family: &'static Family, labels: &[&str], by: f64) {
        self.change(family, labels, |value| {
            if let Value::Number(number) = value {
                *number += by;
            }
        });
    }

    pub(super) fn set(&self, family: &'static Family, labels: &[&str], to: f64) {
        self.change(family, labels, |value| *value = Value::Number(to));
    }

    pub(super) fn observe(&self, family: &'static Family, labels: &[&str], observed: f64) {
        let Kind::Histogram(bounds) = family.kind else { return };
        self.change(family, labels, |value| {
            if let Value::Histogram { sum, buckets } = value {
                *sum += observed;
                let at = bounds.iter().position(|bound| observed <= *bound).unwrap_or(bounds.len());
                if let Some(count) = buckets.get_mut(at) {
                    *count += 1;
                }
            }
        });
    }

    /// Makes series that are not there yet, at zero.
    pub(super) fn begin(&self, family: &'static Family, series: Vec<Vec<String>>) {
        self.with(|all| {
            let known = all.entry(family.name).or_default();
            for labels in series {
                known.entry(labels).or_insert_with(|| zero(family));
            }
        });
    }

    /// Replaces everything that is read from the state database.
    pub(super) fn replace_truth(&self, families: Vec<FamilySamples>) {
        self.with(|all| {
            for FamilySamples { family, samples } in families {
                if family.source == Source::Truth {
                    let series = samples.into_iter().map(|sample| (sample.labels, sample.value)).collect();
                    all.insert(family.name, series);
                }
            }
        });
    }

    /// Replaces a whole family; what is not named is not there any more.
    pub(super) fn replace(&self, family: &'static Family, numbers: impl IntoIterator<Item = (Vec<String>, f64)>) {
        let series = numbers.into_iter().map(|(labels, number)| (labels, Value::Number(number))).collect();
        self.with(|all| all.insert(family.name, series));
    }

    /// The samples of one family.
    pub(super) fn of(&self, family: &'static Family) -> FamilySamples {
        let samples = self.with(|all| {
            let series = all.get(family.name).into_iter().flatten();
            series.map(|(labels, value)| Sample { labels: labels.clone(), value: value.clone() }).collect()
        });
        FamilySamples { family, samples }
    }
}

fn zero(family: &Family) -> Value {
    match family.kind {
        Kind::Histogram(bounds) => Value::Histogram { sum: 0.0, buckets: vec![0; bounds.len() + 1] },
        Kind::Counter | Kind::Gauge => Value::Number(0.0),
    }
}

/// The labels, with a value that would be one too many of its label replaced by `other`.
fn within_bounds(family: &Family, series: &Series, labels: &[&str]) -> Vec<String> {
    let mut bounded: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
    if series.contains_key(&bounded) {
        return bounded;
    }
    for (at, label) in family.labels.iter().enumerate() {
        if matches!(label.values, Values::Closed(_)) {
            continue;
        }
        let known: std::collections::BTreeSet<&str> =
            series.keys().filter_map(|labels| labels.get(at)).map(String::as_str).collect();
        if !known.contains(labels[at]) && known.len() >= MAX_OPEN_VALUES {
            OTHER.clone_into(&mut bounded[at]);
        }
    }
    bounded
}
