//! Makes the page on which a person connects an account anew: `POST /connected_accounts/link` (contract, section 2).
//!
//! Every call makes an account at the provider at once, so it is sent once: never repeated, not even where its outcome
//! is unknown. Of the answer four texts are read; the address is a secret and must lead to https (or to this host,
//! where the provider itself is on it), because a person is sent there.

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::caller::Caller;
use super::settings::is_loopback;
use super::wire::parse_instant;
use crate::domain::{AccountId, Timestamp};
use crate::ports::{HostedLink, LinkWanted, ProviderError};

/// Far above the 60 characters seen; browsers take 2,000 everywhere.
const LONGEST_ADDRESS: usize = 2_000;

/// See `wire`.
const LONGEST_ID: usize = 256;

#[derive(Deserialize)]
struct WireLink {
    redirect_url: Option<String>,
    connected_account_id: Option<String>,
    expires_at: Option<serde_json::Value>,
}

/// See [`crate::ports::Provider::link`].
pub(super) async fn make_link(
    provider: Caller<'_>,
    url: &Url,
    wanted: &LinkWanted,
    loopback: bool,
) -> Result<HostedLink, ProviderError> {
    let body = json!({
        "auth_config_id": wanted.auth_config.as_str(),
        "user_id": wanted.user.as_str(),
        "callback_url": wanted.callback,
    });
    let answer = provider.post_once(url, &body).await?;
    read(&answer, loopback).map_err(|what| ProviderError::Malformed(what.to_owned()))
}

/// See [`crate::ports::Provider::check_link`]. What is asked for names no auth config and nobody, so it makes nothing
/// (contract, section 2: `user_id` has at least one character); a key that may not write is refused before that is
/// looked at.
pub(super) async fn may_link(provider: Caller<'_>, url: &Url) -> Result<(), ProviderError> {
    let nothing = json!({ "auth_config_id": "", "user_id": "" });
    match provider.post_once(url, &nothing).await {
        Ok(_) | Err(ProviderError::Rejected { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Reads one answer, or says in fixed words why not.
fn read(body: &[u8], loopback: bool) -> Result<HostedLink, &'static str> {
    let link: WireLink = serde_json::from_slice(body).map_err(|_| "not a link")?;
    let plain = |id: &String| !id.trim().is_empty() && id.len() <= LONGEST_ID && !id.chars().any(char::is_control);
    let account = link.connected_account_id.filter(plain).ok_or("a link without a readable `connected_account_id`")?;
    let address = link.redirect_url.and_then(|text| address(&text, loopback));
    let address = address.ok_or("a link without a usable `redirect_url`")?;
    let expires_at: Option<Timestamp> =
        link.expires_at.as_ref().and_then(serde_json::Value::as_str).and_then(|text| parse_instant(text.trim()));
    Ok(HostedLink { account: AccountId::new(account), address: SecretString::from(address), expires_at })
}

/// The address, if people may be sent there; as it is spelled by the parser, so that it fits a header.
fn address(text: &str, loopback: bool) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let secure = url.scheme() == "https" || (url.scheme() == "http" && loopback && is_loopback(&url));
    let anonymous = url.username().is_empty() && url.password().is_none();
    let fits = url.as_str().len() <= LONGEST_ADDRESS && url.has_host();
    (secure && anonymous && fits).then(|| url.to_string())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn people_are_sent_to_https_or_to_this_host() {
        for (text, loopback, usable) in [
            ("https://connect.composio.dev/link/ln_1", false, true),
            ("https://connect.composio.dev/link/ln_1?a=b#c", false, true),
            ("http://connect.composio.dev/link/ln_1", false, false),
            ("http://connect.composio.dev/link/ln_1", true, false),
            ("http://127.0.0.1:8080/link/ln_1", true, true),
            ("http://127.0.0.1:8080/link/ln_1", false, false),
            ("https://user:pw@connect.composio.dev/", false, false),
            ("javascript:alert(1)", true, false),
            ("data:text/html,x", true, false),
            ("//connect.composio.dev/link", true, false),
            ("/link/ln_1", true, false),
            ("", true, false),
        ] {
            assert_eq!(address(text, loopback).is_some(), usable, "{text} {loopback}");
        }
        assert_eq!(
            address("https://connect.example/a b\r\nSet-Cookie: x", false).unwrap(),
            "https://connect.example/a%20bSet-Cookie:%20x"
        );
        assert!(address(&format!("https://connect.example/{}", "x".repeat(3_000)), false).is_none());
    }

    #[test]
    fn an_answer_is_a_whole_link_or_an_error_that_quotes_nothing() {
        let whole = r#"{"link_token":"lk_1","redirect_url":"https://c.example/ln_secret","expires_at":"2026-11-21T10:10:00.000Z","connected_account_id":"ca_1"}"#;
        let link = read(whole.as_bytes(), false).unwrap();
        assert_eq!((link.account.as_str(), link.expires_at.is_some()), ("ca_1", true));
        assert_eq!(link.address.expose_secret(), "https://c.example/ln_secret");
        assert!(!format!("{link:?}").contains("secret"));
        let odd = read(whole.replace("\"2026-11-21T10:10:00.000Z\"", "17").as_bytes(), false).unwrap();
        assert_eq!(odd.expires_at, None);
        for broken in [
            "",
            "<html>",
            "[]",
            "{}",
            r#"{"redirect_url":"https://c.example/ln_secret"}"#,
            r#"{"redirect_url":"https://c.example/ln_secret","connected_account_id":" "}"#,
            r#"{"connected_account_id":"ca_1"}"#,
            r#"{"redirect_url":"http://c.example/ln_secret","connected_account_id":"ca_1"}"#,
        ] {
            let refused = read(broken.as_bytes(), false).unwrap_err();
            assert!(!refused.contains("secret"), "{refused}");
        }
    }
}
