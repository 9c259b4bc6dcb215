//! `silence add|list|expire`: an operator keeps quiet about somebody or something for a while.

use std::sync::Arc;

use reconnectd::adapters::clock::SystemClock;
use reconnectd::simulator::SimulatorOptions;

use super::setup::Setup;
use crate::directory::product::Dialect;

/// The line of a new silence, without the one on how much it covers.
fn without_count(said: &str, count: &str) -> String {
    assert!(said.ends_with(count), "{count:?} is missing: {said}");
    said.replace(count, "")
}

#[tokio::test]
async fn how_much_a_silence_covers_is_said_and_explain_shows_it_at_once() {
    for state in [Dialect::Sqlite, Dialect::Postgres] {
        let setup = Setup::over(state, Dialect::Sqlite, SimulatorOptions::new(Arc::new(SystemClock))).await;
        for user in ["ann", "ben"] {
            setup.broken_user(user).await;
        }
        setup.once(0).await;
        for (scope, count) in [
            (&["--toolkit", "slack"][..], "2 open incidents"),
            (&["--user", "ben", "--toolkit", "gmail"], "0 open incidents"),
            (&["--user", "ben", "--auth-config", "ac_slack"], "1 open incident"),
        ] {
            let arguments = [&["silence", "add", "--until", "7d", "--reason", "moving house", "--by", "kim"], scope];
            let output = setup.run(&arguments.concat()).await.expect(0);
            assert!(output.stdout.ends_with(&format!("\ncovers {count} now\n")), "{scope:?}: {}", output.stdout);
            assert_eq!(output.stderr, "", "this user is known");
        }
        for (user, silences) in [("ann", 1), ("ben", 2)] {
            let told = setup.run(&["explain", user]).await.expect(0).stdout;
            let lines: Vec<&str> = told.lines().filter(|line| line.starts_with("      silenced until 20")).collect();
            assert_eq!(lines.len(), silences, "{told}");
            assert!(lines.iter().all(|line| line.contains(" by kim (silence ") && line.ends_with("): moving house")));
        }
        setup.on_state("UPDATE silences SET until_at = 1").await;
        assert!(!setup.run(&["explain", "ben"]).await.expect(0).stdout.contains("silenced until"), "it is over");
    }
}

#[tokio::test]
async fn a_silence_is_added_listed_and_ended() {
    let setup = Setup::new().await;
    setup.run(&["migrate"]).await.expect(0);
    let arguments =
        ["silence", "add", "--user", "ben", "--toolkit", "Slack", "--until", "7d", "--reason", "asked for it"];
    let output = setup.run(&[&arguments[..], &["--by", "Kim of on-call"]].concat()).await.expect(0);
    assert!(output.stderr.contains("no run has looked at this user"), "{}", output.stderr);
    let added = without_count(&output.stdout, "covers 0 open incidents now\n");
    assert!(
        added.contains("  user ben, toolkit slack  until 20") && added.contains("  by Kim of on-call 20"),
        "{added}"
    );
    assert!(added.ends_with("  asked for it\n"), "{added}");
    let id = added.split("  ").next().unwrap();
    let later = ["silence", "add", "--auth-config", "ac_1", "--until", "2999-12-24T08:00:00+01:00", "--reason", "x"];
    let later = setup.run(&later).await.expect(0);
    assert_eq!(later.stderr, "");
    let later = without_count(&later.stdout, "covers 0 open incidents now\n");
    assert!(later.contains("  auth config ac_1  until 2999-12-24 07:00:00 UTC  by "), "{later}");
    let list = setup.run(&["silence", "list"]).await.expect(0).stdout;
    assert_eq!(list, format!("{later}{added}2 hold\n"), "newest first");
    let ended = setup.run(&["silence", "expire", id, "nobody", "--by", "Ann"]).await.expect(1);
    assert_eq!(ended.stdout, format!("{id}: ended\n"));
    assert!(ended.stderr.contains("nobody: there is no such silence"), "{}", ended.stderr);
    let twice = setup.run(&["silence", "expire", id]).await.expect(1);
    assert!(
        twice.stderr.contains(&format!("{id}: ended 20")) && twice.stderr.contains("UTC by Ann"),
        "{}",
        twice.stderr
    );
    assert_eq!(setup.run(&["silence", "list"]).await.expect(0).stdout, format!("{later}1 holds\n"));
    let all = setup.run(&["silence", "list", "--all"]).await.expect(0).stdout;
    assert!(
        all.contains(id) && all.contains("UTC by Ann  by Kim of on-call") && all.ends_with("1 holds, 1 is over\n"),
        "{all}"
    );
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    let setup = Setup::new().await;
    setup.run(&["migrate"]).await.expect(0);
    for arguments in [
        &["silence"][..],
        &["silence", "add", "--until", "7d", "--reason", "everybody"],
        &["silence", "add", "--user", "u", "--reason", "for ever"],
        &["silence", "add", "--user", "u", "--until", "7d"],
        &["silence", "add", "--user", "u", "--until", "soon", "--reason", "x"],
        &["silence", "expire"],
    ] {
        setup.run(arguments).await.expect(2);
    }
    let long = "x".repeat(501);
    for (until, user, reason, words) in [
        ("2020-01-01T00:00:00Z", "u", "x", "must end in the future"),
        ("0s", "u", "x", "must end in the future"),
        ("999999years", "u", "x", "too far away"),
        ("7d", " ", "x", "is empty"),
        ("7d", "u", " ", "needs a reason"),
        ("7d", "u", &long, "at most 500 characters"),
    ] {
        let arguments = ["silence", "add", "--user", user, "--until", until, "--reason", reason];
        let output = setup.run(&arguments).await.expect(1);
        assert!(output.stderr.contains(words), "{}", output.stderr);
    }
    assert_eq!(setup.run(&["silence", "list", "--all"]).await.expect(0).stdout, "0 hold, 0 are over\n");
    let arguments =
        ["silence", "add", "--user", "u", "--until", "7d", "--by", &long, "--reason", "bob@example.com asked"];
    let added = without_count(&setup.run(&arguments).await.expect(0).stdout, "covers 0 open incidents now\n");
    assert!(added.contains("…  ") || added.contains("… 20"), "a long name is cut: {added}");
    assert!(added.ends_with("  <address> asked\n"), "{added}");
}
