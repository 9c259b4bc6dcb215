//! Turns a notice into the JSON event `reconnect.requested`.
//!
//! Guarantees: the same notice gives the same bytes (nothing of the attempt is in it), under
//! [`MAX_BODY_BYTES`] however many accounts there are, and the person's address is not in it. A later attempt may
//! carry a smaller notice: accounts that healed in between are left out before each attempt, the ids stay.

use chrono::SecondsFormat;
use serde::Serialize;

use crate::domain::{EmailAddress, FailureClass, Notice, NoticeItem, Timestamp};
use crate::ports::SendError;

/// The largest body; Standard Webhooks advises to stay below about 20 kB.
const MAX_BODY_BYTES: usize = 20_000;

/// The longest label in characters; labels are free text of the user.
const MAX_LABEL_CHARS: usize = 200;

#[derive(Serialize)]
struct Event<'a> {
    r#type: &'static str,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    notification_id: &'a str,
    user_id: &'a str,
    accounts: Vec<AccountEntry<'a>>,
    /// Only where `accounts` does not hold them all.
    #[serde(skip_serializing_if = "Option::is_none")]
    accounts_total: Option<usize>,
}

#[derive(Serialize)]
struct AccountEntry<'a> {
    incident_id: &'a str,
    toolkit: &'a str,
    account_id: &'a str,
    label: Option<String>,
    notice: u32,
    second_account: bool,
    broke_at: String,
    reconnect_url: &'a str,
}

/// The event's bytes: the newest accounts that fit, at least one.
pub(super) fn body(notice: &Notice) -> Result<String, SendError> {
    let mut shown = notice.items.len();
    loop {
        let text = event_with(notice, shown)?;
        if text.len() < MAX_BODY_BYTES || shown <= 1 {
            return Ok(text);
        }
        // Proportionally, but always by one at least; a handful of rounds for any size.
        shown = (shown * MAX_BODY_BYTES / text.len()).min(shown - 1).max(1);
    }
}

fn event_with(notice: &Notice, shown: usize) -> Result<String, SendError> {
    let event = Event {
        r#type: "reconnect.requested",
        timestamp: rfc3339(notice.created_at),
        data: Data {
            notification_id: notice.notification.as_str(),
            user_id: notice.user.as_str(),
            accounts: notice.items.iter().take(shown).map(entry).collect(),
            accounts_total: (shown < notice.items.len()).then_some(notice.items.len()),
        },
    };
    serde_json::to_string(&event).map_err(|e| SendError {
        class: FailureClass::Refused,
        detail: format!("the event cannot be written as JSON ({e})"),
    })
}

fn entry(item: &NoticeItem) -> AccountEntry<'_> {
    AccountEntry {
        incident_id: item.incident.as_str(),
        toolkit: item.toolkit.as_str(),
        account_id: item.account.as_str(),
        label: item.label.as_deref().map(label),
        notice: item.number,
        second_account: item.second_account,
        broke_at: rfc3339(item.broke_at),
        reconnect_url: &item.reconnect_url,
    }
}

/// People use addresses as aliases; those are masked (`m***@example.com`).
fn label(text: &str) -> String {
    let mask = |word: &str| EmailAddress::parse(word).map_or_else(|_| word.to_owned(), |address| address.to_string());
    let masked = text.split(' ').map(mask).collect::<Vec<_>>().join(" ");
    masked.chars().take(MAX_LABEL_CHARS).collect()
}

fn rfc3339(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        AccountId, Contact, DeliveryId, IncidentId, NoticeKind, NotificationId, ToolkitSlug, UserId, from_millis,
    };

    fn notice(accounts: usize) -> Notice {
        let item = |n: usize| NoticeItem {
            incident: IncidentId::new(format!("inc-{n}")),
            number: 0,
            toolkit: ToolkitSlug::new("slack"),
            account: AccountId::new(format!("ca_{n}")),
            label: Some("mary@example.com of \"Acme\"\n".to_owned()),
            second_account: n == 1,
            broke_at: from_millis(1_763_700_000_000),
            reconnect_url: "https://app.example.com/settings?toolkit=slack".to_owned(),
            recovery: None,
        };
        Notice {
            delivery: DeliveryId::new("del-1"),
            notification: NotificationId::new("not-1"),
            outside_id: "msg_1".to_owned(),
            kind: NoticeKind::Reconnect,
            unsubscribe: None,
            user: UserId::new("user-1"),
            contact: Contact {
                email: EmailAddress::parse("secret.person@example.com").ok(),
                name: Some("Mary".to_owned()),
                ..Contact::default()
            },
            items: (0..accounts).map(item).collect(),
            created_at: from_millis(1_763_723_456_789),
            now: from_millis(1_763_723_999_000),
        }
    }

    #[test]
    fn the_bytes_are_pinned_and_do_not_depend_on_the_attempt() {
        let first = body(&notice(1)).unwrap();
        assert_eq!(
            first,
            concat!(
                r#"{"type":"reconnect.requested","timestamp":"2025-11-21T11:10:56.789Z","data":"#,
                r#"{"notification_id":"not-1","user_id":"user-1","accounts":[{"incident_id":"inc-0","toolkit":"slack","#,
                r#""account_id":"ca_0","label":"m***@example.com of \"Acme\"\n","notice":0,"second_account":false,"#,
                r#""broke_at":"2025-11-21T04:40:00.000Z","#,
                r#""reconnect_url":"https://app.example.com/settings?toolkit=slack"}]}}"#
            )
        );
        let later = Notice { now: from_millis(1_763_800_000_000), ..notice(1) };
        assert_eq!(body(&later).unwrap(), first);
        assert!(!first.contains("secret.person"));
    }

    #[test]
    fn many_accounts_are_cut_below_the_limit_and_counted() {
        for accounts in [2, 60, 80, 100, 5000] {
            let text = body(&notice(accounts)).unwrap();
            assert!(text.len() < MAX_BODY_BYTES, "{accounts}: {}", text.len());
            let event: serde_json::Value = serde_json::from_str(&text).unwrap();
            let shown = event["data"]["accounts"].as_array().unwrap().len();
            if shown < accounts {
                assert!(shown > 40, "{accounts}: only {shown}");
                assert_eq!(event["data"]["accounts_total"], accounts);
                assert_eq!(event["data"]["accounts"][0]["account_id"], "ca_0", "the newest come first");
            } else {
                assert!(event["data"].get("accounts_total").is_none());
            }
        }
    }
}
