//! On call at three in the morning: for each alert something is broken for the real program, and its metrics and its log alone
//! must tell what broke, for whom, and what to do.
//!
//! The metrics that a scene leaves are given to the rules that are shipped (`prometheus`): the alert must fire, and
//! the line that explains it must be in the log. A scene that has no alert, or an alert that has no scene, fails.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a step that fails ends its test")]

mod daemon_scenes;
mod delivery_scenes;
mod page_scenes;
mod prometheus;
mod provider_scenes;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::binary::process::Output;
use crate::binary::setup::Setup;

/// What a scene left for whoever is called: two looks at the metrics, before and after something broke, and the log.
pub struct Evidence {
    pub before: String,
    pub after: String,
    pub log: Vec<Value>,
}

impl Evidence {
    /// The alert fires within so many minutes of trouble that goes on.
    pub fn fires(&self, alert: &str, minutes: u64) {
        let firing = prometheus::firing(&self.before, &self.after, minutes, "");
        assert!(firing.contains(alert), "{alert} does not fire, but {firing:?}:\n{}", self.after);
    }

    /// The newest line of this event whose fields say this.
    pub fn line(&self, event: &str, fields: &[(&str, Value)]) -> &Value {
        let says = |line: &&Value| line["event"] == event && fields.iter().all(|(name, value)| line[*name] == *value);
        let logged: Vec<String> = self.log.iter().map(Value::to_string).collect();
        self.log.iter().rev().find(says).unwrap_or_else(|| panic!("no {event} {fields:?}:\n{}", logged.join("\n")))
    }
}

/// The line says this, in its sentence or its fields.
pub fn says(line: &Value, words: &str) {
    assert!(line.to_string().contains(words), "{words:?} is not in {line}");
}

/// A setup that writes its metrics as a textfile, with one user whose account works, audited once.
pub async fn quiet_night() -> Setup {
    let mut setup = Setup::new().await;
    let file = setup.folder.path().join("reconnectd.prom");
    setup.text("monitor.textfile", file.to_str().unwrap());
    setup.set("composio.max_attempts", "1");
    setup.user("quiet").await;
    setup.works("quiet", "gmail");
    setup.run(&["once"]).await.expect(0);
    setup
}

/// The textfile as it is now.
pub fn textfile(setup: &Setup) -> String {
    std::fs::read_to_string(setup.folder.path().join("reconnectd.prom")).unwrap()
}

/// Runs a command that must end with this code, and keeps what it leaves; `before` is the textfile until then.
pub async fn after_command(setup: &Setup, before: String, arguments: &[&str], code: i32) -> Evidence {
    let output: Output = setup.run(arguments).await.expect(code);
    Evidence { before, after: textfile(setup), log: output.log() }
}

/// `once`, before and after.
pub async fn after_once(setup: &Setup, code: i32) -> Evidence {
    after_command(setup, textfile(setup), &["once"], code).await
}

#[test]
fn every_alert_has_its_scene() {
    let scenes = [
        include_str!("oncall/daemon_scenes.rs"),
        include_str!("oncall/delivery_scenes.rs"),
        include_str!("oncall/page_scenes.rs"),
        include_str!("oncall/provider_scenes.rs"),
    ];
    let named = |scene: &str| -> BTreeSet<String> {
        let quoted = scene.split("fires(\"").skip(1).chain(scene.split("contains(\"").skip(1));
        quoted
            .filter_map(|rest| rest.split('"').next())
            .filter(|name| name.starts_with("Reconnectd"))
            .map(str::to_owned)
            .collect()
    };
    let played: BTreeSet<String> = scenes.iter().flat_map(|scene| named(scene)).collect();
    let alerts: BTreeSet<String> = crate::deploy_prometheus::alerts().into_keys().map(str::to_owned).collect();
    assert_eq!(played, alerts);
}

/// A night on which nothing is wrong: nobody is called, by a timer's textfile.
#[tokio::test]
async fn nobody_is_called_when_nothing_is_wrong() {
    let setup = quiet_night().await;
    let evidence = after_once(&setup, 0).await;
    let firing = prometheus::firing(&evidence.before, &evidence.after, 70, "");
    assert_eq!(firing, BTreeSet::new());
    let loud: Vec<&Value> = evidence.log.iter().filter(|line| line["level"] != "info").collect();
    assert_eq!(loud, Vec::<&Value>::new());
}
