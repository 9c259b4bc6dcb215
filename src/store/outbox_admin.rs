//! The outbox in an operator's hands: what waits or died, putting it back, calling it off.
//!
//! Every change is guarded by the state in its WHERE clause and writes down who made it in the same
//! transaction: of two operators at once one does it and the other is told that it is done. A delivery
//! under a worker's lease is never touched. Where two transactions on PostgreSQL wait for each other crosswise,
//! one of them fails whole. A crash before the commit leaves nothing.

use super::stories::incident_story;
use super::{ActionStory, AttemptStory, IncidentStory, Row, StoreError, Value, Work, chunks, sql};
use crate::domain::{ChannelName, DeliveryId, Timestamp, UserId};

/// Which deliveries to list, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliveryFilter {
    /// In one of these states.
    pub states: Vec<&'static str>,
    /// On this channel; none for all.
    pub channel: Option<ChannelName>,
    /// Of this user; none for all.
    pub user: Option<UserId>,
    /// Older than this one (by when it was created, then by id); none to begin with the newest.
    pub before: Option<(Timestamp, DeliveryId)>,
    /// At most this many.
    pub limit: u32,
}

/// A delivery as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    /// Which.
    pub id: DeliveryId,
    /// Of which notification.
    pub notification: String,
    /// What is said, as it is stored: `reconnect`, `recovered`, or what happened where the operator is told.
    pub kind: String,
    /// Who is told; the empty id where the operator is.
    pub user: UserId,
    /// On which channel.
    pub channel: ChannelName,
    /// The id the outside sees.
    pub outside_id: String,
    /// `pending`, `delivered`, `dead` or `cancelled`.
    pub state: String,
    /// How many attempts there were.
    pub attempts: i64,
    /// How many of them before it was last put back.
    pub attempts_before_redelivery: i64,
    /// How many of them since then were only put off and do not count.
    pub put_off: i64,
    /// When it was decided.
    pub created_at: Timestamp,
    /// When it will be tried next, where pending.
    pub next_attempt_at: Timestamp,
    /// When it came to its end, where it did.
    pub settled_at: Option<Timestamp>,
    /// Until when a worker holds it; none if nobody does.
    pub leased_until: Option<Timestamp>,
    /// What came of it last, in words.
    pub detail: Option<String>,
}

/// Everything about one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeDelivery {
    /// The delivery.
    pub row: DeliveryRow,
    /// Why the user is told.
    pub reason: String,
    /// The incidents it speaks about, and which notice of each it is (0 is the first).
    pub incidents: Vec<(i64, IncidentStory)>,
    /// Oldest first.
    pub attempts: Vec<AttemptStory>,
    /// What operators did to it, oldest first.
    pub actions: Vec<ActionStory>,
}

/// How many deliveries are in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutboxCounts {
    /// Waiting.
    pub pending: u64,
    /// Given up.
    pub dead: u64,
    /// Called off.
    pub cancelled: u64,
    /// Taken by the receiver.
    pub delivered: u64,
}

impl Work {
    /// The newest deliveries that pass the filter, at most `filter.limit`.
    pub async fn deliveries(&mut self, filter: &DeliveryFilter) -> Result<Vec<DeliveryRow>, StoreError> {
        let (at, id) = filter.before.as_ref().map_or((None, None), |(at, id)| (Some(*at), Some(id.as_str())));
        let mut found = Vec::new();
        // State by state, so that each is read from its index and no further than the limit.
        for state in &filter.states {
            let select = sql("SELECT d.*, n.user_id, n.reason, n.kind, \
                 CASE WHEN d.lease_expires_at > {now} THEN d.lease_expires_at END AS leased_until \
                 FROM deliveries d JOIN notifications n ON n.notification_id = d.notification_id \
                 WHERE d.state = $1 AND ($2 IS NULL OR d.channel = $2) AND ($3 IS NULL OR n.user_id = $3) \
                 AND ($4 IS NULL OR d.created_at < $4 OR (d.created_at = $4 AND d.delivery_id < $5)) \
                 ORDER BY d.created_at DESC, d.delivery_id DESC LIMIT $6");
            let select = select
                .bind(*state)
                .bind(filter.channel.as_ref().map(ChannelName::as_str))
                .bind(filter.user.as_ref().map(UserId::as_str))
                .bind(at)
                .bind(id)
                .bind(filter.limit);
            for row in self.session.fetch(select).await? {
                found.push(delivery_row(&row)?);
            }
        }
        found.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| b.id.cmp(&a.id)));
        found.truncate(usize::try_from(filter.limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    /// How many deliveries are in each state.
    pub async fn outbox_counts(&mut self) -> Result<OutboxCounts, StoreError> {
        Ok(OutboxCounts {
            pending: self.count_deliveries("pending").await?,
            dead: self.count_deliveries("dead").await?,
            cancelled: self.count_deliveries("cancelled").await?,
            delivered: self.count_deliveries("delivered").await?,
        })
    }

    /// How many deliveries of `channel` are dead.
    pub async fn count_dead(&mut self, channel: &ChannelName) -> Result<u64, StoreError> {
        let select = sql("SELECT count(*) AS n FROM deliveries WHERE state = 'dead' AND channel = $1");
        let rows = self.session.fetch(select.bind(channel.as_str())).await?;
        let count = rows.first().map_or(Ok(0), |row| row.int("n"))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// One delivery; none if there is no such id.
    pub async fn delivery(&mut self, id: &DeliveryId) -> Result<Option<DeliveryRow>, StoreError> {
        Ok(self.row_and_reason(id).await?.map(|(row, _)| row))
    }

    /// Everything about one delivery; none if there is no such id.
    pub async fn story_of_delivery(&mut self, id: &DeliveryId) -> Result<Option<WholeDelivery>, StoreError> {
        let Some((row, reason)) = self.row_and_reason(id).await? else { return Ok(None) };
        let select = sql("SELECT i.*, items.number FROM notification_items items \
             JOIN incidents i ON i.incident_id = items.incident_id \
             WHERE items.notification_id = $1 ORDER BY i.opened_at, i.incident_id");
        let mut incidents = Vec::new();
        for incident in self.session.fetch(select.bind(row.notification.as_str())).await? {
            incidents.push((incident.int("number")?, incident_story(&incident)?));
        }
        let attempts = self.attempt_stories(id.as_str()).await?;
        let actions = self.action_stories(id.as_str()).await?;
        Ok(Some(WholeDelivery { row, reason, incidents, attempts, actions }))
    }

    async fn row_and_reason(&mut self, id: &DeliveryId) -> Result<Option<(DeliveryRow, String)>, StoreError> {
        let select = sql("SELECT d.*, n.user_id, n.reason, n.kind, \
             CASE WHEN d.lease_expires_at > {now} THEN d.lease_expires_at END AS leased_until \
             FROM deliveries d JOIN notifications n ON n.notification_id = d.notification_id \
             WHERE d.delivery_id = $1");
        let rows = self.session.fetch(select.bind(id.as_str())).await?;
        rows.first().map(|row| Ok((delivery_row(row)?, row.text("reason")?))).transpose()
    }

    /// Puts those of `ids` that are dead or cancelled back: pending, due at `now`, with a new allowance of
    /// attempts whose numbers go on, under the same outside id. Returns those it changed.
    pub async fn redeliver(
        &mut self,
        ids: &[DeliveryId],
        operator: &str,
        now: Timestamp,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        let mut changed = Vec::new();
        for chunk in chunks(one_column(ids)) {
            let update = sql("UPDATE deliveries SET state = 'pending', attempts_before_redelivery = attempts, \
                 put_off = 0, failing_since = NULL, next_attempt_at = $1, settled_at = NULL, detail = 'put back by operator', lease_token = NULL, \
                 lease_expires_at = NULL WHERE state IN ('dead', 'cancelled') AND delivery_id IN ({values}) \
                 RETURNING delivery_id");
            for row in self.session.fetch(update.bind(now).values(chunk)).await? {
                changed.push(DeliveryId::new(row.text("delivery_id")?));
            }
        }
        self.record_actions(&changed, "redelivered", operator, now).await?;
        Ok(changed)
    }

    /// Puts all dead deliveries of `channel` back, as [`Work::redeliver`] does. Returns how many.
    pub async fn redeliver_dead(
        &mut self,
        channel: &ChannelName,
        operator: &str,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let select = sql("SELECT delivery_id FROM deliveries WHERE state = 'dead' AND channel = $1");
        let rows = self.session.fetch(select.bind(channel.as_str())).await?;
        let ids: Result<Vec<DeliveryId>, StoreError> =
            rows.iter().map(|row| row.text("delivery_id").map(DeliveryId::new)).collect();
        Ok(self.redeliver(&ids?, operator, now).await?.len() as u64)
    }

    /// Calls off those of `ids` that are pending and in no worker's hands. Returns those it changed.
    pub async fn cancel_deliveries(
        &mut self,
        ids: &[DeliveryId],
        operator: &str,
        now: Timestamp,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        let mut changed = Vec::new();
        for chunk in chunks(one_column(ids)) {
            // The token goes with a lapsed lease: the late word of its worker finds nothing to settle.
            let update = sql("UPDATE deliveries SET state = 'cancelled', detail = 'cancelled by operator', \
                 settled_at = $1, lease_token = NULL, lease_expires_at = NULL WHERE state = 'pending' \
                 AND (lease_expires_at IS NULL OR lease_expires_at <= {now}) AND delivery_id IN ({values}) \
                 RETURNING delivery_id");
            for row in self.session.fetch(update.bind(now).values(chunk)).await? {
                changed.push(DeliveryId::new(row.text("delivery_id")?));
            }
        }
        // Called off for good: the next run must not plan another notice about the same incidents.
        for chunk in chunks(one_column(&changed)) {
            let spend = sql("UPDATE notification_items SET spent = 1 WHERE notification_id IN \
                 (SELECT d.notification_id FROM deliveries d WHERE d.delivery_id IN ({values}))");
            self.session.execute(spend.values(chunk)).await?;
        }
        self.record_actions(&changed, "cancelled", operator, now).await?;
        Ok(changed)
    }

    /// Writes down who did what to deliveries this transaction has just changed (and so has locked).
    async fn record_actions(
        &mut self,
        ids: &[DeliveryId],
        action: &'static str,
        operator: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for chunk in chunks(one_column(ids)) {
            let insert = sql("INSERT INTO operator_actions (delivery_id, number, action, operator, at, attempts) \
                 SELECT d.delivery_id, (SELECT count(*) + 1 FROM operator_actions a WHERE a.delivery_id = d.delivery_id), \
                 $1, $2, $3, d.attempts FROM deliveries d WHERE d.delivery_id IN ({values})");
            self.session.execute(insert.bind(action).bind(operator).bind(now).values(chunk)).await?;
        }
        Ok(())
    }
}

fn one_column(ids: &[DeliveryId]) -> Vec<Vec<Value>> {
    ids.iter().map(|id| vec![id.as_str().into()]).collect()
}

fn delivery_row(row: &Row) -> Result<DeliveryRow, StoreError> {
    Ok(DeliveryRow {
        id: DeliveryId::new(row.text("delivery_id")?),
        notification: row.text("notification_id")?,
        kind: row.text("kind")?,
        user: UserId::new(row.text("user_id")?),
        channel: ChannelName::new(row.text("channel")?),
        outside_id: row.text("outside_id")?,
        state: row.text("state")?,
        attempts: row.int("attempts")?,
        attempts_before_redelivery: row.int("attempts_before_redelivery")?,
        put_off: row.int("put_off")?,
        created_at: row.instant("created_at")?,
        next_attempt_at: row.instant("next_attempt_at")?,
        settled_at: row.opt_instant("settled_at")?,
        leased_until: row.opt_instant("leased_until")?,
        detail: row.opt_text("detail")?,
    })
}
