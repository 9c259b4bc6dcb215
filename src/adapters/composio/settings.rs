//! What the client is built from, and the refusal of values it cannot work with. The names in errors are the
//! keys of the section `[composio]` of the configuration.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

/// Where the provider is and how gently it is asked.
#[derive(Debug, Clone)]
pub struct ComposioSettings {
    /// `https://backend.composio.dev`, without `/api`; plain http only for a loopback host.
    pub base_url: Url,
    /// The project key, sent as `x-api-key`; the permission "Connected accounts: Read" is enough.
    pub api_key: SecretString,
    /// Attempts per minute at most, evenly spaced; at least 1.
    pub requests_per_minute: u32,
    /// The share of the organisation's budget left to the product's own traffic; 0.0 up to, not including, 1.0.
    pub reserve: f64,
    /// Attempts per request, the first included; at least 1.
    pub max_attempts: u32,
    /// Limit for a TCP and TLS connect.
    pub timeout_connect: Duration,
    /// Limit for one attempt, body included.
    pub timeout_total: Duration,
}

/// A setting the client cannot work with. Never holds the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("[composio] {key} {problem}")]
pub struct ComposioSettingsError {
    /// The configuration key.
    pub key: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl ComposioSettingsError {
    pub(super) fn new(key: &'static str, problem: impl Into<String>) -> Self {
        Self { key, problem: problem.into() }
    }
}

impl ComposioSettings {
    /// Whether they can be used at all.
    pub fn validate(&self) -> Result<(), ComposioSettingsError> {
        let checks = [
            ("api_key", self.api_key.expose_secret().trim().is_empty(), "must not be empty"),
            ("requests_per_minute", self.requests_per_minute == 0, "must be at least 1"),
            ("reserve", !(0.0..1.0).contains(&self.reserve), "must be at least 0.0 and below 1.0"),
            ("max_attempts", self.max_attempts == 0, "must be at least 1"),
            ("timeout_connect", self.timeout_connect.is_zero(), "must be longer than 0"),
            ("timeout_total", self.timeout_total.is_zero(), "must be longer than 0"),
        ];
        for (key, wrong, problem) in checks {
            if wrong {
                return Err(ComposioSettingsError::new(key, problem));
            }
        }
        self.validate_base_url()
    }

    fn validate_base_url(&self) -> Result<(), ComposioSettingsError> {
        let url = &self.base_url;
        let refuse = |problem| Err(ComposioSettingsError::new("base_url", problem));
        match url.scheme() {
            "https" if url.has_host() => {}
            "http" if is_loopback(url) => {}
            _ => return refuse("must be an https URL (http is allowed for a loopback host)"),
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return refuse("must hold no user name, password, query or fragment");
        }
        Ok(())
    }
}

/// Whether the URL can only reach this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> ComposioSettings {
        ComposioSettings {
            base_url: Url::parse("https://backend.composio.dev").unwrap(),
            api_key: SecretString::from("ak_hidden"),
            requests_per_minute: 600,
            reserve: 0.2,
            max_attempts: 5,
            timeout_connect: Duration::from_secs(5),
            timeout_total: Duration::from_mins(1),
        }
    }

    #[test]
    fn urls_that_could_leak_the_key_are_refused() {
        for (url, ok) in [
            ("https://backend.composio.dev", true),
            ("https://proxy.example.com/composio/", true),
            ("http://127.0.0.1:9900", true),
            ("http://localhost:9900", true),
            ("http://[::1]:9900", true),
            ("http://backend.composio.dev", false),
            ("http://localhost.example.com", false),
            ("ftp://127.0.0.1/", false),
            ("https://user:pw@backend.composio.dev", false),
            ("https://backend.composio.dev/?a=b", false),
            ("https://backend.composio.dev/#a", false),
            ("data:text/plain,x", false),
        ] {
            let settings = ComposioSettings { base_url: Url::parse(url).unwrap(), ..good() };
            let refused = settings.validate().err().map(|error| error.key);
            assert_eq!(refused, (!ok).then_some("base_url"), "{url}");
        }
    }

    #[test]
    fn errors_name_the_key_and_nothing_shows_the_secret() {
        for (key, settings) in [
            ("api_key", ComposioSettings { api_key: SecretString::from(" "), ..good() }),
            ("requests_per_minute", ComposioSettings { requests_per_minute: 0, ..good() }),
            ("reserve", ComposioSettings { reserve: 1.0, ..good() }),
            ("reserve", ComposioSettings { reserve: f64::NAN, ..good() }),
            ("max_attempts", ComposioSettings { max_attempts: 0, ..good() }),
            ("timeout_connect", ComposioSettings { timeout_connect: Duration::ZERO, ..good() }),
            ("timeout_total", ComposioSettings { timeout_total: Duration::ZERO, ..good() }),
        ] {
            assert_eq!(settings.validate().unwrap_err().key, key);
        }
        assert!(!format!("{:?}", good()).contains("ak_hidden"));
    }
}
