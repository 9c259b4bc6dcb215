//! `reconnectd serve`: the pages behind the links in mails, until told to stop.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::setup::Process;
use super::{Exit, monitoring, setup};
use crate::app::AppError;
use crate::daemon::Background;
use crate::http::{self, HttpError, Server};
use crate::store::Store;
use crate::telemetry::{FLUSH_LIMIT, events};

/// For closing the state database.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// From a signal to the end of `serve`: the requests under way and what they left to be counted, the last export, and the
/// state database. `TimeoutStopSec` and `terminationGracePeriodSeconds` are longer, which tests hold them to.
pub const STOP_LIMIT: Duration = http::STOP_LIMIT.saturating_add(FLUSH_LIMIT).saturating_add(CLOSE_LIMIT);

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error(transparent)]
    App(#[from] AppError),
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("signals cannot be heard")]
    Signals(#[source] std::io::Error),
}

pub(super) async fn run(config: Option<&Path>) -> Exit {
    let process = match setup::start(config) {
        Ok(process) => process,
        Err(exit) => return exit,
    };
    let store = match process.store_or_new().await {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let served = serve(&process, &store).await;
    process.end().await;
    // A connection that is busy with an interrupted statement must not keep the process.
    tokio::time::timeout(CLOSE_LIMIT, store.close()).await.ok();
    let Err(error) = served else { return Exit::Done };
    let causes = crate::domain::causes(&error);
    if matches!(&error, ServeError::App(error) if error.is_configuration()) {
        tracing::error!(event = events::CONFIG_INVALID, error = %causes, "The configuration cannot be used.");
        return Exit::BadConfiguration;
    }
    tracing::error!(event = events::HTTP_FAILED, error = %causes, "Nothing is served; the next try may work.");
    Exit::Failed
}

async fn serve(process: &Process, store: &Store) -> Result<(), ServeError> {
    let app = &process.app;
    // Heard from here on: a signal that comes while the server starts stops it as soon as it has.
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signals)?;
    let site = app.site(store, None).await?;
    let server = Server::bind(app.config.http.listen, site).await?;
    announce(server.address(), app.config.http.public_url.is_some());
    let stopping = CancellationToken::new();
    let asked = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stopping.cancel();
    };
    tokio::join!(server.run(asked), monitoring::run(monitored(process).await, &stopping));
    tracing::info!(event = events::HTTP_STOPPED, "Stopped; requests under way were finished.");
    Ok(())
}

/// What it does for those who watch it. That it cannot is said, and no reason to keep people from unsubscribing.
async fn monitored(process: &Process) -> Vec<Background> {
    let ready = async {
        let listener = monitoring::listen(&process.app).await?;
        monitoring::background(process, Arc::default(), listener)
    };
    ready.await.unwrap_or_else(|error| {
        tracing::error!(
            event = events::MONITOR_FAILED, error = %crate::domain::causes(&error),
            "Neither health nor metrics are served; everything else is."
        );
        Vec::new()
    })
}

fn announce(address: SocketAddr, linked: bool) {
    if linked {
        tracing::info!(event = events::HTTP_LISTENING, address = %address, "Listening.");
    } else {
        tracing::warn!(
            event = events::HTTP_LISTENING, address = %address,
            "Listening, but mails carry no link to it: set [http] public_url."
        );
    }
}
