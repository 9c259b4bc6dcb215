//! Walks the pages of one list: turns them into every account of the users asked about, each once.
//!
//! The provider's cursor is a page number in disguise (contract, section 1.3), so rows that come or go
//! during the walk shift the pages under it. The list is therefore asked for in the order of creation, read
//! until the cursor ends, deduplicated, compared with the provider's own count, and read once more when the
//! two differ. What still differs is no list.

use std::collections::HashSet;

use url::Url;

use super::client::ComposioProvider;
use super::wire::{Item, Page};
use crate::domain::{Account, AccountId, UserId};
use crate::ports::{AccountList, ProviderError};

/// Items per page. Neither default nor maximum is documented; others had timeouts with more (contract,
/// section 1.2).
const PAGE_ITEMS: &str = "100";
/// 5,000 accounts: far more than a person has, and a bound for a cursor that never ends.
const MAX_PAGES: u32 = 50;

/// One walk from the first page to the last.
enum Walk {
    Whole(AccountList),
    /// Says what does not fit together.
    Shifted(String),
}

impl ComposioProvider {
    /// The whole list, read a second time if the first reading contradicts itself.
    pub(super) async fn list(&self, users: &[UserId]) -> Result<AccountList, ProviderError> {
        if let Walk::Whole(list) = self.walk(users).await? {
            return Ok(list);
        }
        match self.walk(users).await? {
            Walk::Whole(list) => Ok(list),
            Walk::Shifted(what) => Err(ProviderError::Malformed(what)),
        }
    }

    async fn walk(&self, users: &[UserId]) -> Result<Walk, ProviderError> {
        let mut gathered = Gathered { users, accounts: Vec::new(), seen: HashSet::new() };
        let mut cursors: HashSet<String> = HashSet::new();
        let mut cursor: Option<String> = None;
        let mut first_total = None;
        for pages in 1..=MAX_PAGES {
            let page: Page = self.get(&query(self.endpoint(), users, cursor.as_deref()), users.len()).await?;
            if pages == 1 {
                first_total = page.total_items;
            }
            gathered.take(page.items)?;
            let Some(next) = page.next_cursor.filter(|next| !next.is_empty()) else {
                return Ok(gathered.compare(pages, first_total, page.total_items));
            };
            if !cursors.insert(next.clone()) {
                return Err(ProviderError::Malformed(format!("page {pages} repeats an earlier cursor")));
            }
            cursor = Some(next);
        }
        Err(ProviderError::TooManyPages(MAX_PAGES))
    }
}

/// The query of one page. Arrays are comma-joined and then percent-encoded (contract, section 1.2), so no
/// id can add a parameter or end the URL. `account_type` must be said: without it shared accounts are
/// left out. No filter by status: healthy siblings decide whether a broken account matters.
fn query(endpoint: &Url, users: &[UserId], cursor: Option<&str>) -> Url {
    let joined = users.iter().map(UserId::as_str).collect::<Vec<_>>().join(",");
    let mut url = endpoint.clone();
    url.query_pairs_mut()
        .append_pair("user_ids", &joined)
        .append_pair("account_type", "ALL")
        .append_pair("order_by", "created_at")
        .append_pair("order_direction", "asc")
        .append_pair("limit", PAGE_ITEMS);
    if let Some(cursor) = cursor {
        url.query_pairs_mut().append_pair("cursor", cursor);
    }
    url
}

struct Gathered<'a> {
    users: &'a [UserId],
    accounts: Vec<Account>,
    seen: HashSet<AccountId>,
}

impl Gathered<'_> {
    /// Adds a page. Foreign items are looked for first: they outrank every other trouble with the page.
    fn take(&mut self, items: Vec<Item>) -> Result<(), ProviderError> {
        for item in &items {
            if let Some(owner) = item.owner().filter(|owner| !self.users.contains(owner)) {
                return Err(ProviderError::ForeignAccount { account: AccountId::new(&item.id), owner });
            }
        }
        for item in items {
            let owner = match (item.owner(), self.users) {
                (Some(owner), _) => owner,
                (None, [only]) => only.clone(),
                (None, _) => return Err(ProviderError::OwnerMissing),
            };
            let id = AccountId::new(&item.id);
            let Some(account) = item.into_account(owner) else {
                return Err(ProviderError::Malformed(format!("account {id} names no toolkit")));
            };
            if self.seen.insert(id) {
                self.accounts.push(account);
            }
        }
        Ok(())
    }

    fn compare(self, pages: u32, first_total: Option<u64>, last_total: Option<u64>) -> Walk {
        let distinct = u64::try_from(self.accounts.len()).unwrap_or(u64::MAX);
        for total in [first_total, last_total].into_iter().flatten() {
            if total != distinct {
                return Walk::Shifted(format!("{distinct} accounts on {pages} pages, {total} announced"));
            }
        }
        Walk::Whole(AccountList { accounts: self.accounts, pages })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_cannot_break_out_of_the_query() {
        let endpoint = Url::parse("https://x.test/api/v3.1/connected_accounts").unwrap();
        let users = ["user 1", "a+b@x.com", "é/%&", "a&limit=1", "#"].map(UserId::new);
        let url = query(&endpoint, &users, Some("abc=="));
        assert_eq!(
            url.query().unwrap(),
            "user_ids=user+1%2Ca%2Bb%40x.com%2C%C3%A9%2F%25%26%2Ca%26limit%3D1%2C%23&account_type=ALL\
             &order_by=created_at&order_direction=asc&limit=100&cursor=abc%3D%3D"
        );
        assert_eq!(url.fragment(), None);
    }
}
