//! The Debian package: built, installed into a scratch root with and without systemd, removed and purged.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a step that fails ends its test")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use reconnectd::config;

use crate::support::machine::{Init, Machine};

const SETTINGS: &str = "/etc/reconnectd/reconnectd.toml";

/// The package of the program under test, made once.
fn package() -> &'static Path {
    static PACKAGE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = PACKAGE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let (program, path) = (folder.path().join("program"), folder.path().join("reconnectd.deb"));
        let said = |output: std::process::Output| {
            let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{said}");
        };
        // What is released has no symbols; packing those of a debug build takes a minute.
        said(
            Command::new("strip")
                .args(["-o", program.to_str().unwrap(), env!("CARGO_BIN_EXE_reconnectd")])
                .output()
                .unwrap(),
        );
        let cargo_deb = std::env::var("RECONNECTD_TEST_CARGO_DEB");
        let cargo_deb = cargo_deb.unwrap_or_else(|_| panic!("RECONNECTD_TEST_CARGO_DEB is not set: run tests/run"));
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/debian/build");
        let built = Command::new(script)
            .args([program.to_str().unwrap(), "--no-strip", "--fast", "-o", path.to_str().unwrap()])
            .env("CARGO_DEB", cargo_deb)
            .env("CARGO_TARGET_DIR", folder.path().join("target"))
            .output();
        said(built.unwrap());
        (folder, path)
    });
    path
}

fn dpkg_deb(arguments: &[&str]) -> String {
    let output = Command::new("dpkg-deb").args(arguments).arg(package()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn everything_is_in_it_with_its_mode_and_belongs_to_root() {
    let listed = dpkg_deb(&["-c"]);
    for (mode, path) in [
        ("-rwxr-xr-x", "usr/bin/reconnectd"),
        ("-rw-r-----", "etc/reconnectd/reconnectd.toml"),
        ("-rw-r--r--", "usr/lib/systemd/system/reconnectd.service"),
        ("-rw-r--r--", "usr/lib/systemd/system/reconnectd-once.service"),
        ("-rw-r--r--", "usr/lib/systemd/system/reconnectd-once.timer"),
        ("-rw-r--r--", "usr/lib/systemd/system/reconnectd-deliver.service"),
        ("-rw-r--r--", "usr/lib/systemd/system/reconnectd-deliver.timer"),
        ("-rw-r--r--", "usr/lib/systemd/system/reconnectd-retention.service"),
        ("-rw-r--r--", "usr/lib/systemd/system/reconnectd-retention.timer"),
        ("-rw-r--r--", "usr/lib/systemd/system/reconnectd-serve.service"),
        ("-rw-r--r--", "usr/lib/sysusers.d/reconnectd.conf"),
        ("-rw-r--r--", "usr/share/man/man1/reconnectd.1.gz"),
        ("-rw-r--r--", "usr/share/man/man1/reconnectd-run.1.gz"),
        ("-rw-r--r--", "usr/share/man/man5/reconnectd.toml.5.gz"),
        ("-rw-r--r--", "usr/share/bash-completion/completions/reconnectd"),
        ("-rw-r--r--", "usr/share/zsh/vendor-completions/_reconnectd"),
        ("-rw-r--r--", "usr/share/fish/vendor_completions.d/reconnectd.fish"),
        ("-rw-r--r--", "usr/share/doc/reconnectd/README.Debian"),
        ("-rw-r--r--", "usr/share/doc/reconnectd/copyright"),
    ] {
        let ending = format!(" ./{path}");
        let line = listed.lines().find(|line| line.ends_with(&ending)).unwrap_or_else(|| panic!("{path}: {listed}"));
        assert!(line.starts_with(mode), "{line}");
    }
    assert!(listed.lines().all(|line| line.contains(" 0/0 ") || line.contains(" root/root ")), "{listed}");
    assert_eq!(dpkg_deb(&["-I"]).matches("conffiles").count(), 1);
    let depends = dpkg_deb(&["-f"]);
    assert!(depends.contains("libc6 (>= ") && depends.contains("ca-certificates"), "{depends}");
}

/// With its lines that only show how it is done taken in.
#[test]
fn the_settings_can_be_used_as_they_are_and_with_mail_and_a_webhook() {
    let text = include_str!("../../deploy/debian/reconnectd.toml");
    let whole: Vec<&str> = text.split("\n\n").map(|part| part.trim_start_matches('\n')).collect();
    let shown = whole.iter().skip(1).map(|part| {
        let optional = part.starts_with("# [");
        part.lines()
            .map(|line| if optional { line.trim_start_matches("# ") } else { line })
            .collect::<Vec<_>>()
            .join("\n")
    });
    let folder = tempfile::tempdir().unwrap();
    for (name, secret) in [
        ("composio", "ak_1"),
        ("directory", "postgres://u:p@h/d"),
        ("smtp", "smtp://u:p@h:587?tls=required"),
        ("webhook", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
    ] {
        std::fs::write(folder.path().join(name), secret).unwrap();
    }
    let file = folder.path().join("reconnectd.toml");
    let load = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let credentials = ("CREDENTIALS_DIRECTORY".to_owned(), folder.path().to_str().unwrap().to_owned());
        config::load(Some(&file), std::iter::once(credentials)).unwrap()
    };
    assert!(load(text).email.is_none());
    let all = load(&shown.collect::<Vec<_>>().join("\n\n"));
    assert!(all.email.is_some());
    assert_eq!(all.webhook.len(), 1);
}

#[test]
fn without_systemd_it_is_installed_kept_removed_and_purged() {
    let Some(machine) = Machine::start(Init::Nothing) else { return };
    std::fs::copy(package(), machine.path("/tmp/reconnectd.deb")).unwrap();
    let force = "--force-depends"; // this machine has what the program was linked with
    machine.expect(&["dpkg", force, "-i", "/tmp/reconnectd.deb"]);
    assert!(machine.expect(&["reconnectd", "--version"]).starts_with("reconnectd "));
    assert!(machine.expect(&["getent", "passwd", "reconnectd"]).contains("/var/lib/reconnectd:/usr/sbin/nologin"));
    assert_eq!(machine.expect(&["stat", "-c", "%a %U %G", SETTINGS]).trim(), "640 root reconnectd");
    let enabled: Vec<String> = machine.changed().into_iter().filter(|path| path.contains(".wants/")).collect();
    assert!(enabled.is_empty(), "{enabled:?}");

    machine.expect(&["sed", "-i", "s/Acme/Apex/", SETTINGS]);
    machine.expect(&["dpkg", force, "-i", "/tmp/reconnectd.deb"]);
    assert!(machine.expect(&["cat", SETTINGS]).contains("Apex"), "an upgrade keeps what was edited");
    assert_eq!(machine.expect(&["stat", "-c", "%a %U %G", SETTINGS]).trim(), "640 root reconnectd");

    machine.expect(&["dpkg", "-r", "reconnectd"]);
    assert!(!machine.path("/usr/bin/reconnectd").exists());
    assert!(machine.path(SETTINGS).exists(), "removing keeps the settings");
    machine.expect(&["dpkg", "-P", "reconnectd"]);
    // dpkg's own books, the manual's index and the account, which Debian's packages leave.
    let known = [
        "/var/lib/dpkg/",
        "/var/log/dpkg.log",
        "/var/cache/",
        "/etc/passwd",
        "/etc/group",
        "/etc/shadow",
        "/etc/gshadow",
        "/etc/.pwd.lock",
        "/etc/subuid",
        "/etc/subgid",
    ];
    let left = machine
        .changed()
        .into_iter()
        .filter(|path| path.contains("reconnectd") || !known.iter().any(|known| path.starts_with(known)));
    assert_eq!(left.collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn under_systemd_nothing_runs_until_it_is_told_and_removing_stops_it() {
    let Some(machine) = Machine::start(Init::Systemd) else { return };
    // Images for containers say there that packages may neither start nor stop anything; a machine does not.
    machine.expect(&["rm", "-f", "/usr/sbin/policy-rc.d"]);
    std::fs::copy(package(), machine.path("/tmp/reconnectd.deb")).unwrap();
    machine.expect(&["dpkg", "--force-depends", "-i", "/tmp/reconnectd.deb"]);
    let says = |word: &str| machine.says(&["systemctl", word, "reconnectd.service"]).trim().to_owned();
    assert_eq!((says("is-enabled"), says("is-active")), ("disabled".to_owned(), "inactive".to_owned()));

    machine.write("/etc/reconnectd/credentials/composio", "ak_1\n");
    machine.write("/etc/reconnectd/credentials/directory", "postgres://u:p@127.0.0.1:9/d\n");
    machine.expect(&["sh", "-c", &format!("printf '[monitor]\\nlisten = \"off\"\\n' >>{SETTINGS}")]);
    machine.expect(&["systemctl", "start", "reconnectd.service"]);
    assert_eq!(says("is-active"), "active");
    let uid = machine.expect(&["sh", "-c", "stat -c %u /proc/$(systemctl show --value -p MainPID reconnectd)"]);
    assert_eq!(uid, machine.expect(&["id", "-u", "reconnectd"]));
    let account = machine.expect(&["cat", "/etc/passwd"]);
    assert!(account.contains(&format!("reconnectd:x:{}:", uid.trim())), "that of sysusers.d: {account}");

    machine.expect(&["dpkg", "-r", "reconnectd"]);
    assert_eq!(says("is-active"), "inactive");
    machine.expect(&["dpkg", "-P", "reconnectd"]);
    assert!(!machine.path("/etc/reconnectd/reconnectd.toml").exists());
    assert!(machine.path("/etc/reconnectd/credentials/composio").exists(), "secrets are kept");
    assert!(machine.path("/var/lib/private/reconnectd").exists(), "so is the state");
}
