//! That people opened their links: noted beside the request, written down later.
//!
//! Fetching a page has no side effect at all: most scanners, previews and programs do no more. A browser that a person
//! sent there says so of itself (Fetch Metadata, W3C: `Sec-Fetch-Mode: navigate`, `Sec-Fetch-Dest: document`,
//! `Sec-Fetch-User: ?1`), and such a look alone is counted; a safe method may be (RFC 9110, section 9.2.1). What is
//! counted is an estimate: a scanner that drives a whole browser says the same and is counted as a person, and not every
//! browser says it after every click.
//!
//! Guarantees: no request waits for it, and memory is bounded: what finds no room is not counted. A stop writes down what
//! was noted; a crash loses the last second of it.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::{HeaderMap, Method};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::domain::{LinkId, Timestamp, causes};
use crate::store::{Store, StoreError};
use crate::telemetry::events;

/// Noted and not yet written down, some 50 kB. 20 requests a second of one client are answered; a thousand people a
/// second click nowhere.
const ROOM: usize = 1_024;

/// Between two writes: one transaction a second at most, however many people click.
const PAUSE: Duration = Duration::from_secs(1);

/// How long one write may take.
pub(super) const WRITE_LIMIT: Duration = Duration::from_secs(3);

/// Where looks are noted.
pub(super) struct Tally(mpsc::Sender<(LinkId, Timestamp)>);

/// Writes down what was noted.
pub(super) struct TallyWriter {
    noted: mpsc::Receiver<(LinkId, Timestamp)>,
    store: Store,
}

/// Both ends.
pub(super) fn tally(store: Store) -> (Tally, TallyWriter) {
    let (sender, noted) = mpsc::channel(ROOM);
    (Tally(sender), TallyWriter { noted, store })
}

impl Tally {
    /// Notes that a link was opened, where there is room.
    pub(super) fn note(&self, link: LinkId, at: Timestamp) {
        self.0.try_send((link, at)).ok(); // Full: it is not counted, as the module says.
    }
}

/// Whether a browser says that a person sent it to this page, and not ahead of time; whoever drives one says so, too.
pub(super) fn is_a_persons(method: &Method, headers: &HeaderMap) -> bool {
    let says = |name: &str, word: &str| headers.get(name).is_some_and(|value| value.as_bytes() == word.as_bytes());
    *method == Method::GET
        && says("sec-fetch-mode", "navigate")
        && says("sec-fetch-dest", "document")
        && says("sec-fetch-user", "?1")
        && !headers.contains_key("sec-purpose")
}

impl TallyWriter {
    /// Writes down what is noted until `ended`, and then the rest.
    pub(super) async fn run(mut self, ended: &CancellationToken) {
        let (mut found, mut failing) = (Vec::new(), false);
        loop {
            // What could not be written is tried again; meanwhile the channel fills and drops.
            if found.is_empty() {
                tokio::select! {
                    biased;
                    () = ended.cancelled() => break,
                    noted = self.noted.recv_many(&mut found, ROOM) => if noted == 0 { break },
                }
            }
            self.write(&mut found, &mut failing).await;
            tokio::select! {
                () = ended.cancelled() => break,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        while let Ok(one) = self.noted.try_recv() {
            found.push(one);
        }
        self.write(&mut found, &mut failing).await;
    }

    /// Writes down what was found, and empties it; keeps it where that fails, which is said once.
    async fn write(&self, found: &mut Vec<(LinkId, Timestamp)>, failing: &mut bool) {
        if found.is_empty() {
            return;
        }
        let mut first = BTreeMap::new();
        for (link, at) in found.iter() {
            first.entry(*link).and_modify(|known: &mut Timestamp| *known = (*at).min(*known)).or_insert(*at);
        }
        let written = tokio::time::timeout(WRITE_LIMIT, self.write_down(&first)).await;
        let error = match written {
            Ok(Ok(())) => {
                found.clear();
                *failing = false;
                return;
            }
            Ok(Err(error)) => causes(&error),
            Err(_) => format!("it took longer than {WRITE_LIMIT:?}"),
        };
        if !std::mem::replace(failing, true) {
            tracing::warn!(
                event = events::RECONNECT_UNCOUNTED, error = %error,
                "That links were opened could not be written down; it is tried again."
            );
        }
    }

    async fn write_down(&self, first: &BTreeMap<LinkId, Timestamp>) -> Result<(), StoreError> {
        let mut work = self.store.begin().await?;
        work.links_opened(first).await?;
        work.commit().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_browser_that_a_person_sent_is_counted() {
        let person = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"), ("sec-fetch-user", "?1")];
        let count = |method: Method, headers: &[(&'static str, &'static str)]| {
            let named = headers.iter().map(|(name, value)| {
                (axum::http::HeaderName::from_static(name), axum::http::HeaderValue::from_static(value))
            });
            is_a_persons(&method, &named.collect())
        };
        assert!(count(Method::GET, &person));
        assert!(!count(Method::HEAD, &person));
        assert!(!count(Method::GET, &[]));
        assert!(!count(Method::GET, &[&person[..], &[("sec-purpose", "prefetch")]].concat()));
        for (at, other) in [(0, "cors"), (1, "iframe"), (2, "?0")] {
            let mut headers = person;
            headers[at].1 = other;
            assert!(!count(Method::GET, &headers), "{headers:?}");
            assert!(!count(Method::GET, &[&person[..at], &person[at + 1..]].concat()), "without {at}");
        }
    }

    #[tokio::test]
    async fn what_finds_no_room_is_not_counted_and_nobody_waits() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite://{}", folder.path().join("state.db").display())).await.unwrap();
        let (tally, mut writer) = tally(store);
        for n in 0..u64::try_from(ROOM).unwrap() * 2 {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&n.to_be_bytes());
            tally.note(LinkId::from_bytes(id), Timestamp::default());
        }
        let mut found = Vec::new();
        assert_eq!(writer.noted.recv_many(&mut found, ROOM * 3).await, ROOM);
    }
}
