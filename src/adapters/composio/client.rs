//! The provider as the rest of the product sees it: settings become a client, user ids become account lists.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use serde_json::Value;
use tokio::time::Instant;
use tracing::Instrument as _;
use url::Url;

use super::errors::{Failure, TransientKind};
use super::limiter::Limiter;
use super::link::{make_link, may_link};
use super::list::{ListUrl, read_by_id, read_list};
use super::request::{Attempt, Sender};
use super::retry::{DEADLINE, RetryRules, with_retries};
use super::settings::{ComposioSettings, ComposioSettingsError, is_loopback};
use super::wire::{Page, parse_page};
use crate::domain::{Account, AccountId, IdMint, UserId, causes};
use crate::ports::{AccountList, Clock, HostedLink, LinkWanted, Provider, ProviderError, ProviderUsage};
use crate::telemetry::health::Dependency;
use crate::telemetry::metrics::RequestOutcome;
use crate::telemetry::{Metrics, Pulse, spans};

/// Composio over HTTPS. One per process: it holds the limiter all tasks share.
pub struct ComposioProvider {
    sender: Sender,
    limiter: Limiter,
    max_attempts: AtomicU32,
    pulse: Arc<Pulse>,
    mint: IdMint,
    clock: Arc<dyn Clock>,
    list_url: ListUrl,
    /// The provider runs on this host, so its pages may be there too.
    loopback: bool,
    metrics: Arc<Metrics>,
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
            let attempt = Attempt { url, number, many_users, request_id: &request_id, now };
            let answer = self.counted(attempt, self.sender.get(attempt, &self.limiter)).await;
            if number > 1 {
                self.metrics.provider_retry();
            }
            answer
        };
        let rules = RetryRules { max_attempts: self.max_attempts.load(Ordering::Relaxed), deadline: DEADLINE };
        let body = with_retries(rules, &self.limiter, &self.mint, attempt).await;
        let page = body.and_then(|body| parse_page(&body).map_err(ProviderError::Malformed));
        self.note_health(&page);
        page
    }

    /// What `sent` comes to, with its span, its count and a sign of life. Its permit has come, perhaps after a pause.
    async fn counted(
        &self,
        attempt: Attempt<'_>,
        sent: impl Future<Output = Result<Vec<u8>, Failure>>,
    ) -> Result<Vec<u8>, Failure> {
        self.pulse.beat();
        let (span, sent_at) = (spans::request(attempt.request_id, attempt.number), Instant::now());
        let answer = sent.instrument(span.clone()).await;
        self.pulse.beat();
        let outcome = outcome_of(&answer);
        spans::request_ended(&span, outcome);
        self.metrics.provider_request(outcome, sent_at.elapsed());
        answer
    }

    fn note_health<T>(&self, answer: &Result<T, ProviderError>) {
        let (health, now) = (self.metrics.health(), self.clock.now());
        match answer {
            // What it says no to in particular says nothing of it as a whole.
            Ok(_) | Err(ProviderError::Rejected { .. }) => health.works(Dependency::Provider, now),
            Err(error) => health.fails(Dependency::Provider, &causes(error), now),
        }
    }

    /// One POST under a permit, never repeated.
    pub(super) async fn post_once(&self, url: &Url, body: &Value) -> Result<Vec<u8>, ProviderError> {
        self.limiter.permit().await;
        let now = self.clock.now();
        let request_id = self.mint.uuid(now);
        let attempt = Attempt { url, number: 1, many_users: false, request_id: &request_id, now };
        let answer = self.counted(attempt, self.sender.post(attempt, body, &self.limiter)).await;
        let answer = answer.map_err(|failure| match failure {
            Failure::Final(error) => error,
            Failure::Transient(failed) => {
                // What everybody is asked to wait, everybody waits; this request is not sent again.
                if let Some(wait) = failed.retry_after {
                    self.limiter.pause(wait, "retry_after");
                }
                ProviderError::Unavailable { attempts: 1, last: failed.what }
            }
        });
        // A key that may only read is refused here and taken everywhere else.
        if !matches!(answer, Err(ProviderError::Unauthorized { .. })) {
            self.note_health(&answer);
        }
        answer
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

    async fn link(&self, wanted: &LinkWanted) -> Result<HostedLink, ProviderError> {
        make_link(self, &self.list_url.link()?, wanted, self.loopback).await
    }

    async fn check(&self) -> Result<(), ProviderError> {
        self.page(&self.list_url.check(), false).await.map(drop)
    }

    async fn check_link(&self) -> Result<(), ProviderError> {
        may_link(self, &self.list_url.link()?).await
    }

    fn usage(&self) -> ProviderUsage {
        self.sender.usage()
    }
}

/// What one request came to, as it is counted.
fn outcome_of(answer: &Result<Vec<u8>, Failure>) -> RequestOutcome {
    match answer {
        Ok(_) => RequestOutcome::Ok,
        Err(Failure::Transient(failed)) => match failed.kind {
            TransientKind::Throttled => RequestOutcome::RateLimited,
            TransientKind::Server => RequestOutcome::ServerError,
            TransientKind::TimedOut => RequestOutcome::TimedOut,
            TransientKind::Transport => RequestOutcome::Broken,
        },
        Err(Failure::Final(error)) => match error {
            ProviderError::Unauthorized { .. } => RequestOutcome::Unauthorized,
            ProviderError::Rejected { .. } | ProviderError::Gone => RequestOutcome::Rejected,
            ProviderError::TimedOut(_) => RequestOutcome::TimedOut,
            _ => RequestOutcome::Broken,
        },
    }
}
