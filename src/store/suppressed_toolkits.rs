//! The toolkits an address is not written to about, chosen by its owner on the preferences page.

use std::collections::BTreeSet;

use super::{StoreError, Work, sql};
use crate::domain::{AddressHash, Timestamp, ToolkitSlug};

/// No product has more toolkits than this; a choice of more is not a person's.
pub const MAX_SUPPRESSED_TOOLKITS: usize = 200;

impl Work {
    /// The toolkits this address is not written to about.
    pub async fn suppressed_toolkits(&mut self, hash: &AddressHash) -> Result<BTreeSet<ToolkitSlug>, StoreError> {
        let select = sql("SELECT toolkit FROM suppressed_toolkits WHERE address_hash = $1 ORDER BY toolkit");
        let rows = self.session.fetch(select.bind(hash.to_hex())).await?;
        rows.iter().map(|row| Ok(ToolkitSlug::new(row.text("toolkit")?))).collect()
    }

    /// Stops or starts mail to this address about one toolkit, and says whether that changed anything. Above
    /// [`MAX_SUPPRESSED_TOOLKITS`] nothing more is stopped.
    pub async fn suppress_toolkit(
        &mut self,
        hash: &AddressHash,
        toolkit: &ToolkitSlug,
        stop: bool,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let change = if stop {
            let most = i64::try_from(MAX_SUPPRESSED_TOOLKITS).unwrap_or(i64::MAX);
            sql("INSERT INTO suppressed_toolkits (address_hash, toolkit, created_at) SELECT $1, $2, $3 \
                 WHERE (SELECT count(*) FROM suppressed_toolkits WHERE address_hash = $1) < $4 \
                 ON CONFLICT (address_hash, toolkit) DO NOTHING")
            .bind(hash.to_hex())
            .bind(toolkit.as_str())
            .bind(now)
            .bind(most)
        } else {
            sql("DELETE FROM suppressed_toolkits WHERE address_hash = $1 AND toolkit = $2")
                .bind(hash.to_hex())
                .bind(toolkit.as_str())
        };
        Ok(self.session.execute(change).await? > 0)
    }
}
