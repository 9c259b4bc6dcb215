//! What the documents say against what is there (events: `events.rs`): silences, commands, summary keys, links, the names of
//! tests, and the configuration a new user copies.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use reconnectd::config;
use reconnectd::domain::{RunCounters, RunId, Silence};
use reconnectd::report::Summary;

const README: &str = include_str!("../../README.md");

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The README and everything under `docs/`, with their text.
fn documents() -> Vec<(PathBuf, String)> {
    let mut folders = vec![root().join("docs")];
    let mut files = vec![root().join("README.md")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    let markdown = files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    markdown.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// A document without its fenced blocks.
pub fn prose(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// The part under one `##` heading.
pub fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let after = text.split_once(&format!("\n## {heading}\n")).unwrap().1;
    after.split("\n## ").next().unwrap()
}

/// What stands in backticks in the first column of the tables of a text.
pub fn first_column(text: &str) -> BTreeSet<&str> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    rows.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn every_silence_has_its_line() {
    let codes: BTreeSet<&str> = Silence::CODES.iter().map(|(_, code, _)| *code).collect();
    assert_eq!(first_column(section(README, "Why somebody was not told")), codes, "README, Why somebody was not told");
}

#[test]
fn every_command_has_its_line() {
    let help = Command::new(env!("CARGO_BIN_EXE_reconnectd")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let listed = help.split_once("Commands:\n").unwrap().1.split("\n\n").next().unwrap();
    // A command stands two columns in; the rest of a long description stands further in.
    let commands: BTreeSet<&str> = listed
        .lines()
        .filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' '))?.split(' ').next())
        .filter(|command| *command != "help")
        .collect();
    assert!(commands.contains("once"), "{help}");
    let described = first_column(section(README, "Commands"));
    let described: BTreeSet<&str> = described.iter().filter_map(|cell| cell.split(' ').next()).collect();
    assert_eq!(described, commands, "README, Commands");
}

#[test]
fn every_key_of_the_summary_has_its_line() {
    let summary = Summary {
        error: Some(String::new()),
        run_id: RunId::new("a"),
        complete: true,
        stopped: true,
        baseline: false,
        dry_run: false,
        resumed_from: Some(RunId::new("b")),
        counters: RunCounters::default(),
        incidents_open: 0,
        deliveries_pending: 0,
        storms_held: Vec::new(),
        channels_stopped: Vec::new(),
        channels_disabled: Vec::new(),
        channels_lost: Vec::new(),
        duration_ms: 0,
    };
    let json: serde_json::Value = serde_json::from_str(&summary.json().unwrap()).unwrap();
    let keys: BTreeSet<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(first_column(section(README, "The JSON summary")), keys, "README, The JSON summary");
}

#[test]
fn the_readmes_configuration_can_be_used() {
    let text = README.split_once("```toml\n").unwrap().1.split("```").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("reconnectd.toml");
    std::fs::write(&file, text).unwrap();
    let config = config::load(Some(&file), std::iter::empty()).unwrap();
    assert_eq!(config.reconnect.product, "Acme");
    assert!(config.email.is_some());
}

/// Every table of every migration, and every key of `meta`, stands in the data model.
#[test]
fn every_table_has_its_row() {
    let model = section(include_str!("../../docs/architecture.md"), "Data model");
    let (model, _) = model.split_once("\nStates, and how").unwrap();
    for dialect in ["sqlite", "postgres"] {
        let mut tables = BTreeSet::new();
        for file in std::fs::read_dir(root().join("migrations").join(dialect)).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            let created = text.lines().filter_map(|line| line.strip_prefix("CREATE TABLE ")?.split(' ').next());
            tables.extend(created.map(str::to_owned));
        }
        let described: BTreeSet<String> = first_column(model).into_iter().map(str::to_owned).collect();
        assert_eq!(described, tables, "docs/architecture.md, Data model, {dialect}");
    }
    let moved = include_str!("../../docs/operations.md").lines().find_map(|l| l.strip_prefix("for table in ")).unwrap();
    let moved: BTreeSet<&str> = moved.split(';').next().unwrap().split(' ').collect();
    assert_eq!(moved, first_column(model), "docs/operations.md, Move from SQLite to PostgreSQL");
    let meta = model.lines().find(|line| line.starts_with("| `meta` ")).unwrap();
    for key in [
        "baseline_started_at",
        "baseline_finished_at",
        "baseline_release",
        "suppression_key",
        "suppression_key_check",
        "key_refused_at",
        "schedule_seed",
        "schedule_since.JOB",
        "watched_since",
        "history_since",
    ] {
        assert!(meta.contains(&format!("`{key}`")), "{key}: {meta}");
    }
}

/// A heading as the anchor of a link.
pub fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_')).collect::<String>().replace(' ', "-")
}

#[test]
fn links_lead_somewhere() {
    let mut checked = 0;
    for (path, text) in documents() {
        for target in prose(&text).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.contains("://") {
                continue;
            }
            let (file, part) = target.split_once('#').unwrap_or((target, ""));
            let there = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(there.exists(), "{}: {target} does not exist", path.display());
            let found =
                || std::fs::read_to_string(&there).unwrap().lines().any(|l| l.starts_with('#') && anchor(l) == part);
            assert!(part.is_empty() || found(), "{}: {target} has no such heading", path.display());
            checked += 1;
        }
    }
    assert!(checked > 10, "the links were not found");
}

/// The source a test name in a document belongs to: `walks::name` to `tests/it/walks.rs`, `config::bounds::name`
/// to `tests/it/config/bounds.rs`, `src/domain/account.rs::name` to that file. None where it is no test's name.
fn source_of(name: &str) -> Option<(PathBuf, &str)> {
    let (module, test) = name.rsplit_once("::")?;
    if test.matches('_').count() < 2
        || test.contains(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'))
    {
        return None;
    }
    if module.starts_with("src/") {
        return Some((root().join(module), test));
    }
    let place = root().join("tests/it").join(module.replace("::", "/"));
    let file = place.with_extension("rs");
    Some((if file.exists() { file } else { place.join("mod.rs") }, test))
}

#[test]
fn tests_named_in_the_documents_exist() {
    let mut checked = 0;
    for (path, text) in documents() {
        for name in prose(&text).split('`').skip(1).step_by(2) {
            let Some((source, test)) = source_of(name) else { continue };
            let code = std::fs::read_to_string(&source).unwrap_or_default();
            let defined = code.contains(&format!("fn {test}("));
            assert!(defined, "{}: {name} is not in {}", path.display(), source.display());
            checked += 1;
        }
    }
    assert!(checked > 30, "only {checked} names of tests were found");
}

#[test]
fn every_promise_names_the_test_that_shows_it() {
    let text = include_str!("../../docs/guarantees.md");
    let (promises, _) = text.split_once("\n## What is not promised\n").unwrap();
    let promises: Vec<&str> = promises.split("\n- ").skip(1).collect();
    assert!(promises.len() > 25, "the promises were not found");
    for promise in promises {
        let shown = promise.split('`').skip(1).step_by(2).any(|name| source_of(name).is_some());
        assert!(shown, "nothing shows: {promise}");
    }
}

#[test]
fn files_named_in_the_documents_exist() {
    for (path, text) in documents() {
        for name in prose(&text).split('`').skip(1).step_by(2) {
            let ours = ["src/", "tests/", "docs/", "migrations/", "systemd/", "deploy/"];
            if ours.iter().any(|folder| name.starts_with(folder)) && !name.contains("::") {
                assert!(root().join(name).exists(), "{}: {name} does not exist", path.display());
            }
        }
    }
}

#[test]
fn every_decision_is_in_the_list() {
    let list = include_str!("../../docs/decisions/README.md");
    let decisions = documents().into_iter().filter(|(path, _)| path.parent().unwrap().ends_with("decisions"));
    for (path, text) in decisions.filter(|(path, _)| !path.ends_with("README.md")) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let heading = text.lines().next().unwrap().strip_prefix("# ").and_then(|line| line.split_once(": "));
        let Some((number, title)) = heading else { panic!("{name} does not begin with its number and title") };
        assert!(name.starts_with(&format!("{number}-")), "{name} begins with another number");
        assert!(
            list.contains(&format!("- [{number}]({name}): {title}\n")),
            "docs/decisions/README.md: {name}, {title}"
        );
    }
}
