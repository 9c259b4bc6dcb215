//! Lines as a reader sees them, through the real subscriber into memory.

use std::io;
use std::sync::{Arc, Mutex};

use secrecy::SecretString;
use serde_json::Value;
use tracing::{Level, debug, error, info, info_span, warn};

use crate::adapters::clock::ManualClock;
use crate::domain::{RunId, UserId, from_millis};
use crate::telemetry::{LineFormat, LogSettings, TelemetryError, events, subscriber};

const RUN: &str = "0193a5c0-0000-7000-8000-00000000beef";

/// 2023-11-14 22:13:20.123 UTC.
const NOW_MS: i64 = 1_700_000_000_123;

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<Vec<u8>>>>);

impl io::Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn settings(format: LineFormat, level: &str) -> LogSettings {
    LogSettings {
        format,
        level: level.to_owned(),
        run_id: RunId::new(RUN),
        clock: Arc::new(ManualClock::new(from_millis(NOW_MS))),
        secrets: vec![SecretString::from("ak_planted_key".to_owned())],
    }
}

/// What `work` logged, one entry per write.
fn logged(format: LineFormat, level: &str, work: impl FnOnce()) -> Vec<String> {
    let memory = Memory::default();
    let writer = memory.clone();
    let subscriber = subscriber(settings(format, level), move || writer.clone()).unwrap();
    tracing::subscriber::with_default(subscriber, work);
    let kept = memory.0.lock().unwrap();
    kept.iter().map(|bytes| String::from_utf8(bytes.clone()).unwrap()).collect()
}

fn objects(lines: &[String]) -> Vec<Value> {
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_json_line_is_pinned() {
    let lines = logged(LineFormat::Json, "info", || {
        info!(event = events::PAGE_RECORDED, users = 500_u64, share = 0.5, last = true, at = %"x", "A page was recorded.");
    });
    assert_eq!(
        lines,
        [concat!(
            r#"{"timestamp":"2023-11-14T22:13:20.123Z","level":"info","event":"scan.page_recorded","#,
            r#""run_id":"0193a5c0-0000-7000-8000-00000000beef","message":"A page was recorded.","#,
            r#""target":"reconnectd::telemetry::log::tests","users":500,"share":0.5,"last":true,"at":"x"}"#,
            "\n"
        )]
    );
}

#[test]
fn a_pretty_line_is_pinned() {
    let user = UserId::new("mary@example.com");
    let work = || {
        warn!(event = events::USER_UNKNOWN, %user, reason = "no answer", tries = 5, "Could not ask.");
    };
    assert_eq!(
        logged(LineFormat::Pretty { colours: false }, "info", work),
        [
            "22:13:20.123 WARN  Could not ask. scan.user_unknown user=m***@example.com reason=\"no answer\" tries=5 run=00000000beef\n"
        ]
    );
    let coloured = logged(LineFormat::Pretty { colours: true }, "info", work);
    assert!(coloured[0].contains("\u{1b}[33mWARN \u{1b}[0m Could not ask."), "{coloured:?}");
}

#[test]
fn spans_are_flattened_and_the_nearest_value_wins() {
    let lines = logged(LineFormat::Json, "info", || {
        let outer = info_span!("page", page = 1, shared = "outer", later = tracing::field::Empty).entered();
        outer.record("later", 9);
        let _inner = info_span!("user", user = "u1", shared = "inner").entered();
        info!(event = events::USER_UNKNOWN, "In both.");
        info!(event = events::USER_UNKNOWN, user = "u2", "Its own.");
    });
    let [first, second] = objects(&lines).try_into().unwrap();
    assert_eq!((&first["page"], &first["later"], &first["user"]), (&1.into(), &9.into(), &"u1".into()));
    assert_eq!(first["shared"], "inner");
    assert_eq!((&second["user"], &second["page"]), (&"u2".into(), &1.into()));
}

#[test]
fn every_line_is_one_object_with_event_and_run_id_whatever_its_values() {
    let nasty = "a\r\nb\u{2028}c\u{1b}[31md\u{202e}e\"f\\";
    let lines = logged(LineFormat::Json, "trace", || {
        error!(event = events::RUN_FAILED, nasty, "{nasty}");
        warn!("No name.");
        debug!(
            event = events::BATCH_CHANGED,
            level = "mine",
            run_id = "the run it is about",
            timestamp = 1,
            target_ = "x",
            "Clashing."
        );
        info!(target: "sqlx::query", rows = 3, "A library speaks.");
        tracing::event!(Level::WARN, number = f64::NAN, none = ?Option::<u8>::None);
    });
    // The library is below warn and was not asked to speak.
    assert_eq!(lines.len(), 4);
    for line in &lines {
        assert_eq!(line.matches('\n').count(), 1, "{line:?}");
        let object: Value = serde_json::from_str(line).unwrap();
        assert!(object["event"].is_string() && object["run_id"].is_string() && object["message"].is_string(), "{line}");
    }
    let objects = objects(&lines);
    assert_eq!((&objects[0]["message"], &objects[0]["nasty"]), (&nasty.into(), &nasty.into()));
    assert_eq!(objects[1]["event"], "log");
    assert_eq!((&objects[2]["level"], &objects[2]["level_"]), (&"debug".into(), &"mine".into()));
    assert_eq!((&objects[1]["run_id"], &objects[2]["run_id"]), (&RUN.into(), &"the run it is about".into()));
    assert!(objects[2].get("run_id_").is_none(), "a line has one run");
    assert_eq!((&objects[3]["number"], &objects[3]["none"]), (&Value::Null, &"None".into()));

    let pretty = logged(LineFormat::Pretty { colours: false }, "info", || {
        error!(event = events::RUN_FAILED, nasty, "{nasty}");
    });
    assert_eq!(pretty[0].chars().filter(|c| c.is_control()).count(), 1, "{pretty:?}");
    assert!(pretty[0].contains(r"a\r\nb\u{2028}c\u{1b}[31md\u{202e}e"), "{pretty:?}");
}

#[test]
fn other_crates_speak_from_warn_up_unless_named() {
    let work = || {
        info!(target: "sqlx::query", "info");
        warn!(target: "hyper_util::client", "warn");
    };
    for (level, expected) in [("trace", vec!["warn"]), ("info,sqlx=info", vec!["info", "warn"]), ("error", vec![])] {
        let lines = logged(LineFormat::Json, level, work);
        let said: Vec<Value> = objects(&lines).iter().map(|object| object["message"].clone()).collect();
        assert_eq!(said, expected, "{level}");
    }
}

#[test]
fn secrets_and_addresses_do_not_get_out() {
    #[derive(Debug, thiserror::Error)]
    #[error("sending failed")]
    struct Outer(#[source] io::Error);

    for format in [LineFormat::Json, LineFormat::Pretty { colours: true }] {
        let lines = logged(format, "info", || {
            let _span = info_span!("send", to = "bob@example.com").entered();
            let error = Outer(io::Error::other("550 <bob@example.com> refused ak_planted_key"));
            let error: &(dyn std::error::Error + 'static) = &error;
            warn!(event = events::DELIVERY_RETRY, error, key = ?"ak_planted_key", "To bob@example.com with ak_planted_key.");
        });
        let line = &lines[0];
        assert!(!line.contains("bob@") && !line.contains("ak_planted_key"), "{line}");
        assert!(line.contains("sending failed: 550 <address> refused <secret>"), "{line}");
    }
}

#[test]
fn a_level_that_is_none_is_refused() {
    let refused = subscriber(settings(LineFormat::Json, "reconnectd=loud"), io::sink);
    assert!(matches!(refused.err(), Some(TelemetryError::Level(_))));
}

#[test]
fn event_names_are_unique_and_shaped_noun_verb() {
    let mut names = std::collections::BTreeSet::new();
    for line in include_str!("events.rs").lines().filter(|line| line.starts_with("pub const ")) {
        let name = line.split('"').nth(1).unwrap();
        let (noun, verb) = name.split_once('.').unwrap_or_else(|| panic!("{name} has no dot"));
        for part in [noun, verb] {
            let plain = !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(plain, "{name} is not noun.verb in lower case");
        }
        assert!(names.insert(name), "{name} stands twice");
    }
    assert!(names.len() > 20, "the names were not found: {names:?}");
}
