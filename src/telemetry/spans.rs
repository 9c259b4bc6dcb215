//! The spans of a trace, in one place: run ─▶ page ─▶ request, and run ─▶ delivery ─▶ request.
//!
//! Their plain fields are also on every log line written inside them, under the names log lines use; fields with a dot
//! are attributes of OpenTelemetry and on no line. Nothing here holds a secret or an address: user ids are as log lines
//! show them, those that look like addresses masked. Their level is `error` so that no `[log] level` takes the fields off
//! the lines; a span itself writes nothing.

use tracing::Span;
use tracing::field::Empty;

use super::metrics::RequestOutcome;
use crate::domain::{ChannelName, DeliveryId, JobName, NotificationId, RunId, UserId};

/// The names of the spans.
pub const NAMES: [&str; 4] = ["run", "page", "request", "delivery"];

/// One run of a job, from taking the right to run to its summary.
pub fn run(run: &RunId, job: JobName) -> Span {
    tracing::error_span!("run", run_id = %run, job = job.code(), otel.status_code = Empty)
}

/// Asking the provider about one page of users. `number` counts from 1 within the run's process.
pub fn page(number: u64, users: usize) -> Span {
    tracing::error_span!("page", page = number, users_asked = users)
}

/// One HTTP request to the provider; [`request_ended`] fills in the rest.
pub fn request(request_id: &str, attempt: u32) -> Span {
    tracing::error_span!(
        "request",
        request_id,
        attempt,
        outcome = Empty,
        otel.kind = "client",
        otel.status_code = Empty,
        http.request.method = "GET",
    )
}

/// What came of a request.
pub fn request_ended(span: &Span, outcome: RequestOutcome) {
    span.record("outcome", outcome.code());
    if outcome != RequestOutcome::Ok {
        span.record("otel.status_code", "ERROR");
    }
}

/// The run failed.
pub fn run_failed(span: &Span) {
    span.record("otel.status_code", "ERROR");
}

/// One attempt of a delivery, from its lease to its settlement.
pub fn delivery(
    delivery: &DeliveryId,
    notification: &NotificationId,
    channel: &ChannelName,
    user: &UserId,
    attempt: u32,
) -> Span {
    tracing::error_span!(
        "delivery",
        delivery_id = %delivery,
        notification_id = %notification,
        channel = %channel,
        user = %user,
        attempt,
        otel.kind = "producer",
    )
}
