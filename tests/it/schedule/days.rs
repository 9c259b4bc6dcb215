//! Named days in the life of a schedule: the faults the scheduler crate has, and what the daemon does instead.

use chrono::TimeDelta;
use chrono_tz::Tz;
use reconnectd::domain::OccurrenceState;

use super::replicas::{World, at, schedule};

/// Occurrences as local times and how they ended.
async fn ends(world: &World) -> Vec<(String, OccurrenceState)> {
    let zone = world.schedule.timezone;
    let local = |at: reconnectd::domain::Timestamp| at.with_timezone(&zone).format("%d %H:%M").to_string();
    world.rows().await.iter().map(|row| (local(row.scheduled_at), row.state)).collect()
}

#[tokio::test]
async fn nine_o_clock_stays_nine_o_clock_through_both_changes() {
    for (zone, from) in [
        (Tz::Europe__Dublin, "2026-10-22T12:00:00Z"),
        (Tz::Europe__Warsaw, "2027-03-25T12:00:00Z"),
        (Tz::America__New_York, "2026-10-29T12:00:00Z"),
        (Tz::America__New_York, "2027-03-11T12:00:00Z"),
        (Tz::Australia__Lord_Howe, "2026-10-01T12:00:00Z"),
        (Tz::Australia__Lord_Howe, "2027-04-01T12:00:00Z"),
    ] {
        let mut world = World::new(schedule("0 9 * * *", zone), at(from), 1).await;
        world.run_until(at(from) + TimeDelta::days(6)).await;
        assert_eq!(world.began.len(), 6, "{zone}: {:?}", world.began_at());
        for began in &world.began {
            let local = began.at.with_timezone(&zone).format("%H:%M:%S").to_string();
            assert_eq!(local, "09:00:00", "{zone}: {:?}", world.began_at());
        }
    }
}

#[tokio::test]
async fn the_hour_that_comes_twice_has_all_its_occurrences_and_a_set_time_in_it_one() {
    let from = at("2026-10-24T22:00:00Z");
    let until = from + TimeDelta::hours(4);
    let mut often = World::new(schedule("*/5 * * * *", Tz::Europe__Warsaw), from, 2).await;
    often.run_until(until).await;
    assert_eq!(often.began.len(), 48, "{:?}", often.began_at());
    let mut daily = World::new(schedule("30 2 * * *", Tz::Europe__Warsaw), from, 2).await;
    daily.run_until(until).await;
    assert_eq!(daily.began_at(), ["25 02:30 at 25 02:30"]);
    assert_eq!(daily.began[0].at, at("2026-10-25T00:30:00Z"), "the first of the two");
}

#[tokio::test]
async fn a_set_time_that_does_not_exist_comes_after_the_gap() {
    let mut world = World::new(schedule("30 2 * * *", Tz::Europe__Warsaw), at("2027-03-26T12:00:00Z"), 1).await;
    world.run_until(at("2027-03-29T12:00:00Z")).await;
    assert_eq!(world.began_at(), ["27 02:30 at 27 02:30", "28 03:00 at 28 03:00", "29 02:30 at 29 02:30"]);
}

#[tokio::test]
async fn what_was_missed_while_down_happens_once_at_start() {
    let start = at("2026-11-21T08:10:00Z");
    for (down, expected, states) in [
        // Within catch_up: the newest, and those before it are passed over.
        (TimeDelta::minutes(150), Some("21 11:00 at 21 11:40"), 2),
        // Nothing was missed.
        (TimeDelta::minutes(15), None, 1),
    ] {
        let mut world = World::new(schedule("0 * * * *", Tz::UTC), start, 2).await;
        world.run_until(at("2026-11-21T09:10:00Z")).await;
        assert_eq!(world.began_at(), ["21 09:00 at 21 09:00"]);
        world.kill(0);
        world.kill(1);
        world.clock.set(world.now() + down);
        world.start(0).await;
        world.start(1).await;
        let caught_up: Vec<String> = world.began_at().split_off(1);
        assert_eq!(caught_up, expected.map(str::to_owned).into_iter().collect::<Vec<_>>(), "{down}");
        assert_eq!(world.rows().await.len(), states, "{down}");
    }
}

#[tokio::test]
async fn what_was_missed_by_more_than_catch_up_waits_for_its_next_time() {
    let mut world = World::new(schedule("0 7 * * *", Tz::Europe__Warsaw), at("2026-11-20T12:00:00Z"), 1).await;
    world.kill(0);
    world.clock.set(at("2026-11-23T09:30:00Z")); // 10:30 in Warsaw: three hours and a half after seven.
    world.start(0).await;
    let rows = world.rows().await;
    assert_eq!((rows.len(), rows[0].state), (1, OccurrenceState::Skipped));
    assert_eq!(rows[0].detail.as_deref(), Some("missed by more than catch_up; 3 passed over with it"));
    world.run_until(at("2026-11-24T12:00:00Z")).await;
    assert_eq!(world.began_at(), ["24 07:00 at 24 07:00"]);
}

#[tokio::test]
async fn a_process_that_was_stopped_for_hours_goes_on() {
    let mut world = World::new(schedule("*/5 * * * *", Tz::UTC), at("2026-11-21T08:01:00Z"), 1).await;
    world.run_until(at("2026-11-21T08:12:00Z")).await;
    // SIGSTOP, a laptop's lid, a clock set forward: all look the same.
    world.jump(at("2026-11-21T17:03:00Z")).await;
    world.run_until(at("2026-11-21T17:12:00Z")).await;
    let expected = [
        "21 08:05 at 21 08:05",
        "21 08:10 at 21 08:10",
        "21 17:00 at 21 17:03",
        "21 17:05 at 21 17:05",
        "21 17:10 at 21 17:10",
    ];
    assert_eq!(world.began_at(), expected);
}

#[tokio::test]
async fn a_clock_that_goes_back_repeats_nothing_and_one_that_was_years_ahead_blocks_nothing() {
    let mut world = World::new(schedule("0 * * * *", Tz::UTC), at("2026-11-21T08:10:00Z"), 2).await;
    world.run_until(at("2026-11-21T10:10:00Z")).await;
    world.jump(at("2026-11-21T08:30:00Z")).await;
    world.run_until(at("2026-11-21T11:30:00Z")).await;
    let before = ["21 09:00 at 21 09:00", "21 10:00 at 21 10:00", "21 11:00 at 21 11:00"];
    assert_eq!(world.began_at(), before);

    world.jump(at("2031-01-01T00:30:00Z")).await;
    world.run_until(at("2031-01-01T01:30:00Z")).await;
    assert_eq!(world.began_at()[3..], ["01 00:00 at 01 00:30", "01 01:00 at 01 01:00"]);
    world.jump(at("2026-11-21T11:40:00Z")).await;
    world.run_until(at("2026-11-21T13:30:00Z")).await;
    assert_eq!(world.began_at()[5..], ["21 12:00 at 21 12:00", "21 13:00 at 21 13:00"]);
}

#[tokio::test]
async fn a_first_start_under_a_clock_that_is_ahead_blocks_nothing() {
    let mut world = World::new(schedule("0 * * * *", Tz::UTC), at("2031-01-01T00:10:00Z"), 1).await;
    world.jump(at("2026-11-21T08:10:00Z")).await;
    world.run_until(at("2026-11-21T10:10:00Z")).await;
    assert_eq!(world.began_at(), ["21 09:00 at 21 09:00", "21 10:00 at 21 10:00"]);
}

#[tokio::test]
async fn a_run_that_takes_longer_than_its_interval_never_overlaps_itself() {
    let mut world = World::new(schedule("*/5 * * * *", Tz::UTC), at("2026-11-21T08:01:00Z"), 2).await;
    world.takes = TimeDelta::minutes(12);
    world.run_until(at("2026-11-21T08:31:00Z")).await;
    assert_eq!(world.began_at(), ["21 08:05 at 21 08:05", "21 08:20 at 21 08:20"]);
    use OccurrenceState::{Done, Running, Skipped};
    let states = [Done, Skipped, Skipped, Running, Skipped, Skipped];
    let ends = ends(&world).await;
    assert_eq!(ends.iter().map(|(_, state)| *state).collect::<Vec<_>>(), states, "{ends:?}");
    let rows = world.rows().await;
    assert_eq!(rows[1].detail.as_deref(), Some("the one of 2026-11-21T08:05:00+00:00 was still running"));
}

#[tokio::test]
async fn what_a_dead_process_left_is_done_by_another_once_its_lease_has_lapsed() {
    let mut world = World::new(schedule("0 * * * *", Tz::UTC), at("2026-11-21T08:10:00Z"), 2).await;
    world.takes = TimeDelta::minutes(20);
    world.run_until(at("2026-11-21T09:05:00Z")).await;
    world.kill(0);
    world.run_until(at("2026-11-21T09:10:00Z")).await;
    assert_eq!(world.began_at(), ["21 09:00 at 21 09:00"], "its lease may be a living one's");
    world.lapse().await;
    world.run_until(at("2026-11-21T10:30:00Z")).await;
    assert_eq!(world.began_at()[1..], ["21 09:00 at 21 09:10", "21 10:00 at 21 10:00"]);
    assert_eq!(world.began[1].attempt, 2);
}

#[tokio::test]
async fn what_a_dead_process_left_gives_way_to_a_newer_one_and_to_age() {
    use OccurrenceState::{Done, Failed};
    for (until, expected) in [
        // A newer one has come: that one is done.
        ("2026-11-21T10:05:00Z", vec![("21 09:00".to_owned(), Failed), ("21 10:00".to_owned(), Done)]),
        // None has, and it is too old.
        ("2026-11-21T08:59:00Z", vec![]),
    ] {
        let daily = until.contains("08:59");
        let text = if daily { "0 9 * * *" } else { "0 9,10 * * *" };
        let mut world = World::new(schedule(text, Tz::UTC), at("2026-11-21T08:10:00Z"), 1).await;
        world.run_until(at("2026-11-21T09:00:30Z")).await;
        world.kill(0);
        world.clock.set(if daily { at("2026-11-21T12:30:00Z") } else { at(until) });
        world.lapse().await;
        world.start(0).await;
        world.run_until(world.now() + TimeDelta::minutes(5)).await;
        let expected = if daily { vec![("21 09:00".to_owned(), Failed)] } else { expected };
        assert_eq!(ends(&world).await, expected, "{text}");
    }
}

#[tokio::test]
async fn a_schedule_that_was_changed_or_off_missed_nothing_under_its_new_form() {
    let mut world = World::new(schedule("0 9 * * *", Tz::UTC), at("2026-11-21T08:10:00Z"), 1).await;
    world.run_until(at("2026-11-21T12:00:00Z")).await;
    world.kill(0);
    // Under the new form eleven o'clock would have been missed.
    world.schedule = schedule("0 11 * * *", Tz::UTC);
    world.start(0).await;
    world.run_until(at("2026-11-22T12:00:00Z")).await;
    assert_eq!(world.began_at(), ["21 09:00 at 21 09:00", "22 11:00 at 22 11:00"]);
}
