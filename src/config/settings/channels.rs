//! The settings of what goes out and of what comes back: mail, webhooks, the HTTP listener, suppressed addresses.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;
use url::Url;

use super::access::ReportAuth;
use crate::domain::{Colour, EventKind};

/// `[email]`
#[derive(Debug, Clone)]
pub struct Email {
    /// `url`: `smtp://…`, `smtps://…`, or `file:///FOLDER` for `.eml` files.
    pub url: SecretString,
    /// `from`: one mailbox, `Acme <no-reply@acme.example>`; lettre can parse it.
    pub from: String,
    /// `reply_to`: one mailbox; none leaves the header out.
    pub reply_to: Option<String>,
    /// `templates`: a directory of the operator's own templates; it was there when the configuration was read.
    pub templates: Option<PathBuf>,
    /// `list_id`: what stands between the angle brackets of `List-Id` (RFC 2919); where there is none, `reconnect.`
    /// and the domain of `from`.
    pub list_id: Option<String>,
    /// `max_per_minute`: mails to everybody, 1 to 100,000.
    pub max_per_minute: NonZeroU32,
    /// `max_per_domain_per_minute`: mails to the recipients of one domain, 1 to 100,000.
    pub max_per_domain_per_minute: NonZeroU32,
    /// `ramp_up_from`: mails in the first minute of a large batch, doubling each minute up to `max_per_minute`;
    /// 1 to 100,000; above `max_per_minute` there is no ramp.
    pub ramp_up_from: NonZeroU32,
}

/// One `[[webhook]]`
#[derive(Clone)]
pub struct Webhook {
    /// `name`: `a-z 0-9 - _`, at most 32 characters, no two alike.
    pub name: String,
    /// `url`: https, or http where private targets are allowed. May carry a token: `Debug` shows the host only.
    pub url: Url,
    /// `secret`: `whsec_` and base64 of 24 to 64 bytes (Standard Webhooks).
    pub secret: SecretString,
    /// `secret_previous`: of the same shape; while it is set, deliveries are signed with both.
    pub secret_previous: Option<SecretString>,
    /// `signing_key`: `whsk_` and base64 of a 32-byte ed25519 seed, or of the seed and its 32-byte public key; adds
    /// a `v1a` signature (Standard Webhooks).
    pub signing_key: Option<SecretString>,
    /// `events`: what is posted here; distinct, not empty.
    pub events: Vec<EventKind>,
    /// `disable_after`: failing for so long without one success disables the endpoint; 1 h to 30 d.
    pub disable_after: Duration,
    /// `allow_private`: whether the target may be a loopback or private address.
    pub allow_private: bool,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("name", &self.name)
            .field("host", &self.url.host_str())
            .field("secret", &self.secret)
            .field("secret_previous", &self.secret_previous)
            .field("signing_key", &self.signing_key)
            .field("events", &self.events)
            .field("disable_after", &self.disable_after)
            .field("allow_private", &self.allow_private)
            .finish_non_exhaustive()
    }
}

/// `[http]`
#[derive(Debug, Clone)]
pub struct Http {
    /// `listen`: where `reconnectd serve` answers; port 0 takes a free one.
    pub listen: SocketAddr,
    /// `public_url`: where that is reached from outside; https, or http for a loopback host; no query, no fragment.
    /// None leaves the unsubscribe link out of mails.
    pub public_url: Option<Url>,
    /// `logo`: the bytes of a PNG file, at most 256 KiB and 2048 pixels a side; shown on the pages.
    pub logo: Option<Logo>,
    /// `colour`: the accent of the pages; its contrast to white is at least 4.5 to 1.
    pub colour: Colour,
    /// `trusted_proxies`: whose word is taken on who asks; without the key this host and private networks.
    pub trusted_proxies: Vec<IpNet>,
    /// `report_auth` and its keys: who may read the report under `/report`.
    pub report_auth: ReportAuth,
}

/// A PNG file's bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Logo(pub Arc<[u8]>);

impl fmt::Debug for Logo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Logo({} bytes)", self.0.len())
    }
}

/// `[suppression]`
#[derive(Debug, Clone)]
pub struct Suppression {
    /// `key`: at least 32 characters; keys the hashes of suppressed addresses and signs unsubscribe links. None: one
    /// is made at first use and kept in the state database.
    pub key: Option<SecretString>,
}
