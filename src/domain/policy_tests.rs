//! What is due when, and what is held.

use super::*;
use crate::domain::from_millis;

const HOUR: TimeDelta = TimeDelta::hours(1);

fn start() -> Timestamp {
    from_millis(1_780_000_000_000)
}

fn facts() -> IncidentFacts {
    IncidentFacts {
        baseline: false,
        anchor_silence: None,
        transient: false,
        has_channel: true,
        held: None,
        opened_at: start(),
        released_at: None,
        notices: NoticesGiven::default(),
    }
}

fn told(count: u32, last_ended_at: Timestamp) -> IncidentFacts {
    let notices = NoticesGiven { count, last_ended_at: Some(last_ended_at), ..NoticesGiven::default() };
    IncidentFacts { notices, ..facts() }
}

#[test]
fn a_first_notice_needs_all_of_it() {
    use Silence::{Baseline, CalledOff, Intentional, LadderDone, NoChannel, Silenced, StormDiscarded, StormHeld};
    let first = Decision::Notify(NotifyReason::FirstNotice);
    let called_off = NoticesGiven { called_off: true, ..NoticesGiven::default() };
    let under_way = NoticesGiven { count: 1, under_way: true, ..NoticesGiven::default() };
    for (facts, decision) in [
        (facts(), first),
        (IncidentFacts { baseline: true, ..facts() }, Decision::Silent(Baseline)),
        (IncidentFacts { has_channel: false, ..facts() }, Decision::Silent(NoChannel)),
        (IncidentFacts { anchor_silence: Some(Intentional), ..facts() }, Decision::Silent(Intentional)),
        (IncidentFacts { held: Some(StormHeld), ..facts() }, Decision::Silent(StormHeld)),
        (IncidentFacts { held: Some(StormDiscarded), ..facts() }, Decision::Silent(StormDiscarded)),
        (IncidentFacts { held: Some(Silence::Silenced), ..facts() }, Decision::Silent(Silenced)),
        (IncidentFacts { notices: called_off, ..facts() }, Decision::Silent(CalledOff)),
        (IncidentFacts { notices: under_way, ..facts() }, Decision::Silent(Silence::AlreadyNotified)),
        (told(3, start()), Decision::Silent(LadderDone)),
        // What may mend itself waits a day, and so does nothing else by default.
        (IncidentFacts { transient: true, ..facts() }, Decision::Wait(Silence::Dwelling, start() + TimeDelta::days(1))),
    ] {
        assert_eq!(NoticePolicy::default().decide(&facts, start()), decision, "{facts:?}");
    }
}

#[test]
fn the_ladder_is_climbed_step_by_step_and_ends() {
    let policy = NoticePolicy::default();
    let reminder = Decision::Notify(NotifyReason::Reminder);
    let days = |n| start() + TimeDelta::days(n);
    for (facts, now, decision) in [
        (told(1, start()), days(0), Decision::Wait(Silence::AlreadyNotified, days(3))),
        (told(1, start()), days(3) - HOUR, Decision::Wait(Silence::AlreadyNotified, days(3))),
        (told(1, start()), days(3), reminder),
        // Told two days late: reminded three days after that.
        (told(1, days(2)), days(4), Decision::Wait(Silence::AlreadyNotified, days(5))),
        (told(2, days(3)), days(9), Decision::Wait(Silence::AlreadyNotified, days(10))),
        (told(2, days(3)), days(10), reminder),
        (told(3, days(10)), days(365), Decision::Silent(Silence::LadderDone)),
        (
            IncidentFacts { held: Some(Silence::Silenced), ..told(1, start()) },
            days(1),
            Decision::Wait(Silence::AlreadyNotified, days(3)),
        ),
        (
            IncidentFacts { held: Some(Silence::Silenced), ..told(1, start()) },
            days(3),
            Decision::Silent(Silence::Silenced),
        ),
    ] {
        assert_eq!(policy.decide(&facts, now), decision, "{facts:?} {now}");
    }
}

#[test]
fn the_first_notice_waits_for_its_dwell_and_for_its_release() {
    let policy = NoticePolicy { dwell: Duration::from_hours(2), ..NoticePolicy::default() };
    let waits = |facts: &IncidentFacts| match policy.decide(facts, start()) {
        Decision::Wait(Silence::Dwelling, until) => (until - start()).num_hours(),
        other => panic!("{other:?}"),
    };
    assert_eq!(waits(&facts()), 2);
    assert_eq!(waits(&IncidentFacts { transient: true, ..facts() }), 24);
    let later = NoticePolicy { ladder: vec![Duration::from_hours(5)], ..policy.clone() };
    assert_eq!(later.decide(&facts(), start() + HOUR), Decision::Wait(Silence::Dwelling, start() + HOUR * 5));
    let released = IncidentFacts { released_at: Some(start() + HOUR * 9), ..facts() };
    assert_eq!(waits(&released), 9);
}

#[test]
fn a_user_is_told_once_in_a_digest_window_and_so_often_a_day_and_a_week() {
    let policy = NoticePolicy::default();
    let now = start();
    let ago = |hours: &[i64]| hours.iter().map(|h| now - HOUR * i32::try_from(*h).unwrap()).collect::<Vec<_>>();
    let until = |hours: i32| now + HOUR * hours;
    for (told_at, hold) in [
        (ago(&[]), None),
        (vec![now - TimeDelta::minutes(30)], Some((Silence::DigestWindow, now + TimeDelta::minutes(30)))),
        (ago(&[1]), None),
        (ago(&[2]), None),
        (ago(&[2, 5]), Some((Silence::Capped, until(19)))),
        (ago(&[5, 24]), None),
        (ago(&[30, 50, 70, 90]), None),
        (ago(&[30, 50, 70, 90, 110]), Some((Silence::Capped, until(168 - 110)))),
        (ago(&[30, 50, 70, 90, 168]), None),
        // The longest of several reasons is the one that is named.
        (vec![now - TimeDelta::minutes(30), now - HOUR * 5], Some((Silence::Capped, until(19)))),
    ] {
        assert_eq!(policy.hold(&told_at, now), hold, "{told_at:?}");
    }
}

#[test]
fn a_storm_is_many_and_a_large_share() {
    let guard = StormGuard::default();
    for (broken, working, trips) in
        [(19, 0, false), (20, 0, true), (20, 79, true), (20, 80, false), (1000, 4000, false), (1001, 3999, true)]
    {
        assert_eq!(guard.trips(broken, working), trips, "{broken} {working}");
    }
    assert!(!StormGuard { share: 1.0, ..guard }.trips(1000, 0), "1.0 is off");
}
