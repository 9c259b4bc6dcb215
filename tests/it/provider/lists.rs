//! Whole lists: every page, every user, nobody else's accounts.

use reconnectd::adapters::composio::MAX_PAGES;
use reconnectd::domain::{AccountId, ReasonHint, Status, UserId};
use reconnectd::ports::{Provider as _, ProviderError, ProviderUsage};
use reconnectd::simulator::{Fault, SimAccount};

use super::{Bench, pairs, start_time};

#[tokio::test]
async fn an_account_is_read_with_all_that_a_decision_needs() {
    let bench = Bench::new().await;
    let (made, broke) = (start_time() - chrono::TimeDelta::days(9), start_time() - chrono::TimeDelta::days(2));
    let mut account = SimAccount::new("ca_1", "u", "slack", made)
        .status("EXPIRED", Some("OAuth refresh token expired"), broke)
        .alias("Work\u{7}\n account");
    account.shared = true;
    account.word_id = Some("slack_red-castle".into());
    bench.simulator.world().put(account);
    let list = bench.ask(&["u"]).await.unwrap();
    assert_eq!((list.accounts.len(), list.pages), (1, 1));
    let read = &list.accounts[0];
    assert_eq!((read.id.as_str(), read.user.as_str(), read.toolkit.as_str()), ("ca_1", "u", "slack"));
    assert_eq!((read.auth_config.as_str(), read.auth_scheme.as_deref()), ("ac_slack", Some("OAUTH2")));
    assert_eq!((&read.status, read.reason), (&Status::Expired, ReasonHint::RefreshRefused));
    assert_eq!((read.created_at, read.updated_at), (Some(made), Some(broke)));
    assert_eq!((read.alias.as_deref(), read.word_id.as_deref()), (Some("Work account"), Some("slack_red-castle")));
    assert!(read.shared && !read.is_disabled && !read.auth_config_disabled);
}

#[tokio::test]
async fn accounts_are_read_by_their_ids_and_only_their_users() {
    let bench = Bench::new().await;
    bench.put(&[("ca_1", "u"), ("ca_2", "u"), ("ca_3", "u"), ("ca_9", "other")]);
    let ids = |ids: &[&str]| -> Vec<AccountId> { ids.iter().map(|id| AccountId::new(*id)).collect() };
    let user = UserId::new("u");
    let found = bench.provider.accounts_by_id(&user, &ids(&["ca_1", "ca_3", "ca_gone"])).await.unwrap();
    assert_eq!(found.iter().map(|account| account.id.as_str()).collect::<Vec<_>>(), ["ca_1", "ca_3"]);
    assert_eq!(bench.simulator.requests().last().unwrap().param("connected_account_ids"), Some("ca_1,ca_3,ca_gone"));
    let error = bench.provider.accounts_by_id(&user, &ids(&["ca_1", "ca_9"])).await.unwrap_err();
    assert!(matches!(error, ProviderError::ForeignAccount { .. }), "{error:?}");
    let before = bench.simulator.request_count();
    for unusable in [&[][..], &["ca_1,ca_9"][..], &[""][..]] {
        let error = bench.provider.accounts_by_id(&user, &ids(unusable)).await.unwrap_err();
        assert!(matches!(error, ProviderError::Rejected { .. }), "{error:?}");
    }
    assert_eq!(bench.simulator.request_count(), before, "nothing is sent that would ask for others' accounts");
}

#[tokio::test]
async fn ids_with_odd_characters_are_asked_for_byte_for_byte() {
    let bench = Bench::new().await;
    let odd = ["user 1", "a+b@x.com", "é/%&", "a&limit=1", "#", " lead", "trail ", "Case", "case", "%41", "?x=y", "+"];
    let accounts: Vec<(String, &str)> =
        odd.iter().enumerate().map(|(number, user)| (format!("ca_{number:02}"), *user)).collect();
    bench.put(&accounts.iter().map(|(id, user)| (id.as_str(), *user)).collect::<Vec<_>>());
    bench.simulator.world().put(SimAccount::new("ca_other", "somebody", "gmail", start_time()));
    let all: Vec<String> = accounts.iter().map(|(id, user)| format!("{id}={user}")).collect();
    for (pair, user) in all.iter().zip(odd) {
        assert_eq!(&pairs(&bench.ask(&[user]).await.unwrap()), std::slice::from_ref(pair), "{user:?}");
    }
    assert_eq!(pairs(&bench.ask(&odd).await.unwrap()), all);
    let requests = bench.simulator.requests();
    let last = requests.last().unwrap();
    assert_eq!(last.param("user_ids"), Some(odd.join(",").as_str()));
    for (name, value) in
        [("account_type", "ALL"), ("order_by", "created_at"), ("order_direction", "asc"), ("limit", "100")]
    {
        assert_eq!(last.param(name), Some(value));
    }
    assert_eq!(last.path, "/api/v3.1/connected_accounts");
    assert_eq!(last.user_agent.as_deref(), Some(concat!("reconnectd/", env!("CARGO_PKG_VERSION"))));
    let mut ids: Vec<_> = requests.iter().map(|request| request.request_id.clone().unwrap()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), requests.len(), "every request has an id of its own");
}

#[tokio::test]
async fn every_page_is_read_even_where_the_limit_is_cut_without_a_word() {
    let bench = Bench::new().await;
    let ids: Vec<String> = (0..7).map(|number| format!("ca_{number}")).collect();
    bench
        .put(&ids.iter().zip(["a", "b"].into_iter().cycle()).map(|(id, user)| (id.as_str(), user)).collect::<Vec<_>>());
    bench.simulator.change(|settings| settings.max_limit = 2);
    let list = bench.ask(&["a", "b"]).await.unwrap();
    assert_eq!(list.pages, 4);
    assert_eq!(list.accounts.iter().map(|account| account.id.as_str().to_owned()).collect::<Vec<_>>(), ids);
    assert_eq!(bench.provider.usage(), ProviderUsage { requests: 4, retries: 0, accepted: 4 });
    assert_eq!(bench.ask(&["nobody"]).await.unwrap().accounts, []);
}

#[tokio::test]
async fn pages_without_end_are_given_up() {
    let bench = Bench::new().await;
    let ids: Vec<String> = (0..=MAX_PAGES).map(|number| format!("ca_{number:03}")).collect();
    bench.put(&ids.iter().map(|id| (id.as_str(), "u")).collect::<Vec<_>>());
    bench.simulator.change(|settings| settings.max_limit = 1);
    let error = bench.ask(&["u"]).await.unwrap_err();
    assert!(matches!(error, ProviderError::TooManyPages(MAX_PAGES)), "{error}");
    assert_eq!(bench.provider.usage().requests, u64::from(MAX_PAGES));
    bench.simulator.world().remove(&reconnectd::domain::AccountId::new("ca_000"));
    assert_eq!(bench.ask(&["u"]).await.unwrap().pages, MAX_PAGES, "as many as allowed are read");
}

#[tokio::test]
async fn a_repeated_cursor_is_no_list() {
    let bench = Bench::new().await;
    bench.put(&[("ca_1", "u"), ("ca_2", "u")]);
    bench.simulator.fail_next(Fault::RepeatedCursor, 10);
    let error = bench.ask(&["u"]).await.unwrap_err();
    assert!(matches!(error, ProviderError::Malformed(_)) && error.to_string().contains("cursor"), "{error}");
    assert_eq!(bench.provider.usage().requests, 2);
}

#[tokio::test]
async fn somebody_elses_account_stops_everything() {
    let bench = Bench::new().await;
    bench.put(&[("ca_1", "u"), ("ca_2", "MARY@example.com")]);
    bench.simulator.change(|settings| settings.ignore_user_filter = true);
    for ids in [&["u"][..], &["u", "v"], &["u", "mary@example.com"]] {
        let error = bench.ask(ids).await.unwrap_err();
        assert!(error.stops_the_run(), "{ids:?}: {error}");
        let ProviderError::ForeignAccount { account, owner } = &error else { panic!("{error}") };
        assert_eq!((account.as_str(), owner.as_str()), ("ca_2", "MARY@example.com"));
        assert!(!error.to_string().contains("MARY@"), "{error}");
    }
    assert_eq!(bench.provider.usage().requests, 3, "the first page is enough to know");
    assert_eq!(bench.ask(&["u", "MARY@example.com"]).await.unwrap().accounts.len(), 2);
}

#[tokio::test]
async fn without_owners_only_one_user_can_be_asked_about() {
    let bench = Bench::new().await;
    bench.put(&[("ca_1", "u"), ("ca_2", "v")]);
    bench.simulator.change(|settings| settings.omit_user_id = true);
    let error = bench.ask(&["u", "v"]).await.unwrap_err();
    assert!(matches!(error, ProviderError::OwnerMissing), "{error}");
    assert_eq!(pairs(&bench.ask(&["v"]).await.unwrap()), ["ca_2=v"]);
    assert_eq!(bench.ask(&["x", "y"]).await.unwrap().accounts, [], "nothing to own, nothing missing");
}

#[tokio::test]
#[should_panic(expected = "other people's accounts")]
async fn nobody_is_never_asked_about() {
    // In a release build the same call is an error and sends nothing.
    Bench::new().await.ask(&[]).await.ok();
}

#[tokio::test]
async fn check_sends_one_cheap_request() {
    let bench = Bench::new().await;
    bench.put(&[("ca_1", "u"), ("ca_2", "v")]);
    bench.provider.check().await.unwrap();
    let requests = bench.simulator.requests();
    assert_eq!((requests.len(), requests[0].param("limit"), requests[0].param("user_ids")), (1, Some("1"), None));
    bench.simulator.change(|settings| settings.api_key = Some("another".into()));
    let error = bench.provider.check().await.unwrap_err();
    assert!(matches!(error, ProviderError::Unauthorized { status: 401, .. }), "{error}");
    bench.simulator.change(|settings| {
        settings.api_key = None;
        settings.retired = true;
    });
    assert!(matches!(bench.provider.check().await, Err(ProviderError::Gone)));
}
