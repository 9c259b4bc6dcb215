//! Links, the hosted page and everything that changes an account: sections 0 and 2 of the contract.

use chrono::DateTime;
use reconnectd::domain::{AccountId, UserId};
use reconnectd::simulator::{NEVER_COMPLETED, SimAccount};
use serde_json::{Value, json};

use super::{Bench, header, minutes, start_time};

const BASE: &str = "/api/v3.1/connected_accounts";

/// Makes a link for ann's gmail and returns the answer.
async fn link(bench: &Bench, more: &Value) -> Value {
    let mut body = json!({"auth_config_id": "ac_gmail", "user_id": "ann"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let response = bench.post(&format!("{BASE}/link"), &body).send().await.unwrap();
    assert_eq!(response.status(), 201);
    response.json().await.unwrap()
}

async fn decide(bench: &Bench, link: &Value, decision: &str) -> reqwest::Response {
    let url = link["redirect_url"].as_str().unwrap();
    assert!(url.starts_with(bench.simulator.base_url().as_str()));
    bench.client.post(url).body(format!("decision={decision}")).send().await.unwrap()
}

#[tokio::test]
async fn a_link_leaves_a_row_behind_that_expires_after_ten_minutes() {
    let bench = Bench::new().await;
    bench.put(&[("ca_old", "ann", "gmail")]);
    let made = link(&bench, &json!({})).await;
    let id = made["connected_account_id"].as_str().unwrap();
    assert!(id.starts_with("ca_") && made["link_token"].as_str().unwrap().starts_with("ln_"));
    let expires_at: DateTime<chrono::Utc> = made["expires_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(expires_at - start_time(), chrono::TimeDelta::minutes(10));

    let at_once = bench.list("user_ids=ann&statuses=INITIATED").await;
    assert_eq!((at_once["items"][0]["id"].as_str(), &at_once["total_items"]), (Some(id), &json!(1)));
    bench.clock.advance(std::time::Duration::from_millis(10 * 60_000 - 1));
    assert_eq!(bench.account(id).await.1["status"], "INITIATED");
    bench.clock.advance(std::time::Duration::from_millis(1));
    bench.clock.advance(minutes(60));
    assert_eq!(bench.ids("user_ids=ann&statuses=INITIATED").await, [""; 0]);
    let (_, row) = bench.account(id).await;
    assert_eq!((&row["status"], &row["status_reason"]), (&json!("EXPIRED"), &json!(NEVER_COMPLETED)));
    assert_eq!(row["updated_at"], "2026-01-10T00:10:00.000Z", "when it should have happened, not when it was noticed");
    assert_eq!(bench.ids("user_ids=ann&statuses=EXPIRED").await, [id]);
    assert_eq!(decide(&bench, &made, "approve").await.status(), 410);

    // Each link makes another row.
    let second = link(&bench, &json!({})).await;
    assert_ne!(second["connected_account_id"], made["connected_account_id"]);
    assert_eq!(bench.list("user_ids=ann").await["total_items"], 3);
}

#[tokio::test]
async fn the_hosted_page_approves_or_denies_once() {
    let bench = Bench::new().await;
    bench.put(&[("ca_old", "ann", "gmail")]);
    for (decision, status, word) in [("approve", "ACTIVE", "success"), ("deny", "FAILED", "failed")] {
        let made = link(&bench, &json!({"callback_url": "https://app.example.com/done?x=1"})).await;
        let id = made["connected_account_id"].as_str().unwrap();
        let page = bench.client.get(made["redirect_url"].as_str().unwrap()).send().await.unwrap();
        assert_eq!(page.status(), 200);
        assert!(page.text().await.unwrap().contains("Connect gmail"));
        assert_eq!(bench.account(id).await.1["status"], "INITIATED", "looking changes nothing");
        assert_eq!(decide(&bench, &made, "maybe").await.status(), 400);

        let answer = decide(&bench, &made, decision).await;
        let back = format!("https://app.example.com/done?x=1&status={word}&connected_account_id={id}");
        assert_eq!((answer.status().as_u16(), header(&answer, "location")), (303, back.as_str()));
        assert_eq!(bench.account(id).await.1["status"], status);
        assert_eq!(decide(&bench, &made, "approve").await.status(), 410, "a link works once");
        assert_eq!(bench.account(id).await.1["status"], status);
    }
    // The old account stays as it was, and without a callback the person stays on the page.
    let made = link(&bench, &json!({"alias": "work"})).await;
    assert_eq!(decide(&bench, &made, "approve").await.status(), 200);
    assert_eq!(bench.account("ca_old").await.1["updated_at"], bench.account("ca_old").await.1["created_at"]);
}

#[tokio::test]
async fn links_that_cannot_be_made() {
    let bench = Bench::new().await;
    let world = bench.simulator.world();
    world.put(SimAccount::new("ca_1", "ann", "gmail", start_time()).alias("work"));
    world.put(SimAccount::new("ca_2", "ann", "slack", start_time()).auth_config_disabled());
    for (body, status) in [
        (json!({"user_id": "ann"}), 400),
        (json!({"auth_config_id": "ac_gmail", "user_id": ""}), 400),
        (json!({"auth_config_id": "ac_none", "user_id": "ann"}), 404),
        (json!({"auth_config_id": "ac_slack", "user_id": "ann"}), 400),
        (json!({"auth_config_id": "ac_gmail", "user_id": "ann", "alias": "work"}), 400),
        (json!({"auth_config_id": "ac_gmail", "user_id": "bob", "alias": "work"}), 201),
    ] {
        let response = bench.post(&format!("{BASE}/link"), &body).send().await.unwrap();
        assert_eq!(response.status(), status, "{body}");
    }
    assert_eq!(world.accounts_of(&UserId::new("ann")).len(), 2);
    let response = bench.post(BASE, &json!({})).send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert_eq!(response.json::<Value>().await.unwrap()["error"]["code"], 600);
}

#[tokio::test]
async fn refresh_breaks_a_healthy_account_and_mends_a_broken_one() {
    let bench = Bench::new().await;
    bench.put(&[("ca_1", "ann", "gmail"), ("ca_2", "ann", "slack"), ("ca_3", "ann", "github")]);
    let world = bench.simulator.world();
    world.set_status(&AccountId::new("ca_2"), "EXPIRED", None);
    world.set_status(&AccountId::new("ca_3"), "REVOKED", None);
    for (id, status) in [("ca_1", 200), ("ca_2", 200), ("ca_3", 400), ("ca_none", 404)] {
        let response = bench.post(&format!("{BASE}/{id}/refresh"), &json!({})).send().await.unwrap();
        assert_eq!(response.status(), status, "{id}");
        if status == 200 {
            let made: Value = response.json().await.unwrap();
            assert_eq!((&made["id"], &made["status"]), (&json!(id), &json!("INITIATED")));
            if id == "ca_2" {
                assert_eq!(decide(&bench, &made, "approve").await.status(), 200);
            }
        }
    }
    assert_eq!(bench.account("ca_1").await.1["status"], "INITIATED");
    assert_eq!(bench.account("ca_2").await.1["status"], "ACTIVE");
    bench.clock.advance(minutes(10));
    assert_eq!(bench.account("ca_1").await.1["status"], "EXPIRED", "nobody finished it");
    assert_eq!(bench.list("user_ids=ann").await["total_items"], 3, "in place: no new rows");

    // The link of the first attempt dies at its own time, though the account is an attempt again.
    let first = link(&bench, &json!({})).await;
    let id = first["connected_account_id"].as_str().unwrap();
    bench.clock.advance(minutes(8));
    let again = bench.post(&format!("{BASE}/{id}/refresh"), &json!({})).send().await.unwrap();
    let second: Value = again.json().await.unwrap();
    bench.clock.advance(minutes(4));
    assert_eq!(decide(&bench, &first, "approve").await.status(), 410);
    assert_eq!(decide(&bench, &second, "approve").await.status(), 200);
}

#[tokio::test]
async fn status_revoke_and_delete() {
    let bench = Bench::new().await;
    bench.put(&[("ca_1", "ann", "gmail"), ("ca_2", "ann", "slack")]);
    bench.simulator.world().put(SimAccount::new("ca_3", "ann", "stripe", start_time()).scheme("API_KEY"));
    let patch = |id: &str, enabled: bool| {
        let url = bench.url(&format!("{BASE}/{id}/status"));
        let request = bench.client.patch(url).header("x-api-key", "ak_simulator").json(&json!({"enabled": enabled}));
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(patch("ca_1", false).await, 200);
    let (_, row) = bench.account("ca_1").await;
    assert_eq!(
        (&row["status"], &row["status_reason"]),
        (&json!("INACTIVE"), &json!("Connection status updated by user"))
    );

    let revoke = |id: &'static str| {
        let request = bench.post(&format!("{BASE}/{id}/revoke"), &json!({}));
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!((revoke("ca_1").await, revoke("ca_3").await, revoke("ca_none").await), (409, 400, 404));
    assert_eq!(patch("ca_1", true).await, 200, "enabling sets ACTIVE, whatever it was");
    assert_eq!((revoke("ca_1").await, revoke("ca_1").await), (200, 200));
    assert_eq!(bench.account("ca_1").await.1["status"], "REVOKED");

    let delete = || {
        let request = bench.client.delete(bench.url(&format!("{BASE}/ca_2"))).header("x-api-key", "ak_simulator");
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!((delete().await, delete().await), (200, 404));
    assert_eq!(bench.account("ca_2").await.0, 404);
    assert_eq!(bench.ids("user_ids=ann&order_direction=asc").await, ["ca_1", "ca_3"]);
}
