//! The SQL that puts a history into either database.

use std::fmt::Write as _;

use sqlx::Connection as _;

use super::History;

fn text(value: Option<&String>) -> String {
    value.map_or_else(|| "NULL".to_owned(), |value| format!("'{value}'"))
}

fn int(value: Option<i64>) -> String {
    value.map_or_else(|| "NULL".to_owned(), |value| value.to_string())
}

const TABLES: [&str; 15] = [
    "report_days",
    "reconnect_links",
    "reconnect_attempts",
    "attempts",
    "operator_actions",
    "notification_items",
    "deliveries",
    "notifications",
    "incidents",
    "storms",
    "transitions",
    "accounts",
    "users",
    "runs",
    "meta",
];

/// The statements that make this history all there is.
pub fn script(history: &History) -> String {
    let mut out = String::from("BEGIN;\n");
    for table in TABLES {
        writeln!(out, "DELETE FROM {table};").unwrap();
    }
    for u in &history.users {
        let (id, observed_at) = (&u.id, int(u.observed_at));
        writeln!(out, "INSERT INTO users VALUES ('{id}', {observed_at}, {observed_at}, 'complete', {});", u.outcome_at)
            .unwrap();
    }
    for a in &history.accounts {
        writeln!(
            out,
            "INSERT INTO accounts (user_id, account_id, toolkit, auth_config, auth_config_disabled, status, reason, \
             is_disabled, shared, condition, first_seen_at, gone_at) VALUES ('{}', '{}', '{}', '{}', 0, 'X', '{}', 0, 0, \
             '{}', {}, {});",
            a.user, a.id, a.toolkit, a.auth_config, a.reason, a.condition, a.first_seen_at, int(a.gone_at)
        )
        .unwrap();
    }
    for t in &history.transitions {
        writeln!(
            out,
            "INSERT INTO transitions VALUES ('{}', '{}', {}, 'r', 'X', 'Y', '{}', 'other', 'none');",
            t.user, t.account, t.at, t.from
        )
        .unwrap();
    }
    for i in &history.incidents {
        let (closed_at, evidence, released_at) = (int(i.closed_at), text(i.evidence.as_ref()), int(i.released_at));
        let recovery = if i.closed_at.is_some() { "'told'" } else { "NULL" };
        let cause = i.cause.as_ref();
        let (reason, auth_config) = (text(cause.map(|of| &of.0)), text(cause.map(|of| &of.1)));
        writeln!(
            out,
            "INSERT INTO incidents (incident_id, user_id, toolkit, account_id, opened_at, broke_at, baseline, run_id, \
             closed_at, close_evidence, released_at, recovery, reason, auth_config) VALUES ('{}', '{}', '{}', '{}', {}, {}, \
             {}, 'r', {closed_at}, {evidence}, {released_at}, {recovery}, {reason}, {auth_config});",
            i.id,
            i.user,
            i.toolkit,
            i.account,
            i.opened_at,
            i.broke_at,
            i64::from(i.baseline)
        )
        .unwrap();
    }
    told(&mut out, history);
    pages(&mut out, history);
    for r in &history.runs {
        let counters = serde_json::json!({
            "users_scanned": r.scanned, "users_unknown": r.unknown, "users_unqueryable": r.unqueryable,
            "silenced": r.silenced,
        });
        writeln!(
            out,
            "INSERT INTO runs (run_id, state, started_at, updated_at, finished_at, baseline, scan_done, holder, counters, \
             resumed_from) VALUES ('{}', '{}', {}, {}, {}, 0, 1, 'h', '{counters}', {});",
            r.id, r.state, r.started_at, r.started_at, int(r.finished_at), text(r.resumed_from.as_ref())
        )
        .unwrap();
    }
    out.push_str("COMMIT;\n");
    out
}

fn told(out: &mut String, history: &History) {
    for n in &history.notifications {
        writeln!(
            out,
            "INSERT INTO notifications (notification_id, user_id, created_at, run_id, reason) VALUES ('{}', '{}', {}, 'r', 'x');",
            n.id, n.user, n.created_at
        )
        .unwrap();
    }
    for i in &history.items {
        writeln!(
            out,
            "INSERT INTO notification_items VALUES ('{}', {}, '{}', {});",
            i.incident,
            i.number,
            i.notification,
            i64::from(i.spent)
        )
        .unwrap();
    }
    for d in &history.deliveries {
        let (settled_at, said) = (int(d.settled_at), text(d.said.as_ref()));
        writeln!(
            out,
            "INSERT INTO deliveries (delivery_id, notification_id, channel, outside_id, state, attempts, next_attempt_at, \
             created_at, settled_at, said) VALUES ('{0}', '{1}', '{2}', 'o{0}', '{3}', 1, 0, {4}, {settled_at}, {said}); \
             INSERT INTO attempts (delivery_id, number, run_id, started_at) VALUES ('{0}', 1, 'r', {4});",
            d.id, d.notification, d.channel, d.state, d.created_at
        )
        .unwrap();
    }
}

fn pages(out: &mut String, history: &History) {
    for l in &history.links {
        let (revoked_at, opened_at) = (int(l.revoked_at), int(l.opened_at));
        writeln!(
            out,
            "INSERT INTO reconnect_links (link_id, incident_id, user_id, created_at, expires_at, revoked_at, opened_at) \
             VALUES ('{}', '{}', '{}', {}, {}, {revoked_at}, {opened_at});",
            l.id, l.incident, l.user, l.created_at, l.expires_at
        )
        .unwrap();
    }
    for b in &history.begun {
        writeln!(
            out,
            "INSERT INTO reconnect_attempts (attempt_id, link_id, incident_id, user_id, auth_config, state, claimed_until, \
             created_at, ended_at) VALUES ('{}', '{}', '{}', '{}', 'ac', 'expired', 0, {}, {});",
            b.id, b.link, b.incident, b.user, b.created_at, b.created_at
        )
        .unwrap();
    }
}

/// Runs statements on the database at `url`.
pub async fn execute(url: &str, script: &str) {
    let script = sqlx::AssertSqlSafe(script.to_owned());
    if url.starts_with("sqlite") {
        let mut connection = sqlx::SqliteConnection::connect(url).await.unwrap();
        sqlx::raw_sql(script).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    } else {
        let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
        sqlx::raw_sql(script).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}
