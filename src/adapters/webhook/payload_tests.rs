//! The bytes of every event, and what no text can do to them.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::adapters::webhook::keys::Keys;
use crate::adapters::webhook::sign;
use crate::domain::{
    AccountId, ChannelName, CloseEvidence, Contact, DeliveryId, EmailAddress, IncidentId, Notice, NoticeItem,
    NoticeKind, NotificationId, OperatorEvent, OperatorNotice, Recovery, ToolkitSlug, UserId, from_millis,
};

fn item(n: usize) -> NoticeItem {
    NoticeItem {
        incident: IncidentId::new(format!("inc-{n}")),
        number: 0,
        toolkit: ToolkitSlug::new("slack"),
        account: AccountId::new(format!("ca_{n}")),
        label: Some("mary@example.com of \"Acme\"\n".to_owned()),
        second_account: n == 1,
        broke_at: from_millis(1_763_700_000_000),
        reconnect_url: "https://app.example.com/settings?toolkit=slack".to_owned(),
        recovery: None,
    }
}

fn notice(accounts: usize) -> Notice {
    Notice {
        delivery: DeliveryId::new("del-1"),
        notification: NotificationId::new("not-1"),
        outside_id: "msg_1".to_owned(),
        kind: NoticeKind::Reconnect,
        unsubscribe: Some("https://app.example.com/u/secret-token".to_owned()),
        user: UserId::new("user-1"),
        contact: Contact {
            email: EmailAddress::parse("secret.person@example.com").ok(),
            name: Some("Mary Secret".to_owned()),
            ..Contact::default()
        },
        items: (0..accounts).map(item).collect(),
        created_at: from_millis(1_763_723_456_789),
        now: from_millis(1_763_723_999_000),
    }
}

/// The same notice once everything in it is over.
fn over(mut notice: Notice, evidence: CloseEvidence) -> Notice {
    notice.kind = NoticeKind::Recovered;
    for item in &mut notice.items {
        item.recovery = Some(Recovery { at: from_millis(1_763_710_000_500), evidence });
    }
    notice
}

fn event(event: OperatorEvent) -> OperatorNotice {
    OperatorNotice {
        to: None,
        delivery: DeliveryId::new("del-1"),
        notification: NotificationId::new("not-1"),
        outside_id: "msg_1".to_owned(),
        event,
        created_at: from_millis(1_763_723_456_789),
        now: from_millis(1_763_723_999_000),
    }
}

fn accounts(text: &str) -> Vec<Value> {
    let event: Value = serde_json::from_str(text).unwrap();
    event["data"]["accounts"].as_array().unwrap().clone()
}

#[test]
fn the_bytes_of_a_request_are_pinned_and_do_not_depend_on_the_attempt() {
    let first = of_notice(&notice(1)).unwrap();
    assert_eq!(
        first,
        concat!(
            r#"{"type":"reconnect.requested","timestamp":"2025-11-21T11:10:56.789Z","data":"#,
            r#"{"notification_id":"not-1","user_id":"user-1","accounts":[{"incident_id":"inc-0","toolkit":"slack","#,
            r#""account_id":"ca_0","label":"m***@example.com of \"Acme\"\n","notice":0,"second_account":false,"#,
            r#""broke_at":"2025-11-21T04:40:00.000Z","#,
            r#""reconnect_url":"https://app.example.com/settings?toolkit=slack"}]}}"#
        )
    );
    let later = Notice { now: from_millis(1_763_800_000_000), ..notice(1) };
    assert_eq!(of_notice(&later).unwrap(), first);
}

#[test]
fn the_bytes_of_a_recovery_are_pinned() {
    let mut recovered = over(notice(1), CloseEvidence::Superseded);
    recovered.items[0].number = 2;
    recovered.items[0].label = None;
    assert_eq!(
        of_notice(&recovered).unwrap(),
        concat!(
            r#"{"type":"reconnect.recovered","timestamp":"2025-11-21T11:10:56.789Z","data":"#,
            r#"{"notification_id":"not-1","user_id":"user-1","accounts":[{"incident_id":"inc-0","toolkit":"slack","#,
            r#""account_id":"ca_0","label":null,"notices":2,"broke_at":"2025-11-21T04:40:00.000Z","#,
            r#""recovered_at":"2025-11-21T07:26:40.500Z","evidence":"superseded"}]}}"#
        )
    );
    recovered.items[0].recovery = None;
    let error = of_notice(&recovered).unwrap_err();
    assert_eq!(error.class, FailureClass::Refused, "an end that is not recorded is not made up");
}

#[test]
fn the_bytes_of_operator_events_are_pinned() {
    let storm = event(OperatorEvent::StormHeld {
        storm_id: "sto-1".to_owned(),
        scope: "auth_config".to_owned(),
        subject: "ac_1".to_owned(),
        broken: 40,
        active: 120,
        window_seconds: 86_400,
    });
    assert_eq!(
        of_event(&storm).unwrap(),
        concat!(
            r#"{"type":"storm.held","timestamp":"2025-11-21T11:10:56.789Z","data":{"notification_id":"not-1","#,
            r#""storm_id":"sto-1","scope":"auth_config","subject":"ac_1","accounts_broken":40,"accounts_active":120,"#,
            r#""window_seconds":86400}}"#
        )
    );
    let subject = "x".repeat(MAX_BODY_BYTES);
    let endless = event(OperatorEvent::StormHeld {
        storm_id: "sto-1".to_owned(),
        scope: "toolkit".to_owned(),
        subject,
        broken: 1,
        active: 1,
        window_seconds: 1,
    });
    assert_eq!(of_event(&endless).unwrap_err().class, FailureClass::Refused, "an id is not cut");
    let channel = ChannelName::new("email");
    let stopped = event(OperatorEvent::ChannelStopped {
        channel: channel.clone(),
        detail: "535 5.7.8 bad login of robot@acme.example\r\n".to_owned(),
    });
    assert_eq!(
        of_event(&stopped).unwrap(),
        concat!(
            r#"{"type":"channel.stopped","timestamp":"2025-11-21T11:10:56.789Z","data":{"notification_id":"not-1","#,
            r#""channel":"email","detail":"535 5.7.8 bad login of <address>"}}"#
        )
    );
    let disabled = event(OperatorEvent::EndpointDisabled { channel, detail: "x".repeat(100_000) });
    let text = of_event(&disabled).unwrap();
    assert!(text.starts_with(r#"{"type":"endpoint.disabled","timestamp":"#) && text.len() < 1000, "{text}");
}

#[test]
fn many_accounts_are_cut_below_the_limit_and_counted() {
    for (recovered, count) in [2, 60, 80, 100, 5000].into_iter().flat_map(|count| [(false, count), (true, count)]) {
        let notice = if recovered { over(notice(count), CloseEvidence::Active) } else { notice(count) };
        let text = of_notice(&notice).unwrap();
        assert!(text.len() < MAX_BODY_BYTES, "{count}: {}", text.len());
        let event: Value = serde_json::from_str(&text).unwrap();
        let shown = accounts(&text).len();
        if shown < count {
            assert!(shown > 60, "{count}: only {shown}");
            assert!(text.len() > MAX_BODY_BYTES - 400, "{count}: room for another was left");
            assert_eq!(event["data"]["accounts_total"], count);
            assert_eq!(event["data"]["accounts"][0]["account_id"], "ca_0", "the newest come first");
        } else {
            assert!(event["data"].get("accounts_total").is_none());
        }
    }
}

#[test]
fn what_is_too_large_alone_keeps_nothing_else_from_being_said() {
    let mut large = notice(3);
    large.items[0].toolkit = ToolkitSlug::new("x".repeat(30_000));
    let text = of_notice(&large).unwrap();
    let told: Vec<Value> = accounts(&text).iter().map(|account| account["account_id"].clone()).collect();
    assert_eq!(told, ["ca_1", "ca_2"]);
    assert!(text.ends_with(r#""accounts_total":3}}"#), "{text}");

    large.items.truncate(1);
    let mut user = notice(1);
    user.user = UserId::new("u".repeat(30_000));
    for hopeless in [large, user] {
        let error = of_notice(&hopeless).unwrap_err();
        assert_eq!((error.class, error.detail.len() < 100), (FailureClass::Refused, true));
    }
}

#[test]
fn addresses_in_labels_are_masked_however_they_are_written() {
    for (label, sent) in [
        ("work", "work"),
        ("mary@example.com", "m***@example.com"),
        ("of mary@example.com,", "of m***@example.com,"),
        ("a\tmary@example.com\nb", "a\tm***@example.com\nb"),
        ("<mary@example.com>", "<address>"),
        ("mary@example.com,bob@example.com", "<address>"),
        ("mary%40example.com", "<address>"),
        ("MARY@EXAMPLE.COM", "M***@EXAMPLE.COM"),
        ("@mary", "@mary"),
        ("@ home", "@ home"),
        ("żółć \u{202e}", "żółć \u{202e}"),
    ] {
        let mut notice = notice(1);
        notice.items[0].label = Some(label.to_owned());
        assert_eq!(accounts(&of_notice(&notice).unwrap())[0]["label"], sent, "{label:?}");
    }
}

/// Texts that end strings, headers, scripts and lines where they are not written carefully, and ordinary ones.
fn hostile() -> impl Strategy<Value = String> {
    let known = [
        "\"",
        "\\",
        "\"}]}}",
        "\r\nx-evil: 1",
        "\n\n",
        "\0",
        "\u{7f}",
        "\u{2028}",
        "\u{202e}",
        "\u{feff}",
        "</script>",
        "{{7*7}}",
        "${x}",
        "%0d%0a",
        "msg_1.1.",
        " v1,AAAA",
        "😀",
        "é",
    ];
    let part = prop_oneof![
        4 => prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        3 => "[a-z0-9]{1,8}",
        2 => any::<String>(),
        1 => "[\\PC\"\\\\]{0,3000}",
    ];
    prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

prop_compose! {
    fn hostile_item()(
        toolkit in hostile(), account in hostile(), incident in hostile(), label in prop::option::of(hostile()),
        url in hostile(), number in any::<u32>(), broke_at in 0_i64..4_000_000_000_000,
    ) -> NoticeItem {
        NoticeItem {
            incident: IncidentId::new(incident),
            number,
            toolkit: ToolkitSlug::new(toolkit),
            account: AccountId::new(account),
            label,
            second_account: false,
            broke_at: from_millis(broke_at),
            reconnect_url: url,
            recovery: None,
        }
    }
}

/// What must hold of every body, and of the headers that go with it.
fn holds(kind: EventKind, body: &str) -> Result<Value, TestCaseError> {
    prop_assert!(body.len() < MAX_BODY_BYTES, "{} bytes", body.len());
    prop_assert!(!body.contains(|c: char| c < ' '), "a control character is not escaped");
    let event: Value = serde_json::from_str(body).map_err(|e| TestCaseError::fail(e.to_string()))?;
    prop_assert_eq!(&event["type"], kind.code());
    prop_assert_eq!(event.as_object().map(serde_json::Map::len), Some(3));
    let keys = Keys { shared: vec![vec![7_u8; 32].into()], ed25519: None };
    let signed = sign::headers(&keys, "msg_1", 1_763_723_999, body);
    let [(_, id), (_, timestamp), (_, signatures)] = signed.pairs();
    prop_assert_eq!((id, timestamp), ("msg_1", "1763723999"));
    let base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    prop_assert!(signatures.strip_prefix("v1,").is_some_and(|tag| tag.len() == 44 && tag.chars().all(base64)));
    Ok(event)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hostile_texts_stay_texts(
        items in prop::collection::vec(hostile_item(), 1..8), user in hostile(), recovered in any::<bool>(),
    ) {
        let mut notice = Notice { user: UserId::new(user.clone()), items: items.clone(), ..notice(1) };
        let mut kind = EventKind::ReconnectRequested;
        if recovered {
            notice = over(notice, CloseEvidence::Gone);
            kind = EventKind::ReconnectRecovered;
        }
        match of_notice(&notice) {
            Ok(body) => {
                let event = holds(kind, &body)?;
                prop_assert_eq!(&event["data"]["user_id"], &user);
                let shown = event["data"]["accounts"].as_array().unwrap();
                prop_assert!(!shown.is_empty());
                if shown.len() == items.len() {
                    for (account, item) in shown.iter().zip(&items) {
                        prop_assert_eq!(&account["toolkit"], item.toolkit.as_str());
                        prop_assert_eq!(&account["account_id"], item.account.as_str());
                        prop_assert_eq!(&account["incident_id"], item.incident.as_str());
                    }
                } else {
                    prop_assert_eq!(&event["data"]["accounts_total"], items.len());
                }
                for hidden in ["secret.person", "Mary Secret", "secret-token"] {
                    prop_assert!(!body.contains(hidden), "{} is in it", hidden);
                }
            }
            // Only what cannot be cut, an id, is ever too large.
            Err(error) => prop_assert!(error.detail.contains("does not fit"), "{}", error),
        }
    }

    #[test]
    fn hostile_operator_texts_stay_texts(subject in hostile(), detail in hostile(), storm in any::<bool>()) {
        let notice = event(if storm {
            let (storm_id, scope) = (detail.clone(), "toolkit".to_owned());
            OperatorEvent::StormHeld { storm_id, scope, subject, broken: 1, active: u64::MAX, window_seconds: 1 }
        } else {
            OperatorEvent::EndpointDisabled { channel: ChannelName::new(subject), detail: detail.clone() }
        });
        match of_event(&notice) {
            Ok(body) => {
                let event = holds(notice.event.kind(), &body)?;
                let said = event["data"]["detail"].as_str().unwrap_or_default();
                prop_assert!(said.chars().count() <= 501 && !said.contains('@'), "{}", said);
            }
            Err(error) => prop_assert!(error.detail.contains("does not fit"), "{}", error),
        }
    }

    #[test]
    fn no_label_gives_an_address_away(words in prop::collection::vec("[a-z]{3,9}@[a-z]{2,9}\\.example|[,;<> \t\n]|x", 1..9)) {
        let label = words.concat();
        let mut notice = notice(1);
        notice.items[0].label = Some(label.clone());
        let sent = accounts(&of_notice(&notice).unwrap())[0]["label"].as_str().unwrap().to_owned();
        for (at, _) in sent.match_indices('@') {
            prop_assert!(sent[..at].ends_with("***"), "{:?} became {:?}", label, sent);
        }
    }
}
