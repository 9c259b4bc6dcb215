//! Turns an account into the provider's JSON item, planted secrets included.
//!
//! The real answers carry live tokens in `state`, `data` and `params` (contract, section 1.3). Here they
//! are texts that begin with [`SECRET_MARKER`], so that a test can search logs, databases and mails for them.

use chrono::SecondsFormat;
use serde::Serialize;

use super::account::SimAccount;
use super::options::Settings;
use crate::domain::Timestamp;

/// How every planted secret begins: `SECRET-access-ca_…`, `SECRET-refresh-ca_…`, `SECRET-id-ca_…`.
pub const SECRET_MARKER: &str = "SECRET-";

/// What the provider shows of a masked secret (contract, section 1.3).
const REDACTED: &str = "REDACTED";

/// One element of `items`, and with `params` the answer to a GET by id.
#[derive(Serialize)]
pub(super) struct Item<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    status: &'a str,
    status_reason: Option<&'a str>,
    toolkit: Toolkit<'a>,
    auth_config: AuthConfig<'a>,
    is_disabled: bool,
    state: State<'a>,
    data: Secrets,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<Secrets>,
    created_at: String,
    updated_at: String,
    word_id: Option<&'a str>,
    alias: Option<&'a str>,
    #[serde(rename = "authScheme")]
    auth_scheme: &'a str,
    experimental: Experimental,
    test_request_endpoint: &'static str,
    deprecated: Deprecated,
}

#[derive(Serialize)]
struct Toolkit<'a> {
    slug: &'a str,
}

#[derive(Serialize)]
struct AuthConfig<'a> {
    id: &'a str,
    auth_scheme: &'a str,
    is_composio_managed: bool,
    is_disabled: bool,
}

#[derive(Serialize)]
struct State<'a> {
    #[serde(rename = "authScheme")]
    auth_scheme: &'a str,
    val: StateValues<'a>,
}

#[derive(Serialize)]
struct StateValues<'a> {
    status: &'a str,
    #[serde(flatten)]
    secrets: Secrets,
}

#[derive(Serialize)]
struct Secrets {
    access_token: String,
    refresh_token: String,
    id_token: String,
    token_type: &'static str,
    expires_in: u32,
}

#[derive(Serialize)]
struct Experimental {
    account_type: &'static str,
}

#[derive(Serialize)]
struct Deprecated {
    uuid: String,
    labels: [&'static str; 0],
}

impl<'a> Item<'a> {
    /// The account as an element of a list.
    pub(super) fn of(account: &'a SimAccount, settings: &Settings) -> Self {
        let id = account.id.as_str();
        let secrets = || Secrets::of(id, settings.mask_secrets);
        Self {
            id,
            user_id: (!settings.omit_user_id).then_some(account.user_id.as_str()),
            status: &account.status,
            status_reason: account.status_reason.as_deref(),
            toolkit: Toolkit { slug: account.toolkit.as_str() },
            auth_config: AuthConfig {
                id: account.auth_config_id.as_str(),
                auth_scheme: &account.auth_scheme,
                is_composio_managed: settings.mask_secrets,
                is_disabled: account.auth_config_disabled,
            },
            is_disabled: account.is_disabled,
            state: State {
                auth_scheme: &account.auth_scheme,
                val: StateValues { status: &account.status, secrets: secrets() },
            },
            data: secrets(),
            params: None,
            created_at: iso(account.created_at),
            updated_at: iso(account.updated_at),
            word_id: account.word_id.as_deref(),
            alias: account.alias.as_deref(),
            auth_scheme: &account.auth_scheme,
            experimental: Experimental { account_type: if account.shared { "SHARED" } else { "PRIVATE" } },
            test_request_endpoint: "",
            deprecated: Deprecated { uuid: format!("legacy-{id}"), labels: [] },
        }
    }

    /// The account as the answer to a GET by its id.
    pub(super) fn in_full(account: &'a SimAccount, settings: &Settings) -> Self {
        let params = Some(Secrets::of(account.id.as_str(), settings.mask_secrets));
        Self { params, ..Self::of(account, settings) }
    }
}

impl Secrets {
    fn of(id: &str, masked: bool) -> Self {
        let planted = |kind: &str| if masked { REDACTED.to_owned() } else { format!("{SECRET_MARKER}{kind}-{id}") };
        Self {
            access_token: planted("access"),
            refresh_token: planted("refresh"),
            id_token: planted("id"),
            token_type: "Bearer",
            expires_in: 3600,
        }
    }
}

/// ISO 8601 with milliseconds and `Z` (contract, section 8.18).
pub(super) fn iso(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
