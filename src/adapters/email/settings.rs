//! Turns the `[email]` section into a checked sender and route, or into an error that names the key and
//! the remedy and repeats neither URL nor password nor address.

use std::path::PathBuf;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::transport::smtp::client::TlsParameters;
use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Url};

use super::headers::is_list_id;
use super::letter::Writer;
use super::message::Composer;
use super::pack::Pack;
use super::rehearsal::rehearse;
use crate::adapters::spool::Spool;
use crate::domain::{MAX_WORD_CHARS, visible};
use crate::languages::PackError;

/// The `[email]` section.
#[derive(Debug, Clone)]
pub struct EmailSettings {
    /// `smtp://user:pass@host:587?tls=required` (STARTTLS; the default), `?tls=opportunistic` (STARTTLS
    /// where it is offered; a password is then never sent in clear), `?tls=none` (loopback hosts only);
    /// `smtps://user:pass@host:465`; `file:///folder` writes one `.eml` per mail. User and password are
    /// percent-encoded. Certificates are checked against the system's roots, or the file that the
    /// environment variable `SSL_CERT_FILE` names.
    pub url: SecretString,
    /// The sender: `Acme <no-reply@acme.example>`.
    pub from: String,
    /// Where answers go, shown in the mail: `support@acme.example`.
    pub reply_to: Option<String>,
    /// The product's name, as its users know it.
    pub product: String,
    /// The id of `List-Id`, a domain name; `reconnect.` and the domain of `from` if none.
    pub list_id: Option<String>,
    /// A folder whose files replace templates and catalogues by name, or add languages.
    pub templates: Option<PathBuf>,
    /// How many notices an incident gets at most, the length of the ladder: the last reminder says so.
    pub notices: u32,
    /// Timeouts.
    pub limits: EmailLimits,
}

/// How long a mail server may take over one mail, whatever it does, and how long and for how many mails a
/// connection is kept. A lease on a delivery must outlast `total`.
#[derive(Debug, Clone, Copy)]
pub struct EmailLimits {
    /// Everything before the mail's content: resolving, connecting, TLS, login, envelope; default 30 s.
    /// Running into it is harmless: nothing was sent.
    pub handshake: Duration,
    /// The whole exchange, the final reply included; default 60 s. Running into it leaves the outcome
    /// unknown. RFC 5321 (section 4.5.3.2.6) would wait 10 minutes; a repeat under the same Message-ID
    /// costs less than a worker that waits so long.
    pub total: Duration,
    /// How long a connection waits for its next mail; default 20 s. Mail servers hang up after one minute
    /// (Exchange's edge role) to five (Postfix, Exim; RFC 5321, section 4.5.3.2.7), routers in between later.
    pub idle: Duration,
    /// Mails over one connection; default 20, the most that Yahoo takes.
    pub mails_per_connection: u32,
}

impl Default for EmailLimits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(30),
            total: Duration::from_mins(1),
            idle: Duration::from_secs(20),
            mails_per_connection: 20,
        }
    }
}

/// An `[email]` section that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EmailSettingsError {
    /// The URL cannot be used.
    #[error("[email] url: {0}")]
    Url(&'static str),
    /// An address cannot be used.
    #[error("[email] {key}: expected 'Name <local@domain>' or 'local@domain'")]
    Address {
        /// `from` or `reply_to`.
        key: &'static str,
    },
    /// TLS cannot be set up for this host, for example because there are no root certificates.
    #[error("[email] url: TLS cannot be set up for this host")]
    Tls(#[source] lettre::transport::smtp::Error),
    /// The id of the list cannot be used.
    #[error("[email] list_id: expected a domain name such as reconnect.acme.example")]
    ListId,
    /// A template or catalogue cannot be used; none of the folder is.
    #[error("the mail templates cannot be used")]
    Templates(#[from] PackError),
}

/// Where mails go.
pub(super) enum Route {
    Smtp(SmtpServer),
    File(Spool),
}

/// A mail server and how to talk to it.
pub(super) struct SmtpServer {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) encryption: Encryption,
    pub(super) login: Option<(String, SecretString)>,
    /// Whether a password may go over an unencrypted connection: never beyond this host.
    pub(super) loopback: bool,
}

/// When the connection is encrypted.
pub(super) enum Encryption {
    /// From the first byte (`smtps`).
    Implicit(TlsParameters),
    /// By STARTTLS, or not at all.
    Required(TlsParameters),
    /// By STARTTLS where it is offered. The certificate is checked then.
    Opportunistic(TlsParameters),
    /// Never.
    None,
}

const PORT_SUBMISSION: u16 = 587; // RFC 6409
const PORT_SUBMISSIONS: u16 = 465; // RFC 8314

/// Reads the URL of the `[email]` section.
pub(super) fn route(url: &SecretString) -> Result<Route, EmailSettingsError> {
    let wrong = EmailSettingsError::Url;
    let url = Url::parse(url.expose_secret().trim())
        .map_err(|_| wrong("not a URL; expected smtp://user:password@host:587 (percent-encode user and password)"))?;
    match url.scheme() {
        "file" => Spool::from_url(&url).map(Route::File).ok_or(wrong("expected file:///absolute/folder")),
        "smtp" | "smtps" => smtp_server(&url).map(Route::Smtp),
        _ => Err(wrong("the scheme must be smtp, smtps or file")),
    }
}

fn smtp_server(url: &Url) -> Result<SmtpServer, EmailSettingsError> {
    let wrong = EmailSettingsError::Url;
    if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
        return Err(wrong("must end after the port and the ?tls= part"));
    }
    let host = match url.host() {
        Some(Host::Domain(name)) if !name.is_empty() => name.to_owned(),
        Some(Host::Ipv4(ip)) => ip.to_string(),
        Some(Host::Ipv6(ip)) => ip.to_string(),
        _ => return Err(wrong("the host is missing")),
    };
    let loopback = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    let tls = || TlsParameters::new(host.clone()).map_err(EmailSettingsError::Tls);
    let mut mode = None;
    for (key, value) in url.query_pairs() {
        if key != "tls" || mode.is_some() {
            return Err(wrong("the only option is tls, given once"));
        }
        mode = Some(value.into_owned());
    }
    let encryption = match (url.scheme(), mode.as_deref()) {
        ("smtps", None) => Encryption::Implicit(tls()?),
        ("smtps", Some(_)) => return Err(wrong("smtps is always encrypted; leave ?tls= out")),
        (_, None | Some("required")) => Encryption::Required(tls()?),
        (_, Some("opportunistic")) => Encryption::Opportunistic(tls()?),
        (_, Some("none")) if loopback => Encryption::None,
        (_, Some("none")) => return Err(wrong("tls=none is for a loopback host; use tls=opportunistic for a relay")),
        _ => return Err(wrong("tls must be required, opportunistic or none")),
    };
    let standard = if url.scheme() == "smtps" { PORT_SUBMISSIONS } else { PORT_SUBMISSION };
    Ok(SmtpServer { host, port: url.port().unwrap_or(standard), encryption, login: login(url)?, loopback })
}

fn login(url: &Url) -> Result<Option<(String, SecretString)>, EmailSettingsError> {
    let malformed = || EmailSettingsError::Url("user and password must be percent-encoded UTF-8");
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) => Err(EmailSettingsError::Url("there is a password but no user")),
        (_, None) => Err(EmailSettingsError::Url("there is a user but no password")),
        (user, Some(password)) => {
            let user = percent_decode(user).ok_or_else(malformed)?;
            Ok(Some((user, percent_decode(password).ok_or_else(malformed)?.into())))
        }
    }
}

/// Undoes percent-encoding; none where the result is not UTF-8. (The form decoder of `url` would turn `+`
/// into a blank.)
fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let pair = tail.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        let decoded = pair.filter(|_| *first == b'%').and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).ok()
}

/// Checks everything that mails are composed from; an operator's templates are tried out.
pub(super) fn composer(settings: &EmailSettings) -> Result<Composer, EmailSettingsError> {
    let from = mailbox("from", &settings.from)?;
    let reply_to = settings.reply_to.as_deref().map(|text| mailbox("reply_to", text)).transpose()?;
    if settings.list_id.as_deref().is_some_and(|id| !is_list_id(id)) {
        return Err(EmailSettingsError::ListId);
    }
    let shown = reply_to.as_ref().map(|mailbox| mailbox.email.to_string());
    let writer = |pack, notices| Writer::new(pack, &settings.product, shown, notices);
    let writer = match &settings.templates {
        None => writer(Pack::built_in()?, settings.notices),
        Some(folder) => {
            let writer = writer(Pack::from_folder(folder)?, settings.notices);
            rehearse(&writer)?;
            writer
        }
    };
    Ok(Composer::new(from, reply_to, settings.list_id.as_deref(), writer))
}

/// Reads `from` and `reply_to`.
pub(super) fn mailbox(key: &'static str, text: &str) -> Result<Mailbox, EmailSettingsError> {
    let wrong = || EmailSettingsError::Address { key };
    if text.chars().any(char::is_control) {
        return Err(wrong());
    }
    let parsed: Mailbox = text.trim().parse().map_err(|_| wrong())?;
    // The domain stands in Message-IDs, and the sender must not need a server that takes SMTPUTF8.
    if !AsRef::<str>::as_ref(&parsed.email).is_ascii() {
        return Err(wrong());
    }
    Ok(Mailbox::new(parsed.name.and_then(|name| visible(&name, MAX_WORD_CHARS)), parsed.email))
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
