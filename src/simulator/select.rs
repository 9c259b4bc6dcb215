//! Turns a list request into its page: collects, filters, orders and cuts.
//!
//! Generated accounts are weighed without writing out their texts, so that even a request for everybody's
//! accounts stays under a second per hundred thousand users in an unoptimised build. A request for some users
//! touches theirs alone.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::account::{ATTEMPT_LIFE, SimAccount};
use super::population::{Made, Population};
use super::query::{AccountType, ListQuery};
use super::world::Stored;
use crate::domain::{AccountId, Timestamp};

/// An account on its way into a page.
enum Candidate<'a> {
    Stored(&'a SimAccount),
    Made(Made),
}

/// What filters and orders look at.
struct Facts<'a> {
    status: &'a str,
    toolkit: &'a str,
    auth_config: &'a str,
    shared: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// The accounts of the page, and how many pass the filters in all. Stored attempts must be settled.
pub(super) fn page(
    stored: &Stored,
    population: Option<&Population>,
    query: &ListQuery,
    now: Timestamp,
) -> (Vec<SimAccount>, u64) {
    let mut found = candidates(stored, population, query);
    found.retain(|candidate| passes(&candidate.facts(now), query));
    let at = |candidate: &Candidate<'_>| {
        let facts = candidate.facts(now);
        if query.by_updated_at { facts.updated_at } else { facts.created_at }
    };
    // Stable, and the candidates come in the order of their ids: pages of an unchanged world never overlap.
    if query.ascending {
        found.sort_by_cached_key(at);
    } else {
        found.sort_by_cached_key(|candidate| Reverse(at(candidate)));
    }
    let total = found.len() as u64;
    let skip = usize::try_from((query.page - 1).saturating_mul(query.limit)).unwrap_or(usize::MAX);
    let take = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let accounts = found.iter().skip(skip).take(take).filter_map(|one| one.write_out(population, now)).collect();
    (accounts, total)
}

fn candidates<'a>(stored: &'a Stored, population: Option<&Population>, query: &ListQuery) -> Vec<Candidate<'a>> {
    let mut found = Vec::new();
    let made_by = |index: u64, found: &mut Vec<Candidate<'a>>| {
        let made = population.into_iter().flat_map(|population| population.made_by(index));
        found.extend(made.filter(|made| !stored.is_shadowed(made)).map(Candidate::Made));
    };
    if !query.user_ids.is_empty() {
        let asked: BTreeSet<&str> = query.user_ids.iter().map(String::as_str).collect();
        let wanted: BTreeSet<&str> = query.account_ids.iter().map(String::as_str).collect();
        for user in asked {
            found.extend(stored.of_user(user).map(Candidate::Stored));
            if let Some(index) = population.and_then(|population| population.index_of(user)) {
                made_by(index, &mut found);
            }
        }
        found.retain(|candidate| {
            wanted.is_empty() || candidate.id(population).is_some_and(|id| wanted.contains(id.as_str()))
        });
    } else if !query.account_ids.is_empty() {
        let wanted: BTreeSet<AccountId> = query.account_ids.iter().map(AccountId::new).collect();
        for id in wanted {
            let made = || population?.find(&id).filter(|made| !stored.is_shadowed(made));
            found.extend(stored.one(&id).map(Candidate::Stored).or_else(|| made().map(Candidate::Made)));
        }
    } else {
        found.extend(stored.all().map(Candidate::Stored));
        (0..population.map_or(0, |population| population.users)).for_each(|index| made_by(index, &mut found));
    }
    found
}

fn passes(facts: &Facts<'_>, query: &ListQuery) -> bool {
    let among = |wanted: &[String], value: &str| wanted.is_empty() || wanted.iter().any(|one| one == value);
    let visible = match query.account_type {
        AccountType::All => true,
        AccountType::Private => !facts.shared,
        AccountType::Shared => facts.shared,
    };
    visible
        && among(&query.toolkits, facts.toolkit)
        && among(&query.statuses, facts.status)
        && among(&query.auth_configs, facts.auth_config)
}

impl Candidate<'_> {
    fn facts(&self, now: Timestamp) -> Facts<'_> {
        match self {
            Self::Stored(account) => Facts {
                status: &account.status,
                toolkit: account.toolkit.as_str(),
                auth_config: account.auth_config_id.as_str(),
                shared: account.shared,
                created_at: account.created_at,
                updated_at: account.updated_at,
            },
            Self::Made(made) => {
                // The rule of SimAccount::settle; generated attempts are INITIATED.
                let over = made.row.status == "INITIATED" && now >= made.updated_at() + ATTEMPT_LIFE;
                Facts {
                    status: if over { "EXPIRED" } else { made.row.status },
                    toolkit: made.toolkit,
                    auth_config: made.auth_config(),
                    shared: made.row.shared,
                    created_at: made.created_at,
                    updated_at: if over { made.updated_at() + ATTEMPT_LIFE } else { made.updated_at() },
                }
            }
        }
    }

    fn id(&self, population: Option<&Population>) -> Option<AccountId> {
        match self {
            Self::Stored(account) => Some(account.id.clone()),
            Self::Made(made) => Some(population?.account(made).id),
        }
    }

    fn write_out(&self, population: Option<&Population>, now: Timestamp) -> Option<SimAccount> {
        let mut account = match self {
            Self::Stored(account) => (*account).clone(),
            Self::Made(made) => population?.account(made),
        };
        account.settle(now);
        Some(account)
    }
}
