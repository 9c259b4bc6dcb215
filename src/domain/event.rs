//! What a channel can carry, and what operators are told: the events of the product as a closed set.

use serde::{Deserialize, Serialize};

use super::ids::{ChannelName, DeliveryId, NotificationId};
use super::time::Timestamp;

/// What an event is about; its code is the `type` of a webhook's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventKind {
    /// A user must reconnect something: notice 0 and every reminder.
    ReconnectRequested,
    /// What a user had to reconnect works again, or is gone.
    ReconnectRecovered,
    /// Many accounts broke at once; their users' notices are held.
    StormHeld,
    /// A channel refuses us as a sender.
    ChannelStopped,
    /// A webhook endpoint is not used any more.
    EndpointDisabled,
    /// The provider refuses our key.
    KeyRefused,
    /// The provider refuses to make connect pages.
    ConnectRefused,
    /// The scheduled reconnect report is there.
    ReportReady,
}

impl EventKind {
    /// All kinds, their codes, and the kind of notification they are stored as.
    pub const CODES: [(Self, &'static str, &'static str); 8] = [
        (Self::ReconnectRequested, "reconnect.requested", "reconnect"),
        (Self::ReconnectRecovered, "reconnect.recovered", "recovered"),
        (Self::StormHeld, "storm.held", "storm_held"),
        (Self::ChannelStopped, "channel.stopped", "channel_stopped"),
        (Self::EndpointDisabled, "endpoint.disabled", "endpoint_disabled"),
        (Self::KeyRefused, "key.refused", "key_refused"),
        (Self::ConnectRefused, "connect.refused", "connect_refused"),
        (Self::ReportReady, "report.ready", "report_ready"),
    ];

    /// The `type` of a payload, as operators filter by it.
    pub fn code(self) -> &'static str {
        Self::CODES.iter().find(|(known, ..)| *known == self).map_or("", |(_, code, _)| code)
    }

    /// The kind a code names.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::CODES.iter().find(|(_, known, _)| *known == code).map(|(kind, ..)| *kind)
    }

    /// How a notification of this kind is stored.
    pub fn stored(self) -> &'static str {
        Self::CODES.iter().find(|(known, ..)| *known == self).map_or("", |(.., stored)| stored)
    }

    /// The kind a stored notification has.
    pub fn from_stored(stored: &str) -> Option<Self> {
        Self::CODES.iter().find(|(.., known)| *known == stored).map(|(kind, ..)| *kind)
    }

    /// Whether it speaks to a user; the others are for the operator.
    pub fn is_for_a_user(self) -> bool {
        matches!(self, Self::ReconnectRequested | Self::ReconnectRecovered)
    }
}

/// Something the operator must know. Stored as JSON until it is delivered; holds no address and no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OperatorEvent {
    /// Many accounts of one auth config or toolkit broke within the window; `storm release` or
    /// `storm discard` decides.
    StormHeld {
        /// The storm's id.
        storm_id: String,
        /// `auth_config` or `toolkit`.
        scope: String,
        /// Which one.
        subject: String,
        /// Accounts that broke within the window.
        broken: u64,
        /// Accounts that worked before: those that still do and those that broke.
        active: u64,
        /// The window in seconds.
        window_seconds: u64,
    },
    /// The other side refuses our sender, login or request; nothing more is sent until that is mended.
    ChannelStopped {
        /// Which channel.
        channel: ChannelName,
        /// What it said, scrubbed.
        detail: String,
    },
    /// An endpoint said that it is gone, or has failed for days; `channel enable` brings it back.
    EndpointDisabled {
        /// Which channel.
        channel: ChannelName,
        /// Why, scrubbed.
        detail: String,
    },
    /// The provider refuses our key: nobody is audited and nobody is told until there is another.
    KeyRefused {
        /// The HTTP status of its answer.
        status: u16,
        /// What else it said, scrubbed; may be empty.
        detail: String,
    },
    /// The provider refuses to make connect pages: who clicks cannot reconnect until that is mended.
    ConnectRefused {
        /// With this auth config; none where our key may not make pages at all.
        auth_config: Option<String>,
        /// The HTTP status of its answer.
        status: u16,
        /// What else it said, scrubbed; may be empty.
        detail: String,
    },
    /// The scheduled reconnect report was computed.
    ReportReady {
        /// The first instant it is about.
        from: Timestamp,
        /// The first instant after it.
        to: Timestamp,
        /// Its headline figures.
        headline: ReportHeadline,
    },
}

/// The headline figures of a reconnect report; what each counts is said in `docs/operations.md`, "The reconnect report".
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReportHeadline {
    /// Accounts that worked when the period began.
    pub active_at_start: u64,
    /// Incidents opened in it.
    pub newly_broken: u64,
    /// Incidents of people who came back in it.
    pub recovered: u64,
    /// Incidents open at its end.
    pub open: u64,
    /// Incidents first told in it.
    pub notified: u64,
    /// Of them, those whose notice arrived.
    pub delivered: u64,
    /// Of them, those that worked again afterwards.
    pub active_again: u64,
}

impl OperatorEvent {
    /// What channels filter it by.
    pub fn kind(&self) -> EventKind {
        match self {
            Self::StormHeld { .. } => EventKind::StormHeld,
            Self::ChannelStopped { .. } => EventKind::ChannelStopped,
            Self::EndpointDisabled { .. } => EventKind::EndpointDisabled,
            Self::KeyRefused { .. } => EventKind::KeyRefused,
            Self::ConnectRefused { .. } => EventKind::ConnectRefused,
            Self::ReportReady { .. } => EventKind::ReportReady,
        }
    }
}

/// An event for the operator on its way to one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorNotice {
    /// The delivery this send is an attempt of.
    pub delivery: DeliveryId,
    /// The notification, the same for all channels.
    pub notification: NotificationId,
    /// The id the outside sees; stored, the same on every attempt.
    pub outside_id: String,
    /// What happened.
    pub event: OperatorEvent,
    /// When it was noticed.
    pub created_at: Timestamp,
    /// The moment of this attempt.
    pub now: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_codes_of_its_own_and_finds_back() {
        for (kind, code, stored) in EventKind::CODES {
            assert_eq!((kind.code(), kind.stored()), (code, stored));
            assert_eq!((EventKind::from_code(code), EventKind::from_stored(stored)), (Some(kind), Some(kind)));
        }
        assert_eq!(EventKind::from_code("reconnect"), None);
    }

    #[test]
    fn an_operator_event_survives_being_stored() {
        let event = OperatorEvent::ChannelStopped { channel: ChannelName::new("email"), detail: "535 no".into() };
        let stored = serde_json::to_string(&event).unwrap();
        assert_eq!(stored, r#"{"kind":"channel_stopped","channel":"email","detail":"535 no"}"#);
        assert_eq!(serde_json::from_str::<OperatorEvent>(&stored).unwrap(), event);
    }
}
