//! Processes that follow one schedule over one state database, on a clock that the test moves.
//!
//! A replica does what the daemon's loop does: looks, does what is its to do, leaves out what comes meanwhile, and wakes
//! when it was told. A run takes as long as the test says. A lease lapses when the test says, not by the time of day.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a fixture that fails ends its test")]

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use reconnectd::adapters::clock::ManualClock;
use reconnectd::domain::{JobName, OccurrenceState, Timestamp};
use reconnectd::ports::Clock as _;
use reconnectd::schedule::{Claims, CronExpression, JobSchedule, Timetable, Turn};
use reconnectd::store::{ClaimedOccurrence, OccurrenceRow, Store};

/// Beyond any test: a lease ends when it is given back or the test lets it lapse.
const TTL: Duration = Duration::from_hours(24);

/// How long a replica waits that found another at work.
const BUSY: TimeDelta = TimeDelta::seconds(20);

/// An occurrence that was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Began {
    pub instant: Timestamp,
    pub at: Timestamp,
    pub attempt: u32,
}

pub struct Replica {
    claims: Claims,
    pub up: bool,
    running: Option<(ClaimedOccurrence, Timestamp)>,
    wake_at: Timestamp,
}

pub struct World {
    pub store: Store,
    pub clock: Arc<ManualClock>,
    pub schedule: JobSchedule,
    pub catch_up: Duration,
    pub takes: TimeDelta,
    pub replicas: Vec<Replica>,
    pub began: Vec<Began>,
    pub done: Vec<Timestamp>,
    /// Claims of processes that were killed, whose leases have not lapsed yet.
    dead: Vec<ClaimedOccurrence>,
    seed: String,
    _folder: Option<tempfile::TempDir>,
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn schedule(text: &str, zone: chrono_tz::Tz) -> JobSchedule {
    let expression = CronExpression::parse(text).unwrap();
    JobSchedule { job: JobName::Audit, expression, timezone: zone, jitter: Duration::ZERO }
}

impl World {
    /// Over a new SQLite file, with `count` replicas that are up.
    pub async fn new(schedule: JobSchedule, start: Timestamp, count: usize) -> Self {
        let (folder, path) = crate::support::databases::sqlite_path();
        let store = Store::open(&format!("sqlite://{}", path.display())).await.unwrap();
        store.migrate().await.unwrap();
        let mut world = Self::over(store, schedule, start, count).await;
        world._folder = Some(folder);
        world
    }

    /// Over a database with its schema.
    pub async fn over(store: Store, schedule: JobSchedule, start: Timestamp, count: usize) -> Self {
        let clock = Arc::new(ManualClock::new(start));
        let replicas = (0..count)
            .map(|n| {
                let claims = Claims {
                    store: store.clone(),
                    clock: Arc::clone(&clock) as Arc<dyn reconnectd::ports::Clock>,
                    holder: format!("replica {n}"),
                    ttl: TTL,
                };
                Replica { claims, up: false, running: None, wake_at: start }
            })
            .collect();
        let mut world = Self {
            store,
            clock,
            schedule,
            catch_up: Duration::from_hours(3),
            takes: TimeDelta::minutes(1),
            replicas,
            began: Vec::new(),
            done: Vec::new(),
            dead: Vec::new(),
            seed: String::new(),
            _folder: None,
        };
        for n in 0..count {
            world.start(n).await;
        }
        world
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Starts a process that is not up.
    pub async fn start(&mut self, n: usize) {
        if !self.replicas[n].up {
            let timetable = Timetable { jobs: vec![self.schedule.clone()], catch_up: self.catch_up };
            self.seed = self.replicas[n].claims.begin(&timetable, "the seed of this world").await.unwrap();
            self.replicas[n].up = true;
            self.settle_down().await;
        }
    }

    /// Kills a process where it is: its lease stays until it lapses.
    pub fn kill(&mut self, n: usize) {
        let replica = &mut self.replicas[n];
        replica.up = false;
        self.dead.extend(replica.running.take().map(|(claimed, _)| claimed));
    }

    /// The leases of the dead lapse.
    pub async fn lapse(&mut self) {
        for claimed in std::mem::take(&mut self.dead) {
            let mut work = self.store.begin().await.unwrap();
            work.release_lease(&claimed.lease).await.unwrap();
            work.commit().await.unwrap();
        }
        self.settle_down().await;
    }

    /// Whether somebody is there to do what comes, and nobody dead is in the way.
    pub fn attended(&self) -> bool {
        self.dead.is_empty() && self.replicas.iter().any(|replica| replica.up)
    }

    pub fn idle(&self) -> bool {
        self.replicas.iter().all(|replica| replica.running.is_none())
    }

    /// Moves the clock at once, as an operator or a machine that slept does.
    pub async fn jump(&mut self, to: Timestamp) {
        self.clock.set(to);
        self.settle_down().await;
    }

    /// Lets the clock run, waking whoever is to be woken on the way.
    pub async fn run_until(&mut self, target: Timestamp) {
        self.settle_down().await;
        while self.now() < target {
            let ends = self.replicas.iter().filter_map(|replica| replica.running.map(|(_, ends)| ends));
            let wakes = self.replicas.iter().filter(|replica| replica.up).map(|replica| replica.wake_at);
            let next = ends.chain(wakes).filter(|at| *at > self.now()).min();
            self.clock.set(next.map_or(target, |next| next.min(target)));
            self.settle_down().await;
        }
    }

    /// Every replica that is up does what there is to do at this moment.
    pub async fn settle_down(&mut self) {
        for n in 0..self.replicas.len() {
            while self.replicas[n].up && self.act(n).await {}
        }
    }

    /// One turn of one replica; whether there may be more to do at this moment.
    async fn act(&mut self, n: usize) -> bool {
        let (now, claims) = (self.now(), self.replicas[n].claims.clone());
        if let Some((claimed, ends)) = self.replicas[n].running {
            if ends <= now {
                claims.settle(&claimed, OccurrenceState::Done, None, None).await.unwrap();
                self.done.push(claimed.scheduled_at);
                self.replicas[n].running = None;
                return true;
            }
            let turn = claims.leave_out(&self.schedule, claimed.scheduled_at, &self.seed).await.unwrap();
            let Turn::Wait { wake_at, .. } = turn else { panic!("{turn:?}") };
            self.replicas[n].wake_at = wake_at;
            return false;
        }
        match claims.take(&self.schedule, self.catch_up, &self.seed).await.unwrap() {
            Turn::Ours { claimed, .. } => {
                assert!(self.idle(), "{} overlaps", claimed.scheduled_at);
                let attempt = claimed.attempt;
                self.began.push(Began { instant: claimed.scheduled_at, at: now, attempt });
                self.replicas[n].running = Some((claimed, now + self.takes));
                true
            }
            Turn::Busy { .. } => {
                self.replicas[n].wake_at = now + BUSY;
                false
            }
            Turn::Wait { wake_at, .. } => {
                assert!(wake_at > now, "woken for nothing at {now}");
                self.replicas[n].wake_at = wake_at;
                false
            }
            Turn::Never => panic!("it never comes again"),
        }
    }

    /// All rows, oldest first.
    pub async fn rows(&self) -> Vec<OccurrenceRow> {
        let mut work = self.store.begin_read().await.unwrap();
        let mut rows = work.occurrences(self.schedule.job, at("2200-01-01T00:00:00Z"), 1_000_000).await.unwrap();
        rows.reverse();
        rows
    }

    /// The instants that were begun, in the order they were, as local wall-clock times.
    pub fn began_at(&self) -> Vec<String> {
        let local = |began: &Began| {
            let zone = &self.schedule.timezone;
            format!(
                "{} at {}",
                began.instant.with_timezone(zone).format("%d %H:%M"),
                began.at.with_timezone(zone).format("%d %H:%M")
            )
        };
        self.began.iter().map(local).collect()
    }
}
