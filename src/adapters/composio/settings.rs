//! Plain values in, a checked endpoint and key header out. What passes here is trusted afterwards.

use std::time::Duration;

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

/// What the client must be told.
#[derive(Debug, Clone)]
pub struct ComposioSettings {
    /// Where the API lives; `https`, or `http` on a loopback address. A path is kept as a prefix.
    pub base_url: Url,
    /// The project's API key; "Connected accounts: Read" is all it needs.
    pub api_key: SecretString,
    /// Requests per minute, retries included; at least 1.
    pub requests_per_minute: u32,
    /// Share of the organisation's limit left to the product's own traffic, `0.0..1.0`.
    pub reserve: f64,
    /// Attempts for one request, the first included; at least 1.
    pub max_attempts: u32,
    /// Longest wait for a connection.
    pub timeout_connect: Duration,
    /// Longest wait for one whole answer, connecting included, waiting for a permit not.
    pub timeout_total: Duration,
}

/// The settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ComposioSettingsError {
    /// The key would cross the network in the clear, or the URL is no place to send requests to.
    #[error("[composio] base_url {0}")]
    BaseUrl(&'static str),
    /// Empty, or holds characters no HTTP header can carry (a line break at the end of a file, often).
    #[error("[composio] api_key is empty or holds characters that cannot be sent in a header")]
    ApiKey,
    /// A number is out of its range.
    #[error("[composio] {key} must be {rule}")]
    OutOfRange {
        /// The configuration key.
        key: &'static str,
        /// The range in words.
        rule: &'static str,
    },
    /// `main` (or the test) has not installed the process's TLS implementation.
    #[error("no TLS implementation is installed in this process; install rustls' ring provider first")]
    NoTls,
    /// The HTTP client could not be built: the system's certificate store, mostly.
    #[error("the HTTP client could not be set up")]
    Client(#[source] reqwest::Error),
}

const PATH: &str = "/api/v3.1/connected_accounts";

impl ComposioSettings {
    /// The address of the list, without a query.
    pub(super) fn endpoint(&self) -> Result<Url, ComposioSettingsError> {
        let refuse = |why| Err(ComposioSettingsError::BaseUrl(why));
        let url = &self.base_url;
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("must not hold a user name or password");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return refuse("must not hold a query or a fragment");
        }
        if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(url)) {
            return refuse("must be https (http is allowed on loopback addresses only)");
        }
        let mut endpoint = url.clone();
        endpoint.set_path(&format!("{}{PATH}", url.path().trim_end_matches('/')));
        Ok(endpoint)
    }

    /// The key as a header that logs and debug output show as `Sensitive`.
    pub(super) fn key_header(&self) -> Result<HeaderValue, ComposioSettingsError> {
        let key = self.api_key.expose_secret();
        let mut value = HeaderValue::from_str(key).map_err(|_| ComposioSettingsError::ApiKey)?;
        if key.trim().is_empty() {
            return Err(ComposioSettingsError::ApiKey);
        }
        value.set_sensitive(true);
        Ok(value)
    }

    /// The numbers are in their ranges.
    pub(super) fn check_numbers(&self) -> Result<(), ComposioSettingsError> {
        let rules = [
            ("requests_per_minute", "at least 1", self.requests_per_minute >= 1),
            ("reserve", "at least 0 and less than 1", (0.0..1.0).contains(&self.reserve)),
            ("max_attempts", "at least 1", self.max_attempts >= 1),
            ("timeout_connect", "longer than 0", !self.timeout_connect.is_zero()),
            ("timeout_total", "longer than 0", !self.timeout_total.is_zero()),
        ];
        match rules.into_iter().find(|(_, _, holds)| !holds) {
            Some((key, rule, _)) => Err(ComposioSettingsError::OutOfRange { key, rule }),
            None => Ok(()),
        }
    }
}

/// Whether the host is this machine by its written form; names are not resolved.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(base_url: &str) -> ComposioSettings {
        ComposioSettings {
            base_url: Url::parse(base_url).unwrap(),
            api_key: "ak_1".into(),
            requests_per_minute: 600,
            reserve: 0.25,
            max_attempts: 5,
            timeout_connect: Duration::from_secs(5),
            timeout_total: Duration::from_mins(1),
        }
    }

    #[test]
    fn only_addresses_that_keep_the_key_private_are_taken() {
        for (base, endpoint) in [
            ("https://backend.composio.dev", Some("https://backend.composio.dev/api/v3.1/connected_accounts")),
            ("https://gw.example.com/composio/", Some("https://gw.example.com/composio/api/v3.1/connected_accounts")),
            ("http://127.0.0.1:9900", Some("http://127.0.0.1:9900/api/v3.1/connected_accounts")),
            ("http://[::1]:9900", Some("http://[::1]:9900/api/v3.1/connected_accounts")),
            ("http://localhost:9900", Some("http://localhost:9900/api/v3.1/connected_accounts")),
            ("http://backend.composio.dev", None),
            ("http://localhost.example.com", None),
            ("ftp://127.0.0.1", None),
            ("https://user:pass@backend.composio.dev", None),
            ("https://backend.composio.dev?x=1", None),
        ] {
            assert_eq!(settings(base).endpoint().ok().map(String::from).as_deref(), endpoint, "{base}");
        }
    }

    #[test]
    fn the_key_never_shows_and_must_fit_a_header() {
        let good = settings("https://backend.composio.dev");
        assert!(!format!("{good:?} {:?}", good.key_header().unwrap()).contains("ak_1"));
        for bad in ["", "  ", "ak_1\n"] {
            let bad = ComposioSettings { api_key: bad.into(), ..good.clone() };
            assert!(matches!(bad.key_header(), Err(ComposioSettingsError::ApiKey)));
        }
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        let good = settings("https://backend.composio.dev");
        good.check_numbers().unwrap();
        for (bad, key) in [
            (ComposioSettings { requests_per_minute: 0, ..good.clone() }, "requests_per_minute"),
            (ComposioSettings { reserve: 1.0, ..good.clone() }, "reserve"),
            (ComposioSettings { reserve: f64::NAN, ..good.clone() }, "reserve"),
            (ComposioSettings { reserve: -0.1, ..good.clone() }, "reserve"),
            (ComposioSettings { max_attempts: 0, ..good.clone() }, "max_attempts"),
            (ComposioSettings { timeout_total: Duration::ZERO, ..good.clone() }, "timeout_total"),
        ] {
            assert!(bad.check_numbers().unwrap_err().to_string().contains(key), "{key}");
        }
    }
}
