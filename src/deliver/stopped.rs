//! What the owner of an address does not want to read about: left out of their mail, toolkit by toolkit.
//!
//! Planning does not know addresses, so it is here that this is honoured. What is left out is not counted as said; alone
//! it is called off as suppressed, and not planned again.

use super::recheck::Rechecked;
use super::{DeliverError, Deliverer};
use crate::domain::{AddressHash, Silence};

impl Deliverer {
    /// Without the items about toolkits this address is not written to about.
    pub(super) async fn without_stopped(
        &self,
        address: Option<&AddressHash>,
        mut looked: Rechecked,
    ) -> Result<Rechecked, DeliverError> {
        let Some(address) = address.filter(|_| !looked.items.is_empty()) else { return Ok(looked) };
        let stopped = self.store.begin_read().await?.suppressed_toolkits(address).await?;
        let before = looked.items.len();
        looked.items.retain(|item| !stopped.contains(&item.toolkit));
        if looked.items.len() < before {
            // First, so that it is the reason that is given where nothing is left.
            looked.dropped.insert(0, Silence::Suppressed);
        }
        Ok(looked)
    }
}
