//! Turns what an endpoint answered, or the way the exchange failed, into a receipt or a failure class.
//!
//! | Answer | Class | Because |
//! |---|---|---|
//! | 2xx | done | |
//! | 429, 503 with `Retry-After` | rate-limited | the receiver asks for a pause |
//! | 408, 425, 429, 5xx | transient | the receiver says it may work later |
//! | 3xx, 401, 403, 404, 410 | channel broken | the URL or the key is wrong for every event |
//! | 405, 406, 411, 415, 421, 426, 431 | channel broken | the route takes no event like ours: method, headers, protocol |
//! | other 4xx | refused | this event will never be taken |
//! | refused address | channel broken | the configuration must change |
//! | no connection | transient | nothing was sent |
//! | anything after that | outcome unknown | the event may have been taken |

use std::error::Error as _;
use std::time::Duration;

use chrono::DateTime;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use url::Url;

use super::target::Refused;
use crate::domain::{FailureClass, Timestamp, scrub};
use crate::ports::{Receipt, SendError};

/// The longest text about an answer that is stored.
const MAX_DETAIL_CHARS: usize = 200;

/// Decides on an answer by its status.
pub(super) fn of_status(
    url: &Url,
    status: StatusCode,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Receipt, SendError> {
    let class = match status.as_u16() {
        200..=299 => return Ok(Receipt { detail: format!("HTTP {}", status.as_u16()) }),
        429 | 503 => retry_after(headers, now).map_or(FailureClass::Transient, FailureClass::RateLimited),
        408 | 425 | 500..=599 => FailureClass::Transient,
        // RFC 9110, section 15.5, and RFC 6585: none of these says anything about one event.
        300..=399 | 401 | 403..=406 | 410 | 411 | 415 | 421 | 426 | 431 => FailureClass::ChannelBroken,
        400..=499 => FailureClass::Refused,
        // A final answer below 200 or above 599 is no HTTP; who knows what became of the event.
        _ => FailureClass::OutcomeUnknown,
    };
    let hint = if status.is_redirection() { "; redirects are not followed, configure the final URL" } else { "" };
    Err(failed(url, class, &format!("HTTP {}{hint}", status.as_u16())))
}

/// Decides on an exchange without an answer.
pub(super) fn of_error(url: &Url, error: reqwest::Error) -> SendError {
    // The client's own words repeat the URL.
    let error = error.without_url();
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(refused) = cause.downcast_ref::<Refused>() {
            return failed(url, FailureClass::ChannelBroken, &refused.to_string());
        }
        source = cause.source();
    }
    if error.is_connect() {
        let what = if error.is_timeout() { "no connection in time" } else { "no connection" };
        return failed(url, FailureClass::Transient, &format!("{what}{}", innermost(&error)));
    }
    if error.is_builder() {
        return failed(url, FailureClass::ChannelBroken, "the request cannot be built");
    }
    let what = if error.is_timeout() { "no answer in time" } else { "the connection broke before an answer" };
    failed(url, FailureClass::OutcomeUnknown, what)
}

/// A failure that names the host and nothing else of the URL: paths and queries of webhook URLs are secrets.
pub(super) fn failed(url: &Url, class: FailureClass, what: &str) -> SendError {
    let host = url.host_str().unwrap_or("the endpoint");
    SendError { class, detail: scrub(&format!("{host}: {what}"), MAX_DETAIL_CHARS) }
}

/// The root cause in brackets: "Connection refused", "invalid peer certificate", never the URL.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    while let Some(deeper) = cause.and_then(|cause| cause.source()) {
        cause = Some(deeper);
    }
    cause.map(|cause| format!(" ({cause})")).unwrap_or_default()
}

/// `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3). A date in the past is no pause.
/// The retry schedule bounds what comes of it.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let until = DateTime::parse_from_rfc2822(text).ok()?;
    until.signed_duration_since(now).to_std().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::from_millis;

    fn answer(status: u16, retry_after: Option<&str>) -> Result<Receipt, SendError> {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(RETRY_AFTER, value.parse().unwrap());
        }
        let url = Url::parse("https://hooks.example.com/secret").unwrap();
        // 2015-10-21T07:27:00Z
        of_status(&url, StatusCode::from_u16(status).unwrap(), &headers, from_millis(1_445_412_420_000))
    }

    #[test]
    fn every_status_has_its_class() {
        use FailureClass::{ChannelBroken, OutcomeUnknown, RateLimited, Refused, Transient};
        let seconds = |n| RateLimited(Duration::from_secs(n));
        for (status, retry_after, class) in [
            (301, None, ChannelBroken),
            (304, None, ChannelBroken),
            (307, Some("5"), ChannelBroken),
            (400, None, Refused),
            (401, None, ChannelBroken),
            (403, None, ChannelBroken),
            (404, None, ChannelBroken),
            (402, None, Refused),
            (405, None, ChannelBroken),
            (406, None, ChannelBroken),
            (408, None, Transient),
            (409, None, Refused),
            (410, None, ChannelBroken),
            (411, None, ChannelBroken),
            (413, None, Refused),
            (415, None, ChannelBroken),
            (421, None, ChannelBroken),
            (422, None, Refused),
            (425, None, Transient),
            (426, None, ChannelBroken),
            (429, None, Transient),
            (429, Some("7"), seconds(7)),
            (431, None, ChannelBroken),
            (451, None, Refused),
            (429, Some(" 0 "), seconds(0)),
            (429, Some("soon"), Transient),
            (429, Some("-5"), Transient),
            (429, Some("99999999999"), Transient),
            (500, Some("9"), Transient),
            (502, None, Transient),
            (503, None, Transient),
            (503, Some("Wed, 21 Oct 2015 07:28:00 GMT"), seconds(60)),
            (503, Some("Wed, 21 Oct 2015 07:26:00 GMT"), Transient),
            (504, None, Transient),
            (599, None, Transient),
            (600, None, OutcomeUnknown),
        ] {
            let error = answer(status, retry_after).unwrap_err();
            assert_eq!(error.class, class, "{status} {retry_after:?}");
            assert!(error.detail.starts_with(&format!("hooks.example.com: HTTP {status}")), "{error}");
            assert!(!error.detail.contains("secret"), "{error}");
        }
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(answer(status, None).unwrap().detail, format!("HTTP {status}"));
        }
    }
}
