//! The connections between two mails.
//!
//! Guarantees: a connection is here or with one mail, never both, because it is moved in and out; at most
//! [`MOST_IDLE`] are kept, each for as long and for as many mails as the limits say. A crash closes them, which costs
//! nothing: no mail is under way on a connection that is here.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use super::connection::{Connection, QUIT_LIMIT};
use super::settings::EmailLimits;

/// As many as deliveries are in flight at once; what is more would only wait to be closed.
const MOST_IDLE: usize = 4;

/// Connections that wait for their next mail.
pub(super) struct IdleConnections {
    limits: EmailLimits,
    /// The one that waits longest comes first.
    waiting: Mutex<Vec<(Instant, Connection)>>,
    goodbyes: TaskTracker,
}

impl IdleConnections {
    pub(super) fn new(limits: EmailLimits) -> Self {
        Self { limits, waiting: Mutex::default(), goodbyes: TaskTracker::new() }
    }

    /// Where goodbyes are said, so that closing can wait for them.
    pub(super) fn goodbyes(&self) -> &TaskTracker {
        &self.goodbyes
    }

    /// The connection that was used last, so that the others can grow old. Those that are too old, or on which the
    /// server has spoken or hung up, are closed.
    pub(super) fn take(&self) -> Option<Connection> {
        let mut waiting = self.waiting();
        let old = waiting.partition_point(|(since, _)| since.elapsed() >= self.limits.idle);
        for (_, connection) in waiting.drain(..old) {
            connection.leave();
        }
        while let Some((_, connection)) = waiting.pop() {
            if let Some(quiet) = connection.quiet() {
                return Some(quiet);
            }
        }
        None
    }

    /// Keeps a connection over which a mail was just taken, with its reply read, for the next one.
    pub(super) fn put_back(&self, connection: Connection) {
        let Some(connection) = connection.quiet() else { return };
        let mut waiting = self.waiting();
        if connection.mails() >= self.limits.mails_per_connection || waiting.len() >= MOST_IDLE {
            connection.leave();
        } else {
            waiting.push((Instant::now(), connection));
        }
    }

    /// Says goodbye on all of them, and waits for this and earlier goodbyes as long as one may take.
    pub(super) async fn close(&self) {
        for (_, connection) in self.waiting().drain(..) {
            connection.leave();
        }
        self.goodbyes.close();
        // Who has not answered by then is left to the end of its own limit.
        drop(timeout(QUIT_LIMIT, self.goodbyes.wait()).await);
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<(Instant, Connection)>> {
        // A panic elsewhere leaves the list as it was: pushing and draining are whole or not at all.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
