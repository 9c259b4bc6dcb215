//! The reconnect report and retention on both state databases: every figure agrees with a straightforward computation over
//! the raw rows, and none changes when old rows are dropped.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

mod causes;
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
use reconnectd::report::reconnect::{
    Breakage, Period, ReconnectReport, ReportScope, STANDS_OUT_FROM, reconnect_report,
};
use reconnectd::store::Store;

use crate::support::databases::{postgres_database, sqlite_path};
pub use history::execute;
use history::{DAY_MS, DAYS, HOUR_MS, History, MONDAY_MS, Run, random, script};

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
    execute(url, &script(&random(5))).await;
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

/// How often a report met what a history may not bring about.
#[derive(Debug, Default)]
struct Met {
    /// Breakages and recoveries, and breakages of one toolkit alone.
    counted: u64,
    one: u64,
    curve: usize,
    opened: u64,
    /// Links known of nobody although somebody was told, and of all toolkits of somebody.
    unlinked: u32,
    unlinked_alone: u32,
    /// With and without a period before.
    compared: [u32; 2],
    weeks: BTreeSet<usize>,
    /// Not all auth configs are known; more than are listed broke.
    unnamed: u32,
    cut: u32,
    /// Auth configs that stand out, that break as much and do not, and that nothing worked to compare with.
    pointed: u32,
    as_many: u32,
    nothing_worked: u32,
    left: u64,
    /// Of the last audit: users that cannot be asked about, and more than one reason for silence.
    unqueryable: u32,
    reasons: u32,
    /// Audits that went to their end and learned of nobody.
    in_vain: u32,
    /// Breakages of which no cause is known, and of which another is said now.
    no_cause: u64,
    other_cause: u32,
}

impl Met {
    fn add(&mut self, report: &ReconnectReport, history: &History) {
        let headline = &report.headline;
        self.one += u64::from(report.toolkit.is_some()) * headline.newly_broken;
        self.curve = self.curve.max(report.reconnect_curve.len());
        self.counted += headline.newly_broken + headline.active_again + report.repeat_breakers.users;
        self.opened += report.funnel.link_opened.unwrap_or(0);
        let unlinked = report.funnel.link_opened.is_none() && headline.notified > 0;
        self.unlinked += u32::from(unlinked);
        self.unlinked_alone += u32::from(unlinked && report.toolkit.is_some() && !history.links.is_empty());
        self.compared[usize::from(report.previous.is_some())] += 1;
        self.weeks.insert(report.trend.len());
        let configs = &report.auth_configs;
        self.unnamed += u32::from(configs.len() > 1 && history.accounts.iter().any(|of| of.auth_config.is_empty()));
        self.cut += u32::from(configs.len() == 20);
        let many = configs.iter().filter(|of| of.newly_broken >= STANDS_OUT_FROM);
        for of in many {
            self.pointed += u32::from(of.stands_out);
            self.as_many += u32::from(!of.stands_out && headline.active_at_start > 0);
            self.nothing_worked += u32::from(!of.stands_out && headline.active_at_start == 0);
        }
        self.left += headline.open_left;
        self.unqueryable += u32::from(report.coverage.users_unqueryable > 0);
        self.reasons += u32::from(report.silenced.len() > 1);
        let vain =
            |run: &Run| run.state == "finished" && run.unknown > 0 && run.unknown + run.unqueryable == run.scanned;
        self.in_vain += u32::from(report.coverage.audits_failed > 0 && history.runs.iter().any(vain));
        let unknown = |of: &&Breakage| of.reason == "other";
        self.no_cause += report.breakages.iter().filter(unknown).map(|of| of.newly_broken).sum::<u64>();
        // Back again, and yet not for no reason.
        self.other_cause += u32::from(report.breakages.iter().any(|of| of.recovered > 0 && of.reason == "revoked"));
    }

    fn assert_enough(&self) {
        let enough = [
            self.counted > 600 && self.one > 100 && self.curve > 15,
            self.opened > 100 && self.unlinked > 20 && self.unlinked_alone > 5,
            self.compared.iter().all(|of| *of > 60) && self.weeks.len() > 5,
            self.unnamed > 20 && self.cut > 5,
            self.pointed > 10 && self.as_many > 0 && self.nothing_worked > 5,
            self.left > 100,
            self.unqueryable > 50 && self.reasons > 50 && self.in_vain > 50,
            self.no_cause > 50 && self.other_cause > 50,
        ];
        assert!(enough.iter().all(|of| *of), "the histories are too thin: {enough:?} {self:?}");
    }
}

/// Notices about two incidents at once.
fn digests(history: &History) -> usize {
    let mut told = BTreeSet::new();
    history.items.iter().filter(|item| !told.insert(&item.notification)).count()
}

#[tokio::test]
async fn every_figure_agrees_with_a_count_of_the_raw_rows() {
    let databases = Raw::both().await;
    let (mut met, mut together) = (Met::default(), 0);
    for seed in 0..30 {
        let history = random(seed);
        together += digests(&history);
        for raw in &databases {
            raw.hold(&history).await;
            for scope in scopes(seed) {
                let report = reconnect_report(&raw.store, scope.clone(), now()).await.unwrap();
                let expected = naive::report(&history, &scope, now());
                assert_eq!(report, expected, "seed {seed}, {scope:?}, {}", raw.url);
                met.add(&report, &history);
            }
        }
    }
    assert!(together > 100, "too few notices are about two incidents: {together}");
    met.assert_enough();
}
