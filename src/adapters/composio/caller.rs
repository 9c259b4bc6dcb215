//! One caller's exchanges with the provider: a list's page with its repetitions, or the one POST there is, as an answer.
//!
//! Turns a URL into the bytes of an answer under permits of the caller's place in the queue. Guarantees: every attempt
//! has a permit of its own and is counted; the POST is sent once. A crash leaves nothing.

use std::sync::atomic::Ordering;

use serde_json::Value;
use tokio::time::Instant;
use tracing::Instrument as _;
use url::Url;

use super::client::ComposioProvider;
use super::errors::{Failure, TransientKind};
use super::limiter::Place;
use super::link::make_link;
use super::list::{read_by_id, read_list};
use super::request::Attempt;
use super::retry::{DEADLINE, RetryRules, hold_all, wait_after, with_retries};
use super::wire::{Page, parse_page};
use crate::domain::{Account, AccountId, UserId, causes};
use crate::ports::{AccountList, HostedLink, LinkWanted, ProviderError};
use crate::telemetry::health::Dependency;
use crate::telemetry::metrics::RequestOutcome;
use crate::telemetry::spans;

/// The provider, as one kind of caller asks it.
#[derive(Clone, Copy)]
pub(super) struct Caller<'a> {
    pub provider: &'a ComposioProvider,
    /// Where its requests stand in the queue for permits.
    pub place: Place,
}

impl Caller<'_> {
    /// See [`crate::ports::Provider::accounts_of`].
    pub async fn accounts_of(self, users: &[UserId]) -> Result<AccountList, ProviderError> {
        read_list(self, &self.provider.list_url, users).await
    }

    /// See [`crate::ports::Provider::accounts_by_id`].
    pub async fn accounts_by_id(self, user: &UserId, ids: &[AccountId]) -> Result<Vec<Account>, ProviderError> {
        read_by_id(self, &self.provider.list_url, user, ids).await
    }

    /// See [`crate::ports::Provider::link`].
    pub async fn link(self, wanted: &LinkWanted) -> Result<HostedLink, ProviderError> {
        make_link(self, &self.provider.list_url.link()?, wanted, self.provider.loopback).await
    }

    /// One page, with repetitions.
    pub async fn page(self, url: &Url, many_users: bool) -> Result<Page, ProviderError> {
        let attempt = |number| async move {
            let now = self.provider.clock.now();
            let request_id = self.provider.mint.uuid(now);
            let attempt = Attempt { url, number, many_users, request_id: &request_id, now };
            let answer = self.counted(attempt, self.provider.sender.get(attempt, &self.provider.limiter)).await;
            if number > 1 {
                self.provider.metrics.provider_retry();
            }
            answer
        };
        let rules = RetryRules { max_attempts: self.provider.max_attempts.load(Ordering::Relaxed), deadline: DEADLINE };
        let body = with_retries(rules, (&self.provider.limiter, self.place), &self.provider.mint, attempt).await;
        let page = body.and_then(|body| parse_page(&body).map_err(ProviderError::Malformed));
        self.note_health(&page);
        page
    }

    /// What `sent` comes to, with its span, its count and a sign of life. Its permit has come, perhaps after a pause.
    async fn counted(
        self,
        attempt: Attempt<'_>,
        sent: impl Future<Output = Result<Vec<u8>, Failure>>,
    ) -> Result<Vec<u8>, Failure> {
        self.provider.pulse.beat();
        let (span, sent_at) = (spans::request(attempt.request_id, attempt.number), Instant::now());
        let answer = sent.instrument(span.clone()).await;
        self.provider.pulse.beat();
        let outcome = outcome_of(&answer);
        spans::request_ended(&span, outcome);
        self.provider.metrics.provider_request(outcome, sent_at.elapsed());
        answer
    }

    fn note_health<T>(self, answer: &Result<T, ProviderError>) {
        let (health, now) = (self.provider.metrics.health(), self.provider.clock.now());
        match answer {
            // What it says no to in particular says nothing of it as a whole.
            Ok(_) | Err(ProviderError::Rejected { .. }) => health.works(Dependency::Provider, now),
            Err(error) => health.fails(Dependency::Provider, &causes(error), now),
        }
    }

    /// One POST under a permit, never repeated.
    pub async fn post_once(self, url: &Url, body: &Value) -> Result<Vec<u8>, ProviderError> {
        self.provider.limiter.permit(self.place).await;
        let now = self.provider.clock.now();
        let request_id = self.provider.mint.uuid(now);
        let attempt = Attempt { url, number: 1, many_users: false, request_id: &request_id, now };
        let answer = self.counted(attempt, self.provider.sender.post(attempt, body, &self.provider.limiter)).await;
        let answer = answer.map_err(|failure| match failure {
            Failure::Final(error) => error,
            Failure::Transient(failed) => {
                // What everybody is asked to wait, everybody waits; this request is not sent again.
                hold_all(&self.provider.limiter, &failed, wait_after(1, &failed, self.provider.mint.unit()));
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
