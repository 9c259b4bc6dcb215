//! The reconnect report over HTTP, for those the operator lets in: as a page, and as what the page is made of.
//!
//! | Path | Answers |
//! |---|---|
//! | `/report`, `/report.json`, `/report.csv`, `/report.txt` | the report: `?period=7d`, or `?from=…&to=…`; `&toolkit=slack` |
//! | `/report/trend`, `….json`, `….csv`, `….txt` | what broke and came back by `?step=day`, `week` or `month` |
//!
//! Turns a request into a question (`asked`), asks whether whoever sends it may know (`access`), has it answered by
//! the code that writes the files (`making`), and shows the answer (`shown`). Guarantees: without `[http] report_auth`
//! there is no such page; nothing is written but a line of the log; one answer is computed at a time, beside
//! the request, which waits for it within bounded time; no browser or proxy keeps what it was shown. No answer holds an
//! address or a user's id. A crash leaves nothing.

mod access;
mod asked;
mod making;
mod shown;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};

pub use access::Access;

use self::access::Refused;
use self::asked::{Asked, Form, Question, View};
use self::making::Making;
use super::Shared;
use super::rate::Peer;
use super::server::Stopping;
use crate::telemetry::events;

/// What the report's pages are made of.
pub struct ReportSite {
    /// Who may read them.
    pub access: Access,
    /// How much time a report is about where nobody says so.
    pub period: Duration,
}

/// A [`ReportSite`] at work.
pub(super) struct Reports {
    site: ReportSite,
    making: Making,
    pages: shown::Pages,
}

impl Reports {
    pub(super) fn new(site: ReportSite, product: &str, look: &super::Brand) -> Result<Self, minijinja::Error> {
        let pages = shown::Pages::new(product, look, site.period)?;
        Ok(Self { site, making: Making::default(), pages })
    }
}

/// The paths, where the report is served.
pub(super) fn routes(router: Router<Arc<Shared>>) -> Router<Arc<Shared>> {
    let mut router = router;
    for view in View::ALL {
        for (path, form) in view.paths() {
            let answer = get(move |state, peer, stopping, uri, headers| {
                answer(state, peer, stopping, uri, headers, (view, *form))
            });
            router = router.route(path, answer.fallback(shown::wrong_method));
        }
    }
    router
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    Extension(Peer(peer)): Extension<Peer>,
    Extension(stopping): Extension<Stopping>,
    uri: Uri,
    headers: HeaderMap,
    (view, form): (View, Option<Form>),
) -> Response {
    let Some(reports) = &shared.reports else { return super::unsubscribe::nothing_here(State(shared), headers).await };
    let form = form.unwrap_or_else(|| Form::accepted(&headers));
    let reader = match reports.site.access.reader(peer.ip(), &headers, &shared.rate) {
        Ok(reader) => reader,
        Err(refused) => return refuse(refused, &shared, peer.ip(), &headers),
    };
    let now = (shared.site.now)();
    let asked = match Asked::read(view, uri.query().unwrap_or_default(), reports.site.period, now) {
        Ok(asked) => asked,
        Err(wrong) => return reports.pages.wrong(&wrong, view, form),
    };
    let begun = (shared.site.now)();
    match reports.making.get(&shared.site.store, &asked.question, now, &stopping.0).await {
        Ok(made) => {
            viewed(&reader, &asked.question, form, (shared.site.now)() - begun);
            reports.pages.show(&made, &asked, form)
        }
        Err(error) => reports.pages.not_made(&error, view, form),
    }
}

fn viewed(reader: &str, question: &Question, form: Form, took: chrono::TimeDelta) {
    tracing::info!(
        event = events::REPORT_VIEWED,
        reader,
        view = question.view().code(),
        format = form.code(),
        toolkit = question.toolkit().unwrap_or_default(),
        duration_ms = took.num_milliseconds(),
        "Somebody read the report."
    );
}

/// Tells the client little: whoever asks is nobody yet. On-call is told who that is where it is a proxy to be put into the
/// configuration, or somebody who guesses.
fn refuse(refused: Refused, shared: &Shared, peer: IpAddr, headers: &HeaderMap) -> Response {
    let reason = refused.code();
    match refused {
        Refused::NoToken => {
            tracing::debug!(event = events::REPORT_REFUSED, reason, "The report was asked for without a token.");
        }
        Refused::TooOften => {
            tracing::debug!(event = events::REPORT_REFUSED, reason, "The report's token was tried too often.");
        }
        Refused::WrongToken => {
            let client = shared.rate.client(peer, headers);
            tracing::warn!(
                event = events::REPORT_REFUSED, reason, client = %client,
                "Somebody asked for the report with a token that is not the one."
            );
        }
        Refused::NotTheProxy => tracing::warn!(
            event = events::REPORT_REFUSED, reason, client = %peer.to_canonical(),
            "The report was asked for from an address that is not in [http] report_proxy_from."
        ),
        Refused::NoName => tracing::warn!(
            event = events::REPORT_REFUSED,
            reason,
            "The proxy names nobody who asks for the report, or more than one: look at [http] report_proxy_header."
        ),
    }
    shown::refused(refused)
}
