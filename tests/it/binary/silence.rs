//! `silence add|list|expire`: an operator keeps quiet about somebody or something for a while.

use super::setup::Setup;

#[tokio::test]
async fn a_silence_is_added_listed_and_ended() {
    let setup = Setup::new().await;
    let arguments =
        ["silence", "add", "--user", "ben", "--toolkit", "Slack", "--until", "7d", "--reason", "asked for it"];
    let added = setup.run(&[&arguments[..], &["--by", "Kim of on-call"]].concat()).await.expect(0).stdout;
    assert!(
        added.contains("  user ben, toolkit slack  until 20") && added.contains("  by Kim of on-call 20"),
        "{added}"
    );
    assert!(added.ends_with("  asked for it\n"), "{added}");
    let id = added.split("  ").next().unwrap();
    let later = ["silence", "add", "--auth-config", "ac_1", "--until", "2999-12-24T08:00:00+01:00", "--reason", "x"];
    let later = setup.run(&later).await.expect(0).stdout;
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
    assert_eq!(setup.run(&["silence", "list"]).await.expect(0).stdout, format!("{later}1 hold\n"));
    let all = setup.run(&["silence", "list", "--all"]).await.expect(0).stdout;
    assert!(
        all.contains(id) && all.contains("UTC by Ann  by Kim of on-call") && all.ends_with("1 hold, 1 are over\n"),
        "{all}"
    );
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    let setup = Setup::new().await;
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
    let added = setup.run(&arguments).await.expect(0).stdout;
    assert!(added.contains("…  ") || added.contains("… 20"), "a long name is cut: {added}");
    assert!(added.ends_with("  <address> asked\n"), "{added}");
}
