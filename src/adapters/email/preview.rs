//! Turns a sample into the mail a person would get, without anybody or any server.

use url::Url;

use super::samples::{SAMPLE_NOTICES, Sample};
use super::settings::{self, EmailSettings, EmailSettingsError};
use crate::domain::{ReconnectUrl, Timestamp};
use crate::ports::SendError;

/// Where the links of a sample point.
#[derive(Debug, Clone, Copy)]
pub struct Links<'a> {
    /// The product's page.
    pub reconnect: &'a ReconnectUrl,
    /// Under which address mails are ended (`[http] public_url`); none: no link to end them.
    pub unsubscribe: Option<&'a Url>,
}

/// A mail to look at.
#[derive(Debug)]
pub struct Preview {
    /// The whole mail, as it would be sent.
    pub eml: Vec<u8>,
    /// Its HTML part, for a browser.
    pub html: String,
    /// Its language: a tag of a catalogue.
    pub language: String,
}

/// A sample cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// The settings or templates cannot be used.
    #[error(transparent)]
    Settings(#[from] EmailSettingsError),
    /// No mail comes about.
    #[error("the mail cannot be composed")]
    Compose(#[from] SendError),
}

/// The sample in the language that a person with this locale gets. Uses of the settings what mails are
/// composed from; the server's URL is not looked at.
pub fn preview(
    settings: &EmailSettings,
    sample: Sample,
    links: Links<'_>,
    locale: Option<&str>,
    now: Timestamp,
) -> Result<Preview, PreviewError> {
    let composer = settings::composer(&EmailSettings { notices: SAMPLE_NOTICES, ..settings.clone() })?;
    let mut notice = sample.notice(links.reconnect, composer.domain(), locale, now);
    notice.unsubscribe = links.unsubscribe.map(|base| format!("{}/u/sample", base.as_str().trim_end_matches('/')));
    let (mail, letter) = composer.compose_with_letter(&notice)?;
    Ok(Preview { eml: mail.bytes, html: letter.html, language: letter.language })
}
