//! Alerts: `deploy/prometheus/rules.yaml` is valid, does what its unit tests say, and every alert has a case that fires, one
//! that does not, and a section of the runbook.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a step that fails ends its test")]

pub mod expressions;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use crate::docs::{anchor, section};

pub const RULES: &str = include_str!("../../deploy/prometheus/rules.yaml");
const CASES: &str = include_str!("../../deploy/prometheus/rules_test.yaml");
const OPERATIONS: &str = include_str!("../../docs/operations.md");

/// Where a `runbook_url` leads before an operator puts their own place there.
const RUNBOOKS: &str = "https://runbooks.example/reconnectd/docs/operations.md#";

/// What the file says of one alert, one line per key; a value that goes over lines is its first.
pub fn alerts() -> BTreeMap<&'static str, BTreeMap<&'static str, &'static str>> {
    let blocks = RULES.split("- alert: ").skip(1);
    let alerts: BTreeMap<_, _> = blocks
        .map(|block| {
            let (name, rest) = block.split_once('\n').unwrap();
            (name.trim(), rest.lines().filter_map(|line| line.trim().split_once(": ")).collect())
        })
        .collect();
    assert!(alerts.len() >= 19, "the alerts were not found");
    alerts
}

/// `promtool` with these arguments in the folder of the rules: what it printed.
pub fn promtool(arguments: &[&str]) -> Result<String, String> {
    let tool = std::env::var("RECONNECTD_TEST_PROMTOOL")
        .unwrap_or_else(|_| panic!("RECONNECTD_TEST_PROMTOOL is not set: run tests/run, which fetches promtool"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus");
    let output = Command::new(tool).args(arguments).current_dir(folder).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(text) } else { Err(text) }
}

#[test]
fn the_rules_are_valid_and_do_what_their_tests_say() {
    for arguments in [["check", "rules", "rules.yaml"], ["test", "rules", "rules_test.yaml"]] {
        promtool(&arguments).unwrap_or_else(|said| panic!("promtool {}:\n{said}", arguments.join(" ")));
    }
}

#[test]
fn every_alert_has_a_case_that_fires_and_one_that_does_not() {
    let names: BTreeSet<&str> = CASES.lines().filter_map(|line| line.trim().strip_prefix("- name: ")).collect();
    let with = |verb: &str| -> BTreeSet<&str> {
        names.iter().filter_map(|name| name.split_once(verb)).map(|(alert, _)| alert).collect()
    };
    let alerts: BTreeSet<&str> = alerts().into_keys().collect();
    assert_eq!(with(" fires"), alerts);
    assert_eq!(with(" does not fire"), alerts);
    for case in CASES.split("\n  - name: ").skip(1) {
        let name = case.lines().next().unwrap();
        assert!(case.contains("expr_test:") && case.contains("eval_time:"), "{name} asks nothing");
        // A case that fires expects a sample; one that does not expects none at its end.
        let expects = case.contains("exp_samples");
        assert_eq!(expects, name.contains(" fires"), "{name}");
    }
}

#[test]
fn every_alert_says_how_bad_what_and_where_to_read_on() {
    for (alert, keys) in alerts() {
        assert!(["critical", "warning"].contains(keys.get("severity").unwrap_or(&"")), "{alert}: severity");
        for key in ["expr", "summary", "description"] {
            let text = keys.get(key).unwrap_or_else(|| panic!("{alert} has no {key}"));
            assert!(!text.is_empty(), "{alert}: {key}");
        }
        assert_eq!(keys["runbook_url"], format!("{RUNBOOKS}{}", alert.to_lowercase()), "{alert}");
    }
}

#[test]
fn every_metric_and_label_of_the_rules_exists() {
    let mut checked = 0;
    for block in RULES.split("- alert: ").skip(1) {
        let (alert, rest) = block.split_once('\n').unwrap();
        let expression = rest.split("expr: ").nth(1).unwrap().split("\n        for: ").next().unwrap();
        let expression = expression.split("\n        labels:").next().unwrap();
        assert_eq!(expressions::offences(expression), Vec::<String>::new(), "{alert}");
        checked += expressions::names(expression).len();
    }
    assert!(checked > 30, "only {checked} names were found");
}

/// The runbook: one section per alert, each with what it means, where to look, what to do and when it is over.
#[test]
fn every_alert_has_its_section_and_every_section_its_alert() {
    let runbook = section(OPERATIONS, "Alerts");
    let sections: BTreeMap<&str, &str> =
        runbook.split("\n### ").skip(1).map(|part| part.split_once('\n').unwrap()).collect();
    let alerts = alerts();
    assert_eq!(sections.keys().collect::<Vec<_>>(), alerts.keys().collect::<Vec<_>>(), "docs/operations.md, Alerts");
    for (alert, text) in sections {
        assert_eq!(anchor(alert), alert.to_lowercase());
        let severity = if alerts[alert]["severity"] == "critical" { "**Pages.**" } else { "**Informs.**" };
        for part in [severity, "**Look:**", "**Do:**", "**Over:**"] {
            assert!(text.contains(part), "{alert}: its section has no {part}");
        }
    }
}
