//! What reaches an operator from a process that cannot do its work: the chat, the dead man's switch, and no secret.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use serde_json::Value;

use super::setup::Setup;
use crate::support::sink::Sink;

const TOKEN: &str = "planted-token-0123456789";

/// The messages in the folder that stands for the chat.
fn chat(setup: &Setup) -> Vec<String> {
    let folder = setup.folder.path().join("chat");
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    let message =
        |path: std::path::PathBuf| -> Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    files.map(|file| message(file.unwrap().path())["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_refused_key_is_told_in_the_run_that_meets_it() {
    let mut setup = Setup::new().await;
    let switch = Sink::start().await;
    setup.broken_user("u1").await;
    setup.text("operator.slack_url", &format!("file://{}/chat", setup.folder.path().display()));
    setup.text("ping.url", &format!("{}/{TOKEN}/{{job}}", switch.url()));
    setup.text("composio.api_key", "ak_revoked");
    let refused = setup.run(&["once"]).await.expect(3);
    let messages = chat(&setup);
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(messages[0].starts_with("Composio refuses the API key"), "{}", messages[0]);
    let event = setup.sink.received().remove(0).json();
    assert_eq!((&event["type"], &event["data"]["status"]), (&"key.refused".into(), &401.into()), "{event}");
    assert!(refused.log().iter().any(|line| line["event"] == "key.refused" && line["first"] == true));
    let paths: Vec<String> = switch.received().into_iter().map(|request| request.path).collect();
    assert_eq!(paths.len(), 2, "{paths:?}");
    assert!(paths[0].starts_with(&format!("/hook/{TOKEN}/audit/start?rid=")), "{paths:?}");
    assert!(paths[1].starts_with(&format!("/hook/{TOKEN}/audit/3?rid=")), "{paths:?}");

    // The next processes are refused too and say it in their logs alone.
    setup.run(&["once"]).await.expect(3);
    assert_eq!((chat(&setup).len(), setup.sink.received().len()), (1, 1));
    setup.text("composio.api_key", reconnectd::simulator::DEFAULT_API_KEY);
    let taken = setup.run(&["once"]).await.expect(0);
    assert!(taken.log().iter().any(|line| line["event"] == "key.accepted"), "{}", taken.stderr);
    assert_eq!(setup.told(), ["u1"]);
}

#[tokio::test]
async fn a_switch_that_cannot_be_reached_fails_nothing_and_its_url_is_never_shown() {
    let mut setup = Setup::new().await;
    setup.broken_user("u1").await;
    setup.text("log.level", "trace");
    setup.text("ping.url", &format!("http://127.0.0.1:1/{TOKEN}"));
    setup.text("ping.timeout", "1s");
    setup.text("operator.slack_url", &format!("http://127.0.0.1:1/services/{TOKEN}"));
    let output = setup.run(&["once", "--summary", "json"]).await.expect(0);
    assert_eq!(output.summary()["deliveries_sent"], 1);
    let failed = output.log().into_iter().filter(|line| line["event"] == "ping.failed").count();
    assert_eq!(failed, 2, "the beginning and the end: {}", output.stderr);
    assert!(!output.stderr.contains(TOKEN) && !output.stdout.contains(TOKEN), "{}", output.stderr);
    let checked = setup.run(&["check"]).await;
    assert!(checked.stdout.contains("slack"), "{}", checked.stdout);
    assert!(!checked.stderr.contains(TOKEN) && !checked.stdout.contains(TOKEN), "{checked:?}");
    let listed = setup.run(&["channel", "list"]).await.expect(0);
    assert!(listed.stdout.contains("slack "), "{}", listed.stdout);
}
