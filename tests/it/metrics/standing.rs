//! What is read from the state database: the same on both, and the same in another process.

use std::sync::Arc;

use reconnectd::domain::{FailureClass, JobName, ReasonHint};
use reconnectd::ports::{ProviderError, SendError};
use reconnectd::telemetry::Metrics;

use reconnectd::report::TruthReader;

use super::{reader, value};
use crate::support::databases::{postgres_database, sqlite_path};
use crate::support::rig::Rig;
use crate::support::world::{broken, works};

/// Two users work at first; then u1's Slack breaks, its mail is refused for good, and u2 cannot be asked about.
async fn lived(url: &str) -> Rig {
    let mut rig = Rig::over(url).await;
    rig.channels = vec!["email"];
    for user in ["u1", "u2"] {
        rig.world.user(user);
        rig.world.put(works(user, &format!("ca_{user}"), "slack"));
    }
    rig.run().await;
    rig.later(std::time::Duration::from_hours(24));
    let now = rig.now();
    rig.world.change("u1", "ca_u1", |account| {
        *account = broken(account.clone(), now);
        account.reason = ReasonHint::RefreshRefused;
    });
    rig.world.provider_fails(|user| {
        (user.as_str() == "u2").then(|| ProviderError::Unavailable { attempts: 5, last: "HTTP 502".into() })
    });
    rig.world.next_sends([Err(SendError { class: FailureClass::Refused, detail: "550 no".into() })]);
    rig.run().await;
    rig
}

#[tokio::test]
async fn how_things_stand_survives_the_process_and_is_the_same_on_both_databases() {
    let (_folder, path) = sqlite_path();
    for url in [format!("sqlite://{}", path.display()), postgres_database().await] {
        let rig = lived(&url).await;
        // Another process, which has counted nothing.
        let metrics = Arc::new(Metrics::new());
        let reader = reader(&metrics);
        reader.read_from(rig.store.clone()).await;
        assert!(reader.refresh().await);
        let seconds = f64::from(u32::try_from(rig.now().timestamp()).unwrap());
        for (name, labels, expected) in [
            ("reconnectd_state_readable", &[][..], 1.0),
            ("reconnectd_incidents_open", &["slack", "refresh_refused"], 1.0),
            ("reconnectd_incidents_decided", &["first_notice"], 1.0),
            ("reconnectd_incidents_decided", &["undecided"], 0.0),
            ("reconnectd_outbox_deliveries", &["email", "dead"], 1.0),
            ("reconnectd_outbox_deliveries", &["email", "pending"], 0.0),
            ("reconnectd_outbox_oldest_age_seconds", &["email"], 0.0),
            ("reconnectd_last_audit_users", &["scanned"], 2.0),
            ("reconnectd_last_audit_users", &["unknown"], 1.0),
            ("reconnectd_last_audit_coverage_ratio", &[], 0.5),
            ("reconnectd_accounts", &["broken"], 1.0),
            ("reconnectd_accounts_unknown_status", &[], 0.0),
            // The second audit did not know one of two.
            ("reconnectd_job_last_success_timestamp_seconds", &["audit"], seconds - 86_400.0),
            ("reconnectd_job_last_failure_timestamp_seconds", &["audit"], seconds),
            ("reconnectd_outbox_oldest_due_timestamp_seconds", &["email"], 0.0),
            ("reconnectd_key_refused_since_timestamp_seconds", &[], 0.0),
            ("reconnectd_job_last_success_timestamp_seconds", &["deliver"], 0.0),
            ("reconnectd_job_failures", &["audit"], 1.0),
            ("reconnectd_storms_held", &[], 0.0),
            ("reconnectd_channel_state", &["email", "disabled"], 0.0),
            ("reconnectd_suppressions", &["operator"], 0.0),
        ] {
            assert_eq!(value(&metrics, name, labels), Some(expected), "{name}{labels:?} on {url}");
        }
        let mut work = rig.store.begin_read().await.unwrap();
        let standing = work.standing(rig.now()).await.unwrap();
        assert_eq!((standing.incidents_open(), standing.coverage()), (1, Some(0.5)));
        assert_eq!(standing.jobs.iter().map(|row| row.job).collect::<Vec<_>>(), [JobName::Audit]);
        assert_eq!(standing.last_audit, standing.newest_run);
        drop(work);
        rig.store.close().await;
    }
}

#[tokio::test]
async fn since_when_the_key_is_refused_and_something_is_due_are_instants_that_stand_still() {
    let mut rig = Rig::new().await;
    rig.channels = vec!["email"];
    rig.world.user("u1");
    rig.world.put(works("u1", "ca_u1", "slack"));
    rig.run().await;
    let now = rig.now();
    rig.world.change("u1", "ca_u1", |account| *account = broken(account.clone(), now));
    rig.world.failing_on("email", Some(FailureClass::Transient));
    rig.later(std::time::Duration::from_hours(24));
    rig.run().await;
    rig.world.provider_fails(|_| Some(ProviderError::Unauthorized { status: 401, detail: String::new() }));
    rig.later(std::time::Duration::from_hours(24));
    let refused = rig.now();
    rig.try_run().await.unwrap_err();
    let mut work = rig.store.begin_read().await.unwrap();
    let due = work.standing(rig.now()).await.unwrap().outbox[0].first_due_at.unwrap();
    drop(work);
    for hours in [48, 72] {
        rig.later(std::time::Duration::from_hours(24));
        let (metrics, wall) = (Arc::new(Metrics::new()), rig.now());
        let channels = vec![reconnectd::domain::ChannelName::new("email")];
        let reader = TruthReader::new(Arc::clone(&metrics), Arc::new(move || wall));
        reader.expect_channels(channels);
        reader.read_from(rig.store.clone()).await;
        assert!(reader.refresh().await);
        for (name, labels, expected) in [
            ("reconnectd_key_refused_since_timestamp_seconds", &[][..], refused),
            ("reconnectd_outbox_oldest_due_timestamp_seconds", &["email"], due),
        ] {
            let expected = f64::from(u32::try_from(expected.timestamp()).unwrap());
            let found = value(&metrics, name, labels).unwrap();
            assert!((found - expected).abs() < 1.0, "{name} after {hours} hours: {found}, not {expected}");
        }
    }
}

#[tokio::test]
async fn a_state_that_cannot_be_read_leaves_no_stale_truth() {
    let rig = Rig::new().await;
    let metrics = Arc::new(Metrics::new());
    let reader = reader(&metrics);
    assert!(!reader.refresh().await, "not open yet");
    assert_eq!(value(&metrics, "reconnectd_state_readable", &[]), Some(0.0));
    assert_eq!(value(&metrics, "reconnectd_storms_held", &[]), None);
    reader.read_from(rig.store.clone()).await;
    assert!(reader.refresh().await);
    assert_eq!(value(&metrics, "reconnectd_storms_held", &[]), Some(0.0));
    rig.store.close().await;
    reader.read_from(rig.store.clone()).await;
    assert!(!reader.refresh().await, "closed");
    assert_eq!(value(&metrics, "reconnectd_storms_held", &[]), None);
    assert_eq!(value(&metrics, "reconnectd_dependency_up", &["state"]), Some(0.0));
}
