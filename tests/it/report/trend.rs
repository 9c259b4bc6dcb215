//! The trend: agrees with a count of the raw rows, and says the same however much of them was dropped, however often that
//! was broken off, whoever did it.

use std::time::Duration;

use chrono::Datelike as _;
use reconnectd::adapters::clock::ManualClock;
use reconnectd::domain::{RunId, millis};
use reconnectd::report::reconnect::{ReportError, Step, TrendAsked, TrendPoint, trend};
use reconnectd::retention::{RetentionJob, RetentionSettings};
use reconnectd::store::{Expired, Store};
use tokio_util::sync::CancellationToken;

use super::*;

/// Monday, 2018-01-01.
const A_MONDAY_MS: i64 = 1_514_764_800_000;

/// The first instants of the steps that what is asked about touches, found day by day.
fn begins(asked: &TrendAsked) -> Vec<i64> {
    let begins = |day: &i64| match asked.step {
        Step::Day => true,
        Step::Week => (day - A_MONDAY_MS) % (7 * DAY_MS) == 0,
        Step::Month => from_millis(*day).day() == 1,
    };
    let to = millis(asked.to);
    let days = (to - A_MONDAY_MS + DAY_MS - 1) / DAY_MS;
    let all: Vec<i64> = (0..days).map(|n| A_MONDAY_MS + n * DAY_MS).filter(begins).collect();
    let first = all.iter().rposition(|begin| *begin <= millis(asked.from)).unwrap();
    all[first..].to_vec()
}

fn expected(history: &History, asked: &TrendAsked) -> Vec<TrendPoint> {
    let alone = asked.toolkit.as_ref().map(|toolkit| naive::of_toolkit(history, toolkit));
    naive::trend(alone.as_ref().unwrap_or(history), &begins(asked), millis(asked.to))
}

/// Trends over all of a history and over parts of it, that end with a day.
fn questions(seed: u64) -> Vec<TrendAsked> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut found = Vec::new();
    for (step, longest) in [(Step::Day, 20), (Step::Week, 100), (Step::Month, DAYS + 40)] {
        for toolkit in [None, Some("slack".to_owned())] {
            let to = MONDAY_MS - rng.i64(0..DAYS) * DAY_MS;
            let from = to - rng.i64(1..longest * 24) * HOUR_MS;
            found.push(TrendAsked { from: from_millis(from), to: from_millis(to), step, toolkit });
        }
    }
    found
}

async fn all(store: &Store, questions: &[TrendAsked]) -> Vec<Vec<TrendPoint>> {
    let mut found = Vec::new();
    for asked in questions {
        found.push(trend(store, asked).await.unwrap());
    }
    found
}

fn keep(keep_days: i64) -> RetentionSettings {
    let days = |days: i64| Duration::from_hours(u64::try_from(days).unwrap() * 24);
    RetentionSettings { history: days(keep_days), operational: days(10) }
}

#[tokio::test]
async fn a_trend_says_the_same_however_much_is_dropped() {
    let databases = Raw::both().await;
    let (mut folded, mut counted, mut refused) = (0, 0, 0);
    for seed in 300..318 {
        let (history, questions) = (random(seed), questions(seed));
        let expected: Vec<_> = questions.iter().map(|asked| expected(&history, asked)).collect();
        for raw in &databases {
            raw.hold(&history).await;
            assert_eq!(all(&raw.store, &questions).await, expected, "seed {seed}, {}", raw.url);
            for days in [200, 150 - i64::try_from(seed % 7).unwrap(), 90, 1] {
                let now = now() + TimeDelta::hours(i64::try_from(seed).unwrap() % 24);
                let (clock, run) = (ManualClock::new(now), RunId::new("retention"));
                let job = RetentionJob { store: &raw.store, clock: &clock, settings: keep(days), run: &run };
                folded += job.run(&CancellationToken::new()).await.unwrap().dropped["incidents"];
                assert_eq!(all(&raw.store, &questions).await, expected, "seed {seed}, {days} days, {}", raw.url);
                // Sums know no part of a day.
                let part =
                    TrendAsked { to: now - TimeDelta::days(days) - TimeDelta::minutes(1), ..questions[0].clone() };
                let part = TrendAsked { from: part.to - TimeDelta::days(3), ..part };
                let answer = trend(&raw.store, &part).await;
                let watched = history.runs.iter().any(|run| run.started_at < millis(part.to));
                let is_part = watched && millis(part.to) % DAY_MS != 0;
                assert_eq!(matches!(answer, Err(ReportError::PartOfDay(_))), is_part, "{part:?}");
                refused += u32::from(is_part);
            }
        }
        counted += expected.iter().flatten().map(|of| of.newly_broken + of.recovered + of.open).sum::<u64>();
    }
    assert!(folded > 500 && counted > 1_000 && refused > 60, "{folded} {counted} {refused}");
}

#[tokio::test]
async fn dropping_that_is_broken_off_anywhere_counts_nothing_twice() {
    for raw in Raw::both().await {
        for seed in 405..408 {
            let (history, questions) = (random(seed), questions(seed));
            let expected: Vec<_> = questions.iter().map(|asked| expected(&history, asked)).collect();
            raw.hold(&history).await;
            // Dropped and added, and then the process dies.
            let mut work = raw.store.begin().await.unwrap();
            work.forget_history_before(now()).await.unwrap();
            let dropped = work.drop_expired(Expired::Incidents, now(), None).await.unwrap();
            drop(work);
            assert!(dropped.rows > 0, "seed {seed}");
            assert_eq!(all(&raw.store, &questions).await, expected, "seed {seed}, {}", raw.url);
            // Cancelled at any await, as often as it takes.
            let mut rng = fastrand::Rng::with_seed(seed);
            let (mut done, mut limit) = (false, 200);
            while !done {
                let (clock, run) = (ManualClock::new(now()), RunId::new("retention"));
                let job = RetentionJob { store: &raw.store, clock: &clock, settings: keep(1), run: &run };
                let limited = Duration::from_micros(rng.u64(0..limit));
                done = tokio::time::timeout(limited, job.run(&CancellationToken::new())).await.is_ok();
                assert_eq!(all(&raw.store, &questions).await, expected, "seed {seed}, {}", raw.url);
                limit *= 2;
            }
        }
    }
}

#[tokio::test]
async fn processes_that_drop_at_once_count_nothing_twice() {
    for raw in Raw::both().await {
        let other = Store::open(&raw.url).await.unwrap();
        for seed in 500..506 {
            let (history, questions) = (random(seed), questions(seed));
            let expected: Vec<_> = questions.iter().map(|asked| expected(&history, asked)).collect();
            raw.hold(&history).await;
            let (clock, run, stop) = (ManualClock::new(now()), RunId::new("retention"), CancellationToken::new());
            let job = |store| RetentionJob { store, clock: &clock, settings: keep(1), run: &run };
            let (one, two) = (job(&raw.store), job(&other));
            let (one, two) = tokio::join!(one.run(&stop), two.run(&stop));
            let dropped = one.unwrap().dropped["incidents"] + two.unwrap().dropped["incidents"];
            let over = history.incidents.iter().filter(|i| i.closed_at.is_some()).count();
            assert!(dropped <= over as u64, "each is dropped once");
            assert_eq!(all(&raw.store, &questions).await, expected, "seed {seed}, {}", raw.url);
        }
        other.close().await;
    }
}

#[tokio::test]
async fn a_trend_begins_where_a_release_without_sums_dropped_what_came_before() {
    for raw in Raw::both().await {
        raw.hold(&random(8)).await;
        let since = MONDAY_MS - 30 * DAY_MS;
        execute(&raw.url, &format!("INSERT INTO meta VALUES ('history_since', '{since}');")).await;
        let week = |ago: i64| TrendAsked {
            from: from_millis(since - ago * DAY_MS),
            to: now(),
            step: Step::Day,
            toolkit: None,
        };
        for job in [None, Some(30), Some(20), Some(1)] {
            if let Some(days) = job {
                let (clock, run) = (ManualClock::new(now()), RunId::new("retention"));
                let job = RetentionJob { store: &raw.store, clock: &clock, settings: keep(days), run: &run };
                job.run(&CancellationToken::new()).await.unwrap();
            }
            assert!(matches!(trend(&raw.store, &week(1)).await, Err(ReportError::Dropped(_))), "{job:?}");
            assert_eq!(trend(&raw.store, &week(0)).await.unwrap().len(), 30);
        }
        // Again a release without sums, later on.
        execute(&raw.url, &format!("UPDATE meta SET value = '{MONDAY_MS}' WHERE key = 'history_since';")).await;
        assert!(matches!(trend(&raw.store, &week(0)).await, Err(ReportError::Dropped(_))));
    }
}

#[tokio::test]
async fn what_was_before_the_first_audit_is_not_shown_as_nothing() {
    let run = |days: i64, state: &str, end: &str| {
        let at = MONDAY_MS - days * DAY_MS;
        format!(
            "INSERT INTO runs (run_id, state, started_at, updated_at, finished_at, baseline, scan_done, holder, counters) \
             VALUES ('{days}', '{state}', {at}, {at}, {end}, 0, 1, 'h', '{{}}');"
        )
    };
    let at = |days: i64| (MONDAY_MS - days * DAY_MS).to_string();
    let fact = |key: &str, days: i64| format!("INSERT INTO meta VALUES ('{key}', '{}');", at(days));
    let (finished, failed) = (|days| run(days, "finished", &at(days)), |days| run(days, "failed", &at(days)));
    for raw in Raw::both().await {
        for (facts, weeks, compared) in [
            (String::new(), &[][..], false),
            (fact("baseline_started_at", 10), &["2026-10-19", "2026-10-26"], false),
            (finished(7), &["2026-10-26"], false),
            (finished(10) + &finished(9), &["2026-10-19", "2026-10-26"], false),
            (failed(14) + &finished(9), &["2026-10-19", "2026-10-26"], true),
            (failed(14) + &failed(9) + &finished(6), &["2026-10-19", "2026-10-26"], false),
            (fact("watched_since", 14) + &finished(8), &["2026-10-19", "2026-10-26"], true),
            (fact("watched_since", 13) + &finished(13), &["2026-10-19", "2026-10-26"], false),
            (fact("baseline_started_at", 15) + &finished(8), &["2026-10-12", "2026-10-19", "2026-10-26"], true),
        ] {
            raw.hold(&History::default()).await;
            execute(&raw.url, &facts).await;
            let check = async |when: &str| {
                let report = reconnect_report(&raw.store, periods(0)[0], now()).await.unwrap();
                let found: Vec<String> = report.trend.iter().map(|of| of.from.to_string()).collect();
                assert_eq!(
                    (found, report.previous.is_some()),
                    (weeks.iter().map(|of| (*of).to_owned()).collect(), compared),
                    "{facts} {when}"
                );
            };
            check("at first").await;
            let mut work = raw.store.begin().await.unwrap();
            work.forget_history_before(now() - TimeDelta::days(800)).await.unwrap();
            work.watch_from(now()).await.unwrap();
            work.commit().await.unwrap();
            if !facts.is_empty() {
                check("written down").await;
            }
        }
    }
}
