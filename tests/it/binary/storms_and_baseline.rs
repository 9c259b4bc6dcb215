//! `storm` and `baseline`: mass breakages and old ones, decided about from a shell.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use super::setup::Setup;

/// Five users of one auth config, seen to work, with a guard of two.
async fn crowd() -> Setup {
    let mut setup = Setup::new().await;
    setup.set("storm.min", "2");
    for user in ["ann", "ben", "cleo", "dan", "eve"] {
        setup.user(user).await;
        setup.works(user, "slack");
    }
    setup.once(0).await;
    for user in ["ann", "ben", "cleo"] {
        setup.breaks(&reconnectd::domain::AccountId::new(format!("ca_{user}_slack")));
    }
    setup
}

fn reconnects(setup: &Setup) -> usize {
    setup.sink.received().iter().filter(|request| request.json()["type"] == "reconnect.requested").count()
}

/// The id in the first column of the first line.
fn first_id(stdout: &str) -> String {
    stdout.split_whitespace().next().unwrap().to_owned()
}

#[tokio::test]
async fn a_storm_is_said_at_the_end_of_the_run_listed_and_released() {
    let setup = crowd().await;
    let summary = setup.once(0).await;
    assert_eq!((&summary["storms_opened"], &summary["silenced"]["storm_held"]), (&1.into(), &3.into()), "{summary}");
    assert_eq!(reconnects(&setup), 0);
    let text = setup.run(&["once"]).await.expect(0).stdout;
    assert!(text.contains("STORM HELD: auth_config ac_slack: 3 of 5 accounts broke"), "{text}");
    let listed = setup.run(&["storm", "list"]).await.expect(0).stdout;
    for part in ["held", "auth_config ac_slack", "3 of 5 accounts broke", "3 of 3 incidents still open", "1 held"] {
        assert!(listed.contains(part), "{part}: {listed}");
    }
    let id = first_id(&listed);
    let explained = setup.run(&["explain", "ann"]).await.expect(0).stdout;
    assert!(explained.contains(&format!("part of storm {id}")) && explained.contains("(storm_held)"), "{explained}");
    let done = setup.run(&["storm", "release", &id, "--by", "olga"]).await.expect(0).stdout;
    assert!(done.contains("released; 3 incidents are still open, the next run tells their users"), "{done}");
    let again = setup.run(&["storm", "discard", &id]).await.expect(1);
    assert!(again.stderr.contains("was released 20") && again.stderr.contains("by olga already"), "{}", again.stderr);
    setup.once(0).await;
    assert_eq!(reconnects(&setup), 3);
    assert_eq!(setup.run(&["storm", "list"]).await.expect(0).stdout.trim(), "no storm is held");
    assert!(setup.run(&["storm", "list", "--all"]).await.expect(0).stdout.contains("released 20"));
}

#[tokio::test]
async fn a_storm_that_is_discarded_is_told_to_nobody() {
    let setup = crowd().await;
    setup.once(0).await;
    let id = first_id(&setup.run(&["storm", "list"]).await.expect(0).stdout);
    setup.run(&["storm", "discard", &id]).await.expect(0);
    assert_eq!(setup.once(0).await["silenced"]["storm_discarded"], 3);
    assert_eq!(reconnects(&setup), 0);
    let unknown = setup.run(&["storm", "release", "nothing"]).await.expect(1);
    assert!(unknown.stderr.contains("there is no such storm"), "{}", unknown.stderr);
}

#[tokio::test]
async fn old_breakages_are_shown_released_and_paused() {
    let mut setup = Setup::new().await;
    setup.text("policy.first_run", "baseline");
    for user in ["ann", "ben", "cleo"] {
        setup.broken_user(user).await;
    }
    setup.once(0).await;
    let shown = setup.run(&["baseline", "show"]).await.expect(0).stdout;
    assert!(shown.contains("3 users have old breakages") && shown.contains("nobody is released"), "{shown}");
    let ordered = setup.run(&["baseline", "release", "--per-day", "2", "--by", "olga"]).await.expect(0).stdout;
    assert!(ordered.contains("2 a day are released by olga since 20") && ordered.contains("about 2 days"), "{ordered}");
    let faster = setup.run(&["baseline", "release", "--per-day", "3"]).await.expect(0).stdout;
    assert!(faster.contains("about 1 day to go"), "{faster}");
    setup.run(&["baseline", "release", "--per-day", "2"]).await.expect(0);
    let summary = setup.once(0).await;
    assert_eq!((&summary["incidents_released"], &summary["silenced"]["baseline"]), (&2.into(), &1.into()), "{summary}");
    assert_eq!(reconnects(&setup), 2);
    assert_eq!(setup.once(0).await["incidents_released"], 0, "two a day");
    let paused = setup.run(&["baseline", "pause"]).await.expect(0).stdout;
    assert!(paused.contains("1 user has old breakages") && paused.contains("paused by "), "{paused}");
    let none = setup.run(&["baseline", "release", "--per-day", "0"]).await.expect(2);
    assert!(none.stderr.contains("--per-day"), "{}", none.stderr);
}
