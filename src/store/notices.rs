//! What was said so far: about incidents, and to users; read where it is decided what to say next.
//!
//! A notice counts as given while its item is spent (something was sent or may have been) or its notification
//! has a delivery pending. Recoveries (number -1) do not count.

use std::collections::HashMap;

use super::accounts::one_column;
use super::incidents::ids;
use super::{StoreError, Work, chunks, sql};
use crate::domain::{ChannelName, IncidentId, NoticesGiven, Timestamp, UserId};

impl Work {
    /// What was said about these incidents; those nothing was said about are left out.
    pub async fn notices_given(
        &mut self,
        incidents: &[IncidentId],
    ) -> Result<HashMap<IncidentId, NoticesGiven>, StoreError> {
        let mut given = HashMap::new();
        for chunk in chunks(ids(incidents)) {
            let select = sql("SELECT items.incident_id, \
                 count(DISTINCT CASE WHEN items.spent = 1 OR d.state = 'pending' THEN items.number END) AS given, \
                 CAST(max(CASE WHEN d.state = 'pending' AND c.disabled_at IS NULL THEN 1 ELSE 0 END) AS BIGINT) \
                 AS under_way, \
                 CAST(max(CASE WHEN d.state = 'pending' AND c.disabled_at IS NOT NULL THEN 1 ELSE 0 END) AS BIGINT) \
                 AS waits, \
                 max(CASE WHEN items.spent = 1 THEN d.settled_at END) AS last_ended_at, \
                 CAST(max(CASE WHEN d.state = 'cancelled' AND EXISTS (SELECT 1 FROM operator_actions o \
                 WHERE o.delivery_id = d.delivery_id AND o.action = 'cancelled') AND NOT EXISTS (SELECT 1 FROM deliveries other \
                 WHERE other.notification_id = d.notification_id AND other.state IN ('delivered', 'pending')) \
                 THEN 1 ELSE 0 END) AS BIGINT) AS called_off \
                 FROM notification_items items JOIN deliveries d ON d.notification_id = items.notification_id \
                 LEFT JOIN channels c ON c.channel = d.channel \
                 WHERE items.number >= 0 AND items.incident_id IN ({values}) GROUP BY items.incident_id");
            for row in self.session.fetch(select.values(chunk)).await? {
                let last_ended_at = row.opt_instant("last_ended_at")?;
                let notices = NoticesGiven {
                    count: u32::try_from(row.int("given")?).unwrap_or(u32::MAX),
                    // What waits on a disabled channel holds nothing up on the others.
                    under_way: row.flag("under_way")? || (row.flag("waits")? && last_ended_at.is_none()),
                    called_off: row.flag("called_off")?,
                    ladder_ended: false, // That stands with the incident.
                    last_ended_at,
                };
                given.insert(IncidentId::new(row.text("incident_id")?), notices);
            }
        }
        Ok(given)
    }

    /// When each of these users was told something since `since`: when it arrived, or else when it was decided.
    /// What was called off or given up on every channel told nobody anything.
    pub async fn told_at(
        &mut self,
        users: &[UserId],
        since: Timestamp,
    ) -> Result<HashMap<UserId, Vec<Timestamp>>, StoreError> {
        let mut told: HashMap<UserId, Vec<Timestamp>> = HashMap::new();
        for chunk in chunks(one_column(users)) {
            let select = sql("SELECT n.user_id, n.notification_id, n.created_at, \
                 max(CASE WHEN d.state = 'delivered' THEN d.settled_at END) AS arrived_at \
                 FROM notifications n JOIN deliveries d ON d.notification_id = n.notification_id \
                 WHERE n.kind = 'reconnect' AND COALESCE(d.settled_at, n.created_at) > $1 AND d.state IN ('pending', 'delivered') \
                 AND n.user_id IN ({values}) GROUP BY n.user_id, n.notification_id, n.created_at");
            for row in self.session.fetch(select.bind(since).values(chunk)).await? {
                let at = row.opt_instant("arrived_at")?.unwrap_or(row.instant("created_at")?);
                told.entry(UserId::new(row.text("user_id")?)).or_default().push(at);
            }
        }
        Ok(told)
    }

    /// On which channels notices that named these incidents arrived.
    pub async fn told_on(
        &mut self,
        incidents: &[IncidentId],
    ) -> Result<HashMap<IncidentId, Vec<ChannelName>>, StoreError> {
        let mut told: HashMap<IncidentId, Vec<ChannelName>> = HashMap::new();
        for chunk in chunks(ids(incidents)) {
            let select = sql("SELECT DISTINCT items.incident_id, d.channel FROM notification_items items \
                 JOIN deliveries d ON d.notification_id = items.notification_id \
                 WHERE items.number >= 0 AND items.spent = 1 AND d.state = 'delivered' \
                 AND (d.said IS NULL OR d.said LIKE '%' || items.incident_id || '%') \
                 AND items.incident_id IN ({values})");
            for row in self.session.fetch(select.values(chunk)).await? {
                let channel = ChannelName::new(row.text("channel")?);
                told.entry(IncidentId::new(row.text("incident_id")?)).or_default().push(channel);
            }
        }
        Ok(told)
    }
}
