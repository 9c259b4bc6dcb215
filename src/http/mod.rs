//! The pages behind the links in mails, over HTTP: today the one on which a person says "no more". Beside them, on a
//! listener of its own, what monitoring asks (`monitor`).
//!
//! Turns a request into a page, and a one-click POST (RFC 8058) into a suppressed address. Guarantees: a GET or
//! HEAD never reads or writes the state database, so scanners, previews and prefetching do nothing; a POST
//! changes something only under a token signed for its recipient and with the one body that means it; a token that
//! is not ours looks like a page that does not exist; everything a client sends or makes us keep is bounded; neither
//! tokens nor addresses are logged. What a crash leaves: the commit is the suppression, and an answer that got
//! lost is asked for again.

mod language;
pub mod monitor;
mod one_click;
mod page;
mod rate;
mod server;
mod unsubscribe;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use axum::{Router, middleware};

pub use server::Server;

use crate::domain::{AddressKey, Timestamp};
use crate::store::Store;

/// Our own body has 26 bytes, as a multipart form some 200; what is larger means something else.
const MAX_BODY_BYTES: usize = 4 * 1024;

/// What the pages are made of.
pub struct Site {
    /// The product's name as its users know it.
    pub product: String,
    /// What unsubscribe tokens are signed with.
    pub key: AddressKey,
    /// Where suppressed addresses are kept.
    pub store: Store,
    /// What time it is.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// The server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The port is taken or not allowed, or the address is not this host's.
    #[error("{key}: listening on {address} failed")]
    Listen {
        /// The key of the configuration that names it.
        key: &'static str,
        /// The address asked for.
        address: SocketAddr,
        /// The operating system's words.
        #[source]
        source: std::io::Error,
    },
    /// The listener has no address any more.
    #[error("[http] listen: the listener is gone")]
    Unbound(#[source] std::io::Error),
    /// The pages cannot be rendered: a defect of the program.
    #[error("the pages cannot be rendered")]
    Pages(#[source] minijinja::Error),
}

/// What every request can reach.
struct Shared {
    site: Site,
    pages: page::Pages,
    rate: rate::Rate,
}

fn router(site: Site) -> Result<Router, HttpError> {
    let pages = page::Pages::new(&site.product).map_err(HttpError::Pages)?;
    let shared = Arc::new(Shared { site, pages, rate: rate::Rate::default() });
    let unsubscribe = get(unsubscribe::ask).post(unsubscribe::suppress).fallback(unsubscribe::wrong_method);
    Ok(Router::new()
        .route("/u/{token}", unsubscribe)
        .fallback(unsubscribe::nothing_here)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), rate::guard))
        .with_state(shared))
}
