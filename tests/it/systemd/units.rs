//! The units as files: what systemd says of them, what they share, and that what they name exists.

use std::collections::BTreeSet;
use std::process::{Command, Output};

use reconnectd::cli::SERVE_STOP_LIMIT;
use reconnectd::config;
use secrecy::ExposeSecret as _;

use super::{UNITS, longest_stop, services, values};

/// systemd looks for the programs that units start: here, for ours.
fn analyzed(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for (name, text) in UNITS {
        let path = folder.path().join(name);
        std::fs::write(&path, text.replace("/usr/bin/reconnectd", env!("CARGO_BIN_EXE_reconnectd"))).unwrap();
        if arguments[0] == "verify" || name.ends_with(".service") {
            paths.push(path);
        }
    }
    let analyze = Command::new("systemd-analyze").args(arguments).args(paths).output();
    // Debian's package systemd has it; tests/run installs that.
    analyze.unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What it does not understand it only mentions, and succeeds all the same.
#[test]
fn systemd_has_nothing_to_say_against_any_unit() {
    let output = analyzed(&["verify", "--man=no"]);
    assert!(output.status.success() && said(&output).trim().is_empty(), "{}", said(&output));
}

#[test]
fn no_service_is_exposed_to_more_than_it_needs() {
    // In tenths: 1.2 at most.
    let output = analyzed(&["security", "--offline=yes", "--no-pager", "--threshold=12"]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(said(&output).matches("Overall exposure level").count(), services().count(), "{}", said(&output));
}

/// From one line on, all services are the same: who learns one knows all, and none is forgotten.
#[test]
fn all_services_share_their_secrets_their_user_and_their_walls() {
    let parts = |unit: &str, from: &str| {
        let lines: Vec<String> = unit.lines().skip_while(|line| !line.starts_with(from)).map(str::to_owned).collect();
        lines.into_iter().take_while(|line| !line.starts_with("[Install]")).collect::<Vec<_>>().join("\n")
    };
    let all: BTreeSet<String> =
        services().map(|(_, unit)| parts(unit, "# Secrets come as credentials").trim().to_owned()).collect();
    assert_eq!(all.len(), 1, "{all:#?}");
    assert!(all.first().unwrap().contains("LimitCORE=0"), "{all:?}");
}

/// 1 may pass by itself; a person must act on the others. The pages start whether the provider takes the key or not.
#[test]
fn what_a_person_must_mend_is_not_tried_again() {
    let expected = [
        ("reconnectd.service", Some("2 3 4")),
        ("reconnectd-once.service", Some("2 3 4")),
        // Their timers start them again soon enough.
        ("reconnectd-deliver.service", None),
        ("reconnectd-retention.service", None),
        ("reconnectd-serve.service", Some("2 4")),
    ];
    assert_eq!(services().count(), expected.len());
    for ((name, unit), (expected_name, codes)) in services().zip(expected) {
        assert_eq!(name, expected_name);
        let restart: &[&str] = if codes.is_some() { &["on-failure"] } else { &[] };
        assert_eq!(values(unit, "Restart"), restart, "{name}");
        assert_eq!(values(unit, "RestartPreventExitStatus"), codes.into_iter().collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn every_credential_has_a_stand_in_and_can_be_named_by_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    for (name, unit) in services() {
        let loaded = values(unit, "LoadCredential");
        let stand_ins = values(unit, "SetCredential");
        assert!(loaded.len() >= 5, "{name}");
        for (loaded, stand_in) in loaded.iter().zip(&stand_ins) {
            let (id, path) = loaded.split_once(':').unwrap();
            assert_eq!(path, format!("/etc/reconnectd/credentials/{id}"), "{name}");
            assert_eq!(*stand_in, format!("{id}:\\n"), "{name}: as the others, and read as empty");
            std::fs::write(folder.path().join(id), "\n").unwrap();
        }
        assert_eq!(loaded.len(), stand_ins.len(), "{name}");
    }
    std::fs::write(folder.path().join("composio"), "ak_credential\n").unwrap();
    std::fs::write(folder.path().join("directory"), "postgres://credential@h/d\n").unwrap();
    let file = folder.path().join("reconnectd.toml");
    let load = |directory: &str| {
        let text = format!(
            "[directory]\nurl_file = \"{directory}\"\n[composio]\napi_key_file = \"$CREDENTIALS_DIRECTORY/composio\"\n\
             [reconnect]\nurl = \"https://app.example.com/\"\nproduct = \"Acme\"\n"
        );
        std::fs::write(&file, text).unwrap();
        let credentials = ("CREDENTIALS_DIRECTORY".to_owned(), folder.path().to_str().unwrap().to_owned());
        config::load(Some(&file), std::iter::once(credentials))
    };
    let config = load("$CREDENTIALS_DIRECTORY/directory").unwrap();
    assert_eq!(config.composio.api_key.expose_secret(), "ak_credential");
    assert_eq!(config.directory.url.expose_secret(), "postgres://credential@h/d");
    for (named, words) in [
        ("$CREDENTIALS_DIRECTORY/state", "is empty"),         // a stand-in
        ("$CREDENTIALS_DIRECTORY/nothing", "cannot be read"), // no such credential
        ("elsewhere/$CREDENTIALS_DIRECTORY/directory", "cannot be read"), // only at the beginning
    ] {
        let error = load(named).unwrap_err().to_string();
        assert!(error.contains(words), "{named}: {error}");
    }
    let without = config::load(Some(&file), std::iter::empty()).unwrap_err().to_string();
    assert!(without.contains("$CREDENTIALS_DIRECTORY/composio"), "outside of systemd the name is said: {without}");
}

#[test]
fn the_units_set_variables_that_exist() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("composio"), "ak_credential\n").unwrap();
    let file = folder.path().join("reconnectd.toml");
    let least = "[directory]\nurl = \"sqlite://p.db\"\n[reconnect]\nurl = \"https://a.example/\"\nproduct = \"Acme\"\n";
    std::fs::write(&file, least).unwrap();
    for (name, unit) in services() {
        // systemd puts the folder of the credentials in place of %d.
        let placed = |value: &str| value.replace("%d", folder.path().to_str().unwrap());
        let variables = values(unit, "Environment").into_iter().map(|line| line.split_once('=').unwrap());
        let variables: Vec<_> = variables.map(|(name, value)| (name.to_owned(), placed(value))).collect();
        assert_eq!(variables.len(), 2, "{name}");
        let config = config::load(Some(&file), variables.into_iter()).unwrap();
        assert_eq!(config.composio.api_key.expose_secret(), "ak_credential", "{name}");
        assert!(config.log.format.is_json(true), "{name}");
    }
}

/// What kills a process that takes too long at its stop comes after the longest that it may take.
#[test]
fn every_process_that_stays_has_the_time_it_needs_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("reconnectd.toml");
    let least = "[composio]\napi_key = \"ak_1\"\n[directory]\nurl = \"sqlite://p.db\"\n[reconnect]\n\
                 url = \"https://a.example/\"\nproduct = \"Acme\"\n";
    std::fs::write(&file, least).unwrap();
    let config = config::load(Some(&file), std::iter::empty()).unwrap();
    for (name, unit) in services() {
        let needed = match name {
            "reconnectd.service" => longest_stop(&config),
            "reconnectd-serve.service" => SERVE_STOP_LIMIT,
            _ => continue,
        };
        let [given] = values(unit, "TimeoutStopSec")[..] else { panic!("{name}") };
        let given = humantime::parse_duration(given).unwrap();
        assert!(given > needed, "{name}: {given:?}, and it may take {needed:?}");
    }
}
