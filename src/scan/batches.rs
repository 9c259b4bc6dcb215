//! How many users to put into the next request: grows while answers fit one page, shrinks on failure.
//!
//! Pure bookkeeping. The size never changes what is observed, only how many requests it takes.

use std::collections::VecDeque;

use super::UsersPerRequest;
use crate::domain::UserId;
use crate::telemetry::events;

/// Where `auto` starts: small enough that a person with several accounts each still fits one page of 100.
const FIRST: usize = 10;
/// Where `auto` stops growing: as many users as a page has items.
const MOST: usize = 100;
/// Encoded length of the joined ids, in bytes. Servers commonly refuse request lines over 8 kB; the rest of
/// the line takes some 200 bytes.
const MAX_IDS_BYTES: usize = 6_000;
/// A comma between two ids, encoded.
const COMMA_BYTES: usize = 3;
/// After so many good whole batches a size that once was too big is tried again.
const FORGIVE_AFTER: u32 = 64;

/// Users of one page by their place in it, asked about together.
#[derive(Debug)]
pub(super) struct Batch {
    /// Places in the page.
    pub(super) members: Vec<usize>,
    /// Where it comes from: only whole batches and clean halves say anything about the size.
    pub(super) origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Taken as it is from the users waiting.
    Whole,
    /// Half of a batch that may have been too big; the number names that batch.
    HalfOf(usize),
    /// Part of a batch whose failure had nothing to do with its size.
    Part,
}

#[derive(Debug)]
pub(super) struct BatchSize {
    auto: bool,
    current: usize,
    /// No larger than this for now: one more was too big.
    ceiling: usize,
    good: u32,
}

impl BatchSize {
    pub(super) fn new(users_per_request: UsersPerRequest) -> Self {
        match users_per_request {
            UsersPerRequest::Auto => Self { auto: true, current: FIRST, ceiling: MOST, good: 0 },
            UsersPerRequest::Fixed(n) => {
                let n = usize::try_from(n.get()).unwrap_or(usize::MAX);
                Self { auto: false, current: n, ceiling: n, good: 0 }
            }
        }
    }

    /// Takes the next batch off `waiting`: at least one user, at most the present size and the URL's room.
    pub(super) fn take(&self, waiting: &mut VecDeque<usize>, users: &[UserId]) -> Batch {
        let mut members = Vec::new();
        let mut bytes = 0;
        while let Some(place) = waiting.front().copied().filter(|_| members.len() < self.current) {
            bytes += encoded_bytes(&users[place]) + COMMA_BYTES;
            if bytes > MAX_IDS_BYTES && !members.is_empty() {
                break;
            }
            members.push(place);
            waiting.pop_front();
        }
        Batch { members, origin: Origin::Whole }
    }

    /// A whole batch of `users` users was answered on `pages` pages.
    pub(super) fn answered(&mut self, users: usize, pages: u32) {
        if !self.auto || users < self.current || pages > 1 {
            return;
        }
        self.good += 1;
        if self.good >= FORGIVE_AFTER && self.ceiling < MOST {
            self.good = 0;
            self.ceiling = (self.ceiling * 2).min(MOST);
        }
        self.change_to((self.current * 2).min(self.ceiling), "answers fit one page");
    }

    /// A whole batch of `users` users failed. Batches of one size that fail together halve it once.
    pub(super) fn failed(&mut self, users: usize) {
        if self.auto {
            self.good = 0;
            self.change_to(self.current.min((users / 2).max(1)), "a request failed");
        }
    }

    /// A batch of `users` users failed and both its halves were answered: it was too big.
    pub(super) fn was_too_big(&mut self, users: usize) {
        if self.auto {
            self.ceiling = self.ceiling.min(users.saturating_sub(1)).max(1);
            self.change_to(self.current.min(self.ceiling), "a request was too big");
        }
    }

    /// The provider does not name owners: one user at a time from now on.
    pub(super) fn one_at_a_time(&mut self) {
        if (self.auto, self.current) != (false, 1) {
            *self = Self { auto: false, current: 1, ceiling: 1, good: 0 };
            tracing::warn!(
                event = events::BATCH_CHANGED,
                users_per_request = 1,
                "The provider does not name the owners of accounts; one user is asked about at a time from now on."
            );
        }
    }

    fn change_to(&mut self, size: usize, why: &'static str) {
        if size != self.current {
            self.current = size;
            tracing::debug!(
                event = events::BATCH_CHANGED,
                users_per_request = size,
                why,
                "The number of users per request changed."
            );
        }
    }
}

fn encoded_bytes(user: &UserId) -> usize {
    url::form_urlencoded::byte_serialize(user.as_str().as_bytes()).map(str::len).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(size: &BatchSize, users: &[UserId]) -> Vec<usize> {
        let mut waiting: VecDeque<usize> = (0..users.len()).collect();
        std::iter::from_fn(|| (!waiting.is_empty()).then(|| size.take(&mut waiting, users).members.len())).collect()
    }

    #[test]
    fn batches_keep_to_the_size_and_to_the_room_in_a_url() {
        let size = BatchSize { auto: true, current: 100, ceiling: 100, good: 0 };
        let users = |id: &str, n| vec![UserId::new(id); n];
        for (users, expected) in [
            (users("u", 250), vec![100, 100, 50]),
            (users(&"x".repeat(997), 20), vec![6, 6, 6, 2]),
            (users(&"é".repeat(500), 4), vec![1, 1, 1, 1]), // 3,000 bytes each once encoded, and a comma
            (users(&"x".repeat(9_000), 2), vec![1, 1]),
            (users("u", 0), vec![]),
        ] {
            assert_eq!(sizes(&size, &users), expected);
        }
    }

    #[test]
    fn the_size_grows_shrinks_once_and_remembers_what_was_too_big() {
        let mut size = BatchSize::new(UsersPerRequest::Auto);
        for expected in [20, 40, 80, 100, 100] {
            size.answered(size.current, 1);
            assert_eq!(size.current, expected);
        }
        size.answered(100, 3);
        assert_eq!(size.current, 100, "more than one page: no growth");
        for _ in 0..4 {
            size.failed(100);
            assert_eq!(size.current, 50, "four batches in flight failed together");
        }
        size.was_too_big(100);
        size.answered(50, 1);
        assert_eq!(size.current, 99);
        for _ in 0..FORGIVE_AFTER {
            size.answered(99, 1);
        }
        assert_eq!(size.current, 100, "tried again after a while");
        for users in [1, 0] {
            size.failed(users);
            assert_eq!(size.current, 1, "never less than one");
        }
    }

    #[test]
    fn a_fixed_size_stays_until_owners_go_missing() {
        let mut size = BatchSize::new(UsersPerRequest::Fixed(std::num::NonZeroU32::new(7).unwrap()));
        size.answered(7, 1);
        size.failed(7);
        size.was_too_big(7);
        assert_eq!(size.current, 7);
        size.one_at_a_time();
        size.answered(1, 1);
        assert_eq!(size.current, 1);
    }
}
