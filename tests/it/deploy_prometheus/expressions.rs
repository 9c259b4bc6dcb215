//! `PromQL` against the registry: the families, labels and label values that an expression names are there.

use std::collections::BTreeSet;

use reconnectd::telemetry::metrics::{FAMILIES, Family, Kind, Values};

/// Labels that Prometheus puts on what it scrapes.
const TARGET: [&str; 3] = ["job", "namespace", "instance"];

/// The family that samples of this name belong to.
fn family_of(sample: &str) -> Option<&'static Family> {
    FAMILIES.iter().copied().find(|family| match family.kind {
        Kind::Histogram(_) => ["_bucket", "_sum", "_count"].iter().any(|end| sample == format!("{}{end}", family.name)),
        _ => sample == family.sample_name(),
    })
}

/// What an expression names that is not there.
pub fn offences(expression: &str) -> Vec<String> {
    let mut offences = Vec::new();
    let mut labels: BTreeSet<&str> = TARGET.into();
    for (name, rest) in names(expression) {
        let Some(family) = family_of(name) else {
            offences.push(format!("no metric {name}"));
            continue;
        };
        labels.extend(family.labels.iter().map(|label| label.name));
        if matches!(family.kind, Kind::Histogram(_)) {
            labels.insert("le");
        }
        let matchers = rest.strip_prefix('{').and_then(|rest| rest.split('}').next()).unwrap_or("");
        for matcher in matchers.split("\",").filter(|matcher| !matcher.is_empty()) {
            offences.extend(wrong_matcher(family, matcher));
        }
    }
    for grouping in ["by (", "on (", "group_left ("] {
        for list in expression.split(grouping).skip(1).filter_map(|rest| rest.split(')').next()) {
            let named = list.split(',').map(str::trim).filter(|name| !name.is_empty());
            offences.extend(named.filter(|name| !labels.contains(name)).map(|name| format!("{grouping}{name})")));
        }
    }
    offences
}

/// Names of ours in an expression, each with what stands behind it.
pub fn names(expression: &str) -> Vec<(&str, &str)> {
    let named = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let (mut at, mut quoted) = (0, false);
    while let Some(c) = expression[at..].chars().next() {
        if c == '"' {
            quoted = !quoted;
        }
        let length = expression[at..].find(|c| !named(c)).unwrap_or(expression.len() - at);
        let word = &expression[at..at + length];
        if !quoted && (word.starts_with("reconnectd_") || word.starts_with("process_")) {
            found.push((word, &expression[at + length..]));
        }
        at += length.max(c.len_utf8());
    }
    found
}

fn wrong_matcher(family: &Family, matcher: &str) -> Option<String> {
    let (label, value) = matcher.split_once(['=', '!'])?;
    if TARGET.contains(&label) {
        return None;
    }
    let Some(known) = family.labels.iter().find(|known| known.name == label) else {
        return Some(format!("{} has no label {label}", family.name));
    };
    let Values::Closed(values) = known.values else { return None };
    let asked = value.trim_matches(['=', '~', '"']).split('|');
    let strange: Vec<&str> = asked.filter(|value| !values().contains(value)).collect();
    (!strange.is_empty()).then(|| format!("{}: {label} is never {}", family.name, strange.join(" or ")))
}

#[test]
fn what_is_not_there_is_found() {
    for (expression, expected) in [
        ("max by (job, channel) (reconnectd_outbox_oldest_age_seconds) > 7200", vec![]),
        ("increase(reconnectd_delivery_attempts_total{channel=\"email\",outcome=~\"retry|dead\"}[1h])", vec![]),
        ("rate(reconnectd_detect_to_notify_seconds_bucket[6h])", vec![]),
        ("sum by (le) (reconnectd_detect_to_notify_seconds_bucket)", vec![]),
        ("up{job=\"reconnectd_x\"}", vec![]),
        ("reconnectd_nothing > 1", vec!["no metric reconnectd_nothing"]),
        ("reconnectd_delivery_attempts", vec!["no metric reconnectd_delivery_attempts"]),
        ("reconnectd_storms_held{toolkit=\"a\"}", vec!["reconnectd_storms_held has no label toolkit"]),
        (
            "reconnectd_delivery_attempts_total{job=\"a\",outcome=~\"retry|lost\"}",
            vec!["reconnectd_delivery_attempts: outcome is never lost"],
        ),
        ("sum by (toolkit) (reconnectd_storms_held)", vec!["by (toolkit)"]),
        ("reconnectd_storms_held and on (channel) up", vec!["on (channel)"]),
    ] {
        assert_eq!(offences(expression), expected, "{expression}");
    }
}
