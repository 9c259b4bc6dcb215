//! What is read and refused, and the instants that come of it through both clock changes.

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn parse(text: &str) -> CronExpression {
    CronExpression::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

/// The instants after `from` and not after `until`.
fn between(expression: &CronExpression, zone: Tz, from: Timestamp, until: Timestamp) -> Vec<Timestamp> {
    std::iter::successors(expression.next_after(from, zone), |at| expression.next_after(*at, zone))
        .take_while(|at| *at <= until)
        .collect()
}

/// Local times as they are written on the wall, with the offset, that come after an instant.
fn local(text: &str, zone: Tz, from: &str, count: usize) -> Vec<String> {
    let expression = parse(text);
    std::iter::successors(expression.next_after(at(from), zone), |at| expression.next_after(*at, zone))
        .take(count)
        .map(|at| at.with_timezone(&zone).format("%a %d %H:%M:%S %z").to_string())
        .collect()
}

#[test]
fn what_unix_cron_knows_is_read() {
    // Saturday.
    let from = "2026-11-21T12:00:00Z";
    for (text, first, second) in [
        ("17 * * * *", "Sat 21 12:17:00", "Sat 21 13:17:00"),
        ("  17\t*  * * * ", "Sat 21 12:17:00", "Sat 21 13:17:00"),
        ("*/20 * * * *", "Sat 21 12:20:00", "Sat 21 12:40:00"),
        ("*/1 12 * * *", "Sat 21 12:01:00", "Sat 21 12:02:00"),
        ("30 5 12 * * *", "Sat 21 12:05:30", "Sun 22 12:05:30"),
        ("*/15 * * * * *", "Sat 21 12:00:15", "Sat 21 12:00:30"),
        ("0 7 * * mon", "Mon 23 07:00:00", "Mon 30 07:00:00"),
        ("0 7 * * MON-Wed", "Mon 23 07:00:00", "Tue 24 07:00:00"),
        ("0 7 * * 0", "Sun 22 07:00:00", "Sun 29 07:00:00"),
        ("0 7 * * 7", "Sun 22 07:00:00", "Sun 29 07:00:00"),
        ("0 7 * * sun", "Sun 22 07:00:00", "Sun 29 07:00:00"),
        ("0 7 * * sat-sun", "Sun 22 07:00:00", "Sat 28 07:00:00"),
        ("0 7 * * 1-5/2", "Mon 23 07:00:00", "Wed 25 07:00:00"),
        ("0 0 1 jan,dec *", "Tue 01 00:00:00", "Fri 01 00:00:00"),
        ("0 9,17 * * *", "Sat 21 17:00:00", "Sun 22 09:00:00"),
        ("0 8-18/5 * * *", "Sat 21 13:00:00", "Sat 21 18:00:00"),
        ("5,10-12 13 * * *", "Sat 21 13:05:00", "Sat 21 13:10:00"),
        ("0 0 29 2 *", "Tue 29 00:00:00", "Sun 29 00:00:00"),
        ("@hourly", "Sat 21 13:00:00", "Sat 21 14:00:00"),
        ("@daily", "Sun 22 00:00:00", "Mon 23 00:00:00"),
        ("@MIDNIGHT", "Sun 22 00:00:00", "Mon 23 00:00:00"),
        ("@weekly", "Sun 22 00:00:00", "Sun 29 00:00:00"),
        ("@monthly", "Tue 01 00:00:00", "Fri 01 00:00:00"),
        ("@yearly", "Fri 01 00:00:00", "Sat 01 00:00:00"),
        ("@annually", "Fri 01 00:00:00", "Sat 01 00:00:00"),
    ] {
        let found = local(text, Tz::UTC, from, 2);
        assert_eq!(found, [format!("{first} +0000"), format!("{second} +0000")], "{text}");
    }
}

#[test]
fn what_means_different_things_or_nothing_is_refused_with_a_remedy() {
    let fields = "not a schedule of five fields; write minute, hour, day of month, month and day of week";
    let both = "restricts the day of month and the day of week; leave one of them \"*\"";
    let quartz = |field: &str| format!("the field {field} uses L, W, #, ? or +, which Unix cron does not know");
    let rows: &[(&str, &str)] = &[
        ("", fields),
        ("* * * *", fields),
        ("0 0 9 13 * * 2027", "has seven fields; leave the year out"),
        ("* * * * * * * *", fields),
        ("SENTINEL", fields),
        ("@sometimes", "not a nickname; write @hourly, @daily"),
        ("@reboot", "no instant of time; leave it out: what was missed is done at start"),
        ("0 9 13 * fri", both),
        ("0 9 1-31 * fri", both),
        ("0 9 */2 * 1", both),
        ("0 9 31 2 *", "names a date that does not exist; write a day that one of its months has"),
        ("0 9 30 feb *", "names a date that does not exist"),
        ("0 9 31 4,6,9,11 *", "names a date that does not exist"),
        ("0 9 l * *", &quartz("day of month")),
        ("0 9 15w * *", &quartz("day of month")),
        ("0 9 ? * mon", &quartz("day of month")),
        ("0 9 * * 5l", &quartz("day of week")),
        ("0 9 * * 5#2", &quartz("day of week")),
        ("0 9 * * +1", &quartz("day of week")),
        ("60 * * * *", "the field minute holds what it cannot; write numbers from 0 to 59"),
        ("0 24 * * *", "the field hour holds what it cannot; write numbers from 0 to 23"),
        ("61 0 * * * *", "the field second holds what it cannot; write numbers from 0 to 59"),
        ("0 0 0 * *", "the field day of month holds what it cannot; write numbers from 1 to 31"),
        ("0 0 32 * *", "the field day of month holds"),
        ("0 0 * 13 *", "the field month holds what it cannot; write numbers from 1 to 12, or names such as jan"),
        ("0 0 * 0 *", "the field month holds"),
        ("0 0 * * 8", "the field day of week holds what it cannot; write numbers from 0 to 7, or names such as sun"),
        ("0 0 * * monday", "the field day of week holds"),
        ("0 0 * * janu", "the field day of week holds"),
        // A name in a field of numbers, which croner would take for its number.
        ("mon * * * *", "the field minute holds"),
        ("0 0 * mon *", "the field month holds"),
        ("0 0 * * 1mon", "the field day of week holds"),
        ("-1 * * * *", "the field minute holds"),
        ("+1 * * * *", "the field minute holds"),
        ("1. * * * *", "the field minute holds"),
        ("1,,2 * * * *", "the field minute holds"),
        (", * * * *", "the field minute holds"),
        ("99999999999 * * * *", "the field minute holds"),
        ("٣ * * * *", "the field minute holds"),
        ("1-2-3 * * * *", "the field minute holds"),
        ("50-10 * * * *", "the field minute has a range that runs backwards; write it as two, with a comma"),
        ("0 0 * * fri-mon", "the field day of week has a range that runs backwards"),
        ("5/10 * * * *", "the field minute has a step from a single value; write a range, such as 5-59/2"),
        ("/10 * * * *", "the field minute holds"),
        ("*/0 * * * *", "the field minute has a step that leads nowhere; write a step from 1 to 59"),
        ("*/60 * * * *", "the field minute has a step that leads nowhere"),
        ("*/90 * * * *", "the field minute has a step that leads nowhere"),
        ("0 */24 * * *", "the field hour has a step that leads nowhere; write a step from 1 to 23"),
        ("0 8-10/3 * * *", "the field hour has a step that leads nowhere; write a step from 1 to 2"),
        ("*/x * * * *", "the field minute has a step that leads nowhere"),
        ("*/5/5 * * * *", "the field minute has a step that leads nowhere"),
        ("*,5 * * * *", "the field minute lists more beside \"*\"; write \"*\" alone"),
        ("0-59 0-23 * * *", "names more than 96 times of the day one by one; write \"*\" or a step"),
    ];
    for (text, expected) in rows {
        let refused = CronExpression::parse(text).expect_err(text).to_string();
        assert!(refused.starts_with(expected), "{text}: {refused}");
        assert!(!refused.contains("SENTINEL"), "{text}: {refused}");
    }
}

#[test]
fn a_schedule_never_comes_exactly_if_the_library_finds_nothing() {
    let from = at("2026-11-21T00:00:00Z").with_timezone(&Tz::UTC);
    for month in 1..=12 {
        for day in [28, 29, 30, 31] {
            let cron = croner_of(&format!("0 0 0 {day} {month} *")).unwrap();
            let found = cron.find_next_occurrence(&from, false).is_ok();
            assert_eq!(never_comes(&cron), !found, "{day}. {month}.");
        }
    }
}

/// Zones with changes in both halves of the year, one of them by 30 minutes; when clocks go forward and back in 2026
/// or 2027; and by how many minutes.
const CHANGES: [(Tz, &str, &str, i64); 3] = [
    (Tz::Europe__Warsaw, "2027-03-28T01:00:00Z", "2026-10-25T01:00:00Z", 60),
    (Tz::America__New_York, "2027-03-14T07:00:00Z", "2026-11-01T06:00:00Z", 60),
    (Tz::Australia__Lord_Howe, "2026-10-03T15:30:00Z", "2027-04-03T15:00:00Z", 30),
];

#[test]
fn every_five_minutes_has_48_slots_over_the_hour_that_comes_twice() {
    for (zone, forward, back, _) in CHANGES {
        for change in [forward, back] {
            let (from, until) = (at(change) - TimeDelta::hours(2), at(change) + TimeDelta::hours(2));
            let slots = between(&parse("*/5 * * * *"), zone, from, until);
            let expected: Vec<_> = (1..=48).map(|n| from + TimeDelta::minutes(5 * n)).collect();
            assert_eq!(slots, expected, "{zone} {change}");
        }
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn a_set_time_that_is_left_out_comes_at_the_end_of_the_gap_and_one_that_comes_twice_counts_once() {
    let rows: &[(Tz, &str, &str, &[&str])] = &[
        (
            Tz::Europe__Warsaw,
            "30 2 * * *",
            "2027-03-26T12:00:00Z",
            &["Sat 27 02:30:00 +0100", "Sun 28 03:00:00 +0200", "Mon 29 02:30:00 +0200"],
        ),
        (Tz::Europe__Warsaw, "30 2 * * *", "2026-10-24T12:00:00Z", &["Sun 25 02:30:00 +0200", "Mon 26 02:30:00 +0100"]),
        // Several set times: the two that are left out come together, once.
        (
            Tz::Europe__Warsaw,
            "15,45 2,14 * * *",
            "2027-03-27T20:00:00Z",
            &["Sun 28 03:00:00 +0200", "Sun 28 14:15:00 +0200", "Sun 28 14:45:00 +0200"],
        ),
        (
            Tz::Europe__Warsaw,
            "0,30 2 * * *",
            "2026-10-24T20:00:00Z",
            &["Sun 25 02:00:00 +0200", "Sun 25 02:30:00 +0200", "Mon 26 02:00:00 +0100"],
        ),
        (
            Tz::America__New_York,
            "30 2 * * *",
            "2027-03-13T12:00:00Z",
            &["Sun 14 03:00:00 -0400", "Mon 15 02:30:00 -0400"],
        ),
        (
            Tz::America__New_York,
            "30 1 * * *",
            "2026-10-31T12:00:00Z",
            &["Sun 01 01:30:00 -0400", "Mon 02 01:30:00 -0500"],
        ),
        (
            Tz::Australia__Lord_Howe,
            "15 2 * * *",
            "2026-10-03T00:00:00Z",
            &["Sun 04 02:30:00 +1100", "Mon 05 02:15:00 +1100"],
        ),
        (
            Tz::Australia__Lord_Howe,
            "45 1 * * *",
            "2027-04-03T00:00:00Z",
            &["Sun 04 01:45:00 +1100", "Mon 05 01:45:00 +1030"],
        ),
        // What is not set follows the wall: nothing in the hour that is left out, twice in the one that comes twice.
        (
            Tz::Europe__Warsaw,
            "*/30 2 * * *",
            "2027-03-27T00:30:00Z",
            &["Sat 27 02:00:00 +0100", "Sat 27 02:30:00 +0100", "Mon 29 02:00:00 +0200"],
        ),
        (
            Tz::Europe__Warsaw,
            "*/30 2 * * *",
            "2026-10-24T20:00:00Z",
            &[
                "Sun 25 02:00:00 +0200",
                "Sun 25 02:30:00 +0200",
                "Sun 25 02:00:00 +0100",
                "Sun 25 02:30:00 +0100",
                "Mon 26 02:00:00 +0100",
            ],
        ),
        (
            Tz::Europe__Warsaw,
            "17 * * * *",
            "2027-03-28T00:00:00Z",
            &["Sun 28 01:17:00 +0100", "Sun 28 03:17:00 +0200", "Sun 28 04:17:00 +0200"],
        ),
        // A whole day that never was.
        (
            Tz::Pacific__Apia,
            "0 9 * * *",
            "2011-12-29T12:00:00Z",
            &["Thu 29 09:00:00 -1000", "Sat 31 09:00:00 +1400", "Sun 01 09:00:00 +1400"],
        ),
    ];
    for (zone, text, from, expected) in rows {
        assert_eq!(local(text, *zone, from, expected.len()), *expected, "{zone} {text}");
    }
}

#[test]
fn half_past_nine_stays_half_past_nine_for_a_year_in_every_zone() {
    for (zone, ..) in CHANGES {
        let from = at("2026-06-01T00:00:00Z");
        let days = between(&parse("30 9 * * *"), zone, from, from + TimeDelta::days(365));
        assert!((365..=366).contains(&days.len()), "{zone}: {}", days.len());
        for day in days {
            assert_eq!(day.with_timezone(&zone).format("%H:%M:%S").to_string(), "09:30:00", "{zone} {day}");
        }
    }
}

#[test]
fn where_the_search_begins_changes_nothing() {
    for (zone, forward, back, _) in CHANGES {
        for change in [forward, back] {
            for text in
                ["*/7 * * * *", "13 */2 * * *", "15,45 1,2 * * *", "30 2 * * *", "*/20 1-2 * * *", "5 0 * * sun"]
            {
                let expression = parse(text);
                let (from, until) = (at(change) - TimeDelta::hours(30), at(change) + TimeDelta::hours(30));
                let all = between(&expression, zone, from, until);
                let steps = all.windows(2).all(|pair| pair[0] < pair[1]);
                assert!(steps && !all.is_empty(), "{zone} {text}: {all:?}");
                for second in (0..60 * 3600).step_by(431) {
                    let at = from + TimeDelta::seconds(second) + TimeDelta::milliseconds(second % 1000);
                    let expected = all.iter().find(|instant| **instant > at).copied();
                    if expected.is_some() {
                        assert_eq!(expression.next_after(at, zone), expected, "{zone} {text} after {at}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_shortest_gap_is_found_within_the_day_and_over_midnight() {
    for (text, seconds) in [
        ("* * * * * *", 1),
        ("*/5 * * * *", 300),
        ("*/7 * * * *", 240), // 56 to 0
        ("17 * * * *", 3600),
        ("0 7 * * mon", 86_400),
        ("0 9,10 1 1 *", 3600),
        ("0 1,23 * * *", 7200),
        ("0 0 */7 * * *", 10_800),
    ] {
        assert_eq!(parse(text).shortest_gap().as_secs(), seconds, "{text}");
    }
}
