//! What a person who asks how things stand needs besides [`super::Standing`]: what was given up of late.

use std::collections::BTreeMap;

use super::storms::count;
use super::{StoreError, Work, sql};
use crate::domain::{ChannelName, Timestamp};

impl Work {
    /// Deliveries that were given up at `since` or after and still are, by channel; channels without any are left out.
    pub async fn dead_since(&mut self, since: Timestamp) -> Result<BTreeMap<ChannelName, u64>, StoreError> {
        let select = sql("SELECT channel, count(*) AS n FROM deliveries WHERE state = 'dead' AND settled_at >= $1 \
             GROUP BY channel");
        let rows = self.session.fetch(select.bind(since)).await?;
        rows.iter().map(|row| Ok((ChannelName::new(row.text("channel")?), count(row, "n")?))).collect()
    }
}
