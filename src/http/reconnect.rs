//! The page behind a reconnect link: a GET shows how things stand, a POST of its form leads to the provider's page.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use secrecy::ExposeSecret as _;
use tokio::time::{Instant, timeout, timeout_at};
use url::form_urlencoded;

use super::nowhere::Reason;
use super::same_site::is_ours;
use super::server::AnswerBy;
use super::subject::Subject;
use super::tally::is_a_persons;
use super::unsubscribe::accept_language;
use super::words::Speaker;
use super::{MAX_BODY_BYTES, ReconnectSite, Shared};
use crate::domain::{AttemptId, LinkId, causes};
use crate::languages::PageLanguage;
use crate::reconnect::{PageView, Seen, Standing, Started};
use crate::store::StoreError;
use crate::telemetry::events;

/// Looking at one row or three; a database that is away for longer is away.
const MAX_LOOK_TIME: Duration = Duration::from_secs(10);

/// From a request's head to the end of its body, of some 100 bytes.
const MAX_BODY_TIME: Duration = Duration::from_secs(5);

/// Why a page could not be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum PageError {
    #[error("the state database could not be used for a reconnect page")]
    Store(#[from] StoreError),
    #[error("a reconnect page took too long")]
    Slow,
}

/// GET and HEAD: how things stand. Reads the state database alone.
pub(super) async fn show(State(shared): State<Arc<Shared>>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let browser = accept_language(&headers);
    let language = shared.pages.language(None, browser);
    let token = token_of(&uri, "/r/");
    let Some(site) = shared.site.reconnect.as_ref() else { return retired(&shared, language) };
    match within(Instant::now() + MAX_LOOK_TIME, site.reconnect.look(token)).await {
        Ok(Seen::Page(view)) if shared.rate.allows_link(&view.link) => {
            tracing::info!(
                event = events::RECONNECT_OPENED,
                link_id = %view.link, incident_id = %view.incident.id, standing = view.standing.code(),
                "A reconnect page was looked at; scanners of mail do that, too."
            );
            if is_a_persons(&method, &headers) && view.standing != Standing::Revoked {
                shared.tally.note(view.link, (shared.site.now)());
            }
            page_of(&shared, site, shared.pages.language(view.incident.language.as_deref(), browser), &view)
        }
        Ok(Seen::Page(_)) => super::rate::slower(&shared, language),
        Ok(Seen::Nothing) => nothing(&shared, language, Reason::NotOurs),
        Ok(Seen::Forgotten) => forgotten(&shared, language),
        Err(error) => failed(&shared, language, ("look", site.reconnect.link_of(token)), &error),
    }
}

/// POST: asks whether it is still broken, and leads to the provider's page if so.
pub(super) async fn start(
    State(shared): State<Arc<Shared>>,
    Extension(AnswerBy(by)): Extension<AnswerBy>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let token = token_of(&head.uri, "/r/");
    let language = shared.pages.language(None, accept_language(&head.headers));
    // Read before anything is answered, so that an answer is not lost with a connection full of unread bytes.
    let Ok(form) = timeout(MAX_BODY_TIME, form_of(&head.headers, body)).await else {
        return shared.pages.answer(StatusCode::REQUEST_TIMEOUT, language, Subject::NotUnderstood);
    };
    let Some(site) = shared.site.reconnect.as_ref() else { return retired(&shared, language) };
    let view = match within(by.min(Instant::now() + MAX_LOOK_TIME), site.reconnect.look(token)).await {
        Ok(Seen::Page(view)) => view,
        Ok(Seen::Nothing) => return nothing(&shared, language, Reason::NotOurs),
        Ok(Seen::Forgotten) => return forgotten(&shared, language),
        Err(error) => return failed(&shared, language, ("look", site.reconnect.link_of(token)), &error),
    };
    let language = shared.pages.language(view.incident.language.as_deref(), accept_language(&head.headers));
    if !shared.rate.allows_link(&view.link) {
        return super::rate::slower(&shared, language);
    }
    let speaker = speaker(&shared, site, language, &view);
    let keys = &site.reconnect.links.keys;
    let holds = form.is_some_and(|form| keys.form_holds(&view.link, &form, (shared.site.now)()));
    if !holds || !is_ours(&head.headers, shared.site.public_url.as_ref()) {
        tracing::warn!(
            event = events::RECONNECT_FOREIGN, link_id = %view.link,
            "A form that is not our page's, or is too old, was refused."
        );
        return shared.pages.show(StatusCode::FORBIDDEN, language, &speaker.foreign(token));
    }
    let (busy, later) = (StatusCode::CONFLICT, StatusCode::SERVICE_UNAVAILABLE);
    match within(by, site.reconnect.start(token)).await {
        Ok(Started::Go(address)) => go(&shared, language, address.expose_secret()),
        Ok(Started::Look) => go(&shared, language, token),
        Ok(Started::Team) => shared.pages.show(StatusCode::OK, language, &speaker.team()),
        Ok(Started::Busy) => shared.pages.show(busy, language, &speaker.busy(token)),
        Ok(Started::Later) => retry_after(shared.pages.show(later, language, &speaker.later(token))),
        Ok(Started::Nothing) => nothing(&shared, language, Reason::NotOnRecord),
        Err(error) => failed(&shared, language, ("start", Some(view.link)), &error),
    }
}

/// What stands in the path behind `folder`, as it was sent: a token needs no percent signs.
pub(super) fn token_of<'a>(uri: &'a Uri, folder: &str) -> &'a str {
    uri.path().strip_prefix(folder).unwrap_or_default()
}

/// Runs `work` until `by` at most.
pub(super) async fn within<T>(by: Instant, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, PageError> {
    timeout_at(by, Box::pin(work)).await.map_err(|_| PageError::Slow)?.map_err(PageError::from)
}

/// The page for a token that leads nowhere: the same as for any address that does not exist.
pub(super) fn nothing(shared: &Shared, language: &PageLanguage, reason: Reason) -> Response {
    shared.nowhere.note(reason);
    shared.pages.answer(StatusCode::NOT_FOUND, language, Subject::NothingHere)
}

/// The page where links are not used any more: whose they were cannot be told without a key.
pub(super) fn retired(shared: &Shared, language: &PageLanguage) -> Response {
    shared.nowhere.note(Reason::Retired);
    shared.pages.answer(StatusCode::GONE, language, Subject::Retired)
}

/// The page for a link of ours that is too old to be on record.
fn forgotten(shared: &Shared, language: &PageLanguage) -> Response {
    shared.nowhere.note(Reason::NotOnRecord);
    shared.pages.answer(StatusCode::OK, language, Subject::Expired)
}

/// The page for trouble of our own, met in this step, behind this link where the token is one.
fn failed(shared: &Shared, language: &PageLanguage, at: (&'static str, Option<LinkId>), error: &PageError) -> Response {
    let ((step, link), causes) = (at, causes(error));
    tracing::error!(
        event = events::HTTP_FAILED,
        step, link_id = link.as_ref().map(tracing::field::display), error = %causes,
        "A reconnect page could not be made; nothing has changed, and whoever asked for it may try again."
    );
    away(shared, language, Subject::Later)
}

/// The same for somebody who comes back from the provider: what became of that is not known.
pub(super) fn unseen(shared: &Shared, language: &PageLanguage, attempt: &AttemptId, error: &PageError) -> Response {
    tracing::error!(
        event = events::HTTP_FAILED,
        step = "back", attempt_id = %attempt, error = %causes(error),
        "What came of an attempt could not be shown; whoever came back may have finished, and the next look will tell."
    );
    away(shared, language, Subject::Unseen)
}

fn away(shared: &Shared, language: &PageLanguage, subject: Subject) -> Response {
    retry_after(shared.pages.answer(StatusCode::SERVICE_UNAVAILABLE, language, subject))
}

fn page_of(shared: &Shared, site: &ReconnectSite, language: &PageLanguage, view: &PageView) -> Response {
    let form = site.reconnect.links.keys.form(&view.link, (shared.site.now)());
    let page = speaker(shared, site, language, view).view(view, form);
    if page.form.is_some() {
        shared.pages.show_leaving(StatusCode::OK, language, &page)
    } else {
        shared.pages.show(StatusCode::OK, language, &page)
    }
}

fn speaker<'a>(
    shared: &'a Shared,
    site: &'a ReconnectSite,
    language: &'a PageLanguage,
    view: &'a PageView,
) -> Speaker<'a> {
    let toolkit = &view.incident.toolkit;
    Speaker::new(language, shared.pages.product(), toolkit, &shared.site.settings_url, &site.return_url)
}

/// 303: the browser goes there with a GET (RFC 9110, section 15.4.4), and a reload repeats nothing.
pub(super) fn go(shared: &Shared, language: &PageLanguage, address: &str) -> Response {
    let Ok(mut location) = HeaderValue::from_str(address) else {
        return nothing(shared, language, Reason::NotOnRecord);
    };
    location.set_sensitive(true);
    let headers = [
        (LOCATION, location),
        (axum::http::header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (axum::http::header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

fn retry_after(mut answer: Response) -> Response {
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("60"));
    answer
}

/// The field `form` of a URL-encoded body; none of anything else.
async fn form_of(headers: &HeaderMap, body: Body) -> Option<String> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let body = axum::body::to_bytes(body, MAX_BODY_BYTES).await.ok()?;
    let mut pairs = form_urlencoded::parse(&body);
    let first = pairs.next().filter(|_| essence == "application/x-www-form-urlencoded")?;
    (first.0 == "form" && pairs.next().is_none()).then(|| first.1.into_owned())
}
