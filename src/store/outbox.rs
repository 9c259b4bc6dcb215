//! The outbox, as it is written: notifications with their items, events for the operator, and one delivery per
//! channel of each.
//!
//! Guarantees, by the keys of the schema: no second notice of one incident and number, no second delivery of one
//! notification on a channel. What attempts make of deliveries is in `attempts`. A crash before the commit leaves
//! nothing.

use super::{Row, StoreError, Value, Work, chunks, sql};
use crate::domain::{
    ChannelName, DeliveryId, EventKind, IncidentId, NotificationId, OperatorEvent, RunId, Timestamp, UserId,
};

/// The number of an item that says that its incident is over: one per incident, by the same key that makes a
/// second notice impossible.
pub const RECOVERY_NUMBER: i64 = -1;

/// A notification to write, with its deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNotification {
    /// Its id, minted by the caller.
    pub id: NotificationId,
    /// Who is told.
    pub user: UserId,
    /// What is said: `ReconnectRequested` or `ReconnectRecovered`.
    pub kind: EventKind,
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
    /// 0 for the first notice; [`RECOVERY_NUMBER`] where its end is told.
    pub number: i64,
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

/// An event for the operator to write, with its deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// The notification's id, minted by the caller.
    pub id: NotificationId,
    /// What happened.
    pub event: OperatorEvent,
    /// On which channels; those that carry it.
    pub deliveries: Vec<NewDelivery>,
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
        let insert = insert.bind(new.id.as_str()).bind(new.user.as_str()).bind(now).bind(run.as_str());
        self.session.execute(insert.bind(new.reason).bind(new.kind.stored())).await?;
        // A notice that was called off before anybody was told makes room for another.
        let recovery = new.kind == EventKind::ReconnectRecovered;
        for chunk in chunks(new.items.iter().map(|item| vec![item.incident.as_str().into()]).collect()) {
            let clear = sql("DELETE FROM notification_items WHERE spent = 0 AND \
                 (CASE WHEN number < 0 THEN 1 ELSE 0 END) = $1 AND NOT EXISTS (SELECT 1 FROM deliveries d \
                 WHERE d.notification_id = notification_items.notification_id AND d.state = 'pending') \
                 AND incident_id IN ({values})");
            self.session.execute(clear.bind(recovery).values(chunk)).await?;
        }
        let mut inserted = 0;
        let items = new.items.iter().map(|item| item_values(item, &new.id)).collect();
        for chunk in chunks(items) {
            let insert =
                sql("INSERT INTO notification_items (incident_id, number, notification_id, spent) VALUES {values} \
                 ON CONFLICT DO NOTHING");
            inserted += self.session.execute(insert.values(chunk)).await?;
        }
        self.insert_deliveries(&new.id, &new.deliveries, now).await?;
        Ok(inserted == new.items.len() as u64)
    }

    /// Writes an event for the operator, to be delivered like everything else. To be called in the transaction of
    /// the change it tells of, and only if that was really made: so it is told once per change. Where no channel
    /// carries it, nothing is written.
    pub async fn insert_event(&mut self, new: &NewEvent, run: &RunId, now: Timestamp) -> Result<(), StoreError> {
        if new.deliveries.is_empty() {
            return Ok(());
        }
        let kind = new.event.kind();
        let about = serde_json::to_string(&new.event)
            .map_err(|error| StoreError::Unreadable(format!("an event of the kind {}: {error}", kind.stored())))?;
        let insert = sql("INSERT INTO notifications (notification_id, user_id, created_at, run_id, reason, kind, about) \
             VALUES ($1, '', $2, $3, $4, $4, $5)");
        let insert = insert.bind(new.id.as_str()).bind(now).bind(run.as_str()).bind(kind.stored());
        self.session.execute(insert.bind(about)).await?;
        self.insert_deliveries(&new.id, &new.deliveries, now).await
    }

    async fn insert_deliveries(
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

    /// The incidents a notification is about and which notice of each it is.
    pub async fn items_of(&mut self, notification: &NotificationId) -> Result<Vec<PlannedItem>, StoreError> {
        let select =
            sql("SELECT incident_id, number FROM notification_items WHERE notification_id = $1 ORDER BY incident_id");
        let rows = self.session.fetch(select.bind(notification.as_str())).await?;
        rows.iter().map(planned_item).collect()
    }

    /// How many deliveries are in a state.
    pub async fn count_deliveries(&mut self, state: &str) -> Result<u64, StoreError> {
        let select = sql("SELECT count(*) AS n FROM deliveries WHERE state = $1").bind(state);
        let rows = self.session.fetch(select).await?;
        let count = rows.first().map_or(Ok(0), |row| row.int("n"))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}

fn item_values(item: &PlannedItem, notification: &NotificationId) -> Vec<Value> {
    vec![item.incident.as_str().into(), item.number.into(), notification.as_str().into(), false.into()]
}

fn planned_item(row: &Row) -> Result<PlannedItem, StoreError> {
    Ok(PlannedItem { incident: IncidentId::new(row.text("incident_id")?), number: row.int("number")? })
}
