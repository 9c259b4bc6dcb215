//! The report's forms: the JSON is what the published schema says, CSV and text say the same, and none holds a user's id.

use reconnectd::report::reconnect::{ReconnectReport, csv, text, users_csv};
use reconnectd::report::reconnect::{Step, Trend, TrendAsked, trend};
use serde_json::Value;

use super::*;

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

/// Reports of many histories, one of nothing among them.
async fn reports() -> Vec<ReconnectReport> {
    let (folder, path) = sqlite_path();
    let raw = Raw::open(format!("sqlite://{}", path.display()), Some(folder)).await;
    let week = periods(0)[0];
    let mut reports = vec![reconnect_report(&raw.store, week, now()).await.unwrap()];
    for seed in 200..210 {
        raw.hold(&random(seed)).await;
        for period in periods(seed) {
            reports.push(reconnect_report(&raw.store, period, now()).await.unwrap());
        }
    }
    reports
}

#[tokio::test]
async fn the_json_is_what_the_schema_says() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
    let validator = |schema: &Value| jsonschema::options().should_validate_formats(true).build(schema).unwrap();
    let validators = [validator(&schema), validator(&closed(schema.clone()))];
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
    }
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

#[tokio::test]
async fn csv_and_text_say_what_the_report_says() {
    for report in reports().await {
        let (table, page) = (csv(&report).unwrap(), text(&report));
        let rows: Vec<csv_row::Row> = csv_row::parse(&table);
        let value = |section: &str, subject: &str, detail: &str, figure: &str| {
            let same = |row: &&csv_row::Row| row[..4] == [section, subject, detail, figure];
            rows.iter().find(same).map(|row| row[4].clone())
        };
        let headline = &report.headline;
        assert_eq!(value("headline", "", "", "newly_broken").unwrap(), headline.newly_broken.to_string());
        let opened = report.funnel.link_opened.map(|opened| opened.to_string()).unwrap_or_default();
        assert_eq!(value("funnel", "", "", "link_opened").unwrap(), opened);
        for of in &report.trend {
            assert_eq!(value("trend", &of.from.to_string(), "", "open").unwrap(), of.open.to_string());
        }
        let weeks = report.trend.iter().rev().take(8);
        assert!(weeks.clone().all(|of| page.contains(&of.from.to_string())), "{page}");
        for of in &report.breakages {
            let open = value("breakages", &of.toolkit, &of.reason, "open_older").unwrap();
            assert_eq!(open, of.open.older.to_string());
        }
        assert_eq!(rows.iter().filter(|row| row[0] == "cohorts" && row[3] == "opened").count(), report.cohorts.len());
        let line = |what: &str| page.lines().find(|line| line.starts_with(what)).unwrap().to_owned();
        assert!(line("newly broken").contains(&format!(" {} ", headline.newly_broken)), "{page}");
        assert!(page.lines().all(|line| line.chars().count() <= 100), "{page}");
        assert_eq!(page.contains("No audit"), report.coverage.last_audit_at.is_none());
        let asked = ReconnectReport { toolkit: Some("sl\u{1b}[2Jack".to_owned()), ..report.clone() };
        assert!(text(&asked).contains("\nOf sl?[2Jack alone;"), "{}", text(&asked));
    }
}

#[tokio::test]
async fn the_list_for_support_has_every_incident_of_the_period_and_no_formula() {
    let (folder, path) = sqlite_path();
    let raw = Raw::open(format!("sqlite://{}", path.display()), Some(folder)).await;
    let mut history = random(7);
    history.incidents.truncate(3);
    for (n, incident) in history.incidents.iter_mut().enumerate() {
        incident.user = ["=user-0,\"x\"", "x;=1+1", "later"][n].to_owned();
        incident.opened_at = MONDAY_MS - DAY_MS;
        (incident.closed_at, incident.evidence) = (None, None);
    }
    history.incidents[2].opened_at = MONDAY_MS;
    history.items.clear();
    raw.hold(&history).await;
    let mut out = Vec::new();
    let written = users_csv(&raw.store, periods(0)[0], &mut out).await.unwrap();
    let out = String::from_utf8(out).unwrap();
    let rows = csv_row::parse(&out);
    assert_eq!((written, rows.len()), (2, 3), "what was opened when the period ended is not in it");
    let users: Vec<&String> = rows[1..].iter().map(|row| &row[0]).collect();
    assert_eq!(users, ["'=user-0,\"x\"", "x;=1+1"]);
    assert!(out.contains("\n\"x;=1+1\",\""), "a semicolon begins a cell where it parts them: {out}");
    assert!(rows[1..].iter().all(|row| row[3] == "open"));
}

/// Reads CSV without the library that wrote it (RFC 4180).
mod csv_row {
    pub type Row = Vec<String>;

    pub fn parse(text: &str) -> Vec<Row> {
        let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '"' if quoted && chars.peek() == Some(&'"') => {
                    cell.push('"');
                    chars.next();
                }
                '"' => quoted = !quoted,
                ',' if !quoted => row.push(std::mem::take(&mut cell)),
                '\n' if !quoted => {
                    row.push(std::mem::take(&mut cell));
                    rows.push(std::mem::take(&mut row));
                }
                '\r' if !quoted => {}
                c => cell.push(c),
            }
        }
        rows
    }
}
