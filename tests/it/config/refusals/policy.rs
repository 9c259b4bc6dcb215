//! What `[policy]`, `[quiet]`, `[storm]`, `[report]` and `[retention]` refuse.

use super::Refused;

pub const REFUSED: &[Refused] = &[
    ("policy", "first_run = \"{P}\"", &["[policy] first_run: not a known word; write \"baseline\" or \"notify\""]),
    // the ladder
    (
        "policy",
        "ladder = \"{P}\"",
        &["r.toml:10:1: [policy] ladder: expected a list of strings, found string; write texts in double quotes \
             within brackets, such as [\"one\", \"two\"]"],
    ),
    ("policy", "ladder = [\"0d\", 3]", &["[policy] ladder: expected a list of strings, found integer in it; write"]),
    ("policy", "ladder = [{ x = \"{P}\" }]", &["[policy] ladder: expected a list of strings, found table in it"]),
    ("policy", "\"ladder.1\" = \"{P}\"", &["[policy]: unknown key ladder.1; did you mean ladder?"]),
    (
        "policy",
        "ladder = []",
        &["[policy] ladder: is empty; write 1 to 10 lengths of time, such as [\"0d\", \"3d\", \"10d\"]"],
    ),
    (
        "policy",
        "ladder = [\"0d\", \"1d\", \"2d\", \"3d\", \"4d\", \"5d\", \"6d\", \"7d\", \"8d\", \"9d\", \"10d\"]",
        &["[policy] ladder: has too many entries; write 1 to 10"],
    ),
    (
        "policy",
        "ladder = [\"0d\", \"{P}\"]",
        &["[policy] ladder: not a length of time; write a number and a unit, such as \"3d\", from 0s to 365d"],
    ),
    ("policy", "ladder = [\"0d\", \"3\"]", &["ladder: not a length of time"]),
    ("policy", "ladder = [\"366d\"]", &["ladder: out of range; write a number and a unit"]),
    (
        "policy",
        "ladder = [\"3d\", \"1d\"]",
        &["ladder: is not in ascending order; make each entry longer than the one before"],
    ),
    ("policy", "ladder = [\"1d\", \"24h\"]", &["ladder: is not in ascending order"]),
    // waiting
    (
        "policy",
        "dwell = \"{P}\"",
        &["[policy] dwell: not a length of time; write a number and a unit, such as \"0s\", from 0s to 30d"],
    ),
    ("policy", "dwell = 5", &["[policy] dwell: expected a string, found integer"]),
    ("policy", "dwell = \"31d\"", &["[policy] dwell: out of range"]),
    ("policy", "dwell_transient = \"{P}\"", &["[policy] dwell_transient: not a length of time", "such as \"24h\""]),
    ("policy", "dwell_transient = \"31d\"", &["[policy] dwell_transient: out of range"]),
    ("policy", "dwell = \"25h\"", &["[policy] dwell_transient: shorter than dwell; set it to at least dwell"]),
    (
        "policy",
        "dwell = \"1h\"\ndwell_transient = \"59m\"",
        &["r.toml:11:1: [policy] dwell_transient: shorter than dwell"],
    ),
    ("policy", "digest_window = \"{P}\"", &["[policy] digest_window: not a length of time", "\"1h\", from 0s to 7d"]),
    ("policy", "digest_window = \"8d\"", &["[policy] digest_window: out of range"]),
    // caps
    ("policy", "max_per_day = 0", &["[policy] max_per_day: out of range; set a whole number from 1 to 100"]),
    ("policy", "max_per_day = 101\nmax_per_week = 500", &["[policy] max_per_day: out of range"]),
    ("policy", "max_per_week = 0", &["[policy] max_per_week: out of range; set a whole number from 1 to 500"]),
    ("policy", "max_per_week = 501", &["[policy] max_per_week: out of range"]),
    ("policy", "max_per_day = 6", &["[policy] max_per_week: less than max_per_day; set it to at least max_per_day"]),
    ("policy", "max_per_week = 1", &["r.toml:10:1: [policy] max_per_week: less than max_per_day"]),
    ("policy", "recovered_mail = \"{P}\"", &["[policy] recovered_mail: expected true or false, found string"]),
    // quiet time
    (
        "quiet",
        "hours = \"{P}\"",
        &[
            "[quiet] hours: not a stretch of the day; write two times of day from 00:00 to 23:59, such as \"22:00-08:00\"",
        ],
    ),
    ("quiet", "hours = \"22:00-24:00\"", &["[quiet] hours: not a stretch of the day"]),
    ("quiet", "hours = \"22-8\"", &["[quiet] hours: not a stretch of the day"]),
    ("quiet", "hours = \"22:00-08:00-09:00\"", &["[quiet] hours: not a stretch of the day"]),
    ("quiet", "hours = \"\"", &["[quiet] hours: not a stretch of the day"]),
    ("quiet", "hours = \"08:00-08:00\"", &["[quiet] hours: begins when it ends; write two different times"]),
    (
        "quiet",
        "days = [\"{P}\"]",
        &["[quiet] days: not a day of the week; write English names or their first three letters, such as"],
    ),
    ("quiet", "days = [\"samedi\"]", &["[quiet] days: not a day of the week"]),
    ("quiet", "days = \"{P}\"", &["[quiet] days: expected a list of strings, found string"]),
    ("quiet", "days = [\"sat\", \"Saturday\"]", &["[quiet] days: names a day twice; name each day once"]),
    (
        "quiet",
        "days = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\", \"sun\"]",
        &["[quiet] days: leaves no day to tell anybody; name six days at most"],
    ),
    (
        "quiet",
        "timezone = \"{P}\"",
        &["[quiet] timezone: not a time zone; write an IANA name, such as Europe/Warsaw or UTC"],
    ),
    ("quiet", "timezone = \"+01:00\"", &["[quiet] timezone: not a time zone"]),
    ("quiet", "spread = \"{P}\"", &["[quiet] spread: not a length of time", "such as \"30m\", from 0s to 6h"]),
    ("quiet", "spread = \"361m\"", &["[quiet] spread: out of range"]),
    // storms
    ("storm", "share = 0.009", &["[storm] share: out of range; set a number from 0.01 to 1.0"]),
    ("storm", "share = 1.1", &["[storm] share: out of range"]),
    ("storm", "share = nan", &["[storm] share: out of range"]),
    ("storm", "share = \"{P}\"", &["[storm] share: expected a number, found string"]),
    ("storm", "min = 0", &["[storm] min: out of range; set a whole number from 1 to 1000000"]),
    ("storm", "min = 1000001", &["[storm] min: out of range"]),
    ("storm", "window = \"{P}\"", &["[storm] window: not a length of time", "such as \"24h\", from 1h to 30d"]),
    ("storm", "window = \"59m\"", &["[storm] window: out of range"]),
    ("storm", "window = \"31d\"", &["[storm] window: out of range"]),
    // history
    ("report", "directory = \"\"", &["[report] directory: names no directory; give a path, or leave the key out"]),
    ("report", "period = \"{P}\"", &["[report] period: not a length of time", "such as \"7d\", from 1d to 366d"]),
    ("report", "period = \"23h\"", &["[report] period: out of range"]),
    ("report", "period = \"367d\"", &["[report] period: out of range"]),
    ("report", "keep = 0", &["[report] keep: out of range; set a whole number from 1 to 10000"]),
    ("report", "keep = 10001", &["[report] keep: out of range"]),
    ("retention", "history = \"{P}\"", &["[retention] history: not a length of time", "\"800d\", from 180d to 3650d"]),
    ("retention", "history = \"179d\"", &["[retention] history: out of range"]),
    ("retention", "history = \"3651d\"", &["[retention] history: out of range"]),
    ("retention", "operational = \"{P}\"", &["[retention] operational: not a length of time", "from 7d to 3650d"]),
    ("retention", "operational = \"6d\"", &["[retention] operational: out of range"]),
    (
        "retention",
        "history = \"200d\"\noperational = \"201d\"",
        &["r.toml:11:1: [retention] operational: longer than history; set it to at most history"],
    ),
    (
        "report",
        "period = \"164d\"\n[retention]\nhistory = \"200d\"",
        &[
            "r.toml:12:1: [retention] history: shorter than the reports of [report] period need; set it to at least 201d, or",
        ],
    ),
    (
        "retention",
        "history = \"402d\"\n[report]\nperiod = \"366d\"",
        &["[retention] history: shorter than the reports"],
    ),
];
