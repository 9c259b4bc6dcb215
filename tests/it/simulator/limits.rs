//! Keys, retired versions and the organisation's budget: sections 1.1, 3 and 4 of the contract.

use std::time::Duration;

use reconnectd::simulator::KeyScope;
use serde_json::{Value, json};

use super::{Bench, header};

const LIST: &str = "/api/v3.1/connected_accounts";

#[tokio::test]
async fn a_wrong_key_is_401_and_a_narrow_one_403() {
    let bench = Bench::new().await;
    for key in [None, Some("ak_wrong"), Some("uak_mine"), Some("")] {
        let request = bench.client.get(bench.url(LIST));
        let request = key.map_or(bench.client.get(bench.url(LIST)), |key| request.header("x-api-key", key));
        let response = request.header("x-org-api-key", "ak_simulator").send().await.unwrap();
        assert_eq!((response.status().as_u16(), header(&response, "x-ratelimit")), (401, ""), "{key:?}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"]["status"], 401);
    }
    let write = json!({"auth_config_id": "ac_gmail", "user_id": "u"});
    bench.put(&[("ca_1", "u", "gmail")]);
    for (scope, read, written) in
        [(KeyScope::Full, 200, 201), (KeyScope::ReadOnly, 200, 403), (KeyScope::Nothing, 403, 403)]
    {
        bench.simulator.change(|settings| settings.scope = scope);
        assert_eq!(bench.get(LIST).send().await.unwrap().status(), read, "{scope:?}");
        let response = bench.post(&format!("{LIST}/link"), &write).send().await.unwrap();
        assert_eq!(response.status(), written, "{scope:?}");
    }
    bench.simulator.change(|settings| (settings.api_key, settings.scope) = (None, KeyScope::Full));
    assert_eq!(bench.client.get(bench.url(LIST)).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn retired_versions_answer_410_with_a_bare_text() {
    let bench = Bench::new().await;
    let gone = json!({"error": "This endpoint is no longer available. Please upgrade to v3 APIs."});
    for path in ["/api/v1/connectedAccounts?showActiveOnly=true", "/api/v2/anything", "/api/v1/client/auth/client_info"]
    {
        // Nobody asks for a key there.
        let response = bench.client.get(bench.url(path)).send().await.unwrap();
        assert_eq!(response.status(), 410, "{path}");
        assert_eq!(response.json::<Value>().await.unwrap(), gone);
    }
    assert_eq!(bench.get("/api/v3.1/nothing").send().await.unwrap().status(), 404);
    bench.simulator.change(|settings| settings.retired = true);
    let response = bench.get(LIST).send().await.unwrap();
    assert_eq!(response.status(), 410);
    assert_eq!(response.json::<Value>().await.unwrap(), gone);
}

#[tokio::test]
async fn the_budget_is_a_fixed_minute_shared_with_the_products_own_calls() {
    let bench = Bench::with(|options| options.settings.org_limit_per_minute = Some(5)).await;
    bench.clock.advance(Duration::from_millis(20_500));
    for remaining in ["4", "3"] {
        let response = bench.ask("").await;
        let headers = ["x-ratelimit", "x-ratelimit-remaining", "x-ratelimit-window-size", "retry-after"];
        assert_eq!(headers.map(|name| header(&response, name)), ["5", remaining, "60s", ""]);
    }
    bench.simulator.spend_budget(2);
    assert_eq!(header(&bench.ask("").await, "x-ratelimit-remaining"), "0");
    for _ in 0..2 {
        let response = bench.ask("").await;
        assert_eq!(response.status(), 429);
        assert_eq!(header(&response, "retry-after"), "40", "39.5 seconds are left of the minute");
        assert_eq!(header(&response, "x-ratelimit-remaining"), "0");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body, json!({"message": "Rate limit exceeded. Limit: 5 requests per 1 minutes"}));
    }
    bench.clock.advance(Duration::from_millis(39_499));
    assert_eq!(bench.ask("").await.status(), 429);
    bench.clock.advance(Duration::from_millis(1));
    assert_eq!(header(&bench.ask("").await, "x-ratelimit-remaining"), "4");

    bench.simulator.change(|settings| settings.org_limit_per_minute = None);
    assert_eq!(header(&bench.ask("").await, "x-ratelimit-remaining"), "");
}
