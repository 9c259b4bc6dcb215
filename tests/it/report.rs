//! The reconnect report and retention on both state databases: every figure agrees with a straightforward computation over
//! the raw rows, and none changes when old rows are dropped.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

mod csv_row;
mod desk;
mod forms;
mod history;
mod job;
mod large;
mod letter;
mod mail;
mod naive;
mod naive_times;
mod retention;
mod trend;
mod undelivered;
mod users;
mod whole;

use std::collections::BTreeSet;

use chrono::TimeDelta;
use reconnectd::domain::{Timestamp, from_millis};
use reconnectd::report::reconnect::{Period, ReportScope, reconnect_report};
use reconnectd::store::Store;

use crate::support::databases::{postgres_database, sqlite_path};
pub use history::execute;
use history::{DAY_MS, DAYS, HOUR_MS, History, MONDAY_MS, random, script};

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

/// Some history in the database at `url`; the end of it.
pub async fn some_history(url: &str) -> Timestamp {
    execute(url, &script(&random(1))).await;
    now()
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

/// The periods about everything, and some of them about one toolkit, which may be one that nobody has.
fn scopes(seed: u64) -> Vec<ReportScope> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut found: Vec<ReportScope> = periods(seed).into_iter().map(ReportScope::from).collect();
    for n in 0..found.len() {
        let toolkit = ["slack", "gmail", "notion", "nobody's"][rng.usize(0..4)];
        found.push(ReportScope { toolkit: Some(toolkit.to_owned()), ..found[n].clone() });
    }
    found
}

#[tokio::test]
async fn every_figure_agrees_with_a_count_of_the_raw_rows() {
    let databases = Raw::both().await;
    let (mut counted, mut one, mut longest) = (0, 0, 0);
    let (mut opened, mut unknown) = (0, 0);
    let (mut compared, mut weeks, mut unnamed) = ([0; 2], BTreeSet::new(), 0);
    for seed in 0..30 {
        let history = random(seed);
        for raw in &databases {
            raw.hold(&history).await;
            for scope in scopes(seed) {
                let report = reconnect_report(&raw.store, scope.clone(), now()).await.unwrap();
                let expected = naive::report(&history, &scope, now());
                assert_eq!(report, expected, "seed {seed}, {scope:?}, {}", raw.url);
                one += u64::from(scope.toolkit.is_some()) * report.headline.newly_broken;
                longest = longest.max(report.reconnect_curve.len());
                counted += report.headline.newly_broken + report.headline.active_again + report.repeat_breakers.users;
                opened += report.funnel.link_opened.unwrap_or(0);
                unknown += u32::from(report.funnel.link_opened.is_none());
                compared[usize::from(report.previous.is_some())] += 1;
                weeks.insert(report.trend.len());
                unnamed += u32::from(
                    report.auth_configs.len() > 1 && history.accounts.iter().any(|of| of.auth_config.is_empty()),
                );
            }
        }
    }
    assert!(counted > 600 && one > 100 && longest > 15, "the histories are too thin: {counted}, {one}, {longest}");
    assert!(opened > 100 && unknown > 20, "the histories are too thin: {opened} {unknown}");
    assert!(
        compared.iter().all(|of| *of > 80) && weeks.len() > 5 && unnamed > 20,
        "too little to compare with: {compared:?} {weeks:?}"
    );
}
