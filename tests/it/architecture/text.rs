//! Rules about the text of one file: its length, its opening, and what may not be written.

use super::code::{Source, closing};
use super::{Report, check as check_all};

/// More lines than this are two subjects.
const MAX_LINES: usize = 500;

/// Names that say nothing.
const EMPTY_NAMES: [&str; 6] = ["util", "utils", "common", "helpers", "manager", "processor"];

/// Rules for every Rust file, tests included.
pub fn check(text: &str, report: &mut Report<'_>) {
    let lines = text.lines().count();
    if lines > MAX_LINES {
        report.add(MAX_LINES + 1, format!("the file has {lines} lines, more than {MAX_LINES}"), "split it by subject");
    }
    if !text.starts_with("//!") {
        report.add(1, "the file does not open with //!", "say what it turns into what and what it guarantees");
    }
    if let Some(name) = report.path.split(['/', '.']).find(|part| EMPTY_NAMES.contains(part)) {
        report.add(1, format!("{name} is no name"), "name the file by its one subject");
    }
}

/// Rules for the product's own code.
pub fn check_source(source: &Source<'_>, report: &mut Report<'_>) {
    for attribute in ["#[allow(", "#![allow("] {
        for at in source.find(attribute) {
            report.add(source.line_of(at), "allow hides a lint", "use #[expect(lint, reason = \"…\")]");
        }
    }
    for call in [".unwrap()", ".expect(", ".unwrap_err()", ".expect_err("] {
        for at in source.find(call) {
            let line = source.line_of(at);
            if !has_safety_line(&source.raw, line) {
                let remedy = "return an error, or say above why it cannot happen: // Unwrap safety: …";
                report.add(line, format!("{call} may panic"), remedy);
            }
        }
    }
    if !source.path.starts_with("src/cli") {
        for call in ["print!(", "println!("] {
            for at in source.find(call) {
                let remedy = "log an event, or return the text to src/cli";
                report.add(source.line_of(at), "printing belongs to src/cli", remedy);
            }
        }
    }
    check_events(source, report);
}

/// Every log line has a name that can be searched for.
fn check_events(source: &Source<'_>, report: &mut Report<'_>) {
    for level in ["trace!(", "debug!(", "info!(", "warn!(", "error!("] {
        for at in source.find(level) {
            let open = at + level.len() - 1;
            let call = &source.code[open..closing(&source.code, open, '(', ')')];
            if !call.contains("event = ") {
                let remedy = "add event = events::NAME, from src/telemetry/events.rs";
                report.add(source.line_of(at), "a log line without an event", remedy);
            }
        }
    }
}

/// Whether the statement that `line` belongs to has the comment directly above it or within it.
fn has_safety_line(raw: &[&str], line: usize) -> bool {
    for text in raw[..line - 1].iter().rev().map(|text| text.trim()) {
        if text.starts_with("// Unwrap safety:") {
            return true;
        }
        // A comment goes on over lines; anything that ends a statement ends the search.
        if !text.starts_with("//") && (text.is_empty() || text.ends_with([';', '{', '}'])) {
            return false;
        }
    }
    false
}

#[cfg(test)]
fn rules(path: &str, text: &str) -> Vec<String> {
    check_all(path, text).into_iter().map(|offence| format!("{}: {}", offence.line, offence.rule)).collect()
}

#[test]
fn length_opening_and_name_are_kept() {
    let long = |lines: usize| format!("//! x\n{}", "\n".repeat(lines - 1));
    for (path, text, expected) in [
        ("src/scan/page.rs", long(500), vec![]),
        ("src/scan/page.rs", long(501), vec!["501: the file has 501 lines, more than 500"]),
        ("tests/it/x.rs", long(501), vec!["501: the file has 501 lines, more than 500"]),
        ("src/scan/page.rs", "use x;\n".to_owned(), vec!["1: the file does not open with //!"]),
        ("src/scan/page.rs", String::new(), vec!["1: the file does not open with //!"]),
        ("src/scan/util.rs", "//! x".to_owned(), vec!["1: util is no name"]),
        ("src/scan/common/page.rs", "//! x".to_owned(), vec!["1: common is no name"]),
    ] {
        assert_eq!(rules(path, &text), expected, "{path}");
    }
}

#[test]
fn what_may_not_be_written_is_found_and_nothing_else() {
    let plain: &[(&str, &[&str])] = &[
        ("x.unwrap();", &["2: .unwrap() may panic"]),
        ("x.expect(\"a\");", &["2: .expect( may panic"]),
        ("// Unwrap safety: it is one.\nx.unwrap();", &[]),
        ("// Unwrap safety: it is one,\n// as was checked.\nlet a = x\n    .y()\n    .unwrap();", &[]),
        ("// Unwrap safety: it is one.\nx.unwrap();\ny.unwrap();", &["4: .unwrap() may panic"]),
        ("// Unwrap safety: it is one.\n\nx.unwrap();", &["4: .unwrap() may panic"]),
        ("x.unwrap_or(1); x.unwrap_or_default(); \".unwrap()\"; // .unwrap()", &[]),
        ("#[cfg(test)]\nmod tests {\n    fn f() { x.unwrap(); println!(\"a\"); }\n}", &[]),
        ("#[allow(dead_code)]", &["2: allow hides a lint"]),
        ("#![allow(dead_code)]", &["2: allow hides a lint"]),
        ("#[expect(dead_code, reason = \"x\")]", &[]),
        ("println!(\"a\");", &["2: printing belongs to src/cli"]),
        ("print!(\"a\");", &["2: printing belongs to src/cli"]),
        ("eprintln!(\"a\");", &[]),
        ("tracing::info!(event = events::RUN_STARTED, \"(a\");", &[]),
        ("tracing::info!(\n  x = %y(1),\n  \"event = a\"\n);", &["2: a log line without an event"]),
        ("warn!(\"a\");", &["2: a log line without an event"]),
    ];
    for (line, expected) in plain {
        assert_eq!(rules("src/scan/page.rs", &format!("//! x\n{line}\n")), *expected, "{line}");
    }
    assert_eq!(rules("src/cli/output.rs", "//! x\nprintln!();"), Vec::<String>::new());
    assert_eq!(rules("src/scan/page_tests.rs", "//! x\nx.unwrap();"), Vec::<String>::new());
}
