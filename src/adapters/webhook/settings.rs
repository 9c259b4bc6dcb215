//! Turns a `[[webhook]]` section into a checked target and keys, or into an error that names the key and
//! the remedy and repeats neither URL nor secret.

use std::time::Duration;

use secrecy::SecretString;
use url::{Host, Url};

use super::keys::Keys;
use super::target::Reach;
use crate::adapters::spool::Spool;
use crate::domain::EventKind;

/// One `[[webhook]]` section.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// The endpoint's name; deliveries are stored under `webhook:<name>`.
    pub name: String,
    /// `https://…`; `http://…` for a loopback host with `allow_private`; `file:///folder` writes
    /// `<webhook-id>.json` files instead.
    pub url: String,
    /// `whsec_` and 24 to 64 bytes in base64.
    pub secret: SecretString,
    /// The secret before that, of the same shape, while receivers change over: both sign.
    pub secret_previous: Option<SecretString>,
    /// `whsk_` and, in base64, a 32-byte ed25519 seed, alone or with its public key behind it; adds a `v1a` signature.
    pub signing_key: Option<SecretString>,
    /// What is posted here.
    pub events: Vec<EventKind>,
    /// Lets the target be a loopback or private address.
    pub allow_private: bool,
    /// Timeouts.
    pub limits: WebhookLimits,
}

/// How long an endpoint may take.
#[derive(Debug, Clone, Copy)]
pub struct WebhookLimits {
    /// Resolving, connecting and the TLS handshake; default 5 s.
    pub connect: Duration,
    /// The whole exchange; default 20 s (Standard Webhooks advises 15 to 30 s).
    pub total: Duration,
}

impl Default for WebhookLimits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), total: Duration::from_secs(20) }
    }
}

/// A `[[webhook]]` section that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WebhookSettingsError {
    /// The name is empty or too long or has other characters than letters, digits, `-`, `_`.
    #[error("[[webhook]] name: must be 1 to 64 letters, digits, '-' or '_'")]
    Name,
    /// The URL is none, or of a scheme that is not served.
    #[error("[[webhook]] url of '{name}': {problem}")]
    Url {
        /// The endpoint's name.
        name: String,
        /// What is wrong and what would be right.
        problem: &'static str,
    },
    /// A shared secret is no Standard Webhooks secret.
    #[error("[[webhook]] {key} of '{name}': must be 'whsec_' followed by 24 to 64 bytes in base64 ({problem})")]
    Secret {
        /// The endpoint's name.
        name: String,
        /// `secret` or `secret_previous`.
        key: &'static str,
        /// What is wrong, without the secret.
        problem: &'static str,
    },
    /// The signing key is no Standard Webhooks signing key.
    #[error(
        "[[webhook]] signing_key of '{name}': must be 'whsk_' followed by an ed25519 seed (32 bytes) or seed and public key (64) in base64 ({problem})"
    )]
    SigningKey {
        /// The endpoint's name.
        name: String,
        /// What is wrong, without the key.
        problem: &'static str,
    },
    /// No rustls provider is installed in this process.
    #[error("webhooks need a TLS provider: call rustls::crypto::ring::default_provider().install_default() first")]
    NoTlsProvider,
    /// The HTTP client cannot be built, for example because there are no root certificates.
    #[error("[[webhook]] '{name}': the HTTP client cannot be built")]
    Client {
        /// The endpoint's name.
        name: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
}

/// A section that was found good.
pub(super) struct Parsed {
    pub(super) url: Url,
    pub(super) reach: Reach,
    pub(super) spool: Option<Spool>,
    pub(super) keys: Keys,
}

pub(super) fn parse(settings: &WebhookSettings) -> Result<Parsed, WebhookSettingsError> {
    let name = &settings.name;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        return Err(WebhookSettingsError::Name);
    }
    let wrong = |problem| WebhookSettingsError::Url { name: name.clone(), problem };
    let url = Url::parse(&settings.url).map_err(|_| wrong("not a URL; expected https://host/path"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("must not hold a login; the signature proves who is calling"));
    }
    let (reach, spool) = match url.scheme() {
        "https" if settings.allow_private => (Reach::Anywhere, None),
        "https" => (Reach::PublicOnly, None),
        "http" if settings.allow_private && is_loopback(&url) => (Reach::LoopbackOnly, None),
        "http" => return Err(wrong("must be https (http is for a loopback host with allow_private = true)")),
        "file" => {
            let spool = Spool::from_url(&url).ok_or_else(|| wrong("expected file:///absolute/folder"))?;
            (Reach::PublicOnly, Some(spool))
        }
        _ => return Err(wrong("the scheme must be https, or file for a folder")),
    };
    Ok(Parsed { url, reach, spool, keys: Keys::of(settings)? })
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    fn settings(url: &str, allow_private: bool) -> WebhookSettings {
        WebhookSettings {
            name: "product".to_owned(),
            url: url.to_owned(),
            secret: SECRET.into(),
            secret_previous: None,
            signing_key: None,
            events: Vec::new(),
            allow_private,
            limits: WebhookLimits::default(),
        }
    }

    #[test]
    fn urls_are_https_except_for_loopback_and_folders() {
        for (url, allow_private, good) in [
            ("https://api.example.com/hooks", false, true),
            ("https://10.0.0.1/hooks", true, true),
            ("http://127.0.0.1:8080/x", true, true),
            ("http://localhost/x", true, true),
            ("http://[::1]/x", true, true),
            ("http://127.0.0.1:8080/x", false, false),
            ("http://api.example.com/", true, false),
            ("http://10.0.0.1/", true, false),
            ("file:///var/spool/hooks", false, true),
            ("file://host/hooks", false, false),
            ("ftp://api.example.com/", false, false),
            ("https://user:pass@api.example.com/", false, false),
            ("not a url", false, false),
        ] {
            let parsed = parse(&settings(url, allow_private));
            assert_eq!(parsed.is_ok(), good, "{url} {allow_private}");
            if let Err(error) = parsed {
                let text = error.to_string();
                assert!(text.starts_with("[[webhook]] url of 'product'") && !text.contains("pass@"), "{text}");
            }
        }
    }

    #[test]
    fn names_are_plain() {
        for (name, good) in [("product-1_x", true), ("", false), ("a b", false), ("a\n", false), ("webhook:a", false)] {
            let parsed = parse(&WebhookSettings { name: name.to_owned(), ..settings("https://a.b/", false) });
            assert_eq!(parsed.is_ok(), good, "{name:?}");
        }
    }
}
