//! Turns the directory's pages of users into pages of observations, in the directory's order.
//!
//! ```text
//! directory ─▶ page of ids ─▶ batches ─▶ provider (up to `concurrency` at once) ─▶ observations ─▶ channel
//!     └─ the next page is read meanwhile                  split on failure ┘        (bounded by the consumer)
//! ```
//!
//! Guarantees:
//! - the observations equal those of asking about one user at a time: a batch that fails is halved until
//!   what is wrong is one user's own, and only that user becomes unknown;
//! - an id the provider cannot be asked about is never sent, and a refused key, a removed API or somebody
//!   else's account stops everything at once, requests in flight included;
//! - while one page is recorded the next is asked about; memory holds the pages of the channel, the one
//!   being asked about and the ids of the one after, however many users there are;
//! - a provider that is down costs a bounded number of requests, not one for every user (see `guard`).
//!
//! Nothing is stored: a crash, or dropping the future, loses the pages not yet recorded, and the next run
//! starts from the checkpoint that came with the last recorded one.

mod batches;
mod guard;
mod page;

use std::num::NonZeroU32;

use tokio::sync::mpsc::Sender;

use crate::domain::{Cursor, ScannedPage, UserPage};
use crate::ports::{Directory, DirectoryError, Provider, ProviderError};

/// How many users one request asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsersPerRequest {
    /// As many as fit one page of the answer, found out while going.
    Auto,
    /// This many, as long as the URL stays within bounds; failures are still narrowed down.
    Fixed(NonZeroU32),
}

/// How to scan.
#[derive(Debug, Clone, Copy)]
pub struct ScanOptions {
    /// Requests in flight at once; 0 counts as 1.
    pub concurrency: usize,
    /// Users per request.
    pub users_per_request: UsersPerRequest,
}

/// The scan ended early; the pages already sent stand.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The directory could not be read.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The provider said something after which nobody may be told anything
    /// ([`ProviderError::stops_the_run`]).
    #[error(transparent)]
    Provider(ProviderError),
    /// So many requests about single users in a row came to nothing that the request itself must be wrong.
    #[error(
        "the last {in_a_row} requests, each about one user, were all refused or unreadable; check [composio] base_url, or look for a newer reconnectd"
    )]
    NothingUsable {
        /// Failures without a success in between.
        in_a_row: u32,
        /// The last of them.
        #[source]
        last: ProviderError,
    },
    /// The provider stayed away for several pages.
    #[error(
        "the provider has not answered any request for {pages} pages of users; the run goes on from its checkpoint later"
    )]
    ProviderDown {
        /// Pages whose users all became unknown.
        pages: u32,
        /// The last failure.
        #[source]
        last: ProviderError,
    },
    /// The receiver of the pages is gone: it failed, or it wants no more. Its own error says why.
    #[error("nobody takes the scanned pages any more")]
    ConsumerGone,
}

/// Asks about every user after `from` and sends the pages to `out`, whose capacity bounds how far the scan
/// runs ahead. The last page sent has no `next`; an empty directory gives one empty page.
pub async fn scan(
    directory: &dyn Directory,
    provider: &dyn Provider,
    options: ScanOptions,
    from: Option<Cursor>,
    out: Sender<ScannedPage>,
) -> Result<(), ScanError> {
    let mut asker = page::Asker::new(provider, options);
    let mut page = directory.page(from.as_ref()).await?;
    must_advance(from.as_ref(), &page)?;
    loop {
        // A directory that fails while this page is asked about is reported after this page is handed over.
        let following = async {
            Ok(match &page.next {
                Some(next) => Some(directory.page(Some(next)).await),
                None => None,
            })
        };
        let work = async { tokio::try_join!(asker.ask(page.users), following) };
        let (users, following) = tokio::select! {
            biased;
            () = out.closed() => return Err(ScanError::ConsumerGone),
            done = work => done?,
        };
        let sent = ScannedPage { users, next: page.next.clone() };
        out.send(sent).await.map_err(|_| ScanError::ConsumerGone)?;
        let Some(following) = following else { return Ok(()) };
        let following = following?;
        must_advance(page.next.as_ref(), &following)?;
        page = following;
    }
}

/// A page that points at its own beginning would be read for ever.
fn must_advance(after: Option<&Cursor>, page: &UserPage) -> Result<(), ScanError> {
    if page.next.is_some() && page.next.as_ref() == after {
        return Err(ScanError::Directory(DirectoryError::Misconfigured {
            doing: "reading the next page of users",
            remedy: "[directory] id must be unique and ordered".to_owned(),
            source: "the page after a cursor ends at the same cursor".into(),
        }));
    }
    Ok(())
}
