//! Attempts: a delivery claimed, looked at once more, and settled.
//!
//! A delivery is claimed by a lease with a token, and the attempt is counted in the same statement; it is
//! settled only while the token still matches. A worker that dies leaves a lease that expires, and the
//! next one goes on: at least once, under the same outside id.

use std::collections::HashSet;
use std::time::Duration;

use chrono::TimeDelta;

use super::outbox::RECOVERY;
use super::{Row, StoreError, Work, chunks, sql};
use crate::domain::{
    ChannelName, CloseEvidence, DeliveryId, EventKind, IncidentId, NotificationId, OperatorEvent, Recovery, RunId,
    Timestamp, ToolkitSlug, UserId,
};

/// A delivery under this worker's lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedDelivery {
    /// Which.
    pub id: DeliveryId,
    /// Of which notification.
    pub notification: NotificationId,
    /// What is said; none where a newer release wrote a kind this one does not know.
    pub kind: Option<EventKind>,
    /// What happened, where the operator is told; none also where it cannot be read.
    pub about: Option<OperatorEvent>,
    /// Who is told; the empty id where the operator is.
    pub user: UserId,
    /// On which channel.
    pub channel: ChannelName,
    /// The id the outside sees.
    pub outside_id: String,
    /// When the notification was decided.
    pub created_at: Timestamp,
    /// Which attempt this is; 1 is the first.
    pub attempt: u32,
    /// Which attempt of its present allowance this is, those that were put off left out: an operator who puts a
    /// delivery back grants a new one.
    pub attempt_of_allowance: u32,
    /// How many attempts of the present allowance were put off.
    pub put_off: u32,
    /// When the present row of failures began, moved along by the time it was put off for since; none if no attempt
    /// has failed since it was planned or put back.
    pub failing_since: Option<Timestamp>,
    /// Proof of the lease.
    pub token: String,
}

/// Which deliveries are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Due {
    /// Whoever they tell.
    #[default]
    All,
    /// Those that tell the operator.
    Events,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// `delivered`, `dead`, `cancelled`, or `pending` to try again at `next_attempt_at`.
    pub state: &'static str,
    /// The code stored with the attempt: `sent`, a failure class, why it was put off or called off.
    pub outcome: &'static str,
    /// In words, scrubbed.
    pub detail: String,
    /// When to try again, where `state` is `pending`.
    pub next_attempt_at: Timestamp,
    /// The attempt was only put off: it does not count, nor does the time until `next_attempt_at`.
    pub put_off: bool,
    /// The attempt failed: the row of failures begins now, unless it has begun.
    pub failed: bool,
    /// The incidents nothing more is to be said about under this notice: they were in what was sent or
    /// tried, or nobody can be told.
    pub spent: Vec<IncidentId>,
}

/// An incident that is over, with what a notice of its end says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldEnd {
    /// Which.
    pub id: IncidentId,
    /// How many notices of it were given.
    pub notices: u32,
    /// Its toolkit.
    pub toolkit: ToolkitSlug,
    /// The account it stood for, as last seen.
    pub anchor: super::KnownAccount,
    /// When that broke.
    pub broke_at: Timestamp,
    /// How it ended.
    pub recovery: Recovery,
}

impl Work {
    /// Takes the lease on the next delivery of `due` that is due on `channel`, and counts the attempt. Nothing is due on a
    /// disabled channel, and one user is told one thing at a time on each: what follows sees what was said before it.
    pub async fn claim_delivery(
        &mut self,
        channel: &ChannelName,
        due: Due,
        token: &str,
        ttl: Duration,
        run: &RunId,
        now: Timestamp,
    ) -> Result<Option<ClaimedDelivery>, StoreError> {
        let claim =
            sql("UPDATE deliveries SET lease_token = $1, lease_expires_at = {now} + $2, attempts = attempts + 1 \
             WHERE delivery_id = (SELECT d.delivery_id FROM deliveries d WHERE d.state = 'pending' \
             AND d.next_attempt_at <= $3 AND (d.lease_expires_at IS NULL OR d.lease_expires_at <= {now}) \
             AND d.channel = $4 AND NOT EXISTS (SELECT 1 FROM channels c WHERE c.channel = $4 \
             AND c.disabled_at IS NOT NULL) AND NOT EXISTS (SELECT 1 FROM notifications mine \
             JOIN notifications theirs ON theirs.user_id = mine.user_id AND mine.user_id <> '' \
             JOIN deliveries o ON o.notification_id = theirs.notification_id AND o.channel = $4 \
             WHERE mine.notification_id = d.notification_id AND o.delivery_id <> d.delivery_id \
             AND o.lease_expires_at > {now}) AND ($5 = 0 OR EXISTS (SELECT 1 FROM notifications told \
             WHERE told.notification_id = d.notification_id AND told.user_id = '')) \
             ORDER BY d.next_attempt_at, d.delivery_id LIMIT 1 {skip_locked}) \
             RETURNING delivery_id, notification_id, channel, outside_id, attempts, attempts_before_redelivery, \
             put_off, failing_since");
        let claim =
            claim.bind(token).bind(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX)).bind(now).bind(channel.as_str());
        let rows = self.session.fetch(claim.bind(due == Due::Events)).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let id = DeliveryId::new(row.text("delivery_id")?);
        let notification = NotificationId::new(row.text("notification_id")?);
        let attempt = count(row, "attempts")?;
        let put_off = count(row, "put_off")?;
        let spent_before = count(row, "attempts_before_redelivery")?;
        let insert = sql("INSERT INTO attempts (delivery_id, number, run_id, started_at) VALUES ($1, $2, $3, $4)");
        self.session.execute(insert.bind(id.as_str()).bind(attempt).bind(run.as_str()).bind(now)).await?;
        let select = sql("SELECT user_id, created_at, kind, about FROM notifications WHERE notification_id = $1");
        let notified = self.session.fetch(select.bind(notification.as_str())).await?;
        let told = notified.first().ok_or_else(|| StoreError::Unreadable("a delivery without notification".into()))?;
        Ok(Some(ClaimedDelivery {
            kind: EventKind::from_stored(&told.text("kind")?),
            about: told.opt_text("about")?.and_then(|about| serde_json::from_str(&about).ok()),
            user: UserId::new(told.text("user_id")?),
            created_at: told.instant("created_at")?,
            channel: ChannelName::new(row.text("channel")?),
            outside_id: row.text("outside_id")?,
            failing_since: row.opt_instant("failing_since")?,
            token: token.to_owned(),
            id,
            notification,
            attempt,
            attempt_of_allowance: attempt.saturating_sub(spent_before).saturating_sub(put_off),
            put_off,
        }))
    }

    /// Ends an attempt and gives the lease back, if the lease is still this worker's. Says whether it was.
    pub async fn settle_delivery(
        &mut self,
        delivery: &ClaimedDelivery,
        settlement: &Settlement,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let settled = (settlement.state != "pending").then_some(now);
        let failed_at = settlement.failed.then_some(now);
        // The time a delivery is put off for is not time it failed for.
        let moved = delivery.failing_since.filter(|_| settlement.put_off);
        let moved = moved.map(|since| since + (settlement.next_attempt_at - now).max(TimeDelta::zero()));
        let said: Vec<&str> = settlement.spent.iter().map(IncidentId::as_str).collect();
        let said = (settlement.state == "delivered").then(|| said.join(" "));
        let update = sql("UPDATE deliveries SET state = $3, detail = $4, next_attempt_at = $5, settled_at = $6, \
             put_off = put_off + $7, failing_since = COALESCE($9, failing_since, $8), said = $10, \
             lease_token = NULL, lease_expires_at = NULL WHERE delivery_id = $1 AND lease_token = $2")
        .bind(delivery.id.as_str())
        .bind(delivery.token.as_str())
        .bind(settlement.state)
        .bind(settlement.detail.as_str())
        .bind(settlement.next_attempt_at)
        .bind(settled)
        .bind(settlement.put_off)
        .bind(failed_at)
        .bind(moved)
        .bind(said);
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

    /// The incidents of a notification that were spoken about under it, or may have been, on any channel.
    pub async fn spoken_of(&mut self, notification: &NotificationId) -> Result<HashSet<IncidentId>, StoreError> {
        let select = sql("SELECT incident_id FROM notification_items WHERE notification_id = $1 AND spent = 1");
        let rows = self.session.fetch(select.bind(notification.as_str())).await?;
        rows.iter().map(|row| row.text("incident_id").map(IncidentId::new)).collect()
    }

    /// When notices arrived at the same user on the same channel since `since`.
    pub async fn arrived_on(
        &mut self,
        delivery: &ClaimedDelivery,
        since: Timestamp,
    ) -> Result<Vec<Timestamp>, StoreError> {
        let select = sql("SELECT d.settled_at FROM notifications n JOIN deliveries d \
             ON d.notification_id = n.notification_id WHERE n.user_id = $1 AND n.kind = 'reconnect' \
             AND d.channel = $2 AND d.state = 'delivered' AND d.settled_at > $3");
        let select = select.bind(delivery.user.as_str()).bind(delivery.channel.as_str()).bind(since);
        self.session.fetch(select).await?.iter().map(|row| row.instant("settled_at")).collect()
    }

    /// How many attempts just before this one ended with one of `outcomes`, without another outcome in between.
    pub async fn attempts_in_a_row(
        &mut self,
        delivery: &ClaimedDelivery,
        outcomes: [&'static str; 2],
    ) -> Result<u32, StoreError> {
        let select = sql("SELECT count(*) AS n FROM attempts WHERE delivery_id = $1 AND number < $2 \
             AND number > COALESCE((SELECT max(o.number) FROM attempts o WHERE o.delivery_id = $1 \
             AND o.number < $2 AND o.outcome IS NOT NULL AND o.outcome NOT IN ($3, $4)), 0)");
        let select = select.bind(delivery.id.as_str()).bind(delivery.attempt).bind(outcomes[0]).bind(outcomes[1]);
        self.session.fetch(select).await?.first().map_or(Ok(0), |row| count(row, "n"))
    }

    /// When the next delivery of `due` on one of `channels` that nobody holds will be due, disabled ones left out; none if
    /// there is none.
    pub async fn next_attempt_at(
        &mut self,
        channels: &[ChannelName],
        due: Due,
    ) -> Result<Option<Timestamp>, StoreError> {
        if channels.is_empty() {
            return Ok(None);
        }
        let select = sql("SELECT min(next_attempt_at) AS next FROM deliveries WHERE state = 'pending' \
             AND (lease_expires_at IS NULL OR lease_expires_at <= {now}) AND NOT EXISTS (SELECT 1 FROM channels c \
             WHERE c.channel = deliveries.channel AND c.disabled_at IS NOT NULL) \
             AND ($1 = 0 OR EXISTS (SELECT 1 FROM notifications told \
             WHERE told.notification_id = deliveries.notification_id AND told.user_id = '')) \
             AND channel IN ({values})");
        let values = channels.iter().map(|channel| vec![channel.as_str().into()]).collect();
        let rows = self.session.fetch(select.bind(due == Due::Events).values(values)).await?;
        rows.first().map_or(Ok(None), |row| row.opt_instant("next"))
    }

    /// The incidents whose end a notification tells, newest breakage first.
    pub async fn ends_told_by(&mut self, notification: &NotificationId) -> Result<Vec<ToldEnd>, StoreError> {
        let select = sql("SELECT i.incident_id, i.toolkit AS incident_toolkit, i.broke_at, i.closed_at, \
             i.close_evidence, (SELECT count(*) FROM notification_items g WHERE g.incident_id = i.incident_id \
             AND g.number >= 0 AND g.spent = 1) AS notices, a.* \
             FROM notification_items n JOIN incidents i ON i.incident_id = n.incident_id \
             JOIN accounts a ON a.user_id = i.user_id AND a.account_id = i.account_id \
             WHERE n.notification_id = $1 AND n.number = $2 AND i.closed_at IS NOT NULL \
             ORDER BY i.broke_at DESC, i.incident_id");
        let rows = self.session.fetch(select.bind(notification.as_str()).bind(RECOVERY)).await?;
        rows.iter().map(told_end).collect()
    }
}

fn count(row: &Row, column: &str) -> Result<u32, StoreError> {
    Ok(u32::try_from(row.int(column)?).unwrap_or(u32::MAX))
}

fn told_end(row: &Row) -> Result<ToldEnd, StoreError> {
    let evidence = row.text("close_evidence")?;
    let evidence = CloseEvidence::from_code(&evidence)
        .ok_or_else(|| StoreError::Unreadable(format!("an incident closed on {evidence}")))?;
    Ok(ToldEnd {
        id: IncidentId::new(row.text("incident_id")?),
        notices: count(row, "notices")?,
        toolkit: ToolkitSlug::new(row.text("incident_toolkit")?),
        broke_at: row.instant("broke_at")?,
        recovery: Recovery { at: row.instant("closed_at")?, evidence },
        anchor: super::accounts::known_account(row)?,
    })
}
