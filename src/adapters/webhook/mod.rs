//! Turns a notice to a user, or an event for the operator, into one signed HTTP POST (Standard Webhooks) to a fixed
//! endpoint, or into a file. `docs/webhooks/` tells receivers what they get.
//!
//! ```text
//! Notice, OperatorNotice ─▶ payload ─▶ sign (id, time, body) ─▶ target guard ─▶ POST ─▶ class
//! ```
//!
//! An endpoint carries the kinds of event its section names; there are as many endpoints as sections, each with
//! keys of its own, and one that fails keeps nothing from the others.
//!
//! The same notice gives the same bytes, but the notice may shrink between two attempts: the last look
//! before each leaves out accounts that healed in the meantime, so a repeat under the same `webhook-id` may name
//! fewer accounts than the first. A receiver that keeps the first and drops the repeat then asks for one
//! account too many, which is harmless: its page shows it connected.
//!
//! Guarantees: `webhook-id` is the stored id, so a receiver drops a repeat; no redirect is followed and no
//! proxy used; a private address is refused at connect time, whatever the name resolved to before; the
//! answer's body is read under a cap and thrown away; errors name the host and nothing else of the URL.
//! A crash or cancellation during the POST leaves an event of unknown outcome, sent again under its id.

mod keys;
mod payload;
mod settings;
mod sign;
mod target;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use crate::adapters::answer;
use crate::adapters::spool::Spool;
use crate::domain::{ChannelName, EventKind, FailureClass, Notice, OperatorNotice, Timestamp};
use crate::ports::{Channel, Receipt, SendError};

pub use keys::public_key;
pub use settings::{WebhookLimits, WebhookSettings, WebhookSettingsError};

use keys::Keys;
use target::{AddressGuard, Lookup, SystemLookup};

/// How much of an answer's body is read so that the connection can be used again; the rest is cut off.
const MAX_ANSWER_BYTES: usize = 4096;

/// How long an answer's body may take once its status is known: the status alone decides.
const ANSWER_BODY_LIMIT: Duration = Duration::from_secs(1);

/// Idle connections are closed before the usual 60 s of a load balancer (crates.md, section 1.3).
const IDLE_LIMIT: Duration = Duration::from_secs(30);

const USER_AGENT: &str = concat!("reconnectd/", env!("CARGO_PKG_VERSION"));

/// Posts events to one endpoint.
pub struct WebhookChannel {
    name: ChannelName,
    events: Vec<EventKind>,
    keys: Keys,
    route: Route,
}

/// Where events go.
enum Route {
    Http(Endpoint),
    File(Spool),
}

/// An HTTP endpoint and the client that may reach it.
struct Endpoint {
    url: Url,
    guard: AddressGuard,
    client: reqwest::Client,
    limits: WebhookLimits,
}

impl WebhookChannel {
    /// A channel named `webhook:<name>`. For `https` and `http` URLs the process needs a default rustls
    /// provider (`rustls::crypto::ring::default_provider().install_default()`, first thing in `main`).
    pub fn new(settings: WebhookSettings) -> Result<Self, WebhookSettingsError> {
        Self::with_lookup(settings, Arc::new(SystemLookup))
    }

    fn with_lookup(settings: WebhookSettings, lookup: Arc<dyn Lookup>) -> Result<Self, WebhookSettingsError> {
        let parsed = settings::parse(&settings)?;
        let guard = AddressGuard { reach: parsed.reach, lookup };
        let route = match parsed.spool {
            Some(spool) => Route::File(spool),
            None => Route::Http(Endpoint::new(parsed.url, guard, settings.limits, &settings.name)?),
        };
        let name = ChannelName::new(format!("webhook:{}", settings.name));
        Ok(Self { name, events: settings.events, keys: parsed.keys, route })
    }

    async fn deliver(&self, id: &str, now: Timestamp, body: String) -> Result<Receipt, SendError> {
        let signed = sign::headers(&self.keys, id, now.timestamp(), &body);
        match &self.route {
            Route::Http(endpoint) => endpoint.post(&signed, body, now).await,
            Route::File(spool) => spool.write(id, "json", &sign::as_file(&signed, &body)).await,
        }
    }
}

#[async_trait]
impl Channel for WebhookChannel {
    fn name(&self) -> &ChannelName {
        &self.name
    }

    fn needs_address(&self) -> bool {
        false
    }

    fn outside_id(&self, uuid: &str) -> String {
        format!("msg_{uuid}")
    }

    fn carries(&self, kind: EventKind) -> bool {
        self.events.contains(&kind)
    }

    async fn send_event(&self, event: &OperatorNotice) -> Result<Receipt, SendError> {
        self.deliver(&event.outside_id, event.now, payload::of_event(event)?).await
    }

    async fn send(&self, notice: &Notice) -> Result<Receipt, SendError> {
        self.deliver(&notice.outside_id, notice.now, payload::of_notice(notice)?).await
    }

    async fn check(&self) -> Result<(), SendError> {
        match &self.route {
            Route::Http(endpoint) => endpoint.reachable().await,
            Route::File(spool) => spool.check().await,
        }
    }
}

impl Endpoint {
    fn new(url: Url, guard: AddressGuard, limits: WebhookLimits, name: &str) -> Result<Self, WebhookSettingsError> {
        // Building a client without a provider would panic.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(WebhookSettingsError::NoTlsProvider);
        }
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(guard.clone()))
            .connect_timeout(limits.connect)
            .timeout(limits.total)
            .pool_idle_timeout(IDLE_LIMIT)
            .user_agent(USER_AGENT)
            .build()
            .map_err(|source| WebhookSettingsError::Client { name: name.to_owned(), source: source.without_url() })?;
        Ok(Self { url, guard, client, limits })
    }

    async fn post(&self, signed: &sign::Signed, body: String, now: Timestamp) -> Result<Receipt, SendError> {
        // The client never asks its resolver about a literal address, so it is checked here.
        target::check_literal(&self.url, self.guard.reach)?;
        let request = self.client.post(self.url.clone()).headers(header_map(signed)?).body(body);
        let mut response = request.send().await.map_err(|e| self.no_answer(e))?;
        let (status, headers) = (response.status(), response.headers().clone());
        // Whether the body comes whole, late or never changes nothing: the status is known.
        drop(timeout(ANSWER_BODY_LIMIT.min(self.limits.total), drain(&mut response)).await);
        answer::of_status(&self.url, status, &headers, now)
    }

    /// An address that may not be reached is a matter of configuration; everything else may pass.
    fn no_answer(&self, error: reqwest::Error) -> SendError {
        match target::refusal_in(&error) {
            Some(refused) => answer::failed(&self.url, FailureClass::ChannelBroken, &refused.to_string()),
            None => answer::of_error(&self.url, error),
        }
    }

    async fn reachable(&self) -> Result<(), SendError> {
        let connect = async {
            let addresses = target::resolve_url(&self.url, &self.guard).await?;
            TcpStream::connect(addresses.as_slice()).await.map_err(|e| {
                answer::failed(&self.url, FailureClass::Transient, &format!("connecting failed ({})", e.kind()))
            })
        };
        match timeout(self.limits.connect, connect).await {
            Ok(connected) => connected.map(drop),
            Err(_) => Err(answer::failed(&self.url, FailureClass::Transient, "no connection in time")),
        }
    }
}

/// Reads at most [`MAX_ANSWER_BYTES`] of the body and forgets them.
async fn drain(response: &mut reqwest::Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read >= MAX_ANSWER_BYTES {
            return;
        }
    }
}

/// The three headers and the type; a stored id that cannot be a header is refused rather than repaired.
fn header_map(signed: &sign::Signed) -> Result<HeaderMap, SendError> {
    let mut map = HeaderMap::new();
    map.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in signed.pairs() {
        let value = HeaderValue::from_str(value).map_err(|_| SendError {
            class: FailureClass::Refused,
            detail: format!("the stored value of {name} cannot be a header"),
        })?;
        map.insert(HeaderName::from_static(name), value);
    }
    Ok(map)
}

#[cfg(test)]
mod rebinding_tests;
