//! The pages behind the links in mails, over HTTP: where a person reconnects an account, and where they say "no more".
//! On the same listener the reconnect report, for those the operator lets in (`report`). On a listener of its own, what
//! monitoring asks (`monitor`).
//!
//! Turns a request into a page; a form of our own page into a way to the provider's page and back; a one-click POST
//! (RFC 8058) into a suppressed address. Guarantees: a GET or HEAD behind a link of a mail asks nobody and changes nothing
//! but that a browser which says that a person sent it to a reconnect page is counted, beside the request (`tally`): whoever
//! only fetches leaves no trace, prefetching neither; a POST changes something only under a token signed for
//! its link; a token that is not ours looks like a page that does not exist; everything a client sends or makes us keep is bounded;
//! neither tokens nor addresses are logged. What a crash leaves: see `reconnect` for connect attempts;
//! for the rest the commit is the deed, and an answer that got lost is asked for again.

mod brand;
mod callback;
pub mod monitor;
mod nowhere;
mod one_click;
mod page;
mod preferences;
mod rate;
mod reconnect;
mod report;
mod same_site;
mod server;
mod subject;
mod tally;
mod unsubscribe;
mod words;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use axum::{Router, middleware};
use ipnet::IpNet;
use url::Url;

pub use brand::Brand;
pub use report::{Access, ReportSite};
pub use server::{STOP_LIMIT, Server};

use crate::domain::{AddressKey, ReconnectUrl, Timestamp};
use crate::languages::Languages;
use crate::reconnect::Reconnect;
use crate::store::Store;

/// Our own bodies have some 100 bytes, as a multipart form some 300; what is larger means something else.
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
    /// The languages they speak.
    pub languages: Arc<Languages>,
    /// How the pages look.
    pub brand: Brand,
    /// Where the pages are reached from outside.
    pub public_url: Option<Url>,
    /// The product's page on which accounts are connected, for those our pages cannot help.
    pub settings_url: ReconnectUrl,
    /// Whose word is taken on who asks; see `rate`.
    pub trusted_proxies: Vec<IpNet>,
    /// The pages behind reconnect links; none where mails lead to the product's own page.
    pub reconnect: Option<ReconnectSite>,
    /// The report, for those who may read it; none where nobody may.
    pub report: Option<ReportSite>,
}

/// What the reconnect pages are made of.
pub struct ReconnectSite {
    /// What happens behind them.
    pub reconnect: Reconnect,
    /// Where people go on once they have reconnected.
    pub return_url: ReconnectUrl,
    /// Where a form may send people, as a source of the Content Security Policy: `https:`, and the provider's own
    /// origin where it is on this host.
    pub hosted: String,
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
    logo: Option<Arc<[u8]>>,
    rate: rate::Rate,
    reports: Option<report::Reports>,
    tally: tally::Tally,
    nowhere: nowhere::Nowhere,
}

/// The pages, and who writes down that they were opened.
fn router(mut site: Site) -> Result<(Router, tally::TallyWriter), HttpError> {
    let (tally, writer) = tally::tally(site.store.clone());
    let look = brand::Look::of(&site.brand, site.public_url.as_ref());
    let hosted = site.reconnect.as_ref().map_or("https:", |reconnect| &reconnect.hosted);
    let (settings, languages) = (site.settings_url.for_any_toolkit(), Arc::clone(&site.languages));
    let pages = page::Pages::new(&site.product, look, hosted, settings, languages).map_err(HttpError::Pages)?;
    let logo = site.brand.logo.clone();
    let reports = site.report.take();
    let reports = reports.map(|report| report::Reports::new(report, &site.product, &site.brand)).transpose();
    let reports = reports.map_err(HttpError::Pages)?;
    let (has_logo, reported) = (logo.is_some(), reports.is_some());
    let rate = rate::Rate::believing(site.trusted_proxies.clone());
    let shared = Arc::new(Shared { site, pages, logo, rate, reports, tally, nowhere: nowhere::Nowhere::default() });
    let unsubscribe = get(unsubscribe::ask).post(unsubscribe::suppress).fallback(unsubscribe::wrong_method);
    // Links in old mails are opened whatever the mode is by now.
    let reconnect = get(reconnect::show).post(reconnect::start).fallback(unsubscribe::wrong_method);
    let mut router = Router::new()
        .route("/u/{token}", unsubscribe)
        .route("/r/{token}", reconnect)
        .route("/r/callback/{token}", get(callback::finish).fallback(callback::wrong_method));
    if reported {
        router = report::routes(router);
    }
    if has_logo {
        router = router.route(brand::LOGO_PATH, get(brand::logo));
    }
    let router = router
        .fallback(unsubscribe::nothing_here)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), rate::guard))
        .with_state(shared);
    Ok((router, writer))
}
