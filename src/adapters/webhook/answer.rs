//! Turns what an endpoint answered, or the way the exchange failed, into a receipt or a failure class.
//!
//! | Answer | Class | Because |
//! |---|---|---|
//! | 2xx | done | |
//! | 408, 425, 429, 5xx | transient | the receiver says it may work later |
//! | the same with `Retry-After` | rate-limited | it says when; seconds or a date, from now to 24 h |
//! | 3xx | channel broken | the URL is wrong for every event; redirects are not followed |
//! | 410 | endpoint gone | the receiver wants nothing more (Standard Webhooks, "Delivery success and failure") |
//! | other 4xx | declined | this request is not taken; a few tries, because a deployment may be under way |
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

/// No receiver puts an event off for longer: a day later people should have been told.
const LONGEST_PAUSE: Duration = Duration::from_hours(24);

/// Decides on an answer by its status.
pub(super) fn of_status(
    url: &Url,
    status: StatusCode,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Receipt, SendError> {
    let class = match status.as_u16() {
        200..=299 => return Ok(Receipt { detail: format!("HTTP {}", status.as_u16()) }),
        408 | 425 | 429 | 500..=599 => {
            retry_after(headers, now).map_or(FailureClass::Transient, FailureClass::RateLimited)
        }
        300..=399 => FailureClass::ChannelBroken,
        410 => FailureClass::EndpointGone,
        400..=499 => FailureClass::Declined,
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

/// `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3), within 0 s and [`LONGEST_PAUSE`]: a date in the
/// past asks for no pause. None where there is no such field or it cannot be read.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let asked = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than fit are a longer pause than any.
        text.parse().map_or(LONGEST_PAUSE, Duration::from_secs)
    } else {
        let until = DateTime::parse_from_rfc2822(text).ok()?;
        until.signed_duration_since(now).to_std().unwrap_or_default()
    };
    Some(asked.min(LONGEST_PAUSE))
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
        use FailureClass::{ChannelBroken, Declined, EndpointGone, OutcomeUnknown, RateLimited, Transient};
        let seconds = |n| RateLimited(Duration::from_secs(n));
        for (status, retry_after, class) in [
            (300, None, ChannelBroken),
            (301, None, ChannelBroken),
            (302, None, ChannelBroken),
            (303, None, ChannelBroken),
            (304, None, ChannelBroken),
            (307, None, ChannelBroken),
            (308, None, ChannelBroken),
            (399, None, ChannelBroken),
            (307, Some("5"), ChannelBroken),
            (400, None, Declined),
            (401, None, Declined),
            (402, None, Declined),
            (403, None, Declined),
            (404, None, Declined),
            (405, None, Declined),
            (406, None, Declined),
            (407, None, Declined),
            (409, None, Declined),
            (410, None, EndpointGone),
            (410, Some("60"), EndpointGone),
            (411, None, Declined),
            (412, None, Declined),
            (413, None, Declined),
            (414, None, Declined),
            (415, None, Declined),
            (416, None, Declined),
            (417, None, Declined),
            (418, None, Declined),
            (421, None, Declined),
            (422, None, Declined),
            (423, None, Declined),
            (424, None, Declined),
            (426, None, Declined),
            (428, None, Declined),
            (431, None, Declined),
            (451, None, Declined),
            (499, None, Declined),
            (404, Some("60"), Declined),
            (408, None, Transient),
            (425, None, Transient),
            (429, None, Transient),
            (500, None, Transient),
            (501, None, Transient),
            (502, None, Transient),
            (503, None, Transient),
            (504, None, Transient),
            (507, None, Transient),
            (511, None, Transient),
            (599, None, Transient),
            (408, Some("7"), seconds(7)),
            (425, Some("7"), seconds(7)),
            (429, Some("7"), seconds(7)),
            (500, Some("7"), seconds(7)),
            (502, Some("7"), seconds(7)),
            (503, Some("7"), seconds(7)),
            (504, Some("7"), seconds(7)),
            (599, Some("7"), seconds(7)),
            (503, Some("0"), seconds(0)),
            (503, Some(" 0 "), seconds(0)),
            (503, Some("86400"), seconds(86_400)),
            (503, Some("86401"), seconds(86_400)),
            (503, Some("99999999999"), seconds(86_400)),
            (503, Some("99999999999999999999999999"), seconds(86_400)),
            (503, Some("soon"), Transient),
            (503, Some("-5"), Transient),
            (503, Some("+5"), Transient),
            (503, Some("1.5"), Transient),
            (503, Some(""), Transient),
            (503, Some("Wed, 21 Oct 2015 07:28:00 GMT"), seconds(60)),
            (503, Some("Wed, 21 Oct 2015 07:26:00 GMT"), seconds(0)),
            (503, Some("Wed, 21 Oct 2099 07:28:00 GMT"), seconds(86_400)),
            (503, Some("21 October"), Transient),
            (600, None, OutcomeUnknown),
            (999, None, OutcomeUnknown),
            (199, None, OutcomeUnknown),
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
