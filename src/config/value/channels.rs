//! Values of the channels: names, folders, events, rates.

use std::path::PathBuf;

use super::word;
use crate::config::errors::{Fault, fault};
use crate::domain::EventKind;

/// More mails a minute than this outgrow what any one relay takes.
pub(in crate::config) const MAX_MAILS_PER_MINUTE: u32 = 100_000;
/// RFC 2919, section 3.
const MAX_LIST_ID_CHARS: usize = 255;
/// A webhook's name is part of a channel name and a log field.
const MAX_WEBHOOK_NAME_CHARS: usize = 32;
/// A webhook's name.
pub(in crate::config) fn webhook_name(text: String) -> Result<String, Fault> {
    let fits = !text.is_empty()
        && text.len() <= MAX_WEBHOOK_NAME_CHARS
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
    let remedy = format!("use a-z, 0-9, - and _, at most {MAX_WEBHOOK_NAME_CHARS} characters");
    if fits { Ok(text) } else { Err(fault("not a usable name", remedy)) }
}

/// What a webhook is told.
pub(in crate::config) fn events(names: Vec<String>) -> Result<Vec<EventKind>, Fault> {
    let known = EventKind::CODES.map(|(kind, code, _)| (code, kind));
    if names.is_empty() {
        return Err(fault("is empty", "name one event at least, or leave the key out for all"));
    }
    let mut events = Vec::new();
    for name in names {
        let event = word(&known)(name)?;
        if events.contains(&event) {
            return Err(fault("names an event twice", "name each event once"));
        }
        events.push(event);
    }
    Ok(events)
}

/// What the operator is told; nothing in it is about a user.
pub(in crate::config) fn operator_events(names: Vec<String>) -> Result<Vec<EventKind>, Fault> {
    let listed = events(names)?;
    if listed.iter().any(|kind| kind.is_for_a_user()) {
        return Err(fault("names an event about a user", "name events for the operator alone, such as \"storm.held\""));
    }
    Ok(listed)
}

/// The folder of the operator's own mail templates.
pub(in crate::config) fn templates(text: String) -> Result<PathBuf, Fault> {
    let path = PathBuf::from(text);
    let remedy = "give a directory that this user can read, or leave the key out for the built-in templates";
    match path.metadata() {
        Ok(found) if found.is_dir() => Ok(path),
        Ok(_) => Err(fault("is not a directory", remedy)),
        Err(error) => Err(fault(format!("names no directory that can be read ({})", error.kind()), remedy)),
    }
}

/// What stands between the angle brackets of `List-Id` (RFC 2919): words joined by dots, like a domain.
pub(in crate::config) fn list_id(text: String) -> Result<String, Fault> {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if text.len() <= MAX_LIST_ID_CHARS && text.contains('.') && text.split('.').all(word) {
        return Ok(text);
    }
    let remedy = format!(
        "write letters, digits and - in words joined by dots, such as reconnect.acme.example, at most \
         {MAX_LIST_ID_CHARS} characters"
    );
    Err(fault("not a list identifier", remedy))
}
