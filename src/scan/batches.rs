//! Turns users waiting to be asked about into batches of the right size, and the outcomes of batches into a
//! better size.
//!
//! Guarantees: a batch is never empty, never longer than the cap in users or bytes (one overlong id goes
//! alone), and never holds more than one user after the fallback. Pure bookkeeping; lives as long as one scan.

use std::collections::VecDeque;

use tracing::{debug, warn};

use super::UsersPerRequest;
use crate::domain::UserId;
use crate::ports::ProviderError;
use crate::telemetry::events;

/// Users in the first request: useful at once, harmless if joined requests turn out not to work.
const FIRST_SIZE: usize = 10;
/// Users in one request, at most. One page holds 100 accounts (contract, section 9), so more users hardly ever
/// fit one page.
const LARGEST_SIZE: usize = 100;
/// Percent-encoded bytes of the joined ids, at most: with path and other parameters this stays below the 8 kB
/// that proxies commonly allow for a request line.
const LARGEST_JOINED_BYTES: usize = 6_000;
/// The comma between two ids, percent-encoded.
const COMMA_BYTES: usize = 3;
/// Good answers in a row that let the size grow again once it had to shrink. Before that every good answer does;
/// afterwards growing at once would run into the same limit with every third request.
const GOOD_BEFORE_GROWING: u32 = 4;

/// Users asked about in one request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) users: Vec<UserId>,
    /// Cut to the current size, so that its outcome says something about that size. The parts of a failed
    /// batch do not: they fail because of one bad id as often as not.
    fresh: bool,
}

/// The size of batches, learned over the whole scan.
#[derive(Debug)]
pub(super) struct BatchSize {
    users: usize,
    adaptive: bool,
    one_by_one: bool,
    has_shrunk: bool,
    good_in_a_row: u32,
}

impl BatchSize {
    pub(super) fn new(users_per_request: UsersPerRequest) -> Self {
        let (users, adaptive) = match users_per_request {
            UsersPerRequest::Auto => (FIRST_SIZE, true),
            UsersPerRequest::Fixed(users) => (usize::try_from(users.get()).unwrap_or(usize::MAX), false),
        };
        Self { users, adaptive, one_by_one: false, has_shrunk: false, good_in_a_row: 0 }
    }

    fn current(&self) -> usize {
        if self.one_by_one { 1 } else { self.users }
    }

    /// The batch was answered, in this many pages.
    pub(super) fn answered(&mut self, batch: &Batch, pages: u32) {
        if !self.learns_from(batch) {
            return;
        }
        if pages > 1 {
            if batch.users.len() > 1 {
                self.shrink(batch);
            }
        } else if batch.users.len() >= self.users {
            self.good_in_a_row += 1;
            if !self.has_shrunk || self.good_in_a_row >= GOOD_BEFORE_GROWING {
                self.change((self.users + self.users.div_ceil(2)).min(LARGEST_SIZE));
            }
        }
    }

    /// The batch of more than one user failed and will be split.
    pub(super) fn failed(&mut self, batch: &Batch, error: &ProviderError) {
        match error {
            ProviderError::OwnerMissing => self.fall_back(error),
            ProviderError::Rejected { .. }
            | ProviderError::TimedOut(_)
            | ProviderError::TooManyPages(_)
            | ProviderError::Malformed(_)
                if self.learns_from(batch) =>
            {
                self.shrink(batch);
            }
            // Unavailable says nothing about the size; the others stop the run.
            _ => {}
        }
    }

    fn learns_from(&self, batch: &Batch) -> bool {
        self.adaptive && !self.one_by_one && batch.fresh
    }

    /// Halves what was asked, not what is current: batches in flight together that fail together shrink once.
    fn shrink(&mut self, batch: &Batch) {
        self.has_shrunk = true;
        self.change(self.users.min((batch.users.len() / 2).max(1)));
    }

    fn change(&mut self, users: usize) {
        self.good_in_a_row = 0;
        if users != self.users {
            debug!(
                event = events::BATCH_CHANGED,
                users_before = self.users,
                users_per_request = users,
                "Users per request changed."
            );
            self.users = users;
        }
    }

    fn fall_back(&mut self, error: &ProviderError) {
        if !self.one_by_one {
            self.one_by_one = true;
            warn!(
                event = events::BATCH_CHANGED,
                users_before = self.users,
                users_per_request = 1,
                error = %error,
                "Asking for one user per request for the rest of the run; this takes many more requests."
            );
        }
    }
}

/// The users of one page who still have to be asked about.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    fresh: VecDeque<UserId>,
    /// Parts of failed batches, the next one last.
    again: Vec<Vec<UserId>>,
}

impl Waiting {
    pub(super) fn new(users: impl IntoIterator<Item = UserId>) -> Self {
        Self { fresh: users.into_iter().collect(), again: Vec::new() }
    }

    /// Takes the next batch: parts of failed ones first, so that a bad id is isolated before others join it.
    pub(super) fn next(&mut self, size: &BatchSize) -> Option<Batch> {
        if let Some(mut users) = self.again.pop() {
            if size.one_by_one && users.len() > 1 {
                let rest = users.split_off(1);
                self.again.push(rest);
            }
            return Some(Batch { users, fresh: false });
        }
        let mut users = vec![self.fresh.pop_front()?];
        let mut bytes = encoded_bytes(&users[0]);
        while users.len() < size.current()
            && let Some(user) = self.fresh.front()
        {
            bytes += COMMA_BYTES + encoded_bytes(user);
            if bytes > LARGEST_JOINED_BYTES {
                break;
            }
            users.extend(self.fresh.pop_front());
        }
        Some(Batch { users, fresh: true })
    }

    /// Puts the halves of a failed batch of more than one user back, to be asked about next.
    pub(super) fn split(&mut self, batch: Batch) {
        let mut first = batch.users;
        let second = first.split_off(first.len() / 2);
        self.again.push(second);
        self.again.push(first);
    }
}

/// How long the id is in a request: every byte but the unreserved ones of RFC 3986 takes three.
fn encoded_bytes(user: &UserId) -> usize {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    user.as_str().bytes().map(|byte| if plain(byte) { 1 } else { 3 }).sum()
}
