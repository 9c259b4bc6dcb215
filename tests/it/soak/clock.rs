//! A clock on which a day takes seconds, and an alarm that goes by it.
//!
//! Between an alarm that rings, or a job that ends, and the next alarm that is set the clock stands still, for a moment at
//! most: how fast the machine looks at the schedule must not decide what is due. It can be stopped, and moved both ways;
//! whoever sleeps for a length of time does not notice that, as on a machine whose clock is set.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use reconnectd::domain::Timestamp;
use reconnectd::ports::{Alarm, Clock};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Milliseconds of the clock per millisecond while nothing is done: a day in two seconds.
const IDLE_SPEED: u32 = 43_200;
/// And while a job is at work: a second for two hours, so that a machine that is busy with other things gets through.
const WORKING_SPEED: u32 = 7_200;
/// The clock waits no longer than this for the next alarm to be set.
pub const PATIENCE: Duration = Duration::from_millis(300);

struct State {
    shows: Timestamp,
    /// How long it has run, whatever it was moved to.
    ran: Duration,
    /// When it showed that; the clock stands still until this instant.
    since: Instant,
    stopped: bool,
    /// Jobs at work.
    working: usize,
    rung: usize,
    set: u64,
}

pub struct FastClock {
    state: Mutex<State>,
    moved: Notify,
}

impl FastClock {
    pub fn new(start: Timestamp) -> Arc<Self> {
        let state = State {
            shows: start,
            ran: Duration::ZERO,
            since: Instant::now(),
            stopped: true,
            working: 0,
            rung: 0,
            set: 0,
        };
        Arc::new(Self { state: Mutex::new(state), moved: Notify::new() })
    }

    #[expect(clippy::unwrap_used, reason = "a poisoned lock ends the test")]
    fn settled(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap();
        let now = Instant::now();
        if now > state.since {
            if !state.stopped {
                let speed = if state.working > 0 { WORKING_SPEED } else { IDLE_SPEED };
                let passed = now.duration_since(state.since) * speed;
                state.ran += passed;
                state.shows += TimeDelta::from_std(passed).unwrap_or_default();
            }
            state.since = now;
        }
        state
    }

    pub fn stop(&self) {
        self.settled().stopped = true;
    }

    pub fn go(&self) {
        let mut state = self.settled();
        (state.stopped, state.rung, state.since) = (false, 0, Instant::now());
        drop(state);
        self.moved.notify_waiters();
    }

    /// Moves it; whoever waits looks again.
    pub fn jump(&self, by: TimeDelta) {
        self.settled().shows += by;
        self.moved.notify_waiters();
    }

    /// Stands still until an alarm is set, but no longer than this.
    pub fn wait_for_alarm(&self, patience: Duration) {
        let mut state = self.settled();
        if state.since <= Instant::now() {
            state.rung = 0; // It goes: whoever was waited for before has had their time.
        }
        state.rung += 1;
        state.since = state.since.max(Instant::now() + patience);
    }

    /// A job is at work until the value is dropped.
    pub fn work(self: &Arc<Self>) -> Working {
        self.settled().working += 1;
        Working(Arc::clone(self))
    }

    /// How often an alarm was set so far.
    pub fn alarms_set(&self) -> u64 {
        self.settled().set
    }

    async fn until(&self, at: Timestamp) {
        loop {
            let moved = self.moved.notified();
            let rest = (at - self.now()).to_std().unwrap_or_default();
            if rest.is_zero() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep((rest / IDLE_SPEED).max(Duration::from_millis(1))) => {}
                () = moved => {}
            }
        }
    }
}

#[async_trait]
impl Clock for FastClock {
    fn now(&self) -> Timestamp {
        let shows = self.settled().shows;
        shows - TimeDelta::nanoseconds(i64::from(shows.timestamp_subsec_nanos() % 1_000_000))
    }

    async fn sleep(&self, duration: Duration) {
        let until = self.settled().ran + duration;
        loop {
            let rest = until.saturating_sub(self.settled().ran);
            if rest.is_zero() {
                return;
            }
            tokio::time::sleep((rest / IDLE_SPEED).max(Duration::from_millis(1))).await;
        }
    }
}

/// See [`FastClock::work`].
pub struct Working(Arc<FastClock>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.settled().working -= 1;
    }
}

pub struct FastAlarm(pub Arc<FastClock>);

#[async_trait]
impl Alarm for FastAlarm {
    async fn ring(&self, at: Timestamp) {
        {
            let mut state = self.0.settled();
            state.set += 1;
            state.rung = state.rung.saturating_sub(1);
            if state.rung == 0 && state.since > Instant::now() {
                state.since = Instant::now();
            }
        }
        let moved = self.0.moved.notified();
        tokio::select! {
            () = self.0.until(at) => {}
            () = moved => {}
        }
        self.0.wait_for_alarm(PATIENCE);
    }
}
