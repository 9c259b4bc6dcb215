//! The addresses nobody may mail, as keyed hashes, and the key that made them.
//!
//! Guarantees: no address is stored; suppressing twice is suppressing once; hashes of two keys are never mixed,
//! because a key that is not the one the stored hashes were made with is refused. What its owner said of an address
//! is never overwritten, and taken back only by who says that the owner asked for it. Two processes that start at once
//! on an empty database end up with the same key. A crash before the commit leaves nothing.

use secrecy::{ExposeSecret as _, SecretString};

use super::{Row, StoreError, Work, sql};
use crate::domain::{AddressHash, AddressKey, SuppressionCause, Timestamp};

/// The key itself, where none is configured.
const KEY: &str = "suppression_key";

/// What tells the key in use from any other; kept for a configured key too.
const CHECK: &str = "suppression_key_check";

/// An address that is not written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// Whose.
    pub hash: AddressHash,
    /// Why.
    pub cause: SuppressionCause,
    /// The operator who said so; none for the other causes.
    pub author: Option<String>,
    /// Since when.
    pub created_at: Timestamp,
}

impl Work {
    /// Whether the address must not be written to.
    pub async fn is_suppressed(&mut self, hash: &AddressHash) -> Result<bool, StoreError> {
        Ok(self.suppression(hash).await?.is_some())
    }

    /// What is known of the address; none if it may be written to.
    pub async fn suppression(&mut self, hash: &AddressHash) -> Result<Option<Suppression>, StoreError> {
        let select = sql("SELECT * FROM suppressions WHERE address_hash = $1").bind(hash.to_hex());
        self.session.fetch(select).await?.first().map(suppression).transpose()
    }

    /// Puts the address on the list, and says whether that changed anything. Its owner's word replaces every other
    /// cause and is replaced by none; an operator's replaces what the server said; else the first cause is kept.
    pub async fn suppress(
        &mut self,
        hash: &AddressHash,
        cause: SuppressionCause,
        author: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let insert = sql("INSERT INTO suppressions (address_hash, cause, author, created_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (address_hash) DO UPDATE SET cause = excluded.cause, author = excluded.author, \
             created_at = excluded.created_at \
             WHERE (excluded.cause = 'unsubscribed' AND suppressions.cause <> 'unsubscribed') \
             OR (excluded.cause = 'operator' AND suppressions.cause = 'refused')");
        let insert = insert.bind(hash.to_hex()).bind(cause.code()).bind(author).bind(now);
        Ok(self.session.execute(insert).await? > 0)
    }

    /// Takes the address off the list, and says whether it was taken off. One whose owner unsubscribed stays, also
    /// where that happens at the same moment; `they_asked` says that the owner wants mail again.
    pub async fn unsuppress(&mut self, hash: &AddressHash, they_asked: bool) -> Result<bool, StoreError> {
        let delete = if they_asked {
            "DELETE FROM suppressions WHERE address_hash = $1"
        } else {
            "DELETE FROM suppressions WHERE address_hash = $1 AND cause <> 'unsubscribed'"
        };
        Ok(self.session.execute(sql(delete).bind(hash.to_hex())).await? > 0)
    }

    /// The newest suppressions older than `before` (by when, then by hash), at most `limit`.
    pub async fn suppressions(
        &mut self,
        before: Option<(Timestamp, AddressHash)>,
        limit: u32,
    ) -> Result<Vec<Suppression>, StoreError> {
        let (at, hash) = before.map_or((None, None), |(at, hash)| (Some(at), Some(hash.to_hex())));
        let select = sql("SELECT * FROM suppressions \
             WHERE $1 IS NULL OR created_at < $1 OR (created_at = $1 AND address_hash < $2) \
             ORDER BY created_at DESC, address_hash DESC LIMIT $3");
        let rows = self.session.fetch(select.bind(at).bind(hash).bind(limit)).await?;
        rows.iter().map(suppression).collect()
    }

    /// How many addresses are on the list.
    pub async fn count_suppressions(&mut self) -> Result<u64, StoreError> {
        let rows = self.session.fetch(sql("SELECT count(*) AS n FROM suppressions")).await?;
        let count = rows.first().map_or(Ok(0), |row| row.int("n"))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// The key behind address hashes and unsubscribe links: the configured one, else the one made at first use,
    /// else `fresh` (32 random bytes or more as text), which is kept from then on. Fails with
    /// [`StoreError::SuppressionKey`] where addresses were suppressed under another key, and where a configured
    /// key is too short.
    pub async fn address_key(
        &mut self,
        configured: Option<&SecretString>,
        fresh: &SecretString,
    ) -> Result<AddressKey, StoreError> {
        let secret = match configured {
            Some(secret) => secret.clone(),
            None => self.stored_key(fresh).await?,
        };
        let key = AddressKey::new(&secret)
            .map_err(|_| StoreError::SuppressionKey("is too short; give at least 32 characters".into()))?;
        let check = self.meta_or(CHECK, key.check_value()).await?;
        if check != key.check_value() {
            // Links in mails already sent stop working, but nobody who said "no more" is written to.
            let suppressed = self.count_suppressions().await?;
            if suppressed > 0 {
                return Err(StoreError::SuppressionKey(other_key(suppressed, configured.is_some())));
            }
            let update = sql("UPDATE meta SET value = $2 WHERE key = $1");
            self.session.execute(update.bind(CHECK).bind(key.check_value())).await?;
        }
        Ok(key)
    }

    /// The key that is kept here. `fresh` becomes it only where hashes were never made with another one.
    async fn stored_key(&mut self, fresh: &SecretString) -> Result<SecretString, StoreError> {
        if let Some(stored) = self.meta(KEY).await? {
            return Ok(stored.into());
        }
        if self.meta(CHECK).await?.is_some() {
            let suppressed = self.count_suppressions().await?;
            if suppressed > 0 {
                return Err(StoreError::SuppressionKey(other_key(suppressed, false)));
            }
        }
        Ok(self.meta_or(KEY, fresh.expose_secret()).await?.into())
    }

    /// What is remembered under `key`, which is `value` if nothing was.
    async fn meta_or(&mut self, key: &str, value: &str) -> Result<String, StoreError> {
        self.set_meta_once(key, value).await?;
        // Read back: of two processes that start at once, one was first.
        self.meta(key).await?.ok_or_else(|| StoreError::Unreadable(format!("meta {key} vanished")))
    }
}

fn other_key(suppressed: u64, configured: bool) -> String {
    if configured {
        format!(
            "is not the one under which {suppressed} addresses were suppressed, so these would be mailed again; put \
             the former key back, or remove key where there was none (the one kept in the state database is used)"
        )
    } else {
        format!(
            "is missing, and {suppressed} addresses were suppressed under one, so these would be mailed again; put it \
             back"
        )
    }
}

fn suppression(row: &Row) -> Result<Suppression, StoreError> {
    let unreadable = |what: &str| StoreError::Unreadable(format!("suppressions.{what}"));
    Ok(Suppression {
        hash: AddressHash::from_hex(&row.text("address_hash")?).map_err(|_| unreadable("address_hash"))?,
        cause: SuppressionCause::from_code(&row.text("cause")?).ok_or_else(|| unreadable("cause"))?,
        author: row.opt_text("author")?,
        created_at: row.instant("created_at")?,
    })
}
