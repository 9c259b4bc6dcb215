//! Old breakages that are released to be told at a bearable pace.
//!
//! The order to release is a fact in `meta`; who was released is on the incidents. So the pace holds however many
//! runs a day there are, and a crash between two of them changes nothing.

use serde::{Deserialize, Serialize};

use super::{StoreError, Work, sql};
use crate::domain::{Timestamp, from_millis, millis};

const META_RELEASE: &str = "baseline_release";

/// When the first run began that took stock.
pub const META_BASELINE: &str = "baseline_started_at";

/// When a run that took stock finished.
pub const META_BASELINE_END: &str = "baseline_finished_at";

/// The order to tell people about what was broken before this product started to watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaselineRelease {
    /// How many users in any 24 hours; 0 is paused.
    pub per_day: u32,
    /// Who said so.
    pub by: String,
    /// When, in milliseconds since 1970 UTC.
    pub at_ms: i64,
}

impl BaselineRelease {
    /// An order given at `at`.
    pub fn new(per_day: u32, by: String, at: Timestamp) -> Self {
        Self { per_day, by, at_ms: millis(at) }
    }

    /// When it was given.
    pub fn at(&self) -> Timestamp {
        from_millis(self.at_ms)
    }
}

impl Work {
    /// Whether this installation is still taking stock, and when it ended; where it has not, when it began.
    pub async fn stock_taking(&mut self) -> Result<(bool, Option<Timestamp>), StoreError> {
        let mut instants = [None; 2];
        for (instant, key) in instants.iter_mut().zip([META_BASELINE, META_BASELINE_END]) {
            *instant = self.meta(key).await?.and_then(|at| at.parse().ok()).map(from_millis);
        }
        let [began, ended] = instants;
        Ok((began.is_some() && ended.is_none(), ended.or(began)))
    }

    /// The order to release, where one was given.
    pub async fn baseline_release(&mut self) -> Result<Option<BaselineRelease>, StoreError> {
        let Some(text) = self.meta(META_RELEASE).await? else { return Ok(None) };
        let parsed = serde_json::from_str(&text);
        parsed.map(Some).map_err(|error| StoreError::Unreadable(format!("meta {META_RELEASE} ({error})")))
    }

    /// Gives the order to release, in place of an earlier one.
    pub async fn set_baseline_release(&mut self, order: &BaselineRelease) -> Result<(), StoreError> {
        let text = serde_json::to_string(order)
            .map_err(|error| StoreError::Unreadable(format!("meta {META_RELEASE} ({error})")))?;
        let upsert = sql("INSERT INTO meta (key, value) VALUES ($1, $2) \
             ON CONFLICT (key) DO UPDATE SET value = excluded.value");
        self.session.execute(upsert.bind(META_RELEASE).bind(text)).await?;
        Ok(())
    }

    /// Users with old breakages that could be told: those whose account is broken and theirs to reconnect.
    pub async fn count_baseline_users(&mut self) -> Result<u64, StoreError> {
        let select = sql("SELECT count(DISTINCT i.user_id) AS n FROM incidents i JOIN accounts a \
             ON a.user_id = i.user_id AND a.account_id = i.account_id WHERE i.closed_at IS NULL AND i.baseline = 1 \
             AND a.gone_at IS NULL AND a.silence IS NULL AND a.condition IN ('broken', 'second_account')");
        let rows = self.session.fetch(select).await?;
        rows.first().map_or(Ok(0), |row| row.int("n")).map(|n| u64::try_from(n).unwrap_or(0))
    }

    /// Users released after `since`.
    pub async fn released_since(&mut self, since: Timestamp) -> Result<u64, StoreError> {
        let select = sql("SELECT count(DISTINCT user_id) AS n FROM incidents WHERE released_at > $1");
        let rows = self.session.fetch(select.bind(since)).await?;
        rows.first().map_or(Ok(0), |row| row.int("n")).map(|n| u64::try_from(n).unwrap_or(0))
    }

    /// Releases the old breakages of up to `users` users, those with the newest first: from now on they are news.
    /// Gives how many incidents.
    pub async fn release_baseline(&mut self, users: u32, now: Timestamp) -> Result<u64, StoreError> {
        let update =
            sql("UPDATE incidents SET baseline = 0, released_at = $1 WHERE closed_at IS NULL AND baseline = 1 \
             AND user_id IN (SELECT i.user_id FROM incidents i JOIN accounts a \
             ON a.user_id = i.user_id AND a.account_id = i.account_id WHERE i.closed_at IS NULL AND i.baseline = 1 \
             AND a.gone_at IS NULL AND a.silence IS NULL AND a.condition IN ('broken', 'second_account') \
             GROUP BY i.user_id ORDER BY max(i.broke_at) DESC, i.user_id LIMIT $2)");
        self.session.execute(update.bind(now).bind(users)).await
    }
}
