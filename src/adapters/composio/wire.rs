//! Turns the provider's JSON into accounts: narrow structs, open words, tolerant numbers and dates.
//!
//! An answer carries live credentials in `state`, `data` and `params`. Those fields have no place here,
//! so the parser walks over them without keeping anything. A parse error names the field, never a value.
//!
//! A list is what absence is concluded from, so nothing is left out quietly: an item without a readable
//! `id`, `status` or `toolkit`, or with a switch (`is_disabled`) of an unknown form, makes the whole answer
//! unreadable. The scan then narrows it down to the one user, who becomes unknown; the others go on.
//! Every other field may be missing, null or odd.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use crate::domain::{Account, AccountId, AuthConfigId, ReasonHint, Status, Timestamp, ToolkitSlug, UserId};

/// One page of a list (contract, section 1.3).
#[derive(Deserialize)]
pub(super) struct Page {
    pub(super) items: Vec<Item>,
    #[serde(default, deserialize_with = "opaque")]
    pub(super) next_cursor: Option<String>,
    #[serde(default, deserialize_with = "count")]
    pub(super) total_items: Option<u64>,
}

/// A list of which only is known that it is one.
#[derive(Deserialize)]
pub(super) struct AnyPage {
    #[serde(rename = "items")]
    _items: Vec<IgnoredAny>,
}

/// One account as it is sent (contract, section 9, ITEM).
#[derive(Deserialize)]
pub(super) struct Item {
    #[serde(deserialize_with = "required")]
    pub(super) id: String,
    #[serde(deserialize_with = "required")]
    status: String,
    toolkit: Toolkit,
    #[serde(default, deserialize_with = "opaque")]
    user_id: Option<String>,
    #[serde(default)]
    auth_config: Option<AuthConfig>,
    #[serde(default, deserialize_with = "opaque")]
    status_reason: Option<String>,
    #[serde(default, deserialize_with = "switch")]
    is_disabled: bool,
    #[serde(default, deserialize_with = "instant")]
    created_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "instant")]
    updated_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "opaque")]
    alias: Option<String>,
    #[serde(default, deserialize_with = "opaque")]
    word_id: Option<String>,
    #[serde(default, rename = "authScheme", deserialize_with = "opaque")]
    auth_scheme: Option<String>,
    #[serde(default)]
    experimental: Option<Experimental>,
}

/// An object with a slug; some answers have carried the slug alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Toolkit {
    Object { slug: String },
    Slug(String),
}

#[derive(Deserialize)]
struct AuthConfig {
    #[serde(default, deserialize_with = "opaque")]
    id: Option<String>,
    #[serde(default, deserialize_with = "switch")]
    is_disabled: bool,
    #[serde(default, deserialize_with = "opaque")]
    auth_scheme: Option<String>,
}

#[derive(Deserialize)]
struct Experimental {
    #[serde(default, deserialize_with = "opaque")]
    account_type: Option<String>,
}

/// Why an answer could not be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ReadError {
    /// No JSON, or JSON that stops in the middle: a proxy's page, a cut connection.
    NotJson,
    /// JSON of another shape; names the field.
    Shape(String),
}

/// Reads a body as `T`.
pub(super) fn read<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, ReadError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        if error.inner().is_data() {
            let path = error.path().to_string();
            ReadError::Shape(if path == "." { "no list of items".to_owned() } else { format!("field {path}") })
        } else {
            ReadError::NotJson
        }
    })?;
    json.end().map_err(|_| ReadError::NotJson)?;
    Ok(value)
}

impl Item {
    /// The owner as the provider names them; none where the field is missing, null or empty.
    pub(super) fn owner(&self) -> Option<UserId> {
        self.user_id.as_deref().filter(|owner| !owner.is_empty()).map(UserId::new)
    }

    /// The account, as `user`'s; none where the toolkit's slug is blank.
    pub(super) fn into_account(self, user: UserId) -> Option<Account> {
        let (Toolkit::Object { slug } | Toolkit::Slug(slug)) = self.toolkit;
        let slug = slug.trim().to_lowercase();
        let auth_config = self.auth_config.unwrap_or(AuthConfig { id: None, is_disabled: false, auth_scheme: None });
        let shared = self.experimental.and_then(|e| e.account_type).is_some_and(|t| t.eq_ignore_ascii_case("SHARED"));
        (!slug.is_empty()).then(|| Account {
            id: AccountId::new(self.id),
            user,
            toolkit: ToolkitSlug::new(slug),
            auth_config: AuthConfigId::new(auth_config.id.unwrap_or_default()),
            auth_config_disabled: auth_config.is_disabled,
            auth_scheme: self.auth_scheme.or(auth_config.auth_scheme).map(|scheme| scheme.to_ascii_uppercase()),
            status: Status::parse(&self.status),
            reason: ReasonHint::parse(self.status_reason.as_deref()),
            is_disabled: self.is_disabled,
            shared,
            alias: self.alias.map(bounded),
            word_id: self.word_id.map(bounded),
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

/// Names people give their accounts; longer ones are cut. The provider bounds user ids at 256 as well.
const MAX_NAME_CHARS: usize = 256;

fn bounded(mut name: String) -> String {
    if let Some((end, _)) = name.char_indices().nth(MAX_NAME_CHARS) {
        name.truncate(end);
    }
    name
}

/// A scalar whose type does not matter; objects and lists are walked over.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Switch(bool),
    Whole(i64),
    Number(f64),
    Other(IgnoredAny),
}

fn scalar<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Scalar>, D::Error> {
    Option::<Scalar>::deserialize(from)
}

/// Text, or a number as text; anything else counts as missing.
fn opaque<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match scalar(from)? {
        Some(Scalar::Text(text)) => Some(text),
        Some(Scalar::Whole(number)) => Some(number.to_string()),
        _ => None,
    })
}

fn required<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if text.trim().is_empty() { Err(serde::de::Error::custom("blank")) } else { Ok(text) }
}

/// A count; numbers come as `3` or `3.0`, sometimes as text. Anything else counts as missing.
fn count<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    Ok(match scalar(from)? {
        Some(Scalar::Whole(number)) => u64::try_from(number).ok(),
        // Formatting a whole float gives its digits without a fraction, so no cast is needed.
        Some(Scalar::Number(number)) if number.fract() == 0.0 => format!("{number:.0}").parse().ok(),
        Some(Scalar::Text(text)) => text.trim().parse().ok(),
        _ => None,
    })
}

/// True or false in the forms JSON writers use. Another form is an error: read as "on" it would silence a
/// broken account, read as "off" it would mail about one that was switched off on purpose.
fn switch<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    match scalar(from)? {
        None | Some(Scalar::Switch(false) | Scalar::Whole(0)) => Ok(false),
        Some(Scalar::Switch(true) | Scalar::Whole(1)) => Ok(true),
        Some(Scalar::Text(text)) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(Scalar::Text(text)) if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(serde::de::Error::custom("neither true nor false")),
    }
}

/// Numbers from here on are milliseconds since the epoch, smaller ones seconds (the year 5138).
const FIRST_MILLIS: i64 = 100_000_000_000;

/// An instant: RFC 3339, the same without a zone (UTC), or epoch seconds or milliseconds. An unreadable
/// one is missing, and never costs the row (contract, section 8.18).
fn instant<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    let at = match scalar(from)? {
        Some(Scalar::Text(text)) => parse_instant(text.trim()),
        Some(Scalar::Whole(number)) if number >= FIRST_MILLIS => DateTime::from_timestamp_millis(number),
        Some(Scalar::Whole(number)) => DateTime::from_timestamp(number, 0),
        _ => None,
    };
    Ok(at.and_then(|at| DateTime::from_timestamp_millis(at.timestamp_millis())))
}

fn parse_instant(text: &str) -> Option<DateTime<Utc>> {
    let zoned = DateTime::parse_from_rfc3339(text).map(|at| at.to_utc());
    let forms = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"];
    zoned
        .ok()
        .or_else(|| forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok()).map(|at| at.and_utc()))
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
