//! What quiet time says at which instant, against tables and against looking at the clock every minute.

use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn time(text: &str) -> NaiveTime {
    NaiveTime::parse_from_str(text, "%H:%M").unwrap()
}

fn quiet(from: &str, to: &str, days: &[Weekday]) -> QuietHours {
    QuietHours { hours: Some((time(from), time(to))), days: days.to_vec(), zone: Tz::UTC, spread: Duration::ZERO }
}

#[test]
fn what_is_due_in_quiet_time_waits_for_its_end_on_the_users_clock() {
    let nights = quiet("22:00", "08:00", &[]);
    let siesta = quiet("02:30", "04:00", &[]);
    let weekend = quiet("22:00", "08:00", &[Weekday::Sat, Weekday::Sun]);
    let weekend_only = QuietHours { hours: None, ..weekend.clone() };
    for (rule, zone, now, opening) in [
        (&nights, "UTC", "2026-06-10T12:00:00Z", None),
        (&nights, "UTC", "2026-06-10T22:00:00Z", Some("2026-06-11T08:00:00Z")),
        (&nights, "UTC", "2026-06-10T07:59:59Z", Some("2026-06-10T08:00:00Z")),
        (&nights, "UTC", "2026-06-10T08:00:00Z", None),
        (&nights, "Europe/Warsaw", "2026-06-10T19:59:00Z", None),
        (&nights, "Europe/Warsaw", "2026-06-10T20:00:00Z", Some("2026-06-11T06:00:00Z")),
        (&nights, "Asia/Kathmandu", "2026-06-10T17:00:00Z", Some("2026-06-11T02:15:00Z")),
        // Nobody knows this zone: the default.
        (&nights, "Middle/Earth", "2026-06-10T22:30:00Z", Some("2026-06-11T08:00:00Z")),
        // The night in which the clocks go forward is an hour shorter, the one in which they go back an hour longer.
        (&nights, "Europe/Warsaw", "2026-03-28T21:30:00Z", Some("2026-03-29T06:00:00Z")),
        (&nights, "Europe/Warsaw", "2026-10-24T21:30:00Z", Some("2026-10-25T07:00:00Z")),
        (&nights, "America/New_York", "2026-11-01T03:00:00Z", Some("2026-11-01T13:00:00Z")),
        // 02:30 does not exist on this night: quiet begins with the jump to 03:00.
        (&siesta, "Europe/Warsaw", "2026-03-29T00:59:59Z", None),
        (&siesta, "Europe/Warsaw", "2026-03-29T01:00:00Z", Some("2026-03-29T02:00:00Z")),
        // 02:30 comes twice: quiet until the clock goes back to 02:00.
        (&siesta, "Europe/Warsaw", "2026-10-25T00:30:00Z", Some("2026-10-25T01:00:00Z")),
        (&siesta, "Europe/Warsaw", "2026-10-25T01:30:00Z", Some("2026-10-25T03:00:00Z")),
        // Midnight does not exist on this day in Beirut.
        (&weekend_only, "Asia/Beirut", "2026-03-29T12:00:00Z", Some("2026-03-29T21:00:00Z")),
        (&weekend, "UTC", "2026-06-12T21:59:00Z", None),
        (&weekend, "UTC", "2026-06-12T22:00:00Z", Some("2026-06-15T08:00:00Z")),
        (&weekend_only, "UTC", "2026-06-13T00:00:00Z", Some("2026-06-15T00:00:00Z")),
        // This island left out the whole of Friday the 30th.
        (&nights, "Pacific/Apia", "2011-12-30T09:00:00Z", Some("2011-12-30T18:00:00Z")),
    ] {
        let answer = rule.next_opening(at(now), Some(zone), &UserId::new("u"));
        assert_eq!(answer, opening.map(at), "{zone} {now}");
    }
    assert_eq!(QuietHours::off().next_opening(at("2026-06-10T23:00:00Z"), None, &UserId::new("u")), None);
}

#[test]
fn openings_are_spread_after_the_end_and_stay_what_they_are() {
    let spread = Duration::from_mins(30);
    let nights = QuietHours { spread, ..quiet("22:00", "08:00", &[]) };
    let end = at("2026-06-11T08:00:00Z");
    let mut minutes = std::collections::BTreeSet::new();
    for n in 0..200 {
        let user = UserId::new(format!("u{n}"));
        let opening = nights.next_opening(at("2026-06-11T03:00:00Z"), None, &user).unwrap();
        assert!(opening >= end && opening < end + spread, "{opening}");
        // Asked again later in the night, at the end, and just before its turn, the answer is the same.
        for now in [at("2026-06-11T07:59:00Z"), end, opening - TimeDelta::milliseconds(1)] {
            let again = nights.next_opening(now, None, &user);
            assert!(again == Some(opening) || now >= opening, "{now} {again:?}");
        }
        assert_eq!(nights.next_opening(opening, None, &user), None);
        minutes.insert((opening - end).num_minutes());
    }
    assert!(minutes.len() > 25, "all over the half hour: {minutes:?}");
}

#[test]
fn the_spread_never_runs_into_the_next_quiet_time() {
    let rule = QuietHours { spread: Duration::from_hours(6), ..quiet("08:10", "08:00", &[]) };
    for n in 0..50 {
        let user = UserId::new(format!("u{n}"));
        let opening = rule.next_opening(at("2026-06-11T03:00:00Z"), None, &user).unwrap();
        assert!((at("2026-06-11T08:00:00Z")..at("2026-06-11T08:05:00Z")).contains(&opening), "{opening}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Against looking at the clock on the wall every minute.
    #[test]
    fn it_agrees_with_looking_at_the_clock_every_minute(
        from in 0_u32..1440, length in 1_u32..1440, day in proptest::option::of(0_u8..7),
        zone in proptest::sample::select(vec!["Europe/Warsaw", "America/New_York", "Australia/Lord_Howe", "UTC", "Asia/Beirut"]),
        start in 0_i64..525_600,
    ) {
        let minute = |n: u32| NaiveTime::from_num_seconds_from_midnight_opt(n % 1440 * 60, 0).unwrap();
        let rule = QuietHours {
            hours: Some((minute(from), minute(from + length))),
            days: day.and_then(|day| Weekday::try_from(day).ok()).into_iter().collect(),
            zone: Tz::UTC,
            spread: Duration::ZERO,
        };
        let tz: Tz = zone.parse().unwrap();
        let now = at("2026-01-01T00:00:00Z") + TimeDelta::minutes(start);
        let mut expected = now;
        while rule.is_quiet(expected, tz) {
            expected += TimeDelta::minutes(1);
        }
        let answer = rule.next_opening(now, Some(zone), &UserId::new("u")).unwrap_or(now);
        prop_assert_eq!(answer, expected);
    }
}
