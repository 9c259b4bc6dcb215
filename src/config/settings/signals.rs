//! The settings of what tells the operator: the Slack-compatible channel and the dead man's switch.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::domain::{EventKind, JobName};

/// Shorter parts of a URL's path are words, not credentials.
const LEAST_TOKEN_CHARS: usize = 12;

/// `[operator]` with a `slack_url`.
#[derive(Debug, Clone)]
pub struct Operator {
    /// `slack_url`: https, http for a loopback host, or `file:///FOLDER`; whoever has it can post.
    pub slack_url: SecretString,
    /// `events`: what is posted there; distinct, not empty, none of them about a user.
    pub events: Vec<EventKind>,
}

impl Operator {
    /// What must not be logged.
    pub(super) fn secrets(&self) -> Vec<SecretString> {
        tokens(self.slack_url.expose_secret())
    }
}

/// `[ping]` with a `url`.
#[derive(Debug, Clone)]
pub struct Ping {
    /// `url`: http or https, with `{job}` where the job's name goes; without it audits alone ping.
    pub url: SecretString,
    /// `timeout`: for one ping with its repetition; 1 s to 1 min.
    pub timeout: Duration,
}

impl Ping {
    /// What must not be logged: the URL of each job, and its key.
    pub(super) fn secrets(&self) -> Vec<SecretString> {
        let template = self.url.expose_secret();
        let jobs = JobName::CODES.iter().map(|(_, code, _)| SecretString::from(template.replace("{job}", code)));
        // A slug with the job in it is a name, and stands in documents and on dashboards.
        let named = |token: &SecretString| token.expose_secret().contains("%7Bjob%7D");
        jobs.chain(tokens(template).into_iter().filter(|token| !named(token))).collect()
    }
}

/// A URL that is a credential, and those parts of its path that make it one.
fn tokens(text: &str) -> Vec<SecretString> {
    let path = Url::parse(text).ok().filter(|url| url.scheme() != "file").map(|url| url.path().to_owned());
    let parts = path.iter().flat_map(|path| path.split('/')).filter(|part| part.len() >= LEAST_TOKEN_CHARS);
    std::iter::once(text).chain(parts).map(|part| SecretString::from(part.to_owned())).collect()
}
