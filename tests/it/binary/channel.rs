//! `deliver` and `channel list|enable|disable`: an endpoint that is gone is seen, switched on again, and served
//! without another audit.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::sync::Arc;

use reconnectd::adapters::clock::SystemClock;
use reconnectd::simulator::SimulatorOptions;
use serde_json::Value;

use super::setup::Setup;
use crate::directory::product::Dialect;

fn answers(setup: &Setup, status: u16) {
    setup.sink.reply_with(vec![status]);
}

async fn channels(setup: &Setup) -> Value {
    let output = setup.run(&["channel", "list", "--json"]).await.expect(0);
    serde_json::from_str::<Value>(&output.stdout).unwrap()["channels"].clone()
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_seen_enabled_and_served_without_an_audit() {
    for state in [Dialect::Sqlite, Dialect::Postgres] {
        let setup = Setup::over(state, Dialect::Sqlite, SimulatorOptions::new(Arc::new(SystemClock))).await;
        setup.broken_user("ben").await;
        answers(&setup, 410);
        let summary = setup.once(1).await;
        assert_eq!(summary["channels_disabled"], serde_json::json!(["webhook:product"]), "{summary}");
        let listed = channels(&setup).await;
        assert_eq!((&listed[0]["channel"], &listed[0]["pending"]), (&"webhook:product".into(), &1.into()), "{listed}");
        assert!(listed[0]["disabled_at"].is_string() && listed[0]["configured"] == true, "{listed}");
        let text = setup.run(&["channel", "list"]).await.expect(0).stdout;
        assert!(
            text.contains("webhook:product") && text.contains("disabled 20") && text.contains("1 pending"),
            "{text}"
        );
        let checked = setup.run(&["check"]).await.expect(0).stdout;
        let warning = "WARN   webhook:product  disabled 20";
        assert!(
            checked.contains(warning) && checked.contains("`reconnectd channel enable webhook:product`"),
            "{checked}"
        );
        let waits = setup.run(&["deliver", "--summary", "json"]).await.expect(1).summary();
        assert_eq!((&waits["deliveries_sent"], &waits["deliveries_pending"]), (&0.into(), &1.into()), "{waits}");

        let enabled = setup.run(&["channel", "enable", "webhook:product", "--by", "kim"]).await.expect(0);
        assert!(enabled.stdout.contains("in use again"), "{}", enabled.stdout);
        setup.run(&["channel", "enable", "webhook:product"]).await.expect(1);
        let output = setup.run(&["deliver", "--summary", "json"]).await.expect(0);
        let (sent, log) = (output.summary(), output.log());
        let of = |name: &str| log.iter().filter(|line| line["event"] == name).collect::<Vec<_>>();
        assert!(of("run.finished").is_empty(), "an alert on the missing audit would be blind: {log:?}");
        let [finished] = of("deliver.finished")[..] else { panic!("{log:?}") };
        assert_eq!((&finished["deliveries_sent"], finished.get("complete")), (&1.into(), None), "{finished}");
        assert_eq!((&sent["deliveries_sent"], &sent["users_scanned"]), (&1.into(), &0.into()), "{sent}");
        assert_eq!(sent["channels_disabled"], serde_json::json!([]), "{sent}");
    }
}

#[tokio::test]
async fn a_channel_is_switched_off_and_on_by_hand_and_only_one_that_exists() {
    let setup = Setup::new().await;
    setup.broken_user("ben").await;
    setup.run(&["migrate"]).await.expect(0);
    let refused = setup.run(&["channel", "disable", "webhook:other"]).await.expect(1);
    assert!(refused.stderr.contains("no such channel"), "{}", refused.stderr);
    let refused = setup.run(&["channel", "enable", "nope"]).await.expect(1);
    assert!(refused.stderr.contains("nope: no such channel"), "{}", refused.stderr);
    let off = ["channel", "disable", "webhook:product", "--reason", "moving house", "--by", "kim"];
    setup.run(&off).await.expect(0);
    setup.run(&off).await.expect(1);
    setup.once(0).await;
    assert_eq!(setup.sink.received().len(), 0);
    let text = setup.run(&["channel", "list"]).await.expect(0).stdout;
    assert!(text.contains("by kim") && text.contains("moving house"), "{text}");
    setup.run(&["channel", "enable", "webhook:product"]).await.expect(0);
    setup.run(&["deliver"]).await.expect(0);
    assert_eq!(setup.sink.received().len(), 1);
}
