//! Lists and single accounts: the quirks of section 1 of the contract.

use chrono::TimeDelta;
use reconnectd::simulator::{SECRET_MARKER, SimAccount};
use serde_json::json;

use super::{Bench, ids_of, start_time};

#[tokio::test]
async fn filters_and_quirks_of_the_query() {
    let bench = Bench::new().await;
    bench.put(&[("ca_1", "ann", "gmail"), ("ca_2", "bob", "slack"), ("ca_3", "bob", "gmail")]);
    bench.put(&[("ca_4", "a b+c@x.com", "gmail"), ("ca_5", "Ann", "gmail"), ("ca_6", "é/%&", "gmail")]);
    let world = bench.simulator.world();
    world.set_status(&reconnectd::domain::AccountId::new("ca_2"), "EXPIRED", Some("OAuth refresh token expired"));
    let shared = SimAccount::new("ca_7", "ann", "gmail", start_time()).shared().auth_config("ac_other");
    world.put(shared);

    let all = "ca_1,ca_2,ca_3,ca_4,ca_5,ca_6";
    for (query, expected) in [
        ("", all),
        ("user_ids=ann", "ca_1"),
        ("user_ids=ann%2Cbob", "ca_1,ca_2,ca_3"),
        ("user_ids=ann,bob", "ca_1,ca_2,ca_3"),
        ("user_ids=bob,bob", "ca_2,ca_3"),
        ("user_ids=nobody", ""),
        ("user_ids=a+b%2Bc%40x.com", "ca_4"),
        ("user_ids=%C3%A9%2F%25%26", "ca_6"),
        // Names it does not know are ignored: everybody's accounts.
        ("user_id=ann", all),
        ("entityId=ann&toolkit=slack&status=EXPIRED", all),
        ("user_ids%5B%5D=ann", all),
        // An empty list is no filter; of a repeated name the first counts.
        ("user_ids=", all),
        ("user_ids=ann&user_ids=bob", "ca_1"),
        ("toolkit_slugs=slack", "ca_2"),
        ("toolkit_slugs=SLACK", ""),
        ("statuses=EXPIRED%2CFAILED", "ca_2"),
        ("statuses=ACTIVE&user_ids=bob", "ca_3"),
        ("connected_account_ids=ca_3,ca_1,ca_none", "ca_1,ca_3"),
        ("connected_account_ids=ca_3,ca_1&user_ids=bob", "ca_3"),
        ("auth_config_ids=ac_slack", "ca_2"),
        // PRIVATE unless asked otherwise.
        ("user_ids=ann&account_type=PRIVATE", "ca_1"),
        ("user_ids=ann&account_type=SHARED", "ca_7"),
        ("user_ids=ann&account_type=ALL", "ca_1,ca_7"),
        ("auth_config_ids=ac_other&account_type=ALL", "ca_7"),
    ] {
        let mut ids = bench.ids(query).await;
        ids.sort();
        assert_eq!(ids.join(","), expected, "{query}");
    }
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused_in_the_envelope() {
    let bench = Bench::with(|options| options.settings.max_user_ids = Some(2)).await;
    for query in [
        "statuses=BROKEN",
        "statuses=expired",
        "account_type=all",
        "order_by=id",
        "order_direction=up",
        "limit=many",
        "limit=0",
        "cursor=nonsense",
        "user_ids=a,b,c",
    ] {
        let response = bench.ask(query).await;
        assert_eq!(response.status(), 400, "{query}");
        let body: serde_json::Value = response.json().await.unwrap();
        assert_eq!(body["error"]["status"], 400, "{query}");
        assert!(body["error"]["message"].is_string() && body["error"]["slug"].is_string(), "{query}");
    }
    let (status, _) = bench.account("not-an-id").await;
    assert_eq!(status, 400);
    let (status, body) = bench.account("ca_none").await;
    assert_eq!((status, &body["error"]["status"]), (404, &json!(404)));
    let long = format!("user_ids={}", "x".repeat(17 * 1024));
    assert_eq!(bench.ask(&long).await.status(), 414);
}

#[tokio::test]
async fn order_is_newest_first_unless_asked_otherwise() {
    let bench = Bench::new().await;
    bench.put(&[("ca_1", "u", "gmail"), ("ca_2", "u", "slack"), ("ca_3", "u", "github")]);
    bench.simulator.world().set_status(&reconnectd::domain::AccountId::new("ca_1"), "EXPIRED", None);
    for (query, expected) in [
        ("", ["ca_3", "ca_2", "ca_1"]),
        ("order_direction=asc", ["ca_1", "ca_2", "ca_3"]),
        ("order_by=updated_at", ["ca_1", "ca_3", "ca_2"]),
        ("order_by=updated_at&order_direction=asc", ["ca_2", "ca_3", "ca_1"]),
    ] {
        assert_eq!(bench.ids(query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn pages_of_twenty_with_page_numbers_that_drift() {
    let bench = Bench::with(|options| options.settings.max_limit = 30).await;
    let names: Vec<String> = (0..45).map(|n| format!("ca_{n:02}")).collect();
    let accounts: Vec<(&str, &str, &str)> = names.iter().map(|id| (id.as_str(), "u", "gmail")).collect();
    bench.put(&accounts);

    let first = bench.list("order_direction=asc").await;
    assert_eq!(ids_of(&first), names[..20]);
    assert_eq!(
        (&first["total_items"], &first["total_pages"], &first["current_page"]),
        (&json!(45), &json!(3), &json!(1))
    );
    let cursor = first["next_cursor"].as_str().unwrap().to_owned();
    let last = bench.list("order_direction=asc&limit=100&account_type=ALL").await;
    assert_eq!(ids_of(&last).len(), 30, "a limit above the maximum is cut silently");

    // An account of the first page goes away: page 2 starts one later, and ca_20 is on neither page.
    assert!(bench.simulator.world().remove(&reconnectd::domain::AccountId::new("ca_05")));
    let query = format!("order_direction=asc&cursor={}", cursor.replace('=', "%3D"));
    let second = bench.list(&query).await;
    assert_eq!(ids_of(&second), names[21..41]);
    let cursor = second["next_cursor"].as_str().unwrap().replace('=', "%3D");
    let third = bench.list(&format!("order_direction=asc&cursor={cursor}")).await;
    assert_eq!(ids_of(&third), names[41..]);
    assert_eq!((third["next_cursor"].is_null(), &third["current_page"]), (true, &json!(3)));

    let nothing = bench.list("user_ids=nobody").await;
    assert_eq!(
        nothing,
        json!({"items": [], "next_cursor": null, "total_pages": 1, "current_page": 1, "total_items": 0})
    );
}

#[tokio::test]
async fn an_item_has_the_shape_of_the_contract() {
    let bench = Bench::new().await;
    let account = SimAccount::new("ca_1", "ann", "gmail", start_time())
        .status("EXPIRED", Some("OAuth refresh token expired"), start_time() + TimeDelta::milliseconds(90_500))
        .alias("work")
        .scheme("OAUTH2")
        .auth_config_disabled();
    bench.simulator.world().put(account);
    let item = bench.list("").await["items"][0].clone();
    for (pointer, value) in [
        ("/id", json!("ca_1")),
        ("/user_id", json!("ann")),
        ("/status", json!("EXPIRED")),
        ("/status_reason", json!("OAuth refresh token expired")),
        ("/toolkit/slug", json!("gmail")),
        ("/auth_config/id", json!("ac_gmail")),
        ("/auth_config/auth_scheme", json!("OAUTH2")),
        ("/auth_config/is_disabled", json!(true)),
        ("/auth_config/is_composio_managed", json!(false)),
        ("/is_disabled", json!(false)),
        ("/state/authScheme", json!("OAUTH2")),
        ("/state/val/access_token", json!("SECRET-access-ca_1")),
        ("/data/refresh_token", json!("SECRET-refresh-ca_1")),
        ("/created_at", json!("2026-01-10T00:00:00.000Z")),
        ("/updated_at", json!("2026-01-10T00:01:30.500Z")),
        ("/alias", json!("work")),
        ("/word_id", json!(null)),
        ("/authScheme", json!("OAUTH2")),
        ("/experimental/account_type", json!("PRIVATE")),
    ] {
        assert_eq!(item.pointer(pointer), Some(&value), "{pointer}");
    }
    let (_, one) = bench.account("ca_1").await;
    assert_eq!(one["params"]["access_token"], "SECRET-access-ca_1");

    bench.simulator.change(|settings| {
        settings.omit_user_id = true;
        settings.mask_secrets = true;
    });
    let (_, one) = bench.account("ca_1").await;
    assert!(one.get("user_id").is_none() && !one.to_string().contains(SECRET_MARKER));
}

#[tokio::test]
async fn a_filter_that_is_not_honoured_returns_other_peoples_accounts() {
    let bench = Bench::with(|options| options.settings.ignore_user_filter = true).await;
    bench.put(&[("ca_1", "ann", "gmail"), ("ca_2", "bob", "slack")]);
    assert_eq!(bench.ids("user_ids=ann").await, ["ca_2", "ca_1"]);
}

#[tokio::test]
async fn requests_are_logged_decoded_and_without_the_key() {
    let bench = Bench::new().await;
    let request = bench.get("/api/v3/connected_accounts?user_ids=a%2Cb&limit=5").header("x-request-id", "r-1");
    let response = request.send().await.unwrap();
    assert_eq!((response.status().as_u16(), super::header(&response, "x-request-id")), (200, "r-1"));
    let log = bench.simulator.requests();
    assert_eq!((log.len(), bench.simulator.request_count(), bench.simulator.most_in_flight()), (1, 1, 1));
    assert_eq!((log[0].method.as_str(), log[0].path.as_str()), ("GET", "/api/v3/connected_accounts"));
    assert_eq!((log[0].param("user_ids"), log[0].param("limit")), (Some("a,b"), Some("5")));
    assert_eq!((log[0].request_id.as_deref(), log[0].at), (Some("r-1"), start_time()));
    assert!(!format!("{log:?}").contains(reconnectd::simulator::DEFAULT_API_KEY));
}
