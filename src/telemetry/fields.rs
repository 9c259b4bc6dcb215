//! The fields of events and spans as JSON values, texts masked on the way in.

use std::error::Error;
use std::fmt;

use serde_json::Value;
use tracing::field::{Field, Visit};

use super::mask::Mask;

/// Fields in the order they were given; a later value of the same name replaces the earlier.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    pub(super) fn set(&mut self, name: &'static str, value: Value) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name, value)),
        }
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.remove(at).1)
    }

    /// The text of a field; none where it is not there or no text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name)?.1.as_str()
    }

    /// Adds those fields of an enclosing span that are not set nearer to the event, without `but` and without those
    /// with a dot in their names, which are attributes of OpenTelemetry.
    pub(super) fn add_outer(&mut self, outer: &Fields, but: &str) {
        for (name, value) in outer.0.iter().filter(|(name, _)| *name != but && !name.contains('.')) {
            if !self.0.iter().any(|(known, _)| known == name) {
                self.0.push((name, value.clone()));
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }
}

/// Writes what `tracing` hands out into [`Fields`].
pub(super) struct Recorder<'a> {
    pub(super) fields: &'a mut Fields,
    pub(super) mask: &'a Mask,
}

impl Recorder<'_> {
    fn text(&mut self, field: &Field, text: &str) {
        let name = field.name().strip_prefix("r#").unwrap_or(field.name());
        self.fields.set(name, Value::String(self.mask.apply(text)));
    }
}

impl Visit for Recorder<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        // NaN and the infinities are no JSON numbers and become null.
        self.fields.set(field.name(), Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.fields.set(field.name(), Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.fields.set(field.name(), Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.fields.set(field.name(), Value::from(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    /// An error with its sources: our errors do not repeat them.
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut source = value.source();
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        self.text(field, &text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, &format!("{value:?}"));
    }
}
