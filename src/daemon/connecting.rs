//! Waiting for everything to be reachable: tried again with longer and longer pauses, said once per change.
//!
//! Nothing is stored but the beginning of the schedule. Dropping it leaves nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::assembly::{Assembly, Connected, Trouble};
use super::board::Board;
use super::body::{Failure, FailureKind};
use crate::config::Config;
use crate::domain::{IdMint, JobName, RunId};
use crate::ports::{Clock, ProviderError};
use crate::schedule::Claims;
use crate::store::StoreError;
use crate::telemetry::events;

/// The first pause; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// For writing down that the schedule is followed from here on.
const BEGIN_LIMIT: Duration = Duration::from_mins(1);
/// The key is looked at for so long at the start; a provider that is down is met by the first audit.
const KEY_LIMIT: Duration = Duration::from_secs(30);

/// What connecting needs, apart from the daemon so that it can go on beside it.
pub(super) struct Connecting {
    pub assembly: Arc<dyn Assembly>,
    pub config: Arc<Config>,
    pub clock: Arc<dyn Clock>,
    pub mint: Arc<IdMint>,
    pub holder: String,
    pub board: Arc<Board>,
}

/// Everything reached, and the schedule followed from here on.
pub(super) struct Ready {
    pub connected: Connected,
    pub claims: Claims,
    pub seed: String,
}

impl Connecting {
    /// Tries until it succeeds, or fails for good.
    pub(super) async fn connect(self) -> Result<Ready, Trouble> {
        let mut pause = FIRST_PAUSE;
        let mut said: Option<Trouble> = None;
        loop {
            let trouble = match self.try_once().await {
                Ok(ready) => {
                    self.board.waits_for(None);
                    if said.is_some() {
                        tracing::info!(event = events::DAEMON_CONNECTED, "Everything can be reached now.");
                    }
                    return Ok(ready);
                }
                Err(trouble) => trouble,
            };
            if trouble.failure.class != FailureKind::Passing {
                return Err(trouble);
            }
            // A server that is gone has more than one way of saying so; what cannot be reached is the news.
            if said.as_ref().is_none_or(|said| said.with != trouble.with) {
                tracing::warn!(
                    event = events::DAEMON_WAITING, dependency = trouble.with, error = %trouble.failure.words,
                    "It cannot be reached; it is tried again until it can. Nothing else is done meanwhile."
                );
                self.board.waits_for(Some(trouble.with.to_owned()));
                said = Some(trouble);
            }
            self.clock.sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn try_once(&self) -> Result<Ready, Trouble> {
        let connected = self.assembly.connect(&self.config).await?;
        let store = connected.parts.store.clone();
        // An occurrence's claim outlives its process as long as the right to run does.
        let ttl = connected.parts.live().settings.lease_ttl;
        let claims = Claims { store, clock: Arc::clone(&self.clock), holder: self.holder.clone(), ttl };
        let fresh = self.mint.uuid(self.clock.now());
        let begun = tokio::time::timeout(BEGIN_LIMIT, claims.begin(&self.config.schedule, &fresh)).await;
        let seed = begun.map_err(|_| silent_state())?.map_err(|error| state_trouble(&error))?;
        self.look_at_key(&connected).await?;
        Ok(Ready { connected, claims, seed })
    }

    /// A key that is refused is found at the start, not at the first audit.
    async fn look_at_key(&self, connected: &Connected) -> Result<(), Trouble> {
        let provider = Arc::clone(&connected.parts.live().ports.provider);
        let since = self.clock.now();
        let looked = tokio::time::timeout(KEY_LIMIT, provider.check()).await;
        if let Ok(looked) = &looked {
            let run = RunId::new(self.mint.uuid(since));
            let pipeline = connected.parts.pipeline(
                JobName::Audit,
                run,
                CancellationToken::new(),
                Arc::clone(&connected.parts.pulse),
            );
            let noted = pipeline.note_look_at_key(since, looked.as_ref().copied());
            if tokio::time::timeout(KEY_LIMIT, Box::pin(noted)).await.is_err() {
                tracing::warn!(event = events::RUN_UNTIDY, "The operator could not be told of the key in time.");
            }
        }
        let words = match looked {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error @ ProviderError::Unauthorized { .. })) => {
                let failure = Failure::new(FailureKind::KeyRefused, &error);
                return Err(Trouble { with: "the provider", failure });
            }
            Ok(Err(error)) => crate::domain::causes(&error),
            Err(_) => "no answer in time".to_owned(),
        };
        tracing::warn!(
            event = events::DAEMON_WAITING, dependency = "the provider", error = %words,
            "It cannot be reached; the jobs begin all the same and try again until it can."
        );
        Ok(())
    }
}

fn state_trouble(error: &StoreError) -> Trouble {
    Trouble { with: "the state database", failure: Failure::from(error) }
}

fn silent_state() -> Trouble {
    let failure = Failure { class: FailureKind::Passing, words: "no answer in time".into() };
    Trouble { with: "the state database", failure }
}
