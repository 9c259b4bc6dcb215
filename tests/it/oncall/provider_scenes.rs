//! What goes wrong between us and the directory or Composio.

use reconnectd::domain::{AccountId, UserId};
use reconnectd::simulator::Fault;
use serde_json::json;

use super::{after_command, after_once, prometheus, quiet_night, says};

/// Nothing listens on this port: it is reserved, and only root could.
const CLOSED: &str = "http://127.0.0.1:1/";

#[tokio::test]
async fn a_refused_key_is_named_with_what_to_do() {
    let mut setup = quiet_night().await;
    setup.text("composio.api_key", "ak_revoked");
    let evidence = after_once(&setup, 3).await;
    evidence.fires("ReconnectdKeyRefused", 5);
    let line = evidence.line("run.failed", &[("exit_code", json!(3)), ("level", json!("error"))]);
    says(line, "Replace the key before the next run");
    says(line, "401");
}

#[tokio::test]
async fn users_nobody_could_ask_about_are_named() {
    let setup = quiet_night().await;
    setup.broken_user("unlucky").await;
    setup.simulator.fail_user(&UserId::new("unlucky"), Fault::Status(400));
    let evidence = after_once(&setup, 1).await;
    evidence.fires("ReconnectdScanCoverageLow", 130);
    let line = evidence.line("scan.user_unknown", &[("user", json!("unlucky")), ("reason", json!("rejected"))]);
    says(line, "what was known before still stands");
    evidence.line("run.finished", &[("complete", json!(false)), ("users_unknown", json!(1))]);
}

#[tokio::test]
async fn a_storm_names_its_auth_config_and_the_commands_that_decide() {
    let mut setup = quiet_night().await;
    setup.set("storm.min", "2");
    let users = ["ann", "ben", "cleo"];
    for user in users {
        setup.user(user).await;
        setup.works(user, "slack");
    }
    setup.once(0).await;
    for user in users {
        setup.breaks(&AccountId::new(format!("ca_{user}_slack")));
    }
    let evidence = after_once(&setup, 0).await;
    evidence.fires("ReconnectdStormHeld", 5);
    let line = evidence.line("storm.held", &[("scope", json!("auth_config")), ("subject", json!("ac_slack"))]);
    assert_eq!((&line["broken"], &line["level"]), (&json!(3), &json!("error")));
    says(line, "`reconnectd storm release` or `storm discard`");
}

#[tokio::test]
async fn a_status_from_the_future_is_quoted() {
    let setup = quiet_night().await;
    setup.user("early").await;
    let account = setup.works("early", "slack");
    assert!(setup.simulator.world().set_status(&account, "HIBERNATING", None));
    let evidence = after_once(&setup, 0).await;
    evidence.fires("ReconnectdUnknownStatus", 65);
    let line = evidence.line("operator.attention", &[("reason", json!("unknown_status")), ("user", json!("early"))]);
    assert_eq!((&line["status"], &line["account"]), (&json!("HIBERNATING"), &json!(account.as_str())));
}

/// One failure: a dependency is down. Three: the job fails. Three hours of it: no successful audit.
#[tokio::test]
async fn a_provider_that_is_away_is_named_first_as_a_dependency_then_by_its_job_then_by_the_audits_it_cost() {
    let mut setup = quiet_night().await;
    setup.text("composio.base_url", CLOSED);
    let evidence = after_once(&setup, 1).await;
    // An audit that nobody answered is no success.
    assert!(evidence.after.contains("reconnectd_job_failures{job_name=\"audit\"} 1"), "{}", evidence.after);
    evidence.fires("ReconnectdDependencyDown", 20);
    assert!(evidence.after.contains("reconnectd_dependency_up{dependency=\"provider\"} 0"), "{}", evidence.after);
    evidence.fires("ReconnectdNoSuccessfulAudit", 190);
    let line = evidence.line("scan.user_unknown", &[("user", json!("quiet")), ("reason", json!("unavailable"))]);
    says(line, "the provider is unavailable");
    says(line, "connection refused");
    evidence.line("run.finished", &[("complete", json!(false)), ("level", json!("warn"))]);
    // Twenty in a row without an answer end the run; so far one user was left out and the run went on.
    setup.set("composio.users_per_request", "1");
    for number in 0..25 {
        setup.user(&format!("u{number}")).await;
    }
    setup.run(&["once"]).await.expect(1);
    let third = after_command(&setup, evidence.after.clone(), &["once"], 1).await;
    third.fires("ReconnectdJobFailing", 5);
    let line = third.line("run.failed", &[("exit_code", json!(1)), ("level", json!("error"))]);
    says(line, "The next run goes on");
    says(line, "connection refused");
}

/// One pause of three seconds in an audit of little more. That the limit is used up is said when it goes on like that: the
/// seconds that were waited per second of the audit, as shown, for an hour of the daemon.
#[tokio::test]
async fn a_budget_that_others_use_up_is_said_with_what_asked_for_the_pause() {
    let mut setup = quiet_night().await;
    setup.set("composio.max_attempts", "5");
    setup.simulator.change(|settings| settings.faults.retry_after = std::time::Duration::from_secs(3));
    setup.simulator.fail_next(Fault::RateLimited, 1);
    let evidence = after_once(&setup, 0).await;
    let line = evidence.line("provider.paused", &[("reason", json!("retry_after"))]);
    assert!(line["duration_ms"].as_u64().unwrap() > 2_000, "{line}");
    let series = |name: &str| -> f64 {
        let value = evidence.after.lines().find_map(|line| line.strip_prefix(name));
        value.unwrap_or_else(|| panic!("no {name}: {}", evidence.after)).trim().parse().unwrap()
    };
    let waited = series("reconnectd_provider_wait_seconds_total{why=\"pause\"}");
    let took = series("reconnectd_job_last_duration_seconds{job_name=\"audit\"}");
    assert!(waited >= 3.0 && waited <= took, "{waited} s of {took} s");
    let per_minute = 60.0 * waited / took;
    let more = format!(
        "      - {{ series: 'reconnectd_job_interval_seconds{{job=\"reconnectd\",job_name=\"audit\"}}', values: '3600x300' }}\n      \
         - {{ series: 'reconnectd_provider_wait_seconds_total{{job=\"reconnectd\",why=\"pause\"}}', values: '0+{per_minute}x300' }}\n"
    );
    let firing = prometheus::firing("", "", 60, &more);
    assert!(firing.contains("ReconnectdBudgetStarved"), "{firing:?}");
}
