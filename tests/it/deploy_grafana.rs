//! The dashboard: what its panels ask for is there, and every panel can be read.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::collections::BTreeSet;

use serde_json::Value;

use crate::deploy_prometheus::expressions::{names, offences};

const DASHBOARD: &str = include_str!("../../deploy/grafana/reconnectd.json");

fn panels() -> Vec<Value> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().clone();
    assert!(panels.len() > 25, "the panels were not found");
    panels
}

#[test]
fn every_metric_and_label_of_the_dashboard_exists() {
    let mut checked = 0;
    for panel in panels() {
        let title = panel["title"].as_str().unwrap();
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().unwrap();
            assert_eq!(offences(expression), Vec::<String>::new(), "{title}: {expression}");
            for (name, behind) in names(expression) {
                // `reconnectd_build_info` alone tells which process_* are ours.
                let chosen =
                    behind.starts_with("{namespace=~\"$namespace\",job=~\"$job\"") || name.ends_with("build_info");
                assert!(chosen, "{title}: {name} does not heed the choice of namespace and job");
            }
            // What a legend names must survive the aggregation.
            for label in target["legendFormat"].as_str().unwrap_or("").split("{{").skip(1) {
                let label = label.split("}}").next().unwrap();
                let kept = expression.split("by (").skip(1).any(|by| by.split(')').next().unwrap().contains(label));
                assert!(kept || label == "instance", "{title}: {label} is not in the result of {expression}");
            }
            checked += 1;
        }
    }
    assert!(checked > 40, "only {checked} expressions were found");
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        assert_eq!(offences(variable["query"].as_str().unwrap()), Vec::<String>::new());
    }
}

#[test]
fn the_dashboard_is_grouped_and_every_panel_has_a_place_of_its_own() {
    let panels = panels();
    let rows: Vec<&str> =
        panels.iter().filter(|panel| panel["type"] == "row").map(|row| row["title"].as_str().unwrap()).collect();
    assert!(rows[0].starts_with("On call") && rows.iter().any(|row| row.starts_with("Product team")), "{rows:?}");
    let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
    for panel in &panels {
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{}: its id is taken", panel["title"]);
        assert!(at("x") + at("w") <= 24, "{} is wider than the page", panel["title"]);
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(places.insert((x, y)), "{} lies over another panel", panel["title"]);
            }
        }
    }
}

/// On-call finds every alert that can be looked at on the dashboard's first row by its name.
#[test]
fn alerts_named_on_the_dashboard_exist() {
    let alerts = crate::deploy_prometheus::alerts();
    for word in DASHBOARD.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.starts_with("Reconnectd")) {
        assert!(alerts.contains_key(word) || word == "Reconnectd", "{word}");
    }
}
