//! What a family of metrics is: a name, a type, labels with their closed sets, and where its values come from.
//!
//! Families are constants (`catalogue`), so that the exposition, the OTLP export, `docs/metrics.md` and what is
//! initialised to zero cannot tell different stories. Nothing is held here; a crash leaves nothing.

/// Everything of one name.
#[derive(Debug)]
pub struct Family {
    /// The name of the family, without the `_total` that samples of counters carry.
    pub name: &'static str,
    /// How its values behave.
    pub kind: Kind,
    /// The labels, in the order values are given.
    pub labels: &'static [Label],
    /// One sentence, without a full stop.
    pub help: &'static str,
    /// Where its values come from.
    pub source: Source,
}

/// How values behave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Only grows, from 0 at the start of the process.
    Counter,
    /// A present value.
    Gauge,
    /// How many observations were at most each of these bounds; one without a bound follows by itself.
    Histogram(&'static [f64]),
}

impl Kind {
    /// The word of the exposition format.
    pub fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// Where values come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Counted by this process; begins anew with it.
    Counted,
    /// Read from the state database; the same in every process, also after a restart.
    Truth,
}

/// A label and what it may say.
#[derive(Debug)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Its values.
    pub values: Values,
}

/// A closed set of label values.
#[derive(Debug, Clone, Copy)]
pub enum Values {
    /// Known when the program is compiled: every combination is there from the start, at zero.
    Closed(fn() -> Vec<&'static str>),
    /// Named by the configuration (channels, dependencies): there from the start once the configuration is known.
    Configured,
    /// Read from the state database, at most [`MAX_OPEN_VALUES`] different ones; the rest are `other`.
    Bounded,
}

/// Most values of a label that no list of ours holds: the toolkits and channels with most, in that order.
pub const MAX_OPEN_VALUES: usize = 50;

/// What values outside a set are counted under.
pub const OTHER: &str = "other";

impl Family {
    /// The name on samples: counters end in `_total`.
    pub fn sample_name(&self) -> String {
        match self.kind {
            Kind::Counter => format!("{}_total", self.name),
            _ => self.name.to_owned(),
        }
    }

    /// All combinations of label values, where all labels have sets that are known when the program is compiled.
    pub(super) fn known_series(&self) -> Vec<Vec<String>> {
        let mut series = vec![Vec::new()];
        for label in self.labels {
            let Values::Closed(values) = label.values else { return Vec::new() };
            let values = values();
            series = series.iter().flat_map(|known| values.iter().map(|value| with(known, value))).collect();
        }
        series
    }

    /// All combinations in which the label `name` says `value`, the other labels having known sets.
    pub(super) fn series_with(&self, name: &str, value: &str) -> Vec<Vec<String>> {
        let mut series = vec![Vec::new()];
        for label in self.labels {
            let values = match label.values {
                Values::Closed(values) => values(),
                _ if label.name == name => vec![value],
                _ => return Vec::new(),
            };
            series = series.iter().flat_map(|known| values.iter().map(|value| with(known, value))).collect();
        }
        series
    }

    /// Whether these values are of the closed sets, as far as they are known when the program is compiled.
    pub(super) fn allows(&self, values: &[&str]) -> bool {
        self.labels.len() == values.len()
            && self.labels.iter().zip(values).all(|(label, value)| match label.values {
                Values::Closed(known) => known().contains(value),
                Values::Configured | Values::Bounded => true,
            })
    }
}

fn with(known: &[String], value: &str) -> Vec<String> {
    known.iter().cloned().chain([value.to_owned()]).collect()
}
