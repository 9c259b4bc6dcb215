//! Turns one failed attempt into its class and a few safe words.
//!
//! Nothing of an answer but its status and a slug or code made of harmless characters gets through: message
//! texts and bodies may quote a request or a credential, and a transport error names the URL with its ids.

use std::error::Error as _;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

use crate::ports::ProviderError;

/// One attempt failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) kind: FailureKind,
    pub(super) again: Again,
}

#[derive(Debug)]
pub(super) enum FailureKind {
    /// Says already what the caller will be told.
    Final(ProviderError),
    /// 408, 429, 5xx, a dropped connection.
    Unavailable(String),
    /// No whole answer in time.
    TimedOut,
    /// A 2xx that is no JSON: the page of a proxy, a body cut short.
    Unreadable(String),
}

/// Whether the attempt is worth repeating.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// No.
    No,
    /// After this request's own exponential wait.
    AfterBackoff,
    /// The limiter was told to pause everybody; its next permit is the right moment.
    WhenPermitted,
}

impl Failure {
    pub(super) fn is_final(error: ProviderError) -> Self {
        Self { kind: FailureKind::Final(error), again: Again::No }
    }

    pub(super) fn transient(what: String) -> Self {
        Self { kind: FailureKind::Unavailable(what), again: Again::AfterBackoff }
    }

    pub(super) fn throttled(what: String) -> Self {
        Self { kind: FailureKind::Unavailable(what), again: Again::WhenPermitted }
    }

    pub(super) fn unreadable(what: &str) -> Self {
        Self { kind: FailureKind::Unreadable(what.to_owned()), again: Again::AfterBackoff }
    }

    /// A request about several users that ran out of time is too big; asking again would only take as
    /// long. About one user it may just have been a bad moment.
    pub(super) fn timed_out(users: usize) -> Self {
        let again = if users > 1 { Again::No } else { Again::AfterBackoff };
        Self { kind: FailureKind::TimedOut, again }
    }

    /// A few safe words for the log.
    pub(super) fn words(&self) -> String {
        match &self.kind {
            FailureKind::Final(error) => error.to_string(),
            FailureKind::Unavailable(what) | FailureKind::Unreadable(what) => what.clone(),
            FailureKind::TimedOut => "no answer in time".to_owned(),
        }
    }

    /// What the caller is told once no attempt is left.
    pub(super) fn given_up(self, attempts: u32, timeout: Duration) -> ProviderError {
        match self.kind {
            FailureKind::Final(error) => error,
            FailureKind::Unavailable(last) => ProviderError::Unavailable { attempts, last },
            FailureKind::TimedOut => ProviderError::TimedOut(timeout),
            FailureKind::Unreadable(what) => ProviderError::Malformed(what),
        }
    }
}

/// The class of an answer that is not 2xx (contract, section 4). `users` is how many were asked about.
pub(super) fn of_status(status: StatusCode, body: &[u8], users: usize) -> Failure {
    let detail = detail(body);
    let code = status.as_u16();
    match code {
        401 | 403 => Failure::is_final(ProviderError::Unauthorized { status: code, detail }),
        410 => Failure::is_final(ProviderError::Gone),
        // A gateway gave up waiting for the provider (524 is Cloudflare's word for it): a timeout.
        504 | 524 if users > 1 => Failure::timed_out(users),
        // "Not supported" does not become supported by asking again.
        501 => Failure::is_final(ProviderError::Rejected { status: code, detail }),
        429 => Failure::throttled(format!("HTTP 429{detail}")),
        408 | 500..=599 => Failure::transient(format!("HTTP {code}{detail}")),
        300..=399 => {
            Failure::is_final(ProviderError::Rejected { status: code, detail: " [redirect, not followed]".to_owned() })
        }
        _ => Failure::is_final(ProviderError::Rejected { status: code, detail }),
    }
}

/// The class of a request that got no answer, in words that hold no URL.
pub(super) fn of_transport(error: &reqwest::Error, users: usize) -> Failure {
    if error.is_timeout() && !error.is_connect() {
        return Failure::timed_out(users);
    }
    let doing = if error.is_connect() {
        "connecting failed"
    } else if error.is_body() || error.is_decode() {
        "the answer was cut short"
    } else {
        "the request failed"
    };
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return Failure::transient(format!("{doing}: {}", io.kind()));
        }
        source = inner.source();
    }
    Failure::transient(doing.to_owned())
}

/// The provider's slug, else its code, as ` [slug]`; empty where there is none. The envelope comes in
/// several shapes (contract, section 4): `error` as object or text, everything at the top, or no JSON.
fn detail(body: &[u8]) -> String {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return String::new() };
    ["/error/slug", "/slug", "/error/code", "/error/error_code", "/code"]
        .into_iter()
        .filter_map(|path| body.pointer(path))
        .find_map(harmless_word)
        .map(|word| format!(" [{word}]"))
        .unwrap_or_default()
}

/// The longest slug seen is 38 characters; anything longer is no slug.
const MAX_WORD_CHARS: usize = 64;

fn harmless_word(value: &Value) -> Option<String> {
    let word = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (!word.is_empty() && word.len() <= MAX_WORD_CHARS && word.chars().all(harmless)).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_slugs_and_codes_survive_from_an_error_body() {
        for (body, kept) in [
            (
                r#"{"error":{"message":"no ak_live_1","code":4306,"slug":"ToolRouterV2_Invalid","status":400}}"#,
                " [ToolRouterV2_Invalid]",
            ),
            (r#"{"error":{"message":"m","code":600}}"#, " [600]"),
            (r#"{"error":{"code":"BadRequest"}}"#, " [BadRequest]"),
            (r#"{"error":"This endpoint is no longer available. Please upgrade to v3 APIs."}"#, ""),
            (r#"{"message":"Rate limit exceeded"}"#, ""),
            (r#"{"code":10429,"slug":"HTTP_TooManyRequests"}"#, " [HTTP_TooManyRequests]"),
            (r#"{"slug":"bob@example.com is wrong","code":7}"#, " [7]"),
            (r#"["slug"]"#, ""),
            ("<html>502</html>", ""),
            ("", ""),
        ] {
            assert_eq!(detail(body.as_bytes()), kept, "{body}");
        }
    }

    #[test]
    fn every_status_has_its_class() {
        use Again::{AfterBackoff, No, WhenPermitted};
        for (status, users, again, said) in [
            (400, 3, No, "rejected the request (HTTP 400)"),
            (401, 3, No, "refused the API key (HTTP 401)"),
            (403, 1, No, "refused the API key (HTTP 403)"),
            (404, 1, No, "rejected the request (HTTP 404)"),
            (408, 3, AfterBackoff, "unavailable after 5 attempts (HTTP 408)"),
            (409, 1, No, "rejected the request (HTTP 409)"),
            (410, 1, No, "no longer serves this API version"),
            (413, 3, No, "rejected the request (HTTP 413)"),
            (414, 3, No, "rejected the request (HTTP 414)"),
            (422, 3, No, "rejected the request (HTTP 422)"),
            (429, 1, WhenPermitted, "unavailable after 5 attempts (HTTP 429)"),
            (302, 1, No, "rejected the request (HTTP 302 [redirect, not followed])"),
            (500, 1, AfterBackoff, "unavailable after 5 attempts (HTTP 500)"),
            (501, 1, No, "rejected the request (HTTP 501)"),
            (503, 3, AfterBackoff, "unavailable after 5 attempts (HTTP 503)"),
            (504, 1, AfterBackoff, "unavailable after 5 attempts (HTTP 504)"),
            (504, 3, No, "did not answer within 1s"),
            (524, 3, No, "did not answer within 1s"),
        ] {
            let failure = of_status(StatusCode::from_u16(status).unwrap(), b"", users);
            assert_eq!(failure.again, again, "{status}");
            let told = failure.given_up(5, Duration::from_secs(1)).to_string();
            assert!(told.contains(said), "{status}: {told}");
        }
    }
}
