//! What a delivery says, told apart from what others say: the same report goes to every address of a list in a delivery of
//! its own.
//!
//! Two different contents in a row that are refused as they are say something of the channel; one that is refused to two
//! readers says nothing but that it is disliked.

use crate::domain::{DeliveryId, OperatorEvent, Timestamp};
use crate::store::ClaimedDelivery;

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The report of this period.
    Report {
        /// The first instant it is about.
        from: Timestamp,
        /// The first instant after it.
        to: Timestamp,
    },
    /// What only this delivery says.
    OfItsOwn(DeliveryId),
}

impl Content {
    pub(super) fn of(claimed: &ClaimedDelivery) -> Self {
        match claimed.about {
            Some(OperatorEvent::ReportReady { from, to, .. }) => Self::Report { from, to },
            _ => Self::OfItsOwn(claimed.id.clone()),
        }
    }
}
