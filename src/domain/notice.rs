//! What one user is told at one moment, on its way to one channel.

use url::Url;

use super::contact::Contact;
use super::event::EventKind;
use super::ids::{AccountId, DeliveryId, IncidentId, NotificationId, ToolkitSlug, UserId};
use super::incident::CloseEvidence;
use super::time::Timestamp;

/// Where a person is sent to reconnect: the product's own stable page. Never a link of the provider,
/// whose links live 10 minutes and create an account row when made (contract, sections 0.3 and 0.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReconnectUrl(String);

/// The template makes no usable link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReconnectUrlError {
    /// Not an absolute URL once `{toolkit}` is filled in.
    #[error("not an absolute URL ({0})")]
    NotAUrl(url::ParseError),
    /// A scheme no mail program opens as a page.
    #[error("the scheme must be https (http is allowed for a loopback host)")]
    Scheme,
}

impl ReconnectUrl {
    /// Checks a template such as `https://app.example.com/settings?toolkit={toolkit}`.
    /// `{toolkit}` may be absent: then everybody is sent to the same page.
    pub fn parse(template: &str) -> Result<Self, ReconnectUrlError> {
        let url = Url::parse(&template.replace("{toolkit}", "slack")).map_err(ReconnectUrlError::NotAUrl)?;
        let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            _ => return Err(ReconnectUrlError::Scheme),
        }
        Ok(Self(template.to_owned()))
    }

    /// The link for one toolkit, its slug percent-encoded.
    pub fn for_toolkit(&self, toolkit: &ToolkitSlug) -> String {
        let encoded: String = url::form_urlencoded::byte_serialize(toolkit.as_str().as_bytes()).collect();
        self.0.replace("{toolkit}", &encoded)
    }

    /// The link where no toolkit is known.
    pub fn for_any_toolkit(&self) -> String {
        self.0.replace("{toolkit}", "")
    }
}

/// What a notice says of its items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoticeKind {
    /// They must be reconnected.
    Reconnect,
    /// They need not be reconnected any more.
    Recovered,
}

impl NoticeKind {
    /// What channels filter it by.
    pub fn event(self) -> EventKind {
        match self {
            Self::Reconnect => EventKind::ReconnectRequested,
            Self::Recovered => EventKind::ReconnectRecovered,
        }
    }
}

/// How an incident ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// When that was seen.
    pub at: Timestamp,
    /// On which evidence.
    pub evidence: CloseEvidence,
}

/// One broken toolkit within a notice, or one that works again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeItem {
    /// The incident this speaks about.
    pub incident: IncidentId,
    /// How often this incident was spoken about before: 0 is the first notice, the rest are reminders. In a
    /// notice of its end, how many notices there were.
    pub number: u32,
    /// The toolkit.
    pub toolkit: ToolkitSlug,
    /// The account that broke.
    pub account: AccountId,
    /// Its alias or word id; untrusted text.
    pub label: Option<String>,
    /// The user has an older account of the same toolkit that still works, so name this one.
    pub second_account: bool,
    /// When it broke, as far as is known.
    pub broke_at: Timestamp,
    /// The link for this toolkit.
    pub reconnect_url: String,
    /// How the incident ended, in a notice that says so.
    pub recovery: Option<Recovery>,
}

/// One notification on its way to one channel. Built just before the send, after the provider was asked
/// once more; holds an address, so it is never stored or logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The delivery this send is an attempt of.
    pub delivery: DeliveryId,
    /// The notification, the same for all channels.
    pub notification: NotificationId,
    /// The id the outside sees (`Message-ID` with its angle brackets, or `webhook-id`): minted once, stored,
    /// the same on every attempt, so that the receiver can drop a repeat.
    pub outside_id: String,
    /// What is said of the items.
    pub kind: NoticeKind,
    /// Who is told.
    pub user: UserId,
    /// How to reach them; read from the directory just now.
    pub contact: Contact,
    /// Where this person can end all mail about it, an absolute URL; none where there is no such page.
    pub unsubscribe: Option<String>,
    /// What this is about, newest first; at least one.
    pub items: Vec<NoticeItem>,
    /// When the notification was decided.
    pub created_at: Timestamp,
    /// The moment of this attempt.
    pub now: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_checked_and_slugs_encoded() {
        let url = ReconnectUrl::parse("https://app.example.com/x?toolkit={toolkit}").unwrap();
        assert_eq!(url.for_toolkit(&ToolkitSlug::new("a&b=c")), "https://app.example.com/x?toolkit=a%26b%3Dc");
        for (template, ok) in [
            ("http://localhost:3000/{toolkit}", true),
            ("https://app.example.com/settings", true),
            ("http://app.example.com/", false),
            ("javascript:alert(1)", false),
            ("/settings", false),
        ] {
            assert_eq!(ReconnectUrl::parse(template).is_ok(), ok, "{template}");
        }
    }
}
