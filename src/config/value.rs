//! Single values: from the text or number of a key to a value that fits, or what is wrong with it.
//!
//! Every bound of the configuration is a constant here. No fault repeats the value.

use std::num::NonZeroU32;
use std::str::FromStr as _;
use std::time::Duration;

use base64::Engine as _;
use lettre::message::Mailbox;
use tracing_subscriber::EnvFilter;
use url::Url;

use super::errors::{Fault, fault};
use super::raw::WholeOrAuto;
use super::settings::{FirstRun, LogFormat, UsersPerRequest};
use crate::domain::{EmailAddress, ReconnectUrl};

/// One page is one query and one transaction: 5,000 users keep both short.
pub(super) const MAX_PAGE_SIZE: u32 = 5_000;
/// Ten times the largest limit the provider documents (10,000 per minute).
pub(super) const MAX_REQUESTS_PER_MINUTE: u32 = 100_000;
/// The product keeps at most this share; with more nothing would be left for the audit.
pub(super) const MAX_RESERVE: f64 = 0.95;
/// More requests in flight than this gain nothing under any documented limit.
pub(super) const MAX_CONCURRENCY: u32 = 64;
/// Ids of up to 256 characters, comma-joined: more than this outgrow every proxy's limit on a URL.
pub(super) const MAX_USERS_PER_REQUEST: u32 = 200;
/// With doubling waits the twentieth attempt comes hours after the first.
pub(super) const MAX_ATTEMPTS: u32 = 20;
/// Shorter timeouts than this fail on any network.
pub(super) const MIN_TIMEOUT: Duration = Duration::from_millis(10);
/// A host that does not accept a connection within a minute is down.
pub(super) const MAX_CONNECT_TIMEOUT: Duration = Duration::from_mins(1);
/// One answer is one page of accounts; ten minutes for it are an outage.
pub(super) const MAX_TOTAL_TIMEOUT: Duration = Duration::from_mins(10);
/// Longest identifier of the databases we read is 64 (`MySQL`), and a table may carry its schema.
const MAX_IDENTIFIER_CHARS: usize = 200;
/// The product's name stands in subject lines.
const MAX_PRODUCT_CHARS: usize = 100;
/// A webhook's name is part of a channel name and a log field.
const MAX_WEBHOOK_NAME_CHARS: usize = 32;
/// Standard Webhooks, section "Signature scheme": 24 to 64 random bytes.
const WEBHOOK_SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A whole number from 1 to `max`.
pub(super) fn whole(max: u32) -> impl FnOnce(i64) -> Result<NonZeroU32, Fault> {
    move |number| {
        let fits = u32::try_from(number).ok().filter(|number| *number <= max).and_then(NonZeroU32::new);
        fits.ok_or_else(|| fault("out of range", format!("set a whole number from 1 to {max}")))
    }
}

/// A share of the organisation's limit.
pub(super) fn reserve(share: f64) -> Result<f64, Fault> {
    let fits = (0.0..=MAX_RESERVE).contains(&share); // false for NaN
    if fits { Ok(share) } else { Err(fault("out of range", format!("set a number from 0.0 to {MAX_RESERVE}"))) }
}

/// `auto` or a number.
pub(super) fn users_per_request(raw: WholeOrAuto) -> Result<UsersPerRequest, Fault> {
    match raw {
        WholeOrAuto::Word(word) if word == "auto" => Ok(UsersPerRequest::Auto),
        WholeOrAuto::Word(_) => Err(fault("not a known word", "write \"auto\" in quotes, or a whole number without")),
        WholeOrAuto::Whole(number) => whole(MAX_USERS_PER_REQUEST)(number).map(UsersPerRequest::Fixed),
    }
}

/// A length of time with its unit, from [`MIN_TIMEOUT`] to `max`.
pub(super) fn timeout(max: Duration) -> impl FnOnce(String) -> Result<Duration, Fault> {
    move |text| {
        let remedy = || {
            let (min, max) = (humantime::format_duration(MIN_TIMEOUT), humantime::format_duration(max));
            format!("write a number and a unit, such as \"5s\", from {min} to {max}")
        };
        let length = humantime::parse_duration(&text).map_err(|_| fault("not a length of time", remedy()))?;
        let fits = (MIN_TIMEOUT..=max).contains(&length);
        if fits { Ok(length) } else { Err(fault("out of range", remedy())) }
    }
}

/// One of a few words.
pub(super) fn word<T: Copy>(known: &[(&str, T)]) -> impl FnOnce(String) -> Result<T, Fault> {
    move |text| {
        let meaning = known.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        meaning.ok_or_else(|| {
            let words: Vec<String> = known.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            fault("not a known word", format!("write {}", words.join(" or ")))
        })
    }
}

/// The words of `[policy] first_run`.
pub(super) const FIRST_RUN: &[(&str, FirstRun)] = &[("baseline", FirstRun::Baseline), ("notify", FirstRun::Notify)];

/// The words of `[log] format`.
pub(super) const LOG_FORMAT: &[(&str, LogFormat)] =
    &[("auto", LogFormat::Auto), ("json", LogFormat::Json), ("pretty", LogFormat::Pretty)];

/// A line of text of at most `max` characters that says something.
fn line(text: String, max: usize) -> Result<String, Fault> {
    if text.trim().is_empty() {
        return Err(fault("is empty", "set it, or leave the key out"));
    }
    if text.chars().any(char::is_control) {
        return Err(fault("holds a control character", "write it on one line, without tabs"));
    }
    if text.chars().count() > max {
        return Err(fault("is too long", format!("use at most {max} characters")));
    }
    Ok(text)
}

/// The name of a table or column.
pub(super) fn identifier(text: String) -> Result<String, Fault> {
    line(text, MAX_IDENTIFIER_CHARS)
}

/// An SQL condition; the database judges it.
pub(super) fn filter(text: String) -> Result<String, Fault> {
    if text.trim().is_empty() { Err(fault("is empty", "leave the key out to read all users")) } else { Ok(text) }
}

/// The product's name.
pub(super) fn product(text: String) -> Result<String, Fault> {
    line(text, MAX_PRODUCT_CHARS)
}

/// A database URL with one of `schemes`. `sqlite://` may be followed by any path.
pub(super) fn database(schemes: &'static [&'static str]) -> impl FnOnce(&str) -> Result<(), Fault> {
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
pub(super) fn state_database(text: &str) -> Result<(), Fault> {
    database(&["sqlite", "postgres", "postgresql"])(text)?;
    if text.contains(":memory:") || text.contains("mode=memory") {
        return Err(fault("would be lost at exit", "name a file, such as sqlite://reconnectd.db"));
    }
    Ok(())
}

/// The provider's address.
pub(super) fn base_url(text: &str) -> Result<Url, Fault> {
    let url = http_url(text)?;
    let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if url.scheme() != "https" && !loopback {
        return Err(fault("would send the API key in clear", "use https (http is allowed for a loopback host)"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(fault("has a query or a fragment", "end it after the host or the path"));
    }
    Ok(url)
}

/// A webhook's address, or a folder its events are written to.
pub(super) fn webhook_url(allow_private: bool) -> impl FnOnce(String) -> Result<Url, Fault> {
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

/// A key that fits into a header.
pub(super) fn api_key(text: &str) -> Result<(), Fault> {
    let fits = text.bytes().all(|b| b.is_ascii_graphic());
    if fits { Ok(()) } else { Err(fault("holds a character no API key has", "copy the key again, without blanks")) }
}

/// Where mail goes out.
pub(super) fn mail_url(text: &str) -> Result<(), Fault> {
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
pub(super) fn mailbox(text: String) -> Result<String, Fault> {
    let text = line(text, MAX_IDENTIFIER_CHARS)?;
    match Mailbox::from_str(&text).map(|mailbox| EmailAddress::parse(mailbox.email.as_ref())) {
        Ok(Ok(_)) => Ok(text),
        _ => Err(fault("not a mailbox", "write \"Name <local@domain>\" or \"local@domain\", one and no more")),
    }
}

/// Where people are sent.
pub(super) fn reconnect_url(text: String) -> Result<ReconnectUrl, Fault> {
    const REMEDY: &str = "write your own page, such as https://app.example.com/settings?toolkit={toolkit}";
    let text = line(text, 2_000)?; // longer links are cut by mail programs
    ReconnectUrl::parse(&text).map_err(|error| fault(error.to_string(), REMEDY))
}

/// A webhook's name.
pub(super) fn webhook_name(text: String) -> Result<String, Fault> {
    let fits = !text.is_empty()
        && text.len() <= MAX_WEBHOOK_NAME_CHARS
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
    let remedy = format!("use a-z, 0-9, - and _, at most {MAX_WEBHOOK_NAME_CHARS} characters");
    if fits { Ok(text) } else { Err(fault("not a usable name", remedy)) }
}

/// A signing secret.
pub(super) fn webhook_secret(text: &str) -> Result<(), Fault> {
    let decoded = text.strip_prefix("whsec_").map(|key| base64::engine::general_purpose::STANDARD.decode(key));
    match decoded {
        Some(Ok(key)) if WEBHOOK_SECRET_BYTES.contains(&key.len()) => Ok(()),
        _ => {
            let remedy = "write whsec_ and the base64 of 24 to 64 random bytes: echo whsec_$(openssl rand -base64 32)";
            Err(fault("not a signing secret", remedy))
        }
    }
}

/// A level, or a list of `target=level` that begins with one. A bare word that is no level would be taken for
/// a target by `EnvFilter` and change nothing.
pub(super) fn log_level(text: String) -> Result<String, Fault> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let known = |part: &str| {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
        LEVELS.contains(&level.trim().to_lowercase().as_str())
    };
    if text.split(',').all(known) && EnvFilter::builder().parse(&text).is_ok() {
        Ok(text)
    } else {
        Err(fault("not a log level", "write error, warn, info, debug or trace, or a list such as info,sqlx=debug"))
    }
}
