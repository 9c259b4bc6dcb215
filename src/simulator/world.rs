//! All accounts of the simulated project: those put there, over those the population implies.
//!
//! A generated account exists by computation until something touches it; then it is stored, and its computed
//! twin is shadowed for good. Attempts end when they are next looked at, see `SimAccount::settle`.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::account::SimAccount;
use super::links::Link;
use super::population::{Made, Population, parse_account_id};
use super::query::ListQuery;
use super::select;
use crate::domain::{AccountId, AuthConfigId, Timestamp, ToolkitSlug, UserId};
use crate::ports::Clock;

/// All accounts; every method locks for its own duration.
pub struct World {
    clock: Arc<dyn Clock>,
    population: Option<Population>,
    stored: Mutex<Stored>,
}

/// What an auth config makes accounts of.
#[derive(Debug, Clone)]
pub(super) struct AuthConfig {
    pub toolkit: ToolkitSlug,
    pub scheme: String,
    pub is_disabled: bool,
}

pub(super) struct Stored {
    accounts: BTreeMap<AccountId, SimAccount>,
    by_user: HashMap<UserId, BTreeSet<AccountId>>,
    /// Generated accounts, by number and slot, that were changed (then stored above) or deleted.
    shadowed: HashSet<(u64, u8)>,
    pub auth_configs: HashMap<AuthConfigId, AuthConfig>,
    pub links: HashMap<String, Link>,
    pub dice: fastrand::Rng,
}

impl World {
    pub(super) fn new(clock: Arc<dyn Clock>, population: Option<Population>, seed: u64) -> Self {
        let stored = Stored {
            accounts: BTreeMap::new(),
            by_user: HashMap::new(),
            shadowed: HashSet::new(),
            auth_configs: HashMap::new(),
            links: HashMap::new(),
            dice: fastrand::Rng::with_seed(seed.rotate_left(32)),
        };
        Self { clock, population, stored: Mutex::new(stored) }
    }

    /// The generated users, if there are any.
    pub fn population(&self) -> Option<&Population> {
        self.population.as_ref()
    }

    /// Adds an account, or replaces the one with its id; makes its auth config known.
    pub fn put(&self, account: SimAccount) {
        self.with(|stored| stored.put(account));
    }

    /// Gives an account a status, as of now; false when there is no such account. Any word is taken.
    pub fn set_status(&self, id: &AccountId, status: &str, reason: Option<&str>) -> bool {
        self.change(id, |account| {
            status.clone_into(&mut account.status);
            account.status_reason = reason.map(str::to_owned);
        })
    }

    /// Changes an account in any way and dates the change now, unless the change moved `updated_at`
    /// itself; false when there is no such account.
    pub fn change(&self, id: &AccountId, change: impl FnOnce(&mut SimAccount)) -> bool {
        self.try_change(id, |account| {
            change(account);
            Ok::<(), std::convert::Infallible>(())
        })
        .is_some()
    }

    /// As [`World::change`], for a change that may refuse: then nothing changed. None when there is no
    /// such account.
    pub(super) fn try_change<T, E>(
        &self,
        id: &AccountId,
        change: impl FnOnce(&mut SimAccount) -> Result<T, E>,
    ) -> Option<Result<T, E>> {
        let now = self.now();
        self.with(|stored| {
            let mut account = self.fetch(stored, id, now)?;
            let before = account.updated_at;
            Some(change(&mut account).inspect(|_| {
                if account.updated_at == before {
                    account.updated_at = now;
                }
                stored.put(account);
            }))
        })
    }

    /// Deletes an account: gone from lists, 404 by id. False when there was none.
    pub fn remove(&self, id: &AccountId) -> bool {
        let now = self.now();
        self.with(|stored| {
            let exists = self.fetch(stored, id, now).is_some();
            stored.shadow(id);
            if let Some(account) = stored.accounts.remove(id)
                && let Some(ids) = stored.by_user.get_mut(&account.user_id)
            {
                ids.remove(id);
            }
            exists
        })
    }

    /// The account with this id as it is now.
    pub fn account(&self, id: &AccountId) -> Option<SimAccount> {
        let now = self.now();
        self.with(|stored| self.fetch(stored, id, now))
    }

    /// All accounts of one user as they are now, oldest first.
    pub fn accounts_of(&self, user: &UserId) -> Vec<SimAccount> {
        self.page(&ListQuery::all_of(user.as_str())).0
    }

    /// Every user that has or had a stored account. Generated users appear once something of theirs
    /// was changed; [`Population::user_id`] names them all.
    pub fn users(&self) -> Vec<UserId> {
        self.with(|stored| {
            let mut users: Vec<UserId> = stored.by_user.keys().cloned().collect();
            users.sort();
            users
        })
    }

    /// Makes an auth config known, so that links can be made with it; accounts do it for their own.
    pub fn put_auth_config(&self, id: &AuthConfigId, toolkit: &ToolkitSlug, scheme: &str, is_disabled: bool) {
        let config = AuthConfig { toolkit: toolkit.clone(), scheme: scheme.to_owned(), is_disabled };
        self.with(|stored| stored.auth_configs.insert(id.clone(), config));
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Stored) -> T) -> T {
        act(&mut self.stored.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The page a list request asks for, and how many accounts its filters let through in all.
    pub(super) fn page(&self, query: &ListQuery) -> (Vec<SimAccount>, u64) {
        let now = self.now();
        self.with(|stored| {
            stored.settle(query, now);
            select::page(stored, self.population.as_ref(), query, now)
        })
    }

    fn fetch(&self, stored: &Stored, id: &AccountId, now: Timestamp) -> Option<SimAccount> {
        let generated = || {
            let population = self.population.as_ref()?;
            Some(population.account(&population.find(id).filter(|made| !stored.is_shadowed(made))?))
        };
        let mut account = stored.accounts.get(id).cloned().or_else(generated)?;
        account.settle(now);
        Some(account)
    }
}

impl Stored {
    /// Adds or replaces an account.
    pub(super) fn put(&mut self, account: SimAccount) {
        self.shadow(&account.id);
        let config = AuthConfig {
            toolkit: account.toolkit.clone(),
            scheme: account.auth_scheme.clone(),
            is_disabled: account.auth_config_disabled,
        };
        self.auth_configs.insert(account.auth_config_id.clone(), config);
        self.by_user.entry(account.user_id.clone()).or_default().insert(account.id.clone());
        let user = account.user_id.clone();
        if let Some(old) = self.accounts.insert(account.id.clone(), account)
            && old.user_id != user
            && let Some(ids) = self.by_user.get_mut(&old.user_id)
        {
            ids.remove(&old.id);
        }
    }

    pub(super) fn is_shadowed(&self, made: &Made) -> bool {
        self.shadowed.contains(&(made.index, made.slot))
    }

    /// The stored accounts of one user.
    pub(super) fn of_user(&self, user: &str) -> impl Iterator<Item = &SimAccount> {
        let ids = self.by_user.get(&UserId::new(user));
        ids.into_iter().flatten().filter_map(|id| self.accounts.get(id))
    }

    /// All stored accounts, by id.
    pub(super) fn all(&self) -> impl Iterator<Item = &SimAccount> {
        self.accounts.values()
    }

    /// The stored account with this id.
    pub(super) fn one(&self, id: &AccountId) -> Option<&SimAccount> {
        self.accounts.get(id)
    }

    /// Ends the attempts among the accounts a request is about.
    fn settle(&mut self, query: &ListQuery, now: Timestamp) {
        if query.user_ids.is_empty() {
            self.accounts.values_mut().for_each(|account| account.settle(now));
        }
        for user in &query.user_ids {
            for id in self.by_user.get(&UserId::new(user)).into_iter().flatten() {
                if let Some(account) = self.accounts.get_mut(id) {
                    account.settle(now);
                }
            }
        }
    }

    fn shadow(&mut self, id: &AccountId) {
        if let Some(generated) = parse_account_id(id) {
            self.shadowed.insert(generated);
        }
    }
}
