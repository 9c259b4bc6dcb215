//! What one run learned: users page by page, and of each user a complete list of accounts or the
//! admission that we do not know. Ignorance is a value; it never opens and never closes an incident.

use super::account::Account;
use super::ids::UserId;
use super::time::Timestamp;

/// Where a walk over the directory stands: the last id of a page, in a form the directory that made
/// it can resume from. Opaque to everybody else; stored as the run's checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub String);

/// One page of the directory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserPage {
    /// The ids, byte for byte, in the directory's own order. Never blank.
    pub users: Vec<UserId>,
    /// Where the next page starts; none when the directory was read to its end.
    pub next: Option<Cursor>,
}

/// Why nothing is known of a user after a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UnknownReason {
    /// The provider could not be reached or kept failing until the last attempt.
    Unavailable,
    /// The provider refused the request for this one user (400, 413, 414, 422).
    Rejected,
    /// The user has more pages of accounts than we are willing to read.
    TooManyPages,
    /// The answer could not be read, or its pages contradicted each other.
    Malformed,
}

impl UnknownReason {
    /// The code as it is stored, counted and logged.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Rejected => "rejected",
            Self::TooManyPages => "too_many_pages",
            Self::Malformed => "malformed",
        }
    }
}

/// What one run learned about one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// All of the user's accounts: the list was read to its end, so what is absent is gone.
    Complete(Vec<Account>),
    /// The fetch failed; everything we knew before still stands.
    Unknown(UnknownReason),
    /// The provider cannot be asked about this id at all (it holds a comma).
    Unqueryable,
}

/// An observation and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserObservation {
    /// The user asked about.
    pub user: UserId,
    /// What came back.
    pub observation: Observation,
}

/// One page of users with everything learned about them, ready to be recorded in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannedPage {
    /// One entry per user of the page, in the directory's order.
    pub users: Vec<UserObservation>,
    /// Before anybody of the page was asked about: a list of one of them that was asked for later than this is younger.
    pub asked_at: Timestamp,
    /// The checkpoint once this page is recorded; none after the directory's last page.
    pub next: Option<Cursor>,
}
