//! The page behind an unsubscribe link: a GET asks, a one-click POST does it (RFC 8058).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{ACCEPT_LANGUAGE, ALLOW, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;

use super::Shared;
use super::language::{Language, Subject};
use super::one_click::is_one_click;
use crate::domain::{AddressHash, SuppressionCause, UnsubscribeToken, causes};
use crate::store::StoreError;
use crate::telemetry::events;

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

/// GET and HEAD: what would happen. Looks at the token alone and touches nothing.
pub(super) async fn ask(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap) -> Response {
    let language = Language::of(accept_language(&headers));
    match owner(&shared, &uri) {
        Some(_) => shared.pages.answer(StatusCode::OK, language, Subject::Ask),
        None => shared.pages.answer(StatusCode::NOT_FOUND, language, Subject::NothingHere),
    }
}

/// POST: suppresses the token's owner; as often as it is said, and with the same answer.
pub(super) async fn suppress(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let language = Language::of(accept_language(request.headers()));
    let owner = owner(&shared, request.uri());
    // Read before anything is answered, so that an answer is not lost with a connection full of unread bytes.
    let one_click = is_one_click(request).await;
    let Some(hash) = owner else {
        return shared.pages.answer(StatusCode::NOT_FOUND, language, Subject::NothingHere);
    };
    if !one_click {
        return shared.pages.answer(StatusCode::BAD_REQUEST, language, Subject::NotUnderstood);
    }
    let stored = tokio::time::timeout(MAX_STORE_TIME, store(&shared, hash)).await;
    match stored.map_err(|_| SuppressError::Slow).and_then(|stored| stored.map_err(SuppressError::from)) {
        Ok(is_new) => {
            if is_new {
                tracing::info!(
                    event = events::SUPPRESSION_ADDED, cause = SuppressionCause::Unsubscribed.code(), hash = %hash,
                    "Somebody unsubscribed."
                );
            }
            shared.pages.answer(StatusCode::OK, language, Subject::Done)
        }
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
    let language = Language::of(accept_language(&headers));
    let mut answer = shared.pages.answer(StatusCode::METHOD_NOT_ALLOWED, language, Subject::NotUnderstood);
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
    answer
}

/// Every other path.
pub(super) async fn nothing_here(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let language = Language::of(accept_language(&headers));
    shared.pages.answer(StatusCode::NOT_FOUND, language, Subject::NothingHere)
}

pub(super) fn accept_language(headers: &HeaderMap) -> Option<&str> {
    headers.get(ACCEPT_LANGUAGE)?.to_str().ok()
}

/// Whose link it is; none where it is not one of ours.
fn owner(shared: &Shared, uri: &Uri) -> Option<AddressHash> {
    let token = uri.path().strip_prefix("/u/")?;
    UnsubscribeToken::open(&shared.site.key, token).ok()
}

async fn store(shared: &Shared, hash: AddressHash) -> Result<bool, StoreError> {
    let mut work = shared.site.store.begin().await?;
    let is_new = work.suppress(&hash, SuppressionCause::Unsubscribed, None, (shared.site.now)()).await?;
    work.commit().await?;
    Ok(is_new)
}
