//! What comes with an answer and must go no further: live credentials, ids that are addresses, the key.

use reconnectd::ports::Provider as _;
use reconnectd::simulator::{Fault, SECRET_MARKER};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{Bench, provider, settings, users};
use crate::support::log::Log;

#[tokio::test]
async fn nothing_secret_is_logged_shown_or_kept() {
    let log = Log::default();
    let guard = log.collect();
    let bench = Bench::new().await;
    bench.put(&[("ca_1", "mary@example.com"), ("ca_2", "v")]);
    let raw = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}api/v3.1/connected_accounts", bench.simulator.base_url());
    let body = raw.get(url).header("x-api-key", "ak_simulator").send().await.unwrap().text().await.unwrap();
    assert!(body.contains(SECRET_MARKER), "the answers do carry secrets");

    let mut seen = vec![format!("{:?}", bench.provider)];
    let mut ask = async |fault: Option<Fault>, ids: &[&str]| {
        if let Some(fault) = fault {
            bench.simulator.fail_next(fault, 1);
        }
        match bench.ask(ids).await {
            Ok(list) => seen.push(format!("{list:?}")),
            Err(error) => seen.push(format!("{error} {error:?}")),
        }
    };
    for fault in [Fault::RateLimited, Fault::Truncated, Fault::Status(400), Fault::HtmlWithOk, Fault::NoItems] {
        ask(Some(fault), &["mary@example.com", "v"]).await;
    }
    ask(None, &["mary@example.com"]).await;
    bench.simulator.change(|settings| settings.ignore_user_filter = true);
    ask(None, &["v"]).await;
    drop(guard);

    let (log, seen) = (log.text(), seen.join("\n"));
    assert!(log.contains(r#"event="provider.retry" attempt=1"#) && log.contains(r#"class="transport""#), "{log}");
    assert!(log.contains(r#"class="throttled" error=HTTP 429"#), "{log}");
    for secret in [SECRET_MARKER, "ak_simulator", "mary@example.com", "mary%40example.com"] {
        assert!(!log.contains(secret), "{secret} in the log:\n{log}");
        assert!(!seen.contains(secret), "{secret} in {seen}");
    }
}

#[tokio::test]
async fn the_end_of_the_endpoint_is_announced_once_and_a_pause_once() {
    let log = Log::default();
    let guard = log.collect();
    let server = MockServer::start().await;
    let list = serde_json::json!({"items": [], "next_cursor": null, "total_items": 0});
    let answer = ResponseTemplate::new(200)
        .set_body_json(list)
        .insert_header("deprecation", "true")
        .insert_header("sunset", "Sat, 31 Oct 2026 23:59:59 GMT mary@example.com")
        .insert_header("x-ratelimit", "100")
        .insert_header("x-ratelimit-remaining", "25")
        .insert_header("x-ratelimit-window-size", "0.2s");
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let provider = provider(settings(server.uri().parse().unwrap()));
    let (one, two) = (users(&["u"]), users(&["v"]));
    let (first, second) = tokio::join!(provider.accounts_of(&one), provider.accounts_of(&two));
    first.unwrap();
    second.unwrap();
    drop(guard);
    let log = log.text();
    let count = |event: &str| log.matches(&format!("event=\"{event}\"")).count();
    assert_eq!(count("provider.deprecation"), 1, "{log}");
    assert!((1..=2).contains(&count("provider.paused")), "{log}");
    assert!(log.contains(r#"reason="reserve""#) && log.contains("Sat, 31 Oct 2026"), "{log}");
    assert!(!log.contains("mary@example.com"), "{log}");
}
