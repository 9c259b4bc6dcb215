//! What an answer's headers and totals change, with scripted answers.

use std::time::Duration;

use reconnectd::adapters::composio::{ComposioProvider, MAX_BODY_BYTES};
use reconnectd::ports::{Provider as _, ProviderError};
use serde_json::{Value, json};
use tokio::time::Instant;
use wiremock::matchers::{any, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{pairs, provider, settings, users};

fn client(server: &MockServer) -> ComposioProvider {
    provider(settings(server.uri().parse().unwrap()))
}

fn item(id: &str) -> Value {
    json!({"id": id, "user_id": "u", "status": "ACTIVE", "toolkit": {"slug": "gmail"}})
}

fn list(items: &[Value], next: Option<&str>, total: u32) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"items": items, "next_cursor": next, "total_items": total}))
}

/// Answers once with `first`, then with an empty list.
async fn first_then_empty(first: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(first).up_to_n_times(1).mount(&server).await;
    Mock::given(any()).respond_with(list(&[], None, 0)).mount(&server).await;
    server
}

#[tokio::test]
async fn the_wait_is_the_one_asked_for() {
    for (status, name, value, at_most_ms) in
        [(503, "retry-after-ms", "30", 700), (429, "retry-after-ms", "30", 700), (429, "retry-after", "0", 700)]
    {
        let server = first_then_empty(ResponseTemplate::new(status).insert_header(name, value)).await;
        let provider = client(&server);
        let begun = Instant::now();
        provider.accounts_of(&users(&["u"])).await.unwrap();
        // Waits of our own making begin at 750 ms.
        assert!(begun.elapsed() < Duration::from_millis(at_most_ms), "{status} {name}: {:?}", begun.elapsed());
        assert_eq!(provider.usage().retries, 1);
    }
}

#[tokio::test]
async fn a_server_that_forbids_repeating_is_obeyed() {
    let answer = ResponseTemplate::new(503).insert_header("x-should-retry", "false").insert_header("retry-after", "0");
    let server = first_then_empty(answer).await;
    let error = client(&server).accounts_of(&users(&["u"])).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unavailable { attempts: 1, .. }), "{error}");
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_key_never_follows_a_redirect() {
    let elsewhere = MockServer::start().await;
    for status in [301, 302, 307, 308] {
        let answer = ResponseTemplate::new(status).insert_header("location", elsewhere.uri());
        let server = first_then_empty(answer).await;
        let error = client(&server).accounts_of(&users(&["u"])).await.unwrap_err();
        assert!(matches!(error, ProviderError::Malformed(_)), "{status}: {error}");
        let sent = &server.received_requests().await.unwrap()[0];
        assert_eq!(sent.headers.get("x-api-key").unwrap(), "ak_simulator");
        assert_eq!(sent.headers.get("accept").unwrap(), "application/json");
    }
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_list_that_does_not_add_up_is_read_once_more() {
    // Two pages; the second reading finds what the first one missed.
    let server = MockServer::start().await;
    let page_two = || Mock::given(query_param("cursor", "two"));
    page_two().respond_with(list(&[item("ca_2")], None, 3)).up_to_n_times(1).mount(&server).await;
    page_two().respond_with(list(&[item("ca_2"), item("ca_3")], Some(""), 3)).mount(&server).await;
    Mock::given(any()).respond_with(list(&[item("ca_1"), item("ca_2")], Some("two"), 3)).mount(&server).await;
    let read = client(&server).accounts_of(&users(&["u"])).await.unwrap();
    assert_eq!((pairs(&read), read.pages), (vec!["ca_1=u".into(), "ca_2=u".into(), "ca_3=u".into()], 2));
    assert_eq!(server.received_requests().await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_list_that_never_adds_up_is_no_list() {
    for (first, last) in [(3, 3), (1, 2), (2, 1)] {
        let server = MockServer::start().await;
        let two = list(&[item("ca_2")], None, last);
        Mock::given(query_param("cursor", "two")).respond_with(two).mount(&server).await;
        Mock::given(any()).respond_with(list(&[item("ca_1")], Some("two"), first)).mount(&server).await;
        let error = client(&server).accounts_of(&users(&["u"])).await.unwrap_err();
        assert!(matches!(error, ProviderError::Malformed(_)), "{first} {last}: {error}");
        assert_eq!(server.received_requests().await.unwrap().len(), 4, "read twice, not for ever");
    }
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    let answer = ResponseTemplate::new(200).set_body_bytes(vec![b' '; MAX_BODY_BYTES + 1]);
    let server = first_then_empty(answer).await;
    let error = client(&server).accounts_of(&users(&["u"])).await.unwrap_err();
    assert!(error.to_string().contains("larger than 16 MiB"), "{error}");
}
