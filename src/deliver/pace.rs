//! How fast mail leaves: when the next one may be sent at all, and when one may be sent to a domain.
//!
//! Turns instants into permits; waits for nothing itself. To everybody: a rate per minute that begins low and at
//! most doubles from one minute to the next, so that a large batch from a sender few servers know grows slowly. To
//! one domain: a rate of its own; what it has no room for now is given a later moment of its own, one after the
//! other, so that a hundred thousand mails to one domain are looked at about twice each and not every second.
//!
//! Guarantees: no stretch of a minute sees more permits than a minute's rate and [`BURST`]'s worth. Per process:
//! two processes send at twice the rates. Domains are kept as hashes under a key of this process, in memory alone.
//! A crash forgets it all: the next process begins with the low rate, and what was put off keeps its moment.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZeroU32;
use std::time::Duration;

use chrono::TimeDelta;

use crate::domain::Timestamp;

/// A second's worth may leave at once: finer than that no server counts.
pub(super) const BURST: TimeDelta = TimeDelta::seconds(1);

/// What a domain has room for so soon is waited for under the lease; it holds one of the few places in flight.
pub(super) const LONGEST_WAIT: TimeDelta = TimeDelta::milliseconds(500);

/// What the rates are counted over.
const MINUTE: TimeDelta = TimeDelta::minutes(1);

/// Below so many domains nothing is tidied up; a domain takes some 50 bytes.
const DOMAINS_KEPT: usize = 1024;

/// The rates of channels that write to addresses, in mails a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaceLimits {
    /// To everybody.
    pub per_minute: NonZeroU32,
    /// To the addresses of one domain.
    pub per_domain_per_minute: NonZeroU32,
    /// To everybody in the first minute of a batch; above `per_minute` there is no ramp.
    pub ramp_up_from: NonZeroU32,
}

/// Whether a domain has room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// After this short wait.
    After(Duration),
    /// Not before this moment, which is nobody else's.
    NotBefore(Timestamp),
}

/// What one process has sent of late.
#[derive(Debug)]
pub struct Pace {
    limits: PaceLimits,
    everybody: Everybody,
    domains: HashMap<u64, Domain>,
    hashes: RandomState,
    tidy_above: usize,
}

/// The rate to everybody. The next minute's follows from what this minute really carried.
#[derive(Debug)]
struct Everybody {
    rate: u32,
    minute_began: Timestamp,
    permits: u32,
    /// The moment up to which the rate is used up.
    used_until: Timestamp,
}

/// The rate to one domain.
#[derive(Debug, Clone, Copy, Default)]
struct Domain {
    /// The moment up to which the rate is used up.
    used_until: Timestamp,
    /// The first moment that has not been given away to something put off.
    given_until: Timestamp,
}

impl Pace {
    /// Nothing sent yet.
    pub fn new(limits: PaceLimits) -> Self {
        let began = Timestamp::default();
        let rate = first_rate(&limits);
        let everybody = Everybody { rate, minute_began: began, permits: 0, used_until: began };
        let (domains, hashes) = (HashMap::new(), RandomState::new());
        Self { limits, everybody, domains, hashes, tidy_above: DOMAINS_KEPT }
    }

    /// Takes a permit to send to somebody, or says when there will be one.
    pub(super) fn permit(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        let limits = self.limits;
        let all = &mut self.everybody;
        all.turn_minutes(&limits, now);
        let from = all.used_until - BURST;
        if now < from {
            return Err(from);
        }
        all.used_until = all.used_until.max(now) + gap(all.rate);
        all.permits += 1;
        Ok(())
    }

    /// From now on these rates hold. A rate that has grown is reached as after any minute, by doubling.
    pub fn set_limits(&mut self, limits: PaceLimits) {
        self.everybody.rate = self.everybody.rate.clamp(1, limits.per_minute.get());
        self.limits = limits;
    }

    /// Gives a permit back under which nothing was sent.
    pub(super) fn give_back(&mut self) {
        let all = &mut self.everybody;
        all.used_until -= gap(all.rate);
        all.permits = all.permits.saturating_sub(1);
    }

    /// Takes a place in the rate of `domain`, or the next moment that has not been given away.
    pub(super) fn room(&mut self, domain: &str, now: Timestamp) -> Room {
        self.tidy_up(now);
        let gap = gap(self.limits.per_domain_per_minute.get());
        let lane = self.domains.entry(self.hashes.hash_one(domain.to_lowercase())).or_default();
        let from = (lane.used_until - BURST).max(now);
        if from - now <= LONGEST_WAIT {
            lane.used_until = lane.used_until.max(from) + gap;
            return Room::After((from - now).to_std().unwrap_or_default());
        }
        let moment = lane.given_until.max(lane.used_until);
        lane.given_until = moment + gap;
        Room::NotBefore(moment)
    }

    /// The longest wait between two moments given to one domain, and a little: who waits so long finds the next.
    pub(super) fn longest_gap(&self) -> Duration {
        gap(self.limits.per_domain_per_minute.get()).to_std().unwrap_or_default() + Duration::from_secs(1)
    }

    /// Forgets domains whose rate is not used at all, so that memory follows what is under way.
    fn tidy_up(&mut self, now: Timestamp) {
        if self.domains.len() > self.tidy_above {
            self.domains.retain(|_, domain| domain.used_until.max(domain.given_until) > now);
            self.tidy_above = DOMAINS_KEPT.max(2 * self.domains.len());
        }
    }
}

impl Everybody {
    /// A minute that used at least half of its rate is followed by one of twice that rate; any other by one of
    /// twice what it used, so that a pause or a trickle earns nothing.
    fn turn_minutes(&mut self, limits: &PaceLimits, now: Timestamp) {
        let passed = now - self.minute_began;
        if passed < MINUTE {
            return;
        }
        let (first, most) = (first_rate(limits), limits.per_minute.get());
        self.rate = if passed >= MINUTE * 2 {
            first
        } else if self.permits >= self.rate.div_ceil(2) {
            self.rate.saturating_mul(2).min(most)
        } else {
            self.permits.saturating_mul(2).clamp(first, most)
        };
        self.minute_began = if passed >= MINUTE * 2 { now } else { self.minute_began + MINUTE };
        self.permits = 0;
    }
}

fn first_rate(limits: &PaceLimits) -> u32 {
    limits.ramp_up_from.min(limits.per_minute).get()
}

/// From one to the next at this rate.
fn gap(per_minute: u32) -> TimeDelta {
    TimeDelta::microseconds(60_000_000 / i64::from(per_minute.max(1)))
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
