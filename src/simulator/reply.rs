//! The provider's answers apart from accounts: the v3 error envelope, the bare texts of 410 and 429,
//! HTML pages (contract, section 4).

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::rate::Budget;

const RATE_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit");
const RATE_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RATE_WINDOW: HeaderName = HeaderName::from_static("x-ratelimit-window-size");

/// A refusal in the v3 envelope. Codes and slugs are plausible, not documented: no client may depend on them.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    pub status: StatusCode,
    pub code: u32,
    pub slug: &'static str,
    pub message: String,
}

impl Refused {
    pub(super) fn new(status: StatusCode, slug: &'static str, message: impl Into<String>) -> Self {
        Self { status, code: 10_000 + u32::from(status.as_u16()), slug, message: message.into() }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ConnectedAccount_BadRequest", message)
    }

    pub(super) fn no_such_account() -> Self {
        Self::new(StatusCode::NOT_FOUND, "ConnectedAccount_ResourceNotFound", "Connected account not found")
    }

    pub(super) fn no_such_path() -> Self {
        Self::new(StatusCode::NOT_FOUND, "HTTP_NotFound", "No such endpoint")
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self { status, code, slug, message } = self;
        let body = json!({ "error": {
            "message": message, "code": code, "slug": slug, "status": status.as_u16(),
            "suggested_fix": "This is reconnectd's simulator; see the request in its log.", "errors": [],
        } });
        with_json(status, &body)
    }
}

/// A JSON answer.
pub(super) fn with_json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => {
            let kind = HeaderValue::from_static("application/json; charset=utf-8");
            (status, [(header::CONTENT_TYPE, kind)], bytes).into_response()
        }
        // Nothing here has non-text keys, the only way this can fail.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// An HTML page, as proxies answer.
pub(super) fn with_html(status: StatusCode, body: impl Into<String>) -> Response {
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    (status, [(header::CONTENT_TYPE, kind)], body.into()).into_response()
}

/// What every v1 and v2 path answers: `error` is a text, not the envelope (contract, section 3).
pub(super) fn gone() -> Response {
    let text = "This endpoint is no longer available. Please upgrade to v3 APIs.";
    with_json(StatusCode::GONE, &json!({ "error": text }))
}

/// The documented 429: bare `message`, with the budget's headers and `Retry-After`.
pub(super) fn too_many_requests(budget: Budget) -> Response {
    let text = format!("Rate limit exceeded. Limit: {} requests per 1 minutes", budget.limit);
    let mut response = with_json(StatusCode::TOO_MANY_REQUESTS, &json!({ "message": text }));
    put_budget(&mut response, budget);
    response
}

/// The undocumented 429 of the edge: no budget headers, no `Retry-After`.
pub(super) fn edge_too_many_requests() -> Response {
    with_json(StatusCode::TOO_MANY_REQUESTS, &json!({ "code": 10_429, "slug": "HTTP_TooManyRequests" }))
}

/// Adds `X-RateLimit`, `X-RateLimit-Remaining`, `X-RateLimit-Window-Size` and, for a refusal, `Retry-After`.
pub(super) fn put_budget(response: &mut Response, budget: Budget) {
    let headers = response.headers_mut();
    headers.insert(RATE_LIMIT, HeaderValue::from(budget.limit));
    headers.insert(RATE_REMAINING, HeaderValue::from(budget.remaining));
    headers.insert(RATE_WINDOW, HeaderValue::from_static("60s"));
    if let Some(seconds) = budget.retry_after_s {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}
