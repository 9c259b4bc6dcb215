//! A state database of an earlier release, brought up to date: what was told then is neither reminded of nor
//! reported as over, and what it broke for is written down as well as it is known.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::borrow::Cow;

use reconnectd::domain::{AccountId, IncidentId};
use reconnectd::store::{IncidentMove, Store};
use sqlx::Connection as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use crate::support::databases::{postgres_database, sqlite_path};

/// An open incident that was told, one that was not, and one that is over.
const EARLIER: &str = "\
INSERT INTO incidents (incident_id, user_id, toolkit, account_id, opened_at, broke_at, baseline, run_id, closed_at, close_evidence) VALUES \
 ('told', 'ann', 'slack', 'ca_1', 1, 1, 0, 'r', NULL, NULL), ('new', 'ben', 'slack', 'ca_2', 1, 1, 0, 'r', NULL, NULL), \
 ('over', 'cleo', 'slack', 'ca_3', 1, 1, 0, 'r', 2, 'active'); \
INSERT INTO notifications (notification_id, user_id, created_at, run_id, reason) VALUES ('n', 'ann', 1, 'r', 'first_notice'); \
INSERT INTO notification_items (incident_id, number, notification_id, spent) VALUES ('told', 0, 'n', 1); \
INSERT INTO deliveries (delivery_id, notification_id, channel, outside_id, state, attempts, next_attempt_at, created_at, settled_at) \
 VALUES ('d', 'n', 'email', '<x@y>', 'delivered', 1, 1, 1, 1)";

/// What was known of the accounts: one that has come back since it changed, one that is broken as it was first seen, one that
/// works and whose only change kept is of later, and one that was dropped.
const ACCOUNTS: &str = "\
INSERT INTO accounts (user_id, account_id, toolkit, auth_config, auth_config_disabled, status, reason, is_disabled, shared, condition, first_seen_at) VALUES \
 ('ann', 'ca_1', 'slack', 'ac_1', 0, 'ACTIVE', 'none', 0, 0, 'healthy', 0), \
 ('ben', 'ca_2', 'slack', 'ac_2', 0, 'EXPIRED', 'transient', 0, 0, 'broken', 0), \
 ('cleo', 'ca_3', 'slack', 'ac_3', 0, 'ACTIVE', 'none', 0, 0, 'healthy', 0); \
INSERT INTO transitions (user_id, account_id, at, run_id, from_status, to_status, from_condition, to_condition, reason) VALUES \
 ('ann', 'ca_1', 0, 'r', 'ACTIVE', 'EXPIRED', 'healthy', 'broken', 'too_many_failures'), \
 ('ann', 'ca_1', 1, 'r', 'ACTIVE', 'EXPIRED', 'healthy', 'broken', 'refresh_refused'), \
 ('ann', 'ca_1', 2, 'r', 'EXPIRED', 'ACTIVE', 'broken', 'healthy', 'none'), \
 ('ben', 'ca_2', 1, 'r', 'INITIATED', 'ACTIVE', 'pending', 'healthy', 'none'), \
 ('cleo', 'ca_3', 2, 'r', 'ACTIVE', 'EXPIRED', 'healthy', 'broken', 'revoked'); \
INSERT INTO incidents (incident_id, user_id, toolkit, account_id, opened_at, broke_at, baseline, run_id) VALUES \
 ('gone', 'dora', 'slack', 'ca_4', 1, 1, 0, 'r')";

macro_rules! earlier_release {
    ($dialect:literal) => {
        Migrator::with_migrations(vec![
            migration(
                20_261_121_000_000,
                "create_state",
                include_str!(concat!("../../migrations/", $dialect, "/20261121000000_create_state.sql")),
            ),
            migration(
                20_261_121_140_000,
                "add_operator_actions",
                include_str!(concat!("../../migrations/", $dialect, "/20261121140000_add_operator_actions.sql")),
            ),
        ])
    };
}

fn migration(version: i64, name: &'static str, sql: &'static str) -> Migration {
    let sql = sqlx::SqlStr::from_static(sql);
    Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql, false)
}

async fn keeps_what_was_told_and_known_before(url: &str) {
    let store = Store::open(url).await.unwrap();
    store.migrate().await.unwrap();
    let mut work = store.begin_read().await.unwrap();
    let ended = work.ended_incidents_page(None, 10).await.unwrap();
    assert!(ended.is_empty(), "what was over before is not told: {ended:?}");
    let given = work.notices_given(&[IncidentId::new("told"), IncidentId::new("new")]).await.unwrap();
    assert_eq!(given[&IncidentId::new("told")].count, 1);
    assert_eq!(ladder_ended(url, "told").await, 1, "no reminder follows");
    assert_eq!(ladder_ended(url, "new").await, 0, "this one begins now");
    for (incident, reason, auth_config) in [
        ("told", "refresh_refused", "ac_1"),
        ("new", "transient", "ac_2"),
        ("over", "other", "ac_3"),
        ("gone", "other", ""),
    ] {
        let known = cause(url, incident).await;
        assert_eq!((known.0.as_str(), known.1.as_str()), (reason, auth_config), "what {incident} broke for");
    }
}

/// What one incident was opened for, read beside the store.
async fn cause(url: &str, incident: &str) -> (String, String) {
    let select = "SELECT reason, auth_config FROM incidents WHERE incident_id = $1";
    if url.starts_with("sqlite") {
        let mut session = sqlx::SqliteConnection::connect(url).await.unwrap();
        sqlx::query_as(select).bind(incident).fetch_one(&mut session).await.unwrap()
    } else {
        let mut session = sqlx::PgConnection::connect(url).await.unwrap();
        sqlx::query_as(select).bind(incident).fetch_one(&mut session).await.unwrap()
    }
}

/// The flag of one incident, read beside the store.
async fn ladder_ended(url: &str, incident: &str) -> i64 {
    let select = "SELECT ladder_ended FROM incidents WHERE incident_id = $1";
    if url.starts_with("sqlite") {
        let mut session = sqlx::SqliteConnection::connect(url).await.unwrap();
        sqlx::query_scalar(select).bind(incident).fetch_one(&mut session).await.unwrap()
    } else {
        let mut session = sqlx::PgConnection::connect(url).await.unwrap();
        sqlx::query_scalar(select).bind(incident).fetch_one(&mut session).await.unwrap()
    }
}

#[tokio::test]
async fn an_upgrade_reminds_nobody_of_what_was_told_before_on_sqlite() {
    let (_folder, path) = sqlite_path();
    let url = format!("sqlite://{}", path.display());
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut session = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    earlier_release!("sqlite").run_direct(None, &mut session, false).await.unwrap();
    sqlx::raw_sql(EARLIER).execute(&mut session).await.unwrap();
    sqlx::raw_sql(ACCOUNTS).execute(&mut session).await.unwrap();
    session.close().await.unwrap();
    keeps_what_was_told_and_known_before(&url).await;
}

#[tokio::test]
async fn an_upgrade_reminds_nobody_of_what_was_told_before_on_postgresql() {
    let url = postgres_database().await;
    let mut session = sqlx::PgConnection::connect(&url).await.unwrap();
    earlier_release!("postgres").run_direct(None, &mut session, false).await.unwrap();
    sqlx::raw_sql(EARLIER).execute(&mut session).await.unwrap();
    sqlx::raw_sql(ACCOUNTS).execute(&mut session).await.unwrap();
    session.close().await.unwrap();
    keeps_what_was_told_and_known_before(&url).await;
}

/// Refuses to change an incident under a limit of time.
const NO_LIMIT: &str = "\
CREATE FUNCTION refuse_a_limit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
 IF current_setting('statement_timeout') <> '0' THEN RAISE EXCEPTION 'a limit of %', current_setting('statement_timeout'); END IF; \
 RETURN NEW; END $$; \
CREATE TRIGGER no_limit BEFORE UPDATE ON incidents FOR EACH ROW EXECUTE FUNCTION refuse_a_limit()";

#[tokio::test]
async fn a_migration_may_take_as_long_as_it_takes_and_no_other_statement_may() {
    let url = postgres_database().await;
    let mut session = sqlx::PgConnection::connect(&url).await.unwrap();
    earlier_release!("postgres").run_direct(None, &mut session, false).await.unwrap();
    for script in [EARLIER, NO_LIMIT] {
        sqlx::raw_sql(script).execute(&mut session).await.unwrap();
    }
    session.close().await.unwrap();
    let store = Store::open(&url).await.unwrap();
    store.migrate().await.unwrap();
    assert_eq!(cause(&url, "new").await.0, "other", "it was written");
    let mut work = store.begin().await.unwrap();
    let change = IncidentMove { id: IncidentId::new("new"), to: AccountId::new("ca_9") };
    let refused = work.move_incident(&change).await.unwrap_err();
    assert!(format!("{refused:?}").contains("a limit of 1min"), "{refused:?}");
}
