//! `docs/events.md` against the source: every event, its levels and its fields, and one meaning for each field's name.
//!
//! The source is read as in `architecture`: what stands in a `tracing` call is what a line can carry.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a step that fails ends its test")]

mod calls;

use std::collections::{BTreeMap, BTreeSet};

use calls::Call;

use crate::docs::{first_column, prose, section};

const CATALOGUE: &str = include_str!("../../docs/events.md");
const NAMES: &str = include_str!("../../src/telemetry/events.rs");

/// One row of the catalogue.
#[derive(Debug, Default, PartialEq, Eq)]
struct Entry<'a> {
    levels: BTreeSet<&'a str>,
    fields: BTreeSet<&'a str>,
}

const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

fn quoted(cell: &str) -> BTreeSet<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

fn words(cell: &str) -> BTreeSet<&str> {
    cell.split(|c: char| !c.is_ascii_lowercase()).filter(|word| LEVELS.contains(word)).collect()
}

/// The rows of the catalogue: event, level, fields, what it means, what to do.
fn catalogue(text: &str) -> BTreeMap<&str, Entry<'_>> {
    let rows = section(text, "Catalogue").lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    let entries = rows.map(|row| {
        let (event, rest) = row.split_once("` | ").unwrap();
        let cells: Vec<&str> = rest.split(" | ").collect();
        let [level, fields, means, act] = cells.as_slice() else {
            panic!("{event}: five columns, not {}", cells.len() + 1)
        };
        assert!(!means.is_empty() && !act.is_empty(), "{event}: what it means and what to do");
        (event, Entry { levels: words(level), fields: quoted(fields) })
    });
    let count = section(text, "Catalogue").lines().filter(|line| line.starts_with("| `")).count();
    let entries: BTreeMap<_, _> = entries.collect();
    assert_eq!(entries.len(), count, "an event has two rows");
    entries
}

/// Constant and name of every event.
fn names() -> BTreeMap<&'static str, &'static str> {
    let lines = NAMES.lines().filter_map(|line| line.strip_prefix("pub const "));
    let names: BTreeMap<_, _> =
        lines.filter_map(|line| Some((line.split(':').next()?, line.split('"').nth(1)?))).collect();
    assert!(names.len() > 20, "the event names were not found");
    names
}

#[test]
fn every_event_has_its_line_with_the_levels_and_fields_of_the_source() {
    let names = names();
    let mut logged: BTreeMap<&str, Entry<'_>> = BTreeMap::new();
    let calls = calls::of_the_source();
    for call in calls.iter().filter(|call| !call.is_span) {
        let constant = call.event.as_deref().unwrap_or_else(|| panic!("{}: no event", call.place));
        let name = names.get(constant).unwrap_or_else(|| panic!("{}: {constant} is no event", call.place));
        let entry = logged.entry(name).or_default();
        entry.levels.insert(call.level);
        entry.fields.extend(call.fields.iter().map(String::as_str));
    }
    let listed = catalogue(CATALOGUE);
    assert_eq!(listed.keys().collect::<BTreeSet<_>>(), names.values().collect::<BTreeSet<_>>(), "docs/events.md");
    let mut wrong = Vec::new();
    for (name, entry) in &logged {
        if listed[name] != *entry {
            let listed = &listed[name];
            wrong.push(format!("\n{name}: {:?} {:?}\n  listed {listed:?}", entry.levels, entry.fields));
        }
    }
    let silent: Vec<_> = listed.keys().filter(|name| !logged.contains_key(*name)).collect();
    assert!(wrong.is_empty(), "docs/events.md against the source:{}", wrong.concat());
    assert_eq!(silent, Vec::<&&str>::new(), "nothing logs these events");
}

/// Every name of a field, of events and of spans, has one line that says what it holds; none is explained that nobody uses.
#[test]
fn every_field_means_one_thing() {
    let mut used: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for call in calls::of_the_source() {
        for field in call.fields {
            used.entry(field).or_default().push(call.place.clone());
        }
    }
    // On every line; written by the log itself.
    for field in ["timestamp", "level", "event", "run_id", "message", "target"] {
        used.entry(field.to_owned()).or_default();
    }
    let listed = first_column(section(CATALOGUE, "Fields"));
    let missing: Vec<_> = used.iter().filter(|(name, _)| !listed.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "docs/events.md, Fields, does not explain: {missing:#?}");
    let unused: Vec<_> = listed.iter().filter(|name| !used.contains_key(**name)).collect();
    assert!(unused.is_empty(), "docs/events.md, Fields, explains what nobody logs: {unused:?}");
}

/// Names that would be a second word for something that has one.
#[test]
fn no_field_is_a_second_name_for_another() {
    const SECOND: &[(&str, &str)] = &[
        ("user_id", "user"),
        ("uid", "user"),
        ("channel_name", "channel"),
        ("err", "error"),
        ("msg", "message"),
        ("path_", "path"),
        ("elapsed_ms", "duration_ms"),
        ("took_ms", "duration_ms"),
        ("count", "a name that says what is counted"),
        ("id", "a name that says whose id it is"),
        ("dur", "duration_ms"),
        ("name", "a name that says what is named"),
    ];
    // A number carries its unit, an instant ends in `_at`.
    const BARE: [&str; 6] = ["duration", "elapsed", "timeout", "delay", "time", "size"];
    for call in calls::of_the_source() {
        for field in &call.fields {
            let better = SECOND.iter().find(|(second, _)| second == field);
            assert_eq!(better, None, "{}", call.place);
            assert!(!BARE.contains(&field.as_str()), "{}: {field} has no unit", call.place);
            let snake = field.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.');
            assert!(snake, "{}: {field}", call.place);
        }
    }
}

/// The documents name no event that is not there.
#[test]
fn events_named_in_the_runbook_exist() {
    let names: BTreeSet<&str> = names().into_values().collect();
    let families: BTreeSet<&str> = names.iter().filter_map(|name| name.split('.').next()).collect();
    let operations = include_str!("../../docs/operations.md");
    // The kinds of webhooks have names of the same form.
    let kinds: Vec<&str> = reconnectd::domain::EventKind::CODES.iter().map(|(_, code, _)| *code).collect();
    for word in prose(operations).split('`').skip(1).step_by(2) {
        let Some((family, rest)) = word.split_once('.') else { continue };
        let looks =
            families.contains(family) && !rest.is_empty() && rest.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        let file = ["db", "html", "json", "rs", "service", "timer", "toml", "txt"].contains(&rest);
        assert!(!looks || file || names.contains(word) || kinds.contains(&word), "docs/operations.md names {word}");
    }
}

#[test]
fn a_call_is_read_whole() {
    for (text, event, level, fields) in [
        ("tracing::info!(event = events::RUN_STARTED, \"A\");", Some("RUN_STARTED"), "info", vec![]),
        (
            "warn!(\n event = events::X, user = %a.b(1, 2), ?detail, %channel, attempt,\n n = f(|x| x + 1), \"{} {a}\", b.words()\n);",
            Some("X"),
            "warn",
            vec!["attempt", "channel", "detail", "n", "user"],
        ),
        (
            "error!(target: \"x\", event = events::X, a = if b { 1 } else { 2 }, \"A, b = 1\");",
            Some("X"),
            "error",
            vec!["a"],
        ),
        (
            "tracing::debug_span!(\"page\", page = 1, later = tracing::field::Empty);",
            None,
            "debug",
            vec!["later", "page"],
        ),
        ("info!(event = events::X, otel.kind = \"client\", \"A\")", Some("X"), "info", vec!["otel.kind"]),
    ] {
        let calls = calls::of("src/x.rs", text);
        let [Call { event: read, level: at, fields: named, .. }] = calls.as_slice() else { panic!("{calls:?}") };
        assert_eq!((read.as_deref(), *at), (event, level), "{text}");
        assert_eq!(named.iter().map(String::as_str).collect::<Vec<_>>(), fields, "{text}");
    }
    for text in ["// info!(event = x)", "\"info!(\"", "#[cfg(test)]\nmod t { fn f() { info!(a = 1); } }", "xinfo!(a)"] {
        assert_eq!(calls::of("src/x.rs", text), vec![], "{text}");
    }
}
