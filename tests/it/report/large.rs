//! Many accounts and more than two years of history: how long a report takes, and how much memory. Seeded by the database
//! itself, with what makes a report work: reminders, links that were opened, reconnects begun, accounts that were deleted or
//! replaced, users who left.
//!
//! 20,000 accounts are part of every run: a plan that looks through a table again for each incident takes minutes even
//! there, where the report takes a second. `tests/run --release --test it report::large -- --ignored --nocapture` does it
//! with a million (or `RECONNECTD_TEST_ACCOUNTS`), prints what it took, and fails above its bounds. Ignored because seeding
//! takes minutes, and what is measured depends on the machine and is nobody else's only where nothing runs beside it.

use std::fmt::Write as _;
use std::time::Duration;

use reconnectd::report::reconnect::ReconnectReport;

use super::*;

/// One account in so many breaks in each 91 days.
const ONE_BREAKS_IN: u32 = 5;
/// 91 days, nine times: two years and a quarter, so that a year is compared with the year before.
const QUARTERS: u32 = 9;
const QUARTER_MS: i64 = 91 * DAY_MS;

/// What a report may take, of days; measured on two cores that others used too: 4 to 5 s and 14 to 21 s.
const BOUNDS: [(i64, Duration); 2] = [(7, Duration::from_secs(20)), (365, Duration::from_mins(1))];
/// What a report may add to this process: SQLite's cache and its sorting included, PostgreSQL's not.
const MOST_MEMORY_KB: u64 = 256 * 1024;

/// `n` numbers from 1 on, as the column `n` of a table `numbers`.
pub fn numbers(url: &str, n: u32) -> String {
    if url.starts_with("sqlite") {
        format!("WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {n})")
    } else {
        format!("WITH numbers AS (SELECT CAST(n AS BIGINT) AS n FROM generate_series(1, {n}) AS s(n))")
    }
}

/// When the first of a history of [`seed`] happened.
const BEGIN_MS: i64 = MONDAY_MS - QUARTERS as i64 * QUARTER_MS;

/// Who broke when, in SQL about the breakage `n`: one of them a moment after the other, spread over all who ever break, the
/// same account a quarter later again.
struct Breakages {
    all: u32,
    user: String,
    at: String,
    /// How long it stayed broken, and when it ended.
    length: String,
    back: String,
    /// Whether it did not.
    open: String,
}

impl Breakages {
    fn of(accounts: u32) -> Self {
        let breakers = accounts / ONE_BREAKS_IN;
        let all = breakers * QUARTERS;
        let at = format!("({BEGIN_MS} + n * {})", i64::from(QUARTERS) * QUARTER_MS / i64::from(all));
        let length = format!("((n * 15485863) % {})", 20 * DAY_MS);
        Self {
            all,
            // 7919 is prime and no divisor of how many break.
            user: format!("((n * 7919 % {breakers}) * {ONE_BREAKS_IN} + 1)"),
            back: format!("({at} + {length})"),
            open: format!("(n % 12 = 0 AND n / {breakers} = {})", QUARTERS - 1),
            at,
            length,
        }
    }

    fn incidents(&self) -> String {
        let Self { user, at, back, open, .. } = self;
        let ended = |how: &str| format!("CASE WHEN {open} THEN NULL ELSE {how} END");
        let evidence = "CASE WHEN n % 20 = 0 THEN 'gone' WHEN n % 10 = 1 THEN 'superseded' ELSE 'active' END";
        format!(
            "INSERT INTO incidents (incident_id, user_id, toolkit, account_id, opened_at, broke_at, baseline, run_id, \
             closed_at, close_evidence, recovery, reason, auth_config) SELECT 'in' || (10000000 + n), 'u' || {user}, 'toolkit' || ({user} % 40), \
             'ca_' || {user}, {at}, {at} - (n * 31) % {DAY_MS}, 0, 'r', {}, {}, {}, 'refresh_refused', 'ac_' || ({user} % 60)",
            ended(back),
            ended(evidence),
            ended("'told'")
        )
    }

    fn changes(&self) -> [String; 2] {
        let Self { user, at, back, .. } = self;
        let change = |at: &str, run: &str, [from, to, was, is]: [&str; 4]| {
            format!(
                "INSERT INTO transitions (user_id, account_id, at, run_id, from_status, to_status, from_condition, to_condition, \
                 reason) SELECT 'u' || {user}, 'ca_' || {user}, {at}, '{run}', '{from}', '{to}', '{was}', '{is}', 'none'"
            )
        };
        [
            change(at, "r", ["ACTIVE", "EXPIRED", "healthy", "broken"]),
            change(&format!("{back} + 1"), "q", ["EXPIRED", "ACTIVE", "broken", "healthy"]),
        ]
    }

    /// The notice with this number, to those who are still broken so many days after it was noticed.
    fn notice(&self, number: u32, days: i64) -> [String; 3] {
        let Self { user, at, length, .. } = self;
        let (id, at) = (format!("(10000000 + n) || 'n{number}'"), format!("({at} + {})", days * DAY_MS));
        let still = format!("{length} >= {}", days * DAY_MS);
        [
            format!(
                "INSERT INTO notifications (notification_id, user_id, created_at, run_id, reason) \
                 SELECT 'no' || {id}, 'u' || {user}, {at}, 'r', 'x' FROM numbers WHERE {still}"
            ),
            format!(
                "INSERT INTO notification_items (incident_id, number, notification_id, spent) \
                 SELECT 'in' || (10000000 + n), {number}, 'no' || {id}, 1 FROM numbers WHERE {still}"
            ),
            format!(
                "INSERT INTO deliveries (delivery_id, notification_id, channel, outside_id, state, attempts, next_attempt_at, \
                 created_at, settled_at, said) SELECT 'de' || {id}, 'no' || {id}, 'email', 'o' || {id}, 'delivered', 1, 0, \
                 {at}, {at} + 60000, 'in' || (10000000 + n) FROM numbers WHERE {still}"
            ),
        ]
    }

    /// Every second has a link to our page, half of them are opened, and half of those begin there.
    fn pages(&self) -> [String; 2] {
        let Self { user, at, back, open, .. } = self;
        [
            format!(
                "INSERT INTO reconnect_links (link_id, incident_id, user_id, created_at, expires_at, revoked_at, opened_at) \
                 SELECT 'li' || (10000000 + n), 'in' || (10000000 + n), 'u' || {user}, {at} + 1000, {at} + {}, \
                 CASE WHEN {open} THEN NULL ELSE {back} END, CASE WHEN n % 4 = 0 THEN {at} + {HOUR_MS} END \
                 FROM numbers WHERE n % 2 = 0",
                90 * DAY_MS
            ),
            format!(
                "INSERT INTO reconnect_attempts (attempt_id, link_id, incident_id, user_id, auth_config, state, claimed_until, \
                 created_at, ended_at) SELECT 'at' || (10000000 + n), 'li' || (10000000 + n), 'in' || (10000000 + n), \
                 'u' || {user}, 'ac', 'expired', 0, {at} + {HOUR_MS} + 60000, {at} + {HOUR_MS} + 700000 \
                 FROM numbers WHERE n % 8 = 0"
            ),
        ]
    }
}

/// The history of so many users with one account each, written in the order of time, as the product writes it: its ids
/// grow with time too, and which user it is about is spread over all of them. One user in 97 left.
fn seed(url: &str, accounts: u32) -> String {
    let breakages = Breakages::of(accounts);
    let seen = format!("CASE WHEN n % 97 = 0 THEN {MONDAY_MS} - (n % 300) * {DAY_MS} ELSE {MONDAY_MS} END");
    let mut script = "BEGIN;\n".to_owned();
    let mut insert = |n: u32, statement: &str| {
        let all = if statement.contains("FROM numbers") { "" } else { " FROM numbers" };
        let _infallible = writeln!(script, "{} {statement}{all};", numbers(url, n));
    };
    insert(
        accounts,
        &format!(
            "INSERT INTO users (user_id, first_observed_at, observed_at, outcome, outcome_at) \
             SELECT 'u' || n, {BEGIN_MS}, {seen}, 'complete', {seen}"
        ),
    );
    insert(
        accounts,
        &format!(
            "INSERT INTO accounts (user_id, account_id, toolkit, auth_config, auth_config_disabled, status, reason, \
             is_disabled, shared, condition, first_seen_at) SELECT 'u' || n, 'ca_' || n, 'toolkit' || (n % 40), \
             'ac_' || (n % 60), 0, 'ACTIVE', 'none', 0, 0, 'healthy', {BEGIN_MS}"
        ),
    );
    let notices = [(0, 0), (1, 3), (2, 10)].map(|(number, days)| breakages.notice(number, days));
    let about = [breakages.incidents()].into_iter().chain(breakages.changes()).chain(notices.into_iter().flatten());
    for statement in about.chain(breakages.pages()) {
        insert(breakages.all - 1, &statement);
    }
    insert(
        QUARTERS * 91 * 4 - 1,
        &format!(
            "INSERT INTO runs (run_id, state, started_at, updated_at, finished_at, baseline, scan_done, holder, counters) \
             SELECT 'r' || n, 'finished', {BEGIN_MS} + n * 6 * {HOUR_MS}, 0, {BEGIN_MS} + n * 6 * {HOUR_MS} + 60000, 0, 1, \
             'h', '{{}}'"
        ),
    );
    // On SQLite nothing is analysed: the product does not do it either, and PostgreSQL does it by itself.
    let analyse = if url.starts_with("sqlite") { "" } else { "ANALYZE;\n" };
    script + "COMMIT;\n" + analyse
}

/// The report about so many days, with the days before to compare with, and how long it took.
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
    let (headline, funnel) = (&report.headline, &report.funnel);
    assert!(headline.newly_broken.abs_diff(opened) <= opened / 50 + 2, "{headline:?}");
    assert!(headline.active_at_start > all * 9 / 10 && headline.active_at_start <= all, "{headline:?}");
    assert!(headline.recovered > opened / 2 && headline.delivered > opened / 2, "{headline:?}");
    assert!(headline.gone > opened / 40 && headline.open > 0, "{headline:?}");
    assert!(report.previous.as_ref().is_some_and(|before| before.newly_broken > opened / 2), "{:?}", report.previous);
    assert!(funnel.link_opened.unwrap() > opened / 5 && funnel.attempt_started.unwrap() > opened / 10, "{funnel:?}");
    let after: Vec<_> = report.brought_back.iter().map(|of| of.after_notice).collect();
    assert!([0, 1, 2].iter().all(|number| after.contains(&Some(*number))), "{after:?}");
    assert_eq!(report.brought_back.iter().map(|of| of.recovered).sum::<u64>(), headline.recovered);
    assert!(report.reconnect_curve.len() <= 192 && report.auth_configs.len() == 20 && report.toolkits.len() == 40);
    assert!(report.breakages.len() <= 80 && report.cohorts.len() <= 54 && report.trend.len() <= 26);
}

/// What this process has in memory now (`VmRSS`), or had at most since it was last forgotten (`VmHWM`), in kB.
fn memory_kb(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn a_report_never_looks_through_history_again_for_each_incident() {
    const ACCOUNTS: u32 = 20_000;
    for raw in Raw::both().await {
        execute(&raw.url, &seed(&raw.url, ACCOUNTS)).await;
        for days in [7, 365] {
            let (report, took) = timed(&raw, days).await;
            is_whole_and_short(&report, ACCOUNTS, days);
            assert!(took < Duration::from_secs(20), "{}, {days} days: {took:?}", raw.url);
        }
    }
}

#[tokio::test]
#[ignore = "seeds a million accounts; says how long a report takes"]
async fn a_million_accounts_and_two_years_are_reported_within_seconds() {
    let accounts = std::env::var("RECONNECTD_TEST_ACCOUNTS").map_or(1_000_000, |accounts| accounts.parse().unwrap());
    for raw in Raw::both().await.into_iter().rev() {
        let database = raw.url.split(':').next().unwrap();
        let seeding = tokio::time::Instant::now();
        execute(&raw.url, &seed(&raw.url, accounts)).await;
        println!("{database}: seeded in {:?}", seeding.elapsed());
        for (days, bound) in BOUNDS {
            // From now on the most is counted anew (proc(5)); where that is not allowed, the most is that of the seeding.
            std::fs::write("/proc/self/clear_refs", "5").ok();
            let before = memory_kb("VmRSS");
            let (report, took) = timed(&raw, days).await;
            let grown = memory_kb("VmHWM").saturating_sub(before);
            println!("{database}: {days} days in {took:?}, {} MB more ({:?})", grown / 1024, report.headline);
            is_whole_and_short(&report, accounts, days);
            assert!(took < bound, "{database}, {days} days: {took:?}");
            assert!(grown < MOST_MEMORY_KB, "{database}, {days} days: {grown} kB more");
        }
    }
}
