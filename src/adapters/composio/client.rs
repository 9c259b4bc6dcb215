//! One request to the provider: a permit, a GET, a bounded body, a class for everything that goes wrong.
//!
//! Keeps between calls only counters, the limiter and the pool of connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use serde::Deserialize;
use url::Url;

use super::errors::{self, Again, Failure, FailureKind};
use super::headers;
use super::limiter::{Limiter, Permit};
use super::retry::{RetryPolicy, retry};
use super::settings::{ComposioSettings, ComposioSettingsError, is_loopback};
use super::wire::{self, AnyPage, ReadError};
use crate::domain::{IdMint, UserId};
use crate::ports::{AccountList, Clock, Provider, ProviderError, ProviderUsage};
use crate::telemetry::events;

/// A page of 100 accounts with their credentials is some hundred kilobytes.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;
/// Enough for an error envelope; the rest of an error page is not read.
const MAX_ERROR_BODY_BYTES: usize = 64 * 1024;
/// Shorter than the 60 s after which the provider's balancer closes idle connections.
const POOL_IDLE: Duration = Duration::from_secs(30);
const USER_AGENT: &str = concat!("reconnectd/", env!("CARGO_PKG_VERSION"));

/// Composio's API v3.1, read only.
pub struct ComposioProvider {
    http: reqwest::Client,
    endpoint: Url,
    limiter: Limiter,
    policy: RetryPolicy,
    timeout_total: Duration,
    clock: Arc<dyn Clock>,
    mint: IdMint,
    requests: AtomicU64,
    retries: AtomicU64,
    deprecation_logged: AtomicBool,
}

impl ComposioProvider {
    /// A client that has sent nothing yet. `seed` decides request ids and jitter. The process's TLS
    /// implementation must be installed before.
    pub fn new(settings: &ComposioSettings, clock: Arc<dyn Clock>, seed: u64) -> Result<Self, ComposioSettingsError> {
        settings.check_numbers()?;
        let endpoint = settings.endpoint()?;
        let mut fixed = HeaderMap::new();
        fixed.insert("x-api-key", settings.key_header()?);
        fixed.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(ComposioSettingsError::NoTls);
        }
        let mut http = reqwest::Client::builder()
            .default_headers(fixed)
            .user_agent(USER_AGENT)
            .redirect(Policy::none()) // the key must not follow a Location
            .connect_timeout(settings.timeout_connect)
            .timeout(settings.timeout_total)
            .pool_idle_timeout(POOL_IDLE);
        if is_loopback(&endpoint) {
            http = http.no_proxy(); // this machine is reached without the operator's proxy
        }
        Ok(Self {
            http: http.build().map_err(ComposioSettingsError::Client)?,
            endpoint,
            limiter: Limiter::new(settings.requests_per_minute, settings.reserve),
            policy: RetryPolicy::new(settings.max_attempts, settings.timeout_total),
            timeout_total: settings.timeout_total,
            clock,
            mint: IdMint::new(seed),
            requests: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            deprecation_logged: AtomicBool::new(false),
        })
    }

    pub(super) fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// Gets `url` as `T`, with retries. `users` is how many are asked about.
    pub(super) async fn get<T>(&self, url: &Url, users: usize) -> Result<T, ProviderError>
    where
        T: for<'de> Deserialize<'de>,
    {
        retry(self.policy, &self.mint, |number| self.attempt(url, users, number))
            .await
            .map_err(|(failure, attempts)| failure.given_up(attempts, self.timeout_total))
    }

    async fn attempt<T>(&self, url: &Url, users: usize, number: u32) -> Result<T, Failure>
    where
        T: for<'de> Deserialize<'de>,
    {
        let permit = self.limiter.permit().await;
        self.requests.fetch_add(1, Ordering::Relaxed);
        if number > 1 {
            self.retries.fetch_add(1, Ordering::Relaxed);
        }
        let request = self.http.get(url.clone()).header("x-request-id", self.mint.uuid(self.clock.now()));
        let response = request.send().await.map_err(|error| errors::of_transport(&error, users))?;
        self.note_deprecation(response.headers());
        if !response.status().is_success() {
            return Err(self.refusal(response, &permit, users).await);
        }
        if let Some(budget) = headers::budget(response.headers()) {
            permit.saw_budget(budget);
        }
        permit.succeeded();
        let body = body(response, MAX_BODY_BYTES, users).await?;
        wire::read(&body).map_err(|error| match error {
            ReadError::NotJson => Failure::unreadable("no JSON, or cut short"),
            ReadError::Shape(what) => Failure::is_final(ProviderError::Malformed(what)),
        })
    }

    /// Classes an answer that is not 2xx, and pauses everybody where it asks for that.
    async fn refusal(&self, response: reqwest::Response, permit: &Permit<'_>, users: usize) -> Failure {
        let status = response.status();
        let headers = response.headers().clone();
        // What could be read is enough: the class follows from the status.
        let body = body(response, MAX_ERROR_BODY_BYTES, users).await.unwrap_or_default();
        let mut failure = errors::of_status(status, &body, users);
        let budget = headers::budget(&headers);
        let retry_after = headers::retry_after(&headers, self.clock.now());
        let may_pass = !matches!(failure.kind, FailureKind::Final(_));
        if let Some(pause) = retry_after.filter(|_| may_pass) {
            permit.asked_to_wait(pause, budget);
            if failure.again != Again::No {
                failure.again = Again::WhenPermitted;
            }
        } else {
            if let Some(budget) = budget {
                permit.saw_budget(budget);
            }
            if failure.again == Again::WhenPermitted {
                permit.refused_by_the_edge(self.mint.unit());
            }
        }
        if headers::forbids_retry(&headers) {
            failure.again = Again::No;
        }
        failure
    }

    fn note_deprecation(&self, headers: &HeaderMap) {
        if let Some(said) = headers::deprecation(headers)
            && !self.deprecation_logged.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                event = events::PROVIDER_DEPRECATION,
                said,
                "The provider announced the end of this endpoint; look for a newer reconnectd."
            );
        }
    }
}

/// The body up to `cap` bytes; a larger one is an error, for fewer users it may be smaller.
async fn body(mut response: reqwest::Response, cap: usize, users: usize) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| errors::of_transport(&error, users))? {
        if body.len() + chunk.len() > cap {
            return Err(Failure::is_final(ProviderError::Malformed(format!("larger than {cap} bytes"))));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[async_trait]
impl Provider for ComposioProvider {
    async fn accounts_of(&self, users: &[UserId]) -> Result<AccountList, ProviderError> {
        // An empty `user_ids` might mean everybody, and a comma means other people: neither is ever sent.
        if users.is_empty() {
            return Ok(AccountList::default());
        }
        if let Some(user) = users.iter().find(|user| !user.is_queryable()) {
            return Err(ProviderError::Malformed(format!("user {user} cannot be asked about and was not")));
        }
        self.list(users).await
    }

    /// Whoever's account comes back is nobody's business: only the shape is looked at.
    async fn check(&self) -> Result<(), ProviderError> {
        let mut url = self.endpoint.clone();
        url.query_pairs_mut().append_pair("account_type", "ALL").append_pair("limit", "1");
        self.get::<AnyPage>(&url, 1).await.map(|_| ())
    }

    fn usage(&self) -> ProviderUsage {
        ProviderUsage { requests: self.requests.load(Ordering::Relaxed), retries: self.retries.load(Ordering::Relaxed) }
    }
}
