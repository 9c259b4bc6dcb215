//! The way back from the provider's page.
//!
//! The query the provider adds (`status`, `connected_account_id`) is not read at all: which attempt it was is signed
//! into the path, which account it made is on record, and whether it works the provider says when it is asked.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::header::ALLOW;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;

use super::Shared;
use super::nowhere::Reason;
use super::reconnect::{go, nothing, retired, token_of, unseen, within};
use super::server::AnswerBy;
use super::subject::Subject;
use super::unsubscribe::accept_language;
use super::words::Speaker;
use crate::reconnect::Finished;

/// GET: what came of the attempt.
pub(super) async fn finish(
    State(shared): State<Arc<Shared>>,
    Extension(AnswerBy(by)): Extension<AnswerBy>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let token = token_of(&uri, "/r/callback/");
    let language = shared.pages.language(None, accept_language(&headers));
    let Some(site) = shared.site.reconnect.as_ref() else { return retired(&shared, language) };
    let Some(attempt) = site.reconnect.attempt_of(token) else {
        return nothing(&shared, language, Reason::NotOurs);
    };
    if !shared.rate.allows_attempt(&attempt) {
        return super::rate::slower(&shared, language);
    }
    let finished = match within(by, site.reconnect.finish(token, by)).await {
        Ok(finished) => finished,
        // They may have finished at the provider: nothing may be said of what has changed.
        Err(error) => return unseen(&shared, language, &attempt, &error),
    };
    if let Finished::Look { page } = &finished {
        return go(&shared, language, page);
    }
    let (Finished::Works { incident, .. }
    | Finished::Waiting(incident)
    | Finished::Later(incident)
    | Finished::NotDone { incident, .. }) = &finished
    else {
        // Signed by us, and dropped since.
        return nothing(&shared, language, Reason::NotOnRecord);
    };
    let language = shared.pages.language(incident.language.as_deref(), accept_language(&headers));
    let product = shared.pages.product();
    let speaker = Speaker::new(language, product, &incident.toolkit, &shared.site.settings_url, &site.return_url);
    let page = match &finished {
        Finished::Nothing | Finished::Look { .. } => {
            return nothing(&shared, language, Reason::NotOnRecord);
        }
        Finished::Works { others, .. } => speaker.works(*others),
        Finished::Waiting(_) => speaker.waiting(token),
        Finished::Later(_) => speaker.unseen(token),
        Finished::NotDone { incident, page } => speaker.not_done(incident, page),
    };
    shared.pages.show(StatusCode::OK, language, &page)
}

/// Any other method.
pub(super) async fn wrong_method(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let language = shared.pages.language(None, accept_language(&headers));
    let mut answer = shared.pages.answer(StatusCode::METHOD_NOT_ALLOWED, language, Subject::NotUnderstood);
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    answer
}
