//! Turns an event for the operator into a message in a chat: one POST to an incoming webhook as Slack has it, or a file.
//!
//! ```text
//! OperatorNotice ─▶ words (what happened, how much, what to do) ─▶ message (text, blocks) ─▶ POST ─▶ class
//!                └▶ report (figures and their change)          ─┘
//! ```
//!
//! Mattermost, Rocket.Chat and Discord (a URL ending in `/slack`) take the same; those that know no blocks show `text`.
//!
//! Guarantees: users' events are never carried; whatever stands in an event cannot mention anybody or link anywhere,
//! and no message is longer than all of them take; no redirect is followed; the answer's body is not read; errors name
//! the host and nothing else of the URL, which is a credential. Slack knows no ids, so a crash or cancellation during
//! the POST may show the same message twice.

mod message;
mod report;
mod words;

use std::time::Duration;

use async_trait::async_trait;
use reqwest::Client;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use crate::adapters::answer;
use crate::adapters::spool::Spool;
use crate::domain::{ChannelName, EventKind, FailureClass, Notice, OperatorNotice};
use crate::ports::{Channel, Receipt, SendError};

/// What its deliveries are stored under.
pub const CHANNEL: &str = "slack";

/// Resolving, connecting and the TLS handshake.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// The whole exchange; as for webhooks.
const TOTAL_LIMIT: Duration = Duration::from_secs(20);

/// Where messages go, and which.
#[derive(Debug, Clone)]
pub struct SlackSettings {
    /// `https://…`, `http://…` for a loopback host, or `file:///folder` for `.json` files.
    pub url: SecretString,
    /// What is posted; kinds that speak to a user are left out.
    pub events: Vec<EventKind>,
    /// Whose users it is about, one line: a chat may hear of several installations.
    pub product: String,
}

/// `[operator]` cannot be used. Repeats nothing of the URL.
#[derive(Debug, thiserror::Error)]
pub enum SlackSettingsError {
    /// The URL is none, or of another scheme.
    #[error("[operator] slack_url: {0}")]
    Url(&'static str),
    /// No rustls provider is installed in this process.
    #[error("posting needs a TLS provider: call rustls::crypto::ring::default_provider().install_default() first")]
    NoTlsProvider,
    /// The HTTP client cannot be built, for example because there are no root certificates.
    #[error("[operator]: the HTTP client cannot be built")]
    Client(#[source] reqwest::Error),
}

/// Posts events for the operator to one chat.
pub struct SlackChannel {
    name: ChannelName,
    events: Vec<EventKind>,
    product: String,
    route: Route,
}

/// Where messages go.
enum Route {
    Http { url: Url, client: Client },
    File(Spool),
}

impl SlackChannel {
    /// A channel named `slack`. For `https` and `http` URLs the process needs a default rustls provider.
    pub fn new(settings: SlackSettings) -> Result<Self, SlackSettingsError> {
        let mut events = settings.events;
        events.retain(|kind| !kind.is_for_a_user());
        let route = route(settings.url.expose_secret())?;
        Ok(Self { name: ChannelName::new(CHANNEL), events, product: settings.product, route })
    }
}

#[async_trait]
impl Channel for SlackChannel {
    fn name(&self) -> &ChannelName {
        &self.name
    }

    fn needs_address(&self) -> bool {
        false
    }

    fn outside_id(&self, uuid: &str) -> String {
        format!("slack_{uuid}")
    }

    fn carries(&self, kind: EventKind) -> bool {
        self.events.contains(&kind)
    }

    async fn send_event(&self, event: &OperatorNotice) -> Result<Receipt, SendError> {
        let body = message::of_event(event, &self.product)?;
        match &self.route {
            Route::File(spool) => spool.write(&event.outside_id, "json", body.as_bytes()).await,
            Route::Http { url, client } => {
                let request = client.post(url.clone()).header(CONTENT_TYPE, HeaderValue::from_static(message::TYPE));
                let response = request.body(body).send().await.map_err(|error| answer::of_error(url, error))?;
                answer::of_status(url, response.status(), response.headers(), event.now)
            }
        }
    }

    async fn send(&self, _: &Notice) -> Result<Receipt, SendError> {
        let detail = "this channel tells the operator and no user".to_owned();
        Err(SendError { class: FailureClass::Refused, detail })
    }

    async fn check(&self) -> Result<(), SendError> {
        match &self.route {
            Route::File(spool) => spool.check().await,
            Route::Http { url, .. } => reachable(url).await,
        }
    }
}

fn route(text: &str) -> Result<Route, SlackSettingsError> {
    let url = Url::parse(text).map_err(|_| SlackSettingsError::Url("not a URL; expected https://host/path"))?;
    let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match url.scheme() {
        "file" => {
            let spool = Spool::from_url(&url).ok_or(SlackSettingsError::Url("expected file:///absolute/folder"))?;
            return Ok(Route::File(spool));
        }
        "https" => {}
        "http" if loopback => {}
        _ => return Err(SlackSettingsError::Url("must be https (http is for a loopback host), or file for a folder")),
    }
    // Building a client without a provider would panic.
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        return Err(SlackSettingsError::NoTlsProvider);
    }
    let mut builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_LIMIT)
        .timeout(TOTAL_LIMIT)
        // Days lie between two messages.
        .pool_max_idle_per_host(0)
        .user_agent(concat!("reconnectd/", env!("CARGO_PKG_VERSION")));
    if loopback {
        builder = builder.no_proxy();
    }
    let client = builder.build().map_err(|error| SlackSettingsError::Client(error.without_url()))?;
    Ok(Route::Http { url, client })
}

/// Connects and says nothing.
async fn reachable(url: &Url) -> Result<(), SendError> {
    let failed = |what: &str| answer::failed(url, FailureClass::Transient, what);
    let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
        return Err(failed("has no host"));
    };
    let connect = async {
        match host {
            url::Host::Domain(name) => TcpStream::connect((name, port)).await,
            url::Host::Ipv4(ip) => TcpStream::connect((ip, port)).await,
            url::Host::Ipv6(ip) => TcpStream::connect((ip, port)).await,
        }
    };
    match timeout(CONNECT_LIMIT, connect).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(failed(&format!("connecting failed ({})", error.kind()))),
        Err(_) => Err(failed("no connection in time")),
    }
}
