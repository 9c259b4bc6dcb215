//! The `tracing` calls of the source: of each its event, its level and the names of its fields.

use std::collections::BTreeSet;
use std::path::Path;

use crate::architecture::code::{Source, closing};
use crate::architecture::rust_files;

/// One call.
#[derive(Debug, PartialEq, Eq)]
pub struct Call {
    /// File and line.
    pub place: String,
    /// The constant behind `event = events::`.
    pub event: Option<String>,
    pub level: &'static str,
    pub fields: BTreeSet<String>,
    /// A span, whose fields are on every line within it.
    pub is_span: bool,
}

/// All of `src`.
pub fn of_the_source() -> Vec<Call> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    rust_files(&root.join("src"), &mut files).unwrap();
    let mut calls = Vec::new();
    for file in files {
        let path = file.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        calls.extend(of(&path, &std::fs::read_to_string(&file).unwrap()));
    }
    assert!(calls.len() > 40, "the tracing calls were not found");
    calls
}

/// Those of one file.
pub fn of(path: &str, text: &str) -> Vec<Call> {
    let source = Source::new(path, text);
    let mut calls = Vec::new();
    for level in ["trace", "debug", "info", "warn", "error"] {
        for (macro_name, is_span) in [(format!("{level}!("), false), (format!("{level}_span!("), true)] {
            for at in source.find(&macro_name) {
                let open = at + macro_name.len() - 1;
                let inside = &source.code[open + 1..closing(&source.code, open, '(', ')') - 1];
                let (event, fields) = read(inside, is_span);
                for event in chosen(&source.code[..at], event) {
                    calls.push(Call {
                        place: format!("{path}:{}", source.line_of(at)),
                        event,
                        level,
                        fields: fields.clone(),
                        is_span,
                    });
                }
            }
        }
    }
    calls.extend(finished(&source));
    calls
}

/// The constants an event can be: itself, or, where it is a variable, those between its `let` and the call.
fn chosen(before: &str, event: Option<String>) -> Vec<Option<String>> {
    match event {
        Some(name) if name.starts_with(|c: char| c.is_ascii_lowercase()) => {
            let choice = before.rfind(&format!("let {name} = ")).map_or("", |at| &before[at..]);
            let constant = |rest: &str| rest.chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect();
            choice.split("events::").skip(1).map(|rest| Some(constant(rest))).collect()
        }
        other => vec![other],
    }
}

/// The lines at the end of a run or of `deliver` are written through a macro, `finished!`: the level, the event, the
/// summary and the sentence, then fields of the event's own. Inside another macro the level stands for both.
fn finished(source: &Source<'_>) -> Vec<Call> {
    let mut calls = Vec::new();
    for at in source.find("finished!(") {
        let open = at + "finished!(".len() - 1;
        let inside = &source.code[open + 1..closing(&source.code, open, '(', ')') - 1];
        let own = arguments(inside);
        let event = own[1].rsplit("::").next().unwrap().trim().to_owned();
        let mut fields: BTreeSet<String> =
            own[4..].iter().filter_map(|field| field.split('=').next()).map(str::trim).map(str::to_owned).collect();
        fields.extend(of_every_summary());
        for level in ["info", "warn"] {
            if own[0].trim().trim_start_matches("$level").is_empty() || own[0].trim() == level {
                let place = format!("{}:{}", source.path, source.line_of(at));
                calls.push(Call { place, event: Some(event.clone()), level, fields: fields.clone(), is_span: false });
            }
        }
    }
    calls
}

/// The fields that the macro itself writes.
fn of_every_summary() -> BTreeSet<String> {
    let text = include_str!("../../../src/pipeline/ending.rs");
    let body = text.split("tracing::$level!(").nth(1).unwrap().split(");").next().unwrap();
    let fields: BTreeSet<String> = body
        .lines()
        .filter_map(|line| line.trim().split_once(" = "))
        .map(|(name, _)| name.to_owned())
        .filter(|name| name != "event" && !name.starts_with("$("))
        .collect();
    assert!(fields.len() > 10, "the macro finished! was not understood");
    fields
}

/// The arguments of a call; texts are blank.
fn read(inside: &str, is_span: bool) -> (Option<String>, BTreeSet<String>) {
    let (mut event, mut fields) = (None, BTreeSet::new());
    for (number, argument) in arguments(inside).into_iter().enumerate() {
        let argument = argument.trim();
        if argument.is_empty() {
            // A span begins with its name; what follows an event's sentence is put into it.
            if is_span && number == 0 {
                continue;
            }
            break;
        }
        let name: String = argument
            .trim_start_matches(['%', '?'])
            .chars()
            .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '#'))
            .collect();
        let rest = argument.trim_start_matches(['%', '?'])[name.len()..].trim_start();
        let name = name.trim_start_matches("r#").to_owned();
        if rest.starts_with(':') {
            continue;
        }
        if name == "event" {
            let value = rest.trim_start_matches('=').trim();
            event = Some(value.rsplit("::").next().unwrap().to_owned());
        } else {
            fields.insert(name);
        }
    }
    (event, fields)
}

/// Splits at the commas that are not within brackets.
fn arguments(inside: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0_i32, 0, Vec::new());
    for (at, c) in inside.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&inside[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&inside[start..]);
    found
}
