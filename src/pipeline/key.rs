//! What a run, or the look at the start of the daemon, shows of our key: the provider refuses it, or takes it.
//!
//! Turns the first refusal into an event for the operator, and the first answer after that into the end of the matter.
//! The event goes out although the run stops: telling the operator needs no provider. A crash before the event is
//! written leaves nothing, one after it a pending delivery; either way the next run that is refused sends it.

use super::{Pipeline, RunError};
use crate::domain::{KeyUse, OperatorEvent, RunCounters, Timestamp, causes, key_remedy};
use crate::ports::{ProviderError, ProviderUsage, carrying};
use crate::store::NewOperatorEvent;
use crate::telemetry::events;

impl Pipeline {
    /// Notes what the run that began at `since`, after `before` had been asked, showed of the key, and tells the operator
    /// where it is refused. Fails nothing: how the run ended is known already.
    pub(super) async fn note_key(
        &self,
        before: ProviderUsage,
        since: Timestamp,
        counters: &mut RunCounters,
        error: Option<&RunError>,
    ) {
        let noted = match error {
            Some(RunError::Provider(ProviderError::Unauthorized { status, detail })) => {
                Box::pin(self.key_is_refused(*status, detail, counters)).await
            }
            // An outage shows nothing of the key; an answer does, also in a run that failed for another reason.
            _ if self.ports.provider.usage().accepted != before.accepted => self.key_is_taken(since).await,
            _ => Ok(()),
        };
        self.say_untidy(noted);
    }

    /// Notes what one look at the key at `since`, outside a run, showed of it, and tells the operator where it is refused.
    pub async fn note_look_at_key(&self, since: Timestamp, looked: Result<(), &ProviderError>) {
        let noted = match looked {
            Ok(()) => self.key_is_taken(since).await,
            Err(ProviderError::Unauthorized { status, detail }) => {
                Box::pin(self.key_is_refused(*status, detail, &mut RunCounters::default())).await
            }
            Err(_) => Ok(()),
        };
        self.say_untidy(noted);
    }

    fn say_untidy(&self, noted: Result<(), RunError>) {
        if let Err(error) = noted {
            tracing::warn!(
                event = events::RUN_UNTIDY, run_id = %self.run_id, error = %causes(&error),
                "What was shown of the provider's key could not be written down or told; the next run does."
            );
        }
    }

    async fn key_is_refused(&self, status: u16, detail: &str, counters: &mut RunCounters) -> Result<(), RunError> {
        let now = self.ports.clock.now();
        let event = OperatorEvent::key_refused(status, detail);
        let new = NewOperatorEvent::to(carrying(&self.ports.channels, event.kind()), event, &self.mint, now);
        let mut work = self.store.begin().await?;
        let mut first = work.key_refused(now).await?;
        if first {
            first = work.insert_operator_event(&new, &self.run_id, now).await?;
            work.commit().await?;
        } else {
            work.roll_back();
        }
        tracing::error!(
            event = events::KEY_REFUSED,
            http_status = status,
            first,
            "The provider refuses the key: nobody is audited and nobody is told. {} `reconnectd check` tries it.",
            key_remedy(status, KeyUse::Read)
        );
        self.deliverer().deliver_events(counters).await?;
        Ok(())
    }

    /// What was taken from `since` on shows nothing of a refusal that came later.
    async fn key_is_taken(&self, since: Timestamp) -> Result<(), RunError> {
        let mut work = self.store.begin_read().await?;
        let refused = work.key_refused_at().await?;
        work.roll_back();
        let Some(refused) = refused.filter(|refused| *refused < since) else {
            return Ok(()); // Nearly always; nothing is to be written for it.
        };
        let mut work = self.store.begin().await?;
        let first = work.key_accepted(refused).await?;
        work.commit().await?;
        if first {
            let refused_for = (self.ports.clock.now() - refused).num_milliseconds();
            tracing::info!(
                event = events::KEY_ACCEPTED,
                duration_ms = refused_for,
                "The provider takes the key again."
            );
        }
        Ok(())
    }
}
