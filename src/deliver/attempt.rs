//! One attempt of one delivery, from the lease to its settlement.

use std::time::Duration;

use tokio::time::timeout;

use super::recheck::Rechecked;
use super::{DeliverError, Deliverer};
use crate::domain::{
    AddressHash, Contact, EmailAddress, EventKind, FailureClass, Notice, NoticeKind, OperatorEvent, OperatorNotice,
    Silence, Timestamp,
};
use crate::fault;
use crate::ports::{Channel, Receipt, SendError};
use crate::store::{ClaimedDelivery, LinkLanguage};

/// The provider's own retries included; what is not answered by then is tried again later.
pub(super) const RECHECK_LIMIT: Duration = Duration::from_mins(2);
/// The outer bound around every exchange with a mail server or a webhook; the channels' own are shorter.
pub(super) const SEND_LIMIT: Duration = Duration::from_mins(2);
/// The longest detail of an attempt that is stored.
pub(super) const MAX_DETAIL_CHARS: usize = 300;
/// A connect attempt under way is decided within the provider's 10 minutes.
const POSTPONE: chrono::TimeDelta = chrono::TimeDelta::minutes(15);
/// A person who has been about to reconnect for a day is not: what was planned is called off, unsaid.
const MOST_POSTPONED: chrono::TimeDelta = chrono::TimeDelta::days(1);

/// The code of an attempt before which the directory could not be read.
pub(super) const DIRECTORY_FAILED: &str = "directory_failed";
/// The code of an attempt before which the provider could not be asked.
pub(super) const PROVIDER_FAILED: &str = "provider_failed";

/// How an attempt ended, and how many incidents it found to be over.
pub(super) struct Ended {
    pub closed: u64,
    pub outcome: Outcome,
    /// It got as far as taking a place in the sending rates.
    pub reached: bool,
}

pub(super) enum Outcome {
    Sent,
    Cancelled(Silence),
    PutOff {
        code: &'static str,
        silence: Option<Silence>,
    },
    Failed {
        /// The other side did not take it and may take it later: whatever comes next may fare the same.
        away: bool,
    },
    /// Nothing more is to be sent on this channel in this run.
    ChannelStopped(String),
    /// The lease had expired and somebody else took over: what happened is theirs to say.
    LeaseLost,
}

/// What to settle, before it is written.
pub(super) enum Decided {
    Sent(Receipt),
    Cancel(Silence),
    /// It was for an address of the operator's that is no longer in the configuration.
    NoReader,
    /// Not now, and the attempt does not count.
    PutOff {
        code: &'static str,
        words: String,
        until: Timestamp,
        silence: Option<Silence>,
    },
    /// Something of ours failed before anything was sent: the attempt does not count.
    NotTried {
        code: &'static str,
        words: String,
    },
    /// Something may have been sent.
    SendFailed(SendError),
    /// Nothing more is tried.
    GiveUp(String),
}

impl Decided {
    /// Put off for a reason that has a name of its own.
    pub fn put_off_for(reason: Silence, until: Timestamp) -> Self {
        Self::PutOff { code: reason.code(), words: reason.words().into(), until, silence: Some(reason) }
    }
}

/// An attempt that is to be settled.
pub(super) struct Attempted {
    pub decided: Decided,
    /// What was or would have been said, and what turned out to be over.
    pub looked: Rechecked,
    /// Whose address it was, on a channel that needs one.
    pub address: Option<AddressHash>,
    /// Why nothing more may be sent after this.
    pub stops: Option<DeliverError>,
}

impl From<Decided> for Attempted {
    fn from(decided: Decided) -> Self {
        Self { decided, looked: Rechecked::default(), address: None, stops: None }
    }
}

impl Deliverer {
    pub(super) async fn attempt(&self, claimed: ClaimedDelivery) -> (ClaimedDelivery, Result<Ended, DeliverError>) {
        let ended = self.try_once(&claimed).await;
        (claimed, ended)
    }

    async fn try_once(&self, claimed: &ClaimedDelivery) -> Result<Ended, DeliverError> {
        let Some(channel) = self.channels.iter().find(|channel| *channel.name() == claimed.channel) else {
            // Not ours: claims name our channels only.
            return Ok(Ended { closed: 0, outcome: Outcome::LeaseLost, reached: false });
        };
        let channel = channel.as_ref();
        let mut attempted = match (self.used_up(claimed), claimed.kind) {
            (Some(words), _) => Decided::GiveUp(words).into(),
            (None, None) => Decided::GiveUp("this version does not know what it says".into()).into(),
            (None, Some(kind)) if !kind.is_for_a_user() => self.tell_operator(channel, claimed).await.into(),
            (None, Some(kind)) => self.tell_user(channel, claimed, kind).await?,
        };
        let stops = attempted.stops.take();
        let ended = self.settle(claimed, attempted).await?;
        stops.map_or(Ok(ended), Err)
    }

    /// Why nothing more may be tried, where that is so.
    fn used_up(&self, claimed: &ClaimedDelivery) -> Option<String> {
        // Only workers that died can have used them up: whoever settles an attempt gives up at the last.
        let used_up = claimed.attempt_of_allowance > self.retry.max_attempts;
        used_up.then(|| format!("its worker died {} times", claimed.attempt_of_allowance - 1))
    }

    async fn tell_operator(&self, channel: &dyn Channel, claimed: &ClaimedDelivery) -> Decided {
        let Some(event) = claimed.about.clone() else {
            return Decided::GiveUp("what it says cannot be read".into());
        };
        let Ok(to) = self.reader_of(channel, &event) else {
            return Decided::NoReader;
        };
        let notice = OperatorNotice {
            to,
            delivery: claimed.id.clone(),
            notification: claimed.notification.clone(),
            outside_id: claimed.outside_id.clone(),
            event,
            created_at: claimed.created_at,
            now: self.clock.now(),
        };
        bounded(channel.send_event(&notice)).await
    }

    /// Which of the channel's addresses an event is for; none where it is for one place. Fails where it was for one that
    /// is no longer in the configuration.
    fn reader_of(&self, channel: &dyn Channel, event: &OperatorEvent) -> Result<Option<EmailAddress>, NoSuchReader> {
        let OperatorEvent::ReportReady { reader: Some(reader), .. } = event else { return Ok(None) };
        let key = &self.settings.address_key;
        let same = |address: &&EmailAddress| key.hash(address).to_hex() == reader.address;
        channel.readers().iter().find(same).cloned().map(Some).ok_or(NoSuchReader)
    }

    async fn tell_user(
        &self,
        channel: &dyn Channel,
        claimed: &ClaimedDelivery,
        kind: EventKind,
    ) -> Result<Attempted, DeliverError> {
        let recovered = kind == EventKind::ReconnectRecovered;
        if recovered && !channel.needs_address() {
            // A fact on record, told to a machine: it needs neither an address nor another look.
            let looked = self.ends(claimed).await?;
            return Ok(self.tell(channel, claimed, NoticeKind::Recovered, Contact::default(), None, looked).await);
        }
        let reached = match self.reach(channel, claimed).await? {
            Ok(reached) => reached,
            Err(decided) => return Ok(decided.into()),
        };
        if !recovered {
            fault::point("deliver.before_look");
        }
        let look =
            async { if recovered { self.ends_that_hold(claimed).await } else { self.look_again(claimed).await } };
        let looked = match timeout(RECHECK_LIMIT, Box::pin(look)).await {
            Ok(Ok(looked)) => looked,
            Ok(Err(DeliverError::Store(error))) => return Err(DeliverError::Store(error)),
            Ok(Err(DeliverError::Provider(error))) => {
                let words = format!("not sent: {error}");
                // Where nobody may be told anything now, the lease goes back so that the next run can go on at once.
                let stops = error.stops_the_run().then_some(DeliverError::Provider(error));
                return Ok(Attempted { stops, ..Decided::NotTried { code: PROVIDER_FAILED, words }.into() });
            }
            Err(_) => {
                let words = "not sent: the provider was too slow".into();
                return Ok(Decided::NotTried { code: PROVIDER_FAILED, words }.into());
            }
        };
        let kind = if recovered { NoticeKind::Recovered } else { NoticeKind::Reconnect };
        let looked = self.without_stopped(reached.address.as_ref(), looked).await?;
        let language = LinkLanguage {
            mail: channel.language(reached.contact.locale.as_deref()),
            reader: reached.contact.language_tag(),
        };
        let looked = if recovered { looked } else { self.with_links(claimed, &language, looked).await? };
        Ok(self.tell(channel, claimed, kind, reached.contact, reached.address, looked).await)
    }

    /// Sends what is left to say, if anything is.
    async fn tell(
        &self,
        channel: &dyn Channel,
        claimed: &ClaimedDelivery,
        kind: NoticeKind,
        contact: Contact,
        address: Option<AddressHash>,
        looked: Rechecked,
    ) -> Attempted {
        if looked.items.is_empty() {
            let decided = match (looked.told_elsewhere, looked.dropped.first()) {
                // Called off it would never be said here, because on another channel it was.
                (Some((reason, until)), _) => Decided::put_off_for(reason, until),
                (None, Some(Silence::Pending)) if self.clock.now() - claimed.created_at < MOST_POSTPONED => {
                    Decided::put_off_for(Silence::Pending, self.clock.now() + POSTPONE)
                }
                (None, reason) => Decided::Cancel(reason.copied().unwrap_or(Silence::Healed)),
            };
            return Attempted { decided, looked, address, stops: None };
        }
        let link = self.settings.unsubscribe.as_ref().filter(|_| channel.needs_address());
        let notice = Notice {
            delivery: claimed.id.clone(),
            notification: claimed.notification.clone(),
            outside_id: claimed.outside_id.clone(),
            kind,
            user: claimed.user.clone(),
            unsubscribe: link.and_then(|link| {
                let language = channel.language(contact.locale.as_deref());
                link.link_for(&contact, language.as_deref(), &looked.toolkits())
            }),
            contact,
            items: looked.items.clone(),
            created_at: claimed.created_at,
            now: self.clock.now(),
        };
        fault::point("deliver.before_send");
        let decided = bounded(channel.send(&notice)).await;
        fault::point("deliver.after_send");
        Attempted { decided, looked, address, stops: None }
    }
}

/// The address an event was for is no longer in the configuration.
struct NoSuchReader;

/// What came of an exchange, which may not take for ever.
async fn bounded(exchange: impl Future<Output = Result<Receipt, SendError>>) -> Decided {
    match timeout(SEND_LIMIT, exchange).await {
        Ok(Ok(receipt)) => Decided::Sent(receipt),
        Ok(Err(error)) => Decided::SendFailed(error),
        Err(_) => Decided::SendFailed(failure(FailureClass::OutcomeUnknown, "no answer in time".into())),
    }
}

fn failure(class: FailureClass, detail: String) -> SendError {
    SendError { class, detail }
}
