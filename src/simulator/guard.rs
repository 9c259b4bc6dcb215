//! What every API request passes before it is answered, in the order of the real path: the log, the
//! network's and the edge's faults, the retired versions, the key, the organisation's budget.
//!
//! The budget's headers are on every answer of the application itself, never on those of the edge (HTML, edge
//! 429, 401, 410): nobody knows the organisation there.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::response::Parts;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::faults::Fault;
use super::log::RecordedRequest;
use super::options::{KeyScope, Settings};
use super::rate::Budget;
use super::reply::{self, Refused};
use super::routes::Shared;
use super::server::LineSwitch;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// No answer of the simulator is larger: 1000 items of about 2 kB.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// Long enough for hyper to send what it has before the body breaks off.
const FLUSH: Duration = Duration::from_millis(5);

const PROXY_PAGE: &str = "<!DOCTYPE html><html><head><title>Bad gateway</title></head>\
    <body><h1>Error 502</h1><p>The web server reported a bad gateway error.</p></body></html>";

/// The middleware around the API.
pub(super) async fn guard(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(line): ConnectInfo<LineSwitch>,
    request: Request,
    next: Next,
) -> Response {
    let settings = shared.settings();
    let record = record_of(&request, shared.world.now());
    let changes = record.method != "GET";
    let users = record.param("user_ids").map(str::to_owned);
    let request_id = request.headers().get(REQUEST_ID).cloned();
    let _in_flight = shared.log.record(record);
    pause(settings.latency).await;

    let fault = shared.faults.next(users.as_deref(), changes, &settings.faults);
    if let Some(early) = fault.and_then(|fault| answer_early(fault, &shared, &settings, &line)) {
        return early;
    }
    if fault == Some(Fault::Slow) {
        pause(settings.faults.slow_for).await;
    }
    let mut response = match refuse(&request, &settings) {
        Some(refusal) => refusal,
        None => answer(&shared, &settings, request, next).await,
    };
    if let Some(id) = request_id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    match fault {
        Some(fault) => spoil(response, fault, &settings).await,
        None => response,
    }
}

/// Faults that need no answer from the application.
fn answer_early(fault: Fault, shared: &Shared, settings: &Settings, line: &LineSwitch) -> Option<Response> {
    let envelope = |status: u16| {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Refused::new(status, "Simulated_Fault", "A simulated fault").into_response();
        if let Some(limit) = settings.org_limit_per_minute {
            reply::put_budget(&mut response, shared.rate.take(limit, shared.world.now()));
        }
        response
    };
    match fault {
        Fault::RateLimited => {
            let seconds = settings.faults.retry_after.as_millis().div_ceil(1000);
            Some(reply::too_many_requests(Budget {
                limit: settings.org_limit_per_minute.unwrap_or(10_000),
                remaining: 0,
                retry_after_s: Some(u32::try_from(seconds).unwrap_or(u32::MAX)),
            }))
        }
        Fault::EdgeRateLimited => Some(reply::edge_too_many_requests()),
        Fault::ServerError => Some(envelope(shared.faults.server_error())),
        Fault::Status(status) => Some(envelope(status)),
        Fault::Html => Some(reply::with_html(StatusCode::BAD_GATEWAY, PROXY_PAGE)),
        Fault::HtmlWithOk => Some(reply::with_html(StatusCode::OK, PROXY_PAGE)),
        // The line is broken: hyper fails to write this answer and drops the connection.
        Fault::Reset => {
            line.reset();
            Some(StatusCode::OK.into_response())
        }
        Fault::Closed => {
            line.close();
            Some(StatusCode::OK.into_response())
        }
        Fault::Truncated | Fault::Slow | Fault::SlowBody | Fault::NoItems | Fault::RepeatedCursor => None,
    }
}

/// Refusals before the organisation is known.
fn refuse(request: &Request, settings: &Settings) -> Option<Response> {
    let path = request.uri().path();
    let url_bytes = request.uri().path_and_query().map_or(0, |text| text.as_str().len());
    if settings.max_url_bytes.is_some_and(|most| url_bytes > most) {
        let page = "<html><body><h1>414 Request-URI Too Large</h1></body></html>";
        return Some(reply::with_html(StatusCode::URI_TOO_LONG, page));
    }
    if settings.retired || path.starts_with("/api/v1/") || path.starts_with("/api/v2/") {
        return Some(reply::gone());
    }
    let wanted = settings.api_key.as_deref()?;
    let given = request.headers().get(API_KEY).map(header::HeaderValue::as_bytes);
    let message = match given {
        Some(key) if key == wanted.as_bytes() => return None,
        Some(key) if key.starts_with(b"uak_") => "A user API key must be sent as x-user-api-key",
        Some(_) => "Invalid API key",
        None => "No API key was sent; use the header x-api-key",
    };
    Some(Refused::new(StatusCode::UNAUTHORIZED, "Auth_InvalidApiKey", message).into_response())
}

/// The budget, the key's permission, then the application.
async fn answer(shared: &Shared, settings: &Settings, request: Request, next: Next) -> Response {
    let budget = settings.org_limit_per_minute.map(|limit| shared.rate.take(limit, shared.world.now()));
    if let Some(budget) = budget.filter(|budget| budget.retry_after_s.is_some()) {
        return reply::too_many_requests(budget);
    }
    let allowed = match settings.scope {
        KeyScope::Full => true,
        KeyScope::ReadOnly => request.method() == Method::GET,
        KeyScope::Nothing => false,
    };
    let mut response = if allowed {
        next.run(request).await
    } else {
        let message = "This API key lacks the permission 'Connected accounts'";
        Refused::new(StatusCode::FORBIDDEN, "Auth_InsufficientPermission", message).into_response()
    };
    if let Some(budget) = budget {
        reply::put_budget(&mut response, budget);
    }
    response
}

/// Faults that happen to an answer on its way back: what the request changed stays changed.
async fn spoil(response: Response, fault: Fault, settings: &Settings) -> Response {
    let (mut parts, body) = response.into_parts();
    // Bodies are made in memory above, so reading them back cannot fail.
    let whole = to_bytes(body, MAX_ANSWER_BYTES).await.unwrap_or_default();
    let body = match fault {
        Fault::Truncated => in_two(&mut parts.headers, &whole, None),
        Fault::SlowBody => in_two(&mut parts.headers, &whole, Some(settings.faults.slow_for)),
        Fault::NoItems => rewritten(&mut parts, &whole, |_| json!({})),
        Fault::RepeatedCursor => rewritten(&mut parts, &whole, |mut list| {
            list["next_cursor"] = super::query::cursor(1, 100).into();
            list
        }),
        _ => Body::from(whole),
    };
    Response::from_parts(parts, body)
}

/// Half of the body, then after `wait` the other half, or without `wait` the end of the connection: hyper
/// drops a connection whose body stream fails, after it has sent the first half in the pause before.
fn in_two(headers: &mut HeaderMap, whole: &Bytes, wait: Option<Duration>) -> Body {
    headers.insert(header::CONTENT_LENGTH, header::HeaderValue::from(whole.len()));
    let (first, second) = (whole.slice(..whole.len() / 2), whole.slice(whole.len() / 2..));
    let head = futures_util::stream::once(async move { Ok(first) });
    let tail = futures_util::stream::once(async move {
        tokio::time::sleep(wait.unwrap_or(FLUSH)).await;
        wait.map(|_| second).ok_or_else(|| std::io::Error::from(std::io::ErrorKind::ConnectionAborted))
    });
    Body::from_stream(futures_util::StreamExt::chain(head, tail))
}

/// A list answer with other JSON in it; anything else stays as it is.
fn rewritten(parts: &mut Parts, whole: &Bytes, change: impl FnOnce(Value) -> Value) -> Body {
    match serde_json::from_slice::<Value>(whole) {
        Ok(list) if list.get("items").is_some() => {
            parts.headers.remove(header::CONTENT_LENGTH);
            Body::from(change(list).to_string())
        }
        _ => Body::from(whole.clone()),
    }
}

fn record_of(request: &Request, at: crate::domain::Timestamp) -> RecordedRequest {
    let text = |name: HeaderName| request.headers().get(name)?.to_str().ok().map(str::to_owned);
    RecordedRequest {
        at,
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        query: super::query::pairs(request.uri()),
        user_agent: text(header::USER_AGENT),
        request_id: text(REQUEST_ID),
    }
}

async fn pause(real_time: Duration) {
    if !real_time.is_zero() {
        tokio::time::sleep(real_time).await;
    }
}
