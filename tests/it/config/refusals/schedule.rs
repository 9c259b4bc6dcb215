//! What `[schedule]` refuses.

use super::Refused;

pub const REFUSED: &[Refused] = &[
    (
        "schedule",
        "timezone = \"{P}\"",
        &["r.toml:10:1: [schedule] timezone: not a time zone; write an IANA name, such as Europe/Warsaw or UTC"],
    ),
    ("schedule", "report_timezone = \"{P}\"", &["[schedule] report_timezone: not a time zone"]),
    // Judged although the job is off.
    ("schedule", "report = \"off\"\nreport_timezone = \"{P}\"", &["r.toml:11:1: [schedule] report_timezone: not a"]),
    (
        "schedule",
        "audit = \"{P}\"",
        &["r.toml:10:1: [schedule] audit: not a schedule of five fields; write minute, hour, day of month, month and"],
    ),
    (
        "schedule",
        "audit = \"{P} * * * *\"",
        &["[schedule] audit: the field minute holds what it cannot; write numbers"],
    ),
    ("schedule", "audit = 5", &["[schedule] audit: expected a string, found integer"]),
    ("schedule", "deliver = \"\"", &["[schedule] deliver: not a schedule of five fields"]),
    ("schedule", "deliver = \"no\"", &["[schedule] deliver: not a schedule of five fields"]),
    ("schedule", "report = \"0 9 13 * fri\"", &["[schedule] report: restricts the day of month and the day of week"]),
    (
        "schedule",
        "retention = \"0 9 31 2 *\"",
        &["[schedule] retention: names a date that does not exist; write a day"],
    ),
    (
        "schedule",
        "audit_jitter = \"{P}\"",
        &["[schedule] audit_jitter: not a length of time; write a number and a unit, such as \"10m\", from 0s to 1d"],
    ),
    ("schedule", "audit_jitter = \"25h\"", &["[schedule] audit_jitter: out of range"]),
    (
        "schedule",
        "audit_jitter = \"1h\"",
        &["[schedule] audit_jitter: not shorter than the shortest time between two instants, 1h; shorten it, or let"],
    ),
    (
        "schedule",
        "deliver = \"*/7 * * * *\"\ndeliver_jitter = \"4m\"",
        &["[schedule] deliver_jitter: not shorter", "4m;"],
    ),
    ("schedule", "catch_up = \"{P}\"", &["[schedule] catch_up: not a length of time; write", "\"6h\", from 0s to 7d"]),
    ("schedule", "catch_up = \"8d\"", &["[schedule] catch_up: out of range"]),
    ("schedule", "jitter = \"5m\"", &["[schedule]: unknown key jitter;"]),
];
