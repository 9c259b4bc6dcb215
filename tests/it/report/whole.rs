//! A report of more rows than it reads is an error, not a smaller report.

use reconnectd::report::reconnect::ReportError;
use reconnectd::store::StoreError;

use super::large::numbers;
use super::*;

/// As many toolkits are too many.
const MOST: u32 = 50_000;

#[tokio::test]
async fn figures_are_summed_up_from_everything_or_not_at_all() {
    let opened = MONDAY_MS - DAY_MS;
    for raw in Raw::both().await {
        for rows in [
            "incidents (incident_id, user_id, toolkit, account_id, opened_at, broke_at, baseline, run_id) \
             SELECT 'in' || n, 'u' || n, 'toolkit' || n, 'ca' || n, {at}, {at}, 0, 'r'",
            "accounts (user_id, account_id, toolkit, auth_config, auth_config_disabled, status, reason, is_disabled, shared, \
             condition, first_seen_at) SELECT 'u' || n, 'ca' || n, 'toolkit' || n, 'ac', 0, 'X', 'none', 0, 0, 'healthy', 0",
        ] {
            raw.hold(&History::default()).await;
            let rows = rows.replace("{at}", &opened.to_string());
            let numbers = numbers(&raw.url, MOST);
            let insert = async |which: &str| {
                execute(&raw.url, &format!("{numbers} INSERT INTO {rows} FROM numbers WHERE {which};")).await;
                reconnect_report(&raw.store, periods(0)[0], now()).await
            };
            let report = insert("n > 1").await.unwrap();
            assert_eq!(report.headline.newly_broken + report.headline.active_at_start, u64::from(MOST) - 1);
            let error = insert("n = 1").await.unwrap_err();
            assert!(
                matches!(&error, ReportError::Store(StoreError::Unreadable(what)) if what.contains("50000")),
                "{error}"
            );
        }
    }
}
