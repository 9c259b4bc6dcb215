//! Values at their bounds are taken: a bound that moved inwards would refuse them.

use super::{LEAST, SUPPRESSION, WHSEC, load};

const MAIL: &str = "[email]\nurl = \"smtps://h.example\"\nfrom = \"a@b.example\"\n";

/// The base64 of 64 bytes.
const WHSK_LONG: &str = "whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==";

fn all_taken(rows: &[(&str, &str)]) {
    for (section, lines) in rows {
        // One that gives the section itself replaces the least one.
        let least = if section.contains("[reconnect]") { LEAST.split("[reconnect]").next().unwrap() } else { LEAST };
        let text = format!("{least}{section}{lines}\n");
        let loaded = load(&text, &[]);
        assert!(loaded.is_ok(), "{:?}\n{text}", loaded.err());
    }
}

#[test]
fn what_is_served_is_taken_at_its_bounds() {
    all_taken(&[
        ("[http]\n", "listen = \"[::1]:0\"\npublic_url = \"http://127.0.0.1:8480/notices\""),
        ("[http]\n", &format!("report_auth = \"token\"\nreport_token = \"{SUPPRESSION}\"")),
        ("[http]\n", "report_auth = \"proxy\"\nreport_proxy_header = \"x-auth-request-email\""),
        (
            "[http]\n",
            "report_auth = \"proxy\"\nlisten = \"0.0.0.0:1\"\nreport_proxy_from = [\"10.0.0.7\", \"fd00::/8\"]",
        ),
        ("[http]\n", "report_auth = \"proxy\"\nlisten = \"[::1]:0\""),
        ("[http]\n", "colour = \"#767676\"\nlogo = \"tests/it/config/logo.png\""),
        (
            "[http]\npublic_url = \"https://n.example\"\n[reconnect]\nurl = \"https://a.example/\"\nproduct = \"A\"\n",
            &format!("mode = \"page\"\nlink_ttl = \"1d\"\nlink_key = \"{SUPPRESSION}\""),
        ),
    ]);
}

#[test]
fn values_at_their_bounds_are_taken() {
    let hook = format!("[[webhook]]\nname = \"a\"\nurl = \"https://x.example/\"\nsecret = \"{WHSEC}\"\n");
    let longest = format!("{}.{}", "a".repeat(127), "b".repeat(127));
    let rows = [
        ("[policy]\n", "ladder = [\"365d\"]"),
        ("[policy]\n", "ladder = [\"0s\", \"1ms\", \"2s\", \"3m\", \"4h\", \"5d\", \"6d\", \"7d\", \"8d\", \"9d\"]"),
        ("[policy]\n", "dwell = \"30d\"\ndwell_transient = \"30d\""),
        ("[policy]\n", "dwell = \"24h\""),
        ("[policy]\n", "dwell_transient = \"0s\""),
        ("[policy]\n", "digest_window = \"0s\""),
        ("[policy]\n", "digest_window = \"7d\""),
        ("[policy]\n", "max_per_day = 1\nmax_per_week = 1"),
        ("[policy]\n", "max_per_day = 100\nmax_per_week = 500"),
        ("[quiet]\n", "days = []"),
        ("[quiet]\n", "days = [\"MON\", \"Tuesday\", \"wed\", \"thu\", \"fri\", \"sat\"]"),
        ("[quiet]\n", "hours = \"00:00-23:59\""),
        ("[quiet]\n", "hours = \"08:00-07:30\""),
        ("[quiet]\n", "timezone = \"Australia/Lord_Howe\""),
        ("[quiet]\n", "spread = \"0s\""),
        ("[quiet]\n", "spread = \"6h\""),
        ("[storm]\n", "share = 0.01\nmin = 1\nwindow = \"1h\""),
        ("[storm]\n", "share = 1\nmin = 1000000\nwindow = \"30d\""),
        (MAIL, "max_per_minute = 1\nmax_per_domain_per_minute = 1\nramp_up_from = 1"),
        (MAIL, "max_per_minute = 100000\nmax_per_domain_per_minute = 100000\nramp_up_from = 100000"),
        (MAIL, "list_id = \"a.b\""),
        (MAIL, &format!("list_id = \"{longest}\"")),
        (&hook, "disable_after = \"1h\""),
        (&hook, "disable_after = \"30d\""),
        (&hook, "events = [\"endpoint.disabled\"]"),
        (&hook, &format!("signing_key = \"{WHSK_LONG}\"")),
        ("[schedule]\n", "timezone = \"Australia/Lord_Howe\"\ncatch_up = \"0s\""),
        (
            "[schedule]\n",
            "catch_up = \"7d\"\naudit = \"off\"\ndeliver = \"off\"\nreport = \" OFF \"\nretention = \"off\"",
        ),
        ("[schedule]\n", "audit_jitter = \"0s\"\nreport_jitter = \"23h 59m\"\ndeliver_jitter = \"299s\""),
        ("[schedule]\n", "audit = \"*/5 * * * *\"\ndeliver = \"* * * * * *\"\nreport = \"@weekly\""),
        ("[operator]\n", "slack_url = \"https://hooks.slack.example/services/x\"\nevents = [\"key.refused\"]"),
        ("[operator]\n", "slack_url = \"http://localhost:8065/hooks/x\""),
        ("[operator]\n", "slack_url = \"file:///var/spool/chat\""),
        ("[ping]\n", "url = \"http://hc.internal:8000/ping/x-{job}?create=1\"\ntimeout = \"1s\""),
        ("[ping]\n", "url = \"https://hc-ping.example/x\"\ntimeout = \"1m\""),
        ("[monitor]\n", "listen = \"off\""),
        ("[monitor]\n", "listen = \"[::1]:0\"\ntextfile = \"/a.prom\""),
        ("[report]\n", "period = \"1d\"\nkeep = 1\ndirectory = \"reports\""),
        ("[report]\n", "period = \"366d\"\nkeep = 10000"),
        (
            "[email]\n",
            "url = \"file:///tmp/x\"\nfrom = \"a@b.example\"\n[report]\nmail_to = [\"a@b.example\", \"c@żółć.example\"]",
        ),
        ("[retention]\n", "history = \"180d\"\noperational = \"180d\""),
        ("[retention]\n", "history = \"3650d\"\noperational = \"3650d\""),
        ("[retention]\n", "operational = \"7d\""),
        ("[retention]\n", "history = \"403d\"\n[report]\nperiod = \"366d\""),
        ("[retention]\n", "history = \"180d\"\n[report]\nperiod = \"143d\""),
        ("[suppression]\n", &format!("key = \"{SUPPRESSION}\"")),
    ];
    all_taken(&rows);
    let error = load(&format!("{LEAST}{MAIL}list_id = \"{longest}b\"\n"), &[]).unwrap_err().to_string();
    assert!(error.contains("[email] list_id: not a list identifier; ") && error.contains("at most 255"), "{error}");
}
