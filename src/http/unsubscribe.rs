//! The page behind an unsubscribe link: a GET shows the choice, a one-click POST ends all mail (RFC 8058), and the
//! page's own form says what to write about or that mail is wanted again.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{ACCEPT_LANGUAGE, ALLOW, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use url::form_urlencoded;

use super::Shared;
use super::one_click::{Posted, posted};
use super::preferences::{Wish, Wishes, about, keep, wish_of};
use super::rate::slower;
use super::same_site::is_ours;
use super::subject::Subject;
use crate::domain::{AddressHash, SuppressionCause, UnsubscribeToken, causes};
use crate::languages::PageLanguage;
use crate::store::StoreError;
use crate::telemetry::events;

/// Reading waits for nobody; what takes longer is a database that is away.
const MAX_READ_TIME: Duration = Duration::from_secs(3);

/// Longer than a run holds SQLite's writer, shorter than proxies and mail services wait.
const MAX_STORE_TIME: Duration = Duration::from_secs(10);

/// Why an address could not be suppressed.
#[derive(Debug, thiserror::Error)]
enum SuppressError {
    #[error("suppressing an address failed")]
    Store(#[from] StoreError),
    #[error("suppressing an address took longer than {} s", MAX_STORE_TIME.as_secs())]
    Slow,
}

/// GET and HEAD: what is sent and what can be chosen. Writes nothing; where the state database is away, the page asks
/// what it can ask without.
pub(super) async fn ask(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap) -> Response {
    let language = language_of(&shared, &uri, &headers);
    let Some(hash) = owner(&shared, &uri) else {
        return shared.pages.answer(StatusCode::NOT_FOUND, language, Subject::NothingHere);
    };
    if !shared.rate.allows_owner_to_look(&hash) {
        return slower(&shared, language);
    }
    match tokio::time::timeout(MAX_READ_TIME, read(&shared, &hash)).await {
        Ok(Ok(wishes)) => {
            let page = wishes.page(language, shared.pages.product(), &about(&uri), false);
            shared.pages.show(StatusCode::OK, language, &page)
        }
        _ => shared.pages.answer(StatusCode::OK, language, Subject::Ask),
    }
}

/// POST: suppresses the token's owner, or keeps their choice; as often as it is said, and with the same answer.
pub(super) async fn suppress(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let language = language_of(&shared, request.uri(), request.headers());
    let (owner, about) = (owner(&shared, request.uri()), about(request.uri()));
    let ours = is_ours(request.headers(), shared.site.public_url.as_ref());
    // Read before anything is answered, so that an answer is not lost with a connection full of unread bytes.
    let posted = posted(request).await;
    let Some(hash) = owner else {
        return shared.pages.answer(StatusCode::NOT_FOUND, language, Subject::NothingHere);
    };
    if !shared.rate.allows_owner_to_choose(&hash) {
        return slower(&shared, language);
    }
    let wish = match &posted {
        Posted::Form(body) if ours => wish_of(body),
        Posted::OneClick | Posted::Form(_) | Posted::Else => None,
    };
    if wish.is_none() && posted != Posted::OneClick {
        return shared.pages.answer(StatusCode::BAD_REQUEST, language, Subject::NotUnderstood);
    }
    let stored = tokio::time::timeout(MAX_STORE_TIME, store(&shared, hash, wish.as_ref())).await;
    match stored.map_err(|_| SuppressError::Slow).and_then(|stored| stored.map_err(SuppressError::from)) {
        Ok(wishes) if wish.is_some() => {
            let page = wishes.page(language, shared.pages.product(), &about, true);
            shared.pages.show(StatusCode::OK, language, &page)
        }
        Ok(_) => shared.pages.answer(StatusCode::OK, language, Subject::Done),
        Err(error) => {
            let causes = causes(&error);
            tracing::error!(event = events::HTTP_FAILED, error = %causes, "Somebody could not be unsubscribed.");
            let mut answer = shared.pages.answer(StatusCode::SERVICE_UNAVAILABLE, language, Subject::Later);
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("120"));
            answer
        }
    }
}

/// Any other method on a link.
pub(super) async fn wrong_method(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let language = shared.pages.language(None, accept_language(&headers));
    let mut answer = shared.pages.answer(StatusCode::METHOD_NOT_ALLOWED, language, Subject::NotUnderstood);
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
    answer
}

/// Every other path.
pub(super) async fn nothing_here(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let language = shared.pages.language(None, accept_language(&headers));
    shared.pages.answer(StatusCode::NOT_FOUND, language, Subject::NothingHere)
}

pub(super) fn accept_language(headers: &HeaderMap) -> Option<&str> {
    headers.get(ACCEPT_LANGUAGE)?.to_str().ok()
}

/// The mail's language, which its link names (`lang=de`), or the client's.
fn language_of<'a>(shared: &'a Shared, uri: &Uri, headers: &HeaderMap) -> &'a PageLanguage {
    let mut pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let named = pairs.find(|(name, _)| name == "lang").map(|(_, language)| language);
    shared.pages.language(named.as_deref(), accept_language(headers))
}

/// Whose link it is; none where it is not one of ours.
fn owner(shared: &Shared, uri: &Uri) -> Option<AddressHash> {
    let token = uri.path().strip_prefix("/u/")?;
    UnsubscribeToken::open(&shared.site.key, token).ok()
}

async fn read(shared: &Shared, hash: &AddressHash) -> Result<Wishes, StoreError> {
    Wishes::read(&mut shared.site.store.begin_read().await?, hash).await
}

/// Writes down a wish, or without one that no more mail is wanted, and says what holds now.
async fn store(shared: &Shared, hash: AddressHash, wish: Option<&Wish>) -> Result<Wishes, StoreError> {
    let now = (shared.site.now)();
    let mut work = shared.site.store.begin().await?;
    let changed = match wish {
        Some(wish) => keep(&mut work, &hash, wish, now).await?,
        None => work.suppress(&hash, SuppressionCause::Unsubscribed, None, now).await?,
    };
    let wishes = Wishes::read(&mut work, &hash).await?;
    work.commit().await?;
    if changed {
        log(&hash, wish);
    }
    Ok(wishes)
}

fn log(hash: &AddressHash, wish: Option<&Wish>) {
    match wish {
        None => tracing::info!(
            event = events::SUPPRESSION_ADDED, cause = SuppressionCause::Unsubscribed.code(), hash = %hash,
            "Somebody unsubscribed."
        ),
        Some(Wish::Again) => tracing::info!(
            event = events::SUPPRESSION_ENDED, hash = %hash,
            "Somebody who had unsubscribed wants mail again."
        ),
        Some(Wish::Only { wanted, unwanted }) => tracing::info!(
            event = events::SUPPRESSION_CHOSEN, hash = %hash, wanted = wanted.len(), unwanted = unwanted.len(),
            "Somebody chose which toolkits to be written to about."
        ),
    }
}
