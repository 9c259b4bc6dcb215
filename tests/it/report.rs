//! The reconnect report and retention on both state databases: every figure agrees with a straightforward computation over
//! the raw rows, and none changes when old rows are dropped.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

mod forms;
mod history;
mod job;
mod large;
mod mail;
mod naive;
mod retention;

use chrono::TimeDelta;
use reconnectd::domain::{Timestamp, from_millis};
use reconnectd::report::reconnect::{Period, reconnect_report};
use reconnectd::store::Store;

use crate::support::databases::{postgres_database, sqlite_path};
use history::{DAY_MS, DAYS, HOUR_MS, History, MONDAY_MS, execute, random, script};

/// A state database whose rows the test writes itself.
struct Raw {
    url: String,
    store: Store,
    _folder: Option<tempfile::TempDir>,
}

impl Raw {
    async fn both() -> [Self; 2] {
        let (folder, path) = sqlite_path();
        let sqlite = Self::open(format!("sqlite://{}", path.display()), Some(folder)).await;
        [sqlite, Self::open(postgres_database().await, None).await]
    }

    async fn open(url: String, folder: Option<tempfile::TempDir>) -> Self {
        let store = Store::open(&url).await.unwrap();
        store.migrate().await.unwrap();
        Self { url, store, _folder: folder }
    }

    async fn hold(&self, history: &History) {
        execute(&self.url, &script(history)).await;
    }
}

fn now() -> Timestamp {
    from_millis(MONDAY_MS)
}

/// Periods that begin and end on the grid of the histories, and beside it.
fn periods(seed: u64) -> Vec<Period> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut found = vec![Period { from: now() - TimeDelta::days(7), to: now() }];
    for _ in 0..4 {
        let to = MONDAY_MS - rng.i64(0..DAYS * 4) * 6 * HOUR_MS - rng.i64(0..2) * rng.i64(0..HOUR_MS);
        let length = [DAY_MS, 7 * DAY_MS, 30 * DAY_MS, 120 * DAY_MS][rng.usize(0..4)];
        found.push(Period { from: from_millis(to - length), to: from_millis(to) });
    }
    found
}

#[tokio::test]
async fn every_figure_agrees_with_a_count_of_the_raw_rows() {
    let databases = Raw::both().await;
    let mut counted = 0;
    for seed in 0..30 {
        let history = random(seed);
        for raw in &databases {
            raw.hold(&history).await;
            for period in periods(seed) {
                let report = reconnect_report(&raw.store, period, now()).await.unwrap();
                let expected = naive::report(&history, period, true, now());
                assert_eq!(report, expected, "seed {seed}, {period:?}, {}", raw.url);
                counted += report.headline.newly_broken + report.headline.active_again + report.repeat_breakers.users;
            }
        }
    }
    assert!(counted > 600, "the histories are too thin: {counted}");
}
