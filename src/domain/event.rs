//! What a channel can carry, and what operators are told: the events of the product as a closed set.

use serde::{Deserialize, Serialize};

use super::contact::EmailAddress;
use super::ids::{AuthConfigId, ChannelName, DeliveryId, NotificationId};
use super::redact::scrub;
use super::refusal::{ConnectRefusal, KeyUse};
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
        /// With this auth config; none where it is with every one.
        auth_config: Option<String>,
        /// Why; none in what was stored before this was told.
        #[serde(default)]
        reason: Option<ConnectRefusal>,
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
        /// The same of the period before; none where its history was dropped, where it began before the first audit did,
        /// and where no audit went to its end in it.
        #[serde(default)]
        previous: Option<ReportHeadline>,
        /// What broke most, the most first; at most [`MOST_TOOLKITS`].
        #[serde(default)]
        toolkits: Vec<ReportToolkit>,
        /// How much of the truth it rests on; none in what was stored before this was told.
        #[serde(default)]
        coverage: Option<ReportCoverage>,
        /// Whom this one copy is for, where it goes to a list of addresses; none where it goes to one place.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reader: Option<ReportReader>,
    },
}

/// As many toolkits as word of a report names.
pub const MOST_TOOLKITS: usize = 3;

/// One toolkit in word of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportToolkit {
    /// The toolkit.
    pub toolkit: String,
    /// Incidents opened in the period.
    pub newly_broken: u64,
    /// Incidents open at its end.
    pub open: u64,
}

/// How much of the truth a report rests on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReportCoverage {
    /// Audits that went to their end in the period.
    pub audits_finished: u64,
    /// Audits that failed in it.
    pub audits_failed: u64,
    /// Users the last of them looked at.
    pub users_scanned: u64,
    /// Of them, those it learned the accounts of.
    pub users_known: u64,
    /// How old that audit was at the end of the period; none where there was none.
    pub freshness_seconds: Option<u64>,
}

impl ReportCoverage {
    /// Fewer known users than 95 in 100 make every figure a guess about the rest.
    const ENOUGH_PERCENT: u64 = 95;
    /// After two days without the end of an audit also one that is made once a day has come to nothing twice; the default
    /// schedule makes one every hour.
    const FRESH_SECONDS: u64 = 2 * 86_400;

    /// Why the figures are to be read with care, in one sentence; none where they rest on enough.
    pub fn warning(&self) -> Option<String> {
        let Some(age) = self.freshness_seconds else {
            return Some("No audit went to its end in this time: the figures say nothing about it.".to_owned());
        };
        let (known, scanned) = (self.users_known, self.users_scanned);
        if u128::from(known) * 100 < u128::from(scanned) * u128::from(Self::ENOUGH_PERCENT) {
            return Some(format!("The last audit learned the accounts of {known} of {scanned} users only."));
        }
        let days = age / 86_400;
        (age > Self::FRESH_SECONDS).then(|| format!("The last audit ended {days} days before the end of the period."))
    }
}

/// One address of a list, told apart without being known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportReader {
    /// Its place in the list when this was written, the first being 1; for people.
    pub number: u32,
    /// The address as it is stored: [`AddressHash`](super::AddressHash) in hexadecimal.
    pub address: String,
}

/// The headline figures of a reconnect report; what each counts is said in `docs/operations.md`, "The reconnect report".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
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

/// What else the provider said of a refusal is a slug in brackets.
const MAX_DETAIL_CHARS: usize = 100;

impl OperatorEvent {
    /// The provider refused our key with `status` and `detail`.
    pub fn key_refused(status: u16, detail: &str) -> Self {
        Self::KeyRefused { status, detail: scrub(detail, MAX_DETAIL_CHARS) }
    }

    /// The provider made no connect page with `auth_config`, and what it answered; which one is told only where that is why.
    pub fn connect_refused(reason: ConnectRefusal, auth_config: &AuthConfigId, (status, detail): (u16, &str)) -> Self {
        let auth_config = (reason == ConnectRefusal::AuthConfig).then(|| auth_config.as_str().to_owned());
        Self::ConnectRefused { auth_config, reason: Some(reason), status, detail: scrub(detail, MAX_DETAIL_CHARS) }
    }

    /// Why no connect pages are made, where that is what it tells; what was stored without a reason is read by the rest.
    pub fn connect_refusal(&self) -> Option<ConnectRefusal> {
        let Self::ConnectRefused { auth_config, reason, status, .. } = self else { return None };
        let read = if auth_config.is_some() {
            ConnectRefusal::AuthConfig
        } else {
            ConnectRefusal::of_key(*status, KeyUse::Link)
        };
        Some(reason.unwrap_or(read))
    }

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
    /// The address it is for, where the channel writes to a list of them.
    pub to: Option<EmailAddress>,
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
    fn coverage_warns_where_the_figures_rest_on_too_little() {
        let of = |users_scanned, users_known, freshness_seconds| ReportCoverage {
            audits_finished: 7,
            users_scanned,
            users_known,
            freshness_seconds,
            ..ReportCoverage::default()
        };
        for (coverage, words) in [
            (of(100, 95, Some(172_800)), None),
            (of(0, 0, Some(0)), None),
            (of(100, 94, Some(0)), Some("94 of 100 users")),
            (of(100, 100, Some(172_801)), Some("2 days before the end")),
            (of(100, 100, None), Some("No audit went to its end")),
            (of(u64::MAX, u64::MAX, Some(0)), None),
        ] {
            let warning = coverage.warning();
            let said = warning.as_deref().is_some_and(|warning| words.is_some_and(|words| warning.contains(words)));
            assert_eq!((warning.is_some(), said), (words.is_some(), words.is_some()), "{coverage:?}: {warning:?}");
        }
    }

    #[test]
    fn word_of_a_report_that_an_earlier_release_stored_can_be_read() {
        let stored = r#"{"kind":"report_ready","from":"2026-10-26T00:00:00Z","to":"2026-11-02T00:00:00Z","headline":
            {"active_at_start":1,"newly_broken":2,"recovered":3,"open":4,"notified":5,"delivered":6,"active_again":7}}"#;
        let OperatorEvent::ReportReady { headline, previous, toolkits, coverage, reader, .. } =
            serde_json::from_str(stored).unwrap()
        else {
            panic!("{stored}")
        };
        assert_eq!((headline.active_again, previous, toolkits.len()), (7, None, 0));
        assert_eq!((coverage, reader), (None, None));
    }

    #[test]
    fn word_of_a_refusal_names_the_auth_config_only_where_that_is_why_and_an_earlier_release_s_can_be_read() {
        let config = AuthConfigId::new("ac_1");
        let endless = "x".repeat(1_000);
        for (reason, named) in ConnectRefusal::CODES.map(|(reason, _)| (reason, reason == ConnectRefusal::AuthConfig)) {
            let event = OperatorEvent::connect_refused(reason, &config, (403, &endless));
            let OperatorEvent::ConnectRefused { auth_config, reason: told, detail, .. } = &event else {
                panic!("{event:?}")
            };
            assert_eq!((auth_config.is_some(), *told), (named, Some(reason)));
            assert!(detail.chars().count() <= MAX_DETAIL_CHARS + 1, "{}", detail.len());
            assert_eq!(serde_json::from_str::<OperatorEvent>(&serde_json::to_string(&event).unwrap()).unwrap(), event);
        }
        let earlier = r#"{"kind":"connect_refused","auth_config":null,"status":403,"detail":""}"#;
        assert_eq!(
            serde_json::from_str::<OperatorEvent>(earlier).unwrap().connect_refusal(),
            Some(ConnectRefusal::KeyMayNotLink)
        );
    }

    #[test]
    fn an_operator_event_survives_being_stored() {
        let event = OperatorEvent::ChannelStopped { channel: ChannelName::new("email"), detail: "535 no".into() };
        let stored = serde_json::to_string(&event).unwrap();
        assert_eq!(stored, r#"{"kind":"channel_stopped","channel":"email","detail":"535 no"}"#);
        assert_eq!(serde_json::from_str::<OperatorEvent>(&stored).unwrap(), event);
    }
}
