//! Random moves of the clock and deaths of processes, two replicas over one state database. Whatever happens: no instant
//! is done twice, nothing begins before its time or later than `catch_up` allows, nothing overlaps, and where somebody is
//! there the newest instant has its row.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use chrono_tz::Tz;
use proptest::prelude::*;
use reconnectd::domain::{OccurrenceState, Timestamp};

use super::replicas::{World, at, schedule};

#[derive(Debug, Clone)]
enum Move {
    /// The clock runs for so many minutes.
    Run(i64),
    /// It jumps by so many minutes, forwards or backwards.
    Jump(i64),
    /// It is years ahead for a while.
    YearsAhead(i64),
    Kill(usize),
    Start(usize),
    /// From now on a run takes so many minutes.
    Takes(i64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let step = prop_oneof![
        5 => (1..600_i64).prop_map(Move::Run),
        2 => (1..4_000_i64).prop_map(Move::Jump),
        2 => (-600..-1_i64).prop_map(Move::Jump),
        1 => (1..300_i64).prop_map(Move::YearsAhead),
        2 => (0..2_usize).prop_map(Move::Kill),
        3 => (0..2_usize).prop_map(Move::Start),
        1 => (0..150_i64).prop_map(Move::Takes),
    ];
    prop::collection::vec(step, 5..25)
}

const SCHEDULES: [&str; 5] = ["17 * * * *", "*/20 * * * *", "30 2 * * *", "0 */6 * * *", "15,45 1-3 * * *"];

/// Hours before the clocks are changed.
const STARTS: [(Tz, &str); 4] = [
    (Tz::Europe__Warsaw, "2026-10-24T18:00:00Z"),
    (Tz::Europe__Warsaw, "2027-03-27T18:00:00Z"),
    (Tz::America__New_York, "2026-10-31T22:00:00Z"),
    (Tz::Australia__Lord_Howe, "2026-10-03T08:00:00Z"),
];

/// What the schedule owes: the newest instant since it is followed has its row wherever somebody is there.
async fn newest_is_explained(world: &World, since: Timestamp, at: &str) {
    let Some(newest) = world.schedule.last_before(since, world.now()) else { return };
    let rows = world.rows().await;
    assert!(
        rows.iter().any(|row| row.scheduled_at == newest),
        "{at}: {newest} has no row at {}\n{rows:#?}",
        world.now()
    );
}

/// While the clock runs and somebody is there, every instant has its row and they begin in order.
async fn nothing_is_left_out(world: &World, from: Timestamp, began_before: usize) {
    let rows: Vec<Timestamp> = world.rows().await.iter().map(|row| row.scheduled_at).collect();
    for instant in world.schedule.after(from).take_while(|instant| *instant <= world.now()) {
        assert!(rows.contains(&instant), "{instant} has no row though the clock ran from {from}");
    }
    let began: Vec<_> = world.began[began_before..].iter().filter(|began| began.attempt == 1).collect();
    assert!(began.windows(2).all(|pair| pair[0].instant < pair[1].instant), "{:?}", world.began_at());
}

async fn walk(text: &str, (zone, start): (Tz, &str), moves: &[Move]) {
    let mut world = World::new(schedule(text, zone), at(start), 2).await;
    let mut since = at(start);
    for (n, step) in moves.iter().enumerate() {
        let (from, began_before) = (world.now(), world.began.len());
        match step {
            Move::Run(minutes) => {
                let attended = world.attended();
                world.run_until(from + TimeDelta::minutes(*minutes)).await;
                if attended {
                    nothing_is_left_out(&world, from, began_before).await;
                }
            }
            Move::Jump(minutes) => world.jump(from + TimeDelta::minutes(*minutes)).await,
            Move::YearsAhead(minutes) => {
                world.jump(from + TimeDelta::days(1461)).await;
                world.run_until(world.now() + TimeDelta::minutes(*minutes)).await;
                world.jump(from).await;
            }
            Move::Kill(n) => world.kill(*n),
            Move::Start(n) => world.start(*n).await,
            Move::Takes(minutes) => world.takes = TimeDelta::minutes(*minutes),
        }
        if !matches!(step, Move::Kill(_)) {
            world.lapse().await;
        }
        if world.attended() {
            // A look under a clock from before the beginning begins anew.
            since = since.min(world.now());
            newest_is_explained(&world, since, &format!("move {n}, {step:?}")).await;
        }
    }
    judge(&world, moves).await;
}

async fn judge(world: &World, moves: &[Move]) {
    let mut done: BTreeMap<Timestamp, u32> = BTreeMap::new();
    for instant in &world.done {
        *done.entry(*instant).or_default() += 1;
    }
    assert!(done.values().all(|times| *times == 1), "done twice: {done:?}\n{moves:?}");
    let catch_up = TimeDelta::from_std(world.catch_up).unwrap_or_default();
    for began in &world.began {
        assert!(began.at >= began.instant, "too early: {began:?}\n{moves:?}");
        assert!(began.at - began.instant <= catch_up, "too late: {began:?}\n{moves:?}");
    }
    for row in world.rows().await {
        let is_instant = world.schedule.next_after(row.scheduled_at - TimeDelta::seconds(1)) == Some(row.scheduled_at);
        assert!(is_instant, "no instant: {row:?}");
        assert_eq!(done.contains_key(&row.scheduled_at), row.state == OccurrenceState::Done, "{row:?}");
        let explained = row.state != OccurrenceState::Skipped && row.state != OccurrenceState::Failed;
        assert!(explained || row.detail.is_some(), "{row:?}");
        if row.detail.as_deref().is_some_and(|detail| detail.starts_with("missed")) {
            assert!(row.claimed_at - row.scheduled_at > catch_up, "given up too early: {row:?}");
        }
    }
}

#[test]
fn every_instant_is_done_at_most_once_and_the_newest_is_never_forgotten() {
    let config = ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
    let situations = (0..SCHEDULES.len(), 0..STARTS.len(), moves());
    proptest!(config, |((text, start, moves) in situations)| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(walk(SCHEDULES[text], STARTS[start], &moves));
    });
}
