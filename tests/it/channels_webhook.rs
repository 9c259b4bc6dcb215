//! Webhooks as they leave: signed, stable, bounded, and never to a place they may not reach.

#![expect(clippy::unwrap_used, reason = "a fixture that fails ends its test")]

mod payloads;
mod signatures;

use std::time::Duration;

use axum::http::header::{LOCATION, RETRY_AFTER};
use reconnectd::adapters::clock::SystemClock;
use reconnectd::adapters::webhook::{WebhookChannel, WebhookLimits, WebhookSettings, WebhookSettingsError};
use reconnectd::domain::{
    AccountId, Contact, DeliveryId, EmailAddress, EventKind, FailureClass, IncidentId, Notice, NoticeItem, NoticeKind,
    NotificationId, ToolkitSlug, UserId, from_millis,
};
use reconnectd::ports::{Channel as _, Clock as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::sink::{Reply, Sink};

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// Long enough for two loaded cores, for tests in which no limit should matter.
const PATIENT: WebhookLimits = WebhookLimits { connect: Duration::from_secs(20), total: Duration::from_mins(1) };

fn settings(url: &str, allow_private: bool) -> WebhookSettings {
    // Another test may have installed it first; either way it is there.
    drop(rustls::crypto::ring::default_provider().install_default());
    WebhookSettings {
        name: "product".to_owned(),
        url: url.to_owned(),
        secret: SECRET.into(),
        secret_previous: None,
        signing_key: None,
        events: EventKind::CODES.map(|(kind, ..)| kind).to_vec(),
        allow_private,
        limits: PATIENT,
    }
}

fn channel(url: &str, allow_private: bool) -> WebhookChannel {
    WebhookChannel::new(settings(url, allow_private)).unwrap()
}

/// A notice whose attempt is made at the present, because the public verifier refuses old timestamps.
fn notice() -> Notice {
    Notice {
        delivery: DeliveryId::new("del-1"),
        notification: NotificationId::new("not-1"),
        outside_id: "msg_01995f3e-1111-7222-8333-444455556666".to_owned(),
        kind: NoticeKind::Reconnect,
        unsubscribe: None,
        user: UserId::new("user-1"),
        contact: Contact { email: EmailAddress::parse("mary@example.com").ok(), ..Contact::default() },
        items: vec![NoticeItem {
            incident: IncidentId::new("inc-1"),
            number: 2,
            toolkit: ToolkitSlug::new("slack"),
            account: AccountId::new("ca_1"),
            label: Some("work".to_owned()),
            second_account: false,
            broke_at: from_millis(1_763_700_000_000),
            reconnect_url: "https://app.acme.example/settings?toolkit=slack".to_owned(),
            recovery: None,
        }],
        created_at: from_millis(1_763_723_456_789),
        now: SystemClock.now(),
    }
}

#[tokio::test]
async fn the_public_verifier_accepts_every_attempt_and_the_body_never_changes() {
    let sink = Sink::start().await;
    sink.reply_with(vec![500, 200]);
    let channel = channel(&sink.url(), true);
    assert_eq!((channel.name().as_str(), channel.needs_address()), ("webhook:product", false));
    assert_eq!(channel.outside_id("u1"), "msg_u1");
    let first = notice();
    assert_eq!(channel.send(&first).await.unwrap_err().class, FailureClass::Transient);
    let later = Notice { now: first.now + Duration::from_secs(5), ..first.clone() };
    assert_eq!(channel.send(&later).await.unwrap().detail, "HTTP 200");

    let received = sink.received();
    assert_eq!(received.len(), 2);
    let verifier = standardwebhooks::Webhook::new(SECRET).unwrap();
    for (request, at) in received.iter().zip([first.now, later.now]) {
        verifier.verify(&request.body, &request.headers).unwrap();
        assert_eq!(request.header("webhook-id"), first.outside_id);
        assert_eq!(request.header("webhook-timestamp"), at.timestamp().to_string());
        assert_eq!(request.header("content-type"), "application/json");
        assert_eq!(request.header("user-agent"), concat!("reconnectd/", env!("CARGO_PKG_VERSION")));
    }
    assert_eq!(received[0].body, received[1].body);
    let event = received[0].json();
    assert_eq!(event["type"], "reconnect.requested");
    assert_eq!(event["data"]["accounts"][0]["notice"], 2);
    assert!(!String::from_utf8_lossy(&received[0].body).contains("mary@"));
    let mut forged = received[0].body.clone();
    forged.push(b' ');
    assert!(verifier.verify(&forged, &received[0].headers).is_err());
}

#[tokio::test]
async fn redirects_are_failures_and_not_followed() {
    let (sink, elsewhere) = (Sink::start().await, Sink::start().await);
    let target: &'static str = Box::leak(elsewhere.url().into_boxed_str());
    sink.reply_with(vec![Reply { status: 307, headers: vec![(LOCATION, target)], body_bytes: 0 }]);
    let error = channel(&sink.url(), true).send(&notice()).await.unwrap_err();
    assert_eq!(error.class, FailureClass::ChannelBroken);
    assert!(error.detail.contains("HTTP 307") && error.detail.contains("redirects are not followed"), "{error}");
    assert_eq!((sink.received().len(), elsewhere.received().len()), (1, 0));
}

#[tokio::test]
async fn a_requested_pause_is_passed_on() {
    let sink = Sink::start().await;
    sink.reply_with(vec![Reply { status: 429, headers: vec![(RETRY_AFTER, "90")], body_bytes: 10 }]);
    let error = channel(&sink.url(), true).send(&notice()).await.unwrap_err();
    assert_eq!(error.class, FailureClass::RateLimited(Duration::from_secs(90)));
}

#[tokio::test]
async fn a_huge_or_endless_answer_is_cut_off_and_its_status_counts() {
    let sink = Sink::start().await;
    sink.reply_with(vec![Reply { status: 200, headers: vec![], body_bytes: 50_000_000 }]);
    assert_eq!(channel(&sink.url(), true).send(&notice()).await.unwrap().detail, "HTTP 200");

    // Promises a body that never comes.
    let (address, _server) = raw_server("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx", false).await;
    let receipt = channel(&format!("http://{address}/"), true).send(&notice()).await.unwrap();
    assert_eq!(receipt.detail, "HTTP 200");
}

#[tokio::test]
async fn without_an_answer_the_outcome_is_unknown_and_without_a_connection_it_is_not() {
    let (hung_up, _server) = raw_server("", true).await;
    let (silent, _other) = raw_server("", false).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let hasty = WebhookLimits { total: Duration::from_millis(400), ..PATIENT };
    for (address, limits, class) in [
        (hung_up, PATIENT, FailureClass::OutcomeUnknown),
        (silent, hasty, FailureClass::OutcomeUnknown),
        (closed, PATIENT, FailureClass::Transient),
    ] {
        let url = format!("http://{address}/secret-path?token=abc");
        let channel = WebhookChannel::new(WebhookSettings { limits, ..settings(&url, true) }).unwrap();
        let error = channel.send(&notice()).await.unwrap_err();
        assert_eq!(error.class, class, "{error}");
        assert!(error.detail.starts_with("127.0.0.1: "), "{error}");
        assert!(!error.detail.contains("secret-path") && !error.detail.contains("token"), "{error}");
    }
}

#[tokio::test]
async fn private_addresses_are_refused_by_literal_and_by_name_before_a_connection() {
    let sink = Sink::start().await;
    let port = sink.address().port();
    for host in ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "0x7f.1"] {
        let url = format!("https://{host}:{port}/hook");
        let closed = channel(&url, false);
        for error in [closed.send(&notice()).await.unwrap_err(), closed.check().await.unwrap_err()] {
            assert_eq!(error.class, FailureClass::ChannelBroken, "{host}: {error}");
            assert!(error.detail.contains("allow_private"), "{host}: {error}");
        }
        // With permission it gets as far as the TLS handshake, which a plain HTTP server fails.
        let error = channel(&url, true).send(&notice()).await.unwrap_err();
        assert_eq!(error.class, FailureClass::Transient, "{host}: {error}");
    }
    assert!(sink.received().is_empty());
}

#[tokio::test]
async fn a_check_reaches_the_endpoint_without_sending() {
    let sink = Sink::start().await;
    channel(&sink.url(), true).check().await.unwrap();
    assert!(sink.received().is_empty());
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = channel(&format!("http://{closed}/"), true).check().await.unwrap_err();
    assert_eq!(error.class, FailureClass::Transient);
}

#[tokio::test]
async fn a_folder_takes_one_verifiable_file_per_event() {
    let folder = tempfile::tempdir().unwrap();
    let channel = channel(&format!("file://{}", folder.path().display()), false);
    channel.check().await.unwrap();
    let notice = notice();
    channel.send(&notice).await.unwrap();
    channel.send(&notice).await.unwrap();
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["msg_01995f3e-1111-7222-8333-444455556666.json"]);
    let text = std::fs::read_to_string(folder.path().join(&names[0])).unwrap();
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(file["body"]["data"]["user_id"], "user-1");
    let body = text.split_once("\"body\": ").unwrap().1.strip_suffix("\n}\n").unwrap();
    let mut headers = axum::http::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, file["headers"][name].as_str().unwrap().parse().unwrap());
    }
    standardwebhooks::Webhook::new(SECRET).unwrap().verify(body.as_bytes(), &headers).unwrap();
}

#[test]
fn settings_are_refused_by_key() {
    let refused = |settings| WebhookChannel::new(settings).err().unwrap();
    let plain_http = refused(settings("http://api.example.com/", true));
    assert!(matches!(plain_http, WebhookSettingsError::Url { .. }), "{plain_http}");
    let no_secret =
        refused(WebhookSettings { secret: "hunter2".into(), ..settings("https://api.example.com/", false) });
    assert!(matches!(no_secret, WebhookSettingsError::Secret { .. }) && !no_secret.to_string().contains("hunter2"));
}

/// A server that reads one request, says `answer` and hangs up or keeps the connection open.
async fn raw_server(answer: &'static str, hang_up: bool) -> (std::net::SocketAddr, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0_u8; 16_384];
        let mut read = 0;
        while !String::from_utf8_lossy(&request[..read]).ends_with("}}") {
            read += stream.read(&mut request[read..]).await.unwrap();
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        if !hang_up {
            std::future::pending::<()>().await;
        }
    });
    (address, server)
}
