//! The real program, killed with SIGKILL at every fault point, between a POST and its answer, between a mail's
//! final dot and its reply, and at random moments; then left to finish and held against the ledgers of the sinks.
//!
//! Each installation lives through what `scene` describes: a first run that takes stock, a bad day (breakages, a
//! storm, old breakages released), and some days later (reminders, recoveries, a storm released). Runs are killed in
//! each of the three, the last is left alone. The leases of a killed process are made to lapse by SQL, because
//! waiting for that (20 s, 10 min) is all they would do. `RECONNECTD_TEST_KILLS` asks for at least so many kills.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a step that fails ends its test; the numbers are shown")]

pub mod ledger;
mod scene;

use std::collections::BTreeSet;
use std::path::Path;

use reconnectd::fault::{POINTS, REPORT_POINTS, STOPPED};

use self::ledger::Tally;
use self::scene::Installation;
use super::process::until;
use crate::directory::product::Dialect;

/// Kills at random moments on each database, however few kills are asked for.
const LEAST_RANDOM: u64 = 4;
/// From so many kills on one database on, it may take minutes.
const MANY: u64 = 100;
/// Kills on one installation at most, so that there is something left to tell.
const KILLS_IN_A_ROW: u64 = 4;
/// About as many things can be seen to happen in a run that tells twelve users on two channels.
const SIGNS_OF_A_RUN: usize = 100;

/// What an installation lives through once stock is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Day {
    Bad,
    Later,
}

impl Day {
    const BOTH: [Self; 2] = [Self::Bad, Self::Later];
}

/// Where a process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At a fault point.
    Point(&'static str),
    /// Between a POST and its answer.
    Post,
    /// Between a mail's final dot and the reply.
    Dot,
}

impl Place {
    /// Ends are told later, when there are some.
    fn is_passed_on(self, day: Day) -> bool {
        day == Day::Later || !matches!(self, Self::Point(name) if name.starts_with("recovery."))
    }
}

impl Installation {
    async fn live_through(&mut self, day: Day) {
        match day {
            Day::Bad => self.bad_day().await,
            Day::Later => self.days_later().await,
        }
    }

    /// A run that is killed at the `passage`-th passage of this place, or ends before. Says whether it was killed.
    async fn kill_at(&mut self, place: Place, passage: usize) -> bool {
        let fault = match place {
            Place::Point(name) => Some(format!("{name}:{passage}")),
            Place::Post => {
                self.setup.sink.stall_next(passage);
                None
            }
            Place::Dot => {
                self.mail.stall_next(passage);
                None
            }
        };
        let unanswered = self.unanswered() + passage;
        let mut running = self.setup.spawn_faulty(fault.as_deref());
        until(&format!("{place:?} was passed for the {passage}th time"), || {
            let there = match place {
                Place::Point(_) => running.stderr().contains(STOPPED),
                Place::Post | Place::Dot => self.unanswered() == unanswered,
            };
            there || running.ended()
        })
        .await;
        let killed = running.kill_or_reap();
        self.after_a_run(killed).await;
        self.tally.at_places += u64::from(killed);
        killed
    }

    /// A run that is killed after something was seen to happen this many times, or ends before.
    async fn kill_after(&mut self, signs: usize, stall: Option<Place>) -> bool {
        match stall {
            Some(Place::Post) => self.setup.sink.stall_next(1),
            Some(Place::Dot) => self.mail.stall_next(1),
            _ => {}
        }
        let (unanswered, seen) = (self.unanswered(), self.signs());
        let mut running = self.setup.spawn_faulty(None);
        until("enough has happened", || {
            let happened = self.signs() - seen + running.stderr().lines().count();
            happened >= signs || self.unanswered() > unanswered || running.ended()
        })
        .await;
        let killed = running.kill_or_reap();
        self.after_a_run(killed).await;
        self.tally.at_random += u64::from(killed);
        killed
    }

    /// What the sinks took so far.
    fn arrivals(&self) -> usize {
        self.setup.sink.received().len() + self.mail.ledger().len()
    }

    /// What the outside saw so far.
    fn signs(&self) -> usize {
        self.setup.simulator.requests().len() + self.arrivals()
    }

    fn unanswered(&self) -> usize {
        let posts = self.setup.sink.received().iter().filter(|request| !request.answered).count();
        posts + self.mail.ledger().iter().filter(|(_, answered)| !answered).count()
    }

    async fn after_a_run(&mut self, killed: bool) {
        self.tally.runs += 1;
        self.setup.sink.stall_next(0);
        self.mail.stall_next(0);
        if killed {
            self.setup.on_state("UPDATE leases SET expires_at = 0").await;
            let lapse = "UPDATE deliveries SET lease_expires_at = 0 WHERE lease_expires_at IS NOT NULL";
            self.setup.on_state(lapse).await;
        }
    }

    /// A run that is left alone.
    async fn run(&mut self) -> serde_json::Value {
        let output = self.setup.spawn_faulty(None).finish().await.expect(0);
        self.tally.runs += 1;
        output.summary()
    }

    /// Leaves the program to finish what there is to do now.
    async fn settle(&mut self) {
        let last = self.run().await;
        assert_eq!((&last["deliveries_pending"], &last["deliveries_failed"]), (&0.into(), &0.into()), "{last}");
    }

    /// Leaves the program to finish and holds it against the ledgers.
    async fn finish(mut self) -> Tally {
        self.settle().await;
        let idle = self.run().await;
        assert_eq!((&idle["notices_planned"], &idle["deliveries_sent"]), (&0.into(), &0.into()), "{idle}");
        ledger::check(&self.setup, &self.mail, &self.due, &mut self.tally).await;
        self.tally
    }
}

/// Kills at these places, one after the other: while taking stock, then at the first, second, … passage of each on
/// the days given.
async fn killed_at(state: Dialect, places: &[Place], times: usize, days: &[Day]) -> Tally {
    let mut installation = Installation::new(state).await;
    let mut in_stock = true; // Not every place is passed while taking stock; a run that is not killed ends it.
    for place in places {
        in_stock = in_stock && installation.kill_at(*place, 1).await;
    }
    if in_stock {
        installation.run().await;
    }
    assert_eq!(installation.arrivals(), 0, "{places:?}: nobody is told while stock is taken");
    for day in Day::BOTH {
        installation.live_through(day).await;
        let passed = |place: &Place| days.contains(&day) && place.is_passed_on(day);
        for place in places.iter().copied().filter(passed) {
            for passage in 1..=times {
                let killed = installation.kill_at(place, passage).await;
                assert!(killed || passage > 1, "{place:?} was not passed on {day:?}");
            }
        }
        installation.settle().await;
    }
    installation.finish().await
}

/// Kills at random moments of both days until `most` kills or a run that ended.
async fn killed_at_random(state: Dialect, rng: &mut fastrand::Rng, most: u64) -> Tally {
    let mut installation = Installation::new(state).await;
    installation.run().await;
    for day in Day::BOTH {
        installation.live_through(day).await;
        for _ in 0..most.min(KILLS_IN_A_ROW) {
            let stall = [None, None, Some(Place::Post), Some(Place::Dot)][rng.usize(..4)];
            if !installation.kill_after(rng.usize(1..=SIGNS_OF_A_RUN), stall).await {
                break;
            }
        }
        installation.settle().await;
    }
    installation.finish().await
}

async fn on_one_database(state: Dialect, wanted: u64, seed: u64) -> Tally {
    let mut tally = Tally::default();
    // In the order a run passes them, so that there is something left to tell after each kill.
    let places: Vec<Place> = [Place::Post, Place::Dot].into_iter().chain(POINTS.map(Place::Point)).collect();
    if wanted >= MANY {
        // Each place on an installation of its own, three times in a row, on both days.
        for place in &places {
            tally += killed_at(state, &[*place], 3, &Day::BOTH).await;
        }
    } else {
        // Four neighbours on one installation, on one of the days; the other database has the other.
        for (number, neighbours) in places.chunks(4).enumerate() {
            let day = [Day::Bad, Day::Later][(number + usize::from(state == Dialect::Postgres)) % 2];
            let days =
                if neighbours.iter().all(|place| place.is_passed_on(day)) { vec![day] } else { Day::BOTH.into() };
            tally += killed_at(state, neighbours, 1, &days).await;
        }
    }
    let mut rng = fastrand::Rng::with_seed(seed);
    while tally.at_random < LEAST_RANDOM || tally.kills() < wanted {
        let missing = LEAST_RANDOM.saturating_sub(tally.at_random).max(wanted.saturating_sub(tally.kills()));
        tally += killed_at_random(state, &mut rng, missing).await;
    }
    println!("killed over {state:?}, seed {seed}: {tally}");
    tally
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_notice_arrives_and_every_repeat_carries_the_id_of_its_first() {
    let wanted: u64 = std::env::var("RECONNECTD_TEST_KILLS").map_or(0, |wanted| wanted.parse().unwrap());
    let (mut all, postgres) = tokio::join!(
        Box::pin(on_one_database(Dialect::Sqlite, wanted.div_ceil(2), 1)),
        Box::pin(on_one_database(Dialect::Postgres, wanted.div_ceil(2), 2)),
    );
    all += postgres;
    println!("killed in all: {all}");
    assert!(all.kills() >= wanted.max(80), "{all}");
}

/// The names in the calls of `fault::point`, once per call.
fn called(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            names.extend(called(&path));
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let calls = text.split("fault::point(\"").skip(1);
            names.extend(calls.map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
    }
    names
}

#[test]
fn every_fault_point_is_in_the_list_and_in_the_code_once() {
    let mut calls = called(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    calls.sort();
    let listed: Vec<&str> = POINTS.into_iter().chain(REPORT_POINTS).collect();
    assert_eq!(calls, listed.iter().collect::<BTreeSet<_>>().into_iter().copied().collect::<Vec<_>>());
    assert_eq!(calls.len(), listed.len(), "a name is listed twice");
}
