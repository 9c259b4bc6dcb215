//! Asks about the users of one page: several requests at once, failures narrowed down to single users.

use std::collections::{HashMap, VecDeque};
use std::mem;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::batches::{Batch, BatchSize, Origin};
use super::guard::Guard;
use super::{ScanError, ScanOptions};
use crate::domain::{Account, AccountId, Observation, UnknownReason, UserId, UserObservation};
use crate::ports::{AccountList, Provider, ProviderError};
use crate::telemetry::events;

/// What lasts from page to page.
pub(super) struct Asker<'a> {
    provider: &'a dyn Provider,
    concurrency: usize,
    size: BatchSize,
    guard: Guard,
}

impl<'a> Asker<'a> {
    pub(super) fn new(provider: &'a dyn Provider, options: ScanOptions) -> Self {
        Self {
            provider,
            concurrency: options.concurrency.max(1),
            size: BatchSize::new(options.users_per_request),
            guard: Guard::default(),
        }
    }

    /// One observation per user, in the order given. An error drops the requests in flight.
    pub(super) async fn ask(&mut self, users: Vec<UserId>) -> Result<Vec<UserObservation>, ScanError> {
        let mut page = Page::new(users);
        let mut flying = FuturesUnordered::new();
        // While the provider is down, one request about one user finds out whether it still is.
        let mut may_probe = true;
        loop {
            while let Some(batch) = self.next_batch(&mut page, flying.len(), may_probe) {
                may_probe = false;
                let (provider, users) = (self.provider, page.users_of(&batch));
                flying.push(async move {
                    let answer = provider.accounts_of(&users).await;
                    (batch, answer)
                });
            }
            let Some((batch, answer)) = flying.next().await else { break };
            match answer {
                Ok(list) => {
                    self.answered(&mut page, &batch, list.pages);
                    page.assign(&batch, list)?;
                }
                Err(error) if error.stops_the_run() => return Err(ScanError::Provider(error)),
                Err(error) => self.failed(&mut page, batch, error)?,
            }
        }
        if self.guard.is_down() {
            let asked = !may_probe;
            page.give_up_the_rest();
            if asked {
                self.guard.page_lost()?;
            }
        }
        Ok(page.finish())
    }

    fn next_batch(&self, page: &mut Page, in_flight: usize, may_probe: bool) -> Option<Batch> {
        if self.guard.is_down() {
            return if in_flight == 0 && may_probe { page.probe() } else { None };
        }
        if in_flight >= self.concurrency {
            return None;
        }
        page.halves.pop_front().or_else(|| {
            let waiting = !page.waiting.is_empty();
            waiting.then(|| self.size.take(&mut page.waiting, &page.users))
        })
    }

    fn answered(&mut self, page: &mut Page, batch: &Batch, pages: u32) {
        self.guard.succeeded();
        match batch.origin {
            Origin::Whole => self.size.answered(batch.members.len(), pages),
            Origin::HalfOf(family) => {
                if let Some(users) = page.half_answered(family) {
                    self.size.was_too_big(users);
                }
            }
            Origin::Part => {}
        }
    }

    /// A batch that failed is halved and both halves are asked about next; a single user becomes unknown.
    fn failed(&mut self, page: &mut Page, batch: Batch, error: ProviderError) -> Result<(), ScanError> {
        let users = batch.members.len();
        if users > 1 && matches!(error, ProviderError::OwnerMissing) {
            self.size.one_at_a_time();
            page.split_into_singles(batch);
            return Ok(());
        }
        let reason = error.as_unknown().unwrap_or(UnknownReason::Malformed);
        // No answer at all says nothing about the size, unless it ran out of time.
        let blames_the_size = !matches!(error, ProviderError::Unavailable { .. });
        let words = error.to_string();
        self.guard.failed(users, error)?;
        if users > 1 && !self.guard.is_down() {
            if blames_the_size && batch.origin == Origin::Whole {
                self.size.failed(users);
            }
            page.halve(batch, blames_the_size);
        } else {
            page.unknown(&batch, reason, &words);
        }
        Ok(())
    }
}

/// Where one page stands.
struct Page {
    users: Vec<UserId>,
    found: Vec<Option<Observation>>,
    /// Places not yet asked about, in order.
    waiting: VecDeque<usize>,
    /// Parts of failed batches; they go first.
    halves: VecDeque<Batch>,
    /// Failed batches: how many users each had, and how many of its halves were answered at once.
    families: Vec<(usize, u8)>,
    /// Whose account was seen on this page.
    owners: HashMap<AccountId, usize>,
}

impl Page {
    fn new(users: Vec<UserId>) -> Self {
        let mut found = vec![None; users.len()];
        let mut waiting = VecDeque::new();
        for (place, user) in users.iter().enumerate() {
            // White space alone belongs to nobody, and a server that trims it would list everybody.
            if user.is_queryable() && !user.as_str().trim().is_empty() {
                waiting.push_back(place);
            } else {
                found[place] = Some(Observation::Unqueryable);
                tracing::warn!(
                    event = events::USER_UNQUERYABLE,
                    user = %user,
                    "The provider cannot be asked about this id; it holds a comma or nothing but space."
                );
            }
        }
        Self { users, found, waiting, halves: VecDeque::new(), families: Vec::new(), owners: HashMap::new() }
    }

    fn users_of(&self, batch: &Batch) -> Vec<UserId> {
        batch.members.iter().map(|&place| self.users[place].clone()).collect()
    }

    /// One user who was not observed yet.
    fn probe(&mut self) -> Option<Batch> {
        let place = self.waiting.pop_front()?;
        Some(Batch { members: vec![place], origin: Origin::Part })
    }

    /// Gives every account to its user. The provider's client has checked the owners; a stage that speaks
    /// to people checks again, and one account cannot be two users' either: where owners are not named,
    /// that is the only sign of a filter that is not honoured.
    fn assign(&mut self, batch: &Batch, list: AccountList) -> Result<(), ScanError> {
        let mut lists: Vec<Vec<Account>> = vec![Vec::new(); batch.members.len()];
        let of_user: HashMap<&UserId, usize> =
            batch.members.iter().enumerate().map(|(nth, &place)| (&self.users[place], nth)).collect();
        let foreign = |account: AccountId, owner: UserId| {
            Err(ScanError::Provider(ProviderError::ForeignAccount { account, owner }))
        };
        for account in list.accounts {
            let Some(&nth) = of_user.get(&account.user) else { return foreign(account.id, account.user) };
            let place = batch.members[nth];
            let first = *self.owners.entry(account.id.clone()).or_insert(place);
            if first != place {
                return foreign(account.id, self.users[first].clone());
            }
            lists[nth].push(account);
        }
        for (&place, accounts) in batch.members.iter().zip(lists) {
            self.found[place] = Some(Observation::Complete(accounts));
        }
        Ok(())
    }

    fn halve(&mut self, mut batch: Batch, blames_the_size: bool) {
        let origin = if blames_the_size {
            self.families.push((batch.members.len(), 0));
            Origin::HalfOf(self.families.len() - 1)
        } else {
            Origin::Part
        };
        let second = batch.members.split_off(batch.members.len() / 2);
        self.halves.push_front(Batch { members: second, origin });
        self.halves.push_front(Batch { members: batch.members, origin });
    }

    /// The size of the failed batch, once both its halves were answered.
    fn half_answered(&mut self, family: usize) -> Option<usize> {
        let (users, answered) = self.families.get_mut(family)?;
        *answered += 1;
        (*answered == 2).then_some(*users)
    }

    fn split_into_singles(&mut self, batch: Batch) {
        for place in batch.members.into_iter().rev() {
            self.halves.push_front(Batch { members: vec![place], origin: Origin::Part });
        }
    }

    fn unknown(&mut self, batch: &Batch, reason: UnknownReason, error: &str) {
        for &place in &batch.members {
            self.found[place] = Some(Observation::Unknown(reason));
            tracing::warn!(
                event = events::USER_UNKNOWN,
                user = %self.users[place],
                reason = reason.code(),
                error,
                "A user's accounts could not be fetched; everything known before still stands."
            );
        }
    }

    /// The provider is down: whoever is left becomes unknown without being asked about.
    fn give_up_the_rest(&mut self) {
        let halves = mem::take(&mut self.halves).into_iter().flat_map(|batch| batch.members);
        let rest: Vec<usize> = halves.chain(mem::take(&mut self.waiting)).collect();
        for &place in &rest {
            self.found[place] = Some(Observation::Unknown(UnknownReason::Unavailable));
        }
        if !rest.is_empty() {
            tracing::warn!(
                event = events::USER_UNKNOWN,
                users = rest.len(),
                reason = UnknownReason::Unavailable.code(),
                "The provider does not answer; the rest of the page was not asked about."
            );
        }
    }

    fn finish(self) -> Vec<UserObservation> {
        // Every place was answered, failed, unqueryable or given up; were one forgotten, not knowing is safe.
        let missing = Observation::Unknown(UnknownReason::Unavailable);
        self.users
            .into_iter()
            .zip(self.found)
            .map(|(user, found)| UserObservation { user, observation: found.unwrap_or_else(|| missing.clone()) })
            .collect()
    }
}
