//! The end of an attempt, written down in one transaction: what became of the delivery, which incidents are over, what
//! that says of the channel, whether the address is not to be written to any more, and what the operator is told.
//!
//! Guarantees: everything is written under the lease's token or nothing is; the operator is told of a change of a
//! channel in the transaction that makes it, by the one worker that made it. A crash before the commit leaves an
//! attempt without an outcome, which is tried again under the same id.

use std::time::Duration;

use chrono::TimeDelta;

use super::attempt::{Attempted, DIRECTORY_FAILED, Decided, Ended, Outcome, PROVIDER_FAILED};
use super::content::Content;
use super::recheck::Rechecked;
use super::{DeliverError, Deliverer};
use crate::domain::{
    AddressHash, ChannelName, FailureClass, IncidentId, OperatorEvent, Silence, SuppressionCause, Timestamp, Verdict,
};
use crate::fault;
use crate::ports::carrying;
use crate::store::{ClaimedDelivery, NewOperatorEvent, Settlement, StoreError, Work};
use crate::telemetry::events;

/// How often and after which pauses a settlement is tried while the state database is away. Each try may wait
/// 10 s for a connection; together they stay within the delivery's lease.
const SETTLE_TRIES: u32 = 20;
const SETTLE_PAUSE: Duration = Duration::from_secs(1);
/// All of them: each may wait 10 s for a connection, and then there is the pause.
pub(super) const SETTLE_LIMIT: Duration = Duration::from_secs(SETTLE_TRIES as u64 * (10 + SETTLE_PAUSE.as_secs()));

/// What an attempt says of its channel.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Says {
    Nothing,
    /// Something was taken.
    Works,
    /// Something was not taken, for a reason that is not the message's own.
    Fails,
    /// We are refused as a sender.
    Stops(String),
    /// It is gone for good.
    Gone(String),
}

impl Says {
    /// Whether the channel works, or why not, the attempt's own words being `detail`; none where nothing was said.
    fn works<'a>(&'a self, detail: &'a str) -> Option<Result<(), &'a str>> {
        match self {
            Self::Nothing => None,
            Self::Works => Some(Ok(())),
            Self::Fails => Some(Err(detail)),
            Self::Stops(why) | Self::Gone(why) => Some(Err(why)),
        }
    }
}

/// What goes into the transaction.
struct Ending<'a> {
    looked: &'a Rechecked,
    settlement: Settlement,
    says: Says,
    /// The address that is not to be written to any more.
    refused: Option<AddressHash>,
}

/// What the transaction came to.
#[derive(Default)]
struct Written {
    closed: u64,
    ours: bool,
    /// The channel was disabled by it, and why.
    disabled: Option<String>,
    suppressed: bool,
}

impl Deliverer {
    /// Writes what came of the attempt, under the lease's token, with the incidents found to be over.
    pub(super) async fn settle(&self, claimed: &ClaimedDelivery, attempted: Attempted) -> Result<Ended, DeliverError> {
        let now = self.clock.now();
        let Attempted { decided, looked, address, stops: _ } = attempted;
        let spent = match &decided {
            Decided::Sent(_) | Decided::SendFailed(_) => {
                looked.items.iter().map(|item| item.incident.clone()).collect()
            }
            // Nobody can be told until something changes that no run can see: asking again would change nothing. Of what
            // was looked at that is so only of what its reader stopped; the rest is planned again when its time comes.
            Decided::Cancel(_) if !looked.stopped.is_empty() => looked.stopped.clone(),
            Decided::Cancel(Silence::NoAddress | Silence::UserGone | Silence::Suppressed) => {
                self.planned_incidents(claimed).await?
            }
            _ => Vec::new(),
        };
        let says = self.says_of_the_channel(claimed, &decided);
        let refused_recipient =
            matches!(&decided, Decided::SendFailed(error) if error.class == FailureClass::RecipientRefused);
        let in_a_row = match &decided {
            Decided::NotTried { .. } => self.failures_of_ours(claimed).await?,
            _ => 0,
        };
        let (settlement, mut outcome) = self.settlement(claimed, decided, in_a_row, spent, now);
        if let Says::Stops(detail) = &says {
            outcome = Outcome::ChannelStopped(detail.clone());
        }
        let reached = address.is_some();
        let refused = address.filter(|_| refused_recipient);
        let ending = Ending { looked: &looked, settlement, says, refused };
        // What was said cannot be unsaid: a state database that is away for a moment must not make the next
        // run say it again. The lease outlasts these tries.
        let written = with_patience(SETTLE_TRIES, SETTLE_PAUSE, || self.write(claimed, &ending, now)).await?;
        if written.ours {
            log(claimed, &ending.settlement, &outcome);
            self.count_attempt(claimed, &ending.settlement, &outcome, &looked.first_told_since, now);
            self.note_channel(claimed, ending.says.works(&ending.settlement.detail), now);
            if written.suppressed {
                self.metrics.address_refused();
            }
            log_consequences(claimed, &written);
        } else {
            outcome = Outcome::LeaseLost;
        }
        Ok(Ended { closed: written.closed, outcome, reached })
    }

    async fn write(
        &self,
        claimed: &ClaimedDelivery,
        ending: &Ending<'_>,
        now: Timestamp,
    ) -> Result<Written, StoreError> {
        let mut work = self.store.begin().await?;
        let mut written = Written::default();
        for close in &ending.looked.closed {
            written.closed += u64::from(work.close_incident(close, now).await?);
        }
        written.ours = work.settle_delivery(claimed, &ending.settlement, now).await?;
        if !written.ours {
            work.roll_back(); // With the incidents that are over: all of it is for whoever took over to say.
            return Ok(Written::default());
        }
        written.disabled = self.note_on_channel(&mut work, &claimed.channel, &ending.says, now).await?;
        if let Some(address) = &ending.refused {
            written.suppressed = work.suppress(address, SuppressionCause::Refused, None, now).await?;
        }
        fault::point("settle.before_commit");
        work.commit().await?;
        fault::point("settle.after_commit");
        Ok(written)
    }

    /// Writes down what the attempt says of its channel, and tells the operator of what changed. Says why the
    /// channel was disabled, if it was by this.
    async fn note_on_channel(
        &self,
        work: &mut Work,
        channel: &ChannelName,
        says: &Says,
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        if let Says::Stops(detail) = says
            && work.stop_channel(channel, detail, now).await?
        {
            let event = OperatorEvent::ChannelStopped { channel: channel.clone(), detail: detail.clone() };
            self.tell_on_others(work, channel, event, now).await?;
        }
        let disable = match says {
            Says::Nothing => None,
            Says::Works => {
                work.channel_works(channel).await?;
                None
            }
            Says::Gone(detail) => Some(detail.clone()),
            Says::Fails | Says::Stops(_) => {
                let since = work.channel_fails(channel, now).await?;
                let failing_for = (now - since).to_std().unwrap_or_default();
                let limit = self.settings.disable_after.get(channel).filter(|limit| failing_for >= **limit);
                limit.map(|_| format!("failing since {}, without one success", since.format("%Y-%m-%d %H:%M UTC")))
            }
        };
        if let Some(detail) = disable
            && work.disable_channel(channel, &detail, None, now).await?
        {
            let event = OperatorEvent::EndpointDisabled { channel: channel.clone(), detail: detail.clone() };
            self.tell_on_others(work, channel, event, now).await?;
            return Ok(Some(detail));
        }
        Ok(None)
    }

    /// Puts an event about `channel` into the outbox of the other channels that carry it.
    async fn tell_on_others(
        &self,
        work: &mut Work,
        channel: &ChannelName,
        event: OperatorEvent,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let others = carrying(&self.channels, event.kind()).filter(|(other, _)| *other != channel);
        let new = NewOperatorEvent::to(others, event, &self.mint, now);
        work.insert_operator_event(&new, &self.run, now).await?;
        Ok(())
    }

    async fn planned_incidents(&self, claimed: &ClaimedDelivery) -> Result<Vec<IncidentId>, StoreError> {
        let mut work = self.store.begin_read().await?;
        Ok(work.items_of(&claimed.notification).await?.into_iter().map(|item| item.incident).collect())
    }

    /// How many attempts just before this one failed for a reason of ours.
    async fn failures_of_ours(&self, claimed: &ClaimedDelivery) -> Result<u32, StoreError> {
        let mut work = self.store.begin_read().await?;
        work.attempts_in_a_row(claimed, [DIRECTORY_FAILED, PROVIDER_FAILED]).await
    }

    /// One message with an unlucky name, one event an endpoint does not want, one report a filter dislikes at each of its
    /// readers, must not stop everybody's: two contents in a row are no accident.
    fn says_of_the_channel(&self, claimed: &ClaimedDelivery, decided: &Decided) -> Says {
        let mut refused = self.refused.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match decided {
            Decided::Sent(_) => {
                refused.remove(&claimed.channel);
                Says::Works
            }
            Decided::SendFailed(error) => match error.class {
                FailureClass::ChannelBroken => Says::Stops(error.detail.clone()),
                FailureClass::EndpointGone => Says::Gone(error.detail.clone()),
                FailureClass::ContentRefused | FailureClass::Declined => {
                    let content = Content::of(claimed);
                    let before = refused.insert(claimed.channel.clone(), content.clone());
                    match before {
                        Some(before) if before != content => Says::Stops(error.detail.clone()),
                        _ => Says::Fails,
                    }
                }
                FailureClass::Transient | FailureClass::RateLimited(_) | FailureClass::OutcomeUnknown => Says::Fails,
                // That is the recipient's or the message's own.
                FailureClass::Refused | FailureClass::RecipientRefused => Says::Nothing,
            },
            _ => Says::Nothing,
        }
    }

    fn settlement(
        &self,
        claimed: &ClaimedDelivery,
        decided: Decided,
        in_a_row: u32,
        spent: Vec<IncidentId>,
        now: Timestamp,
    ) -> (Settlement, Outcome) {
        let settled = |state, outcome, detail, next_attempt_at| {
            let (put_off, failed) = (false, false);
            Settlement { state, outcome, detail, next_attempt_at, put_off, failed, spent }
        };
        match decided {
            Decided::Sent(receipt) => (settled("delivered", "sent", receipt.detail, now), Outcome::Sent),
            Decided::Cancel(reason) => {
                (settled("cancelled", reason.code(), reason.words().into(), now), Outcome::Cancelled(reason))
            }
            Decided::NoReader => {
                let words = "the address it was for is no longer in the configuration".to_owned();
                let reason = Silence::NoAddress;
                (settled("cancelled", reason.code(), words, now), Outcome::Cancelled(reason))
            }
            Decided::PutOff { code, words, until, silence } => {
                let settlement = Settlement { put_off: true, ..settled("pending", code, words, until) };
                (settlement, Outcome::PutOff { code, silence })
            }
            // Neither the receiver's nor the message's doing: it costs neither the allowance nor the horizon.
            Decided::NotTried { code, words } => {
                let wait = self.retry.wait(in_a_row.saturating_add(1), self.mint.unit());
                let next = now + TimeDelta::from_std(wait).unwrap_or_default();
                (Settlement { put_off: true, ..settled("pending", code, words, next) }, Outcome::Failed { away: false })
            }
            Decided::GiveUp(words) => (settled("dead", "given_up", words, now), Outcome::Failed { away: false }),
            // The channel is disabled: whenever it is enabled again, this has lost nothing.
            Decided::SendFailed(error) if error.class == FailureClass::EndpointGone => {
                let settlement = settled("pending", error.class.code(), error.detail, now);
                (Settlement { put_off: true, ..settlement }, Outcome::Failed { away: false })
            }
            Decided::SendFailed(error) => {
                let failing_for = claimed.failing_since.map_or(TimeDelta::zero(), |since| now - since);
                let failing_for = failing_for.to_std().unwrap_or_default();
                let attempt = claimed.attempt_of_allowance;
                let (state, next) = match self.retry.after(attempt, error.class, self.mint.unit(), failing_for) {
                    Verdict::RetryAfter(wait) => ("pending", now + TimeDelta::from_std(wait).unwrap_or_default()),
                    Verdict::Dead => ("dead", now),
                };
                let settlement = settled(state, error.class.code(), error.detail, next);
                let away = matches!(
                    error.class,
                    FailureClass::Transient | FailureClass::RateLimited(_) | FailureClass::OutcomeUnknown
                );
                (Settlement { failed: true, ..settlement }, Outcome::Failed { away })
            }
        }
    }
}

fn log(claimed: &ClaimedDelivery, settlement: &Settlement, outcome: &Outcome) {
    let (user, channel, delivery) = (&claimed.user, &claimed.channel, &claimed.id);
    let (attempt, detail) = (claimed.attempt, settlement.detail.as_str());
    let next_attempt_at = settlement.next_attempt_at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    match outcome {
        Outcome::Sent => tracing::info!(
            event = events::DELIVERY_SENT,
            user = %user, channel = %channel, delivery_id = %delivery, attempt, detail, "The receiver was told."
        ),
        Outcome::Cancelled(reason) => tracing::info!(
            event = events::DELIVERY_CANCELLED,
            user = %user, channel = %channel, delivery_id = %delivery, reason = reason.code(),
            "Nothing was sent: {}.", reason.words()
        ),
        Outcome::PutOff { code, .. } => tracing::debug!(
            event = events::DELIVERY_PUT_OFF,
            user = %user, channel = %channel, delivery_id = %delivery, attempt, reason = code, next_attempt_at,
            "Not now: {detail}."
        ),
        _ if settlement.state == "dead" => tracing::error!(
            event = events::DELIVERY_DEAD,
            user = %user, channel = %channel, delivery_id = %delivery, attempt,
            class = settlement.outcome, detail,
            "Given up: nobody was told on this channel. `reconnectd outbox show` has the attempts."
        ),
        _ => tracing::warn!(
            event = events::DELIVERY_RETRY,
            user = %user, channel = %channel, delivery_id = %delivery, attempt,
            class = settlement.outcome, detail, next_attempt_at,
            "Not sent; it will be tried again."
        ),
    }
}

fn log_consequences(claimed: &ClaimedDelivery, written: &Written) {
    let (user, channel) = (&claimed.user, &claimed.channel);
    if let Some(detail) = &written.disabled {
        tracing::error!(
            event = events::CHANNEL_DISABLED,
            channel = %channel, detail,
            "This channel is not used any more; what is for it waits. Mend it, then `reconnectd channel enable`."
        );
    }
    if written.suppressed {
        tracing::warn!(
            event = events::ADDRESS_REFUSED,
            user = %user, channel = %channel,
            "The server refuses this user's address for good: it is not written to any more."
        );
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
