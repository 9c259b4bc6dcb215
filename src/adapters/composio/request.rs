//! One HTTP attempt: a GET, or the one POST there is, becomes the bytes of a 2xx answer, or a [`Failure`].
//!
//! Guarantees: the body is read piece by piece under a cap; no redirect is followed; neither the body nor the
//! URL (it holds user ids) gets into an error or a log line.

use std::error::Error as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder, Response};
use secrecy::ExposeSecret;
use url::Url;

use super::errors::{Failure, Transient, TransientKind, final_error, transient_kind};
use super::limiter::Limiter;
use super::retry::retry_after;
use super::settings::{ComposioSettings, ComposioSettingsError, is_loopback};
use crate::domain::{Timestamp, scrub};
use crate::ports::{ProviderError, ProviderUsage};
use crate::telemetry::events;

/// The largest answer that is read: a page of 100 items with their credentials is well below 1 MiB.
pub const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;
/// Of a refusal only a slug is wanted, of a link four short texts.
const MAX_ERROR_BODY_BYTES: usize = 64 * 1024;
/// Shorter than the idle limits of common proxies (60 and 75 s), so that a connection is not reused as it closes.
const POOL_IDLE: Duration = Duration::from_secs(30);

/// Sends requests and counts them.
pub(super) struct Sender {
    line: RwLock<Arc<Line>>,
    requests: AtomicU64,
    retries: AtomicU64,
    accepted: AtomicU64,
    deprecation_logged: AtomicBool,
}

/// How requests go out; replaced as a whole.
struct Line {
    client: Client,
    timeout_total: Duration,
}

/// What one attempt needs to know.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub url: &'a Url,
    /// Which attempt at this request, 1 is the first.
    pub number: u32,
    /// Whether more than one user is asked about: then a timeout is final, and the caller asks for fewer.
    pub many_users: bool,
    pub request_id: &'a str,
    /// When it is sent.
    pub now: Timestamp,
}

impl Sender {
    pub(super) fn new(settings: &ComposioSettings) -> Result<Self, ComposioSettingsError> {
        Ok(Self {
            line: RwLock::new(Arc::new(Line::new(settings)?)),
            requests: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            deprecation_logged: AtomicBool::new(false),
        })
    }

    /// Requests from now on go out by these settings; those under way end by the old ones.
    pub(super) fn replace(&self, settings: &ComposioSettings) -> Result<(), ComposioSettingsError> {
        let line = Arc::new(Line::new(settings)?);
        *self.line.write().unwrap_or_else(PoisonError::into_inner) = line;
        Ok(())
    }

    fn line(&self) -> Arc<Line> {
        Arc::clone(&self.line.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn usage(&self) -> ProviderUsage {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ProviderUsage { requests: read(&self.requests), retries: read(&self.retries), accepted: read(&self.accepted) }
    }

    /// Makes the attempt; the caller has taken the permit. The budget the answer shows goes to `limiter`.
    pub(super) async fn get(&self, attempt: Attempt<'_>, limiter: &Limiter) -> Result<Vec<u8>, Failure> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if attempt.number > 1 {
            self.retries.fetch_add(1, Ordering::Relaxed);
        }
        let line = self.line();
        let request = line.client.get(attempt.url.clone());
        self.answer(&line, request, attempt, limiter, MAX_BODY_BYTES).await
    }

    /// Sends a JSON body once; see [`Sender::get`].
    pub(super) async fn post(
        &self,
        attempt: Attempt<'_>,
        body: &serde_json::Value,
        limiter: &Limiter,
    ) -> Result<Vec<u8>, Failure> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let line = self.line();
        let request = line.client.post(attempt.url.clone()).json(body);
        self.answer(&line, request, attempt, limiter, MAX_ERROR_BODY_BYTES).await
    }

    async fn answer(
        &self,
        line: &Line,
        request: RequestBuilder,
        attempt: Attempt<'_>,
        limiter: &Limiter,
        most_bytes: usize,
    ) -> Result<Vec<u8>, Failure> {
        let request = request.header("x-request-id", attempt.request_id);
        let mut response = request.send().await.map_err(|error| line.broken(&error, attempt))?;
        let status = response.status();
        let asked = retry_after(response.headers(), attempt.now);
        // An answer that says how long to wait knows better when the window turns over than our rule.
        if asked.is_none() {
            limiter.observe(response.headers());
        }
        self.note_deprecation(response.headers());
        if let Some(kind) = transient_kind(status) {
            return Err(Failure::Transient(Transient {
                kind,
                what: format!("HTTP {}", status.as_u16()),
                retry_after: asked,
                forbidden: response.headers().get("x-should-retry").is_some_and(|value| value == "false"),
                request_id: attempt.request_id.to_owned(),
            }));
        }
        if !status.is_success() {
            // The status decides; a body that breaks off or is too long only loses the slug.
            let body = read_body(&mut response, MAX_ERROR_BODY_BYTES).await.ok().flatten().unwrap_or_default();
            return Err(Failure::Final(final_error(status, &body)));
        }
        self.accepted.fetch_add(1, Ordering::Relaxed);
        let body = read_body(&mut response, most_bytes).await.map_err(|error| line.broken(&error, attempt))?;
        body.ok_or_else(|| {
            let kib = most_bytes / 1024;
            let size = if kib < 1024 { format!("{kib} KiB") } else { format!("{} MiB", kib / 1024) };
            Failure::Final(ProviderError::Malformed(format!("larger than {size}")))
        })
    }

    fn note_deprecation(&self, headers: &HeaderMap) {
        let text = |name: &str| {
            headers.get(name).map(|value| value.to_str().map_or_else(|_| "unreadable".into(), |text| scrub(text, 80)))
        };
        let (deprecation, sunset) = (text("deprecation"), text("sunset"));
        if (deprecation.is_some() || sunset.is_some()) && !self.deprecation_logged.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                event = events::PROVIDER_DEPRECATION,
                deprecation = deprecation.as_deref().unwrap_or(""),
                sunset = sunset.as_deref().unwrap_or(""),
                "The provider announced the end of the endpoint that lists accounts."
            );
        }
    }
}

impl Line {
    fn new(settings: &ComposioSettings) -> Result<Self, ComposioSettingsError> {
        let mut key = HeaderValue::from_str(settings.api_key.expose_secret())
            .map_err(|_| ComposioSettingsError::new("api_key", "holds a character that no header can carry"))?;
        key.set_sensitive(true);
        let headers = HeaderMap::from_iter([
            (reqwest::header::HeaderName::from_static("x-api-key"), key),
            (ACCEPT, HeaderValue::from_static("application/json")),
        ]);
        // reqwest panics when no TLS implementation is installed; an error is easier to act on.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(ComposioSettingsError::new("base_url", "cannot be used: no TLS implementation is installed"));
        }
        let loopback = is_loopback(&settings.base_url);
        let mut builder = Client::builder()
            .default_headers(headers)
            .user_agent(concat!("reconnectd/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .https_only(!loopback)
            .connect_timeout(settings.timeout_connect)
            .timeout(settings.timeout_total)
            .pool_idle_timeout(POOL_IDLE);
        if loopback {
            builder = builder.no_proxy();
        }
        let client = builder
            .build()
            .map_err(|error| ComposioSettingsError::new("base_url", format!("cannot be used: {error}")))?;
        Ok(Self { client, timeout_total: settings.timeout_total })
    }

    fn broken(&self, error: &reqwest::Error, attempt: Attempt<'_>) -> Failure {
        // A connect that times out has nothing to do with how much was asked for.
        let timed_out = error.is_timeout() && !error.is_connect();
        if timed_out && attempt.many_users {
            return Failure::Final(ProviderError::TimedOut(self.timeout_total));
        }
        let (kind, what) = if timed_out {
            (TransientKind::TimedOut, format!("no answer within {:?}", self.timeout_total))
        } else if error.is_timeout() {
            (TransientKind::Transport, "connecting took too long".to_owned())
        } else if error.is_connect() {
            (TransientKind::Transport, format!("connecting failed{}", io_words(error)))
        } else {
            (TransientKind::Transport, format!("the connection ended early{}", io_words(error)))
        };
        let request_id = attempt.request_id.to_owned();
        Failure::Transient(Transient { kind, what, retry_after: None, forbidden: false, request_id })
    }
}

/// The whole body, or none when it is longer than `cap` bytes.
async fn read_body(response: &mut Response, cap: usize) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > cap {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// The operating system's word at the root of a client error, as `: connection refused`. Only the kind: the
/// texts above it hold the URL.
fn io_words(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return format!(": {}", io.kind());
        }
        cause = inner.source();
    }
    String::new()
}
