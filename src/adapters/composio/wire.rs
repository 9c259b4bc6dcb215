//! Bytes of an answer become accounts: narrow and lenient, but never silently incomplete.
//!
//! Only what a decision needs is modelled. `state`, `data` and `params` carry live credentials and have no
//! field here, so the parser skips them without keeping a copy. Fields of another type than documented count
//! as absent; what cannot be absent (`items`, an item's `id`, `status`, `toolkit`) makes the whole answer
//! unreadable, because a dropped item would look like an account that is gone.
//!
//! Errors are fixed words: the JSON parser's own messages quote values.

use chrono::{DateTime, NaiveDateTime};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::domain::{
    Account, AccountId, AuthConfigId, ReasonHint, Status, Timestamp, ToolkitSlug, UserId, from_millis, millis,
};

/// Longest name of an account that is kept; the rest is cut.
const LONGEST_NAME: usize = 200;
/// Longest id, slug or scheme (ids of the provider have about 15 characters, user ids up to 256).
const LONGEST_ID: usize = 256;
/// Longest cursor that is sent back; it goes into a URL.
const LONGEST_CURSOR: usize = 4096;

/// One page of the list.
pub(super) struct Page {
    pub items: Vec<Item>,
    /// None at the end of the list.
    pub next_cursor: Option<String>,
    /// How many accounts the provider says the whole list has, where it says so.
    pub total_items: Option<u64>,
}

/// One account, its owner as the answer named it.
pub(super) struct Item {
    /// None where the answer names none.
    pub owner: Option<UserId>,
    /// Everything else; `account.user` is the owner or blank.
    pub account: Account,
}

/// Reads one answer, or says in fixed words why not.
pub(super) fn parse_page(body: &[u8]) -> Result<Page, String> {
    let page: WirePage = serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => "not a list of accounts".to_owned(),
        _ => "not JSON".to_owned(),
    })?;
    let items = page.items.ok_or("no `items`")?;
    let items = items
        .into_iter()
        .enumerate()
        .map(|(at, item)| item.read().map_err(|field| format!("item {at} of a page has no readable `{field}`")));
    let next_cursor = match page.next_cursor {
        None | Some(Loose::Null(())) => None,
        Some(Loose::Text(text)) if text.is_empty() => None,
        Some(Loose::Text(text)) if text.len() <= LONGEST_CURSOR => Some(text),
        Some(Loose::Number(number)) => Some(number.to_string()),
        // An unreadable cursor is not the end of the list.
        Some(_) => return Err("unreadable `next_cursor`".to_owned()),
    };
    Ok(Page {
        items: items.collect::<Result<_, _>>()?,
        next_cursor,
        total_items: page.total_items.and_then(Loose::count),
    })
}

#[derive(Deserialize)]
struct WirePage {
    #[serde(default)]
    items: Option<Vec<WireItem>>,
    #[serde(default)]
    next_cursor: Option<Loose>,
    #[serde(default)]
    total_items: Option<Loose>,
}

#[derive(Deserialize)]
struct WireItem {
    id: Option<Loose>,
    user_id: Option<Loose>,
    status: Option<Loose>,
    status_reason: Option<Loose>,
    toolkit: Option<Maybe<WireToolkit>>,
    auth_config: Option<Maybe<WireAuthConfig>>,
    is_disabled: Option<Loose>,
    created_at: Option<Loose>,
    updated_at: Option<Loose>,
    alias: Option<Loose>,
    word_id: Option<Loose>,
    #[serde(rename = "authScheme")]
    auth_scheme: Option<Loose>,
    experimental: Option<Maybe<WireExperimental>>,
}

#[derive(Deserialize)]
struct WireToolkit {
    slug: Option<Loose>,
}

#[derive(Deserialize, Default)]
struct WireAuthConfig {
    id: Option<Loose>,
    auth_scheme: Option<Loose>,
    is_disabled: Option<Loose>,
}

#[derive(Deserialize)]
struct WireExperimental {
    account_type: Option<Loose>,
}

/// A value that should be an object.
#[derive(Deserialize)]
#[serde(untagged)]
enum Maybe<T> {
    Object(T),
    Else(Loose),
}

/// A plain value of whatever type.
#[derive(Deserialize)]
#[serde(untagged)]
enum Loose {
    Null(()),
    Flag(bool),
    Number(serde_json::Number),
    Text(String),
    Else(IgnoredAny),
}

impl<T> Maybe<T> {
    fn object(self) -> Option<T> {
        match self {
            Self::Object(object) => Some(object),
            Self::Else(_) => None,
        }
    }
}

impl Loose {
    fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    fn flag(&self) -> bool {
        match self {
            Self::Flag(flag) => *flag,
            Self::Text(text) => text.eq_ignore_ascii_case("true"),
            Self::Number(number) => number.as_f64() == Some(1.0),
            _ => false,
        }
    }

    /// A whole number that is not negative, also as `3.0` or `"3"`.
    fn count(self) -> Option<u64> {
        match self {
            Self::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    fn instant(&self) -> Option<Timestamp> {
        match self {
            Self::Text(text) => parse_instant(text.trim()),
            Self::Number(number) => {
                // Seconds or milliseconds: 100,000,000,000 s is the year 5138, as ms it is 1973.
                let value = i64::try_from(number.as_u64().or_else(|| whole(number.as_f64()?))?).ok()?;
                let ms = if value < 100_000_000_000 { value * 1000 } else { value };
                DateTime::from_timestamp_millis(ms)
            }
            _ => None,
        }
    }
}

impl WireItem {
    /// The item, or the name of the field without which it cannot be judged.
    fn read(self) -> Result<Item, &'static str> {
        let id = self.id.and_then(identifier).ok_or("id")?;
        let status = self.status.and_then(Loose::text).filter(|word| !word.trim().is_empty()).ok_or("status")?;
        let slug = match self.toolkit {
            Some(Maybe::Object(toolkit)) => toolkit.slug,
            Some(Maybe::Else(plain)) => Some(plain),
            None => None,
        };
        let slug = slug.and_then(identifier).ok_or("toolkit")?;
        let owner = match self.user_id {
            None | Some(Loose::Null(())) => None,
            Some(Loose::Text(text)) => Some(UserId::new(text)),
            Some(Loose::Number(number)) => Some(UserId::new(number.to_string())),
            Some(_) => return Err("user_id"),
        };
        let auth_config = self.auth_config.and_then(Maybe::object).unwrap_or_default();
        let scheme = auth_config.auth_scheme.and_then(identifier).or_else(|| self.auth_scheme.and_then(identifier));
        let kind = self.experimental.and_then(Maybe::object).and_then(|experimental| experimental.account_type?.text());
        let reason = self.status_reason.and_then(Loose::text);
        let account = Account {
            id: AccountId::new(id),
            user: owner.clone().unwrap_or_else(|| UserId::new("")),
            toolkit: ToolkitSlug::new(slug.to_lowercase()),
            auth_config: AuthConfigId::new(auth_config.id.and_then(identifier).unwrap_or_default()),
            auth_config_disabled: auth_config.is_disabled.is_some_and(|flag| flag.flag()),
            auth_scheme: scheme.map(|scheme| scheme.to_ascii_uppercase()),
            status: Status::parse(&status),
            reason: ReasonHint::parse(reason.as_deref()),
            is_disabled: self.is_disabled.is_some_and(|flag| flag.flag()),
            shared: kind.is_some_and(|kind| kind.eq_ignore_ascii_case("SHARED")),
            alias: self.alias.and_then(name),
            word_id: self.word_id.and_then(name),
            created_at: self.created_at.and_then(|at| at.instant()),
            updated_at: self.updated_at.and_then(|at| at.instant()),
        };
        Ok(Item { owner, account })
    }
}

/// An id, slug or scheme: not blank, not endless, nothing a log line could trip over.
fn identifier(value: Loose) -> Option<String> {
    let text = value.text()?;
    let good = !text.trim().is_empty() && text.len() <= LONGEST_ID && !text.chars().any(char::is_control);
    good.then_some(text)
}

/// A name somebody chose: control characters removed, cut to [`LONGEST_NAME`] characters, none if nothing is left.
fn name(value: Loose) -> Option<String> {
    let clean: String = value.text()?.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    (!clean.trim().is_empty()).then_some(clean)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be whole and in range")]
fn whole(value: f64) -> Option<u64> {
    // 2^53: above it a double no longer tells neighbours apart.
    (value.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&value)).then_some(value as u64)
}

/// An ISO date and time with an offset, or without one as UTC, cut to milliseconds.
pub(super) fn parse_instant(text: &str) -> Option<Timestamp> {
    let exact = DateTime::parse_from_rfc3339(text).map(|at| at.to_utc()).ok().or_else(|| {
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
            .map(|at| at.and_utc())
    })?;
    Some(from_millis(millis(exact)))
}
