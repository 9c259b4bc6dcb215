//! The provider refuses to make connect pages: the operator is told, so that what the person reads of that is so.
//!
//! Turns a refusal into one event per auth config, or per key, until a page is made with it again. The event is in the
//! outbox before anybody reads that the team knows; a crash before that leaves nothing, and the next click tells.

use super::Reconnect;
use crate::domain::{AuthConfigId, NotificationId, OperatorEvent, Timestamp, scrub};
use crate::ports::ProviderError;
use crate::store::{NewDelivery, NewOperatorEvent, StoreError, Work};

/// What else the provider said is a slug in brackets.
const MAX_DETAIL_CHARS: usize = 100;

/// What a person must mend before the provider makes pages again.
pub(super) enum Refusal {
    AuthConfig,
    Key,
}

impl Refusal {
    /// What an error says of it; none where trying again may help.
    pub fn of(error: &ProviderError) -> Option<Self> {
        match error {
            ProviderError::Rejected { .. } => Some(Self::AuthConfig),
            ProviderError::Unauthorized { .. } => Some(Self::Key),
            _ => None,
        }
    }
}

impl Reconnect {
    /// Puts word of a refusal into the outbox, where it is one and was not told yet. Says whether it was put there.
    pub(super) async fn tell_of_refusal(
        &self,
        work: &mut Work,
        auth_config: &AuthConfigId,
        error: &ProviderError,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (ProviderError::Rejected { status, detail } | ProviderError::Unauthorized { status, detail }) = error
        else {
            return Ok(false);
        };
        let of_key = matches!(Refusal::of(error), Some(Refusal::Key));
        let auth_config = Some(auth_config).filter(|_| !of_key);
        if !work.connect_refused(auth_config, now).await? {
            return Ok(false);
        }
        let event = OperatorEvent::ConnectRefused {
            auth_config: auth_config.map(|id| id.as_str().to_owned()),
            status: *status,
            detail: scrub(detail, MAX_DETAIL_CHARS),
        };
        let carrying = self.channels.iter().filter(|channel| channel.carries(event.kind()));
        let deliveries = carrying
            .map(|channel| NewDelivery::on(channel.name(), |uuid| channel.outside_id(uuid), &self.mint, now))
            .collect();
        let id = NotificationId::new(self.mint.uuid(now));
        work.insert_operator_event(&NewOperatorEvent { id, event, deliveries }, &self.run, now).await?;
        Ok(true)
    }
}
