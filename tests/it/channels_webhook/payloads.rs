//! What is sent against what `docs/webhooks/` promises: schemas, examples, and the table of events.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jsonschema::Validator;
use reconnectd::domain::{
    ChannelName, CloseEvidence, ConnectRefusal, OperatorEvent, OperatorNotice, Recovery, ReportCoverage,
    ReportHeadline, ReportToolkit, RetrySchedule, Timestamp,
};
use serde_json::Value;

use super::*;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/webhooks")
}

fn text(file: &str) -> String {
    let path = folder().join(file);
    assert!(path.exists(), "docs/webhooks/{file} is missing");
    std::fs::read_to_string(path).unwrap()
}

fn schema(kind: EventKind) -> Value {
    serde_json::from_str(&text(&format!("{}.schema.json", kind.code()))).unwrap()
}

fn validator(schema: &Value) -> Validator {
    assert!(jsonschema::meta::is_valid(schema), "{} is no schema", schema["title"]);
    jsonschema::options().should_validate_formats(true).build(schema).unwrap()
}

/// A schema that knows no keys but its own, so that one that is sent and not described is found.
fn closed(mut schema: Value) -> Value {
    if let Some(map) = schema.as_object_mut() {
        if map.contains_key("required") {
            map.insert("additionalProperties".to_owned(), false.into());
        }
        for part in map.values_mut() {
            *part = closed(part.take());
        }
    }
    schema
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The notice of the examples: two accounts, one of them a reminder.
fn example_notice(kind: NoticeKind) -> Notice {
    let item = |toolkit: &str, number, label: Option<&str>| NoticeItem {
        incident: IncidentId::new(format!("01995f3e-1111-7222-8333-44445555000{number}")),
        number,
        toolkit: ToolkitSlug::new(toolkit),
        account: AccountId::new(format!("ca_{toolkit}1")),
        label: label.map(str::to_owned),
        second_account: label.is_some(),
        broke_at: at("2026-11-18T21:14:07.300Z"),
        reconnect_url: format!("https://app.acme.example/settings/integrations?toolkit={toolkit}"),
        recovery: (kind == NoticeKind::Recovered)
            .then(|| Recovery { at: at("2026-11-22T08:01:12.000Z"), evidence: CloseEvidence::Active }),
    };
    Notice {
        notification: NotificationId::new("01995f3e-1111-7222-8333-444455556666"),
        user: UserId::new("user-1842"),
        kind,
        items: vec![item("slack", 0, None), item("gmail", 1, Some("work, mary@acme.example"))],
        created_at: at("2026-11-22T08:05:00.000Z"),
        ..notice()
    }
}

fn example_event(kind: EventKind) -> OperatorNotice {
    let channel = ChannelName::new("webhook:crm");
    let event = match kind {
        EventKind::StormHeld => OperatorEvent::StormHeld {
            storm_id: "01995f3e-1111-7222-8333-444455557777".to_owned(),
            scope: "auth_config".to_owned(),
            subject: "ac_3kXfL2".to_owned(),
            broken: 412,
            active: 498,
            window_seconds: 86_400,
        },
        EventKind::ChannelStopped => OperatorEvent::ChannelStopped {
            channel: ChannelName::new("email"),
            detail: "mail.acme.example: 535 5.7.8 authentication failed for robot@acme.example".to_owned(),
        },
        EventKind::KeyRefused => OperatorEvent::KeyRefused { status: 401, detail: "[invalid_api_key]".to_owned() },
        EventKind::ConnectRefused => OperatorEvent::ConnectRefused {
            auth_config: Some("ac_3kXfL2".to_owned()),
            reason: Some(ConnectRefusal::AuthConfig),
            status: 400,
            detail: "[AuthConfig_Disabled]".to_owned(),
        },
        EventKind::ReportReady => OperatorEvent::ReportReady {
            from: at("2026-11-15T08:00:00Z"),
            to: at("2026-11-22T08:00:00Z"),
            headline: ReportHeadline {
                active_at_start: 18_240,
                newly_broken: 96,
                recovered: 61,
                open: 143,
                notified: 88,
                delivered: 85,
                active_again: 52,
            },
            previous: Some(ReportHeadline {
                active_at_start: 17_902,
                newly_broken: 71,
                recovered: 66,
                open: 108,
                notified: 70,
                delivered: 69,
                active_again: 44,
            }),
            toolkits: [("slack", 41, 52), ("gmail", 23, 40), ("notion", 9, 12)]
                .map(|(toolkit, newly_broken, open)| ReportToolkit { toolkit: toolkit.to_owned(), newly_broken, open })
                .to_vec(),
            coverage: Some(ReportCoverage {
                audits_finished: 6,
                audits_failed: 1,
                users_scanned: 9_120,
                users_known: 8_481,
                freshness_seconds: Some(21_600),
            }),
            reader: None,
        },
        _ => OperatorEvent::EndpointDisabled { channel, detail: "hooks.crm.example: HTTP 410".to_owned() },
    };
    OperatorNotice {
        to: None,
        delivery: DeliveryId::new("del-1"),
        notification: NotificationId::new("01995f3e-1111-7222-8333-444455556666"),
        outside_id: notice().outside_id,
        event,
        created_at: at("2026-11-22T08:05:00.000Z"),
        now: SystemClock.now(),
    }
}

/// Sends the example of this kind and gives what arrived.
async fn sent(kind: EventKind) -> String {
    let sink = Sink::start().await;
    let channel = channel(&sink.url(), true);
    match kind {
        EventKind::ReconnectRequested => channel.send(&example_notice(NoticeKind::Reconnect)).await,
        EventKind::ReconnectRecovered => channel.send(&example_notice(NoticeKind::Recovered)).await,
        _ => channel.send_event(&example_event(kind)).await,
    }
    .unwrap();
    let request = sink.received().remove(0);
    standardwebhooks::Webhook::new(SECRET).unwrap().verify(&request.body, &request.headers).unwrap();
    String::from_utf8(request.body).unwrap()
}

#[tokio::test]
async fn what_is_sent_is_what_the_documents_say() {
    let readme = text("README.md");
    for (kind, code, _) in EventKind::CODES {
        let body = sent(kind).await;
        assert_eq!(body, text(&format!("examples/{code}.json")).trim_end_matches('\n'), "examples/{code}.json");
        assert!(body.len() < 20_000 && !body.contains('\n'));
        let event: Value = serde_json::from_str(&body).unwrap();
        let (open, closed) = (validator(&schema(kind)), validator(&closed(schema(kind))));
        for (schema, what) in [(open, "the schema"), (closed, "a key is not described")] {
            let problems: Vec<String> = schema.iter_errors(&event).map(|error| error.to_string()).collect();
            assert!(problems.is_empty(), "{code}, {what}: {problems:?}");
        }
        let shown = readme.split_once(&format!("\n### {code}\n")).unwrap().1;
        let shown = shown.split_once("```json\n").unwrap().1.split("```").next().unwrap();
        assert_eq!(serde_json::from_str::<Value>(shown).unwrap(), event, "README.md, {code}");
        assert!(readme.contains(&format!("| `{code}` |")), "README.md, the table of events: {code}");
        assert!(!body.contains("@acme.example") || body.contains("***@acme.example"), "{body}");
    }
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let schemas: BTreeSet<String> =
        files.filter_map(|name| Some(name.strip_suffix(".schema.json")?.to_owned())).collect();
    assert_eq!(schemas, EventKind::CODES.iter().map(|(_, code, _)| (*code).to_owned()).collect());
}

/// A schema that takes everything would pass the test above.
#[test]
fn the_schemas_refuse_what_is_not_theirs() {
    let change = |event: &Value, path: &str, value: Option<Value>| {
        let mut event = event.clone();
        let (parent, key) = path.rsplit_once('/').unwrap();
        let parent = event.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        let before = parent.remove(key);
        assert!(before.is_some(), "{path} is not in the example");
        value.map(|value| parent.insert(key.to_owned(), value));
        event
    };
    for (kind, code, _) in EventKind::CODES {
        let schema = validator(&schema(kind));
        let event: Value = serde_json::from_str(&text(&format!("examples/{code}.json"))).unwrap();
        assert!(schema.is_valid(&event));
        let mut paths = vec!["/type".to_owned(), "/timestamp".to_owned(), "/data".to_owned()];
        paths.extend(event["data"].as_object().unwrap().keys().map(|key| format!("/data/{key}")));
        if let Some(account) = event.pointer("/data/accounts/1") {
            paths.extend(account.as_object().unwrap().keys().map(|key| format!("/data/accounts/1/{key}")));
        }
        assert!(paths.len() > 5, "{paths:?}");
        for path in paths {
            assert!(!schema.is_valid(&change(&event, &path, None)), "{code}: {path} may be missing");
            // Nothing may have broken: then there is no toolkit to name.
            let none = Some(Value::Array(Vec::new())).filter(|_| path != "/data/toolkits");
            for wrong in [Value::from(-1), Value::from(1.5)].into_iter().chain(none) {
                assert!(!schema.is_valid(&change(&event, &path, Some(wrong.clone()))), "{code}: {path} = {wrong}");
            }
        }
        for instant in
            ["2026-11-22", "2026-11-22T08:05:00Z", "2026-11-22T08:05:00.000+01:00", "2026-13-22T08:05:00.000Z"]
        {
            assert!(!schema.is_valid(&change(&event, "/timestamp", Some(instant.into()))), "{code}: {instant}");
        }
        let mut more = event.clone();
        more["data"]["added_later"] = true.into();
        assert!(schema.is_valid(&more), "{code}: keys may be added");
        for (other, ..) in EventKind::CODES.into_iter().filter(|(other, ..)| *other != kind) {
            assert!(!validator(&self::schema(other)).is_valid(&event), "{code} passes for {}", other.code());
        }
    }
}

#[tokio::test]
async fn the_schemas_hold_at_the_edges() {
    let sink = Sink::start().await;
    let channel = channel(&sink.url(), true);
    for (evidence, accounts) in [(CloseEvidence::Gone, 1), (CloseEvidence::Superseded, 500)] {
        for kind in [NoticeKind::Reconnect, NoticeKind::Recovered] {
            let mut notice = example_notice(kind);
            let mut item = notice.items.remove(1);
            item.label = Some("\"\\\u{0}\u{2028}é\r\nx-evil: 1".repeat(100));
            item.recovery = item.recovery.map(|recovery| Recovery { evidence, ..recovery });
            notice.items = vec![item; accounts];
            channel.send(&notice).await.unwrap();
        }
    }
    let received = sink.received();
    assert_eq!(received.len(), 4);
    for request in received {
        let event = request.json();
        let kind = EventKind::from_code(event["type"].as_str().unwrap()).unwrap();
        let problems: Vec<String> =
            validator(&closed(schema(kind))).iter_errors(&event).map(|error| error.to_string()).collect();
        assert!(problems.is_empty() && request.body.len() < 20_000, "{problems:?}");
        let names: BTreeSet<&str> = request.headers.keys().map(axum::http::HeaderName::as_str).collect();
        let ours = ["content-type", "user-agent", "webhook-id", "webhook-signature", "webhook-timestamp"];
        assert_eq!(names, ["accept", "content-length", "host"].into_iter().chain(ours).collect());
    }
}

#[test]
fn an_endpoint_carries_the_events_it_names() {
    use EventKind::{ChannelStopped, ReconnectRequested, StormHeld};
    let all = EventKind::CODES.map(|(kind, ..)| kind);
    for events in [vec![], vec![ReconnectRequested], vec![StormHeld, ChannelStopped], all.to_vec()] {
        let settings = WebhookSettings { events: events.clone(), ..settings("https://api.example.com/", false) };
        let channel = WebhookChannel::new(settings).unwrap();
        for kind in all {
            assert_eq!(channel.carries(kind), events.contains(&kind), "{events:?} {kind:?}");
        }
    }
}

/// The schedule as receivers read it; that it is kept is shown by `src/domain/retry.rs`.
#[test]
fn the_schedule_in_the_documents_is_the_one_that_is_kept() {
    let readme = text("README.md").replace('\n', " ");
    let schedule = RetrySchedule::default();
    let wait = |failures: u32| schedule.first.saturating_mul(4_u32.pow(failures - 1)).min(schedule.longest).as_secs();
    let waits: Vec<String> = (1..=6).map(|failures| format!("{} s", wait(failures))).collect();
    let (seventh, hours) = (wait(7), wait(8) / 3600);
    let said = format!("{} and {seventh} s after the attempt before, then every {hours} h", waits.join(", "));
    assert!(readme.contains(&said), "README.md does not say: {said}");
}
