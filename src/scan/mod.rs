//! Turns pages of the directory into observations: what the provider says of every user of the page, or the
//! admission that we do not know.
//!
//! Three things overlap: the consumer records page N, the provider is asked about page N+1 with up to
//! `concurrency` requests at once, and the directory reads page N+2. The channel's capacity bounds the lead, so
//! memory is bounded by pages and never grows with the number of users.
//!
//! Guarantees: pages leave in the directory's order; every user of a page has exactly one observation, in the
//! page's order; how users are joined into requests changes the number of requests and never the result. An
//! account is only ever handed to the user it names, and never to two users of a page.
//!
//! A crash, or dropping the future, leaves nothing behind: nothing is stored here. A page that was not recorded
//! is scanned again from the checkpoint; asking the provider again does no harm.

mod asking;
mod batches;
mod health;
mod in_flight;

use std::num::NonZeroU32;

use futures_util::future;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use self::asking::Asking;
use crate::domain::{Cursor, ScannedPage, UserPage};
use crate::ports::{Clock, Directory, DirectoryError, Provider, ProviderError};
use crate::telemetry::spans;

/// How the provider is asked.
#[derive(Debug, Clone, Copy)]
pub struct ScanOptions {
    /// Requests in flight at once, at most; 0 counts as 1.
    pub concurrency: usize,
    /// Users joined into one request.
    pub users_per_request: UsersPerRequest,
}

/// How many users are joined into one request. Either way a joined request that fails is split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsersPerRequest {
    /// Start small, grow while answers fit one page, shrink when they do not or when requests fail.
    Auto,
    /// Always this many, as far as the page and the length of the request allow.
    Fixed(NonZeroU32),
}

/// Why a scan ended before the directory did. The pages sent before are whole and stay recorded; the next run
/// goes on behind them.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The users could not be read.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// An error after which nobody may be asked about or told anything ([`ProviderError::stops_the_run`]).
    #[error(transparent)]
    Provider(ProviderError),
    /// One user after the other got no answer and nobody got one in between.
    #[error(
        "the provider gave no answer for {failures} users one after the other; check its status page and the network, then run again: the scan goes on where it stopped"
    )]
    ProviderDown {
        /// Single-user requests that failed since the last good answer.
        failures: u32,
        /// The last of them.
        #[source]
        last: ProviderError,
    },
    /// Since the run began no request was answered with a list, and the refusals are not about one user.
    #[error(
        "the provider refused the first {failures} users and has not answered one; check [composio] base_url and that this version still matches the provider's API"
    )]
    EverythingRejected {
        /// Single-user requests refused since the run began.
        failures: u32,
        /// The last of them.
        #[source]
        last: ProviderError,
    },
    /// The receiver of the pages was dropped.
    #[error("the scan stopped because its pages are no longer being recorded")]
    ConsumerGone,
}

/// Scans the directory from the page behind `from` (or from the start) to its end, sending each page to `out`
/// once everything about its users is known. Returns when the last page is in the channel; after `stop`, when the page
/// that is being asked about is, and nobody behind it is asked about. `clock` dates the pages.
///
/// While nobody receives, at most the channel's capacity and 2 pages are read: one waiting to be sent and the
/// one behind it.
pub async fn scan(
    directory: &dyn Directory,
    provider: &dyn Provider,
    options: ScanOptions,
    from: Option<Cursor>,
    out: mpsc::Sender<ScannedPage>,
    stop: &CancellationToken,
    clock: &dyn Clock,
) -> Result<(), ScanError> {
    tokio::select! {
        // The walk first: when its last page was taken and the receiver then dropped, the scan is complete.
        biased;
        walked = walk(directory, Asking::new(provider, options), from, &out, (stop, clock)) => walked,
        () = out.closed() => Err(ScanError::ConsumerGone),
    }
}

async fn walk(
    directory: &dyn Directory,
    mut asking: Asking<'_>,
    from: Option<Cursor>,
    out: &mpsc::Sender<ScannedPage>,
    (stop, clock): (&CancellationToken, &dyn Clock),
) -> Result<(), ScanError> {
    if stop.is_cancelled() {
        return Ok(());
    }
    let mut page = advanced(from.as_ref(), directory.page(from.as_ref()).await?)?;
    let mut number = 0;
    loop {
        let next = page.next;
        // What came of reading ahead is looked at only after this page is sent: a directory that fails on the
        // next page must not cost the answers for this one.
        let read_ahead = async {
            Ok(match &next {
                Some(cursor) => Some(directory.page(Some(cursor)).await),
                None => None,
            })
        };
        number += 1;
        let asked = spans::page(number, page.users.len());
        let asked_at = clock.now();
        let observe = asking.observe(page.users).instrument(asked);
        let (users, ahead) = future::try_join(observe, read_ahead).await?;
        out.send(ScannedPage { users, asked_at, next: next.clone() }).await.map_err(|_| ScanError::ConsumerGone)?;
        match ahead {
            Some(_) if stop.is_cancelled() => return Ok(()),
            Some(read) => page = advanced(next.as_ref(), read?)?,
            None => return Ok(()),
        }
    }
}

/// The page itself, unless it leads back to its own beginning and would be read for ever.
fn advanced(after: Option<&Cursor>, page: UserPage) -> Result<UserPage, DirectoryError> {
    if page.next.is_some() && page.next.as_ref() == after {
        return Err(DirectoryError::Misconfigured {
            doing: "reading the next page of users",
            remedy: "check that [directory] id is unique and ordered".to_owned(),
            source: "a page ends at the cursor it began at".into(),
        });
    }
    Ok(page)
}
