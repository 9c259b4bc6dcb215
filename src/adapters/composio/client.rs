//! The provider as the rest of the product sees it: settings become a client, user ids become account lists.

use std::fmt;
use std::sync::Arc;

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

/// Composio over HTTPS. One per process: it holds the limiter all tasks share.
pub struct ComposioProvider {
    sender: Sender,
    limiter: Limiter,
    rules: RetryRules,
    mint: IdMint,
    clock: Arc<dyn Clock>,
    list_url: ListUrl,
}

impl fmt::Debug for ComposioProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ComposioProvider").field("rules", &self.rules).finish_non_exhaustive()
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
            rules: RetryRules { max_attempts: settings.max_attempts, deadline: DEADLINE },
            mint: IdMint::new(seed),
            clock,
            list_url: ListUrl::new(settings.base_url)?,
        })
    }

    /// One page, with repetitions.
    pub(super) async fn page(&self, url: &Url, many_users: bool) -> Result<Page, ProviderError> {
        let attempt = |number| async move {
            let now = self.clock.now();
            let request_id = self.mint.uuid(now);
            self.sender.get(Attempt { url, number, many_users, request_id: &request_id, now }, &self.limiter).await
        };
        let body = with_retries(self.rules, &self.limiter, &self.mint, attempt).await?;
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
