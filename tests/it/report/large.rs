//! Many accounts and two years of history: how long a report takes. Seeded by the database itself.
//!
//! 20,000 accounts are part of every run: a plan that looks through a table again for each incident takes minutes even
//! there, where the report takes a second. `tests/run --test it report::large -- --ignored --nocapture` prints the
//! figures for a million. Ignored because seeding takes minutes, and what is measured depends on the machine; the bound it
//! asserts is far above.

use std::time::Duration;

use reconnectd::report::reconnect::ReconnectReport;

use super::*;

/// One account in so many breaks in each 91 days.
const ONE_BREAKS_IN: u32 = 5;
/// 91 days, eight times: two years.
const QUARTERS: u32 = 8;
const QUARTER_MS: i64 = 91 * DAY_MS;

/// `n` numbers from 1 on, as the column `n` of a table `numbers`.
pub fn numbers(url: &str, n: u32) -> String {
    if url.starts_with("sqlite") {
        format!("WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {n})")
    } else {
        format!("WITH numbers AS (SELECT CAST(n AS BIGINT) AS n FROM generate_series(1, {n}) AS s(n))")
    }
}

/// The history of so many users with one account each, written in the order of time, as the product writes it: its ids
/// grow with time too, and which user it is about is spread over all of them.
fn seed(url: &str, accounts: u32) -> String {
    let of = |n| numbers(url, n);
    let begin = MONDAY_MS - i64::from(QUARTERS) * QUARTER_MS;
    let breakers = accounts / ONE_BREAKS_IN;
    let breaks = breakers * QUARTERS;
    // The same account's breakages are a quarter apart. 7919 is prime and no divisor of how many break.
    let user = format!("((n * 7919 % {breakers}) * {ONE_BREAKS_IN} + 1)");
    let at = format!("({begin} + n * {})", i64::from(QUARTERS) * QUARTER_MS / i64::from(breaks));
    let open = format!("n % 12 = 0 AND n / {breakers} = {}", QUARTERS - 1);
    // On SQLite nothing is analysed: the product does not do it either, and PostgreSQL does it by itself.
    let analyse = if url.starts_with("sqlite") { "" } else { "ANALYZE;\n" };
    let back = format!("{at} + (n * 15485863) % {}", 20 * DAY_MS);
    format!(
        "BEGIN;\n\
         {} INSERT INTO users SELECT 'u' || n, {begin}, {MONDAY_MS}, 'complete', {MONDAY_MS} FROM numbers;\n\
         {} INSERT INTO accounts (user_id, account_id, toolkit, auth_config, auth_config_disabled, status, reason, \
         is_disabled, shared, condition, first_seen_at) SELECT 'u' || n, 'ca_' || n, 'toolkit' || (n % 40), \
         'ac_' || (n % 60), 0, 'ACTIVE', 'none', 0, 0, 'healthy', {begin} FROM numbers;\n\
         {} INSERT INTO incidents (incident_id, user_id, toolkit, account_id, opened_at, broke_at, baseline, run_id, \
         closed_at, close_evidence, recovery, reason, auth_config) SELECT 'in' || (10000000 + n), 'u' || {user}, 'toolkit' || ({user} % 40), \
         'ca_' || {user}, {at}, {at} - (n * 31) % {DAY_MS}, 0, 'r', CASE WHEN {open} THEN NULL ELSE {back} END, \
         CASE WHEN {open} THEN NULL ELSE 'active' END, CASE WHEN {open} THEN NULL ELSE 'told' END, \
         'refresh_refused', 'ac_' || ({user} % 60) FROM numbers WHERE n < {breaks};\n\
         {} INSERT INTO transitions SELECT 'u' || {user}, 'ca_' || {user}, {at}, 'r', 'ACTIVE', 'EXPIRED', 'healthy', \
         'broken', 'none' FROM numbers WHERE n < {breaks};\n\
         {} INSERT INTO transitions SELECT 'u' || {user}, 'ca_' || {user}, {back} + 1, 'q', 'EXPIRED', 'ACTIVE', 'broken', \
         'healthy', 'none' FROM numbers WHERE n < {breaks};\n\
         {} INSERT INTO notifications (notification_id, user_id, created_at, run_id, reason) \
         SELECT 'no' || (10000000 + n), 'u' || {user}, {at}, 'r', 'first_notice' FROM numbers WHERE n < {breaks};\n\
         {} INSERT INTO notification_items SELECT 'in' || (10000000 + n), 0, 'no' || (10000000 + n), 1 FROM numbers WHERE n < {breaks};\n\
         {} INSERT INTO deliveries (delivery_id, notification_id, channel, outside_id, state, attempts, next_attempt_at, \
         created_at, settled_at, said) SELECT 'de' || (10000000 + n), 'no' || (10000000 + n), 'email', 'o' || (10000000 + n), 'delivered', 1, 0, {at}, {at} + 60000, \
         'in' || (10000000 + n) FROM numbers WHERE n < {breaks};\n\
         {} INSERT INTO runs (run_id, state, started_at, updated_at, finished_at, baseline, scan_done, holder, counters) \
         SELECT 'r' || n, 'finished', {begin} + n * 6 * {HOUR_MS}, 0, {begin} + n * 6 * {HOUR_MS} + 60000, 0, 1, 'h', '{{}}' \
         FROM numbers;\nCOMMIT;\n{analyse}",
        of(accounts),
        of(accounts),
        of(breaks),
        of(breaks),
        of(breaks),
        of(breaks),
        of(breaks),
        of(breaks),
        of(QUARTERS * 91 * 4 - 1)
    )
}

/// The report about so many days, as `previous` compares them, and how long it took.
async fn timed(raw: &Raw, days: i64) -> (ReconnectReport, Duration) {
    let started = tokio::time::Instant::now();
    let period = Period { from: now() - TimeDelta::days(days), to: now() };
    let report = reconnect_report(&raw.store, period, now()).await.unwrap();
    let took = started.elapsed();
    (report, took)
}

/// What every report about a history of [`seed`] says, and how much of it there is at most.
fn is_whole_and_short(report: &ReconnectReport, accounts: u32, days: i64) {
    let all = u64::from(accounts);
    let opened = all / u64::from(ONE_BREAKS_IN) * u64::try_from(days).unwrap() / 91;
    let headline = &report.headline;
    assert!(headline.newly_broken.abs_diff(opened) <= opened / 50 + 2, "{headline:?}");
    assert!(headline.active_at_start > all * 9 / 10 && headline.active_at_start <= all, "{headline:?}");
    assert!(headline.recovered > opened / 2 && headline.delivered > opened / 2, "{headline:?}");
    assert_eq!(report.brought_back.iter().map(|of| of.recovered).sum::<u64>(), headline.recovered);
    assert!(report.reconnect_curve.len() <= 192 && report.auth_configs.len() == 20 && report.toolkits.len() == 40);
    assert!(report.breakages.len() <= 40 && report.cohorts.len() <= 54 && report.trend.len() <= 26);
}

#[tokio::test]
async fn a_report_never_looks_through_history_again_for_each_incident() {
    const ACCOUNTS: u32 = 20_000;
    for raw in Raw::both().await {
        execute(&raw.url, &seed(&raw.url, ACCOUNTS)).await;
        for days in [7, 365] {
            let (report, took) = timed(&raw, days).await;
            is_whole_and_short(&report, ACCOUNTS, days);
            assert!(took < Duration::from_mins(1), "{}, {days} days: {took:?}", raw.url);
        }
    }
}

#[tokio::test]
#[ignore = "seeds a million accounts; says how long a report takes"]
async fn a_million_accounts_and_two_years_are_reported_within_minutes() {
    const ACCOUNTS: u32 = 1_000_000;
    for raw in Raw::both().await.into_iter().rev() {
        let seeding = tokio::time::Instant::now();
        execute(&raw.url, &seed(&raw.url, ACCOUNTS)).await;
        println!("seeded in {:?}", seeding.elapsed());
        for (days, bound) in [(7, Duration::from_mins(1)), (365, Duration::from_mins(5))] {
            let (report, took) = timed(&raw, days).await;
            println!("{}: {days} days in {took:?} ({:?})", raw.url.split(':').next().unwrap(), report.headline);
            is_whole_and_short(&report, ACCOUNTS, days);
            assert!(took < bound, "{}, {days} days: {took:?}", raw.url);
        }
    }
}
