//! One event as one line: JSON for machines, a sentence for people.
//!
//! JSON keys, in this order: `timestamp`, `level`, `event`, `run_id`, `message`, `target`, then the event's
//! own fields and those of its spans. They are a contract with whoever parses the logs. A field that takes the
//! name of one of the first is written with an underscore behind it.

use std::fmt::Write as _;

use serde::ser::{SerializeMap as _, Serializer as _};
use serde_json::Value;
use tracing::Level;

use super::fields::Fields;
use crate::domain::{RunId, Timestamp};

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineFormat {
    /// One JSON object per line.
    Json,
    /// Time, level, sentence, event, fields.
    Pretty {
        /// Whether the reader is a terminal that shows colours.
        colours: bool,
    },
}

/// The `event` of lines from other crates, which have no names of ours.
const FOREIGN_EVENT: &str = "log";

/// The last group of a UUID v7: random, unlike its beginning, which is the time.
const SHORT_RUN_CHARS: usize = 12;

/// The keys every line has.
const FIXED: [&str; 6] = ["timestamp", "level", "event", "run_id", "message", "target"];

const DIM: &str = "\u{1b}[2m";
const RESET: &str = "\u{1b}[0m";

/// What a line says.
pub(super) struct Line<'a> {
    pub(super) at: Timestamp,
    pub(super) level: Level,
    pub(super) target: &'a str,
    pub(super) run_id: &'a RunId,
    pub(super) fields: Fields,
}

impl LineFormat {
    /// The line with its newline.
    pub(super) fn render(self, mut line: Line<'_>) -> String {
        let event = line.fields.take("event").map_or_else(|| FOREIGN_EVENT.to_owned(), text);
        let message = line.fields.take("message").map_or_else(String::new, text);
        let mut out = match self {
            Self::Json => json(&line, &event, &message),
            Self::Pretty { colours } => pretty(&line, &event, &message, colours),
        };
        out.push('\n');
        out
    }
}

fn json(line: &Line<'_>, event: &str, message: &str) -> String {
    let mut out = Vec::with_capacity(256);
    let written = (|| {
        let mut json = serde_json::Serializer::new(&mut out);
        let mut map = json.serialize_map(None)?;
        let at = line.at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        map.serialize_entry("timestamp", &at)?;
        map.serialize_entry("level", &line.level.as_str().to_lowercase())?;
        map.serialize_entry("event", event)?;
        map.serialize_entry("run_id", &line.run_id.to_string())?;
        map.serialize_entry("message", message)?;
        map.serialize_entry("target", line.target)?;
        for (name, value) in line.fields.iter() {
            if FIXED.contains(&name) {
                map.serialize_entry(&format!("{name}_"), value)?;
            } else {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    })();
    // Texts and numbers always serialize into memory; were it otherwise, the line still says what happened.
    match written.map(|()| String::from_utf8(out)) {
        Ok(Ok(text)) => text,
        _ => serde_json::json!({ "event": event, "run_id": line.run_id.to_string() }).to_string(),
    }
}

fn pretty(line: &Line<'_>, event: &str, message: &str, colours: bool) -> String {
    let at = line.at.format("%H:%M:%S%.3f");
    let level = line.level.as_str();
    let (dim, reset) = if colours { (DIM, RESET) } else { ("", "") };
    let colour = if colours { colour(line.level) } else { "" };
    let message = escape(message);
    let mut out = format!("{dim}{at}{reset} {colour}{level:<5}{reset} {message} {dim}{}", escape(event));
    for (name, value) in line.fields.iter() {
        let value = match value {
            Value::String(text) => quote(text),
            other => other.to_string(),
        };
        // Writing to a String cannot fail.
        let _ = write!(out, " {name}={value}");
    }
    let run = line.run_id.to_string();
    let start = run.char_indices().rev().nth(SHORT_RUN_CHARS - 1).map_or(0, |(at, _)| at);
    // As above.
    let _ = write!(out, " run={}{reset}", quote(&run[start..]));
    out
}

fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\u{1b}[31m",
        Level::WARN => "\u{1b}[33m",
        Level::INFO => "\u{1b}[32m",
        _ => DIM,
    }
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// A value that would be misread without quotes gets them.
fn quote(text: &str) -> String {
    let plain = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '"' || c == '=');
    if plain { escape(text) } else { format!("\"{}\"", escape(&text.replace('"', "'"))) }
}

/// Nothing may end the line, colour the terminal, or turn the direction of what follows.
fn escape(text: &str) -> String {
    let harmful = |c: char| {
        c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
    };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if harmful(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}
