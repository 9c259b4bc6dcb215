//! Answers as they come, and as they may come one day.

use serde_json::{Value, json};

use super::wire::{Item, Page, parse_page};
use crate::domain::{Status, UserId, from_millis};

fn parse(body: &Value) -> Result<Page, String> {
    parse_page(body.to_string().as_bytes())
}

fn base() -> Value {
    json!({"id": "ca_1", "user_id": "u", "status": "ACTIVE", "toolkit": {"slug": "gmail"}})
}

/// The minimal item with `field` set to `value`.
fn with(field: &str, value: Value) -> Result<Item, String> {
    let mut item = base();
    item[field] = value;
    Ok(parse(&json!({"items": [item]}))?.items.remove(0))
}

#[test]
fn an_answer_that_is_no_list_is_refused_in_fixed_words() {
    for (body, words) in [
        ("<!DOCTYPE html>", "not JSON"),
        ("", "not JSON"),
        (r#"{"items":[{"id":"SECRET-1""#, "not JSON"),
        (r#""SECRET-1""#, "not a list of accounts"),
        (r#"{"items":"SECRET-1"}"#, "not a list of accounts"),
        (r#"{"items":[null]}"#, "not a list of accounts"),
        (r#"{"items":["SECRET-1"]}"#, "not a list of accounts"),
        ("{}", "no `items`"),
        (r#"{"items":null}"#, "no `items`"),
        (r#"{"items":[],"next_cursor":{"a":1}}"#, "unreadable `next_cursor`"),
        (r#"{"items":[],"next_cursor":true}"#, "unreadable `next_cursor`"),
    ] {
        assert_eq!(parse_page(body.as_bytes()).err().as_deref(), Some(words), "{body}");
    }
}

#[test]
fn one_unreadable_item_makes_the_answer_unreadable() {
    for (field, value) in [
        ("id", json!(null)),
        ("id", json!("")),
        ("id", json!({"SECRET": 1})),
        ("id", json!("a\nb")),
        ("status", json!(null)),
        ("status", json!(" ")),
        ("status", json!(7)),
        ("toolkit", json!(null)),
        ("toolkit", json!({})),
        ("toolkit", json!({"slug": ""})),
        ("user_id", json!({"id": "u"})),
        ("user_id", json!(["u"])),
    ] {
        let error = with(field, value.clone()).err().unwrap_or_else(|| panic!("{field} {value} was read"));
        assert_eq!(error, format!("item 0 of a page has no readable `{field}`"), "{value}");
    }
}

#[test]
fn lists_are_read_tolerantly() {
    for (next, total, expected) in [
        (json!(null), json!(3), (None, Some(3))),
        (json!(""), json!(3.0), (None, Some(3))),
        (json!("c=="), json!("3"), (Some("c=="), Some(3))),
        (json!(2), json!(null), (Some("2"), None)),
        (json!("c"), json!(-1), (Some("c"), None)),
        (json!("c"), json!(1.5), (Some("c"), None)),
    ] {
        let page = parse(&json!({"items": [], "next_cursor": next, "total_items": total, "new": {}})).unwrap();
        assert_eq!((page.next_cursor.as_deref(), page.total_items), expected, "{next} {total}");
    }
}

#[test]
fn owners_are_kept_byte_for_byte() {
    for (value, owner) in [
        (json!(null), None),
        (json!(" U "), Some(" U ")),
        (json!(""), Some("")),
        (json!(42), Some("42")),
        (json!("a\u{0}b"), Some("a\u{0}b")),
    ] {
        let item = with("user_id", value.clone()).unwrap();
        assert_eq!(item.owner.as_ref().map(UserId::as_str), owner, "{value}");
    }
}

#[test]
fn times_are_read_in_many_forms_and_never_drop_the_row() {
    for (value, ms) in [
        (json!("2026-01-10T00:00:00.123Z"), Some(1_768_003_200_123)),
        (json!("2026-01-10T00:00:00.123999Z"), Some(1_768_003_200_123)),
        (json!("2026-01-10T01:00:00+01:00"), Some(1_768_003_200_000)),
        (json!("2026-01-10T00:00:00"), Some(1_768_003_200_000)),
        (json!("2026-01-10 00:00:00.5"), Some(1_768_003_200_500)),
        (json!(1_768_003_200_123_i64), Some(1_768_003_200_123)),
        (json!(1_768_003_200), Some(1_768_003_200_000)),
        (json!("yesterday"), None),
        (json!({"seconds": 1}), None),
        (json!(null), None),
        (json!(1e300), None),
        (json!(u64::MAX), None),
    ] {
        let item = with("created_at", value.clone()).unwrap();
        assert_eq!(item.account.created_at, ms.map(from_millis), "{value}");
    }
}

#[test]
fn odd_fields_are_absent_or_bounded() {
    let account = |field: &str, value: Value| with(field, value).unwrap().account;
    assert_eq!(account("toolkit", json!("GMail")).toolkit.as_str(), "gmail", "a plain slug, in lower case");
    assert_eq!(account("status", json!("paused")).status, Status::Other("PAUSED".into()));
    assert!(account("is_disabled", json!("TRUE")).is_disabled && account("is_disabled", json!(1)).is_disabled);
    assert!(!account("is_disabled", json!({"by": "x"})).is_disabled);
    assert_eq!(account("alias", json!("ż\u{1b}[31m".repeat(300))).alias.map(|name| name.chars().count()), Some(200));
    assert_eq!(account("alias", json!("\n \t")).alias, None);
    assert_eq!(account("word_id", json!(["x"])).word_id, None);
    assert_eq!(account("authScheme", json!("oauth2")).auth_scheme.as_deref(), Some("OAUTH2"));
    let config =
        account("auth_config", json!({"id": "ac_1", "auth_scheme": "no_auth", "is_disabled": true, "new": [1]}));
    assert_eq!((config.auth_config.as_str(), config.auth_scheme.as_deref()), ("ac_1", Some("NO_AUTH")));
    assert!(config.auth_config_disabled);
    assert_eq!(account("auth_config", json!("ac_1")).auth_config.as_str(), "");
    assert!(account("experimental", json!({"account_type": "shared"})).shared);
    assert!(!account("experimental", json!(true)).shared);
    let secrets = json!({"val": {"access_token": "SECRET-1"}});
    assert!(!format!("{:?}", account("state", secrets)).contains("SECRET"));
}
