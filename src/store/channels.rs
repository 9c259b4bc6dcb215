//! What is known of channels beyond their configuration: since when one fails, refuses us, or is not used.
//!
//! Every change says whether it was this call that made it, and whoever made it tells the operator in the same
//! transaction: so of two workers that meet the same refusal, one tells. A crash before the commit leaves nothing.

use chrono::TimeDelta;

use super::{Row, StoreError, Value, Work, sql};
use crate::domain::{ChannelName, Timestamp};

/// Two failures further apart than this, with nothing sent in between, say nothing about the time between them.
/// Longer than a day, so that the failures of daily runs are a row.
const ROW_ENDS_AFTER: TimeDelta = TimeDelta::hours(25);

/// A channel about which something is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelState {
    /// Which.
    pub channel: ChannelName,
    /// The first failure after the last success, of a row without a gap of more than 25 h.
    pub failing_since: Option<Timestamp>,
    /// When it began to refuse us as a sender; nothing was taken since.
    pub stopped_at: Option<Timestamp>,
    /// When it was disabled; it is not used until an operator enables it.
    pub disabled_at: Option<Timestamp>,
    /// Why it is stopped or disabled, scrubbed.
    pub detail: Option<String>,
    /// The operator who disabled or enabled it last; none where that was not by hand.
    pub changed_by: Option<String>,
}

/// What waits on a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    /// Deliveries pending.
    pub pending: u64,
    /// Deliveries given up.
    pub dead: u64,
}

impl Work {
    /// Every channel about which something is known, by name.
    pub async fn channel_states(&mut self) -> Result<Vec<ChannelState>, StoreError> {
        let rows = self.session.fetch(sql("SELECT * FROM channels ORDER BY channel")).await?;
        rows.iter().map(channel_state).collect()
    }

    /// The other side took something: it neither fails nor refuses us. A disabled channel stays disabled.
    pub async fn channel_works(&mut self, channel: &ChannelName) -> Result<(), StoreError> {
        let update = sql("UPDATE channels SET failing_since = NULL, last_failed_at = NULL, stopped_at = NULL, \
             detail = CASE WHEN disabled_at IS NULL THEN NULL ELSE detail END \
             WHERE channel = $1 AND (failing_since IS NOT NULL OR stopped_at IS NOT NULL)");
        self.session.execute(update.bind(channel.as_str())).await?;
        Ok(())
    }

    /// Something sent there failed. Says since when nothing else has happened there; a row of failures begins anew
    /// where the one before is older than [`ROW_ENDS_AFTER`].
    pub async fn channel_fails(&mut self, channel: &ChannelName, now: Timestamp) -> Result<Timestamp, StoreError> {
        let upsert = sql("INSERT INTO channels (channel, failing_since, last_failed_at) VALUES ($1, $2, $2) \
             ON CONFLICT (channel) DO UPDATE SET last_failed_at = excluded.last_failed_at, failing_since = \
             CASE WHEN channels.failing_since IS NOT NULL AND channels.last_failed_at >= $3 \
             THEN channels.failing_since ELSE excluded.failing_since END RETURNING failing_since");
        let upsert = upsert.bind(channel.as_str()).bind(now).bind(now - ROW_ENDS_AFTER);
        let rows = self.session.fetch(upsert).await?;
        rows.first().map_or(Ok(now), |row| row.instant("failing_since"))
    }

    /// The other side refuses us as a sender. Says whether that is new.
    pub async fn stop_channel(
        &mut self,
        channel: &ChannelName,
        detail: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let upsert = sql("INSERT INTO channels (channel, failing_since, stopped_at, detail) VALUES ($1, $2, $2, $3) \
             ON CONFLICT (channel) DO UPDATE SET stopped_at = excluded.stopped_at, detail = excluded.detail \
             WHERE channels.stopped_at IS NULL");
        Ok(self.session.execute(upsert.bind(channel.as_str()).bind(now).bind(detail)).await? == 1)
    }

    /// The channel is not used any more. `operator` is who said so; none where it follows from what the other side
    /// said. Says whether that is new.
    pub async fn disable_channel(
        &mut self,
        channel: &ChannelName,
        detail: &str,
        operator: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let upsert = sql("INSERT INTO channels (channel, disabled_at, detail, changed_by) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (channel) DO UPDATE SET disabled_at = excluded.disabled_at, detail = excluded.detail, \
             changed_by = excluded.changed_by WHERE channels.disabled_at IS NULL \
             OR (channels.changed_by IS NULL AND excluded.changed_by IS NOT NULL)");
        let upsert = upsert.bind(channel.as_str()).bind(now).bind(detail).bind(operator);
        Ok(self.session.execute(upsert).await? == 1)
    }

    /// The channel is used again, as if nothing had failed there. What waits on it and is in nobody's hands has all its
    /// attempts and the whole horizon before it, and is due at `now` if it had failed. Says whether
    /// anything was known against the channel.
    pub async fn enable_channel(
        &mut self,
        channel: &ChannelName,
        operator: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let update = sql(
            "UPDATE channels SET failing_since = NULL, last_failed_at = NULL, stopped_at = NULL, disabled_at = NULL, \
             detail = NULL, changed_by = $2 WHERE channel = $1 \
             AND (failing_since IS NOT NULL OR stopped_at IS NOT NULL OR disabled_at IS NOT NULL)",
        );
        if self.session.execute(update.bind(channel.as_str()).bind(operator)).await? == 0 {
            return Ok(false);
        }
        let due =
            sql("UPDATE deliveries SET attempts_before_redelivery = attempts, put_off = 0, failing_since = NULL, \
             next_attempt_at = CASE WHEN failing_since IS NULL THEN next_attempt_at ELSE $2 END \
             WHERE channel = $1 AND state = 'pending' \
             AND (lease_expires_at IS NULL OR lease_expires_at <= {now})");
        self.session.execute(due.bind(channel.as_str()).bind(now)).await?;
        Ok(true)
    }

    /// Takes channels on which something waits and which are not `configured` (at least one) for disabled, so that what
    /// waits there holds up nothing on the others; and those that are configured again for what they were.
    pub async fn retire_channels(&mut self, configured: &[ChannelName], now: Timestamp) -> Result<(), StoreError> {
        let names: Vec<Vec<Value>> = configured.iter().map(|channel| vec![channel.as_str().into()]).collect();
        let retire = sql("INSERT INTO channels (channel, disabled_at, detail, changed_by) \
             SELECT DISTINCT channel, CAST($1 AS BIGINT), 'not in the configuration', 'the configuration' \
             FROM deliveries WHERE state = 'pending' AND channel NOT IN ({values}) ON CONFLICT (channel) DO UPDATE SET \
             disabled_at = excluded.disabled_at, detail = excluded.detail, changed_by = excluded.changed_by \
             WHERE channels.disabled_at IS NULL");
        self.session.execute(retire.bind(now).values(names.clone())).await?;
        let again = sql("UPDATE channels SET disabled_at = NULL, detail = NULL, changed_by = NULL \
             WHERE changed_by = 'the configuration' AND channel IN ({values})");
        self.session.execute(again.values(names)).await?;
        Ok(())
    }

    /// What waits on each channel of the outbox and what died there, by name.
    pub async fn waiting_by_channel(&mut self) -> Result<Vec<(ChannelName, Waiting)>, StoreError> {
        let mut found: std::collections::BTreeMap<ChannelName, Waiting> = std::collections::BTreeMap::new();
        let states = ["pending", "dead"].map(|state| vec![Value::from(state)]).to_vec();
        let select = sql("SELECT channel, state, count(*) AS n FROM deliveries WHERE state IN ({values}) \
             GROUP BY channel, state");
        for row in self.session.fetch(select.values(states)).await? {
            let count = u64::try_from(row.int("n")?).unwrap_or(0);
            let waiting = found.entry(ChannelName::new(row.text("channel")?)).or_default();
            if row.text("state")? == "dead" { waiting.dead = count } else { waiting.pending = count }
        }
        Ok(found.into_iter().collect())
    }
}

fn channel_state(row: &Row) -> Result<ChannelState, StoreError> {
    Ok(ChannelState {
        channel: ChannelName::new(row.text("channel")?),
        failing_since: row.opt_instant("failing_since")?,
        stopped_at: row.opt_instant("stopped_at")?,
        disabled_at: row.opt_instant("disabled_at")?,
        detail: row.opt_text("detail")?,
        changed_by: row.opt_text("changed_by")?,
    })
}
