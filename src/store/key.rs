//! Whether the provider refuses our key: one fact in `meta` for as long as it does.
//!
//! The first to be refused writes it, with the event for the operator in the same transaction, and the first to be
//! accepted takes it away: so of many runs and processes one tells, once per row of refusals. A crash before the commit
//! leaves nothing, and the next refusal is the first.

use super::{StoreError, Work, sql};
use crate::domain::{Timestamp, from_millis, millis};

const META_KEY_REFUSED: &str = "key_refused_at";

impl Work {
    /// Since when the key is refused; none while it is not, as far as anybody knows.
    pub async fn key_refused_at(&mut self) -> Result<Option<Timestamp>, StoreError> {
        self.meta(META_KEY_REFUSED).await?.map(|text| instant(&text)).transpose()
    }

    /// The key was refused. Says whether that is new.
    pub async fn key_refused(&mut self, now: Timestamp) -> Result<bool, StoreError> {
        let insert = sql("INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING");
        Ok(self.session.execute(insert.bind(META_KEY_REFUSED).bind(millis(now).to_string())).await? == 1)
    }

    /// The key that was refused at this instant is taken again. Says whether nobody else has noticed.
    pub async fn key_accepted(&mut self, refused_at: Timestamp) -> Result<bool, StoreError> {
        // A refusal that is younger than what was read stays.
        let delete = sql("DELETE FROM meta WHERE key = $1 AND value = $2");
        let delete = delete.bind(META_KEY_REFUSED).bind(millis(refused_at).to_string());
        Ok(self.session.execute(delete).await? == 1)
    }
}

fn instant(text: &str) -> Result<Timestamp, StoreError> {
    let parsed = text.parse().map(from_millis);
    parsed.map_err(|error| StoreError::Unreadable(format!("meta {META_KEY_REFUSED} ({error})")))
}
