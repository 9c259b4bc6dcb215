//! Turns what an endpoint answered to a POST, or the way the exchange failed, into a receipt or a failure class; for
//! webhooks and for the operator's channel.
//!
//! | Answer | Class | Because |
//! |---|---|---|
//! | 2xx | done | |
//! | 408, 425, 429, 5xx | transient | the receiver says it may work later |
//! | the same with `Retry-After` | rate-limited | it says when; seconds or a date, from now to 24 h |
//! | 3xx | channel broken | the URL is wrong for every event; redirects are not followed |
//! | 410 | endpoint gone | the receiver wants nothing more (Standard Webhooks, "Delivery success and failure") |
//! | other 4xx | declined | this request is not taken; a few tries, because a deployment may be under way |
//! | no connection | transient | nothing was sent |
//! | anything after that | outcome unknown | the event may have been taken |

use std::error::Error as _;
use std::time::Duration;

use chrono::DateTime;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use url::Url;

use crate::domain::{FailureClass, Timestamp, scrub};
use crate::ports::{Receipt, SendError};

/// The longest text about an answer that is stored.
const MAX_DETAIL_CHARS: usize = 200;

/// No receiver puts an event off for longer: a day later people should have been told.
const LONGEST_PAUSE: Duration = Duration::from_hours(24);

/// Decides on an answer by its status.
pub(in crate::adapters) fn of_status(
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
pub(in crate::adapters) fn of_error(url: &Url, error: reqwest::Error) -> SendError {
    // The client's own words repeat the URL.
    let error = error.without_url();
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
pub(in crate::adapters) fn failed(url: &Url, class: FailureClass, what: &str) -> SendError {
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

    fn check(status: u16, retry_after: Option<&str>, class: FailureClass) {
        let error = answer(status, retry_after).unwrap_err();
        assert_eq!(error.class, class, "{status} {retry_after:?}");
        assert!(error.detail.starts_with(&format!("hooks.example.com: HTTP {status}")), "{error}");
        assert!(!error.detail.contains("secret"), "{error}");
    }

    #[test]
    fn every_status_has_its_class() {
        use FailureClass::{ChannelBroken, Declined, EndpointGone, OutcomeUnknown, RateLimited, Transient};
        let retried = [408, 425, 429].into_iter().chain(500..=599);
        let transient: Vec<u16> = retried.collect();
        for status in 100..=999_u16 {
            if (200..=299).contains(&status) {
                assert_eq!(answer(status, Some("7")).unwrap().detail, format!("HTTP {status}"));
                continue;
            }
            let (class, with_pause) = match status {
                _ if transient.contains(&status) => (Transient, RateLimited(Duration::from_secs(7))),
                410 => (EndpointGone, EndpointGone),
                300..=399 => (ChannelBroken, ChannelBroken),
                400..=499 => (Declined, Declined),
                _ => (OutcomeUnknown, OutcomeUnknown),
            };
            check(status, None, class);
            check(status, Some("7"), with_pause);
        }
        // Those that receivers are told of, once more by name.
        for (status, class) in [
            (301, ChannelBroken),
            (308, ChannelBroken),
            (400, Declined),
            (401, Declined),
            (403, Declined),
            (404, Declined),
            (422, Declined),
            (410, EndpointGone),
            (408, Transient),
            (425, Transient),
            (429, Transient),
            (500, Transient),
            (502, Transient),
            (503, Transient),
            (504, Transient),
        ] {
            check(status, None, class);
        }
    }

    #[test]
    fn a_pause_is_seconds_or_a_date_from_now_to_a_day() {
        let day = 86_400;
        for (text, seconds) in [
            ("0", Some(0)),
            (" 0 ", Some(0)),
            ("90", Some(90)),
            ("86400", Some(day)),
            ("86401", Some(day)),
            ("99999999999", Some(day)),
            ("99999999999999999999999999", Some(day)),
            // It is 07:27:00.
            ("Wed, 21 Oct 2015 07:28:00 GMT", Some(60)),
            ("Wed, 21 Oct 2015 07:26:00 GMT", Some(0)),
            ("Thu, 21 Oct 2055 07:28:00 GMT", Some(day)),
            ("soon", None),
            ("-5", None),
            ("+5", None),
            ("1.5", None),
            ("", None),
            ("21 October", None),
        ] {
            let class = seconds.map_or(FailureClass::Transient, |n| FailureClass::RateLimited(Duration::from_secs(n)));
            check(503, Some(text), class);
        }
    }
}
