//! The report's forms: the JSON is what the published schema says, every leaf of it is a row of the CSV, the text has what
//! one looks at first, and none holds a user's id.

use std::collections::BTreeSet;

use reconnectd::report::reconnect::{
    CameBack, Headline, ReconnectReport, Step, Trend, TrendAsked, csv, safe_cell, text, trend,
};
use serde_json::Value;

use super::csv_row;
use super::*;
use crate::report_page::samples;

const SCHEMA: &str = include_str!("../../../docs/report.schema.json");

/// A schema that knows no keys but its own, so that one that is written and not described is found.
fn closed(mut schema: Value) -> Value {
    if let Some(map) = schema.as_object_mut() {
        if map.contains_key("required") {
            map.insert("additionalProperties".to_owned(), false.into());
        }
        for part in map.values_mut() {
            *part = closed(part.take());
        }
    }
    if let Some(parts) = schema.as_array_mut() {
        for part in parts {
            *part = closed(part.take());
        }
    }
    schema
}

/// Reports of many histories, of everything and of one toolkit, one of nothing among them, and all samples.
async fn reports() -> Vec<ReconnectReport> {
    let (folder, path) = sqlite_path();
    let raw = Raw::open(format!("sqlite://{}", path.display()), Some(folder)).await;
    let week = periods(0)[0];
    let mut reports = vec![reconnect_report(&raw.store, week, now()).await.unwrap()];
    for seed in 200..210 {
        raw.hold(&random(seed)).await;
        for scope in scopes(seed) {
            reports.push(reconnect_report(&raw.store, scope, now()).await.unwrap());
        }
    }
    reports.extend(samples::all().map(|(_, report)| report));
    reports
}

#[tokio::test]
async fn the_json_is_what_the_schema_says() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
    let validator = |schema: &Value| jsonschema::options().should_validate_formats(true).build(schema).unwrap();
    let validators = [validator(&schema), validator(&closed(schema.clone()))];
    let (mut of_one, mut pointing) = (0, 0);
    for report in reports().await {
        let json = report.json().unwrap();
        assert_eq!(serde_json::from_str::<ReconnectReport>(&json).unwrap(), report, "nothing is lost");
        let value: Value = serde_json::from_str(&json).unwrap();
        for validator in &validators {
            let problems: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
            assert!(problems.is_empty(), "{problems:?}\n{json}");
        }
        assert!(
            !json.contains("user-") && !csv(&report).unwrap().contains("user-") && !text(&report).contains("user-")
        );
        of_one += u32::from(report.toolkit.is_some());
        pointing += u32::from(report.auth_configs.iter().any(|of| of.stands_out));
    }
    assert!(of_one > 40 && pointing > 1, "{of_one} of one toolkit, {pointing} that point at an auth config");
}

#[tokio::test]
async fn a_trend_is_what_its_schema_says_in_every_form() {
    let (folder, path) = sqlite_path();
    let raw = Raw::open(format!("sqlite://{}", path.display()), Some(folder)).await;
    raw.hold(&random(11)).await;
    let schema: Value = serde_json::from_str(include_str!("../../../docs/trend.schema.json")).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
    let validator = jsonschema::options().should_validate_formats(true).build(&closed(schema)).unwrap();
    for (step, days, last) in [
        (Step::Day, 5, "The last day is not whole"),
        (Step::Week, 70, "The last week is"),
        (Step::Month, 200, "The last month is"),
    ] {
        for (to, toolkit) in [(now() - TimeDelta::hours(5), None), (now(), Some("slack".to_owned()))] {
            let asked = TrendAsked { from: to - TimeDelta::days(days), to, step, toolkit };
            let whole = to == now() && step != Step::Month;
            let points = trend(&raw.store, &asked).await.unwrap();
            let trend = Trend::new(asked, points);
            let value: Value = serde_json::from_str(&trend.json().unwrap()).unwrap();
            let problems: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
            assert!(problems.is_empty(), "{problems:?}\n{value}");
            assert_eq!(serde_json::from_value::<Trend>(value).unwrap(), trend, "nothing is lost");
            let rows = csv_row::parse(&trend.csv().unwrap());
            assert_eq!(rows.iter().filter(|row| row[0] == "trend").count(), trend.points.len() * 5);
            let text = trend.text();
            assert!(trend.points.iter().all(|of| text.contains(&of.from.to_string())), "{text}");
            assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
            assert_eq!(text.contains(last), !whole, "{text}");
        }
    }
}

/// What a CSV row says: section, subject, detail, figure, value.
type Figure = [String; 5];

/// Every leaf of a report's JSON as the row it must be. Whatever is added to the report must be a row too: a key of an object
/// is a figure of that section, and an element of a list is told from the others by what `subject_of` says.
fn leaves(report: &Value) -> Vec<Figure> {
    let mut found = Vec::new();
    for (section, value) in report.as_object().unwrap() {
        let section = section.as_str();
        match (section, value) {
            ("version" | "generated_at", _) => found.push(leaf("report", ["", ""], section, value)),
            ("toolkit", _) => found.push(leaf("period", ["", ""], section, value)),
            ("old_news_open", _) => found.push(leaf("old_news", ["", ""], "open", value)),
            ("previous", Value::Null) => {}
            ("silenced", Value::Object(reasons)) => {
                found.extend(reasons.iter().map(|(reason, count)| leaf(section, [reason, ""], "count", count)));
            }
            (_, Value::Object(figures)) => {
                found.extend(figures.iter().map(|(figure, value)| leaf(section, ["", ""], figure, value)));
            }
            (_, Value::Array(rows)) => rows.iter().for_each(|row| found.extend(leaves_of(section, row))),
            _ => unreachable!("{section} is no section of the CSV"),
        }
    }
    found
}

/// The keys that name an element of this list, and are no figures.
fn subject_of(section: &str) -> &'static [&'static str] {
    match section {
        "breakages" => &["toolkit", "reason"],
        "toolkits" => &["toolkit"],
        "auth_configs" => &["auth_config", "toolkit"],
        "brought_back" => &["after_notice"],
        "cohorts" => &["week"],
        "reconnect_curve" => &["after_seconds"],
        "trend" => &["from"],
        "deliveries" => &["channel"],
        other => unreachable!("{other} is a list that no row of the CSV tells apart"),
    }
}

fn leaves_of(section: &str, element: &Value) -> Vec<Figure> {
    let keys = subject_of(section);
    let names: Vec<String> = keys.iter().map(|key| spelled(&element[*key])).collect();
    let (subject, detail) = match section {
        // A number means nothing without what it counts.
        "brought_back" if element["after_notice"].is_null() => (keys[0], "none"),
        "brought_back" | "reconnect_curve" => (keys[0], names[0].as_str()),
        _ => (names[0].as_str(), names.get(1).map_or("", String::as_str)),
    };
    let figures = element.as_object().unwrap().iter().filter(|(key, _)| !keys.contains(&key.as_str()));
    let rows = figures.flat_map(|(key, value)| match (value, key.strip_prefix("within_")) {
        (Value::Object(within), Some(days)) => {
            within.iter().map(|(figure, value)| leaf(section, [subject, days], figure, value)).collect()
        }
        (Value::Object(parts), None) => parts
            .iter()
            .map(|(part, value)| leaf(section, [subject, detail], &format!("{key}_{part}"), value))
            .collect(),
        _ => vec![leaf(section, [subject, detail], key, value)],
    });
    rows.collect()
}

fn leaf(section: &str, [subject, detail]: [&str; 2], figure: &str, value: &Value) -> Figure {
    let value = spelled(value);
    [section.to_owned(), safe_cell(subject), safe_cell(detail), figure.to_owned(), comparable(&safe_cell(&value))]
}

fn spelled(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The same figure and the same instant in the same letters.
fn comparable(text: &str) -> String {
    let number = text.parse::<f64>().map(|number| format!("{number:?}"));
    let instant = || text.parse::<chrono::DateTime<chrono::Utc>>().map(|at| at.to_rfc3339());
    number.ok().or_else(|| instant().ok()).unwrap_or_else(|| text.to_owned())
}

#[tokio::test]
async fn every_leaf_of_the_json_is_a_row_of_the_csv_and_nothing_else_is() {
    let mut sections = BTreeSet::new();
    let any = (0..40).map(samples::any);
    for report in reports().await.into_iter().chain(any) {
        let mut expected = leaves(&serde_json::from_str(&report.json().unwrap()).unwrap());
        let rows = csv_row::parse(&csv(&report).unwrap());
        assert_eq!(rows[0], ["section", "subject", "detail", "figure", "value"]);
        let row = |row: &csv_row::Row| {
            let mut row = <Figure>::try_from(row.clone()).unwrap();
            row[4] = comparable(&row[4]);
            row
        };
        let mut found: Vec<Figure> = rows[1..].iter().map(row).collect();
        expected.sort();
        found.sort();
        let only = |these: &[Figure], those: &[Figure]| -> Vec<Figure> {
            these.iter().filter(|one| !those.contains(one)).cloned().collect()
        };
        assert!(
            expected == found,
            "in the JSON alone: {:?}\nin the CSV alone: {:?}",
            only(&expected, &found),
            only(&found, &expected)
        );
        sections.extend(found.into_iter().map(|row| row[0].clone()));
    }
    assert!(sections.len() >= 18, "{sections:?}");
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0))
}

/// What a line says after its first words, one space between two.
fn after(page: &str, label: &str) -> String {
    let line = page.lines().find(|line| line.starts_with(label));
    assert!(line.is_some(), "no line {label:?} in {page}");
    line.unwrap()[label.len()..].split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn the_text_has_every_figure_of_headline_funnel_coverage_and_cohorts() {
    let mut known = [0; 2];
    for report in reports().await {
        let page = text(&report);
        let (h, c, funnel) = (&report.headline, &report.coverage, &report.funnel);
        for (label, figure) in HEADLINE {
            let before = report.previous.as_ref().map_or_else(|| "-".to_owned(), figure);
            assert_eq!(after(&page, label), format!("{} {before}", figure(h)), "{label}: {page}");
        }
        assert!(page.contains(&format!("({} failed)", c.audits_failed)), "{page}");
        if c.last_audit_at.is_some() {
            assert!(page.contains(&format!("{} audits (", c.audits_finished)), "{page}");
            assert!(page.contains(&format!(" of {} users, ", c.users_scanned)), "{page}");
            assert!(c.share.is_none() || page.contains(&format!(" saw {} of ", percent(c.share))), "{page}");
            assert!(page.contains(" before the end; longest gap "), "{page}");
        }
        if c.users_unknown + c.users_unqueryable > 0 {
            let said = format!("{} users that could not be fetched, {} that", c.users_unknown, c.users_unqueryable);
            assert!(page.contains(&said), "{page}");
        }
        known[usize::from(funnel.link_opened.is_some())] += 1;
        match (funnel.link_opened, funnel.attempt_started) {
            (Some(opened), Some(begun)) => {
                assert_eq!(after(&page, "  opened their link"), opened.to_string());
                assert_eq!(after(&page, "  began to reconnect on the page"), begun.to_string());
                assert_eq!(after(&page, "  work again, whatever way they took"), funnel.active_again.to_string());
                assert!(
                    page.contains(&format!("\nOf {} first told with an accepted notice:", funnel.delivered)),
                    "{page}"
                );
            }
            _ => assert!(page.contains("\nWhether links were opened is not known"), "{page}"),
        }
        for of in &report.cohorts {
            let shares = [of.within_1_day, of.within_3_days, of.within_7_days, of.within_30_days];
            let shares = shares.map(|CameBack { rate, .. }| percent(rate)).join(" ");
            let said = format!("{} {} {shares}", of.opened, of.gone);
            assert_eq!(after(&page, &of.week.to_string()), said, "{page}");
        }
        let weeks = report.trend.iter().rev().take(8);
        assert!(weeks.clone().all(|of| page.contains(&of.from.to_string())), "{page}");
        assert!(page.lines().all(|line| line.chars().count() <= 100), "{page}");
        let asked = ReconnectReport { toolkit: Some("sl\u{1b}[2Jack".to_owned()), ..report.clone() };
        assert!(text(&asked).contains("\nOf sl?[2Jack alone;"), "{}", text(&asked));
    }
    assert!(known.iter().all(|reports| *reports > 3), "{known:?}");
}

type Spelled = fn(&Headline) -> String;

/// How each figure of the headline is called in the text; the two times are in whole units there.
const HEADLINE: [(&str, Spelled); 10] = [
    ("worked at the start", |of| of.active_at_start.to_string()),
    ("newly broken", |of| of.newly_broken.to_string()),
    ("  break rate", |of| percent(of.break_rate)),
    ("back again", |of| of.recovered.to_string()),
    ("deleted", |of| of.gone.to_string()),
    ("broken at the end", |of| of.open.to_string()),
    ("  of them, users who left the directory", |of| of.open_left.to_string()),
    ("first told", |of| of.notified.to_string()),
    ("  and accepted by mail server or endpoint", |of| of.delivered.to_string()),
    ("  and back again since", |of| of.active_again.to_string()),
];
