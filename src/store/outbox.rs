//! The outbox, as it is written: notifications with their items, and one delivery per channel of each.
//!
//! Guarantees, by the keys of the schema: no second notice of one incident and number, no second delivery of one
//! notification on a channel. What attempts make of deliveries is in `attempts`. A crash before the commit leaves
//! nothing.

use super::{Row, StoreError, Value, Work, chunks, sql};
use crate::domain::{
    ChannelName, DeliveryId, IdMint, IncidentId, NoticeKind, NotificationId, RunId, Timestamp, UserId,
};

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

impl NewDelivery {
    /// One on `channel`, its ids minted at `now`; of a new UUID `outside_id` makes the id the outside will see.
    pub fn on(channel: &ChannelName, outside_id: impl FnOnce(&str) -> String, mint: &IdMint, now: Timestamp) -> Self {
        Self { id: DeliveryId::new(mint.uuid(now)), channel: channel.clone(), outside_id: outside_id(&mint.uuid(now)) }
    }
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
            let clear = sql("DELETE FROM notification_items WHERE spent = 0 AND \
                 (CASE WHEN number < 0 THEN 1 ELSE 0 END) = $1 AND NOT EXISTS (SELECT 1 FROM deliveries d \
                 WHERE d.notification_id = notification_items.notification_id AND d.state = 'pending') \
                 AND incident_id IN ({values})");
            let of_its_end = new.kind == NoticeKind::Recovered;
            self.session.execute(clear.bind(of_its_end).values(chunk)).await?;
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

/// The number of the one recovery an incident can have; notices count from 0.
pub(super) const RECOVERY: i64 = -1;

fn item_values(item: &PlannedItem, new: &NewNotification) -> Vec<Value> {
    let number = match new.kind {
        NoticeKind::Reconnect => i64::from(item.number),
        NoticeKind::Recovered => RECOVERY,
    };
    vec![item.incident.as_str().into(), number.into(), new.id.as_str().into(), false.into()]
}

fn planned_item(row: &Row) -> Result<PlannedItem, StoreError> {
    Ok(PlannedItem {
        incident: IncidentId::new(row.text("incident_id")?),
        number: u32::try_from(row.int("number")?).unwrap_or(u32::MAX),
    })
}
