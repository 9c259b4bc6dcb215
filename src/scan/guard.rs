//! Tells one user's trouble from everybody's: counts failures in a row, over all pages of a scan.
//!
//! A failed request says little, because it may be the fault of one user. Many in a row without a single
//! success say that the provider is down, or that every request is wrong:
//!
//! - no answer [`DOWN_AFTER`] times in a row: the rest of the page becomes unknown without being asked. Each
//!   following page is tried with one request about one user; the first success ends the trouble, and after
//!   [`GIVE_UP_AFTER_PAGES`] pages without one the scan ends with an error. So a provider that is down costs
//!   a fixed number of requests, while a short outage costs only the users it met;
//! - [`UNUSABLE_AFTER`] single users in a row refused or unreadable: the scan ends with an error at once.

use super::ScanError;
use crate::ports::ProviderError;

/// More failures in a row than narrowing one batch of 100 down to two bad users can cause (about 13).
const DOWN_AFTER: u32 = 20;
/// Single users in a row; that many bad ids side by side are no accident.
const UNUSABLE_AFTER: u32 = 20;
/// Each costs one request and its retries: up to a few minutes while the provider hangs.
const GIVE_UP_AFTER_PAGES: u32 = 5;

#[derive(Debug, Default)]
pub(super) struct Guard {
    unanswered: u32,
    unusable: u32,
    down_pages: u32,
    last: Option<ProviderError>,
}

impl Guard {
    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// A request about `users` users failed for good, without stopping the run.
    pub(super) fn failed(&mut self, users: usize, error: ProviderError) -> Result<(), ScanError> {
        if matches!(error, ProviderError::Unavailable { .. } | ProviderError::TimedOut(_)) {
            self.unanswered += 1;
        } else {
            self.unanswered = 0; // It does answer.
            if users == 1 {
                self.unusable += 1;
            }
        }
        if self.unusable >= UNUSABLE_AFTER {
            return Err(ScanError::NothingUsable { in_a_row: self.unusable, last: error });
        }
        self.last = Some(error);
        Ok(())
    }

    pub(super) fn is_down(&self) -> bool {
        self.unanswered >= DOWN_AFTER
    }

    /// A page ended while the provider was down.
    pub(super) fn page_lost(&mut self) -> Result<(), ScanError> {
        self.down_pages += 1;
        match self.last.take() {
            Some(last) if self.down_pages >= GIVE_UP_AFTER_PAGES => {
                Err(ScanError::ProviderDown { pages: self.down_pages, last })
            }
            last => {
                self.last = last;
                Ok(())
            }
        }
    }
}
