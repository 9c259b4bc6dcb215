//! How things stand, from a state database with a life behind it: on both databases, and while a run is under way.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::time::Duration;

use jsonschema::Validator;
use reconnectd::domain::{FailureClass, UserId};
use reconnectd::report::{Situation, Status};
use serde_json::Value;

use crate::support::databases::postgres_database;
use crate::support::rig::{Hang, Rig, works};
use crate::walks::break_slack;

/// The published schema; `closed` knows no keys but its own.
pub fn schema(closed: bool) -> Validator {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/status.schema.json");
    let mut schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
    if closed {
        close(&mut schema);
    }
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

fn close(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else { return };
    if map.contains_key("required") {
        map.insert("additionalProperties".to_owned(), false.into());
    }
    map.values_mut().for_each(close);
    if let Some(any) = map.get_mut("anyOf").and_then(Value::as_array_mut) {
        any.iter_mut().for_each(close);
    }
}

/// A document that the schema promises, every key described.
pub fn assert_promised(document: &Value) {
    for closed in [false, true] {
        let problems: Vec<String> =
            schema(closed).iter_errors(document).map(|e| format!("{e} at {}", e.instance_path())).collect();
        assert!(problems.is_empty(), "closed = {closed}: {problems:?}");
    }
}

pub async fn status(rig: &Rig) -> Status {
    let now = rig.now();
    let mut work = rig.store.begin_read().await.unwrap();
    let status = Status::of(&Situation {
        standing: work.standing(now).await.unwrap(),
        key_refused_at: work.key_refused_at().await.unwrap(),
        connect_refusals: work.connect_refusals(now).await.unwrap(),
        running: work.lease_holder("run").await.unwrap().map(|held| held.holder),
        silences: work.active_silences(now).await.unwrap(),
        dead_lately: work.dead_since(now - chrono::TimeDelta::days(7)).await.unwrap(),
        configured: Vec::new(),
        planned: std::collections::BTreeMap::new(),
        daemon: false,
    });
    assert_promised(&serde_json::from_str(&status.json().unwrap()).unwrap());
    status
}

async fn a_life(rig: Rig) {
    let first = status(&rig).await;
    assert_eq!(first.hands.len(), 1, "{:?}", first.hands);
    assert_eq!((first.hands[0].what, first.audit), ("audit_late", None));
    for user in ["u1", "u2", "u3"] {
        rig.world.user(user);
        rig.world.put(works(user, &format!("ca_{user}"), "slack"));
    }
    rig.run().await;
    let calm = status(&rig).await;
    assert!(calm.well, "{:?}", calm.hands);
    assert_eq!(calm.audit.map(|audit| (audit.users_scanned, audit.coverage)), Some((3, 1.0)));

    // One is told, one's mail is refused for good.
    rig.later(Duration::from_hours(24));
    break_slack(&rig, "u1");
    break_slack(&rig, "u2");
    rig.world.failing_on("webhook:product", Some(FailureClass::Refused));
    rig.run().await;
    let told = status(&rig).await;
    assert_eq!((told.incidents_open, told.incidents[0].toolkit.as_str()), (2, "slack"));
    let hands: Vec<&str> = told.hands.iter().map(|hand| hand.what).collect();
    assert_eq!(hands, ["dead_deliveries"]);
    assert!(told.text().starts_with("1 thing needs a hand.  (2026-11-03 09:00 UTC)\n"), "{}", told.text());
    // What was given up a week ago needs nobody any more.
    rig.later(Duration::from_hours(24 * 7 + 1));
    assert_eq!(status(&rig).await.hands.len(), 0);

    // While somebody runs, who that is.
    rig.world.hang(Some(Hang::Asking(UserId::new("u3"))));
    let pipeline = rig.pipeline();
    tokio::select! {
        _ = Box::pin(pipeline.run_once()) => panic!("it hangs"),
        () = rig.world.hanging.notified() => {}
    }
    let under_way = status(&rig).await;
    let run = under_way.run.unwrap();
    assert_eq!(run.holder, "test:1");
    pipeline.step_aside().await.unwrap();
    assert_eq!(status(&rig).await.run, None, "its process is gone");
}

#[tokio::test]
async fn the_page_follows_a_life_on_sqlite() {
    a_life(Rig::new().await).await;
}

#[tokio::test]
async fn the_page_follows_a_life_on_postgres() {
    a_life(Rig::over(&postgres_database().await).await).await;
}

/// A schema that takes everything would pass the tests above.
#[tokio::test]
async fn the_schema_refuses_what_is_not_its() {
    let rig = Rig::new().await;
    let json: Value = serde_json::from_str(&status(&rig).await.json().unwrap()).unwrap();
    let schema = schema(false);
    for key in json.as_object().unwrap().keys() {
        let mut without = json.clone();
        without.as_object_mut().unwrap().remove(key);
        assert!(!schema.is_valid(&without), "{key} may be missing");
        let mut wrong = json.clone();
        wrong[key] = (-1.5).into();
        assert!(!schema.is_valid(&wrong), "{key} may be anything");
    }
    let mut more = json;
    more["added_later"] = true.into();
    assert!(schema.is_valid(&more), "keys may be added");
}
