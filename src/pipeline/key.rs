//! What a run shows of our key: the provider refuses it, or takes it.
//!
//! Turns the first refusal into an event for the operator, and the first answer after that into the end of the matter.
//! The event goes out although the run stops: telling the operator needs no provider. A crash before the event is
//! written leaves nothing, one after it a pending delivery; either way the next run that is refused sends it.

use super::{Pipeline, RunError, Running};
use crate::domain::{DeliveryId, NotificationId, OperatorEvent, RunCounters, causes, scrub};
use crate::ports::ProviderError;
use crate::store::{NewDelivery, NewOperatorEvent};
use crate::telemetry::events;

/// What else the provider said is a slug in brackets.
const MAX_DETAIL_CHARS: usize = 100;

impl Pipeline {
    /// Notes what the run showed of the key, and tells the operator where it is refused. Fails nothing: how the run
    /// ended is known already.
    pub(super) async fn note_key(&self, running: &mut Running, error: Option<&RunError>) {
        let noted = match error {
            Some(RunError::Provider(ProviderError::Unauthorized { status, detail })) => {
                Box::pin(self.key_is_refused(*status, detail, &mut running.counters)).await
            }
            // An outage shows nothing of the key; an answer does, also in a run that failed for another reason.
            _ if self.ports.provider.usage().accepted != running.usage_before.accepted => self.key_is_taken().await,
            _ => Ok(()),
        };
        if let Err(error) = noted {
            tracing::warn!(
                event = events::RUN_UNTIDY, error = %causes(&error),
                "What this run showed of the provider's key could not be written down or told; the next one does."
            );
        }
    }

    async fn key_is_refused(&self, status: u16, detail: &str, counters: &mut RunCounters) -> Result<(), RunError> {
        let now = self.ports.clock.now();
        let event = OperatorEvent::KeyRefused { status, detail: scrub(detail, MAX_DETAIL_CHARS) };
        let carrying = self.ports.channels.iter().filter(|channel| channel.carries(event.kind()));
        let deliveries = carrying
            .map(|channel| NewDelivery {
                id: DeliveryId::new(self.mint.uuid(now)),
                channel: channel.name().clone(),
                outside_id: channel.outside_id(&self.mint.uuid(now)),
            })
            .collect();
        let new = NewOperatorEvent { id: NotificationId::new(self.mint.uuid(now)), event, deliveries };
        let mut work = self.store.begin().await?;
        let first = work.key_refused(now).await?;
        if first {
            work.insert_operator_event(&new, &self.run_id, now).await?;
            work.commit().await?;
        } else {
            work.roll_back();
        }
        tracing::error!(
            event = events::KEY_REFUSED,
            http_status = status,
            first,
            "The provider refuses the key: nobody is audited and nobody is told. Put a key it takes into [composio] \
             api_key; `reconnectd check` tries it."
        );
        self.deliverer().deliver_events(counters).await?;
        Ok(())
    }

    async fn key_is_taken(&self) -> Result<(), RunError> {
        let mut work = self.store.begin_read().await?;
        let refused = work.key_refused_at().await?;
        work.roll_back();
        if refused.is_none() {
            return Ok(()); // Nearly always; nothing is to be written for it.
        }
        let mut work = self.store.begin().await?;
        let since = work.key_accepted().await?;
        work.commit().await?;
        if let Some(since) = since {
            let refused_for = (self.ports.clock.now() - since).num_milliseconds();
            tracing::info!(
                event = events::KEY_ACCEPTED,
                duration_ms = refused_for,
                "The provider takes the key again."
            );
        }
        Ok(())
    }
}
