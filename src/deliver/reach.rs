//! Whether and how a user can be reached on a channel right now: the part of an attempt before anything is asked
//! or sent, for channels that write to addresses.
//!
//! Nothing is written here. What stands in the way is handed back as the end of the attempt.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::timeout;

use super::attempt::{DIRECTORY_FAILED, Decided, MAX_DETAIL_CHARS};
use super::pace::Room;
use super::{DeliverError, Deliverer};
use crate::domain::{AddressHash, Contact, EventKind, Silence, Timestamp, causes, scrub};
use crate::ports::Channel;
use crate::store::ClaimedDelivery;

/// A user who may be written to now.
pub(super) struct Reached {
    /// Read from the directory just now.
    pub contact: Contact,
    /// The hash of the address, on a channel that needs one.
    pub address: Option<AddressHash>,
}

/// Reading one address, the directory's own retries included.
pub(super) const CONTACT_LIMIT: Duration = Duration::from_mins(1);

/// The longest period the policy counts notifications over.
const WEEK: TimeDelta = TimeDelta::days(7);

/// The code of an attempt that waits for the sending rates.
pub(super) const PACED: &str = "paced";

impl Deliverer {
    /// The user's contact, if nothing speaks against writing there now; else how the attempt ends.
    pub(super) async fn reach(
        &self,
        channel: &dyn Channel,
        claimed: &ClaimedDelivery,
    ) -> Result<Result<Reached, Decided>, DeliverError> {
        let contact = match timeout(CONTACT_LIMIT, self.directory.contact(&claimed.user)).await {
            Ok(Ok(Some(contact))) => contact,
            Ok(Ok(None)) => return Ok(Err(Decided::Cancel(Silence::UserGone))),
            Err(_) => {
                let words = "the directory was too slow".into();
                return Ok(Err(Decided::NotTried { code: DIRECTORY_FAILED, words }));
            }
            Ok(Err(error)) => {
                let words = scrub(&causes(&error), MAX_DETAIL_CHARS);
                return Ok(Err(Decided::NotTried { code: DIRECTORY_FAILED, words }));
            }
        };
        if !channel.needs_address() {
            return Ok(Ok(Reached { contact, address: None }));
        }
        let Some(email) = &contact.email else { return Ok(Err(Decided::Cancel(Silence::NoAddress))) };
        let address = self.settings.address_key.hash(email);
        let mut work = self.store.begin_read().await?;
        let suppressed = work.is_suppressed(&address).await?;
        work.roll_back();
        if suppressed {
            return Ok(Err(Decided::Cancel(Silence::Suppressed)));
        }
        let now = self.clock.now();
        if let Some(until) = self.quiet.next_opening(now, contact.timezone.as_deref(), &claimed.user) {
            return Ok(Err(Decided::put_off_for(Silence::QuietHours, until)));
        }
        if let Some((reason, until)) = self.too_soon(claimed, now).await? {
            return Ok(Err(Decided::put_off_for(reason, until)));
        }
        let room = self.pace().room(email.domain(), now);
        match room {
            Room::After(wait) => {
                if !wait.is_zero() {
                    self.clock.sleep(wait).await;
                }
                Ok(Ok(Reached { contact, address: Some(address) }))
            }
            Room::NotBefore(until) => {
                let words = "as many mails to this domain as [email] max_per_domain_per_minute allows".to_owned();
                Ok(Err(Decided::PutOff { code: PACED, words, until, silence: None }))
            }
        }
    }

    /// Why this user is not written to again yet on this channel, and until when: notifications that waited, for a
    /// mended server or a pause of the receiver's, keep the distances of the policy on their way too.
    async fn too_soon(
        &self,
        claimed: &ClaimedDelivery,
        now: Timestamp,
    ) -> Result<Option<(Silence, Timestamp)>, DeliverError> {
        let policy = &self.settings.notices;
        if claimed.kind != Some(EventKind::ReconnectRequested) {
            return Ok(None);
        }
        let mut work = self.store.begin_read().await?;
        let arrived = work.arrived_on(claimed, now - WEEK).await?;
        work.roll_back();
        Ok(policy.hold(&arrived, now))
    }
}
