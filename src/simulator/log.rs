//! What was asked: the newest requests, how many there were, and how many at once.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::domain::Timestamp;

/// How many requests are remembered: enough to inspect any test, about 4 MB at 50 ids per request.
const REMEMBERED: usize = 4096;

/// One API request as it arrived. The key is never kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedRequest {
    /// When, on the simulator's clock.
    pub at: Timestamp,
    /// `GET`, …
    pub method: String,
    /// Without the query.
    pub path: String,
    /// The query's names and values, decoded, in order.
    pub query: Vec<(String, String)>,
    /// The header `user-agent`.
    pub user_agent: Option<String>,
    /// The header `x-request-id`.
    pub request_id: Option<String>,
}

impl RecordedRequest {
    /// The first value of a query name.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
pub(super) struct RequestLog {
    newest: Mutex<VecDeque<RecordedRequest>>,
    count: AtomicU64,
    in_flight: AtomicU64,
    most_in_flight: AtomicU64,
}

/// Counts a request as being answered until it is dropped.
pub(super) struct InFlight<'a>(&'a RequestLog);

impl RequestLog {
    pub(super) fn record(&self, request: RecordedRequest) -> InFlight<'_> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.len() == REMEMBERED {
            newest.pop_front();
        }
        newest.push_back(request);
        self.count.fetch_add(1, Ordering::SeqCst);
        let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_in_flight.fetch_max(now, Ordering::SeqCst);
        InFlight(self)
    }

    pub(super) fn requests(&self) -> Vec<RecordedRequest> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    pub(super) fn most_in_flight(&self) -> u64 {
        self.most_in_flight.load(Ordering::SeqCst)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}
