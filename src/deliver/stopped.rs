//! What the owner of an address does not want to read about: left out of their mail, toolkit by toolkit.
//!
//! Planning does not know addresses, so it is here that this is honoured. What is left out is not counted as said. Once
//! the delivery is called off it is not planned again; what was kept back beside it for another reason is.

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
        let (unwanted, wanted) = looked.items.into_iter().partition(|item| stopped.contains(&item.toolkit));
        looked.items = wanted;
        for item in unwanted {
            // Last: what waits for something is decided by what it waits for, not by what nobody wants beside it.
            looked.dropped.push(Silence::Suppressed);
            looked.stopped.push(item.incident);
        }
        Ok(looked)
    }
}
