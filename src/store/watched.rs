//! Since when this installation watches: when its first audit began, whatever it did with what it found.
//!
//! A fact in `meta`, written once in the transaction in which a run begins. An installation that is older than the fact has
//! its oldest run instead, until the next run, or retention before it drops any, writes it down.

use super::{META_BASELINE, StoreError, Work, sql};
use crate::domain::{Timestamp, from_millis, millis};

const META_WATCHED: &str = "watched_since";

impl Work {
    /// When the first audit began; none before there was one.
    pub async fn watched_since(&mut self) -> Result<Option<Timestamp>, StoreError> {
        if let Some(at) = self.instant(META_WATCHED).await? {
            return Ok(Some(at));
        }
        let stock = self.instant(META_BASELINE).await?;
        let rows = self.session.fetch(sql("SELECT min(started_at) AS at FROM runs")).await?;
        let oldest = rows.first().map_or(Ok(None), |row| row.opt_instant("at"))?;
        Ok([stock, oldest].into_iter().flatten().min())
    }

    /// Writes down when the first audit began, which is `now` where there was none.
    pub async fn watch_from(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let since = self.watched_since().await?.unwrap_or(now);
        self.set_meta_once(META_WATCHED, &millis(since).to_string()).await
    }

    /// Writes it down where there was one, before its row is dropped.
    pub(super) async fn keep_watched_since(&mut self) -> Result<(), StoreError> {
        match self.watched_since().await? {
            Some(since) => self.watch_from(since).await,
            None => Ok(()),
        }
    }

    /// An instant among the facts about this installation.
    pub(super) async fn instant(&mut self, key: &str) -> Result<Option<Timestamp>, StoreError> {
        let Some(text) = self.meta(key).await? else { return Ok(None) };
        let ms = text.parse().map_err(|_| StoreError::Unreadable(format!("meta {key}")))?;
        Ok(Some(from_millis(ms)))
    }
}
