//! The TCP side: how many connections, for how long, and how they end.
//!
//! Turns accepted connections into one answered request each. Guarantees: at most [`MAX_CONNECTIONS`] at a time,
//! further ones wait with the operating system; none lives longer than [`MAX_CONNECTION_TIME`], however slowly it
//! speaks, and answers that need others are there within [`MAX_ANSWER_TIME`]; a request that arrived whole is carried out
//! though its client hangs up; when told to stop, nobody new is accepted and requests under way are finished, within
//! [`MAX_DRAIN_TIME`], and what they left to be counted is written down, all of it within [`STOP_LIMIT`]. A crash cuts
//! connections and nothing else.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::rate::Peer;
use super::tally::{TallyWriter, WRITE_LIMIT};
use super::{HttpError, Site, router};
use crate::domain::causes;
use crate::telemetry::events;

/// Each needs a file descriptor and some 20 kB; systemd's usual limit is 1024 descriptors.
const MAX_CONNECTIONS: usize = 256;

/// From the first byte to the end of a request's head.
const MAX_HEAD_TIME: Duration = Duration::from_secs(10);

/// From accepting to the last byte of the answer.
const MAX_CONNECTION_TIME: Duration = Duration::from_secs(30);

/// From accepting to an answer that waits for the provider or the state database: asking takes up to 10 s and making the
/// provider's page up to 12 s (`reconnect`). What is left of a connection's life is for sending it.
const MAX_ANSWER_TIME: Duration = Duration::from_secs(24);

/// Longer than the answer to a request under way takes.
const MAX_DRAIN_TIME: Duration = Duration::from_secs(25);

/// From being told to stop to the end of [`Server::run`]: the requests under way, and one write of what is to be counted.
/// What kills the process after a while counts from here; see `cli` for the sum.
pub const STOP_LIMIT: Duration = MAX_DRAIN_TIME.saturating_add(WRITE_LIMIT);

/// A request's head: hyper's least, 40 times what our links need.
const MAX_HEAD_BYTES: usize = 8 * 1024;

/// How long to wait after a failed accept: out of file descriptors is the usual reason, and passes.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Is cancelled when the server is told to stop: what takes long is given up then.
#[derive(Debug, Clone)]
pub(super) struct Stopping(pub CancellationToken);

/// When a request must be answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnswerBy(pub Instant);

/// Listens, and does not answer yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    tally: Option<TallyWriter>,
    /// What goes on when its request is gone.
    finishing: TaskTracker,
}

impl Server {
    /// Listens on `address`; port 0 takes a free one, see [`Server::address`].
    pub async fn bind(address: SocketAddr, site: Site) -> Result<Self, HttpError> {
        Self::on(listen("[http] listen", address).await?, site)
    }

    /// Answers on a listener that is bound already.
    pub fn on(listener: TcpListener, site: Site) -> Result<Self, HttpError> {
        let finishing = site.reconnect.as_ref().map(|pages| pages.reconnect.tasks.clone());
        let (router, tally) = router(site)?;
        let server = Self::over(listener, router)?;
        Ok(Self { tally: Some(tally), finishing: finishing.unwrap_or_default(), ..server })
    }

    /// Answers on a listener with the routes of `router`.
    pub(super) fn over(listener: TcpListener, router: Router) -> Result<Self, HttpError> {
        let address = listener.local_addr().map_err(HttpError::Unbound)?;
        Ok(Self { listener, address, router, tally: None, finishing: TaskTracker::new() })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` is done, then finishes what is under way, within [`STOP_LIMIT`].
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let (tally, ended, stopped) = (self.tally.take(), CancellationToken::new(), CancellationToken::new());
        let stop = async {
            stop.await;
            stopped.cancel();
        };
        let writing = async {
            if let Some(tally) = tally {
                tally.run(&ended).await;
            }
        };
        let answering = async {
            self.answer(stop).await;
            ended.cancel();
        };
        let too_late = async {
            stopped.cancelled().await;
            tokio::time::sleep(STOP_LIMIT).await;
        };
        tokio::select! {
            biased;
            _ = async { tokio::join!(answering, writing) } => {}
            () = too_late => tracing::warn!(
                event = events::RECONNECT_UNCOUNTED,
                "That links were opened in the last seconds could not be written down before the stop: the report counts \
                 too few of them."
            ),
        }
    }

    async fn answer(self, stop: impl Future<Output = ()>) {
        let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let (connections, stopping) = (TaskTracker::new(), CancellationToken::new());
        let (mut stop, mut deaf) = (pin!(stop), false);
        loop {
            let accepted = async {
                // Room first, so that nobody is accepted and then left waiting. The semaphore is never closed.
                let permit = Arc::clone(&permits).acquire_owned().await.ok();
                (permit, self.listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                biased;
                () = &mut stop => break,
                accepted = accepted => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    say_deaf(&error, &mut deaf);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            deaf = false;
            let app = self.router.clone().layer(Extension(Peer(peer))).layer(Extension(Stopping(stopping.clone())));
            let app = app.layer(Extension(AnswerBy(Instant::now() + MAX_ANSWER_TIME)));
            let stopping = stopping.clone();
            connections.spawn(async move {
                serve(stream, app, stopping).await;
                drop(permit);
            });
        }
        drop(self.listener);
        stopping.cancel();
        connections.close();
        let finished = async {
            connections.wait().await;
            self.finishing.close();
            self.finishing.wait().await;
        };
        if tokio::time::timeout(MAX_DRAIN_TIME, finished).await.is_err() {
            tracing::warn!(
                event = events::HTTP_FAILED,
                connections = connections.len(),
                unfinished = self.finishing.len(),
                "What was under way took too long at the stop and was cut: whoever asked has to ask again. If it comes at \
                 every stop, look at why the provider or the state database takes so long."
            );
        }
    }
}

/// Says that nobody is let in, once until somebody is.
fn say_deaf(error: &std::io::Error, deaf: &mut bool) {
    if !std::mem::replace(deaf, true) {
        tracing::error!(
            event = events::HTTP_FAILED, error = %causes(error),
            "Nobody can be let in: connections cannot be accepted. It is tried ten times a second; out of file \
             descriptors is the usual reason."
        );
    }
}

/// Listens on `address`, which the configuration's `key` names.
pub(super) async fn listen(key: &'static str, address: SocketAddr) -> Result<TcpListener, HttpError> {
    TcpListener::bind(address).await.map_err(|source| HttpError::Listen { key, address, source })
}

/// One connection, one request: the pages are small, and nobody keeps a line open for a second one.
async fn serve(stream: TcpStream, app: Router, stopping: CancellationToken) {
    // Without it small answers wait for the peer's acknowledgement; failing costs speed only.
    stream.set_nodelay(true).ok();
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(MAX_HEAD_TIME)
        .keep_alive(false)
        // Mail services post and hang up, and proxies pass that on: what was asked whole is done all the same.
        .half_close(true)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let mut connection = pin!(connection);
    let answered = async {
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stopping.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.as_mut().await
            }
        };
        // A client that hung up, spoke no HTTP or was too slow; nobody here can do anything about it.
        drop(ended);
    };
    // The rest of a connection that took too long is dropped, which closes it.
    tokio::time::timeout(MAX_CONNECTION_TIME, answered).await.ok();
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
