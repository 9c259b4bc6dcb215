//! `status` as a command: the verdict first, its exit codes, JSON that keeps the schema, and nothing touched.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use super::setup::Setup;
use crate::directory::product::Dialect;
use crate::status::assert_promised;
use reconnectd::adapters::clock::SystemClock;
use reconnectd::simulator::SimulatorOptions;
use std::sync::Arc;

async fn says_how_things_stand(setup: Setup) {
    setup.broken_user("u1").await;
    setup.run(&["migrate"]).await.expect(0);
    let empty = setup.run(&["status"]).await.expect(0);
    assert!(empty.stdout.starts_with("1 thing needs a hand."), "{}", empty.stdout);
    assert!(empty.stdout.contains("\n   reconnectd once\n"), "{}", empty.stdout);
    setup.run(&["status", "--exit-code"]).await.expect(1);

    setup.once(0).await;
    let page = setup.run(&["status", "--exit-code"]).await.expect(0);
    assert!(page.stdout.starts_with("All is well."), "{}", page.stdout);
    assert!(page.stdout.contains("slack") && page.stdout.contains("webhook:product"), "{}", page.stdout);
    assert_eq!(page.stderr, "");
    let json = setup.run(&["status", "--json"]).await.expect(0);
    let document: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_promised(&document);
    assert_eq!((&document["well"], &document["incidents_open"]), (&true.into(), &1.into()), "{document}");
    assert!(document["jobs"][0]["next_at"].is_string(), "{document}");
}

#[tokio::test]
async fn status_says_how_things_stand_on_sqlite() {
    says_how_things_stand(Setup::new().await).await;
}

#[tokio::test]
async fn status_says_how_things_stand_on_postgres() {
    let options = SimulatorOptions::new(Arc::new(SystemClock));
    says_how_things_stand(Setup::over(Dialect::Postgres, Dialect::Sqlite, options).await).await;
}

#[tokio::test]
async fn where_there_is_no_state_none_is_made() {
    let setup = Setup::new().await;
    let output = setup.run(&["status"]).await.expect(2);
    assert_eq!(output.stdout, "");
    assert!(!setup.folder.path().join("state.db").exists());
}
