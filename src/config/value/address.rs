//! Addresses: of databases, of the provider, of people's pages, of receivers, of mail.

use std::net::SocketAddr;
use std::str::FromStr as _;

use lettre::message::Mailbox;
use url::Url;

use super::line;
use crate::config::errors::{Fault, fault};
use crate::domain::{EmailAddress, ReconnectUrl};

/// A display name and an address; no sender or reply address in use is longer.
const MAX_MAILBOX_CHARS: usize = 200;
/// Mail programs cut longer links.
const MAX_LINK_CHARS: usize = 2_000;

/// A database URL with one of `schemes`. `sqlite://` may be followed by any path.
pub(in crate::config) fn database(schemes: &'static [&'static str]) -> impl FnOnce(&str) -> Result<(), Fault> {
    move |text| {
        let listed = schemes.iter().map(|scheme| format!("{scheme}://")).collect::<Vec<_>>().join(" or ");
        let (scheme, rest) = text.split_once("://").unwrap_or(("", ""));
        if !schemes.contains(&scheme) {
            return Err(fault("the scheme of the URL is not supported", format!("begin it with {listed}")));
        }
        match scheme {
            "sqlite" if rest.is_empty() => Err(fault("names no file", "add a path, such as sqlite://product.db")),
            "sqlite" => Ok(()),
            _ => Url::parse(text).map(|_| ()).map_err(|error| {
                let what = format!("not a URL ({error})");
                fault(what, "write scheme://user:password@host/database, special characters of the password as %XX")
            }),
        }
    }
}

/// The state database must outlive the process: without memory of notices everybody is told again.
pub(in crate::config) fn state_database(text: &str) -> Result<(), Fault> {
    database(&["sqlite", "postgres", "postgresql"])(text)?;
    if text.contains(":memory:") || text.contains("mode=memory") {
        return Err(fault("would be lost at exit", "name a file, such as sqlite://reconnectd.db"));
    }
    Ok(())
}

/// The provider's address.
pub(in crate::config) fn base_url(text: &str) -> Result<Url, Fault> {
    base(text, "would send the API key in clear")
}

/// Where `serve` is reached from outside.
pub(in crate::config) fn public_url(text: &str) -> Result<Url, Fault> {
    base(text, "would send who unsubscribes in clear")
}

/// What paths are added to: https, or http for a loopback host.
fn base(text: &str, in_clear: &'static str) -> Result<Url, Fault> {
    let url = http_url(text)?;
    if url.scheme() != "https" && !is_loopback(&url) {
        return Err(fault(in_clear, "use https (http is allowed for a loopback host)"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(fault("has a query or a fragment", "end it after the host or the path"));
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

/// A webhook's address, or a folder its events are written to.
pub(in crate::config) fn webhook_url(allow_private: bool) -> impl FnOnce(String) -> Result<Url, Fault> {
    move |text| {
        if let Some(folder) = Url::parse(&text).ok().filter(|url| url.scheme() == "file") {
            return Ok(folder);
        }
        let url = http_url(&text)?;
        if url.scheme() != "https" && !allow_private {
            return Err(fault(
                "would be posted in clear",
                "use https, or set allow_private = true for a private target",
            ));
        }
        Ok(url)
    }
}

/// Where the operator's messages are posted, or a folder they are written to.
pub(in crate::config) fn slack_url(text: &str) -> Result<(), Fault> {
    if let Some(folder) = Url::parse(text).ok().filter(|url| url.scheme() == "file") {
        let usable = folder.to_file_path().is_ok() && folder.path() != "/";
        return if usable { Ok(()) } else { Err(fault("names no folder", "write file:///absolute/folder")) };
    }
    let url = http_url(text)?;
    if url.scheme() != "https" && !is_loopback(&url) {
        return Err(fault("would be posted in clear", "use https (http is allowed for a loopback host)"));
    }
    Ok(())
}

/// Whom a dead man's switch is told by, `{job}` standing for a job's name. It may be in clear: who can read it learns
/// that jobs run.
pub(in crate::config) fn ping_url(text: &str) -> Result<(), Fault> {
    let url = http_url(&text.replace("{job}", "audit"))?;
    if url.fragment().is_some() {
        return Err(fault("has a fragment", "end it after the path or the query"));
    }
    if text.replace("{job}", "").contains(['{', '}']) {
        return Err(fault("holds a placeholder that is not known", "use {job} and no other"));
    }
    Ok(())
}

fn http_url(text: &str) -> Result<Url, Fault> {
    let url = Url::parse(text).map_err(|error| {
        fault(format!("not a URL ({error})"), "write an absolute URL, such as https://host.example/path")
    })?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(fault("the scheme of the URL is not supported", "begin it with https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(fault("holds a user or password", "remove them from the URL"));
    }
    Ok(url)
}

/// Where mail goes out.
pub(in crate::config) fn mail_url(text: &str) -> Result<(), Fault> {
    const REMEDY: &str = "write smtp://user:password@host:587?tls=required, smtps://host:465 or file:///folder";
    let url = Url::parse(text).map_err(|error| fault(format!("not a URL ({error})"), REMEDY))?;
    match url.scheme() {
        "smtp" | "smtps" if url.host_str().is_some_and(|host| !host.is_empty()) => Ok(()),
        "file" if url.to_file_path().is_ok() && url.path() != "/" => Ok(()),
        "smtp" | "smtps" | "file" => Err(fault("names no host or folder", REMEDY)),
        _ => Err(fault("the scheme of the URL is not supported", REMEDY)),
    }
}

/// One mailbox, with or without a display name, by the grammar of the library that sends the mail.
pub(in crate::config) fn mailbox(text: String) -> Result<String, Fault> {
    let text = line(text, MAX_MAILBOX_CHARS)?;
    match Mailbox::from_str(&text).map(|mailbox| EmailAddress::parse(mailbox.email.as_ref())) {
        Ok(Ok(_)) => Ok(text),
        _ => Err(fault("not a mailbox", "write \"Name <local@domain>\" or \"local@domain\", one and no more")),
    }
}

/// Where people are sent.
pub(in crate::config) fn reconnect_url(text: String) -> Result<ReconnectUrl, Fault> {
    const REMEDY: &str = "write your own page, such as https://app.example.com/settings?toolkit={toolkit}";
    let text = line(text, MAX_LINK_CHARS)?;
    ReconnectUrl::parse(&text).map_err(|error| fault(error.to_string(), REMEDY))
}

/// Where to listen.
pub(in crate::config) fn listen(text: &str) -> Result<SocketAddr, Fault> {
    let remedy = "write an IP address and a port, such as 127.0.0.1:8480, [::1]:8480, or 0.0.0.0:8480 for all";
    text.parse().map_err(|_| fault("not an address to listen on", remedy))
}
