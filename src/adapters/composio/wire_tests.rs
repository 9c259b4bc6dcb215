//! What is tolerated in an answer and what is not.

use serde_json::{Value, json};

use super::*;

fn item(change: &Value) -> Value {
    let mut item = json!({
        "id": "ca_1", "status": "EXPIRED", "toolkit": {"slug": "GMail", "logo": "x"}, "user_id": "u1",
        "auth_config": {"id": "ac_1", "is_disabled": false, "auth_scheme": "oauth2", "deprecated": {"uuid": "x"}},
        "is_disabled": false, "created_at": "2026-01-01T00:00:00.123Z", "updated_at": "2026-01-02T00:00:00Z",
        "state": {"authScheme": "OAUTH2", "val": {"access_token": "ya29.secret"}},
        "data": {"refresh_token": "1//secret"}, "params": {"x": "secret"}
    });
    for (key, value) in change.as_object().unwrap() {
        item[key] = value.clone();
    }
    item
}

fn account(change: &Value) -> Option<Account> {
    let page: Page = read(json!({"items": [item(change)]}).to_string().as_bytes()).ok()?;
    page.items.into_iter().next()?.into_account(UserId::new("u1"))
}

#[test]
fn an_account_keeps_what_decisions_need_and_no_credential() {
    let account = account(&json!({
        "alias": "work", "word_id": "gmail_red-castle", "status_reason": "OAuth refresh token expired",
        "experimental": {"account_type": "SHARED"}
    }))
    .unwrap();
    assert_eq!(account.toolkit.as_str(), "gmail");
    assert_eq!(account.auth_config.as_str(), "ac_1");
    assert_eq!(account.auth_scheme.as_deref(), Some("OAUTH2"));
    assert_eq!((account.status.as_str(), account.reason), ("EXPIRED", ReasonHint::RefreshRefused));
    assert_eq!((account.label(), account.shared), (Some("work"), true));
    assert_eq!(account.created_at.unwrap().timestamp_millis(), 1_767_225_600_123);
    assert!(!format!("{account:?}").contains("secret"));
}

#[test]
fn odd_and_missing_fields_cost_no_row() {
    let base = account(&json!({})).unwrap();
    for (change, expected) in [
        (json!({"created_at": "yesterday"}), Account { created_at: None, ..base.clone() }),
        (json!({"created_at": null, "updated_at": {}}), Account { created_at: None, updated_at: None, ..base.clone() }),
        (json!({"created_at": 1_767_225_600_123_i64}), base.clone()),
        (json!({"created_at": "2026-01-01 00:00:00.123"}), base.clone()),
        (json!({"created_at": "2026-01-01T02:00:00.123+02:00"}), base.clone()),
        (json!({"toolkit": "gmail"}), base.clone()),
        (json!({"is_disabled": null, "experimental": null, "alias": ["x"], "new_field": {"a": [1]}}), base.clone()),
        (json!({"is_disabled": "true"}), Account { is_disabled: true, ..base.clone() }),
        (json!({"status": "PAUSED"}), Account { status: Status::Other("PAUSED".into()), ..base.clone() }),
        (json!({"user_id": 42}), base.clone()),
        (json!({"alias": "x".repeat(1000)}), Account { alias: Some("x".repeat(256)), ..base.clone() }),
        (
            json!({"auth_config": null}),
            Account { auth_config: AuthConfigId::new(""), auth_scheme: None, ..base.clone() },
        ),
        (
            json!({"auth_config": null, "authScheme": "API_KEY"}),
            Account { auth_config: AuthConfigId::new(""), auth_scheme: Some("API_KEY".into()), ..base.clone() },
        ),
    ] {
        assert_eq!(account(&change), Some(expected), "{change}");
    }
}

#[test]
fn what_a_conclusion_rests_on_must_be_there() {
    for change in [
        json!({"id": null}),
        json!({"id": " "}),
        json!({"id": {"a": 1}}),
        json!({"status": null}),
        json!({"toolkit": null}),
        json!({"toolkit": {"name": "Gmail"}}),
        json!({"toolkit": {"slug": " "}}),
        json!({"is_disabled": "perhaps"}),
        json!({"auth_config": {"id": "ac_1", "is_disabled": 7}}),
    ] {
        assert_eq!(account(&change), None, "{change}");
    }
}

#[test]
fn a_failed_read_names_the_field_and_no_value() {
    let body = json!({"items": [item(&json!({})), item(&json!({"id": {"token": "ya29.secret"}}))]}).to_string();
    for (body, error) in [
        (body.as_str(), ReadError::Shape("field items[1].id".into())),
        (r#"{"data": []}"#, ReadError::Shape("no list of items".into())),
        (r#"{"items": null}"#, ReadError::Shape("field items".into())),
        (r#"["x"]"#, ReadError::Shape("field items".into())),
        (r#"{"items": [], "next_cursor": "#, ReadError::NotJson),
        ("<html>hello</html>", ReadError::NotJson),
        ("", ReadError::NotJson),
        (r#"{"items": []} trailing"#, ReadError::NotJson),
    ] {
        let read = read::<Page>(body.as_bytes()).err();
        if body == r#"["x"]"# {
            assert!(matches!(read, Some(ReadError::Shape(_))), "a list is no page");
        } else {
            assert_eq!(read, Some(error), "{body}");
        }
    }
}

#[test]
fn counts_and_cursors_come_in_several_forms() {
    for (page, cursor, total) in [
        (json!({"items": [], "next_cursor": "abc==", "total_items": 3}), Some("abc=="), Some(3)),
        (json!({"items": [], "next_cursor": null, "total_items": 3.0}), None, Some(3)),
        (json!({"items": [], "next_cursor": 2, "total_items": "3"}), Some("2"), Some(3)),
        (json!({"items": [], "total_items": -1}), None, None),
        (json!({"items": []}), None, None),
    ] {
        let page: Page = read(page.to_string().as_bytes()).unwrap();
        assert_eq!((page.next_cursor.as_deref(), page.total_items), (cursor, total));
    }
}
