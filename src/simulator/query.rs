//! Turns a list request's query into what the provider understands of it (contract, section 1.2).
//!
//! Names it does not know are ignored without a word, `user_id`, `entityId`, `toolkit` and `status` among
//! them. Where the contract does not know the real behaviour: of a repeated name only the first counts,
//! `name[]` is an unknown name, and an empty list (`user_ids=`) is no filter at all.

use axum::http::Uri;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::options::Settings;
use super::reply::Refused;

const STATUSES: [&str; 7] = ["INITIALIZING", "INITIATED", "ACTIVE", "FAILED", "EXPIRED", "INACTIVE", "REVOKED"];

/// Which accounts by who may use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AccountType {
    Private,
    Shared,
    All,
}

/// A list request. An empty filter lets everything through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListQuery {
    pub user_ids: Vec<String>,
    pub toolkits: Vec<String>,
    pub statuses: Vec<String>,
    pub auth_configs: Vec<String>,
    pub account_ids: Vec<String>,
    pub account_type: AccountType,
    pub by_updated_at: bool,
    pub ascending: bool,
    /// From 1.
    pub page: u64,
    /// Items per page, at least 1.
    pub limit: u64,
}

/// What a cursor holds, in base64: it is a page number in disguise, so pages shift when the list changes
/// between two requests (contract, section 1.3).
#[derive(Serialize, Deserialize)]
struct Cursor {
    page: u64,
    limit: u64,
}

/// The query's pairs, decoded, in order.
pub(super) fn pairs(uri: &Uri) -> Vec<(String, String)> {
    let query = uri.query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// The cursor of a page.
pub(super) fn cursor(page: u64, limit: u64) -> String {
    STANDARD.encode(format!(r#"{{"page":{page},"limit":{limit}}}"#))
}

impl ListQuery {
    /// Everything one user has, oldest first, on one page.
    pub(super) fn all_of(user: &str) -> Self {
        Self {
            user_ids: vec![user.to_owned()],
            toolkits: Vec::new(),
            statuses: Vec::new(),
            auth_configs: Vec::new(),
            account_ids: Vec::new(),
            account_type: AccountType::All,
            by_updated_at: false,
            ascending: true,
            page: 1,
            limit: u64::MAX,
        }
    }

    /// Reads the pairs, or says what the provider would refuse.
    pub(super) fn read(pairs: &[(String, String)], settings: &Settings) -> Result<Self, Refused> {
        let one = |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let list = |name: &str| -> Vec<String> {
            let joined = one(name).unwrap_or_default();
            joined.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        let user_ids = list("user_ids");
        if settings.max_user_ids.is_some_and(|most| user_ids.len() > most as usize) {
            return Err(Refused::bad_request("Too many user_ids"));
        }
        let statuses = list("statuses");
        if statuses.iter().any(|status| !STATUSES.contains(&status.as_str())) {
            return Err(Refused::bad_request("Invalid enum value in statuses"));
        }
        let by_updated_at = choice(one("order_by"), "order_by", &[("created_at", false), ("updated_at", true)])?;
        let ascending = choice(one("order_direction"), "order_direction", &[("desc", false), ("asc", true)])?;
        let types = [("PRIVATE", AccountType::Private), ("SHARED", AccountType::Shared), ("ALL", AccountType::All)];
        let account_type = choice(one("account_type"), "account_type", &types)?;
        let asked = match one("limit") {
            None => u64::from(settings.default_limit),
            Some(text) => text.parse().map_err(|_| Refused::bad_request("limit must be a number"))?,
        };
        let Cursor { page, limit } = match one("cursor").filter(|text| !text.is_empty()) {
            None => Cursor { page: 1, limit: asked },
            Some(text) => decode(text).ok_or_else(|| Refused::bad_request("Invalid cursor"))?,
        };
        if limit == 0 || page == 0 {
            return Err(Refused::bad_request("limit must be at least 1"));
        }
        Ok(Self {
            user_ids: if settings.ignore_user_filter { Vec::new() } else { user_ids },
            toolkits: list("toolkit_slugs"),
            statuses,
            auth_configs: list("auth_config_ids"),
            account_ids: list("connected_account_ids"),
            account_type,
            by_updated_at,
            ascending,
            page,
            limit: limit.min(u64::from(settings.max_limit.max(1))),
        })
    }
}

fn decode(text: &str) -> Option<Cursor> {
    serde_json::from_slice(&STANDARD.decode(text).ok()?).ok()
}

/// The value a word stands for; the first one where the word is missing.
fn choice<T: Copy>(word: Option<&str>, name: &str, known: &[(&str, T)]) -> Result<T, Refused> {
    let word = word.or(known.first().map(|(first, _)| *first));
    let found = known.iter().find(|(known, _)| Some(*known) == word).map(|(_, value)| *value);
    found.ok_or_else(|| Refused::bad_request(format!("Invalid enum value in {name}")))
}
