//! The outbox: notifications, their deliveries, and every attempt.
//!
//! A delivery is claimed by a lease with a token, and the attempt is counted in the same statement; it is
//! settled only while the token still matches. A worker that dies leaves a lease that expires, and the
//! next one goes on: at least once, under the same outside id.

use std::time::Duration;

use super::{Row, StoreError, Value, Work, chunks, sql};
use crate::domain::{ChannelName, DeliveryId, IncidentId, NoticeKind, NotificationId, RunId, Timestamp, UserId};

/// A notification to write, with its deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNotification {
    /// Its id, minted by the caller.
    pub id: NotificationId,
    /// What is said: that something must be reconnected, or that it needs not any more.
    pub kind: NoticeKind,
    /// Who is told.
    pub user: UserId,
    /// Why now.
    pub reason: &'static str,
    /// What about: incidents and which notice of each this is.
    pub items: Vec<PlannedItem>,
    /// On which channels.
    pub deliveries: Vec<NewDelivery>,
}

/// One incident within a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedItem {
    /// Which incident.
    pub incident: IncidentId,
    /// 0 for the first notice.
    pub number: u32,
}

/// One notification on one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// Its id, minted by the caller.
    pub id: DeliveryId,
    /// Which channel.
    pub channel: ChannelName,
    /// The id the outside will see on every attempt.
    pub outside_id: String,
}

/// A delivery under this worker's lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedDelivery {
    /// Which.
    pub id: DeliveryId,
    /// Of which notification.
    pub notification: NotificationId,
    /// Who is told.
    pub user: UserId,
    /// On which channel.
    pub channel: ChannelName,
    /// The id the outside sees.
    pub outside_id: String,
    /// When the notification was decided.
    pub created_at: Timestamp,
    /// Which attempt this is; 1 is the first.
    pub attempt: u32,
    /// Which attempt of its present allowance this is: an operator who puts a delivery back grants a new one.
    pub attempt_of_allowance: u32,
    /// Proof of the lease.
    pub token: String,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// `delivered`, `dead`, `cancelled`, or `pending` to try again at `next_attempt_at`.
    pub state: &'static str,
    /// The code stored with the attempt: `sent`, a failure class, or why it was called off.
    pub outcome: &'static str,
    /// In words, scrubbed.
    pub detail: String,
    /// When to try again, where `state` is `pending`.
    pub next_attempt_at: Timestamp,
    /// The incidents nothing more is to be said about under this notice: they were in what was sent or
    /// tried, or nobody can be told.
    pub spent: Vec<IncidentId>,
}

impl Work {
    /// Writes a notification with its items and deliveries. Says whether it did: if one of the items was
    /// spoken about already (another process was faster), nothing may be kept and the caller rolls back.
    pub async fn insert_notification(
        &mut self,
        new: &NewNotification,
        run: &RunId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let insert = sql("INSERT INTO notifications (notification_id, user_id, created_at, run_id, reason, kind) \
             VALUES ($1, $2, $3, $4, $5, $6)");
        let insert = insert
            .bind(new.id.as_str())
            .bind(new.user.as_str())
            .bind(now)
            .bind(run.as_str())
            .bind(new.reason)
            .bind(new.kind.event().stored());
        self.session.execute(insert).await?;
        // A notice that was called off before anybody was told makes room for another.
        for chunk in chunks(new.items.iter().map(|item| vec![item.incident.as_str().into()]).collect()) {
            let clear =
                sql("DELETE FROM notification_items WHERE spent = 0 AND NOT EXISTS (SELECT 1 FROM deliveries d \
                 WHERE d.notification_id = notification_items.notification_id AND d.state = 'pending') \
                 AND incident_id IN ({values})");
            self.session.execute(clear.values(chunk)).await?;
        }
        let mut inserted = 0;
        let items = new.items.iter().map(|item| item_values(item, new)).collect();
        for chunk in chunks(items) {
            let insert =
                sql("INSERT INTO notification_items (incident_id, number, notification_id, spent) VALUES {values} \
                 ON CONFLICT DO NOTHING");
            inserted += self.session.execute(insert.values(chunk)).await?;
        }
        self.insert_deliveries(&new.id, &new.deliveries, now).await?;
        Ok(inserted == new.items.len() as u64)
    }

    /// Writes the deliveries of a notification: pending, due at `now`.
    pub(super) async fn insert_deliveries(
        &mut self,
        notification: &NotificationId,
        deliveries: &[NewDelivery],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for delivery in deliveries {
            let insert =
                sql("INSERT INTO deliveries (delivery_id, notification_id, channel, outside_id, state, attempts, \
                 next_attempt_at, created_at) VALUES ($1, $2, $3, $4, 'pending', 0, $5, $5)");
            let insert = insert
                .bind(delivery.id.as_str())
                .bind(notification.as_str())
                .bind(delivery.channel.as_str())
                .bind(delivery.outside_id.as_str())
                .bind(now);
            self.session.execute(insert).await?;
        }
        Ok(())
    }

    /// Takes the lease on the next delivery that is due on `channel`, and counts the attempt.
    pub async fn claim_delivery(
        &mut self,
        channel: &ChannelName,
        token: &str,
        ttl: Duration,
        run: &RunId,
        now: Timestamp,
    ) -> Result<Option<ClaimedDelivery>, StoreError> {
        let claim =
            sql("UPDATE deliveries SET lease_token = $1, lease_expires_at = {now} + $2, attempts = attempts + 1 \
             WHERE delivery_id = (SELECT d.delivery_id FROM deliveries d WHERE d.state = 'pending' \
             AND d.next_attempt_at <= $3 AND (d.lease_expires_at IS NULL OR d.lease_expires_at <= {now}) \
             AND d.channel = $4 ORDER BY d.next_attempt_at, d.delivery_id LIMIT 1 {skip_locked}) \
             RETURNING delivery_id, notification_id, channel, outside_id, attempts, attempts_before_redelivery");
        let claim =
            claim.bind(token).bind(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX)).bind(now).bind(channel.as_str());
        let rows = self.session.fetch(claim).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let id = DeliveryId::new(row.text("delivery_id")?);
        let notification = NotificationId::new(row.text("notification_id")?);
        let attempt = u32::try_from(row.int("attempts")?).unwrap_or(u32::MAX);
        let spent_before = u32::try_from(row.int("attempts_before_redelivery")?).unwrap_or(0);
        let insert = sql("INSERT INTO attempts (delivery_id, number, run_id, started_at) VALUES ($1, $2, $3, $4)");
        self.session.execute(insert.bind(id.as_str()).bind(attempt).bind(run.as_str()).bind(now)).await?;
        let select = sql("SELECT user_id, created_at FROM notifications WHERE notification_id = $1");
        let notified = self.session.fetch(select.bind(notification.as_str())).await?;
        let told = notified.first().ok_or_else(|| StoreError::Unreadable("a delivery without notification".into()))?;
        Ok(Some(ClaimedDelivery {
            user: UserId::new(told.text("user_id")?),
            created_at: told.instant("created_at")?,
            channel: ChannelName::new(row.text("channel")?),
            outside_id: row.text("outside_id")?,
            token: token.to_owned(),
            id,
            notification,
            attempt,
            attempt_of_allowance: attempt.saturating_sub(spent_before),
        }))
    }

    /// The incidents a notification is about and which notice of each it is.
    pub async fn items_of(&mut self, notification: &NotificationId) -> Result<Vec<PlannedItem>, StoreError> {
        let select =
            sql("SELECT incident_id, number FROM notification_items WHERE notification_id = $1 ORDER BY incident_id");
        let rows = self.session.fetch(select.bind(notification.as_str())).await?;
        rows.iter().map(planned_item).collect()
    }

    /// Ends an attempt and gives the lease back, if the lease is still this worker's. Says whether it was.
    pub async fn settle_delivery(
        &mut self,
        delivery: &ClaimedDelivery,
        settlement: &Settlement,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let settled = (settlement.state != "pending").then_some(now);
        let update = sql("UPDATE deliveries SET state = $3, detail = $4, next_attempt_at = $5, settled_at = $6, \
             lease_token = NULL, lease_expires_at = NULL WHERE delivery_id = $1 AND lease_token = $2")
        .bind(delivery.id.as_str())
        .bind(delivery.token.as_str())
        .bind(settlement.state)
        .bind(settlement.detail.as_str())
        .bind(settlement.next_attempt_at)
        .bind(settled);
        if self.session.execute(update).await? == 0 {
            return Ok(false);
        }
        for chunk in chunks(settlement.spent.iter().map(|id| vec![id.as_str().into()]).collect()) {
            let spend =
                sql("UPDATE notification_items SET spent = 1 WHERE notification_id = $1 AND incident_id IN ({values})");
            self.session.execute(spend.bind(delivery.notification.as_str()).values(chunk)).await?;
        }
        if settlement.state != "pending" {
            // A dead delivery is not replaced by itself, and an attempt without an outcome may have been sent.
            let spend = sql("UPDATE notification_items SET spent = 1 WHERE notification_id = $1 AND ($2 = 'dead' \
                 OR EXISTS (SELECT 1 FROM attempts a WHERE a.delivery_id = $3 AND a.number < $4 \
                 AND a.finished_at IS NULL))");
            let spend = spend
                .bind(delivery.notification.as_str())
                .bind(settlement.state)
                .bind(delivery.id.as_str())
                .bind(delivery.attempt);
            self.session.execute(spend).await?;
        }
        let finish = sql("UPDATE attempts SET finished_at = $3, outcome = $4, detail = $5 \
             WHERE delivery_id = $1 AND number = $2 AND finished_at IS NULL")
        .bind(delivery.id.as_str())
        .bind(delivery.attempt)
        .bind(now)
        .bind(settlement.outcome)
        .bind(settlement.detail.as_str());
        self.session.execute(finish).await?;
        Ok(true)
    }

    /// When the next delivery on one of `channels` that is not due yet will be; none if there is none.
    pub async fn next_attempt_at(&mut self, channels: &[ChannelName]) -> Result<Option<Timestamp>, StoreError> {
        if channels.is_empty() {
            return Ok(None);
        }
        let select = sql("SELECT min(next_attempt_at) AS next FROM deliveries WHERE state = 'pending' \
             AND (lease_expires_at IS NULL OR lease_expires_at <= {now}) AND channel IN ({values})");
        let rows = self.session.fetch(select.values(channel_values(channels))).await?;
        rows.first().map_or(Ok(None), |row| row.opt_instant("next"))
    }

    /// How many deliveries are in a state.
    pub async fn count_deliveries(&mut self, state: &str) -> Result<u64, StoreError> {
        let select = sql("SELECT count(*) AS n FROM deliveries WHERE state = $1").bind(state);
        let rows = self.session.fetch(select).await?;
        let count = rows.first().map_or(Ok(0), |row| row.int("n"))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}

/// The number of the one recovery an incident can have; notices count from 0.
const RECOVERY: i64 = -1;

fn item_values(item: &PlannedItem, new: &NewNotification) -> Vec<Value> {
    let number = match new.kind {
        NoticeKind::Reconnect => i64::from(item.number),
        NoticeKind::Recovered => RECOVERY,
    };
    vec![item.incident.as_str().into(), number.into(), new.id.as_str().into(), false.into()]
}

fn channel_values(channels: &[ChannelName]) -> Vec<Vec<Value>> {
    channels.iter().map(|channel| vec![channel.as_str().into()]).collect()
}

fn planned_item(row: &Row) -> Result<PlannedItem, StoreError> {
    Ok(PlannedItem {
        incident: IncidentId::new(row.text("incident_id")?),
        number: u32::try_from(row.int("number")?).unwrap_or(u32::MAX),
    })
}
