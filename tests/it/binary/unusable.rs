//! A state database that cannot be used: full, corrupt, or of another version. Every command says what is wrong and what
//! to do, and ends with 4; the daemon too, at its start and later.

use std::process::{Command, Stdio};

use super::setup::Setup;

/// What reads or writes a state that is there.
const COMMANDS: [&[&str]; 8] = [
    &["once"],
    &["deliver"],
    &["run"],
    &["check"],
    &["migrate"],
    &["serve"],
    &["outbox", "list"],
    &["suppress", "list"],
];

async fn all_end_with_4(setup: &Setup, says: &str) {
    for command in COMMANDS {
        let output = setup.run(command).await.expect(4);
        let said = format!("{}{}", output.stdout, output.stderr);
        assert!(said.contains(says), "{command:?}: {says:?} is missing: {said}");
    }
}

#[tokio::test]
async fn a_schema_of_a_newer_version_ends_everything_with_4() {
    let setup = Setup::new().await;
    setup.run(&["migrate"]).await.expect(0);
    setup
        .on_state(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (29990101000000, 'from the future', 1, x'00', 1)",
        )
        .await;
    all_end_with_4(&setup, "run the version that wrote it").await;
}

#[tokio::test]
async fn a_file_that_is_no_database_ends_everything_with_4() {
    let setup = Setup::new().await;
    std::fs::write(setup.folder.path().join("state.db"), "this is no database, however long it is ".repeat(200))
        .unwrap();
    all_end_with_4(&setup, "put the last backup in its place").await;
}

/// In a file system of its own of 2 MiB: fills it before and under the program, then makes room.
const SCRIPT: &str = r#"
mount -t tmpfs -o size=2m none disk || exit 99
"$PROGRAM" once >/dev/null 2>>log; echo "first $?"
head -c 4M /dev/zero >disk/filler 2>/dev/null
"$PROGRAM" once >/dev/null 2>>log; echo "once $?"
"$PROGRAM" deliver >/dev/null 2>>log; echo "deliver $?"
"$PROGRAM" run 2>>log; echo "run $?"
rm disk/filler
"$PROGRAM" run 2>>running & pid=$!
until grep -q '"job.ended"' running; do sleep 0.1; done
head -c 4M /dev/zero >disk/filler 2>/dev/null
wait $pid; echo "running $?"
rm disk/filler
"$PROGRAM" once >/dev/null 2>>log; echo "room $?"
"#;

#[tokio::test]
async fn a_full_disk_ends_a_run_and_the_daemon_with_4_and_loses_nothing() {
    let mut setup = Setup::new().await;
    for (key, value) in [("audit", "* * * * * *"), ("audit_jitter", "0s"), ("deliver", "off")] {
        setup.text(&format!("schedule.{key}"), value);
    }
    std::fs::create_dir(setup.folder.path().join("disk")).unwrap();
    setup.text("state.url", "sqlite://disk/state.db");
    for number in 0..3 {
        setup.broken_user(&format!("u{number}")).await;
    }
    std::fs::write(setup.folder.path().join("reconnectd.toml"), setup.configuration()).unwrap();
    let folder = setup.folder.path().to_owned();
    let script = move || {
        Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"])
            .args(["timeout", "100", "/bin/sh", "-c", SCRIPT])
            .current_dir(folder)
            .env("PROGRAM", env!("CARGO_BIN_EXE_reconnectd"))
            .stdin(Stdio::null())
            .output()
    };
    let output = tokio::task::spawn_blocking(script).await.unwrap().unwrap();
    let codes = String::from_utf8(output.stdout).unwrap();
    if output.status.code() == Some(99) || codes.is_empty() {
        eprintln!("not shown here: this machine gives no file system of one's own to a test");
        return;
    }
    let read = |name: &str| std::fs::read_to_string(setup.folder.path().join(name)).unwrap();
    assert_eq!(codes, "first 0\nonce 4\ndeliver 4\nrun 4\nrunning 4\nroom 0\n", "{}{}", read("log"), read("running"));
    for log in [read("log"), read("running")] {
        assert!(log.contains("make room"), "{log}");
    }
    assert_eq!(setup.told(), ["u0", "u1", "u2"], "everybody once");
}
