//! Notify or stay silent, and why: a pure function with a closed set of reasons. The reason is stored,
//! counted and shown by `explain`.

use super::account::{Account, ReasonHint};
use super::condition::Condition;
use super::time::Timestamp;

/// Why somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotifyReason {
    /// Nobody spoke about this incident before.
    FirstNotice,
    /// It was spoken about before and is still open.
    Reminder,
}

impl NotifyReason {
    /// The code as it is stored and shown.
    pub fn code(self) -> &'static str {
        match self {
            Self::FirstNotice => "first_notice",
            Self::Reminder => "reminder",
        }
    }
}

/// Why somebody is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Silence {
    /// Broken before this product started to watch (`first_run = "baseline"`).
    Baseline,
    /// A notice about it was decided before and the next is not due: sent, waiting in the outbox, or given up.
    AlreadyNotified,
    /// It was spoken about as often as the ladder says.
    LadderDone,
    /// An operator called off a notice about it.
    CalledOff,
    /// It may mend itself: the dwell before the first notice is not over.
    Dwelling,
    /// The user was told something a moment ago: what is new joins the next digest.
    DigestWindow,
    /// The user has had as many notifications as a day or a week allows.
    Capped,
    /// It is quiet time where the user is.
    QuietHours,
    /// An operator's silence covers it.
    Silenced,
    /// It broke together with many others, and an operator has not decided yet.
    StormHeld,
    /// It broke together with many others, and an operator decided to tell nobody.
    StormDiscarded,
    /// The address is on the list of those that are not mailed.
    Suppressed,
    /// What was to be reported as working again is broken again.
    BrokenAgain,
    /// Another account of the same user and toolkit stands for the incident.
    CoveredByIncident,
    /// Its incident is over, and it has not worked since.
    EndedBefore,
    /// The user has reconnected since.
    Superseded,
    /// The attempt was never finished.
    NeverConnected,
    /// A first connect that failed.
    SetupFailed,
    /// A connect attempt is under way.
    Pending,
    /// Switched off or revoked on purpose.
    Intentional,
    /// The product's own auth config is disabled: the operator's business.
    AuthConfigDisabled,
    /// Nobody stands behind the user id.
    Orphan,
    /// The provider used a word we do not know.
    UnknownStatus,
    /// A credential the product supplied for everybody: the operator's business.
    ServiceCredential,
    /// Somebody else finished the connect: a security matter for the operator.
    IdentityMismatch,
    /// Neither `[email]` nor a `[[webhook]]` is configured.
    NoChannel,
    /// Works again by the time of sending.
    Healed,
    /// The user is no longer in the directory.
    UserGone,
    /// The directory has no usable e-mail address for the user.
    NoAddress,
}

impl Silence {
    /// All reasons and their stored codes.
    pub const CODES: [(Self, &'static str, &'static str); 29] = [
        (Self::Baseline, "baseline", "was already broken when reconnectd first ran (first_run = \"baseline\")"),
        (Self::AlreadyNotified, "already_notified", "told before, or about to be; the next notice is not due yet"),
        (Self::LadderDone, "ladder_done", "told as often as [policy] ladder says"),
        (Self::CalledOff, "called_off", "an operator called off a notice about it"),
        (Self::Dwelling, "dwelling", "may mend itself: its dwell is not over"),
        (Self::DigestWindow, "digest_window", "the user was just told something; this joins the next digest"),
        (Self::Capped, "capped", "the user has had as many notifications as a day or a week allows"),
        (Self::QuietHours, "quiet_hours", "it is quiet time where the user is"),
        (Self::Silenced, "silenced", "an operator's silence covers it"),
        (Self::StormHeld, "storm_held", "broke together with many others; `storm release` or `storm discard` decides"),
        (
            Self::StormDiscarded,
            "storm_discarded",
            "broke together with many others; an operator decided to tell nobody",
        ),
        (Self::Suppressed, "suppressed", "the address unsubscribed, was refused for good, or was suppressed"),
        (Self::BrokenAgain, "broken_again", "was to be reported as working again and is broken again"),
        (Self::CoveredByIncident, "covered_by_incident", "another account of the same toolkit stands for the incident"),
        (Self::EndedBefore, "ended_before", "its incident is over, and it has not worked since"),
        (Self::Superseded, "superseded", "the user has reconnected since: a newer account works"),
        (Self::NeverConnected, "never_connected", "the connect attempt was never finished"),
        (Self::SetupFailed, "setup_failed", "a first connect failed; it never worked"),
        (Self::Pending, "pending", "a connect attempt is under way"),
        (Self::Intentional, "intentional", "switched off or revoked on purpose"),
        (Self::AuthConfigDisabled, "auth_config_disabled", "the product's own auth config is disabled; enable it"),
        (Self::Orphan, "orphan", "nobody stands behind this user id"),
        (Self::UnknownStatus, "unknown_status", "the provider used a status this version does not know"),
        (Self::ServiceCredential, "service_credential", "the product supplied this credential; the operator renews it"),
        (Self::IdentityMismatch, "identity_mismatch", "somebody else finished the connect; look into it"),
        (Self::NoChannel, "no_channel", "neither [email] nor [[webhook]] is configured"),
        (Self::Healed, "healed", "worked again by the time of sending"),
        (Self::UserGone, "user_gone", "the user is no longer in the directory"),
        (Self::NoAddress, "no_address", "the directory has no usable e-mail address for the user"),
    ];

    /// The code as it is stored and counted.
    pub fn code(self) -> &'static str {
        Self::CODES.iter().find(|(known, ..)| *known == self).map_or("", |(_, code, _)| code)
    }

    /// The reason in words.
    pub fn words(self) -> &'static str {
        Self::CODES.iter().find(|(known, ..)| *known == self).map_or("", |(.., words)| words)
    }

    /// The reason a stored code stands for.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::CODES.iter().find(|(_, known, _)| *known == code).map(|(reason, ..)| *reason)
    }
}

/// To tell or not to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Tell the user.
    Notify(NotifyReason),
    /// Do not, for this reason.
    Silent(Silence),
    /// Not before this instant, for this reason.
    Wait(Silence, Timestamp),
}

/// Why an account is nothing to tell its user about; none if it is broken and the user's to reconnect, or
/// healthy.
pub fn silence_of(account: &Account, condition: Condition) -> Option<Silence> {
    match condition {
        Condition::Healthy => None,
        Condition::Orphan => Some(Silence::Orphan),
        Condition::Superseded => Some(Silence::Superseded),
        Condition::NeverConnected => Some(Silence::NeverConnected),
        Condition::Pending => Some(Silence::Pending),
        Condition::Unknown => Some(Silence::UnknownStatus),
        Condition::Intentional if account.auth_config_disabled => Some(Silence::AuthConfigDisabled),
        Condition::Intentional => Some(Silence::Intentional),
        _ if account.reason == ReasonHint::IdentityMismatch => Some(Silence::IdentityMismatch),
        Condition::SetupFailed => Some(Silence::SetupFailed),
        Condition::Broken | Condition::SecondAccount if account.is_service_credential() => {
            Some(Silence::ServiceCredential)
        }
        Condition::Broken | Condition::SecondAccount => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_code_and_words_of_its_own() {
        let codes: std::collections::HashSet<_> = Silence::CODES.iter().map(|(_, code, _)| code).collect();
        assert_eq!(codes.len(), Silence::CODES.len());
        for (reason, code, words) in Silence::CODES {
            assert_eq!((reason.code(), Silence::from_code(code)), (code, Some(reason)));
            assert!(!words.is_empty());
        }
    }
}
