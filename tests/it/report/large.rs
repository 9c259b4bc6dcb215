//! One million accounts and two years of history: how long a report takes. Seeded by the database itself.
//!
//! `tests/run --test it report::large -- --ignored --nocapture` prints the figures. Ignored because seeding takes
//! minutes, and what is measured depends on the machine; the bound it asserts is far above.

use std::time::Duration;

use super::*;

/// Accounts; as many users.
const ACCOUNTS: u32 = 1_000_000;
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

fn seed(url: &str) -> String {
    let of = |n| numbers(url, n);
    let begin = MONDAY_MS - i64::from(QUARTERS) * QUARTER_MS;
    let breaks = ACCOUNTS / ONE_BREAKS_IN * QUARTERS;
    // The same account's breakages are a quarter apart: the user of breakage n is n modulo one in five, spread out.
    let user = format!("((n % {}) * {ONE_BREAKS_IN})", ACCOUNTS / ONE_BREAKS_IN);
    let quarter = format!("(n / {})", ACCOUNTS / ONE_BREAKS_IN);
    let at = format!("({begin} + {quarter} * {QUARTER_MS} + (n * 104729) % {QUARTER_MS})");
    let open = format!("n % 12 = 0 AND {quarter} = {}", QUARTERS - 1);
    let back = format!("{at} + (n * 15485863) % {}", 20 * DAY_MS);
    format!(
        "BEGIN;\n\
         {} INSERT INTO users SELECT 'u' || n, {begin}, {MONDAY_MS}, 'complete', {MONDAY_MS} FROM numbers;\n\
         {} INSERT INTO accounts (user_id, account_id, toolkit, auth_config, auth_config_disabled, status, reason, \
         is_disabled, shared, condition, first_seen_at) SELECT 'u' || n, 'ca_' || n, 'toolkit' || (n % 40), \
         'ac_' || (n % 60), 0, 'ACTIVE', 'none', 0, 0, 'healthy', {begin} FROM numbers;\n\
         {} INSERT INTO incidents (incident_id, user_id, toolkit, account_id, opened_at, broke_at, baseline, run_id, \
         closed_at, close_evidence, recovery) SELECT 'in' || n, 'u' || {user}, 'toolkit' || ({user} % 40), \
         'ca_' || {user}, {at}, {at} - (n * 31) % {DAY_MS}, 0, 'r', CASE WHEN {open} THEN NULL ELSE {back} END, \
         CASE WHEN {open} THEN NULL ELSE 'active' END, CASE WHEN {open} THEN NULL ELSE 'told' END FROM numbers WHERE n < {breaks};\n\
         {} INSERT INTO transitions SELECT 'u' || {user}, 'ca_' || {user}, {at}, 'r', 'ACTIVE', 'EXPIRED', 'healthy', \
         'broken', 'none' FROM numbers WHERE n < {breaks};\n\
         {} INSERT INTO transitions SELECT 'u' || {user}, 'ca_' || {user}, {back} + 1, 'q', 'EXPIRED', 'ACTIVE', 'broken', \
         'healthy', 'none' FROM numbers WHERE n < {breaks};\n\
         {} INSERT INTO notifications (notification_id, user_id, created_at, run_id, reason) \
         SELECT 'no' || n, 'u' || {user}, {at}, 'r', 'first_notice' FROM numbers WHERE n < {breaks};\n\
         {} INSERT INTO notification_items SELECT 'in' || n, 0, 'no' || n, 1 FROM numbers WHERE n < {breaks};\n\
         {} INSERT INTO deliveries (delivery_id, notification_id, channel, outside_id, state, attempts, next_attempt_at, \
         created_at, settled_at, said) SELECT 'de' || n, 'no' || n, 'email', 'o' || n, 'delivered', 1, 0, {at}, {at} + 60000, \
         'in' || n FROM numbers WHERE n < {breaks};\n\
         {} INSERT INTO runs (run_id, state, started_at, updated_at, finished_at, baseline, scan_done, holder, counters) \
         SELECT 'r' || n, 'finished', {begin} + n * 6 * {HOUR_MS}, 0, {begin} + n * 6 * {HOUR_MS} + 60000, 0, 1, 'h', '{{}}' \
         FROM numbers;\nCOMMIT;\nANALYZE;\n",
        of(ACCOUNTS),
        of(ACCOUNTS),
        of(breaks),
        of(breaks),
        of(breaks),
        of(breaks),
        of(breaks),
        of(breaks),
        of(QUARTERS * 91 * 4 - 1)
    )
}

#[tokio::test]
#[ignore = "seeds a million accounts; says how long a report takes"]
async fn a_million_accounts_and_two_years_take_seconds() {
    for raw in Raw::both().await.into_iter().rev() {
        let seeding = tokio::time::Instant::now();
        execute(&raw.url, &seed(&raw.url)).await;
        let kind = raw.url.split(':').next().unwrap();
        println!("{kind}: seeded in {:?}", seeding.elapsed());
        for days in [7, 30] {
            let started = tokio::time::Instant::now();
            let period = Period { from: now() - TimeDelta::days(days), to: now() };
            let report = reconnect_report(&raw.store, period, now()).await.unwrap();
            let took = started.elapsed();
            println!("{kind}: {days} days in {took:?} ({:?})", report.headline);
            assert!(report.headline.newly_broken > 1_000 && report.headline.active_at_start > 500_000);
            assert!(took < Duration::from_mins(2), "{kind}, {days} days: {took:?}");
        }
    }
}
