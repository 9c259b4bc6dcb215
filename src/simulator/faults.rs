//! Which request meets which fault: scripted ones first, then those of a user, then the dice.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::SimulatorError;
use crate::domain::UserId;

/// One way in which a request goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The documented 429: bare `message`, budget headers, `Retry-After` of [`Faults::retry_after`].
    RateLimited,
    /// The edge's 429: code 10429, no budget headers, no `Retry-After`.
    EdgeRateLimited,
    /// 500, 502 or 503 by the dice, in the v3 envelope.
    ServerError,
    /// Any other status in the v3 envelope, with the slug `Simulated_Fault`.
    Status(u16),
    /// The request is read, then the connection is reset (RST) without an answer.
    Reset,
    /// The request is read, then the connection is closed (FIN) without an answer.
    Closed,
    /// Half of the answer's body arrives, then the connection ends; `content-length` promised all of it.
    Truncated,
    /// A proxy's HTML page with status 502.
    Html,
    /// A proxy's HTML page with status 200.
    HtmlWithOk,
    /// The answer comes after [`Faults::slow_for`].
    Slow,
    /// The answer's head and half of its body come at once, the rest after [`Faults::slow_for`].
    SlowBody,
    /// 200 with `{}` where a list was due.
    NoItems,
    /// The list's `next_cursor` is always the same one, that of the first page.
    RepeatedCursor,
}

/// How often which fault strikes by chance, each share 0.0 to 1.0 of all API requests. A request meets at
/// most one; where the shares add up to more than 1, the later ones in this list come up short.
#[derive(Debug, Clone, PartialEq)]
pub struct Faults {
    /// Share of [`Fault::RateLimited`].
    pub rate_429_with_headers: f64,
    /// Share of [`Fault::EdgeRateLimited`].
    pub rate_429_edge: f64,
    /// Share of [`Fault::ServerError`].
    pub rate_5xx: f64,
    /// Share of [`Fault::Reset`] and [`Fault::Closed`], half each.
    pub rate_reset: f64,
    /// Share of [`Fault::Truncated`].
    pub rate_truncated: f64,
    /// Share of [`Fault::Html`].
    pub rate_html: f64,
    /// Share of [`Fault::Slow`] and [`Fault::SlowBody`], half each.
    pub rate_slow: f64,
    /// How long a slow answer takes, in real time.
    pub slow_for: Duration,
    /// What a simulated documented 429 asks to wait; sent in whole seconds, rounded up.
    pub retry_after: Duration,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            rate_429_with_headers: 0.0,
            rate_429_edge: 0.0,
            rate_5xx: 0.0,
            rate_reset: 0.0,
            rate_truncated: 0.0,
            rate_html: 0.0,
            rate_slow: 0.0,
            slow_for: Duration::from_secs(3),
            retry_after: Duration::from_secs(1),
        }
    }
}

impl Faults {
    /// Refuses shares outside 0 to 1.
    pub fn validate(&self) -> Result<(), SimulatorError> {
        for (name, value) in self.shares() {
            if !(0.0..=1.0).contains(&value) {
                return Err(SimulatorError::OutOfRange { name, value });
            }
        }
        Ok(())
    }

    fn shares(&self) -> [(&'static str, f64); 7] {
        [
            ("rate_429_with_headers", self.rate_429_with_headers),
            ("rate_429_edge", self.rate_429_edge),
            ("rate_5xx", self.rate_5xx),
            ("rate_reset", self.rate_reset),
            ("rate_truncated", self.rate_truncated),
            ("rate_html", self.rate_html),
            ("rate_slow", self.rate_slow),
        ]
    }

    /// The fault a throw of the dice lands on: `throw` in 0..1, `coin` picks between the two of a kind.
    fn at(&self, throw: f64, coin: bool) -> Option<Fault> {
        let pick = |heads, tails| if coin { heads } else { tails };
        let kinds = [
            Fault::RateLimited,
            Fault::EdgeRateLimited,
            Fault::ServerError,
            pick(Fault::Reset, Fault::Closed),
            Fault::Truncated,
            Fault::Html,
            pick(Fault::Slow, Fault::SlowBody),
        ];
        let mut upper = 0.0;
        self.shares().iter().zip(kinds).find_map(|((_, share), kind)| {
            upper += share;
            (throw < upper).then_some(kind)
        })
    }
}

/// The scripted and the random faults of one simulator.
pub(super) struct FaultSource(Mutex<Sources>);

struct Sources {
    script: VecDeque<(Fault, u32)>,
    /// The same for requests that change something.
    changes: VecDeque<(Fault, u32)>,
    users: HashMap<UserId, Fault>,
    dice: fastrand::Rng,
}

impl FaultSource {
    pub(super) fn new(seed: u64) -> Self {
        let dice = fastrand::Rng::with_seed(seed);
        Self(Mutex::new(Sources { script: VecDeque::new(), changes: VecDeque::new(), users: HashMap::new(), dice }))
    }

    pub(super) fn fail_next(&self, fault: Fault, times: u32) {
        if times > 0 {
            self.with(|sources| sources.script.push_back((fault, times)));
        }
    }

    pub(super) fn fail_next_change(&self, fault: Fault, times: u32) {
        if times > 0 {
            self.with(|sources| sources.changes.push_back((fault, times)));
        }
    }

    pub(super) fn fail_user(&self, user: &UserId, fault: Fault) {
        self.with(|sources| sources.users.insert(user.clone(), fault));
    }

    pub(super) fn heal_user(&self, user: &UserId) {
        self.with(|sources| sources.users.remove(user));
    }

    /// The fault of the next request, which asks about `users` (comma-joined, as on the wire), or changes something.
    pub(super) fn next(&self, users: Option<&str>, changes: bool, random: &Faults) -> Option<Fault> {
        self.with(|sources| {
            let of_a_change = if changes { scripted(&mut sources.changes) } else { None };
            if let Some(fault) = of_a_change.or_else(|| scripted(&mut sources.script)) {
                return Some(fault);
            }
            let of_a_user = users
                .filter(|_| !sources.users.is_empty())
                .and_then(|joined| joined.split(',').find_map(|user| sources.users.get(&UserId::new(user)).copied()));
            of_a_user.or_else(|| random.at(sources.dice.f64(), sources.dice.bool()))
        })
    }

    /// One of 500, 502, 503.
    pub(super) fn server_error(&self) -> u16 {
        self.with(|sources| sources.dice.choice([500, 502, 503]).unwrap_or(500))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Sources) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What is next in a script, once.
fn scripted(script: &mut VecDeque<(Fault, u32)>) -> Option<Fault> {
    let (fault, left) = script.front_mut()?;
    let fault = *fault;
    *left -= 1;
    if *left == 0 {
        script.pop_front();
    }
    Some(fault)
}
