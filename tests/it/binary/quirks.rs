//! The provider's bad days and the product's odd ids, over HTTP: a run is complete or says that it is not, and
//! in the end exactly those are told who would have been in a perfect world.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::sync::Arc;
use std::time::Duration;

use reconnectd::adapters::clock::SystemClock;
use reconnectd::ports::Clock as _;
use reconnectd::simulator::{Fault, Faults, Population, SimulatorOptions};
use serde_json::Value;

use super::setup::Setup;
use crate::directory::product::Dialect;

/// Sixty made-up users, a third of whose accounts are broken.
async fn sixty_users(faults: Faults, seed: u64) -> Setup {
    let mut options = SimulatorOptions::new(Arc::new(SystemClock));
    options.seed = seed;
    let population = Population { broken_share: 0.33, quiet_share: 0.33, ..Population::new(60, 7, SystemClock.now()) };
    options.population = Some(population.clone());
    options.settings.faults = faults;
    let mut setup = Setup::over(Dialect::Sqlite, Dialect::Sqlite, options).await;
    setup.set("directory.page_size", "20");
    let values: Vec<String> =
        (0..60).map(|n| population.user_id(n)).map(|id| format!("('{id}', NULL, NULL)")).collect();
    setup.product.run(&format!("INSERT INTO users VALUES {}", values.join(","))).await;
    setup
}

/// What a run concluded, whatever it cost.
fn conclusions(summary: &Value) -> Vec<Value> {
    let keys = ["users_scanned", "users_unknown", "accounts_seen", "conditions", "incidents_opened", "notices_planned"];
    let more = ["deliveries_sent", "silenced"];
    keys.iter().chain(&more).map(|key| summary[key].clone()).collect()
}

/// A tenth of the answers is bad, those asked for just before sending too.
async fn on_a_bad_day() -> Vec<String> {
    let faults = Faults {
        rate_429_with_headers: 0.01,
        rate_5xx: 0.02,
        rate_reset: 0.03,
        rate_truncated: 0.02,
        rate_html: 0.02,
        retry_after: Duration::ZERO,
        ..Faults::default()
    };
    let mut setup = sixty_users(faults, 5).await;
    setup.set("composio.users_per_request", "5");
    setup.simulator.fail_next(Fault::EdgeRateLimited, 1);
    setup.simulator.fail_next(Fault::RateLimited, 1);
    finds_everybody(setup).await
}

/// Half of all answers is bad while the users are scanned.
async fn on_a_terrible_day(seed: u64) -> Vec<String> {
    let faults =
        Faults { rate_5xx: 0.13, rate_reset: 0.13, rate_truncated: 0.13, rate_html: 0.13, ..Faults::default() };
    let mut setup = sixty_users(faults, seed).await;
    setup.set("composio.users_per_request", "5");
    setup.set("composio.max_attempts", "2");
    setup.remove("webhook");
    finds_everybody(setup).await
}

/// A run under faults and one without; whom they told together.
async fn finds_everybody(mut setup: Setup) -> Vec<String> {
    let output = setup.run(&["once", "--summary", "json"]).await;
    let summary = output.summary();
    assert_eq!(summary["users_scanned"], 60);
    assert!(summary["retries"].as_u64().unwrap() > 0, "no fault struck: {summary}");
    let complete = summary["users_unknown"] == 0;
    assert_eq!((&summary["complete"], output.code), (&complete.into(), Some(i32::from(!complete))), "{summary}");
    setup.simulator.change(|settings| settings.faults = Faults::default());
    setup.add_webhook();
    assert_eq!(setup.once(0).await["complete"], true);
    setup.told()
}

#[tokio::test]
async fn faults_change_what_a_run_costs_and_not_who_is_told() {
    let calm = async {
        let setup = sixty_users(Faults::default(), 1).await;
        setup.once(0).await;
        setup.told()
    };
    let (expected, bad, terrible, another) =
        tokio::join!(calm, on_a_bad_day(), on_a_terrible_day(1), on_a_terrible_day(2));
    assert!(expected.len() > 10, "{expected:?}");
    assert_eq!(bad, expected);
    assert_eq!(terrible, expected);
    assert_eq!(another, expected);
}

#[tokio::test]
async fn how_many_users_are_asked_about_at_once_changes_nothing_but_the_cost() {
    let mut expected: Option<(Vec<Value>, Vec<String>)> = None;
    let mut costs = Vec::new();
    for (users_per_request, omit_user_id) in [("1", false), ("\"auto\"", false), ("7", false), ("\"auto\"", true)] {
        let mut setup = sixty_users(Faults::default(), 1).await;
        setup.set("composio.users_per_request", users_per_request);
        setup.simulator.change(|settings| settings.omit_user_id = omit_user_id);
        let summary = setup.once(0).await;
        costs.push(summary["requests_sent"].as_u64().unwrap());
        let found = (conclusions(&summary), setup.told());
        assert!(!found.1.is_empty());
        assert_eq!(*expected.get_or_insert_with(|| found.clone()), found, "{users_per_request} {omit_user_id}");
    }
    assert!(costs[1] < costs[0] && costs[2] < costs[0], "several at once cost less: {costs:?}");
}

#[tokio::test]
async fn odd_ids_are_asked_about_byte_for_byte_or_counted() {
    let setup = Setup::new().await;
    let odd = ["wöi & /#%+1", " blank ", "a+b@example.org", "x=1&user_ids=u9"];
    for id in odd {
        setup.broken_user_at(id, "odd@example.com").await;
    }
    setup.user("vic,west").await;
    setup.breaks(&setup.works("vic,west", "slack"));
    setup.works("vic", "slack");
    setup.product.run("INSERT INTO users VALUES (NULL, 'a@example.com', 'a'), (NULL, 'b@example.com', 'b')").await;
    setup.product.run("INSERT INTO users VALUES ('', 'c@example.com', 'c')").await;
    let summary = setup.once(0).await;
    assert_eq!(
        ["complete", "users_unqueryable", "users_blank", "users_unknown"].map(|key| summary[key].clone()),
        [Value::from(true), 1.into(), 3.into(), 0.into()],
        "{summary}"
    );
    let mut expected = odd.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(setup.told(), expected);
    assert!(setup.asked().iter().all(|users| !users.contains("west")), "{:?}", setup.asked());
}
