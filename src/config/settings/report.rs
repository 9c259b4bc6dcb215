//! The sections of history: what is told of it, and how long it is kept.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::EmailAddress;

/// `[report]`
#[derive(Debug, Clone)]
pub struct Report {
    /// `directory`: where the scheduled report's files go; none writes none.
    pub directory: Option<PathBuf>,
    /// `period`: how much time the scheduled report is about, 1 d to 366 d.
    pub period: Duration,
    /// `mail_to`: who gets the scheduled report by mail, at most 20, no two alike; empty mails it to nobody.
    pub mail_to: Vec<EmailAddress>,
    /// `keep`: the files of how many days are kept, 1 to 10,000.
    pub keep: NonZeroU32,
}

/// `[retention]`
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// `history`: how long what the report counts and `explain` shows is kept, 180 d to 3650 d.
    pub history: Duration,
    /// `operational`: how long single tries, events for the operator and occurrences are kept, 7 d to `history`.
    pub operational: Duration,
}
