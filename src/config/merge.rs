//! Environment variables over the file: `RECONNECTD__SECTION__KEY` replaces `key` of `[section]`,
//! `RECONNECTD__WEBHOOK__0__KEY` that of the first `[[webhook]]`.
//!
//! Guarantees: an override of a secret, by itself or by its `_file`, replaces both forms of it; a variable
//! with our prefix that names no key is refused, because it is a typing mistake that would otherwise run
//! with the wrong setting. Variables with one underscore after the name (`RECONNECTD_HOME`) are not ours.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::errors::{Place, Problem, shown, variable_name};
use super::nearest::nearest;
use super::raw::{KEYS, Key, Kind};
use super::source::Places;

/// What our variables begin with, in any mixture of cases.
const PREFIX: &str = "RECONNECTD__";

/// More receivers than this in one deployment is a mistake; it bounds what one variable can allocate.
pub(super) const MAX_WEBHOOKS: usize = 16;

/// One variable that names a key.
struct Override {
    variable: String,
    key: &'static Key,
    index: Option<usize>,
    value: String,
}

/// Lays the variables over the values of the file; adds what is wrong with them to `problems`.
pub(super) fn apply(
    table: &mut Table,
    places: &mut Places,
    env: impl Iterator<Item = (String, String)>,
    problems: &mut Vec<Problem>,
) {
    let mut overrides: BTreeMap<String, Override> = BTreeMap::new();
    for (variable, value) in env {
        let Some(rest) = variable.get(..PREFIX.len()).filter(|start| start.eq_ignore_ascii_case(PREFIX)) else {
            continue;
        };
        let rest = variable[rest.len()..].to_lowercase();
        let Some((key, index)) = parse_name(&rest) else {
            problems.push(unknown(&variable, &rest));
            continue;
        };
        // A lossy reading of the process environment leaves this character where bytes were no UTF-8.
        if value.contains('\u{fffd}') {
            problems.push(with_variable(&variable, "is not UTF-8 text", "set it to UTF-8 text"));
            continue;
        }
        let path = path_of(key, key.name, index);
        if let Some(earlier) = overrides.insert(path, Override { variable: variable.clone(), key, index, value }) {
            let what = format!("names the same key as {}", shown(&earlier.variable));
            problems.push(with_variable(&variable, what, "keep one of the two"));
        }
    }
    // Both forms of an overridden secret go first, so that the order of the variables does not matter.
    for change in overrides.values() {
        for name in forms(change.key) {
            if let Some(section) = section_of(table, change.key, change.index) {
                section.remove(&name);
            }
        }
    }
    for (path, change) in overrides {
        if let Some(index) = change.index
            && !make_webhook(table, index)
        {
            let what = "leaves a gap in the list of webhooks";
            problems.push(with_variable(&change.variable, what, "number webhooks from 0 without gaps, at most 16"));
            continue;
        }
        let value = value_of(change.key.kind, change.value);
        // Where the file wrote something else than a section, `raw::read` reports it.
        table.entry(change.key.section).or_insert_with(|| Value::Table(Table::new()));
        if let Some(section) = section_of(table, change.key, change.index) {
            section.insert(change.key.name.to_owned(), value);
            places.set(path, Place::Variable(change.variable));
        }
    }
}

/// `state__url` is a key, `webhook__0__url` is a key of the first webhook.
fn parse_name(rest: &str) -> Option<(&'static Key, Option<usize>)> {
    let parts: Vec<&str> = rest.split("__").collect();
    let find = |section: &str, name: &str| KEYS.iter().find(|key| key.section == section && key.name == name);
    match parts.as_slice() {
        ["webhook", index, name] => {
            let plain = !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit());
            let index = plain.then(|| index.parse::<usize>().ok()).flatten()?;
            find("webhook", name).map(|key| (key, Some(index)))
        }
        ["webhook", _] => None,
        [section, name] => find(section, name).map(|key| (key, None)),
        _ => None,
    }
}

fn unknown(variable: &str, rest: &str) -> Problem {
    let index = rest.strip_prefix("webhook__").and_then(|rest| rest.split("__").next());
    let index = index.filter(|index| index.parse::<usize>().is_ok()).unwrap_or("0");
    let known: Vec<String> = KEYS
        .iter()
        .map(|key| match key.section {
            "webhook" => variable_name(&format!("webhook.{index}.{}", key.name)),
            section => variable_name(&format!("{section}.{}", key.name)),
        })
        .collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    with_variable(variable, "names no known key", nearest(variable, &known).remedy("variables"))
}

fn with_variable(variable: &str, what: impl Into<String>, remedy: impl Into<String>) -> Problem {
    Problem { place: Place::Variable(variable.to_owned()), key: None, what: what.into(), remedy: remedy.into() }
}

fn path_of(key: &Key, name: &str, index: Option<usize>) -> String {
    match index {
        Some(index) => format!("{}.{index}.{name}", key.section),
        None => format!("{}.{name}", key.section),
    }
}

/// Both names under which a secret can be given; for other keys none, one value simply replaces another.
fn forms(key: &Key) -> Vec<String> {
    let bare = key.name.strip_suffix("_file").unwrap_or(key.name);
    match key.kind {
        Kind::Secret | Kind::SecretFile => vec![bare.to_owned(), format!("{bare}_file")],
        _ => Vec::new(),
    }
}

fn section_of<'a>(table: &'a mut Table, key: &Key, index: Option<usize>) -> Option<&'a mut Table> {
    let section = table.get_mut(key.section)?;
    match index {
        Some(index) => section.as_array_mut()?.get_mut(index)?.as_table_mut(),
        None => section.as_table_mut(),
    }
}

/// Whether there is a webhook of this index, made now if it is the next one.
fn make_webhook(table: &mut Table, index: usize) -> bool {
    let list = table.entry("webhook").or_insert_with(|| Value::Array(Vec::new()));
    let Some(list) = list.as_array_mut() else { return true };
    if index == list.len() && index < MAX_WEBHOOKS {
        list.push(Value::Table(Table::new()));
    }
    index < list.len()
}

/// Texts are taken as they are, lists of texts at their commas; everything else is read as a TOML value, and where it is none the text
/// itself goes on, to be refused with its key's name.
fn value_of(kind: Kind, text: String) -> Value {
    match kind {
        Kind::Text | Kind::Secret | Kind::SecretFile => Value::String(text),
        Kind::Texts if text.trim().is_empty() => Value::Array(Vec::new()),
        Kind::Texts => Value::Array(text.split(',').map(|entry| Value::String(entry.trim().to_owned())).collect()),
        Kind::Whole | Kind::Fraction | Kind::Flag | Kind::WholeOrAuto => {
            text.trim().parse::<Value>().unwrap_or(Value::String(text))
        }
    }
}
