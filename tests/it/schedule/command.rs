//! `reconnectd schedule`, as people and machines read it.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::process::Command;

use serde_json::{Value, json};

const LEAST: &str = "[directory]\nurl = \"sqlite://nowhere/product.db\"\n[composio]\napi_key = \"ak_1\"\n\
    [reconnect]\nurl = \"https://app.example.com/\"\nproduct = \"Acme\"\n[state]\nurl = \"sqlite://nowhere/state.db\"\n";

/// Exit code and standard output; the state database and the directory are nowhere.
fn schedule(section: &str, args: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("r.toml");
    std::fs::write(&file, format!("{LEAST}{section}")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_reconnectd"));
    let output = command.current_dir(folder.path()).env_clear().arg("schedule").arg("--config").arg(&file).args(args);
    let output = output.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn it_prints_the_next_five_instants_of_every_job_in_utc_and_local_time() {
    let section = "[schedule]\ntimezone = \"Europe/Warsaw\"\naudit = \"30 2 * * *\"\nreport_timezone = \"America/New_York\"\n\
        retention = \"off\"\ncatch_up = \"3h\"\n";
    let (code, out, err) = schedule(section, &["--after", "2027-03-26T12:00:00Z"]);
    assert_eq!(code, Some(0), "{err}");
    let expected = "\
audit      30 2 * * * (Europe/Warsaw), begins up to 10m after each
  2027-03-27 01:30:00 UTC   Sat 2027-03-27 02:30:00 +01:00
  2027-03-28 01:00:00 UTC   Sun 2027-03-28 03:00:00 +02:00
  2027-03-29 00:30:00 UTC   Mon 2027-03-29 02:30:00 +02:00
  2027-03-30 00:30:00 UTC   Tue 2027-03-30 02:30:00 +02:00
  2027-03-31 00:30:00 UTC   Wed 2027-03-31 02:30:00 +02:00
deliver    */5 * * * * (Europe/Warsaw)
  2027-03-26 12:05:00 UTC   Fri 2027-03-26 13:05:00 +01:00
  2027-03-26 12:10:00 UTC   Fri 2027-03-26 13:10:00 +01:00
  2027-03-26 12:15:00 UTC   Fri 2027-03-26 13:15:00 +01:00
  2027-03-26 12:20:00 UTC   Fri 2027-03-26 13:20:00 +01:00
  2027-03-26 12:25:00 UTC   Fri 2027-03-26 13:25:00 +01:00
report     0 7 * * mon (America/New_York)
  2027-03-29 11:00:00 UTC   Mon 2027-03-29 07:00:00 -04:00
  2027-04-05 11:00:00 UTC   Mon 2027-04-05 07:00:00 -04:00
  2027-04-12 11:00:00 UTC   Mon 2027-04-12 07:00:00 -04:00
  2027-04-19 11:00:00 UTC   Mon 2027-04-19 07:00:00 -04:00
  2027-04-26 11:00:00 UTC   Mon 2027-04-26 07:00:00 -04:00
retention  off
what is missed is made up for within 3h, the newest of it once
";
    assert_eq!(out, expected);
}

#[test]
fn machines_read_the_same_and_now_is_the_default() {
    let (code, out, err) = schedule("[schedule]\nreport = \"off\"\n", &["--json", "--after", "2026-11-21T12:00:00Z"]);
    assert_eq!(code, Some(0), "{err}");
    let read: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(read["catch_up_ms"], 6 * 3_600_000);
    let audit = &read["jobs"][0];
    assert_eq!(audit["next"][0], json!({"utc": "2026-11-21T12:17:00Z", "local": "2026-11-21T12:17:00+00:00"}));
    assert_eq!((&audit["schedule"], &audit["jitter_ms"]), (&json!("17 * * * *"), &json!(600_000)));
    assert_eq!(read["jobs"][2], json!({"job": "report", "off": true}));

    let (_, now, _) = schedule("", &["--json"]);
    let now: Value = serde_json::from_str(&now).unwrap();
    for job in now["jobs"].as_array().unwrap() {
        assert_eq!(job["next"].as_array().unwrap().len(), 5, "{job}");
    }
}

#[test]
fn a_schedule_that_never_comes_is_refused_at_load() {
    let (code, out, err) = schedule("[schedule]\nreport = \"0 9 31 2 *\"\n", &[]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("[schedule] report: names a date that does not exist; write a day that one"), "{err}");
}
