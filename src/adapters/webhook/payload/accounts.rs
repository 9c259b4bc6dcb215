//! Turns a notice to a user into `reconnect.requested` or `reconnect.recovered`: the same envelope around one entry
//! per account.

use serde::Serialize;

use super::{MAX_BODY_BYTES, refused, rfc3339, too_large, write};
use crate::domain::{EmailAddress, EventKind, Notice, NoticeItem, NoticeKind};
use crate::ports::SendError;

/// The longest label in characters; labels are free text of the user.
const MAX_LABEL_CHARS: usize = 200;

#[derive(Serialize)]
struct Data<'a, E> {
    notification_id: &'a str,
    user_id: &'a str,
    accounts: &'a [E],
    /// Only where `accounts` does not hold them all.
    #[serde(skip_serializing_if = "Option::is_none")]
    accounts_total: Option<usize>,
}

/// An account that must be reconnected.
#[derive(Serialize)]
struct Broken<'a> {
    incident_id: &'a str,
    toolkit: &'a str,
    account_id: &'a str,
    label: Option<String>,
    notice: u32,
    second_account: bool,
    broke_at: String,
    reconnect_url: &'a str,
}

/// An account that need not be reconnected any more.
#[derive(Serialize)]
struct Ended<'a> {
    incident_id: &'a str,
    toolkit: &'a str,
    account_id: &'a str,
    label: Option<String>,
    notices: u32,
    broke_at: String,
    recovered_at: String,
    evidence: &'static str,
}

/// The event's bytes: every account, or the newest that fit.
pub(in super::super) fn of_notice(notice: &Notice) -> Result<String, SendError> {
    match notice.kind {
        NoticeKind::Reconnect => {
            let entries = notice.items.iter().map(broken).collect();
            fitting(EventKind::ReconnectRequested, notice, entries)
        }
        NoticeKind::Recovered => {
            let entries = notice.items.iter().map(ended).collect::<Option<_>>();
            let entries = entries.ok_or_else(|| refused("an incident in it has no recorded end".to_owned()))?;
            fitting(EventKind::ReconnectRecovered, notice, entries)
        }
    }
}

/// Leaves out what does not fit, from the front to the back: one entry that is too large alone keeps none of the
/// others from being told.
fn fitting<E: Serialize>(kind: EventKind, notice: &Notice, mut entries: Vec<E>) -> Result<String, SendError> {
    let all = around(kind, notice, &entries, None)?;
    if all.len() < MAX_BODY_BYTES {
        return Ok(all);
    }
    let total = Some(entries.len());
    let frame = around::<E>(kind, notice, &[], total)?;
    let mut room = MAX_BODY_BYTES.saturating_sub(frame.len());
    entries.retain(|entry| {
        // One more for the comma; the first has none, which keeps the whole below the limit.
        let size = serde_json::to_string(entry).map_or(usize::MAX, |text| text.len() + 1);
        let fits = size <= room;
        room -= if fits { size } else { 0 };
        fits
    });
    if entries.is_empty() { Err(too_large()) } else { around(kind, notice, &entries, total) }
}

fn around<E: Serialize>(
    kind: EventKind,
    notice: &Notice,
    accounts: &[E],
    accounts_total: Option<usize>,
) -> Result<String, SendError> {
    let (notification_id, user_id) = (notice.notification.as_str(), notice.user.as_str());
    write(kind, notice.created_at, Data { notification_id, user_id, accounts, accounts_total })
}

fn broken(item: &NoticeItem) -> Broken<'_> {
    Broken {
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

fn ended(item: &NoticeItem) -> Option<Ended<'_>> {
    let recovery = item.recovery?;
    Some(Ended {
        incident_id: item.incident.as_str(),
        toolkit: item.toolkit.as_str(),
        account_id: item.account.as_str(),
        label: item.label.as_deref().map(label),
        notices: item.number,
        broke_at: rfc3339(item.broke_at),
        recovered_at: rfc3339(recovery.at),
        evidence: recovery.evidence.code(),
    })
}

/// People use addresses as aliases; those are masked (`m***@example.com`), and what looks like several addresses in
/// one word, or like one with something around it, is hidden.
fn label(text: &str) -> String {
    let masked: String = text.split_inclusive(char::is_whitespace).map(masked_word).collect();
    masked.chars().take(MAX_LABEL_CHARS).collect()
}

fn masked_word(word: &str) -> String {
    let bare = word.trim_end();
    let blank = &word[bare.len()..];
    let signs = bare.matches('@').count() + bare.to_lowercase().matches("%40").count();
    match EmailAddress::parse(bare) {
        Ok(address) if signs == 1 => format!("{address}{blank}"),
        // `@mary` is a handle.
        _ if signs == 0 || (signs == 1 && (bare.starts_with('@') || bare.ends_with('@'))) => word.to_owned(),
        _ => format!("<address>{blank}"),
    }
}
