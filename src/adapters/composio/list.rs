//! Walks the pages of a list and decides whether it can be believed.
//!
//! The provider's cursors are page numbers in disguise, so a list that changes while it is read can show an
//! account twice or not at all. Hence: oldest first, duplicates merged by id, and the number of different
//! accounts compared with what the first and the last page say there are; a list that does not add up is read
//! once more, then given up (contract, section 8.11).
//!
//! The end is `next_cursor` null or empty, never a short page: the provider cuts limits without saying so.

use std::collections::{HashMap, HashSet};

use url::Url;

use super::caller::Caller;
use super::settings::ComposioSettingsError;
use super::wire::{Item, Page};
use crate::domain::{Account, AccountId, UserId};
use crate::ports::{AccountList, ProviderError};

/// The most pages of one list: 5,000 accounts at 100 a page.
pub const MAX_PAGES: u32 = 50;

/// Items asked for per page: larger pages ran into time limits (contract, section 1.2).
const PAGE_LIMIT: &str = "100";

/// Where the list is.
pub(super) struct ListUrl(Url);

impl ListUrl {
    pub(super) fn new(mut base: Url) -> Result<Self, ComposioSettingsError> {
        match base.path_segments_mut() {
            Ok(mut path) => path.pop_if_empty().extend(["api", "v3.1", "connected_accounts"]),
            Err(()) => return Err(ComposioSettingsError::new("base_url", "cannot carry a path")),
        };
        Ok(Self(base))
    }

    /// The first page of what `asked` selects, or the page after `cursor`.
    fn of(&self, asked: &Asked<'_>, cursor: Option<&str>) -> Url {
        let mut url = self.0.clone();
        let (name, joined) = match asked {
            Asked::Users(users) => ("user_ids", users.iter().map(UserId::as_str).collect::<Vec<_>>().join(",")),
            Asked::Ids(_, ids) => {
                ("connected_account_ids", ids.iter().map(AccountId::as_str).collect::<Vec<_>>().join(","))
            }
        };
        let mut query = url.query_pairs_mut();
        query
            .append_pair(name, &joined)
            .append_pair("account_type", "ALL") // SHARED accounts are left out otherwise.
            .append_pair("order_by", "created_at")
            .append_pair("order_direction", "asc")
            .append_pair("limit", PAGE_LIMIT);
        if let Some(cursor) = cursor {
            query.append_pair("cursor", cursor);
        }
        drop(query);
        url
    }

    /// Where links are made.
    pub(super) fn link(&self) -> Result<Url, ProviderError> {
        let mut url = self.0.clone();
        let cannot = || ProviderError::Malformed("base_url cannot carry a path".to_owned());
        url.path_segments_mut().map_err(|()| cannot())?.push("link");
        Ok(url)
    }

    /// One item of anybody's: cheap, and refused like any list when the key is.
    pub(super) fn check(&self) -> Url {
        let mut url = self.0.clone();
        url.query_pairs_mut().append_pair("limit", "1");
        url
    }
}

/// What a list is asked for.
enum Asked<'a> {
    /// Everything of these users.
    Users(&'a [UserId]),
    /// These accounts of one user.
    Ids(&'a UserId, &'a [AccountId]),
}

impl Asked<'_> {
    /// Whose accounts may come back.
    fn owners(&self) -> &[UserId] {
        match self {
            Self::Users(users) => users,
            Self::Ids(user, _) => std::slice::from_ref(*user),
        }
    }
}

/// Every account of `users`; see [`crate::ports::Provider::accounts_of`].
pub(super) async fn read_list(
    provider: Caller<'_>,
    list: &ListUrl,
    users: &[UserId],
) -> Result<AccountList, ProviderError> {
    let askable = !users.is_empty() && users.iter().all(UserId::is_queryable);
    debug_assert!(askable, "an empty list of users or an id with a comma would ask for other people's accounts");
    if !askable {
        let detail = ", not sent: no id, a blank one or one with a comma".to_owned();
        return Err(ProviderError::Rejected { status: 400, detail });
    }
    read(provider, list, &Asked::Users(users)).await
}

/// The accounts with these ids; see [`crate::ports::Provider::accounts_by_id`].
pub(super) async fn read_by_id(
    provider: Caller<'_>,
    list: &ListUrl,
    user: &UserId,
    ids: &[AccountId],
) -> Result<Vec<Account>, ProviderError> {
    let askable = !ids.is_empty() && ids.iter().all(|id| !id.as_str().is_empty() && !id.as_str().contains(','));
    if !askable {
        let detail = ", not sent: no account id, a blank one or one with a comma".to_owned();
        return Err(ProviderError::Rejected { status: 400, detail });
    }
    let found = read(provider, list, &Asked::Ids(user, ids)).await?.accounts;
    // A filter that is not honoured would answer with the user's other accounts, or with everybody's.
    match found.iter().find(|account| !ids.contains(&account.id)) {
        Some(other) => Err(ProviderError::ForeignAccount { account: other.id.clone(), owner: user.clone() }),
        None => Ok(found),
    }
}

/// Reads until the list adds up, at most twice.
async fn read(provider: Caller<'_>, list: &ListUrl, asked: &Asked<'_>) -> Result<AccountList, ProviderError> {
    for _ in 0..2 {
        let walk = walk(provider, list, asked).await?;
        if walk.adds_up() {
            return Ok(AccountList { accounts: walk.accounts, pages: walk.pages });
        }
    }
    Err(ProviderError::Malformed("the number of accounts does not match `total_items`, twice".to_owned()))
}

/// A list read to its end, each account once, oldest first.
struct Walk {
    accounts: Vec<Account>,
    pages: u32,
    first_total: Option<u64>,
    last_total: Option<u64>,
}

impl Walk {
    /// Whether as many accounts were seen as the pages say there are, where they say so.
    fn adds_up(&self) -> bool {
        let seen = u64::try_from(self.accounts.len()).unwrap_or(u64::MAX);
        [self.first_total, self.last_total].into_iter().flatten().all(|total| total == seen)
    }
}

async fn walk(provider: Caller<'_>, list: &ListUrl, asked: &Asked<'_>) -> Result<Walk, ProviderError> {
    let users = asked.owners();
    let mut accounts: Vec<Account> = Vec::new();
    let mut place: HashMap<AccountId, usize> = HashMap::new();
    let mut followed: HashSet<String> = HashSet::new();
    let mut cursor: Option<String> = None;
    let mut first_total = None;
    for number in 1..=MAX_PAGES {
        let page = provider.page(&list.of(asked, cursor.as_deref()), users.len() > 1).await?;
        let Page { items, next_cursor, total_items } = page;
        if number == 1 {
            first_total = total_items;
        }
        for account in owned(items, users)? {
            // The later sight of an account is the fresher one.
            if let Some(&at) = place.get(&account.id) {
                accounts[at] = account;
            } else {
                place.insert(account.id.clone(), accounts.len());
                accounts.push(account);
            }
        }
        let Some(next) = next_cursor else {
            return Ok(Walk { accounts, pages: number, first_total, last_total: total_items });
        };
        if !followed.insert(next.clone()) {
            return Err(ProviderError::Malformed("a page named a cursor that was followed before".to_owned()));
        }
        cursor = Some(next);
    }
    Err(ProviderError::TooManyPages(MAX_PAGES))
}

/// The page's accounts, each with its owner, who was asked about: byte for byte, no trimming, no case folding.
fn owned(items: Vec<Item>, users: &[UserId]) -> Result<Vec<Account>, ProviderError> {
    let foreign = items.iter().find_map(|item| {
        let owner = item.owner.as_ref().filter(|owner| !users.contains(owner))?;
        Some(ProviderError::ForeignAccount { account: item.account.id.clone(), owner: owner.clone() })
    });
    if let Some(error) = foreign {
        return Err(error);
    }
    items
        .into_iter()
        .map(|Item { owner, account }| match (owner, users) {
            (Some(user), _) => Ok(Account { user, ..account }),
            (None, [only]) => Ok(Account { user: only.clone(), ..account }),
            (None, _) => Err(ProviderError::OwnerMissing),
        })
        .collect()
}
