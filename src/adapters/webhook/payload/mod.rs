//! Turns what happened into the JSON event that is posted; the events are described in `docs/webhooks/`.
//!
//! ```text
//! Notice         ─▶ reconnect.requested, reconnect.recovered   (accounts.rs)
//! OperatorNotice ─▶ storm.held, channel.stopped, endpoint.disabled, key.refused, connect.refused, report.ready   (operator.rs)
//! ```
//!
//! Guarantees: the same notice gives the same bytes (nothing of the attempt is in it), under [`MAX_BODY_BYTES`]
//! however much there is to say, valid JSON whatever texts are in it, and no e-mail address: not the person's, and
//! none in a label or an answer. A user's id is sent as the directory has it, because the receiver must know it again.
//! Keys are only ever added. A later attempt may carry a smaller notice: accounts that healed in between
//! are left out before each attempt, the ids stay.

mod accounts;
mod operator;

use chrono::SecondsFormat;
use serde::Serialize;

use crate::domain::{EventKind, FailureClass, Timestamp};
use crate::ports::SendError;

pub(super) use accounts::of_notice;
pub(super) use operator::of_event;

/// Bodies are smaller than this; Standard Webhooks advises to stay below about 20 kB.
pub(super) const MAX_BODY_BYTES: usize = 20_000;

/// What all events have in common.
#[derive(Serialize)]
struct Event<D> {
    r#type: &'static str,
    /// When it was noticed or decided; the attempt's own time is in a header.
    timestamp: String,
    data: D,
}

fn write<D: Serialize>(kind: EventKind, at: Timestamp, data: D) -> Result<String, SendError> {
    let event = Event { r#type: kind.code(), timestamp: rfc3339(at), data };
    serde_json::to_string(&event).map_err(|e| refused(format!("the event cannot be written as JSON ({e})")))
}

/// The event can be sent to nobody, now or later.
fn refused(detail: String) -> SendError {
    SendError { class: FailureClass::Refused, detail }
}

fn too_large() -> SendError {
    refused(format!("the event does not fit into {MAX_BODY_BYTES} bytes"))
}

fn rfc3339(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
#[path = "../payload_tests.rs"]
mod tests;
