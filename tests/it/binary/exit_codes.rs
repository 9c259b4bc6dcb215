//! Exit codes, and what happens to people when a run ends badly: 0 done, 1 failed or incomplete, 2 bad
//! configuration, 3 the provider refused the key.

use reconnectd::domain::UserId;
use reconnectd::simulator::{Fault, KeyScope};

use super::process::Output;
use super::setup::Setup;

/// Three users whose Slack broke, to be told by mail and webhook.
async fn three_broken() -> Setup {
    let setup = Setup::new().await;
    for id in ["u1", "u2", "u3"] {
        setup.broken_user(id).await;
    }
    setup
}

fn events<'a>(log: &'a [serde_json::Value], event: &str) -> Vec<&'a serde_json::Value> {
    log.iter().filter(|line| line["event"] == event).collect()
}

#[tokio::test]
async fn a_user_who_cannot_be_fetched_makes_the_run_incomplete_and_costs_the_others_nothing() {
    let mut setup = three_broken().await;
    setup.set("composio.max_attempts", "1");
    setup.simulator.fail_user(&UserId::new("u2"), Fault::Status(500));
    let output = setup.run(&["once", "--summary", "json"]).await.expect(1);
    let summary = output.summary();
    assert_eq!((&summary["complete"], &summary["users_unknown"]), (&false.into(), &1.into()), "{summary}");
    assert_eq!(setup.told(), ["u1", "u3"]);
    let log = output.log();
    assert_eq!(events(&log, "scan.user_unknown")[0]["user"], "u2");
    setup.simulator.heal_user(&UserId::new("u2"));
    assert_eq!(setup.once(0).await["complete"], true);
    assert_eq!(setup.told(), ["u1", "u2", "u3"]);
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_is_named_by_key_and_line() {
    for (edit, says) in [
        (
            ("[composio]\n", "[composio]\nbase_uri = \"x\"\n"),
            vec!["reconnectd.toml:2:1: [composio]: unknown key base_uri", "did you mean base_url?"],
        ),
        (("[reconnect]\n", "[reconnekt]\n"), vec!["reconnectd.toml:13:2: unknown section reconnekt"]),
        (("product = \"Acme\"\n", ""), vec!["reconnectd.toml:13:2: [reconnect] product: is missing"]),
        (
            ("requests_per_minute = 100000", "requests_per_minute = \"ten\""),
            vec!["reconnectd.toml:4:1: [composio] requests_per_minute"],
        ),
        (
            ("requests_per_minute = 100000", "requests_per_minute = 0"),
            vec!["reconnectd.toml:4:1: [composio] requests_per_minute"],
        ),
        (
            ("api_key = \"ak_simulator\"", "api_key_file = \"/nowhere/key\""),
            vec!["reconnectd.toml:2:", "[composio] api_key", "/nowhere/key"],
        ),
        (("[composio]", "[composio"), vec!["reconnectd.toml:1:"]),
        (("first_run = \"notify\"", "first_run = \"shout\""), vec!["[policy] first_run", "baseline"]),
        (("whsec_", "wh-"), vec!["[[webhook]] secret"]),
        (("http://127", "https://us3r:pa55word@127"), vec!["[composio] base_url"]),
    ] {
        let setup = three_broken().await;
        let text = setup.configuration();
        let changed = text.replacen(edit.0, edit.1, 1);
        assert_ne!(changed, text, "{edit:?} changes nothing in:\n{text}");
        std::fs::write(setup.folder.path().join("reconnectd.toml"), changed).unwrap();
        let output = setup.spawn_as_it_is(&["once"]).finish().await.expect(2);
        assert!(!output.stderr.contains("pa55word"), "{}", output.stderr);
        for part in &says {
            assert!(output.stderr.contains(part), "{part:?} is missing for {edit:?}: {}\n{text}", output.stderr);
        }
        assert_eq!((output.stdout.as_str(), setup.simulator.request_count()), ("", 0));
    }
}

#[tokio::test]
async fn a_command_line_that_cannot_be_used_is_no_run_either() {
    let setup = three_broken().await;
    for arguments in [vec!["once", "--summary", "xml"], vec!["twice"], vec!["explain"], vec![]] {
        let output = setup.run(&arguments).await.expect(2);
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

async fn nobody_is_told(setup: &Setup, code: i32) -> Output {
    let output = setup.run(&["once", "--summary", "json"]).await.expect(code);
    assert_eq!(setup.told().len(), 0);
    let log = output.log();
    let failed = events(&log, "run.failed");
    assert_eq!(failed.len(), 1, "{}", output.stderr);
    assert_eq!(failed[0]["exit_code"], code);
    let mend = failed[0]["message"].as_str().is_some_and(|words| words.contains("Replace the key"));
    assert_eq!(mend, code == 3, "what to do fits the error: {}", failed[0]);
    let line = output.summary();
    assert_eq!(line["run_id"], failed[0]["run_id"], "{line}");
    assert!(line["error"].as_str().is_some_and(|error| !error.is_empty()), "{line}");
    output
}

#[tokio::test]
async fn a_refused_key_ends_the_run_with_3_and_mails_nobody() {
    let mut setup = three_broken().await;
    setup.text("composio.api_key", "ak_revoked");
    nobody_is_told(&setup, 3).await;
    assert_eq!(setup.simulator.request_count(), 1, "a refused key is not tried again");

    let setup = three_broken().await;
    setup.simulator.change(|settings| settings.scope = KeyScope::Nothing);
    nobody_is_told(&setup, 3).await;

    // Half-way, after broken users were recorded.
    let mut setup = three_broken().await;
    setup.set("directory.page_size", "1");
    setup.simulator.fail_user(&UserId::new("u3"), Fault::Status(401));
    nobody_is_told(&setup, 3).await;
    setup.simulator.heal_user(&UserId::new("u3"));
    setup.once(0).await;
    assert_eq!(setup.told(), ["u1", "u2", "u3"], "a key that works again tells everybody once");
}

#[tokio::test]
async fn an_api_that_is_gone_ends_the_run_and_mails_nobody() {
    let setup = three_broken().await;
    setup.simulator.change(|settings| settings.retired = true);
    let output = nobody_is_told(&setup, 1).await;
    assert!(output.stderr.contains("no longer serves"), "{}", output.stderr);
}

#[tokio::test]
async fn an_answer_about_somebody_else_ends_the_run_and_mails_nobody() {
    let setup = three_broken().await;
    let foreign = setup.works("somebody-else", "gmail");
    setup.simulator.change(|settings| settings.ignore_user_filter = true);
    let output = nobody_is_told(&setup, 1).await;
    for id in [foreign.as_str(), "somebody-else"] {
        assert!(output.stderr.contains(id), "{id} is not named: {}", output.stderr);
    }
}

#[tokio::test]
async fn a_channel_that_refuses_us_is_a_failure_and_keeps_its_deliveries() {
    let setup = three_broken().await;
    setup.sink.reply_with(vec![301_u16; 8]);
    let output = setup.run(&["once", "--summary", "json"]).await.expect(1);
    let summary = output.summary();
    assert_eq!(summary["channels_stopped"][0], "webhook:product", "{summary}");
    assert_eq!((&summary["deliveries_sent"], &summary["deliveries_pending"]), (&0.into(), &3.into()), "{summary}");
    let log = output.log();
    for line in events(&log, "delivery.retry") {
        let times =
            ["timestamp", "next_attempt_at"].map(|key| line[key].as_str().map(|at| (at.len(), at.ends_with('Z'))));
        assert_eq!(times, [Some((24, true)); 2], "both instants have one form: {line}");
    }
    let finished = events(&log, "run.finished")[0];
    assert_eq!((&finished["level"], &finished["channels_stopped"]), (&"warn".into(), &"webhook:product".into()));
    assert_eq!((&finished["deliveries_pending"], &finished["silenced"]), (&3.into(), &"{}".into()), "{finished}");
    let text = setup.run(&["once"]).await;
    assert!(
        text.stdout.contains("deliveries wait in the outbox: `reconnectd outbox list`; the last reasons are in"),
        "{}",
        text.stdout
    );
}
