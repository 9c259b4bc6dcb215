//! Writing: everything that changes an account (contract, section 2). `reconnectd` itself calls none of it;
//! it is here for the demo's people, and so that a test can show that an audit changes nothing.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::item::iso;
use super::links::LinkRequest;
use super::list::account_id;
use super::query;
use super::reply::{self, Refused};
use super::routes::Shared;
use crate::domain::{AuthConfigId, UserId};

type Answer = Result<Response, Refused>;

#[derive(Deserialize)]
struct LinkBody {
    auth_config_id: String,
    user_id: String,
    callback_url: Option<String>,
    alias: Option<String>,
}

#[derive(Deserialize)]
struct StatusBody {
    enabled: bool,
}

/// `POST /connected_accounts/link`: 201, and an INITIATED row at once.
pub(super) async fn link(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let body: LinkBody = read(&body)?;
    if body.user_id.is_empty() {
        return Err(Refused::bad_request("user_id must have at least 1 character"));
    }
    let made = shared.world.make_link(LinkRequest {
        auth_config: AuthConfigId::new(body.auth_config_id),
        user: UserId::new(body.user_id),
        callback_url: body.callback_url,
        alias: body.alias,
    })?;
    let answer = json!({
        "link_token": made.token,
        "redirect_url": page_of(&shared, &made.token),
        "expires_at": iso(made.expires_at),
        "connected_account_id": made.account.as_str(),
    });
    Ok(reply::with_json(StatusCode::CREATED, &answer))
}

/// `POST /connected_accounts`: refused since 2026 for the provider's own OAuth apps, here for all.
pub(super) async fn create() -> Refused {
    let message = "Creating connected accounts here is retired. Use POST /api/v3.1/connected_accounts/link";
    Refused { code: 600, ..Refused::bad_request(message) }
}

/// `POST /connected_accounts/{id}/refresh`, deprecated: the account becomes INITIATED, a healthy one too.
pub(super) async fn refresh(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    uri: Uri,
    body: Bytes,
) -> Answer {
    let id = account_id(id)?;
    let from_body =
        serde_json::from_slice::<Value>(&body).ok().and_then(|body| body["redirect_url"].as_str().map(str::to_owned));
    let from_query = || query::pairs(&uri).into_iter().find(|(name, _)| name == "redirect_url").map(|(_, url)| url);
    let callback = from_body.or_else(from_query);
    let changed = shared.world.try_change(&id, |account| {
        let possible = !matches!(account.status.as_str(), "INACTIVE" | "REVOKED");
        if !possible || !account.auth_scheme.contains("OAUTH") {
            return Err(Refused::bad_request("The account cannot be refreshed in its current state"));
        }
        account.status = "INITIATED".into();
        account.status_reason = None;
        Ok(())
    });
    changed.ok_or_else(Refused::no_such_account)??;
    let made = shared.world.link_again(&id, callback);
    let answer = json!({ "id": id.as_str(), "status": "INITIATED", "redirect_url": page_of(&shared, &made.token) });
    Ok(reply::with_json(StatusCode::OK, &answer))
}

/// `PATCH /connected_accounts/{id}/status`: true sets ACTIVE, whatever it was; false sets INACTIVE.
pub(super) async fn set_enabled(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Answer {
    let id = account_id(id)?;
    let StatusBody { enabled } = read(&body)?;
    let (status, reason) =
        if enabled { ("ACTIVE", None) } else { ("INACTIVE", Some("Connection status updated by user")) };
    if !shared.world.set_status(&id, status, reason) {
        return Err(Refused::no_such_account());
    }
    Ok(reply::with_json(StatusCode::OK, &json!({ "success": true })))
}

/// `DELETE /connected_accounts/{id}`: gone from lists, 404 by id.
pub(super) async fn delete(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    if !shared.world.remove(&account_id(id)?) {
        return Err(Refused::no_such_account());
    }
    Ok(reply::with_json(StatusCode::OK, &json!({ "success": true })))
}

/// `POST /connected_accounts/{id}/revoke`: 409 unless ACTIVE or REVOKED, 400 where there is no grant.
pub(super) async fn revoke(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    let id = account_id(id)?;
    let changed = shared.world.try_change(&id, |account| {
        if !account.auth_scheme.contains("OAUTH") {
            return Err(Refused::bad_request("Revocation is not supported for this scheme"));
        }
        if !matches!(account.status.as_str(), "ACTIVE" | "REVOKED") {
            let message = "Only an ACTIVE account can be revoked";
            return Err(Refused::new(StatusCode::CONFLICT, "ConnectedAccount_Conflict", message));
        }
        account.status = "REVOKED".into();
        account.status_reason = Some("Revoked via user-initiated revoke endpoint".into());
        Ok(())
    });
    changed.ok_or_else(Refused::no_such_account)??;
    let answer = json!({
        "revoked_tokens": ["access_token", "refresh_token"],
        "connected_account": { "id": id.as_str(), "status": "REVOKED" },
    });
    Ok(reply::with_json(StatusCode::OK, &answer))
}

fn page_of(shared: &Shared, token: &str) -> String {
    format!("{}link/{token}", shared.base_url)
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refused> {
    // serde's message names the field and what was expected, never the body's values at large.
    serde_json::from_slice(body).map_err(|error| Refused::bad_request(format!("Invalid body: {error}")))
}
