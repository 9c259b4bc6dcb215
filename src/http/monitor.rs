//! What monitoring asks, on a listener of its own: is the process alive, is it ready, what does it count.
//!
//! | Path | Answers |
//! |---|---|
//! | `/livez` | 200 while the process answers and its work moves; 503 when work is stuck: restart it |
//! | `/readyz` | 200 while the state database can be read; 503 otherwise; JSON about every dependency either way |
//! | `/metrics` | OpenMetrics 1.0 |
//!
//! Guarantees: answers come from memory and from one bounded read of the state database, at most every 15 seconds however
//! many ask; no answer holds a secret or an address; connections and their time are bounded as on the public listener. A
//! mail server or provider that is down makes nothing unready: restarting or bypassing this process would mend neither,
//! and its unsubscribe pages still work. Nothing is written; a crash leaves nothing.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::{HttpError, Server, server};
use crate::report::TruthReader;
use crate::telemetry::health::DependencyState;
use crate::telemetry::metrics::open_metrics;
use crate::telemetry::{Metrics, Pulse};

/// The content type of OpenMetrics 1.0, section 4.1.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is asked about.
pub struct Monitor {
    /// What is counted, and how dependencies fare.
    pub metrics: Arc<Metrics>,
    /// Keeps what is read from the state database fresh.
    pub truth: Arc<TruthReader>,
    /// Whether work moves.
    pub pulse: Arc<Pulse>,
}

/// Listens on `address`; port 0 takes a free one.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, HttpError> {
    server::listen("[monitor] listen", address).await
}

/// Answers on a listener, once [`Server::run`] runs.
pub fn on(listener: TcpListener, monitor: Monitor) -> Result<Server, HttpError> {
    Server::over(listener, router(monitor))
}

fn router(monitor: Monitor) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(monitor))
}

async fn livez(State(monitor): State<Arc<Monitor>>) -> (StatusCode, String) {
    match monitor.pulse.stalled(Instant::now()) {
        None => (StatusCode::OK, "alive\n".to_owned()),
        Some(silent) => {
            let minutes = silent.as_secs() / 60;
            (StatusCode::SERVICE_UNAVAILABLE, format!("stuck: work has made no progress for {minutes} minutes\n"))
        }
    }
}

/// What `/readyz` says.
#[derive(Serialize)]
struct Readiness {
    ready: bool,
    /// The names of the dependencies whose last use failed.
    down: Vec<String>,
    dependencies: BTreeMap<String, Answer>,
}

#[derive(Serialize)]
struct Answer {
    ok: bool,
    /// Since when it is ok or not; none where it was not used yet.
    since: Option<String>,
    last_success: Option<String>,
    last_failure: Option<String>,
    /// Why it is down; empty while it is up.
    reason: String,
    what_to_do: &'static str,
}

async fn readyz(State(monitor): State<Arc<Monitor>>) -> Response {
    let ready = monitor.truth.refresh().await;
    let all = monitor.metrics.health().all();
    let down = all.iter().filter(|(_, state)| !state.up).map(|(name, _)| name.clone()).collect();
    let dependencies = all.into_iter().map(|(name, state)| (name.clone(), answer(&name, state))).collect();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, down, dependencies })).into_response()
}

fn answer(name: &str, state: DependencyState) -> Answer {
    let text = |at: crate::domain::Timestamp| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    Answer {
        ok: state.up,
        since: state.since.map(text),
        last_success: state.last_success.map(text),
        last_failure: state.last_failure.map(text),
        what_to_do: if state.up { "" } else { what_to_do(name) },
        reason: state.reason,
    }
}

fn what_to_do(dependency: &str) -> &'static str {
    match dependency {
        "state" => "check [state] url, the database and its disk; nothing works without it, and work goes on by itself",
        "directory" => "check [directory] and the product's database; audits wait for it and go on by themselves",
        "provider" => "check [composio], the key and the provider's status page; audits go on by themselves",
        "email" | "report-mail" => {
            "check [email] and the mail server; what is due stays in the outbox and goes out by itself"
        }
        _ => "check this channel's section and its endpoint; what is due stays in the outbox and goes out by itself",
    }
}

async fn metrics(State(monitor): State<Arc<Monitor>>) -> Response {
    monitor.truth.refresh().await;
    match open_metrics(monitor.metrics.samples()) {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be written\n").into_response(),
    }
}
