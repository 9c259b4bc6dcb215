//! The provider refuses to make connect pages, or to say how things stand: what a person must mend is told to the operator.
//!
//! Turns a refusal into one event per auth config, or per other cause, until a page is made again. The event is in the
//! outbox of the channels that carry it before anybody reads that something must be put right, and the page of `status`
//! knows it whether there is such a channel or not; a crash before that leaves nothing, and the next click tells.

use super::Reconnect;
use super::observe::AskError;
use crate::domain::{AuthConfigId, ConnectRefusal, IncidentId, KeyUse, OperatorEvent, Timestamp, UserId, causes};
use crate::ports::{ProviderError, carrying};
use crate::store::{LinkedIncident, NewOperatorEvent, StoreError, Work};
use crate::telemetry::events;

/// What a person must mend before people can reconnect again, and the answer that says so.
pub(super) struct Refusal<'a> {
    pub reason: ConnectRefusal,
    /// The HTTP status, and what else was said.
    answer: (u16, &'a str),
    error: &'a ProviderError,
}

/// Whom and what a refusal kept from going on.
#[derive(Clone, Copy)]
pub(super) struct Refused<'a> {
    pub user: &'a UserId,
    pub incident: &'a IncidentId,
    pub auth_config: &'a AuthConfigId,
}

impl<'a> Refusal<'a> {
    /// What an error says of it, met while the key was used so; none where trying again may help.
    pub fn of(error: &'a ProviderError, used: KeyUse) -> Option<Self> {
        let (reason, answer) = match error {
            ProviderError::Rejected { status, detail } if used == KeyUse::Link => {
                (ConnectRefusal::AuthConfig, (*status, detail.as_str()))
            }
            ProviderError::Unauthorized { status, detail } => {
                (ConnectRefusal::of_key(*status, used), (*status, detail.as_str()))
            }
            ProviderError::Gone => (ConnectRefusal::Release, (410, "")),
            // It answered well, and with what was not asked for.
            ProviderError::ForeignAccount { .. } => (ConnectRefusal::Isolation, (200, "")),
            _ => return None,
        };
        Some(Self { reason, answer, error })
    }

    /// Says it, with what mends it.
    fn log(&self, refused: Refused<'_>, first: bool) {
        tracing::error!(
            event = events::RECONNECT_REFUSED,
            user = %refused.user, incident_id = %refused.incident, auth_config = %refused.auth_config,
            reason = self.reason.code(), http_status = self.answer.0, first, error = %causes(self.error),
            "Somebody cannot reconnect, nor can others, until a person acts. {}", self.reason.remedy()
        );
    }
}

impl Reconnect {
    /// Puts word of a refusal into the outbox where it was not told yet, in `work`, which is committed; then logs it.
    pub(super) async fn refuse(
        &self,
        mut work: Work,
        refused: Refused<'_>,
        refusal: &Refusal<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut first = work.connect_refused(refusal.reason, refused.auth_config, now).await?;
        if first {
            let event = OperatorEvent::connect_refused(refusal.reason, refused.auth_config, refusal.answer);
            let new = NewOperatorEvent::to(carrying(&self.channels, event.kind()), event, &self.mint, now);
            first = work.insert_operator_event(&new, &self.run, now).await?;
        }
        work.commit().await?;
        refusal.log(refused, first);
        Ok(())
    }

    /// Tells and logs where the provider refuses to say how things stand. Says whether it does; what may pass is left to
    /// the caller.
    pub(super) async fn refused_to_say(&self, incident: &LinkedIncident, error: &AskError) -> Result<bool, StoreError> {
        let AskError::Provider(error) = error else { return Ok(false) };
        let Some(refusal) = Refusal::of(error, KeyUse::Read) else { return Ok(false) };
        let auth_config = &incident.anchor.account.auth_config;
        let refused = Refused { user: &incident.user, incident: &incident.id, auth_config };
        let work = self.store.begin().await?;
        self.refuse(work, refused, &refusal, self.clock.now()).await?;
        Ok(true)
    }
}
