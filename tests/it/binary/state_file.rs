//! A state database that is not there: what changes or makes one creates it, what asks about one says that it is not
//! there, and where it looked.

use super::setup::Setup;

/// What must not answer from an empty state.
const ASKING: [&[&str]; 12] = [
    &["explain", "ben"],
    &["outbox", "list"],
    &["outbox", "redeliver", "x"],
    &["channel", "list"],
    &["storm", "list"],
    &["storm", "release", "x"],
    &["baseline", "show"],
    &["baseline", "pause"],
    &["silence", "list"],
    &["silence", "add", "--user", "ben", "--until", "7d", "--reason", "x"],
    &["suppress", "list"],
    &["once", "--dry-run"],
];

#[tokio::test]
async fn what_asks_about_a_state_that_is_not_there_says_where_it_looked_and_makes_none() {
    let mut setup = Setup::new().await;
    setup.text("state.url", "sqlite://elsewhere.db");
    let file = setup.folder.path().join("elsewhere.db");
    for arguments in ASKING {
        let output = setup.run(arguments).await.expect(2);
        for part in [&format!("there is no state database at {}", file.display()), "reconnectd migrate"] {
            assert!(output.stderr.contains(part), "{arguments:?}: {part:?} is missing: {}", output.stderr);
        }
        assert!(!file.exists(), "{arguments:?} made one");
    }
}

#[tokio::test]
async fn what_works_with_a_state_makes_one_and_a_check_says_where() {
    for arguments in [&["migrate"][..], &["check"], &["deliver"], &["once"]] {
        let mut setup = Setup::new().await;
        setup.text("state.url", "sqlite://elsewhere.db");
        let file = setup.folder.path().join("elsewhere.db");
        let output = setup.run(arguments).await.expect(0);
        assert!(file.exists(), "{arguments:?}");
        let said = output.stdout.contains(&format!("SQLite, {}", file.display()));
        assert_eq!(said, ["migrate", "check"].contains(&arguments[0]), "{arguments:?}: {}", output.stdout);
    }
}
