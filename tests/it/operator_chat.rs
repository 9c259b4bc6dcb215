//! The operator's channel as it leaves: a POST of a message to a chat, or a file; never about a user, never with its URL.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use reconnectd::adapters::slack::{SlackChannel, SlackSettings};
use reconnectd::domain::{
    ChannelName, DeliveryId, EventKind, FailureClass, NotificationId, OperatorEvent, OperatorNotice, from_millis,
};
use reconnectd::ports::Channel as _;

use crate::support::sink::{Reply, Sink};

const TOKEN: &str = "T0123456/B0123456/abcdefghijklmnopqrstuvwx";

fn channel(url: &str) -> SlackChannel {
    // Another test may have installed it first; either way it is there.
    drop(rustls::crypto::ring::default_provider().install_default());
    let events = EventKind::CODES.map(|(kind, ..)| kind).to_vec();
    SlackChannel::new(SlackSettings { url: url.into(), events, product: "Acme".into() }).unwrap()
}

fn notice() -> OperatorNotice {
    OperatorNotice {
        to: None,
        delivery: DeliveryId::new("d"),
        notification: NotificationId::new("n"),
        outside_id: "slack_01995f3e-1111-7222-8333-444455556666".into(),
        event: OperatorEvent::ChannelStopped { channel: ChannelName::new("email"), detail: "535 no".into() },
        created_at: from_millis(1_793_610_000_000),
        now: from_millis(1_793_610_000_000),
    }
}

#[tokio::test]
async fn a_message_is_one_post_that_every_chat_can_read() {
    let sink = Sink::start().await;
    let channel = channel(&format!("http://{}/services/{TOKEN}", sink.address()));
    channel.check().await.unwrap();
    assert_eq!(sink.received().len(), 0, "a check says nothing");
    assert_eq!(channel.send_event(&notice()).await.unwrap().detail, "HTTP 204");
    let request = sink.received().remove(0);
    assert_eq!(request.path, format!("/services/{TOKEN}"));
    assert_eq!(request.header("content-type"), "application/json; charset=utf-8");
    let message = request.json();
    let text = message["text"].as_str().unwrap();
    assert!(text.starts_with("email refuses us; nothing is sent on it\nIt answered: 535 no\n"), "{text}");
    assert!(
        text.contains("`reconnectd check`") && text.ends_with("reconnectd of Acme, 2026-11-02 09:00 UTC"),
        "{text}"
    );
    let kinds: Vec<&str> = message["blocks"].as_array().unwrap().iter().map(|b| b["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["header", "section", "section", "context"]);
}

#[tokio::test]
async fn answers_have_their_classes_and_errors_hold_nothing_of_the_url() {
    let sink = Sink::start().await;
    let channel = channel(&format!("http://{}/services/{TOKEN}", sink.address()));
    for (status, class) in [
        (400, FailureClass::Declined),
        (403, FailureClass::Declined),
        (404, FailureClass::Declined),
        (410, FailureClass::EndpointGone),
        (302, FailureClass::ChannelBroken),
        (429, FailureClass::Transient),
        (500, FailureClass::Transient),
    ] {
        sink.reply_with(vec![Reply::from(status)]);
        let error = channel.send_event(&notice()).await.unwrap_err();
        assert_eq!(error.class, class, "{status}");
        assert!(!error.detail.contains("services") && !error.detail.contains("abcdef"), "{error}");
    }
    let away = self::channel(&format!("http://127.0.0.1:1/services/{TOKEN}"));
    for error in [away.send_event(&notice()).await.unwrap_err(), away.check().await.unwrap_err()] {
        assert_eq!(error.class, FailureClass::Transient);
        assert!(!error.detail.contains("services"), "{error}");
    }
}

#[test]
fn it_carries_what_is_for_the_operator_and_nothing_about_users() {
    let channel = channel("https://hooks.slack.example/services/x");
    for (kind, ..) in EventKind::CODES {
        assert_eq!(channel.carries(kind), !kind.is_for_a_user(), "{kind:?}");
    }
    assert!(!channel.needs_address());
    for url in ["http://hooks.slack.example/x", "ftp://x/", "file://host/x", "nothing"] {
        let settings = SlackSettings { url: url.into(), events: Vec::new(), product: "Acme".into() };
        let error = SlackChannel::new(settings).err().unwrap().to_string();
        assert!(error.starts_with("[operator] slack_url: ") && !error.contains("//x"), "{error}");
    }
}

#[tokio::test]
async fn a_folder_takes_one_file_for_each_message() {
    let folder = tempfile::tempdir().unwrap();
    let channel = channel(&format!("file://{}/chat", folder.path().display()));
    channel.check().await.unwrap();
    for _ in 0..2 {
        channel.send_event(&notice()).await.unwrap();
    }
    let files: Vec<_> = std::fs::read_dir(folder.path().join("chat")).unwrap().map(|f| f.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    let message: serde_json::Value = serde_json::from_slice(&std::fs::read(&files[0]).unwrap()).unwrap();
    assert_eq!(message["blocks"][0]["type"], "header");
}
