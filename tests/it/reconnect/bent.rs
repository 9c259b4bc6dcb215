//! The provider with something wrong on its way: links that go elsewhere, clocks that are wrong, answers that wait.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use reconnectd::adapters::composio::{ComposioProvider, ComposioSettings};
use reconnectd::domain::{Account, AccountId, UserId};
use reconnectd::ports::{AccountList, HostedLink, LinkWanted, Provider, ProviderError, ProviderUsage};
use secrecy::SecretString;
use tokio::sync::Semaphore;

use super::Place;

/// See the module. What is not bent is as it was.
pub struct Bent {
    pub inner: Arc<dyn Provider>,
    /// Who makes the pages.
    pub links: Arc<dyn Provider>,
    /// Given instead of every list.
    pub read: Option<fn() -> ProviderError>,
    /// How much later than said a page ends.
    pub later: TimeDelta,
    /// What was asked of it.
    pub wanted: Mutex<Vec<LinkWanted>>,
    /// Lists that are there wait for one of these before they are handed on, where it is given.
    pub lists: Option<Gate>,
    /// The same of pages.
    pub pages: Option<Gate>,
}

/// Somebody arrives, and waits to be let through.
pub struct Gate {
    pub arrived: Semaphore,
    pub through: Semaphore,
}

impl Gate {
    pub fn shut() -> Self {
        Self { arrived: Semaphore::new(0), through: Semaphore::new(0) }
    }

    async fn pass(&self) {
        self.arrived.add_permits(1);
        self.through.acquire().await.unwrap().forget();
    }

    /// Waits until somebody waits here.
    pub async fn somebody(&self) {
        self.arrived.acquire().await.unwrap().forget();
    }
}

impl Bent {
    pub fn of(inner: Arc<dyn Provider>) -> Self {
        let (links, later, wanted) = (Arc::clone(&inner), TimeDelta::zero(), Mutex::default());
        Self { inner, links, read: None, later, wanted, lists: None, pages: None }
    }
}

/// A client of this address of the provider.
pub fn client(place: &Place, base_url: &str, timeout_total: Duration) -> Arc<dyn Provider> {
    let settings = ComposioSettings {
        base_url: base_url.parse().unwrap(),
        api_key: SecretString::from(reconnectd::simulator::DEFAULT_API_KEY),
        requests_per_minute: 60_000,
        reserve: 0.0,
        max_attempts: 1,
        timeout_connect: Duration::from_secs(1),
        timeout_total,
    };
    Arc::new(ComposioProvider::new(settings, place.rig.clock.clone(), 11).unwrap())
}

#[async_trait]
impl Provider for Bent {
    async fn accounts_of(&self, users: &[UserId]) -> Result<AccountList, ProviderError> {
        if let Some(error) = self.read {
            return Err(error());
        }
        let list = self.inner.accounts_of(users).await;
        if let Some(gate) = &self.lists {
            gate.pass().await;
        }
        list
    }

    async fn accounts_by_id(&self, user: &UserId, ids: &[AccountId]) -> Result<Vec<Account>, ProviderError> {
        self.inner.accounts_by_id(user, ids).await
    }

    async fn link(&self, wanted: &LinkWanted) -> Result<HostedLink, ProviderError> {
        self.wanted.lock().unwrap().push(wanted.clone());
        let made = self.links.link(wanted).await;
        if let Some(gate) = &self.pages {
            gate.pass().await;
        }
        made.map(|link| HostedLink { expires_at: link.expires_at.map(|at| at + self.later), ..link })
    }

    async fn check(&self) -> Result<(), ProviderError> {
        self.inner.check().await
    }

    async fn check_link(&self) -> Result<(), ProviderError> {
        self.inner.check_link().await
    }

    fn usage(&self) -> ProviderUsage {
        self.inner.usage()
    }
}
