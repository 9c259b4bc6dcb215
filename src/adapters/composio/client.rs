//! The provider as the rest of the product sees it: settings become a client, user ids become account lists.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use url::Url;

use super::limiter::Limiter;
use super::list::{ListUrl, read_by_id, read_list};
use super::request::{Attempt, Sender};
use super::retry::{DEADLINE, RetryRules, with_retries};
use super::settings::{ComposioSettings, ComposioSettingsError};
use super::wire::{Page, parse_page};
use crate::domain::{Account, AccountId, IdMint, UserId};
use crate::ports::{AccountList, Clock, Provider, ProviderError, ProviderUsage};
use crate::telemetry::Pulse;

/// Composio over HTTPS. One per process: it holds the limiter all tasks share.
pub struct ComposioProvider {
    sender: Sender,
    limiter: Limiter,
    max_attempts: AtomicU32,
    pulse: Arc<Pulse>,
    mint: IdMint,
    clock: Arc<dyn Clock>,
    list_url: ListUrl,
}

impl fmt::Debug for ComposioProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ComposioProvider").field("max_attempts", &self.max_attempts).finish_non_exhaustive()
    }
}

impl ComposioProvider {
    /// Builds the client; sends nothing. `seed` spreads the waits and makes the request ids. A TLS
    /// implementation must have been installed as the process default before.
    pub fn new(settings: ComposioSettings, clock: Arc<dyn Clock>, seed: u64) -> Result<Self, ComposioSettingsError> {
        settings.validate()?;
        let sender = Sender::new(&settings)?;
        Ok(Self {
            sender,
            limiter: Limiter::new(settings.requests_per_minute, settings.reserve),
            max_attempts: AtomicU32::new(settings.max_attempts),
            pulse: Arc::default(),
            mint: IdMint::new(seed),
            clock,
            list_url: ListUrl::new(settings.base_url)?,
        })
    }

    /// The same, telling `pulse` of every attempt.
    #[must_use]
    pub fn with_pulse(self, pulse: Arc<Pulse>) -> Self {
        Self { pulse, ..self }
    }

    /// From now on these settings hold, but for the address, which stays; for requests that wait for their permit too.
    /// There is one limiter before and after. Nothing changes where they are refused.
    pub fn adjust(&self, settings: &ComposioSettings) -> Result<(), ComposioSettingsError> {
        settings.validate()?;
        self.sender.replace(settings)?;
        self.limiter.adjust(settings.requests_per_minute, settings.reserve);
        self.max_attempts.store(settings.max_attempts, Ordering::Relaxed);
        Ok(())
    }

    /// One page, with repetitions.
    pub(super) async fn page(&self, url: &Url, many_users: bool) -> Result<Page, ProviderError> {
        let attempt = |number| async move {
            let now = self.clock.now();
            let request_id = self.mint.uuid(now);
            self.pulse.beat(); // Its permit came, perhaps after a pause.
            let attempt = Attempt { url, number, many_users, request_id: &request_id, now };
            let answer = self.sender.get(attempt, &self.limiter).await;
            self.pulse.beat();
            answer
        };
        let rules = RetryRules { max_attempts: self.max_attempts.load(Ordering::Relaxed), deadline: DEADLINE };
        let body = with_retries(rules, &self.limiter, &self.mint, attempt).await?;
        parse_page(&body).map_err(ProviderError::Malformed)
    }
}

#[async_trait]
impl Provider for ComposioProvider {
    async fn accounts_of(&self, users: &[UserId]) -> Result<AccountList, ProviderError> {
        read_list(self, &self.list_url, users).await
    }

    async fn accounts_by_id(&self, user: &UserId, ids: &[AccountId]) -> Result<Vec<Account>, ProviderError> {
        read_by_id(self, &self.list_url, user, ids).await
    }

    async fn check(&self) -> Result<(), ProviderError> {
        self.page(&self.list_url.check(), false).await.map(drop)
    }

    fn usage(&self) -> ProviderUsage {
        self.sender.usage()
    }
}
