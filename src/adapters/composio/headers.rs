//! Reads the few response headers that change what is done next. Names and forms: contract, section 4.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::domain::Timestamp;

/// The organisation's rate budget as one answer stated it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget {
    /// Requests allowed per window.
    pub(super) limit: u32,
    /// Requests left in this window.
    pub(super) remaining: u32,
    /// Length of the window.
    pub(super) window: Duration,
}

/// The window of the current plans, where the header is missing or odd.
const USUAL_WINDOW: Duration = Duration::from_mins(1);

/// The budget, where both numbers are given.
pub(super) fn budget(headers: &HeaderMap) -> Option<Budget> {
    let number = |name| text(headers, name)?.parse::<u32>().ok();
    Some(Budget {
        limit: number("x-ratelimit")?,
        remaining: number("x-ratelimit-remaining")?,
        window: text(headers, "x-ratelimit-window-size").and_then(window).unwrap_or(USUAL_WINDOW),
    })
}

/// `retry-after-ms`, else `Retry-After` in seconds or as an HTTP date, which counts from `now`. Not capped.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let millis = text(headers, "retry-after-ms").and_then(|ms| ms.parse().ok()).map(Duration::from_millis);
    millis.or_else(|| {
        let value = text(headers, RETRY_AFTER.as_str())?;
        let seconds = value.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        seconds.or_else(|| {
            let at = chrono::DateTime::parse_from_rfc2822(value).ok()?;
            Some((at.to_utc() - now).to_std().unwrap_or_default())
        })
    })
}

/// The provider says that repeating is pointless.
pub(super) fn forbids_retry(headers: &HeaderMap) -> bool {
    text(headers, "x-should-retry").is_some_and(|value| value.eq_ignore_ascii_case("false"))
}

/// The announced end of the endpoint (RFC 9745, RFC 8594): `Deprecation` and `Sunset`, where given, at most 64
/// characters of each.
pub(super) fn deprecation(headers: &HeaderMap) -> Option<String> {
    let said: Vec<String> = ["deprecation", "sunset"]
        .into_iter()
        .filter_map(|name| Some(format!("{name}: {:.64}", text(headers, name)?)))
        .collect();
    (!said.is_empty()).then(|| said.join(", "))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// `60s`, `60`, `1m`.
fn window(value: &str) -> Option<Duration> {
    let parsed = value.parse().ok().map(Duration::from_secs).or_else(|| humantime::parse_duration(value).ok());
    parsed.filter(|window| !window.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::from_millis;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn budgets_need_both_numbers() {
        let seconds = |limit, remaining, s| Some(Budget { limit, remaining, window: Duration::from_secs(s) });
        for (pairs, expected) in [
            (vec![("x-ratelimit", "2000"), ("x-ratelimit-remaining", "3")], seconds(2000, 3, 60)),
            (
                vec![("x-ratelimit", "2"), ("x-ratelimit-remaining", "3"), ("x-ratelimit-window-size", "600s")],
                seconds(2, 3, 600),
            ),
            (
                vec![("x-ratelimit", "2"), ("x-ratelimit-remaining", "3"), ("x-ratelimit-window-size", "10")],
                seconds(2, 3, 10),
            ),
            (
                vec![("x-ratelimit", "2"), ("x-ratelimit-remaining", "3"), ("x-ratelimit-window-size", "0s")],
                seconds(2, 3, 60),
            ),
            (vec![("x-ratelimit", "2000")], None),
            (vec![("x-ratelimit", "many"), ("x-ratelimit-remaining", "3")], None),
            (vec![], None),
        ] {
            assert_eq!(budget(&headers(&pairs)), expected, "{pairs:?}");
        }
    }

    #[test]
    fn pauses_come_in_three_forms() {
        let now = from_millis(784_111_777_000); // Sun, 06 Nov 1994 08:49:37 GMT
        for (pairs, ms) in [
            (vec![("retry-after", "7")], Some(7_000)),
            (vec![("retry-after", "0.5")], Some(500)),
            (vec![("retry-after-ms", "250"), ("retry-after", "7")], Some(250)),
            (vec![("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT")], Some(10_000)),
            (vec![("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")], Some(0)),
            (vec![("retry-after", "-5")], None),
            (vec![("retry-after", "soon")], None),
            (vec![], None),
        ] {
            assert_eq!(retry_after(&headers(&pairs), now), ms.map(Duration::from_millis), "{pairs:?}");
        }
    }

    #[test]
    fn notices_of_the_end_are_read() {
        assert_eq!(deprecation(&headers(&[])), None);
        let both = headers(&[("deprecation", "@1688169599"), ("sunset", "Sun, 30 Jun 2027 23:59:59 GMT")]);
        let said = "deprecation: @1688169599, sunset: Sun, 30 Jun 2027 23:59:59 GMT";
        assert_eq!(deprecation(&both).as_deref(), Some(said));
    }
}
