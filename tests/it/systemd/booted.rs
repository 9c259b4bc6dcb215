//! The daemon under a real systemd, by its real unit: everything that is promised of `Type=notify` and the watchdog.

use super::UNITS;
use crate::support::machine::{Init, Machine};

/// Nothing that it names answers: what it cannot reach it waits for.
const CONFIGURATION: &str = r#"
[directory]
url_file = "$CREDENTIALS_DIRECTORY/directory"
[composio]
base_url = "http://127.0.0.1:9"
[reconnect]
url = "https://app.example.com/"
product = "Acme"
[monitor]
listen = "127.0.0.1:PORT"
"#;

/// With a port that is free; the network is shared with the other tests.
fn configuration() -> String {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    CONFIGURATION.replace("PORT", &free.port().to_string())
}

/// Faster than for operators: the tests do not wait for two minutes.
const FASTER: &str = "[Service]\nWatchdogSec=3s\nRestartSec=100ms\n";

fn installed() -> Option<Machine> {
    let machine = Machine::start(Init::Systemd)?;
    machine.install_binary();
    for (name, text) in UNITS {
        machine.write(&format!("/etc/systemd/system/{name}"), text);
    }
    machine.write("/etc/systemd/system/reconnectd.service.d/faster.conf", FASTER);
    machine.write("/etc/reconnectd/reconnectd.toml", &configuration());
    machine.write("/etc/reconnectd/credentials/composio", "ak_1\n");
    machine.write("/etc/reconnectd/credentials/directory", "postgres://u:p@127.0.0.1:9/d\n");
    machine.expect(&["systemctl", "daemon-reload"]);
    Some(machine)
}

impl Machine {
    fn shows(&self, unit: &str, property: &str) -> String {
        self.expect(&["systemctl", "show", "--value", "-p", property, unit]).trim().to_owned()
    }

    fn journal(&self) -> String {
        self.expect(&["journalctl", "--no-pager", "-o", "cat", "-u", "reconnectd"])
    }
}

#[test]
fn the_daemon_is_started_reloaded_watched_and_stopped() {
    let Some(machine) = installed() else { return };
    // Returns once the daemon has said READY, and fails where it ends before.
    machine.expect(&["systemctl", "start", "reconnectd"]);
    assert_eq!(machine.expect(&["systemctl", "is-active", "reconnectd"]).trim(), "active");
    machine.until("it says what it does", || !machine.shows("reconnectd", "StatusText").is_empty());

    let healthy = ["reconnectd", "health", "--config", "/etc/reconnectd/reconnectd.toml"];
    machine.expect(&healthy);

    let reloads = machine.journal().matches("config.reloaded").count();
    machine.expect(&["systemctl", "reload", "reconnectd"]);
    machine.until("it is reloaded", || machine.journal().matches("config.reloaded").count() > reloads);
    machine.until("it is ready again", || machine.shows("reconnectd", "SubState") == "running");
    assert_eq!(machine.shows("reconnectd", "NRestarts"), "0");

    let stuck = machine.shows("reconnectd", "MainPID");
    machine.expect(&["kill", "-STOP", &stuck]);
    machine.until("the watchdog fires", || machine.shows("reconnectd", "NRestarts") == "1");
    machine.until("it is there again", || machine.shows("reconnectd", "ActiveState") == "active");
    assert_ne!(machine.shows("reconnectd", "MainPID"), stuck);
    assert!(machine.journal().contains("Watchdog timeout"), "{}", machine.journal());

    machine.expect(&["systemctl", "stop", "reconnectd"]);
    assert_eq!(machine.run(&healthy).status.code(), Some(1));
    assert_eq!(machine.shows("reconnectd", "Result"), "success", "{}", machine.journal());
    assert_eq!(machine.shows("reconnectd", "ExecMainStatus"), "0");
    for secret in ["ak_1", "u:p"] {
        assert!(!machine.journal().contains(secret), "{}", machine.journal());
    }
    let owner = machine.expect(&["stat", "-c", "%a", "/var/lib/private/reconnectd"]);
    assert_eq!(owner.trim(), "700");
}

#[test]
fn what_a_person_must_mend_stays_down_and_says_why() {
    let Some(machine) = installed() else { return };
    machine.write("/etc/reconnectd/reconnectd.toml", "[directory]\ntypo = 1\n");
    assert!(!machine.run(&["systemctl", "start", "reconnectd"]).status.success());
    assert_eq!(machine.shows("reconnectd", "ExecMainStatus"), "2");
    assert_eq!(machine.shows("reconnectd", "ActiveState"), "failed", "not started again");
    assert!(machine.journal().contains("typo"), "{}", machine.journal());
    // A credential that is not there is named, too.
    machine.write("/etc/reconnectd/reconnectd.toml", &configuration());
    std::fs::remove_file(machine.path("/etc/reconnectd/credentials/composio")).unwrap();
    assert!(!machine.run(&["systemctl", "start", "reconnectd"]).status.success());
    assert!(
        machine.journal().contains("/run/credentials/reconnectd.service/composio is empty"),
        "{}",
        machine.journal()
    );
}
