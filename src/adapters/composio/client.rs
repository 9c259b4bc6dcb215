//! The provider as the rest of the product sees it: settings become a client, user ids become account lists.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;

use super::caller::Caller;
use super::limiter::{Limiter, Place};
use super::link::may_link;
use super::list::ListUrl;
use super::request::Sender;
use super::settings::{ComposioSettings, ComposioSettingsError, is_loopback};
use crate::domain::{Account, AccountId, IdMint, UserId};
use crate::ports::{AccountList, Clock, HostedLink, LinkWanted, Provider, ProviderError, ProviderUsage};
use crate::telemetry::{Metrics, Pulse};

/// Composio over HTTPS. One per process: it holds the limiter all tasks share.
pub struct ComposioProvider {
    pub(super) sender: Sender,
    pub(super) limiter: Limiter,
    pub(super) max_attempts: AtomicU32,
    pub(super) pulse: Arc<Pulse>,
    pub(super) mint: IdMint,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) list_url: ListUrl,
    /// The provider runs on this host, so its pages may be there too.
    pub(super) loopback: bool,
    pub(super) metrics: Arc<Metrics>,
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
            loopback: is_loopback(&settings.base_url),
            list_url: ListUrl::new(settings.base_url)?,
            metrics: Arc::new(Metrics::new()),
        })
    }

    /// The same, counting into the process's metrics.
    #[must_use]
    pub fn counting_into(mut self, metrics: &Arc<Metrics>) -> Self {
        self.limiter.count_into(Arc::clone(metrics));
        Self { metrics: Arc::clone(metrics), ..self }
    }

    /// The same, telling `pulse` of every attempt.
    #[must_use]
    pub fn with_pulse(self, pulse: Arc<Pulse>) -> Self {
        Self { pulse, ..self }
    }

    /// As audits and deliveries ask: one after the other, and the reserve is left to others.
    fn scanning(&self) -> Caller<'_> {
        Caller { provider: self, place: Place::InTurn }
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
}

#[async_trait]
impl Provider for ComposioProvider {
    async fn accounts_of(&self, users: &[UserId]) -> Result<AccountList, ProviderError> {
        self.scanning().accounts_of(users).await
    }

    async fn accounts_by_id(&self, user: &UserId, ids: &[AccountId]) -> Result<Vec<Account>, ProviderError> {
        self.scanning().accounts_by_id(user, ids).await
    }

    async fn link(&self, wanted: &LinkWanted) -> Result<HostedLink, ProviderError> {
        self.scanning().link(wanted).await
    }

    async fn check(&self) -> Result<(), ProviderError> {
        self.scanning().page(&self.list_url.check(), false).await.map(drop)
    }

    async fn check_link(&self) -> Result<(), ProviderError> {
        may_link(self.scanning(), &self.list_url.link()?).await
    }

    fn usage(&self) -> ProviderUsage {
        self.sender.usage()
    }
}

/// The same client for people who wait for their page: their requests go ahead of every other, and the reserve is
/// there for them. What the provider asks everybody to wait, they wait too.
#[derive(Debug)]
pub struct ForPeople(Arc<ComposioProvider>);

impl ForPeople {
    /// Shares the limiter, and everything else, with `provider`.
    pub fn new(provider: Arc<ComposioProvider>) -> Self {
        Self(provider)
    }

    fn caller(&self) -> Caller<'_> {
        Caller { provider: &self.0, place: Place::Ahead }
    }
}

#[async_trait]
impl Provider for ForPeople {
    async fn accounts_of(&self, users: &[UserId]) -> Result<AccountList, ProviderError> {
        self.caller().accounts_of(users).await
    }

    async fn accounts_by_id(&self, user: &UserId, ids: &[AccountId]) -> Result<Vec<Account>, ProviderError> {
        self.caller().accounts_by_id(user, ids).await
    }

    async fn link(&self, wanted: &LinkWanted) -> Result<HostedLink, ProviderError> {
        self.caller().link(wanted).await
    }

    async fn check(&self) -> Result<(), ProviderError> {
        self.0.check().await
    }

    async fn check_link(&self) -> Result<(), ProviderError> {
        self.0.check_link().await
    }

    fn usage(&self) -> ProviderUsage {
        self.0.usage()
    }
}
