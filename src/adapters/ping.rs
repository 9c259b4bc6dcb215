//! Turns how a job stands into one small POST to a dead man's switch, in the convention of Healthchecks.
//!
//! ```text
//! Started ─▶ URL/start    Succeeded ─▶ URL    Exited(n) ─▶ URL/n    Failed ─▶ URL/fail    Stopped ─▶ URL/log
//!                         each with ?rid=RUN, which ties an end to its beginning
//! ```
//!
//! The paths, `rid` (a UUID) and what the answers mean: <https://healthchecks.io/docs/http_api/>. Healthchecks, its
//! self-hosted copies and those who speak like it take the same.
//!
//! Guarantees: over within the limit, with one repetition where that may help; no redirect is followed; the body is
//! bounded and holds none of the configured secrets; nothing of the URL, which is a credential, is in an error. A crash
//! leaves a job that began and never ended, which is what the switch is for.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{sleep, timeout};
use url::Url;

use crate::domain::JobName;
use crate::ports::{Ping, PingError, PingSignal, Pinger};
use crate::telemetry::masked;

/// Healthchecks keeps 100 kB; a summary is one or two, and this one is read on a telephone.
pub const MAX_BODY_BYTES: usize = 10_000;

/// Of an answer, this much is read: it is "OK" or why not.
const MAX_ANSWER_BYTES: usize = 256;

/// One attempt may take half of the whole, the pause before the second a tenth.
const ATTEMPT_SHARE: u32 = 2;
const PAUSE_SHARE: u32 = 10;

/// Stands for the job's name in the URL.
const JOB: &str = "{job}";

/// How the switch is reached.
#[derive(Debug, Clone)]
pub struct PingSettings {
    /// `http://…` or `https://…`; with `{job}` every job pings, each a URL of its own, without it audits alone.
    pub url: SecretString,
    /// The longest that one ping takes, a repetition included; more than zero.
    pub limit: Duration,
    /// What never leaves in a body.
    pub secrets: Vec<SecretString>,
}

/// `[ping]` cannot be used. Repeats nothing of the URL.
#[derive(Debug, thiserror::Error)]
pub enum PingSettingsError {
    /// The URL is none, or of another scheme.
    #[error("[ping] url: expected https://host/path or http://host/path")]
    Url,
    /// No rustls provider is installed in this process.
    #[error("pings need a TLS provider: call rustls::crypto::ring::default_provider().install_default() first")]
    NoTlsProvider,
    /// The HTTP client cannot be built, for example because there are no root certificates.
    #[error("[ping]: the HTTP client cannot be built")]
    Client(#[source] reqwest::Error),
}

/// A dead man's switch behind a URL.
pub struct HttpPinger {
    url: SecretString,
    limit: Duration,
    client: Client,
    secrets: Vec<SecretString>,
}

/// How an attempt failed.
struct Failed {
    words: String,
    may_pass: bool,
}

impl HttpPinger {
    /// Builds the client; sends nothing. The process needs a default rustls provider.
    pub fn new(settings: PingSettings) -> Result<Self, PingSettingsError> {
        let url = url_of(&settings.url, JobName::Audit).ok_or(PingSettingsError::Url)?;
        // Building a client without a provider would panic.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(PingSettingsError::NoTlsProvider);
        }
        let mut builder = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(settings.limit / ATTEMPT_SHARE)
            // Two pings of one run are minutes to hours apart.
            .pool_max_idle_per_host(0)
            .user_agent(concat!("reconnectd/", env!("CARGO_PKG_VERSION")));
        if matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")) {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| PingSettingsError::Client(error.without_url()))?;
        Ok(Self { url: settings.url, limit: settings.limit, client, secrets: settings.secrets })
    }

    async fn attempt(&self, url: &Url, body: &str) -> Result<(), Failed> {
        let request = self.client.post(url.clone()).header(header::CONTENT_TYPE, "text/plain; charset=utf-8");
        let mut response = request.body(body.to_owned()).send().await.map_err(|error| of_error(&error))?;
        let status = response.status();
        // An answer that comes whole says more than its status; whether it does decides nothing else.
        let mut answer = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            answer.extend_from_slice(&chunk);
            if answer.len() >= MAX_ANSWER_BYTES {
                break;
            }
        }
        of_status(status, &String::from_utf8_lossy(&answer))
    }
}

#[async_trait]
impl Pinger for HttpPinger {
    fn watches(&self, job: JobName) -> bool {
        job == JobName::Audit || self.url.expose_secret().contains(JOB)
    }

    async fn ping(&self, ping: &Ping) -> Result<(), PingError> {
        let url = url_of(&self.url, ping.job).and_then(|url| signalled(url, ping));
        let url = url.ok_or_else(|| PingError("the URL cannot be used".to_owned()))?;
        let body = bounded(&masked(&ping.words, self.secrets.clone()));
        let attempts = async {
            let failed = match self.attempt(&url, &body).await {
                Ok(()) => return Ok(()),
                Err(failed) => failed,
            };
            if failed.may_pass {
                sleep(self.limit / PAUSE_SHARE).await;
                return self.attempt(&url, &body).await.map_err(|again| PingError(again.words));
            }
            Err(PingError(failed.words))
        };
        timeout(self.limit, attempts).await.unwrap_or_else(|_| Err(PingError("no answer in time".to_owned())))
    }

    fn limit(&self) -> Duration {
        self.limit
    }
}

fn url_of(template: &SecretString, job: JobName) -> Option<Url> {
    let url = Url::parse(&template.expose_secret().replace(JOB, job.code())).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// Where a signal goes: a word behind the path, and the run.
fn signalled(mut url: Url, ping: &Ping) -> Option<Url> {
    let word = match ping.signal {
        PingSignal::Succeeded => None,
        PingSignal::Started => Some("start".to_owned()),
        PingSignal::Exited(status) => Some(status.to_string()),
        PingSignal::Failed => Some("fail".to_owned()),
        PingSignal::Stopped => Some("log".to_owned()),
    };
    if let Some(word) = word {
        url.path_segments_mut().ok()?.pop_if_empty().push(&word);
    }
    url.query_pairs_mut().append_pair("rid", ping.run.as_str());
    Some(url)
}

/// What an answer means. Healthchecks answers 200 to a UUID it does not know, and says so in the body.
fn of_status(status: StatusCode, answer: &str) -> Result<(), Failed> {
    let failed = |words: String, may_pass| Err(Failed { words, may_pass });
    match status.as_u16() {
        200..=299 if answer.contains("(not found)") => failed("no such check there; look at [ping] url".into(), false),
        200..=299 => Ok(()),
        code @ 300..=399 => failed(format!("HTTP {code}: redirects are not followed; configure the final URL"), false),
        code @ 404 => failed(format!("HTTP {code}: no such check there; look at [ping] url"), false),
        code @ 409 => failed(format!("HTTP {code}: several checks of that name; look at [ping] url"), false),
        code => failed(format!("HTTP {code}"), code == 408 || code == 429 || code >= 500),
    }
}

/// What no answer means. The client's own words would repeat the URL.
fn of_error(error: &reqwest::Error) -> Failed {
    let words = match (error.is_timeout(), error.is_connect()) {
        (true, _) => "no answer in time",
        (_, true) => "no connection",
        _ => "the connection broke before an answer",
    };
    Failed { words: words.to_owned(), may_pass: true }
}

/// At most [`MAX_BODY_BYTES`], cut between two characters.
fn bounded(words: &str) -> String {
    let end = words.floor_char_boundary(MAX_BODY_BYTES);
    words.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RunId;

    const RUN: &str = "019a2b3c-0000-7000-8000-000000000001";

    fn signalled_url(template: &str, job: JobName, signal: PingSignal) -> String {
        let ping = Ping { job, run: RunId::new(RUN), signal, words: String::new() };
        signalled(url_of(&template.into(), job).unwrap(), &ping).unwrap().to_string()
    }

    #[test]
    fn every_signal_has_its_path() {
        let base = "https://hc.example/key/reconnectd-{job}";
        for (url, job, signal, expected) in [
            (base, JobName::Audit, PingSignal::Started, "https://hc.example/key/reconnectd-audit/start?rid=RUN"),
            (base, JobName::Deliver, PingSignal::Succeeded, "https://hc.example/key/reconnectd-deliver?rid=RUN"),
            (base, JobName::Report, PingSignal::Exited(1), "https://hc.example/key/reconnectd-report/1?rid=RUN"),
            (base, JobName::Retention, PingSignal::Failed, "https://hc.example/key/reconnectd-retention/fail?rid=RUN"),
            (base, JobName::Audit, PingSignal::Stopped, "https://hc.example/key/reconnectd-audit/log?rid=RUN"),
            // A slash at the end, a path in front, parameters of the operator's.
            ("http://h:8000/ping/id/", JobName::Audit, PingSignal::Exited(3), "http://h:8000/ping/id/3?rid=RUN"),
            ("http://h/ping/id/", JobName::Audit, PingSignal::Succeeded, "http://h/ping/id/?rid=RUN"),
            ("http://h/id?create=1", JobName::Audit, PingSignal::Started, "http://h/id/start?create=1&rid=RUN"),
        ] {
            assert_eq!(signalled_url(url, job, signal), expected.replace("RUN", RUN));
        }
    }

    #[test]
    fn answers_say_whether_a_repetition_may_help() {
        for (status, answer, expected) in [
            (200, "OK", None),
            (204, "", None),
            (200, "OK (rate limited)", None),
            (200, "OK (not found)", Some(false)),
            (301, "", Some(false)),
            (400, "", Some(false)),
            (404, "", Some(false)),
            (409, "", Some(false)),
            (408, "", Some(true)),
            (429, "", Some(true)),
            (500, "", Some(true)),
            (503, "", Some(true)),
        ] {
            let found = of_status(StatusCode::from_u16(status).unwrap(), answer).err();
            assert_eq!(found.map(|failed| failed.may_pass), expected, "{status} {answer}");
        }
    }

    #[test]
    fn a_body_is_cut_between_characters() {
        assert_eq!(bounded("short"), "short");
        assert_eq!(bounded(&"ż".repeat(MAX_BODY_BYTES)).len(), MAX_BODY_BYTES);
        assert_eq!(bounded(&format!("a{}", "ż".repeat(MAX_BODY_BYTES))).len(), MAX_BODY_BYTES - 1);
    }
}
