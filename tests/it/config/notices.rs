//! The settings of the notice policy and of delivery: their defaults, what the example says, lists in variables.

use std::time::Duration;

use chrono::{NaiveTime, Weekday};
use reconnectd::config::Config;
use reconnectd::domain::EventKind;

use super::{EXAMPLE, EXAMPLE_FILES, LEAST, WHSEC, load};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// What is the same in the example and where every key is left out.
fn assert_defaults(config: &Config) {
    let policy = &config.policy;
    assert_eq!(policy.ladder, [Duration::ZERO, 3 * DAY, 10 * DAY]);
    assert_eq!((policy.dwell, policy.dwell_transient, policy.digest_window), (Duration::ZERO, DAY, HOUR));
    assert_eq!((policy.max_per_day.get(), policy.max_per_week.get(), policy.recovered_mail), (2, 5, false));
    assert_eq!((config.quiet.zone, config.quiet.spread), (chrono_tz::UTC, HOUR / 2));
    assert!((config.storm.share - 0.2).abs() < f64::EPSILON, "{}", config.storm.share);
    assert_eq!((config.storm.min.get(), config.storm.window), (20, DAY));
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8480");
    let email = config.email.as_ref().unwrap();
    let rates = [email.max_per_minute, email.max_per_domain_per_minute, email.ramp_up_from];
    assert_eq!(rates.map(std::num::NonZeroU32::get), [600, 200, 60]);
    assert_eq!(config.webhook[0].events, EventKind::CODES.map(|(kind, ..)| kind));
    assert_eq!(config.webhook[0].disable_after, 5 * DAY);
}

#[test]
fn what_is_left_out_is_the_default_or_off() {
    let channels = format!(
        "[email]\nurl = \"smtps://h.example\"\nfrom = \"a@b.example\"\n\
         [[webhook]]\nname = \"a\"\nurl = \"https://x.example/\"\nsecret = \"{WHSEC}\"\n"
    );
    let config = load(&format!("{LEAST}{channels}"), &[]).unwrap();
    assert_defaults(&config);
    assert!(!config.quiet.is_on(), "{:?}", config.quiet);
    let email = config.email.unwrap();
    assert!(email.templates.is_none() && email.list_id.is_none(), "{email:?}");
    assert!(config.webhook[0].secret_previous.is_none() && config.webhook[0].signing_key.is_none());
    assert!(config.http.public_url.is_none() && config.suppression.key.is_none());
}

#[test]
fn what_the_example_turns_on_is_read_as_it_says() {
    let config = load(EXAMPLE, EXAMPLE_FILES).unwrap();
    assert_defaults(&config);
    let time = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
    assert_eq!(config.quiet.hours, Some((time(22), time(8))));
    assert_eq!(config.quiet.days, [Weekday::Sat, Weekday::Sun]);
    assert_eq!(config.http.public_url.unwrap().as_str(), "https://notices.acme.example/");
    let email = config.email.unwrap();
    assert_eq!(email.list_id.as_deref(), Some("reconnect.acme.example"));
    assert_eq!(email.templates.as_deref(), Some(std::path::Path::new(".")));
    assert!(config.webhook[0].secret_previous.is_some() && config.webhook[0].signing_key.is_some());
    assert!(config.suppression.key.is_some());
}

#[test]
fn variables_hold_lists_as_comma_separated_text() {
    let config = load(
        &EXAMPLE.replace("[\"0d\", \"3d\", \"10d\"]", "[\"30d\"]"),
        &[
            EXAMPLE_FILES,
            &[
                ("RECONNECTD__POLICY__LADDER", "1h, 2d ,30d"),
                ("RECONNECTD__QUIET__DAYS", ""),
                ("RECONNECTD__WEBHOOK__0__EVENTS", "storm.held"),
            ],
        ]
        .concat(),
    )
    .unwrap();
    assert_eq!(config.policy.ladder, [HOUR, 2 * DAY, 30 * DAY]);
    assert_eq!((config.quiet.days, config.webhook[0].events.as_slice()), (vec![], &[EventKind::StormHeld][..]));

    for (name, value, expected) in [
        ("RECONNECTD__POLICY__LADDER", "0d,,3d", "RECONNECTD__POLICY__LADDER: [policy] ladder: not a length of time; "),
        ("RECONNECTD__POLICY__LADDER", "", "RECONNECTD__POLICY__LADDER: [policy] ladder: is empty; "),
        ("RECONNECTD__POLICY__LADDER", "[\"0d\"]", "RECONNECTD__POLICY__LADDER: [policy] ladder: not a length of time"),
        ("RECONNECTD__QUIET__DAYS", "sat,sat", "RECONNECTD__QUIET__DAYS: [quiet] days: names a day twice"),
        ("RECONNECTD__STORM__MIN", "many", "RECONNECTD__STORM__MIN: [storm] min: expected an integer, found string"),
    ] {
        let error = load(LEAST, &[(name, value)]).unwrap_err().to_string();
        assert!(error.contains(expected), "expected {expected:?} in\n{error}");
    }
}
