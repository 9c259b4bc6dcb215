//! Reading: the list of accounts and one account by id.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;

use super::item::Item;
use super::query::{self, ListQuery};
use super::reply::{self, Refused};
use super::routes::Shared;
use crate::domain::AccountId;

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are the provider's")]
struct Page<'a> {
    items: Vec<Item<'a>>,
    next_cursor: Option<String>,
    total_pages: u64,
    current_page: u64,
    total_items: u64,
}

/// `GET /connected_accounts`
pub(super) async fn list(State(shared): State<Arc<Shared>>, uri: Uri) -> Result<Response, Refused> {
    let settings = shared.settings();
    let asked = ListQuery::read(&query::pairs(&uri), &settings)?;
    let (accounts, total_items) = shared.world.page(&asked);
    // An empty list still has one page; the contract shows `total_pages: 1` and no lower number.
    let total_pages = total_items.div_ceil(asked.limit).max(1);
    let page = Page {
        items: accounts.iter().map(|account| Item::of(account, &settings)).collect(),
        next_cursor: (asked.page < total_pages).then(|| query::cursor(asked.page + 1, asked.limit)),
        total_pages,
        current_page: asked.page,
        total_items,
    };
    Ok(reply::with_json(StatusCode::OK, &page))
}

/// `GET /connected_accounts/{id}`
pub(super) async fn get(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Result<Response, Refused> {
    let id = account_id(id)?;
    let account = shared.world.account(&id).ok_or_else(Refused::no_such_account)?;
    Ok(reply::with_json(StatusCode::OK, &Item::in_full(&account, &shared.settings())))
}

/// A path's account id, or the provider's 400 for a text that cannot be one.
pub(super) fn account_id(id: String) -> Result<AccountId, Refused> {
    let well_formed = id.strip_prefix("ca_").is_some_and(|rest| {
        !rest.is_empty() && rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    });
    if well_formed { Ok(AccountId::new(id)) } else { Err(Refused::bad_request("Invalid connected account nanoid")) }
}
