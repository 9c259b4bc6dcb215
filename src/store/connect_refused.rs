//! What the provider makes no connect pages with: an auth config, or our key; one fact in `meta` for as long as it does not.
//!
//! The first refusal writes it, with the event for the operator in the same transaction, and the next page that is made
//! takes it away: so of many clicks and processes one tells. A crash before the commit leaves nothing, and the next
//! refusal is the first.

use chrono::TimeDelta;

use super::{StoreError, Work, sql};
use crate::domain::{AuthConfigId, Timestamp, millis};

/// The key itself is refused.
const META_KEY: &str = "connect_refused";

/// Told again after this long, for who has mended it meanwhile without anybody clicking, and has it break anew.
const TOLD_AGAIN_AFTER: TimeDelta = TimeDelta::days(7);

impl Work {
    /// No page is made with this auth config, or with our key where none is given. Says whether the operator is to be
    /// told: it is new, or a week old.
    pub async fn connect_refused(
        &mut self,
        auth_config: Option<&AuthConfigId>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let insert = sql("INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE \
             SET value = excluded.value WHERE CAST(meta.value AS BIGINT) <= $3");
        let insert = insert.bind(meta_key(auth_config)).bind(millis(now).to_string());
        Ok(self.session.execute(insert.bind(millis(now - TOLD_AGAIN_AFTER))).await? == 1)
    }

    /// A page was made: neither the key nor this auth config is refused.
    pub async fn connect_accepted(&mut self, auth_config: &AuthConfigId) -> Result<(), StoreError> {
        let delete = sql("DELETE FROM meta WHERE key IN ($1, $2)");
        self.session.execute(delete.bind(META_KEY).bind(meta_key(Some(auth_config)))).await?;
        Ok(())
    }
}

fn meta_key(auth_config: Option<&AuthConfigId>) -> String {
    auth_config.map_or_else(|| META_KEY.to_owned(), |id| format!("{META_KEY}.{id}"))
}
