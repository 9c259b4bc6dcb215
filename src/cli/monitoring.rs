//! What a process that stays does for those who watch it: health and metrics over HTTP, the textfile, and OTLP.

use std::sync::Arc;

use futures_util::future::join_all;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::setup::Process;
use crate::app::App;
use crate::daemon::Background;
use crate::http::HttpError;
use crate::http::monitor::{self, Monitor};
use crate::report::{keep_textfile, write_textfile};
use crate::telemetry::{Pulse, events};

/// Listens where `[monitor] listen` says; none where it says `off`.
pub(super) async fn listen(app: &App) -> Result<Option<TcpListener>, HttpError> {
    match app.config.monitor.listen {
        Some(address) => monitor::listen(address).await.map(Some),
        None => Ok(None),
    }
}

/// Everything a process that stays does beside its work, each until it is told to stop.
pub(super) fn background(
    process: &Process,
    pulse: Arc<Pulse>,
    listener: Option<TcpListener>,
) -> Result<Vec<Background>, HttpError> {
    let mut servers: Vec<Background> = Vec::new();
    let (metrics, truth) = (&process.app.metrics, &process.app.truth);
    if let Some(listener) = listener {
        let monitor = Monitor { metrics: Arc::clone(metrics), truth: Arc::clone(truth), pulse };
        let server = monitor::on(listener, monitor)?;
        let address = server.address();
        tracing::info!(event = events::MONITOR_LISTENING, address = %address, "Health and metrics are served.");
        servers.push(until_stopped(move |stop| async move { server.run(stop.cancelled()).await }));
    }
    if let Some(path) = process.app.config.monitor.textfile.clone() {
        let (metrics, truth) = (Arc::clone(metrics), Arc::clone(truth));
        servers.push(until_stopped(move |stop| async move {
            tokio::select! {
                () = keep_textfile(&path, &metrics, &truth) => {}
                // Once more while the state database is open: later it could not be read, and the file would say so for ever.
                () = stop.cancelled() => write_textfile(&path, &metrics, &truth).await,
            }
        }));
    }
    if let Some(otlp) = process.otlp.clone() {
        let (metrics, truth, clock) = (Arc::clone(metrics), Arc::clone(truth), Arc::clone(&process.app.clock));
        servers.push(until_stopped(move |stop| async move {
            tokio::select! {
                () = otlp.keep_exporting(&metrics, clock.as_ref(), || truth.refresh()) => {}
                () = stop.cancelled() => {}
            }
        }));
    }
    Ok(servers)
}

fn until_stopped<F>(work: impl FnOnce(CancellationToken) -> F + Send + Sync + 'static) -> Background
where
    F: Future<Output = ()> + Send + 'static,
{
    Box::new(move |stop| Box::pin(work(stop)))
}

/// Does all of it until `stop`.
pub(super) async fn run(servers: Vec<Background>, stop: &CancellationToken) {
    join_all(servers.into_iter().map(|server| server(stop.clone()))).await;
}
