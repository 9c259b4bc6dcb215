//! The hosted connect page: where a link leads the person, who approves or denies.
//!
//! Approving makes the account ACTIVE, denying FAILED; then the person is sent to the product's
//! `callback_url` with `status` and `connected_account_id`, or told to close the window. A link works once and for
//! ten minutes. It needs no key, meets no fault and is not in the request log.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use url::Url;

use super::links::{Choice, Link};
use super::reply;
use super::routes::Shared;

/// `GET /link/{token}`: the form. Looking at it changes nothing.
pub(super) async fn show(State(shared): State<Arc<Shared>>, Path(token): Path<String>) -> Response {
    let account = shared.world.open_link(&token).and_then(|link| shared.world.account(&link.account));
    let Some(account) = account.filter(super::account::SimAccount::is_attempt) else { return over() };
    let page = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><title>Connect</title></head><body>\
         <h1>Connect {toolkit}</h1><p>This is the simulator's connect page for account {id}.</p>\
         <form method=\"post\"><button name=\"decision\" value=\"approve\">Approve</button> \
         <button name=\"decision\" value=\"deny\">Deny</button></form></body></html>",
        toolkit = escaped(account.toolkit.as_str()),
        id = escaped(account.id.as_str()),
    );
    reply::with_html(StatusCode::OK, page)
}

/// `POST /link/{token}` with the form field `decision` = `approve` or `deny`.
pub(super) async fn decide(State(shared): State<Arc<Shared>>, Path(token): Path<String>, body: Bytes) -> Response {
    let decision = url::form_urlencoded::parse(&body).find(|(name, _)| name == "decision").map(|(_, value)| value);
    let choice = match decision.as_deref() {
        Some("approve") => Choice::Approve,
        Some("deny") => Choice::Deny,
        _ => return reply::with_html(StatusCode::BAD_REQUEST, "decision must be approve or deny"),
    };
    match shared.world.follow_link(&token, choice) {
        Some(link) => finished(&link, choice),
        None => over(),
    }
}

/// Sends the person back to the product, as the provider does (contract, section 2, link facts).
fn finished(link: &Link, choice: Choice) -> Response {
    let status = if choice == Choice::Approve { "success" } else { "failed" };
    match link.callback_url.as_deref().and_then(|text| Url::parse(text).ok()) {
        Some(mut callback) => {
            let id = link.account.as_str();
            callback.query_pairs_mut().append_pair("status", status).append_pair("connected_account_id", id);
            (StatusCode::SEE_OTHER, [(header::LOCATION, callback.to_string())]).into_response()
        }
        None => reply::with_html(StatusCode::OK, format!("<p>Connection {status}. You can close this window.</p>")),
    }
}

fn over() -> Response {
    reply::with_html(StatusCode::GONE, "<p>This link is no longer valid. Links work once and for ten minutes.</p>")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
