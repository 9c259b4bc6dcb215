//! Events for the operator in the outbox: a notification about nobody, with its deliveries.
//!
//! Written in the transaction that makes the event true, so that each is told once per channel however many
//! processes there are and wherever one of them dies.

use super::{NewDelivery, StoreError, Work, sql};
use crate::domain::{ChannelName, IdMint, NotificationId, OperatorEvent, RunId, Timestamp};

/// An event to write, with its deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOperatorEvent {
    /// The notification's id, minted by the caller.
    pub id: NotificationId,
    /// What happened.
    pub event: OperatorEvent,
    /// On which channels; may be empty, then nothing is written.
    pub deliveries: Vec<NewDelivery>,
}

impl NewOperatorEvent {
    /// `event`, on each of `channels`: its name, and what makes of a new UUID the id the outside will see.
    pub fn to<'a>(
        channels: impl Iterator<Item = (&'a ChannelName, impl FnOnce(&str) -> String)>,
        event: OperatorEvent,
        mint: &IdMint,
        now: Timestamp,
    ) -> Self {
        let deliveries = channels.map(|(name, outside_id)| NewDelivery::on(name, outside_id, mint, now)).collect();
        Self { id: NotificationId::new(mint.uuid(now)), event, deliveries }
    }
}

impl Work {
    /// Whether this notification was written before.
    pub async fn has_notification(&mut self, id: &NotificationId) -> Result<bool, StoreError> {
        let select = sql("SELECT 1 AS found FROM notifications WHERE notification_id = $1").bind(id.as_str());
        Ok(!self.session.fetch(select).await?.is_empty())
    }

    /// Puts an event for the operator into the outbox. Says whether it did: not where no channel is to carry it.
    pub async fn insert_operator_event(
        &mut self,
        new: &NewOperatorEvent,
        run: &RunId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        if new.deliveries.is_empty() {
            return Ok(false);
        }
        let about = serde_json::to_string(&new.event)
            .map_err(|error| StoreError::Unreadable(format!("an event cannot be written as JSON ({error})")))?;
        let kind = new.event.kind();
        let insert =
            sql("INSERT INTO notifications (notification_id, user_id, created_at, run_id, reason, kind, about) \
             VALUES ($1, '', $2, $3, $4, $5, $6)");
        let insert =
            insert.bind(new.id.as_str()).bind(now).bind(run.as_str()).bind(kind.code()).bind(kind.stored()).bind(about);
        self.session.execute(insert).await?;
        self.insert_deliveries(&new.id, &new.deliveries, now).await?;
        Ok(true)
    }
}
