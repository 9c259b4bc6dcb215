//! The durable links of a notice: made just before it is composed, one per incident, the same on every channel and in
//! every reminder.
//!
//! What a crash leaves: links nobody was sent; they open for nobody, and the next attempt sends the same ones.

use chrono::TimeDelta;

use super::recheck::Rechecked;
use super::{DeliverError, Deliverer};
use crate::domain::LinkId;
use crate::store::{ClaimedDelivery, LinkLanguage};

impl Deliverer {
    /// Sends people to our own page for each item, where there is one. In a short transaction of its own: a link that
    /// is in a mail must be known before the mail leaves.
    pub(super) async fn with_links(
        &self,
        claimed: &ClaimedDelivery,
        language: &LinkLanguage,
        mut looked: Rechecked,
    ) -> Result<Rechecked, DeliverError> {
        let Some(links) = self.settings.links.as_ref().filter(|_| !looked.items.is_empty()) else { return Ok(looked) };
        let now = self.clock.now();
        let expires_at = now + TimeDelta::from_std(links.life).unwrap_or_default();
        let wanted: Vec<_> =
            looked.items.iter().map(|item| (item.incident.clone(), LinkId::mint(&self.mint))).collect();
        let mut work = self.store.begin().await?;
        let ids = work.links_for(&claimed.user, &wanted, language, now, expires_at).await?;
        work.commit().await?;
        for item in &mut looked.items {
            if let Some(id) = ids.get(&item.incident) {
                item.reconnect_url = links.page(id);
            }
        }
        Ok(looked)
    }
}
