//! The configuration as the rest of the program sees it: checked values, secrets in a type that does not
//! show them. [`Debug`](std::fmt::Debug) of everything here is safe to log.

mod access;
mod channels;
mod policy;
mod report;
mod signals;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

pub use access::ReportAuth;
pub use channels::{Email, Http, Logo, Suppression, Webhook};
pub use policy::{FirstRun, Policy, Storm};
pub use report::{Report, Retention};
pub use signals::{Operator, Ping};

use crate::domain::{QuietHours, ReconnectUrl};
use crate::schedule::Timetable;

/// Everything an operator can set.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[state]`: what this program remembers.
    pub state: State,
    /// `[directory]`: the product's users.
    pub directory: Directory,
    /// `[composio]`: the provider and how hard it may be asked.
    pub composio: Composio,
    /// `[reconnect]`: where people are sent.
    pub reconnect: Reconnect,
    /// `[policy]`: who is told, when and how often.
    pub policy: Policy,
    /// `[quiet]`: when nobody is told; off where there are neither hours nor days. Days are distinct, `spread` is at
    /// most 6 h.
    pub quiet: QuietHours,
    /// `[storm]`: when so much breaks at once that an operator decides.
    pub storm: Storm,
    /// `[email]`: no section, no mail.
    pub email: Option<Email>,
    /// `[[webhook]]`: as many as there are sections, at most 16, names distinct. With neither mail nor
    /// webhooks the audit only records.
    pub webhook: Vec<Webhook>,
    /// `[http]`: where `reconnectd serve` listens.
    pub http: Http,
    /// `[report]`: the scheduled reconnect report.
    pub report: Report,
    /// `[retention]`: how long what happened is kept.
    pub retention: Retention,
    /// `[suppression]`: what hides the addresses that are not written to.
    pub suppression: Suppression,
    /// `[operator]`: where the operator is told; none without `slack_url`.
    pub operator: Option<Operator>,
    /// `[ping]`: who watches that jobs run; none without `url`.
    pub ping: Option<Ping>,
    /// `[schedule]`: when the daemon does which job, jobs that are off left out. `catch_up` is at most 7 d; each
    /// jitter is shorter than the shortest time between two instants of its job.
    pub schedule: Timetable,
    /// `[daemon]`: how `reconnectd run` lives and ends.
    pub daemon: Daemon,
    /// `[monitor]`: where metrics and health are shown.
    pub monitor: Monitor,
    /// `[log]`: what is written to standard error.
    pub log: Log,
}

impl Config {
    /// Every secret text in here, and the passwords within URLs, for the log's last line of defence.
    pub fn secrets(&self) -> Vec<SecretString> {
        let urls = [Some(&self.state.url), Some(&self.directory.url), self.email.as_ref().map(|email| &email.url)];
        let mut secrets = vec![self.composio.api_key.clone()];
        for webhook in &self.webhook {
            secrets.push(webhook.secret.clone());
            secrets.extend(webhook.secret_previous.clone());
            secrets.extend(webhook.signing_key.clone());
        }
        secrets.extend(self.suppression.key.clone());
        if let ReportAuth::Token(token) = &self.http.report_auth {
            secrets.push(token.clone());
        }
        secrets.extend(self.reconnect.link_key.clone());
        secrets.extend(self.reconnect.link_key_previous.clone());
        secrets.extend(self.operator.iter().flat_map(Operator::secrets));
        secrets.extend(self.ping.iter().flat_map(Ping::secrets));
        secrets.extend(urls.into_iter().flatten().flat_map(passwords));
        secrets
    }
}

/// The password of a URL as written and as meant, and the URL itself where it has one.
fn passwords(url: &SecretString) -> Vec<SecretString> {
    let Ok(parsed) = Url::parse(url.expose_secret()) else { return Vec::new() };
    let Some(password) = parsed.password() else { return Vec::new() };
    let decoded = url::form_urlencoded::parse(password.replace('+', "%2B").as_bytes())
        .next()
        .map_or_else(String::new, |(name, _)| name.into_owned());
    vec![url.clone(), SecretString::from(password.to_owned()), SecretString::from(decoded)]
}

/// `[state]`
#[derive(Debug, Clone)]
pub struct State {
    /// `url`: `sqlite://PATH` or `postgres://…`; created and migrated on first use.
    pub url: SecretString,
}

/// `[directory]`
#[derive(Debug, Clone)]
pub struct Directory {
    /// `url`: `sqlite://PATH`, `postgres://…` or `mysql://…`.
    pub url: SecretString,
    /// `table`: a table or view, `schema.table` allowed; not quoted yet.
    pub table: String,
    /// `id`: the column of user ids; not quoted yet, like the columns below.
    pub id: String,
    /// `email`: the column of addresses; none where the product has none.
    pub email: Option<String>,
    /// `name`: the column of people's names.
    pub name: Option<String>,
    /// `locale`: the column of BCP 47 language tags.
    pub locale: Option<String>,
    /// `timezone`: the column of IANA time zones.
    pub timezone: Option<String>,
    /// `filter`: an SQL condition that users must satisfy; the operator's own SQL, as it is.
    pub filter: Option<String>,
    /// `page_size`: users per page, 1 to 5,000.
    pub page_size: NonZeroU32,
}

/// `[composio]`
#[derive(Debug, Clone)]
pub struct Composio {
    /// `base_url`: https, or http for a loopback host.
    pub base_url: Url,
    /// `api_key`: visible ASCII, fit for a header.
    pub api_key: SecretString,
    /// `requests_per_minute`: 1 to 100,000.
    pub requests_per_minute: NonZeroU32,
    /// `reserve`: the share of the organisation's limit left to the product's own traffic, 0.0 to 0.95.
    pub reserve: f64,
    /// `concurrency`: requests in flight at once, 1 to 64.
    pub concurrency: NonZeroU32,
    /// `users_per_request`.
    pub users_per_request: UsersPerRequest,
    /// `max_attempts`: per request, the first included; 1 to 20.
    pub max_attempts: NonZeroU32,
    /// `timeout_connect`: 10 ms to 60 s, at most `timeout_total`.
    pub timeout_connect: Duration,
    /// `timeout_total`: for one request and its whole answer; 10 ms to 10 min.
    pub timeout_total: Duration,
}

/// How many users one request asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsersPerRequest {
    /// As many as the provider answers on one page, found out while running.
    Auto,
    /// This many, 1 to 200.
    Fixed(NonZeroU32),
}

/// `[reconnect]`
#[derive(Debug, Clone)]
pub struct Reconnect {
    /// `url`: the product's own page, `{toolkit}` filled in per account.
    pub url: ReconnectUrl,
    /// `product`: the product's name as its users know it; one line, at most 100 characters.
    pub product: String,
    /// `mode`: the product's page, or ours.
    pub mode: ReconnectMode,
    /// `return_url`: where people go on after our page; `url` where it is not given.
    pub return_url: ReconnectUrl,
    /// `link_ttl`: how long a link to our page works after the last notice that carried it; 1 d to 365 d.
    pub link_ttl: Duration,
    /// `link_key`: at least 32 characters; signs those links. None: one is made at first use and kept in the state
    /// database.
    pub link_key: Option<SecretString>,
    /// `link_key_previous`: of the same shape; links it signed work, and it signs none: the one before, or the one to come.
    pub link_key_previous: Option<SecretString>,
}

/// Where a notice's button leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReconnectMode {
    /// To the product's own page, `[reconnect] url`.
    Url,
    /// To our own page, which makes the provider's when it is asked to; needs `[http] public_url`.
    Page,
}

/// `[daemon]`
#[derive(Debug, Clone)]
pub struct Daemon {
    /// `drain_timeout`: how long what is in flight may take to finish once the process is asked to stop; 0 s to 10 min.
    pub drain_timeout: Duration,
}

/// `[monitor]`
#[derive(Debug, Clone)]
pub struct Monitor {
    /// `listen`: where `/livez`, `/readyz` and `/metrics` are served by `run` and `serve`; none for nowhere (`"off"`).
    pub listen: Option<SocketAddr>,
    /// `textfile`: what `once`, `deliver` and `run` write for `node_exporter`'s textfile collector.
    pub textfile: Option<PathBuf>,
}

/// `[log]`
#[derive(Debug, Clone)]
pub struct Log {
    /// `format`.
    pub format: LogFormat,
    /// `level`: a level (`info`) or a list of them (`info,sqlx=debug`); tracing's `EnvFilter` can parse it.
    pub level: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Pretty on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object per line.
    Json,
    /// One sentence per line, for people.
    Pretty,
}

impl LogFormat {
    /// Whether lines are JSON, given whether standard error is a terminal.
    pub fn is_json(self, terminal: bool) -> bool {
        match self {
            Self::Auto => !terminal,
            Self::Json => true,
            Self::Pretty => false,
        }
    }
}
