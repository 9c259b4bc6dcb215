//! The situations a generated user can be in with one toolkit, as account rows: the ways in which an audit
//! of EXPIRED and FAILED goes wrong (contract, section 8), plus plain health and plain breakage.

use super::account::NEVER_COMPLETED;
use crate::domain::Condition;

/// What one user has with one toolkit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Situation {
    /// Works.
    Healthy,
    /// The refresh was refused, and the provider says so.
    Broken,
    /// Expired after months, without a reason.
    BrokenWithoutReason,
    /// FAILED months after it was made.
    FailedLate,
    /// An older account works, a newer one of the same toolkit expired.
    SecondAccount,
    /// Expired, and connected again since.
    Superseded,
    /// An attempt that nobody finished.
    Abandoned,
    /// Works, with an unfinished attempt beside it.
    AbandonedBesideHealthy,
    /// The first connect was refused.
    SetupFailed,
    /// An attempt began five minutes ago.
    Pending,
    /// INACTIVE: the user switched it off.
    SwitchedOff,
    /// REVOKED on purpose.
    Revoked,
    /// Expired, and the account is disabled.
    Disabled,
    /// Expired, and the product's auth config is disabled.
    AuthConfigDisabled,
    /// Expired credentials that no user can renew.
    ServiceCredential,
    /// Works, and is SHARED.
    Shared,
    /// A status word no version of the contract knows.
    UnknownStatus,
}

/// One row of a situation. Ages count back from the population's `as_of`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub status: &'static str,
    pub reason: Option<&'static str>,
    pub scheme: &'static str,
    /// Minutes from the row's creation to `as_of`.
    pub age_min: u32,
    /// Minutes from the row's creation to its last change.
    pub lived_min: u32,
    pub is_disabled: bool,
    pub auth_config_disabled: bool,
    pub shared: bool,
}

const DAY: u32 = 24 * 60;
const REFUSED: &str = "Permanent auth error during token refresh";

const fn row(status: &'static str, reason: Option<&'static str>, age_min: u32, lived_min: u32) -> Row {
    Row {
        status,
        reason,
        scheme: "OAUTH2",
        age_min,
        lived_min,
        is_disabled: false,
        auth_config_disabled: false,
        shared: false,
    }
}

const ACTIVE: Row = row("ACTIVE", None, 90 * DAY, 0);
const EXPIRED: Row = row("EXPIRED", Some(REFUSED), 200 * DAY, 190 * DAY);
const ABANDONED: Row = row("EXPIRED", Some(NEVER_COMPLETED), 20 * DAY, 10);

impl Situation {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Healthy,
        Self::Broken,
        Self::BrokenWithoutReason,
        Self::FailedLate,
        Self::SecondAccount,
        Self::Superseded,
        Self::Abandoned,
        Self::AbandonedBesideHealthy,
        Self::SetupFailed,
        Self::Pending,
        Self::SwitchedOff,
        Self::Revoked,
        Self::Disabled,
        Self::AuthConfigDisabled,
        Self::ServiceCredential,
        Self::Shared,
        Self::UnknownStatus,
    ];

    /// Those in which the user must reconnect.
    pub const BROKEN: [Self; 4] = [Self::Broken, Self::BrokenWithoutReason, Self::FailedLate, Self::SecondAccount];

    /// Those that look worrying and are none of the user's business.
    pub const QUIET: [Self; 12] = [
        Self::Superseded,
        Self::Abandoned,
        Self::AbandonedBesideHealthy,
        Self::SetupFailed,
        Self::Pending,
        Self::SwitchedOff,
        Self::Revoked,
        Self::Disabled,
        Self::AuthConfigDisabled,
        Self::ServiceCredential,
        Self::Shared,
        Self::UnknownStatus,
    ];

    /// The rows, oldest first.
    pub(super) fn rows(self) -> &'static [Row] {
        const OLD_ACTIVE: Row = row("ACTIVE", None, 400 * DAY, 0);
        const NEW_ACTIVE: Row = row("ACTIVE", None, 5 * DAY, 0);
        match self {
            Self::Healthy => &[ACTIVE],
            Self::Broken => &[EXPIRED],
            Self::BrokenWithoutReason => const { &[row("EXPIRED", None, 200 * DAY, 190 * DAY)] },
            Self::FailedLate => const { &[row("FAILED", Some("Max auth failures reached"), 120 * DAY, 118 * DAY)] },
            Self::SecondAccount => &[OLD_ACTIVE, EXPIRED],
            Self::Superseded => &[EXPIRED, NEW_ACTIVE],
            Self::Abandoned => &[ABANDONED],
            Self::AbandonedBesideHealthy => &[ACTIVE, ABANDONED],
            Self::SetupFailed => {
                const { &[row("FAILED", Some("OAuth callback failed during token exchange"), 30 * DAY, 2)] }
            }
            Self::Pending => const { &[row("INITIATED", None, 5, 0)] },
            Self::SwitchedOff => {
                const { &[row("INACTIVE", Some("Connection status updated by user"), 60 * DAY, 50 * DAY)] }
            }
            Self::Revoked => {
                const { &[row("REVOKED", Some("Revoked via user-initiated revoke endpoint"), 60 * DAY, 50 * DAY)] }
            }
            Self::Disabled => const { &[Row { is_disabled: true, ..EXPIRED }] },
            Self::AuthConfigDisabled => const { &[Row { auth_config_disabled: true, ..EXPIRED }] },
            Self::ServiceCredential => const { &[Row { scheme: "GOOGLE_SERVICE_ACCOUNT", ..EXPIRED }] },
            Self::Shared => const { &[Row { shared: true, ..ACTIVE }] },
            Self::UnknownStatus => const { &[row("PAUSED", None, 60 * DAY, 50 * DAY)] },
        }
    }

    /// What an audit without any history must conclude of each row, in the order of the rows: the answer
    /// book of tests and benchmarks.
    pub fn conditions(self) -> &'static [Condition] {
        match self {
            Self::Healthy | Self::Shared => &[Condition::Healthy],
            // A service credential is broken; that its user is not told is the decision after it.
            Self::Broken | Self::BrokenWithoutReason | Self::FailedLate | Self::ServiceCredential => {
                &[Condition::Broken]
            }
            Self::SecondAccount => &[Condition::Healthy, Condition::SecondAccount],
            Self::Superseded => &[Condition::Superseded, Condition::Healthy],
            Self::Abandoned => &[Condition::NeverConnected],
            Self::AbandonedBesideHealthy => &[Condition::Healthy, Condition::NeverConnected],
            Self::SetupFailed => &[Condition::SetupFailed],
            Self::Pending => &[Condition::Pending],
            Self::SwitchedOff | Self::Revoked | Self::Disabled | Self::AuthConfigDisabled => &[Condition::Intentional],
            Self::UnknownStatus => &[Condition::Unknown],
        }
    }
}
