//! One attempt of one delivery, from the lease to its settlement.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::timeout;

use super::recheck::{Before, Rechecked, recheck};
use super::{DeliverError, Deliverer};
use crate::domain::{
    Contact, FailureClass, IncidentId, Notice, NoticeKind, Silence, Timestamp, Verdict, causes, scrub,
};
use crate::fault;
use crate::ports::{Channel, ProviderError, Receipt, SendError};
use crate::store::{ClaimedDelivery, PlannedItem, Settlement, StoreError};
use crate::telemetry::events;

/// The provider's own retries included; what is not answered by then is tried again later.
const RECHECK_LIMIT: Duration = Duration::from_mins(2);
/// The outer bound around every exchange with a mail server or a webhook; the channels' own are shorter.
const SEND_LIMIT: Duration = Duration::from_mins(2);
/// The longest detail of an attempt that is stored.
const MAX_DETAIL_CHARS: usize = 300;
/// How often and after which pauses a settlement is tried while the state database is away. Each try may wait
/// 10 s for a connection; together they stay within the delivery's lease.
const SETTLE_TRIES: u32 = 20;
const SETTLE_PAUSE: Duration = Duration::from_secs(1);
/// Ids per request, as many as a page has items.
const MOST_IDS: usize = 100;
/// A connect attempt under way is decided within the provider's 10 minutes.
const POSTPONE: TimeDelta = TimeDelta::minutes(15);

/// How an attempt ended, and how many incidents it found to be over.
pub(super) struct Ended {
    pub closed: u64,
    pub outcome: Outcome,
}

pub(super) enum Outcome {
    Sent,
    Cancelled(Silence),
    Postponed,
    Failed,
    ChannelStopped(String),
    /// This message's content was refused.
    ContentRefused(String),
    /// The lease had expired and somebody else took over: what happened is theirs to say.
    LeaseLost,
}

/// What to settle, before it is written.
enum Decided {
    Sent(Receipt),
    Cancel(Silence),
    Postpone,
    /// Before anything was sent.
    Fail(SendError),
    /// Something may have been sent.
    SendFailed(SendError),
}

impl Deliverer {
    pub(super) async fn attempt(&self, claimed: ClaimedDelivery) -> (ClaimedDelivery, Result<Ended, DeliverError>) {
        let ended = self.try_once(&claimed).await;
        (claimed, ended)
    }

    async fn try_once(&self, claimed: &ClaimedDelivery) -> Result<Ended, DeliverError> {
        let Some(channel) = self.channels.iter().find(|channel| *channel.name() == claimed.channel) else {
            return Ok(Ended { closed: 0, outcome: Outcome::LeaseLost }); // Not ours: claims name our channels only.
        };
        if claimed.attempt_of_allowance > self.retry.max_attempts {
            // Only workers that died can have used them up: whoever settles an attempt gives up at the last.
            let failure =
                failure(FailureClass::Refused, format!("its worker died {} times", claimed.attempt_of_allowance - 1));
            return self.settle(claimed, &Rechecked::default(), Decided::Fail(failure)).await;
        }
        let contact = match self.directory.contact(&claimed.user).await {
            Ok(Some(contact)) if channel.needs_address() && contact.email.is_none() => {
                return self.settle(claimed, &Rechecked::default(), Decided::Cancel(Silence::NoAddress)).await;
            }
            Ok(Some(contact)) => contact,
            Ok(None) => return self.settle(claimed, &Rechecked::default(), Decided::Cancel(Silence::UserGone)).await,
            Err(error) => {
                let failure = failure(FailureClass::Transient, scrub(&causes(&error), MAX_DETAIL_CHARS));
                return self.settle(claimed, &Rechecked::default(), Decided::Fail(failure)).await;
            }
        };
        fault::point("deliver.before_look");
        let rechecked = match timeout(RECHECK_LIMIT, self.recheck(claimed)).await {
            Ok(Ok(rechecked)) => rechecked,
            Ok(Err(DeliverError::Provider(error))) if !error.stops_the_run() => {
                let failure = failure(FailureClass::Transient, format!("not sent: {error}"));
                return self.settle(claimed, &Rechecked::default(), Decided::Fail(failure)).await;
            }
            Ok(Err(error)) => {
                // Nobody may be told anything now; the lease goes back so that the next run can go on at once.
                let failure = failure(FailureClass::Transient, format!("not sent: {error}"));
                self.settle(claimed, &Rechecked::default(), Decided::Fail(failure)).await?;
                return Err(error);
            }
            Err(_) => {
                let failure = failure(FailureClass::Transient, "not sent: the provider was too slow".into());
                return self.settle(claimed, &Rechecked::default(), Decided::Fail(failure)).await;
            }
        };
        let decided = if rechecked.items.is_empty() {
            match rechecked.dropped.first() {
                Some(Silence::Pending) if claimed.attempt_of_allowance < self.retry.max_attempts => Decided::Postpone,
                reason => Decided::Cancel(reason.copied().unwrap_or(Silence::Healed)),
            }
        } else {
            self.send(channel.as_ref(), claimed, contact, &rechecked).await
        };
        self.settle(claimed, &rechecked, decided).await
    }

    /// Asks the provider once more and compares with what was planned.
    async fn recheck(&self, claimed: &ClaimedDelivery) -> Result<Rechecked, DeliverError> {
        let user = std::slice::from_ref(&claimed.user);
        let mut work = self.store.begin_read().await?;
        let planned: Vec<PlannedItem> = work.items_of(&claimed.notification).await?;
        let open = work.stored_incidents_of(user).await?;
        let known = work.known_accounts(user).await?;
        let observed_at = work.known_users(user).await?.get(&claimed.user).and_then(|known| known.observed_at);
        work.roll_back();
        let list = self.provider.accounts_of(user).await.map_err(DeliverError::Provider)?;
        if let Some(foreign) = list.accounts.iter().find(|account| account.user != claimed.user) {
            // The adapter refuses such an answer already; nothing may be sent on a second adapter's slip.
            return Err(DeliverError::Provider(ProviderError::ForeignAccount {
                account: foreign.id.clone(),
                owner: foreign.user.clone(),
            }));
        }
        let mut fresh = list.accounts;
        // An account the list lacks is asked for by its id before its incident may be closed as gone.
        let about = open.iter().filter(|incident| planned.iter().any(|item| item.incident == incident.id));
        let missing: Vec<_> = about
            .map(|incident| incident.anchor.account.id.clone())
            .filter(|anchor| !fresh.iter().any(|account| account.id == *anchor))
            .collect();
        for ids in missing.chunks(MOST_IDS) {
            fresh.extend(self.provider.accounts_by_id(&claimed.user, ids).await.map_err(DeliverError::Provider)?);
        }
        let before = Before { planned: &planned, open: &open, known: &known, observed_at };
        Ok(recheck(&before, fresh, &self.reconnect_url, self.clock.now()))
    }

    async fn send(
        &self,
        channel: &dyn Channel,
        claimed: &ClaimedDelivery,
        contact: Contact,
        rechecked: &Rechecked,
    ) -> Decided {
        let notice = Notice {
            delivery: claimed.id.clone(),
            notification: claimed.notification.clone(),
            outside_id: claimed.outside_id.clone(),
            kind: NoticeKind::Reconnect,
            user: claimed.user.clone(),
            contact,
            unsubscribe: None,
            items: rechecked.items.clone(),
            created_at: claimed.created_at,
            now: self.clock.now(),
        };
        fault::point("deliver.before_send");
        let answer = timeout(SEND_LIMIT, channel.send(&notice)).await;
        fault::point("deliver.after_send");
        match answer {
            Ok(Ok(receipt)) => Decided::Sent(receipt),
            Ok(Err(error)) => Decided::SendFailed(error),
            Err(_) => Decided::SendFailed(failure(FailureClass::OutcomeUnknown, "no answer in time".into())),
        }
    }

    /// Writes what came of the attempt, under the lease's token, with the incidents found to be over.
    async fn settle(
        &self,
        claimed: &ClaimedDelivery,
        rechecked: &Rechecked,
        decided: Decided,
    ) -> Result<Ended, DeliverError> {
        let now = self.clock.now();
        let spent = match &decided {
            Decided::Sent(_) | Decided::SendFailed(_) => {
                rechecked.items.iter().map(|item| item.incident.clone()).collect()
            }
            // Nobody can be told until the directory changes: asking again in every run would change nothing.
            Decided::Cancel(Silence::NoAddress | Silence::UserGone) => self.planned_incidents(claimed).await?,
            _ => Vec::new(),
        };
        let (settlement, outcome) = self.settlement(claimed, decided, spent, now);
        // What was said cannot be unsaid: a state database that is away for a moment must not make the next
        // run say it again. The lease outlasts these tries.
        let (closed, ours) =
            with_patience(SETTLE_TRIES, SETTLE_PAUSE, || self.write(claimed, rechecked, &settlement, now)).await?;
        Self::log(claimed, &settlement, &outcome);
        Ok(Ended { closed, outcome: if ours { outcome } else { Outcome::LeaseLost } })
    }

    async fn write(
        &self,
        claimed: &ClaimedDelivery,
        rechecked: &Rechecked,
        settlement: &Settlement,
        now: Timestamp,
    ) -> Result<(u64, bool), StoreError> {
        let mut work = self.store.begin().await?;
        let mut closed = 0;
        for close in &rechecked.closed {
            closed += u64::from(work.close_incident(close, now).await?);
        }
        let ours = work.settle_delivery(claimed, settlement, now).await?;
        fault::point("settle.before_commit");
        work.commit().await?;
        fault::point("settle.after_commit");
        Ok((closed, ours))
    }

    async fn planned_incidents(&self, claimed: &ClaimedDelivery) -> Result<Vec<IncidentId>, StoreError> {
        let mut work = self.store.begin_read().await?;
        Ok(work.items_of(&claimed.notification).await?.into_iter().map(|item| item.incident).collect())
    }

    fn settlement(
        &self,
        claimed: &ClaimedDelivery,
        decided: Decided,
        spent: Vec<IncidentId>,
        now: Timestamp,
    ) -> (Settlement, Outcome) {
        let settled =
            |state, outcome, detail, next_attempt_at| Settlement { state, outcome, detail, next_attempt_at, spent };
        match decided {
            Decided::Sent(receipt) => (settled("delivered", "sent", receipt.detail, now), Outcome::Sent),
            Decided::Cancel(reason) => {
                (settled("cancelled", reason.code(), reason.words().into(), now), Outcome::Cancelled(reason))
            }
            Decided::Postpone => {
                let reason = Silence::Pending;
                (settled("pending", reason.code(), reason.words().into(), now + POSTPONE), Outcome::Postponed)
            }
            Decided::Fail(error) | Decided::SendFailed(error) => {
                let (state, next) = match self.retry.after(claimed.attempt_of_allowance, error.class, self.mint.unit())
                {
                    Verdict::RetryAfter(wait) => ("pending", now + TimeDelta::from_std(wait).unwrap_or_default()),
                    Verdict::Dead => ("dead", now),
                };
                let outcome = match error.class {
                    FailureClass::ChannelBroken => Outcome::ChannelStopped(error.detail.clone()),
                    FailureClass::ContentRefused => Outcome::ContentRefused(error.detail.clone()),
                    _ => Outcome::Failed,
                };
                (settled(state, error.class.code(), error.detail, next), outcome)
            }
        }
    }

    fn log(claimed: &ClaimedDelivery, settlement: &Settlement, outcome: &Outcome) {
        let (user, channel, delivery) = (&claimed.user, &claimed.channel, &claimed.id);
        let (attempt, detail) = (claimed.attempt, settlement.detail.as_str());
        match outcome {
            Outcome::Sent => tracing::info!(
                event = events::DELIVERY_SENT,
                user = %user, channel = %channel, delivery_id = %delivery, attempt, detail, "The user was told."
            ),
            Outcome::Cancelled(reason) => tracing::info!(
                event = events::DELIVERY_CANCELLED,
                user = %user, channel = %channel, delivery_id = %delivery, reason = reason.code(),
                "Nothing was sent: {}.", reason.words()
            ),
            _ if settlement.state == "dead" => tracing::error!(
                event = events::DELIVERY_DEAD,
                user = %user, channel = %channel, delivery_id = %delivery, attempt,
                class = settlement.outcome, detail,
                "Given up: this user was not told on this channel. `reconnectd explain` has the attempts."
            ),
            _ => tracing::warn!(
                event = events::DELIVERY_RETRY,
                user = %user, channel = %channel, delivery_id = %delivery, attempt,
                class = settlement.outcome, detail, next_attempt_at = %settlement.next_attempt_at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
                "Not sent; it will be tried again."
            ),
        }
    }
}

/// Tries `write` up to `tries` times with `pause` in between; the last error is given back.
async fn with_patience<T, E, F>(tries: u32, pause: Duration, mut write: impl FnMut() -> F) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    let mut number = 1;
    loop {
        match write().await {
            Err(_) if number < tries => tokio::time::sleep(pause).await,
            done => return done,
        }
        number += 1;
    }
}

fn failure(class: FailureClass, detail: String) -> SendError {
    SendError { class, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_was_said_is_written_down_even_if_the_database_is_away_for_a_while() {
        for (failures, calls, written) in [(0, 1, true), (3, 4, true), (9, 5, false)] {
            let mut made = 0;
            let done = with_patience(5, Duration::from_secs(1), || {
                made += 1;
                std::future::ready(if made > failures { Ok(()) } else { Err("away") })
            });
            assert_eq!((done.await.is_ok(), made), (written, calls), "{failures} failures");
        }
    }
}
