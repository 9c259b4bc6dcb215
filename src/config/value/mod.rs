//! Single values: from the text or number of a key to a value that fits, or what is wrong with it.
//!
//! Every bound of the configuration is a constant of this module. No fault repeats the value.

pub(super) mod access;
pub(super) mod address;
pub(super) mod brand;
pub(super) mod channels;
pub(super) mod length;
pub(super) mod policy;
pub(super) mod report;
pub(super) mod secret;

use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use tracing_subscriber::EnvFilter;

use super::errors::{Fault, fault};
use super::raw::WholeOrAuto;
use super::settings::{LogFormat, ReconnectMode, UsersPerRequest};

/// One page is one query and one transaction: 5,000 users keep both short.
pub(super) const MAX_PAGE_SIZE: u32 = 5_000;
/// Ten times the largest limit the provider documents (10,000 per minute).
pub(super) const MAX_REQUESTS_PER_MINUTE: u32 = 100_000;
/// The product keeps at most this share; with more nothing would be left for the audit.
pub(super) const RESERVE: RangeInclusive<f64> = 0.0..=0.95;
/// More requests in flight than this gain nothing under any documented limit.
pub(super) const MAX_CONCURRENCY: u32 = 64;
/// Ids of up to 256 characters, comma-joined: more than this outgrow every proxy's limit on a URL.
pub(super) const MAX_USERS_PER_REQUEST: u32 = 200;
/// With doubling waits the twentieth attempt comes hours after the first.
pub(super) const MAX_ATTEMPTS: u32 = 20;
/// Longest identifier of the databases we read is 64 (`MySQL`), and a table may carry its schema.
const MAX_IDENTIFIER_CHARS: usize = 200;
/// The product's name stands in subject lines.
const MAX_PRODUCT_CHARS: usize = 100;
/// A whole number from 1 to `max`.
pub(super) fn whole(max: u32) -> impl FnOnce(i64) -> Result<NonZeroU32, Fault> {
    move |number| {
        let fits = u32::try_from(number).ok().filter(|number| *number <= max).and_then(NonZeroU32::new);
        fits.ok_or_else(|| fault("out of range", format!("set a whole number from 1 to {max}")))
    }
}

/// A number within `range`.
pub(super) fn fraction(range: RangeInclusive<f64>) -> impl FnOnce(f64) -> Result<f64, Fault> {
    move |number| {
        let fits = range.contains(&number); // false for NaN
        let remedy = || format!("set a number from {:?} to {:?}", range.start(), range.end());
        if fits { Ok(number) } else { Err(fault("out of range", remedy())) }
    }
}

/// `auto` or a number.
pub(super) fn users_per_request(raw: WholeOrAuto) -> Result<UsersPerRequest, Fault> {
    match raw {
        WholeOrAuto::Word(word) if word == "auto" => Ok(UsersPerRequest::Auto),
        WholeOrAuto::Word(_) => Err(fault("not a known word", "write \"auto\" in quotes, or a whole number without")),
        WholeOrAuto::Whole(number) => whole(MAX_USERS_PER_REQUEST)(number).map(UsersPerRequest::Fixed),
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

/// The words of `[log] format`.
pub(super) const LOG_FORMAT: &[(&str, LogFormat)] =
    &[("auto", LogFormat::Auto), ("json", LogFormat::Json), ("pretty", LogFormat::Pretty)];

/// The words of `[reconnect] mode`.
pub(super) const RECONNECT_MODE: &[(&str, ReconnectMode)] =
    &[("url", ReconnectMode::Url), ("page", ReconnectMode::Page)];

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
