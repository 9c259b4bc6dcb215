//! The decision, row by row.

use super::*;
use crate::domain::JobName;
use crate::schedule::CronExpression;

/// A Saturday.
fn at(clock: &str) -> Timestamp {
    format!("2026-11-21T{clock}Z").parse().unwrap()
}

fn hourly(jitter: Duration) -> JobSchedule {
    let expression = CronExpression::parse("0 * * * *").unwrap();
    JobSchedule { job: JobName::Audit, expression, timezone: chrono_tz::Tz::UTC, jitter }
}

fn row(clock: &str, state: OccurrenceState) -> OccurrenceRow {
    OccurrenceRow {
        job: JobName::Audit,
        scheduled_at: at(clock),
        state,
        holder: "somebody".to_owned(),
        attempts: 1,
        claimed_at: at(clock),
        finished_at: None,
        run: None,
        detail: None,
    }
}

const CATCH_UP: Duration = Duration::from_hours(3);

/// The rows of a job, with their clock times.
type Rows<'a> = &'a [(&'a str, OccurrenceState)];
/// What it is about, now, since when, rows, for how many seconds the lease is held, what follows.
type Case<'a> = (&'a str, &'a str, &'a str, Rows<'a>, Option<u64>, Look);

#[test]
fn of_what_was_missed_the_newest_is_done_and_nothing_that_is_too_old() {
    use OccurrenceState::{Done, Failed, Running, Skipped};
    let wait = |clock| Look::Wait { instant: at(clock), wake_at: at(clock) };
    let due = |clock, late, passed_over| Look::Due { instant: at(clock), late, passed_over };
    let table: &[Case<'_>] = &[
        ("first start", "10:30:00", "10:30:00", &[], None, wait("11:00:00")),
        ("first start at an instant", "11:00:00", "11:00:00", &[], None, wait("12:00:00")),
        ("the moment", "11:00:00", "10:30:00", &[], None, due("11:00:00", false, 0)),
        ("half a second late", "11:00:00.500", "10:30:00", &[], None, due("11:00:00", false, 0)),
        ("well after", "11:02:00", "10:30:00", &[], None, due("11:00:00", true, 0)),
        ("done", "11:30:00", "08:00:00", &[("11:00:00", Done)], None, wait("12:00:00")),
        ("given up is not done again", "11:30:00", "08:00:00", &[("11:00:00", Failed)], None, wait("12:00:00")),
        ("nor what was left out", "11:30:00", "08:00:00", &[("11:00:00", Skipped)], None, wait("12:00:00")),
        ("down for hours", "11:30:00", "01:00:00", &[("07:00:00", Done)], None, due("11:00:00", true, 3)),
        ("down, without rows", "11:30:00", "07:10:00", &[], None, due("11:00:00", true, 3)),
        ("the clock was ahead", "11:30:00", "08:00:00", &[("15:00:00", Done)], None, due("11:00:00", true, 2)),
        (
            "the next was done before",
            "11:30:00",
            "08:00:00",
            &[("11:00:00", Done), ("12:00:00", Done)],
            None,
            wait("13:00:00"),
        ),
        ("since was ahead", "11:30:00", "15:00:00", &[], None, wait("12:00:00")),
        ("its process died", "11:30:00", "08:00:00", &[("11:00:00", Running)], None, due("11:00:00", true, 0)),
        ("something newer came", "12:00:00", "08:00:00", &[("11:00:00", Running)], None, due("12:00:00", false, 0)),
        ("it may be alive", "11:30:00", "08:00:00", &[("11:00:00", Running)], Some(3600), wait("12:00:00")),
        (
            "it may be alive for so long",
            "11:30:00",
            "08:00:00",
            &[("11:00:00", Running)],
            Some(60),
            Look::Wait { instant: at("12:00:00"), wake_at: at("11:31:00") },
        ),
        (
            "died, and was left out meanwhile",
            "12:30:00",
            "08:00:00",
            &[("11:00:00", Running), ("12:00:00", Skipped)],
            None,
            due("11:00:00", true, 0),
        ),
    ];
    for (name, now, since, rows, held, expected) in table {
        let rows = rows.iter().map(|(clock, state)| row(clock, *state)).collect();
        let past = Past { rows, since: at(since), held_for: held.map(Duration::from_secs) };
        let now = at(now);
        assert_eq!(look(&hourly(Duration::ZERO), CATCH_UP, now, &past, "seed"), *expected, "{name}");
    }
}

#[test]
fn catch_up_is_a_bound_to_the_millisecond() {
    let weekly = CronExpression::parse("0 7 * * sat").unwrap();
    let schedule = JobSchedule { expression: weekly, ..hourly(Duration::ZERO) };
    let look = |now: &str, rows: Vec<OccurrenceRow>| {
        let past = Past { rows, since: at("00:00:00"), held_for: None };
        super::look(&schedule, CATCH_UP, at(now), &past, "seed")
    };
    let instant = at("07:00:00");
    assert_eq!(look("10:00:00", vec![]), Look::Due { instant, late: true, passed_over: 0 });
    assert_eq!(look("10:00:00.001", vec![]), Look::PassedOver { instant, count: 1 });
    let died = vec![row("07:00:00", OccurrenceState::Running)];
    assert_eq!(look("10:00:00", died.clone()), Look::Due { instant, late: true, passed_over: 0 });
    assert_eq!(look("10:00:00.001", died), Look::Abandoned { instant });
}

#[test]
fn what_comes_on_time_is_done_however_short_catch_up_is() {
    for (catch_up, jitter) in [(0, 0), (0, 30), (5, 30), (30, 0)] {
        let schedule = hourly(Duration::from_mins(jitter));
        let (instant, catch_up) = (at("11:00:00"), Duration::from_mins(catch_up));
        let wake_at = schedule.wake_at(instant, "seed");
        let look = |now, rows: Vec<OccurrenceRow>| {
            let past = Past { rows, since: at("10:30:00"), held_for: None };
            super::look(&schedule, catch_up, now, &past, "seed")
        };
        let name = format!("catch_up {catch_up:?}, jitter {jitter} min");
        if wake_at > instant {
            let before = wake_at - TimeDelta::milliseconds(1);
            assert_eq!(look(before, vec![]), Look::Wait { instant, wake_at }, "{name}");
        }
        for soon in [TimeDelta::zero(), LATE - TimeDelta::milliseconds(1)] {
            assert_eq!(look(wake_at + soon, vec![]), Look::Due { instant, late: false, passed_over: 0 }, "{name}");
        }
        let too_late = wake_at + LATE.max(TimeDelta::from_std(catch_up).unwrap()) + TimeDelta::milliseconds(1);
        if too_late < at("12:00:00") {
            assert_eq!(look(too_late, vec![]), Look::PassedOver { instant, count: 1 }, "{name}");
        }
        // What a process died over soon after its time is gone on with as well.
        let died = vec![row("11:00:00", OccurrenceState::Running)];
        let again = Look::Due { instant, late: true, passed_over: 0 };
        assert_eq!(look(wake_at + TimeDelta::minutes(1), died), again, "{name}");
    }
}

#[test]
fn a_jittered_instant_wakes_within_its_jitter_the_same_in_every_process() {
    let jitter = Duration::from_mins(10);
    let schedule = hourly(jitter);
    let mut seen = std::collections::BTreeSet::new();
    for (hour, seed) in (0..24).flat_map(|hour| [(hour, "one"), (hour, "two")]) {
        let instant = at(&format!("{hour:02}:00:00"));
        let wake_at = schedule.wake_at(instant, seed);
        assert_eq!(wake_at, schedule.clone().wake_at(instant, seed));
        assert!((instant..instant + TimeDelta::minutes(10)).contains(&wake_at), "{wake_at}");
        seen.insert(wake_at - instant);
    }
    assert!(seen.len() > 40, "spread: {}", seen.len());

    let (instant, wake_at) = (at("11:00:00"), schedule.wake_at(at("11:00:00"), "one"));
    let past = Past { rows: vec![row("10:00:00", OccurrenceState::Done)], since: at("08:00:00"), held_for: None };
    let look = |now| look(&schedule, CATCH_UP, now, &past, "one");
    for before in [instant - TimeDelta::seconds(1), instant, wake_at - TimeDelta::milliseconds(1)] {
        assert_eq!(look(before), Look::Wait { instant, wake_at }, "{before}");
    }
    assert_eq!(look(wake_at), Look::Due { instant, late: false, passed_over: 0 });
}

#[test]
fn years_of_instants_are_neither_walked_nor_counted() {
    let every_second = CronExpression::parse("* * * * * *").unwrap();
    let schedule = JobSchedule { expression: every_second, ..hourly(Duration::ZERO) };
    let past = Past { since: at("00:00:00") - TimeDelta::days(3650), ..Past::default() };
    let found = look(&schedule, CATCH_UP, at("11:00:00"), &past, "seed");
    assert_eq!(found, Look::Due { instant: at("11:00:00"), late: false, passed_over: MOST_COUNTED });
}

#[test]
fn the_newest_instant_is_found_however_rare_the_schedule() {
    for (text, from, until, expected) in [
        ("0 0 29 2 *", "2027-01-01T00:00:00Z", "2031-12-31T00:00:00Z", Some("2028-02-29T00:00:00Z")),
        ("0 0 29 2 *", "2028-02-29T00:00:00Z", "2031-12-31T00:00:00Z", None),
        ("0 0 1 1 *", "2020-01-01T00:00:00Z", "2026-12-31T23:59:59Z", Some("2026-01-01T00:00:00Z")),
        ("*/5 3 * * *", "2020-01-01T00:00:00Z", "2026-12-31T02:59:59Z", Some("2026-12-30T03:55:00Z")),
        ("* * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:00:59Z", None),
        ("* * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z", Some("2026-01-01T00:01:00Z")),
    ] {
        let schedule = JobSchedule { expression: CronExpression::parse(text).unwrap(), ..hourly(Duration::ZERO) };
        let found = schedule.last_before(from.parse().unwrap(), until.parse().unwrap());
        assert_eq!(found, expected.map(|at| at.parse().unwrap()), "{text} in ({from}, {until}]");
    }
}

#[test]
fn the_longest_gap_tells_when_a_job_is_overdue() {
    let from = at("00:00:00");
    for (text, hours) in [("0 * * * *", 1), ("0 7 * * mon", 168), ("0 9-17 * * *", 16), ("0 0 1 * *", 744)] {
        let schedule = JobSchedule { expression: CronExpression::parse(text).unwrap(), ..hourly(Duration::ZERO) };
        assert_eq!(schedule.longest_gap(from), Some(Duration::from_hours(hours)), "{text}");
    }
}
