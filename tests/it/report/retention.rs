//! What retention drops and what it keeps.

use std::time::Duration;

use reconnectd::adapters::clock::ManualClock;
use reconnectd::domain::{JobName, RunId};
use reconnectd::report::reconnect::{ReportError, UsersError, history_needed, same_before, users_csv};
use reconnectd::retention::{RetentionJob, RetentionSettings};
use tokio_util::sync::CancellationToken;

use super::*;

/// Settings that keep history for so many days.
fn keep(history: i64) -> RetentionSettings {
    let days = |days: i64| Duration::from_hours(u64::try_from(days).unwrap() * 24);
    RetentionSettings { history: days(history), operational: days(history / 2) }
}

/// The list for support, or that it is refused.
async fn list(store: &Store, scope: &ReportScope) -> Result<String, UsersError> {
    let mut list = Vec::new();
    users_csv(store, scope.clone(), &mut list).await?;
    Ok(String::from_utf8(list).unwrap())
}

#[tokio::test]
async fn no_figure_changes_when_old_rows_are_dropped() {
    let databases = Raw::both().await;
    let (mut compared, mut alone, mut refused, mut dropped, mut listed) = (0, 0, 0, 0, 0);
    for seed in 100..130 {
        let history = random(seed);
        for raw in &databases {
            raw.hold(&history).await;
            let mut before = Vec::new();
            for scope in scopes(seed) {
                let report = reconnect_report(&raw.store, scope.clone(), now()).await.unwrap();
                before.push((list(&raw.store, &scope).await.unwrap(), scope, report));
            }
            let (clock, run) = (ManualClock::new(now()), RunId::new("retention"));
            let settings = keep(110 + i64::try_from(seed % 3).unwrap() * 40);
            let job = RetentionJob { store: &raw.store, clock: &clock, settings, run: &run };
            let done = job.run(&CancellationToken::new()).await.unwrap();
            dropped += done.dropped.values().sum::<u64>();
            let since = now() - TimeDelta::from_std(settings.history).unwrap();
            for (users, scope, mut before) in before {
                if scope.period.from < since {
                    let refused = list(&raw.store, &scope).await.unwrap_err();
                    assert!(matches!(refused, UsersError::Report(ReportError::Dropped(_))), "{refused}");
                } else {
                    assert_eq!(list(&raw.store, &scope).await.unwrap(), users, "seed {seed}, {scope:?}, {}", raw.url);
                    listed += users.lines().count() - 1;
                }
                let after = reconnect_report(&raw.store, scope.clone(), now()).await;
                if history_needed(scope.period) < since {
                    assert!(matches!(after, Err(ReportError::Dropped(_))), "{scope:?}");
                    refused += 1;
                    continue;
                }
                if history_needed(same_before(scope.period)) < since {
                    before.previous = None;
                }
                assert_eq!(after.unwrap(), before, "seed {seed}, {scope:?}, {}", raw.url);
                compared += 1;
                alone += u64::from(scope.toolkit.is_some()) * before.headline.newly_broken;
            }
            // Nothing is left to drop.
            let again = job.run(&CancellationToken::new()).await.unwrap();
            assert_eq!(again.dropped.values().sum::<u64>(), 0, "seed {seed}: {again:?}");
            assert_eq!(job.rehearse().await.unwrap().dropped, again.dropped);
        }
    }
    assert!(compared > 120 && alone > 50 && refused > 80 && dropped > 1_500, "{compared} {alone} {refused} {dropped}");
    assert!(listed > 500, "{listed}");
}

/// Two years ago and more.
const OLD: i64 = MONDAY_MS - 900 * DAY_MS;

/// Incidents and notices that are over, and some that are not.
fn told() -> Vec<String> {
    let mut rows = Vec::new();
    let closed = OLD.to_string();
    for (id, closed, recovery) in [
        ("over", &*closed, "'told'"),
        ("untold", &closed, "NULL"),
        ("waiting", &closed, "'told'"),
        ("open", "NULL", "NULL"),
    ] {
        rows.push(format!(
            "INSERT INTO incidents (incident_id, user_id, toolkit, account_id, opened_at, broke_at, baseline, run_id, closed_at, \
             close_evidence, recovery) VALUES ('{id}', '{id}', 'slack', 'ca', {OLD}, {OLD}, 0, 'r', {closed}, 'active', {recovery});"
        ));
    }
    for (id, user, state) in [
        ("n-over", "over", "delivered"),
        ("n-waiting", "waiting", "pending"),
        ("n-open", "open", "delivered"),
        ("n-event", "", "dead"),
        ("n-event-pending", "", "pending"),
    ] {
        let settled_at = if state == "pending" { "NULL" } else { &closed };
        rows.push(format!(
            "INSERT INTO notifications (notification_id, user_id, created_at, run_id, reason) VALUES ('{id}', '{user}', {OLD}, 'r', 'x'); \
             INSERT INTO notification_items SELECT incident_id, 0, '{id}', 1 FROM incidents WHERE incident_id = '{user}'; \
             INSERT INTO deliveries (delivery_id, notification_id, channel, outside_id, state, attempts, next_attempt_at, \
             created_at, settled_at) VALUES ('{id}', '{id}', 'email', '{id}', '{state}', 1, 0, {OLD}, {settled_at}); \
             INSERT INTO attempts (delivery_id, number, run_id, started_at) VALUES ('{id}', 1, 'r', {OLD}); \
             INSERT INTO operator_actions VALUES ('{id}', 1, 'redelivered', 'o', {OLD}, 1);"
        ));
    }
    rows
}

/// Everything else that is over, and some that is not.
fn other() -> Vec<String> {
    let mut rows = Vec::new();
    for (id, state, at, scan_done) in [
        ("first", "finished", OLD, 1),
        ("last-scan", "failed", OLD + 1, 1),
        ("older-finished", "finished", OLD - 1, 0),
        ("oldest", "failed", OLD - 2, 0),
        ("running", "running", OLD - 3, 0),
    ] {
        rows.push(format!(
            "INSERT INTO runs (run_id, state, started_at, updated_at, finished_at, baseline, scan_done, holder, counters) \
             VALUES ('{id}', '{state}', {at}, {at}, {at}, 0, {scan_done}, 'h', '{{}}');"
        ));
    }
    for (user, seen) in [("left", OLD), ("stays", MONDAY_MS), ("open", OLD), ("over", OLD)] {
        rows.push(format!(
            "INSERT INTO users VALUES ('{user}', {OLD}, {OLD}, 'complete', {seen}); \
             INSERT INTO accounts (user_id, account_id, toolkit, auth_config, auth_config_disabled, status, reason, is_disabled, \
             shared, condition, first_seen_at) VALUES ('{user}', 'ca', 'slack', 'ac', 0, 'X', 'none', 0, 0, 'broken', {OLD});"
        ));
    }
    for (id, state) in [("held", "held"), ("decided", "discarded")] {
        rows.push(format!(
            "INSERT INTO storms VALUES ('{id}', 'toolkit', '{id}', {OLD}, 1, 1, '{state}', {OLD}, 'o');"
        ));
    }
    for (id, until) in [("lapsed", OLD), ("holds", MONDAY_MS + 1)] {
        rows.push(format!(
            "INSERT INTO silences (silence_id, toolkit, until_at, reason, author, created_at) \
             VALUES ('{id}', 'slack', {until}, 'r', 'o', {OLD});"
        ));
    }
    for (id, state, at, account) in [
        ("a1", "succeeded", OLD, "NULL"),
        ("a2", "live", OLD, "'elsewhere'"),
        ("a3", "expired", OLD, "'ca'"),
        ("a4", "failed", MONDAY_MS, "NULL"),
        ("a5", "expired", OLD, "'worked'"),
    ] {
        rows.push(format!(
            "INSERT INTO reconnect_attempts (attempt_id, link_id, incident_id, user_id, auth_config, state, account_id, \
             claimed_until, created_at) VALUES ('{id}', 'l', '{id}', 'stays', 'ac', '{state}', {account}, 0, {at});"
        ));
    }
    rows.push(format!(
        "INSERT INTO accounts (user_id, account_id, toolkit, auth_config, auth_config_disabled, status, reason, is_disabled, \
         shared, condition, first_seen_at, last_active_at) \
         VALUES ('stays', 'worked', 'slack', 'ac', 0, 'X', 'none', 0, 0, 'broken', {OLD}, {OLD});"
    ));
    for (id, until, revoked) in [("dead", OLD, "NULL"), ("works", MONDAY_MS, "NULL"), ("revoked", OLD, "1")] {
        rows.push(format!(
            "INSERT INTO reconnect_links (link_id, incident_id, user_id, created_at, expires_at, revoked_at) \
             VALUES ('{id}', '{id}', 'stays', {OLD}, {until}, {revoked});"
        ));
    }
    for (job, at, state) in [
        ("audit", OLD, "done"),
        ("audit", OLD + 1, "done"),
        ("deliver", OLD - 1, "running"),
        ("deliver", OLD, "skipped"),
        ("deliver", MONDAY_MS, "done"),
    ] {
        rows.push(format!(
            "INSERT INTO occurrences (job, scheduled_at, state, holder, attempts, claimed_at) \
             VALUES ('{job}', {at}, '{state}', 'h', 1, {at});"
        ));
    }
    rows
}

#[tokio::test]
async fn what_is_not_over_stays_however_old_it_is() {
    for raw in Raw::both().await {
        raw.hold(&History::default()).await;
        execute(&raw.url, &[told(), other()].concat().concat()).await;
        let (clock, run) = (ManualClock::new(now()), RunId::new("retention"));
        let job = RetentionJob { store: &raw.store, clock: &clock, settings: keep(800), run: &run };
        let first = job.rehearse().await.unwrap();
        assert_eq!((first.dropped["incidents"], first.dropped["runs"], first.dropped["users"]), (1, 2, 1));
        let stop = CancellationToken::new();
        stop.cancel();
        let stopped = job.run(&stop).await.unwrap();
        assert!(stopped.stopped && stopped.dropped.values().sum::<u64>() == 0);

        job.run(&CancellationToken::new()).await.unwrap();
        for (table, column, expected) in [
            ("incidents", "incident_id", vec!["open", "untold", "waiting"]),
            ("notifications", "notification_id", vec!["n-event-pending", "n-open", "n-waiting"]),
            ("deliveries", "delivery_id", vec!["n-event-pending", "n-open", "n-waiting"]),
            ("attempts", "delivery_id", vec!["n-event-pending", "n-waiting"]),
            ("operator_actions", "delivery_id", vec!["n-event-pending", "n-open", "n-waiting"]),
            ("notification_items", "notification_id", vec!["n-open", "n-waiting"]),
            ("runs", "run_id", vec!["first", "last-scan", "running"]),
            ("users", "user_id", vec!["open", "stays"]),
            ("accounts", "user_id || account_id", vec!["openca", "staysca", "staysworked"]),
            ("reconnect_attempts", "attempt_id", vec!["a3", "a4"]),
            ("reconnect_links", "link_id", vec!["works"]),
            ("storms", "storm_id", vec!["held"]),
            ("silences", "silence_id", vec!["holds"]),
            ("occurrences", "job || state", vec!["auditdone", "deliverdone", "deliverrunning"]),
        ] {
            assert_eq!(strings(&raw.url, table, column).await, expected, "{table}, {}", raw.url);
        }
        let rows = raw.store.begin_read().await.unwrap().jobs().await.unwrap();
        let row = rows.iter().find(|row| row.job == JobName::Retention).unwrap();
        assert_eq!((row.succeeded_at, row.failures), (Some(now()), 0));
    }
}

/// One column of a table as text, sorted.
async fn strings(url: &str, table: &str, column: &str) -> Vec<String> {
    use sqlx::Connection as _;
    let query = sqlx::AssertSqlSafe(format!("SELECT {column} FROM {table} ORDER BY 1"));
    if url.starts_with("sqlite") {
        let mut connection = sqlx::SqliteConnection::connect(url).await.unwrap();
        sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap()
    } else {
        let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
        sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap()
    }
}
