//! Turns the users of one page into one observation each, by asking the provider in batches.
//!
//! Guarantees: never more requests in flight than the limit; an id that cannot be asked for is never sent; an
//! account that belongs to nobody in its batch, or to two users, stops everything; a failed batch is halved until the failure
//! belongs to one user. Dropping the future drops every request in flight; nothing else is held.

use std::collections::{HashMap, HashSet};

use tracing::warn;

use super::batches::{Batch, BatchSize, Waiting};
use super::health::Health;
use super::in_flight::InFlight;
use super::{ScanError, ScanOptions};
use crate::domain::{AccountId, Observation, UnknownReason, UserId, UserObservation};
use crate::ports::{AccountList, Provider, ProviderError};
use crate::telemetry::events;

/// The provider, and what this scan has learned about asking it.
pub(super) struct Asking<'a> {
    provider: &'a dyn Provider,
    concurrency: usize,
    size: BatchSize,
    health: Health,
    /// How often the provider seemed down and answered a probe, with no user answered since.
    reprieves: u32,
}

/// A hundred users in a row without an answer are nobody's bad luck.
const MOST_REPRIEVES: u32 = 4;

/// What is known of one page's users so far.
struct Found {
    observations: HashMap<UserId, Observation>,
    /// Whose each account is. Where the provider names no owners, an account that comes back for two users is
    /// the only sign that it does not honour the filter.
    owners: HashMap<AccountId, UserId>,
}

impl<'a> Asking<'a> {
    pub(super) fn new(provider: &'a dyn Provider, options: ScanOptions) -> Self {
        Self {
            provider,
            concurrency: options.concurrency.max(1),
            size: BatchSize::new(options.users_per_request),
            health: Health::default(),
            reprieves: 0,
        }
    }

    /// One observation for each of `users`, in their order.
    pub(super) async fn observe(&mut self, users: Vec<UserId>) -> Result<Vec<UserObservation>, ScanError> {
        let mut found = Found { observations: HashMap::with_capacity(users.len()), owners: HashMap::new() };
        let mut waiting = Waiting::new(queryable_once(&users, &mut found));
        let provider = self.provider;
        let mut in_flight = InFlight::new();
        loop {
            while in_flight.len() < self.concurrency
                && let Some(batch) = waiting.next(&self.size)
            {
                in_flight.push(async move {
                    let answer = provider.accounts_of(&batch.users).await;
                    (batch, answer)
                });
            }
            let Some((batch, answer)) = in_flight.next().await else { break };
            match answer {
                Ok(list) => self.answered(batch, list, &mut found)?,
                // A request in flight may hold its turn at the door that the probe of an outage waits for.
                Err(error) => in_flight.beside(self.failed(batch, error, &mut waiting, &mut found)).await?,
            }
        }
        Ok(in_order(users, &found))
    }

    fn answered(&mut self, batch: Batch, list: AccountList, found: &mut Found) -> Result<(), ScanError> {
        self.size.answered(&batch, list.pages);
        let mut accounts: HashMap<UserId, Vec<_>> = batch.users.into_iter().map(|user| (user, Vec::new())).collect();
        for account in list.accounts {
            // The adapter checks owners too; what depends on them is too grave for one check.
            let owner = found.owners.entry(account.id.clone()).or_insert_with(|| account.user.clone());
            let own = accounts.get_mut(&account.user).filter(|_| *owner == account.user);
            let Some(own) = own else {
                let foreign = ProviderError::ForeignAccount { account: account.id, owner: owner.clone() };
                return Err(ScanError::Provider(foreign));
            };
            own.push(account);
        }
        self.health.answered();
        self.reprieves = 0;
        found.observations.extend(accounts.into_iter().map(|(user, own)| (user, Observation::Complete(own))));
        Ok(())
    }

    /// Twenty users side by side may each have a trouble of their own: one cheap request tells that from an
    /// outage. A provider that answers that and nothing else, again and again, is as good as down.
    async fn confirm_outage(&mut self, failures: u32, last: ProviderError) -> Result<ProviderError, ScanError> {
        match self.provider.check().await {
            Ok(()) if self.reprieves < MOST_REPRIEVES => {
                self.reprieves += 1;
                Ok(last)
            }
            Err(error) if error.stops_the_run() => Err(ScanError::Provider(error)),
            _ => Err(ScanError::ProviderDown { failures, last }),
        }
    }

    async fn failed(
        &mut self,
        batch: Batch,
        error: ProviderError,
        waiting: &mut Waiting,
        found: &mut Found,
    ) -> Result<(), ScanError> {
        let Some(reason) = error.as_unknown() else { return Err(ScanError::Provider(error)) };
        if batch.users.len() > 1 {
            self.size.failed(&batch, &error);
            waiting.split(batch);
            return Ok(());
        }
        let error = match self.health.failed(error) {
            Err(ScanError::ProviderDown { failures, last }) => self.confirm_outage(failures, last).await?,
            judged => judged?,
        };
        for user in batch.users {
            warn!(
                event = events::USER_UNKNOWN,
                user = %user,
                reason = reason.code(),
                error = %error,
                "Nothing is known of this user in this run; what was known before still stands."
            );
            found.observations.insert(user, Observation::Unknown(reason));
        }
        Ok(())
    }
}

/// The ids to ask about, each once; the others are settled in `found` at once.
fn queryable_once(users: &[UserId], found: &mut Found) -> Vec<UserId> {
    let mut seen = HashSet::with_capacity(users.len());
    let (ask, never): (Vec<_>, Vec<_>) =
        users.iter().filter(|user| seen.insert(*user)).cloned().partition(UserId::is_queryable);
    for user in never.iter().take(UNQUERYABLE_LINES_PER_PAGE) {
        warn!(
            event = events::USER_UNQUERYABLE, user = %user,
            "The provider cannot be asked about this id (a comma, a NUL, or nothing but space); it is not audited."
        );
    }
    let more = never.len().saturating_sub(UNQUERYABLE_LINES_PER_PAGE);
    if more > 0 {
        warn!(event = events::USER_UNQUERYABLE, more, "The provider cannot be asked about more ids of this page.");
    }
    found.observations.extend(never.into_iter().map(|user| (user, Observation::Unqueryable)));
    ask
}

/// A directory may be full of such ids; the summary counts them all.
const UNQUERYABLE_LINES_PER_PAGE: usize = 5;

fn in_order(users: Vec<UserId>, found: &Found) -> Vec<UserObservation> {
    users
        .into_iter()
        .map(|user| {
            // Every id was settled; were one not, ignorance is the one answer that does no harm.
            let unasked = Observation::Unknown(UnknownReason::Unavailable);
            let observation = found.observations.get(&user).cloned().unwrap_or(unasked);
            UserObservation { user, observation }
        })
        .collect()
}
