//! Reads a refusal: an HTTP status and a body of unknown shape become a final error or a reason to try again.
//!
//! Bodies come as `{"error":{…}}`, `{"error":"text"}`, bare `{"message":…}` or `{"code":…,"slug":…}`, or as a
//! proxy's HTML (contract, section 4). Only a slug or code survives, and only if it looks like one: messages
//! are somebody else's text and may quote ids or tokens.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

use crate::ports::ProviderError;

/// How one attempt failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// Trying again cannot help.
    Final(ProviderError),
    /// Trying again may help.
    Transient(Transient),
}

/// A failure that may pass.
#[derive(Debug)]
pub(super) struct Transient {
    pub kind: TransientKind,
    /// A few words for the last error; no body, no id.
    pub what: String,
    /// What the answer's headers asked to wait.
    pub retry_after: Option<Duration>,
    /// The answer said `x-should-retry: false`.
    pub forbidden: bool,
    /// Our `x-request-id` of the attempt; the provider's support asks for it.
    pub request_id: String,
}

impl Transient {
    /// The provider's limit is what must be waited for: it said 429, or how long to wait.
    pub fn is_limited(&self) -> bool {
        self.kind == TransientKind::Throttled || self.retry_after.is_some()
    }
}

/// What kind of failure it was; decides how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TransientKind {
    /// 429.
    Throttled,
    /// 408 and 5xx except 501.
    Server,
    /// No connection, or it ended early.
    Transport,
    /// No whole answer in time.
    TimedOut,
}

impl TransientKind {
    /// The word in logs.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Server => "server",
            Self::Transport => "transport",
            Self::TimedOut => "timed_out",
        }
    }
}

/// What a status other than 2xx means: none for one that may pass, see [`transient_kind`].
pub(super) fn final_error(status: StatusCode, body: &[u8]) -> ProviderError {
    let detail = detail(body);
    match status.as_u16() {
        401 | 403 => ProviderError::Unauthorized { status: status.as_u16(), detail },
        410 => ProviderError::Gone,
        code @ (400..=499 | 501) => ProviderError::Rejected { status: code, detail },
        code if status.is_redirection() => ProviderError::Malformed(format!("HTTP {code}: redirects are not followed")),
        code => ProviderError::Malformed(format!("unexpected HTTP {code}")),
    }
}

/// The kind of a status that may pass (contract, section 9, RETRY); 501 says "never".
pub(super) fn transient_kind(status: StatusCode) -> Option<TransientKind> {
    match status.as_u16() {
        429 => Some(TransientKind::Throttled),
        501 => None,
        408 | 500..=599 => Some(TransientKind::Server),
        _ => None,
    }
}

/// ` [slug]` or ` [code]` of an error body, or nothing.
pub(super) fn detail(body: &[u8]) -> String {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return String::new() };
    let envelope = body.get("error").filter(|error| error.is_object()).unwrap_or(&body);
    ["slug", "code", "error_code"]
        .iter()
        .find_map(|name| envelope.get(name).and_then(word))
        .map_or_else(String::new, |word| format!(" [{word}]"))
}

/// Long enough for every slug seen (`ToolRouterV2_InvalidConnectedAccountIds` has 39), too short for most tokens.
const LONGEST_SLUG: usize = 48;

fn word(value: &Value) -> Option<String> {
    let word = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (plain && !word.is_empty() && word.len() <= LONGEST_SLUG).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_slug_or_code_survives_of_a_body() {
        for (body, expected) in [
            (r#"{"error":{"message":"m","code":4306,"slug":"Tool_Bad","status":400}}"#, " [Tool_Bad]"),
            (r#"{"error":{"message":"m","code":"BadRequest"}}"#, " [BadRequest]"),
            (r#"{"error":{"message":"m","code":4306}}"#, " [4306]"),
            (r#"{"error":"no longer available, sk-123"}"#, ""),
            (r#"{"message":"Rate limit exceeded"}"#, ""),
            (r#"{"code":10429,"slug":"HTTP_TooManyRequests"}"#, " [HTTP_TooManyRequests]"),
            (r#"{"slug":"user a@b.c"}"#, ""),
            (r#"{"slug":"","code":7}"#, " [7]"),
            ("<!DOCTYPE html>", ""),
            ("[1]", ""),
            ("", ""),
        ] {
            assert_eq!(detail(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn statuses_are_final_or_may_pass() {
        let class = |code: u16| {
            let status = StatusCode::from_u16(code).unwrap();
            transient_kind(status).map_or_else(|| final_error(status, b"").to_string(), |kind| kind.class().to_owned())
        };
        for (code, expected) in [
            (302, "redirects are not followed"),
            (304, "redirects are not followed"),
            (400, "rejected"),
            (401, "refused the API key"),
            (403, "refused the API key"),
            (404, "rejected"),
            (408, "server"),
            (409, "rejected"),
            (410, "upgrade"),
            (413, "rejected"),
            (422, "rejected"),
            (429, "throttled"),
            (500, "server"),
            (501, "rejected"),
            (503, "server"),
            (599, "server"),
        ] {
            assert!(class(code).contains(expected), "{code}: {}", class(code));
        }
    }
}
