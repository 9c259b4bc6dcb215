//! One POST to a collector, by our own HTTP client on our own runtime.
//!
//! The SDK exports spans from a thread of its own, where no runtime is: requests are therefore spawned on ours.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::runtime::Handle;

use super::settings::{OtlpError, Target};
use crate::telemetry::events;

/// See the module.
#[derive(Clone)]
pub(super) struct Sender {
    signal: &'static str,
    client: reqwest::Client,
    runtime: Handle,
    failing: Arc<AtomicBool>,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").field("signal", &self.signal).finish_non_exhaustive()
    }
}

impl Sender {
    /// For `traces` or `metrics`, within a Tokio runtime.
    pub(super) fn new(signal: &'static str, target: &Target) -> Result<Self, OtlpError> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("reconnectd/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(target.timeout)
            .timeout(target.timeout)
            .build()
            .map_err(|error| OtlpError::Client(Arc::new(error.without_url())))?;
        Ok(Self { signal, client, runtime: Handle::current(), failing: Arc::default() })
    }

    /// Posts a message of protobuf; says in the log when it cannot.
    pub(super) async fn post(&self, target: &Target, body: Vec<u8>) {
        let mut request = self.client.post(target.url.clone()).header("content-type", "application/x-protobuf");
        for (name, value) in &target.headers {
            request = request.header(name, value);
        }
        self.noted(request.body(body).send().await).ok();
    }

    /// Says a failure once, until there is a success.
    fn noted(&self, sent: reqwest::Result<reqwest::Response>) -> Result<reqwest::Response, reqwest::Error> {
        // The URL may hold a login.
        let sent = sent.map_err(reqwest::Error::without_url);
        let error = match &sent {
            Ok(response) if response.status().is_success() => {
                self.failing.store(false, Ordering::Relaxed);
                return sent;
            }
            Ok(response) => format!("HTTP {}", response.status().as_u16()),
            Err(error) => crate::domain::causes(error),
        };
        if !self.failing.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                event = events::OTLP_FAILED,
                signal = self.signal,
                error,
                "Exporting failed; what could not be exported is lost, and it is tried again with what comes next."
            );
        }
        sent
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let this = self.clone();
        let exchange = async move {
            let request = reqwest::Request::try_from(request)?;
            let response = this.noted(this.client.execute(request).await)?;
            // A collector's answer says which spans it dropped; nobody here could do anything about that.
            Ok::<_, HttpError>(Response::builder().status(response.status()).body(Bytes::new())?)
        };
        self.runtime.spawn(exchange).await?
    }
}
