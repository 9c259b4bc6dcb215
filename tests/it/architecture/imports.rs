//! Who may import whom: the table of the design, read from the paths that code names.

use std::collections::{BTreeMap, BTreeSet};

use super::Report;
use super::code::{Source, closing};

/// What a module may name of the others; itself always. A module that is not here is refused until it is.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("ports", &["domain"]),
    // A schedule is judged where it is written: config hands out a timetable.
    ("config", &["domain", "schedule"]),
    ("telemetry", &["domain", "ports"]),
    ("store", &["domain"]),
    ("scan", &["domain", "ports", "telemetry"]),
    // No ports: nothing of the network can be called inside a transaction.
    ("record", &["domain", "store", "telemetry"]),
    // Moments a test kills the program at; it names nothing and decides nothing.
    ("fault", &[]),
    ("plan", &["domain", "fault", "store", "telemetry"]),
    ("deliver", &["domain", "fault", "ports", "store", "telemetry"]),
    ("schedule", &["domain", "store", "ports", "telemetry"]),
    // Of the ports the scheduled report needs what time it is, and which channels carry word of it.
    ("report", &["domain", "fault", "ports", "store", "telemetry"]),
    ("retention", &["domain", "ports", "store", "telemetry"]),
    // What mails and pages say, in which language; the one thing that both are made of.
    ("languages", &["domain"]),
    ("adapters", &["domain", "languages", "ports", "telemetry"]),
    ("simulator", &["domain", "ports", "telemetry"]),
    // One person's way back, from the click on: asks, records and answers while they wait.
    ("reconnect", &["domain", "ports", "record", "store", "telemetry"]),
    ("http", &["languages", "reconnect", "report", "store", "telemetry", "domain"]),
    ("lifecycle", &["domain", "ports", "telemetry"]),
    // The long-running service: when which job is due, and one body for each.
    (
        "daemon",
        &[
            "config",
            "schedule",
            "pipeline",
            "lifecycle",
            "http",
            "report",
            "retention",
            "domain",
            "fault",
            "store",
            "ports",
            "telemetry",
        ],
    ),
    (
        "pipeline",
        &["scan", "record", "plan", "deliver", "schedule", "report", "domain", "fault", "store", "ports", "telemetry"],
    ),
];

/// They put everything together.
const MAY_IMPORT_ALL: [&str; 4] = ["app", "cli", "main", "lib"];

/// Of the ports, the schedule may name what tells the time and wakes at one.
const SCHEDULE_PORTS: [&str; 2] = ["Clock", "Alarm"];

/// Crates that tie a module to the outside, and where alone they may be named.
const CRATES: &[(&str, &[&str])] = &[
    // The simulator writes the product's database that the demo reads.
    ("sqlx", &["src/store/", "src/adapters/directory/", "src/simulator/"]),
    ("reqwest", &["src/adapters/", "src/telemetry/otlp/"]),
    // Unmaintained; one file, so that its successor is one file away.
    ("backoff", &["src/adapters/composio/retry.rs"]),
];

/// What would make a decision depend on more than its arguments.
const NOT_IN_DOMAIN: [&str; 7] =
    ["async fn", "async move", ".await", "tokio::", "serde_json::", "std::fs::", "std::net::"];

pub fn check(source: &Source<'_>, report: &mut Report<'_>) {
    let module = module_path(source.path);
    let own = module.first().map_or("lib", String::as_str);
    check_crates(source, own, report);
    if MAY_IMPORT_ALL.contains(&own) {
        return;
    }
    let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == own) else {
        report.add(1, format!("module {own} is not in the import table"), "add it to tests/it/architecture/imports.rs");
        return;
    };
    for Named { line, path } in named_paths(source, &module) {
        let Some(target) = path.first() else { continue };
        if target == own {
            check_neighbours(own, &module, &path, line, report);
        } else if !allowed.contains(&target.as_str()) {
            let permitted = if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") };
            let rule = format!("{own} must not import {target}");
            report.add(line, rule, format!("it may import {permitted}: pass a value, or move the code"));
        } else if own == "schedule"
            && target == "ports"
            && path.get(1).is_none_or(|name| !SCHEDULE_PORTS.contains(&name.as_str()))
        {
            report.add(line, "schedule may import no port but Clock and Alarm", "pass a value");
        }
    }
}

/// What several adapters are built on; no adapters themselves.
const SHARED_BY_ADAPTERS: [&str; 2] = ["answer", "spool"];

/// Adapters do not know each other.
fn check_neighbours(own: &str, module: &[String], path: &[String], line: usize, report: &mut Report<'_>) {
    if own == "adapters"
        && let (Some(mine), Some(other)) = (module.get(1), path.get(1))
        && mine != other
        && !SHARED_BY_ADAPTERS.contains(&other.as_str())
    {
        let rule = format!("adapter {mine} must not import adapter {other}");
        report.add(line, rule, "adapters share domain, ports, spool and answer alone");
    }
}

fn check_crates(source: &Source<'_>, own: &str, report: &mut Report<'_>) {
    for (name, places) in CRATES {
        if !MAY_IMPORT_ALL.contains(&own) && !places.iter().any(|place| source.path.starts_with(place)) {
            for at in source.find(&format!("{name}::")) {
                let rule = format!("{own} must not name the crate {name}");
                report.add(source.line_of(at), rule, format!("it is for {}", places.join(", ")));
            }
        }
    }
    if own == "domain" {
        for word in NOT_IN_DOMAIN {
            for at in source.find(word) {
                let rule = format!("domain must not use {}", word.trim_end_matches(':'));
                report.add(source.line_of(at), rule, "decide here, act in a stage or an adapter");
            }
        }
    }
}

/// `src/scan/page.rs` is `scan::page`, `src/scan/mod.rs` is `scan`, `src/lib.rs` is the root.
fn module_path(path: &str) -> Vec<String> {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if path == "lib" { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}

/// A path of this crate that the code names, from the crate's root.
struct Named {
    line: usize,
    path: Vec<String>,
}

fn named_paths(source: &Source<'_>, module: &[String]) -> Vec<Named> {
    let mut found = Vec::new();
    for root in ["crate::", "reconnectd::"] {
        for at in source.find(root) {
            // `$crate::` in a macro and `::reconnectd::` are the same root.
            follow(source, at + root.len(), &[], &mut found);
        }
    }
    for at in source.find("super::") {
        // Only the first of `super::super::` begins a path.
        if source.code[..at].ends_with("super::") {
            continue;
        }
        let climbs = source.code[at..].split("super::").take_while(|part| part.is_empty()).count();
        let base = module.len().saturating_sub(climbs);
        follow(source, at + climbs * "super::".len(), &module[..base], &mut found);
    }
    found
}

/// Reads the names behind `::`, a group in braces as one path each.
fn follow(source: &Source<'_>, at: usize, base: &[String], found: &mut Vec<Named>) {
    let rest = source.code[at..].trim_start();
    let at = source.code.len() - rest.len();
    if rest.starts_with('{') {
        let end = closing(&source.code, at, '{', '}');
        let mut depth = 0;
        let mut start = at + 1;
        for (offset, c) in source.code[at..end].char_indices() {
            let here = at + offset;
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if (c == ',' && depth == 1) || (c == '}' && depth == 0) {
                follow(source, start, base, found);
                start = here + 1;
            }
        }
        return;
    }
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    if name.is_empty() || name == "self" {
        return;
    }
    let mut path = base.to_vec();
    path.push(name.clone());
    let behind = at + name.len();
    if source.code[behind..].starts_with("::") && path.len() < 3 {
        follow(source, behind + 2, &path, found);
    } else {
        found.push(Named { line: source.line_of(at), path });
    }
}

#[cfg(test)]
fn rules(path: &str, text: &str) -> Vec<String> {
    super::check(path, &format!("//! x\n{text}\n")).into_iter().map(|o| format!("{}: {}", o.line, o.rule)).collect()
}

#[test]
fn forbidden_imports_are_found_however_they_are_written() {
    let table: &[(&str, &str, &[&str])] = &[
        ("src/scan/page.rs", "use crate::domain::{UserId, Status};", &[]),
        ("src/scan/page.rs", "use crate::store::Store;", &["2: scan must not import store"]),
        (
            "src/scan/page.rs",
            "use crate::{domain::UserId, store::{A, B}};",
            &["2: scan must not import store", "2: scan must not import store"],
        ),
        ("src/scan/page.rs", "use crate::{\n    domain::UserId,\n    store,\n};", &["4: scan must not import store"]),
        (
            "src/scan/page.rs",
            "fn f() -> crate::plan::Plan { crate::record::go() }",
            &["2: scan must not import plan", "2: scan must not import record"],
        ),
        ("src/scan/page.rs", "use super::batch::Batch;", &[]),
        ("src/scan/page.rs", "use super::super::store::X;", &["2: scan must not import store"]),
        ("src/scan/mod.rs", "use super::store::X;", &["2: scan must not import store"]),
        ("src/ports.rs", "use super::telemetry::X;", &["2: ports must not import telemetry"]),
        ("src/scan/page.rs", "use reconnectd::store::X;", &["2: scan must not import store"]),
        ("src/scan/page.rs", "// use crate::store::X;\n\"crate::store::X\";", &[]),
        ("src/scan/page.rs", "#[cfg(test)]\nmod tests {\n use crate::store::X;\n}", &[]),
        ("src/scan/page_tests.rs", "use crate::store::X;", &[]),
        ("src/domain/x.rs", "use super::time::Timestamp;", &[]),
        ("src/domain/x.rs", "use crate::ports::Clock;", &["2: domain must not import ports"]),
        (
            "src/domain/x.rs",
            "async fn f() { sqlx::query().await }",
            &[
                "2: domain must not name the crate sqlx",
                "2: domain must not use async fn",
                "2: domain must not use .await",
            ],
        ),
        ("src/record/x.rs", "use crate::ports::Provider;", &["2: record must not import ports"]),
        ("src/schedule/x.rs", "use crate::ports::{Alarm, Clock};", &[]),
        (
            "src/schedule/x.rs",
            "use crate::ports::{Clock, Provider};",
            &["2: schedule may import no port but Clock and Alarm"],
        ),
        (
            "src/adapters/email/smtp.rs",
            "use crate::adapters::webhook::X;",
            &["2: adapter email must not import adapter webhook"],
        ),
        ("src/adapters/email/mod.rs", "use super::webhook::X;", &["2: adapter email must not import adapter webhook"]),
        ("src/adapters/email/mod.rs", "use crate::config::Config;", &["2: adapters must not import config"]),
        ("src/adapters/email/smtp.rs", "use super::render::X; use crate::adapters::email::Y;", &[]),
        ("src/adapters/clock.rs", "use crate::ports::Clock;", &[]),
        ("src/adapters/email/mod.rs", "use sqlx::Row;", &["2: adapters must not name the crate sqlx"]),
        ("src/adapters/directory/x.rs", "use sqlx::Row;", &[]),
        ("src/adapters/webhook/x.rs", "use backoff::SystemClock;", &["2: adapters must not name the crate backoff"]),
        ("src/adapters/composio/retry.rs", "use backoff::SystemClock;", &[]),
        ("src/pipeline.rs", "use crate::{scan, record, plan, deliver, store};", &[]),
        ("src/pipeline.rs", "use crate::adapters::clock::SystemClock;", &["2: pipeline must not import adapters"]),
        ("src/app.rs", "use crate::{adapters, config, store, scan};", &[]),
        ("src/cli/once.rs", "use crate::store::X;", &[]),
        ("src/frobnicate/mod.rs", "use crate::domain::X;", &["1: module frobnicate is not in the import table"]),
    ];
    for (path, text, expected) in table {
        assert_eq!(rules(path, text), *expected, "{path}: {text}");
    }
}

/// What docs/architecture.md tells a newcomer is what is enforced.
#[test]
fn the_documents_have_this_table() {
    let text = include_str!("../../../docs/architecture.md");
    let table = crate::docs::section(text, "Modules, and who may import whom");
    let named = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();
    let mut told = BTreeMap::new();
    for row in table.lines().filter_map(|line| line.strip_prefix("| `")) {
        let cells: Vec<&str> = row.trim_end_matches(" |").split(" | ").collect();
        let [module, _, allowed] = cells[..] else { panic!("three columns: {row}") };
        told.insert(module.trim_end_matches('`').to_owned(), named(allowed));
    }
    told.retain(|module, _| !module.contains("app"));
    let enforced = MAY_IMPORT.iter().map(|(module, allowed)| {
        ((*module).to_owned(), allowed.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>())
    });
    assert_eq!(told, enforced.collect::<BTreeMap<_, _>>());
}
