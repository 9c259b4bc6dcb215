//! What runs count, and what they say of what they depend on.

use std::sync::Arc;
use std::time::Duration;

use reconnectd::domain::{ChannelName, FailureClass, JobName, UserId};
use reconnectd::ports::{ProviderError, SendError};
use reconnectd::telemetry::Metrics;
use reconnectd::telemetry::health::Dependency;

use super::value;
use crate::walks::{break_slack, seen_working};

#[tokio::test]
async fn a_run_counts_what_it_did_and_no_more() {
    let mut rig = seen_working(&["u1", "u2", "u3"]).await;
    rig.channels = vec!["email"];
    break_slack(&rig, "u1");
    rig.world.provider_fails(|user| {
        (user.as_str() == "u3").then(|| ProviderError::Unavailable { attempts: 5, last: "HTTP 502".into() })
    });
    let failing = SendError { class: FailureClass::Transient, detail: "421 later".into() };
    rig.world.next_sends([Err(failing)]);
    rig.run().await;
    let count = |name: &str, labels: &[&str]| value(&rig.metrics, name, labels).unwrap();
    for (name, labels, expected) in [
        ("reconnectd_users_scanned", &["complete"][..], 5.0), // Three of the first run, two of this one.
        ("reconnectd_users_scanned", &["unknown"], 1.0),
        ("reconnectd_users_scanned", &["unqueryable"], 0.0),
        ("reconnectd_incidents_opened", &[], 1.0),
        ("reconnectd_incidents_closed", &[], 0.0),
        ("reconnectd_notices_planned", &["first"], 1.0),
        ("reconnectd_notices_planned", &["reminder"], 0.0),
        ("reconnectd_delivery_attempts", &["email", "retry"], 1.0),
        ("reconnectd_delivery_attempts", &["email", "delivered"], 1.0),
        ("reconnectd_detect_to_notify_seconds", &["email"], 1.0),
        ("reconnectd_job_ends", &["audit", "done"], 1.0),
        ("reconnectd_job_ends", &["audit", "failed"], 1.0), // One of three is unknown.
        ("reconnectd_job_running", &["audit"], 0.0),
        ("reconnectd_stage_duration_seconds", &["scan"], 2.0),
        ("reconnectd_stage_duration_seconds", &["deliver"], 2.0),
        ("reconnectd_audit_users_expected", &[], 0.0),
    ] {
        assert_eq!(count(name, labels).to_string(), expected.to_string(), "{name}{labels:?}");
    }
    rig.later(Duration::from_hours(1));
    rig.deliver().await;
    assert_eq!(value(&rig.metrics, "reconnectd_job_ends", &["deliver", "done"]), Some(1.0));
    let silenced = |rig: &crate::support::rig::Rig| value(&rig.metrics, "reconnectd_silenced", &["ladder_done"]);
    assert_eq!(silenced(&rig), Some(1.0), "decided about once more, and silent");
}

#[tokio::test]
async fn what_is_used_says_how_it_fares_and_since_when() {
    let mut rig = seen_working(&["u1"]).await;
    rig.channels = vec!["email"];
    break_slack(&rig, "u1");
    rig.world.failing_on("email", Some(FailureClass::Transient));
    rig.run().await;
    let email = ChannelName::new("email");
    let state = || rig.metrics.health().of(Dependency::Channel(&email)).unwrap();
    let down = state();
    assert!(!down.up && !down.reason.is_empty() && down.last_success.is_none(), "{down:?}");
    assert_eq!(value(&rig.metrics, "reconnectd_dependency_up", &["email"]), Some(0.0));
    assert_eq!(value(&rig.metrics, "reconnectd_dependency_up", &["state"]), Some(1.0));
    rig.world.failing_on("email", None);
    rig.later(Duration::from_hours(12));
    rig.deliver().await;
    let up = state();
    assert!(up.up && up.reason.is_empty() && up.since > down.since, "{up:?}");
}

#[tokio::test]
async fn an_audit_in_which_nobody_answered_is_no_success() {
    let rig = seen_working(&["u1", "u2"]).await;
    let down = |_: &UserId| Some(ProviderError::Unavailable { attempts: 5, last: "HTTP 502".into() });
    for (failed, done) in [(1.0, 1.0), (2.0, 1.0)] {
        rig.world.provider_fails(down);
        rig.run().await;
        assert_eq!(value(&rig.metrics, "reconnectd_job_ends", &["audit", "failed"]), Some(failed));
        assert_eq!(value(&rig.metrics, "reconnectd_job_ends", &["audit", "done"]), Some(done));
        let job = rig.store.begin_read().await.unwrap().jobs().await.unwrap();
        let audit = job.into_iter().find(|row| row.job == JobName::Audit).unwrap();
        assert_eq!(f64::from(u32::try_from(audit.failures).unwrap()).to_string(), failed.to_string());
    }
}

#[tokio::test]
async fn channels_come_and_go_with_the_configuration() {
    let metrics = Arc::new(Metrics::new());
    let (email, hook) = (ChannelName::new("email"), ChannelName::new("webhook:crm"));
    let health = metrics.health();
    health.announce(Dependency::State);
    health.expect_channels(std::slice::from_ref(&email));
    health.fails(Dependency::Channel(&email), "connection refused", reconnectd::domain::from_millis(1));
    assert_eq!(value(&metrics, "reconnectd_dependency_up", &["email"]), Some(0.0));
    health.expect_channels(std::slice::from_ref(&hook));
    metrics.expect_channels([hook.as_str()]);
    assert_eq!(value(&metrics, "reconnectd_dependency_up", &["email"]), None, "nobody can mend it any more");
    assert_eq!(value(&metrics, "reconnectd_dependency_up", &["webhook:crm"]), Some(1.0));
    assert_eq!(value(&metrics, "reconnectd_dependency_up", &["state"]), Some(1.0));
    assert_eq!(value(&metrics, "reconnectd_delivery_attempts", &["webhook:crm", "delivered"]), Some(0.0));
}

#[tokio::test]
async fn a_run_that_fails_is_counted_as_failed() {
    let rig = seen_working(&["u1"]).await;
    rig.world.provider_fails(|_| Some(ProviderError::Unauthorized { status: 401, detail: String::new() }));
    rig.try_run().await.unwrap_err();
    assert_eq!(value(&rig.metrics, "reconnectd_job_ends", &["audit", "failed"]), Some(1.0));
    assert_eq!(value(&rig.metrics, "reconnectd_job_running", &["audit"]), Some(0.0));
    assert_eq!(value(&rig.metrics, "reconnectd_dependency_up", &["state"]), Some(1.0));
}
