//! Whatever cannot be reached is named, is a failure and not a bad configuration, and its password is not shown.
//!
//! A database that refuses connections is tried for 10 s; all are waited for at the same time.

use futures_util::future::join_all;

use super::check::findings;
use super::process::Output;
use super::secrets::LEVEL;
use super::setup::Setup;
use crate::support::databases::{mariadb_database, postgres_database};

const PASSWORD: &str = "planted-password";

/// Nothing listens on this port: it is reserved, and only root could.
const CLOSED: &str = "127.0.0.1:1";

/// Runs a command with one key changed, without showing the password and without telling anybody.
async fn with(key: &str, value: &str, command: &[&str]) -> Output {
    let mut setup = Setup::new().await;
    setup.broken_user("u1").await;
    setup.mail_to(&format!("file://{}/mails", setup.folder.path().display()));
    setup.set("composio.max_attempts", "1");
    setup.text("log.level", LEVEL);
    setup.text(key, value);
    let output = setup.run(command).await;
    assert!(!output.stdout.contains(PASSWORD) && !output.stderr.contains(PASSWORD), "{key}: {output:?}");
    assert_eq!(setup.told().len(), 0, "{key}");
    output
}

/// The same database, with a login that is refused.
fn refused_login(url: &str) -> String {
    let mut url = url::Url::parse(url).unwrap_or_else(|error| unreachable!("{error}"));
    let changed = url.set_password(Some(PASSWORD));
    assert!(changed.is_ok());
    url.into()
}

async fn runs_end_with_a_code() {
    let postgres = format!("postgres://nobody:{PASSWORD}@{CLOSED}/db?sslmode=disable");
    let mysql = format!("mysql://nobody:{PASSWORD}@{CLOSED}/db");
    let (refused_postgres, refused_mariadb) =
        (refused_login(&postgres_database().await), refused_login(&mariadb_database().await));
    let cases = [
        ("state.url", postgres.as_str(), 1),
        ("state.url", &refused_postgres, 2),
        ("state.url", "sqlite:///no/such/folder/state.db", 2),
        ("directory.url", &postgres, 1),
        ("directory.url", &mysql, 1),
        // A login that is refused does not get better by waiting.
        ("directory.url", &refused_postgres, 2),
        ("directory.url", &refused_mariadb, 2),
        ("composio.base_url", "http://127.0.0.1:1", 1),
    ];
    let runs = cases.map(|(key, value, code)| async move {
        let output = with(key, value, &["once", "--summary", "json"]).await.expect(code);
        let log = output.log();
        assert!(!log.is_empty(), "{key} = {value}");
        if key == "composio.base_url" {
            assert_eq!(output.summary()["users_unknown"], 1);
        } else {
            let event = if code == 1 { "run.failed" } else { "config.invalid" };
            assert!(log.iter().any(|line| line["event"] == event), "{key}: {}", output.stderr);
            assert_eq!(output.stdout, "", "{key}");
        }
    });
    join_all(runs).await;
}

async fn checks_name_each_piece() {
    let postgres = format!("postgres://nobody:{PASSWORD}@{CLOSED}/db?sslmode=disable");
    let mail = format!("smtp://nobody:{PASSWORD}@{CLOSED}?tls=none");
    let cases = [
        ("state.url", postgres.as_str(), "state", 1),
        ("directory.url", &postgres, "directory", 1),
        ("directory.table", "userz", "directory", 2),
        ("directory.email", "e_mail", "directory", 2),
        ("composio.base_url", "http://127.0.0.1:1", "provider", 1),
        ("composio.api_key", "ak_revoked", "provider", 3),
        ("email.url", &mail, "email", 1),
        ("webhook.url", "http://127.0.0.1:1/hook", "webhook:product", 1),
    ];
    let checks = cases.map(|(key, value, piece, code)| async move {
        let output = with(key, value, &["check"]).await.expect(code);
        let failing: Vec<String> =
            findings(&output).into_iter().filter(|(ok, ..)| !ok).map(|(_, what, _)| what).collect();
        assert_eq!(failing, [piece], "{key} = {value}: {}", output.stdout);
    });
    join_all(checks).await;
}

#[tokio::test]
async fn what_cannot_be_reached_is_named_and_keeps_its_password() {
    tokio::join!(Box::pin(runs_end_with_a_code()), Box::pin(checks_name_each_piece()));
}
