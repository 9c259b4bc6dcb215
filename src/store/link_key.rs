//! The key behind reconnect links, where none is configured: made at first use and kept in the state database.
//!
//! Guarantees: processes that start at once on an empty database end up with the same key; links signed with the key
//! kept here go on working after one was configured, because mails with them are in people's inboxes, until
//! an operator retires it. A crash before
//! the commit leaves nothing.

use secrecy::{ExposeSecret as _, SecretString};

use super::{StoreError, Work, sql};
use crate::domain::LinkKeys;

const KEY: &str = "link_key";

impl Work {
    /// The keys of reconnect links: the configured one signs, else the one kept here, else `fresh` (32 random bytes or
    /// more as text), which is kept from then on. What `previous` or a kept key signed is still opened.
    pub async fn link_keys(
        &mut self,
        configured: Option<&SecretString>,
        previous: Option<&SecretString>,
        fresh: &SecretString,
    ) -> Result<LinkKeys, StoreError> {
        let kept = self.meta(KEY).await?.map(SecretString::from);
        let former = |kept| [previous, kept].into_iter().flatten().collect::<Vec<_>>();
        let keys = match (configured, &kept) {
            (Some(configured), kept) => LinkKeys::new(configured, &former(kept.as_ref())),
            (None, Some(kept)) => LinkKeys::new(kept, &former(None)),
            (None, None) => {
                self.set_meta_once(KEY, fresh.expose_secret()).await?;
                // Read back: of two processes that start at once, one was first.
                let kept = self.meta(KEY).await?.map(SecretString::from);
                let kept = kept.ok_or_else(|| StoreError::Unreadable(format!("meta {KEY} vanished")))?;
                LinkKeys::new(&kept, &former(None))
            }
        };
        keys.map_err(|error| StoreError::Unreadable(error.to_string()))
    }

    /// Deletes the key that is kept here, so that what it signed opens nothing for processes that start from now on; those
    /// that run know it until they end. Says whether there was one.
    pub async fn retire_kept_link_key(&mut self) -> Result<bool, StoreError> {
        Ok(self.session.execute(sql("DELETE FROM meta WHERE key = $1").bind(KEY)).await? == 1)
    }
}
