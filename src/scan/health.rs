//! Turns the outcomes of requests into the judgement whether going on makes sense at all.
//!
//! Guarantee: a provider that is down, or that refuses everything, is recognised after a fixed number of
//! single-user requests, however many users the directory has. Pure bookkeeping; lives as long as one scan.

use super::ScanError;
use crate::ports::ProviderError;

/// Single users without an answer, with no good answer in between, after which the provider counts as down.
/// Each stands for all the retries of the adapter, so 20 is far beyond a burst of bad luck, and still few enough
/// that an outage ends the run in minutes.
pub(super) const DOWN_AFTER: u32 = 20;

/// Single users refused since the run began, without one good answer, after which the refusals count as being
/// about us and not about these users. A product with 20 unusable ids in front of its first usable one is less
/// likely than a wrong address or a changed API.
pub(super) const REFUSED_AFTER: u32 = 20;

/// What the run has seen of the provider so far.
#[derive(Debug, Default)]
pub(super) struct Health {
    answered_once: bool,
    silent: u32,
    refused: u32,
}

impl Health {
    /// A request was answered with a list.
    pub(super) fn answered(&mut self) {
        *self = Self { answered_once: true, ..Self::default() };
    }

    /// The request for one single user failed for good. Gives the error back unless it ends the scan.
    pub(super) fn failed(&mut self, error: ProviderError) -> Result<ProviderError, ScanError> {
        match error {
            ProviderError::Unavailable { .. } | ProviderError::TimedOut(_) => {
                self.silent += 1;
                if self.silent >= DOWN_AFTER {
                    // Whoever finds that it answers after all counts anew.
                    let failures = std::mem::take(&mut self.silent);
                    return Err(ScanError::ProviderDown { failures, last: error });
                }
            }
            // An unreadable answer counts like a refusal: a wrong address answers everything with HTML.
            ProviderError::Rejected { .. } | ProviderError::Malformed(_) if !self.answered_once => {
                self.refused += 1;
                if self.refused >= REFUSED_AFTER {
                    return Err(ScanError::EverythingRejected { failures: self.refused, last: error });
                }
            }
            _ => {}
        }
        Ok(error)
    }
}
