//! The list for support: every incident of the period with all that its columns promise, page after page, and no formula.

use reconnectd::report::reconnect::users_csv;

use super::csv_row::{self, Row};
use super::history::{Delivery, Incident, Item, Notification};
use super::*;

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

/// A history of nothing but this many open incidents, each of a user of its own, in the order of their ids.
fn broken(incidents: usize) -> History {
    let mut history = random(7);
    let like = Incident {
        opened_at: MONDAY_MS - 3 * DAY_MS,
        broke_at: MONDAY_MS - 4 * DAY_MS,
        closed_at: None,
        evidence: None,
        toolkit: "slack".to_owned(),
        ..history.incidents[0].clone()
    };
    let of = |n| Incident { id: format!("incident-{n:05}"), user: format!("user-{n:05}"), ..like.clone() };
    history.incidents = (0..incidents).map(of).collect();
    (history.items, history.links, history.begun) = Default::default();
    history
}

/// The notice with this number of the incident was accepted at this instant, on two channels.
fn notice(history: &mut History, incident: usize, number: i64, settled_at: i64) {
    let (of, id) = (history.incidents[incident].clone(), format!("notice-{incident}-{number}"));
    let notification = Notification { id: id.clone(), user: of.user, ..history.notifications[0].clone() };
    history.notifications.push(notification);
    history.items.push(Item { incident: of.id, number, notification: id.clone(), spent: true });
    for channel in ["email", "webhook:product"] {
        let delivery = Delivery {
            id: format!("{id}-{channel}"),
            notification: id.clone(),
            channel: channel.to_owned(),
            state: "delivered".to_owned(),
            settled_at: Some(settled_at),
            said: None,
            ..history.deliveries[0].clone()
        };
        history.deliveries.push(delivery);
    }
}

async fn listed(raw: &Raw, scope: impl Into<ReportScope>) -> Vec<Row> {
    let mut out = Vec::new();
    let written = users_csv(&raw.store, scope, &mut out).await.unwrap();
    let rows = csv_row::parse(&String::from_utf8(out).unwrap());
    assert_eq!(usize::try_from(written).unwrap(), rows.len() - 1);
    rows
}

#[tokio::test]
async fn every_column_of_the_list_is_as_of_the_end_of_the_period() {
    for raw in Raw::both().await {
        let mut history = broken(3);
        let (within, later) = (MONDAY_MS - DAY_MS, MONDAY_MS + DAY_MS);
        for (incident, closed_at) in [(0, within), (1, later)] {
            history.incidents[incident].closed_at = Some(closed_at);
            history.incidents[incident].evidence = Some("active".to_owned());
        }
        notice(&mut history, 0, 0, MONDAY_MS - 2 * DAY_MS);
        notice(&mut history, 0, 1, within - HOUR_MS);
        notice(&mut history, 1, 0, within);
        notice(&mut history, 1, 1, later - HOUR_MS);
        raw.hold(&history).await;
        execute(&raw.url, "UPDATE incidents SET decision = 'not_due' WHERE incident_id = 'incident-00002'").await;
        let rows = listed(&raw, periods(0)[0]).await;
        let columns = "user_id toolkit account_id state reason broke_at opened_at closed_at evidence notices_delivered \
                       last_decision incident_id";
        assert_eq!(rows[0].join(" "), columns);
        let (broke, opened) = ("2026-10-29T00:00:00Z", "2026-10-30T00:00:00Z");
        let account = history.incidents[0].account.as_str();
        for (row, [state, closed, evidence, notices, decision]) in rows[1..].iter().zip([
            ["closed", "2026-11-01T00:00:00Z", "active", "2", ""],
            ["open", "", "", "1", ""],
            ["open", "", "", "0", "not_due"],
        ]) {
            let reason = row[4].as_str();
            let (user, incident) = (&row[0], row[11].as_str());
            assert_eq!(user.strip_prefix("user-"), incident.strip_prefix("incident-"));
            let expected =
                [user, "slack", account, state, reason, broke, opened, closed, evidence, notices, decision, incident];
            assert_eq!(*row, expected, "{}", raw.url);
            assert!(!reason.is_empty(), "{row:?}");
        }
        assert_eq!(rows.len(), 4);
    }
}

#[tokio::test]
async fn a_list_of_several_pages_has_everybody_once_and_one_toolkit_when_asked() {
    for raw in Raw::both().await {
        let mut history = broken(2_500); // Two pages and a half.
        for incident in history.incidents.iter_mut().step_by(3) {
            incident.toolkit = "gmail".to_owned();
        }
        raw.hold(&history).await;
        let rows = listed(&raw, periods(0)[0]).await;
        let found = rows[1..].iter().map(|row| row[0].clone());
        assert!(found.eq((0..2_500).map(|n| format!("user-{n:05}"))), "{}", raw.url);
        let scope = ReportScope { toolkit: Some("gmail".to_owned()), ..ReportScope::from(periods(0)[0]) };
        let rows = listed(&raw, scope).await;
        let found = rows[1..].iter().map(|row| row[0].clone());
        assert!(found.eq((0..2_500).step_by(3).map(|n| format!("user-{n:05}"))), "{}", raw.url);
    }
}
