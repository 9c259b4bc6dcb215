//! The provider refuses our key: the operator is told once, in the run that meets it, and again only after it was taken.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::collections::HashMap;
use std::time::Duration;

use reconnectd::domain::{EventKind, FailureClass, OperatorEvent, UserId};
use reconnectd::pipeline::RunError;
use reconnectd::ports::{ProviderError, Receipt, SendError};

use crate::support::databases::postgres_database;
use crate::support::rig::{Rig, works};
use crate::walks::{break_slack, seen_working};

#[expect(clippy::unnecessary_wraps, reason = "what the provider's hook gives")]
fn unauthorized(_: &UserId) -> Option<ProviderError> {
    Some(ProviderError::Unauthorized { status: 401, detail: " [invalid_api_key]".into() })
}

/// Two channels for the operator besides mail.
fn with_operators(rig: &mut Rig) {
    let events = vec![EventKind::KeyRefused];
    rig.channels = vec!["email", "webhook:ops", "slack"];
    rig.carries = HashMap::from([("webhook:ops", events.clone()), ("slack", events)]);
}

/// Who was told of the key since the last look, sorted.
fn told(rig: &Rig) -> Vec<String> {
    let mut told: Vec<String> = rig
        .world
        .take_events()
        .into_iter()
        .map(|(channel, notice)| match notice.event {
            OperatorEvent::KeyRefused { status, detail } => format!("{channel} {status} {detail}"),
            other => format!("{channel} {other:?}"),
        })
        .collect();
    told.sort();
    told
}

const BOTH: [&str; 2] = ["slack 401 [invalid_api_key]", "webhook:ops 401 [invalid_api_key]"];
const NOBODY: [&str; 0] = [];

async fn one_row_of_refusals_is_told_once(mut rig: Rig) {
    with_operators(&mut rig);
    rig.world.provider_fails(unauthorized);
    assert!(rig.try_run().await.unwrap_err().is_unauthorized());
    assert_eq!(told(&rig), BOTH, "in the same run");
    for _ in 0..3 {
        rig.later(Duration::from_hours(1));
        assert!(rig.try_run().await.unwrap_err().is_unauthorized());
    }
    assert_eq!(told(&rig), NOBODY);

    // An outage says nothing of the key.
    rig.world.provider_fails(|_| Some(ProviderError::Unavailable { attempts: 5, last: "HTTP 503".into() }));
    rig.later(Duration::from_hours(7));
    assert!(!rig.run().await.complete);
    rig.world.provider_fails(unauthorized);
    rig.later(Duration::from_hours(7));
    assert!(rig.try_run().await.is_err());
    assert_eq!(told(&rig), NOBODY);

    // Taken again; the next row of refusals is news.
    rig.world.provider_recovers();
    rig.later(Duration::from_hours(7));
    assert!(rig.run().await.complete);
    rig.world.provider_fails(unauthorized);
    rig.later(Duration::from_hours(7));
    assert!(rig.try_run().await.is_err());
    assert_eq!(told(&rig), BOTH);
}

async fn a_working_user(rig: Rig) -> Rig {
    rig.world.user("u1");
    rig.world.put(works("u1", "ca_u1", "slack"));
    rig.run().await;
    rig.later(Duration::from_hours(24));
    rig
}

#[tokio::test]
async fn one_row_of_refusals_is_told_once_on_sqlite() {
    one_row_of_refusals_is_told_once(a_working_user(Rig::new().await).await).await;
}

#[tokio::test]
async fn one_row_of_refusals_is_told_once_on_postgres() {
    let rig = Rig::over(&postgres_database().await).await;
    one_row_of_refusals_is_told_once(a_working_user(rig).await).await;
}

#[tokio::test]
async fn of_many_processes_that_are_refused_at_once_one_tells() {
    for url in [None, Some(postgres_database().await)] {
        let rig = match url {
            None => Rig::new().await,
            Some(url) => Rig::over(&url).await,
        };
        let mut rig = a_working_user(rig).await;
        break_slack(&rig, "u1");
        // Something is due, so that delivering asks the provider.
        rig.world.failing_on("email", Some(FailureClass::Transient));
        rig.channels = vec!["email"];
        rig.run().await;
        rig.world.failing_on("email", None);
        rig.world.take_sent();
        with_operators(&mut rig);
        rig.world.provider_fails(unauthorized);
        rig.later(Duration::from_hours(2));
        let pipelines: Vec<_> = (0..4).map(|_| rig.pipeline()).collect();
        let refused = futures_util::future::join_all(pipelines.iter().map(|p| Box::pin(p.deliver_only()))).await;
        assert!(refused.iter().any(|outcome| outcome.as_ref().is_err_and(RunError::is_unauthorized)));
        assert_eq!(told(&rig), BOTH);
        assert_eq!(rig.world.take_sent().len(), 0, "and nobody else is told anything");
    }
}

#[tokio::test]
async fn what_could_not_be_told_is_told_by_the_next_run_that_is_refused() {
    let mut rig = seen_working(&["u1"]).await;
    with_operators(&mut rig);
    rig.channels = vec!["email", "webhook:ops"];
    rig.world.provider_fails(unauthorized);
    let down = || Err::<Receipt, _>(SendError { class: FailureClass::Transient, detail: "HTTP 503".into() });
    rig.world.next_sends((0..12).map(|_| down()));
    assert!(rig.try_run().await.is_err());
    assert!(!told(&rig).is_empty());
    rig.world.next_sends([]);
    rig.later(Duration::from_hours(12));
    assert!(rig.try_run().await.is_err());
    assert_eq!(told(&rig).last().map(String::as_str), Some(BOTH[1]));
}

#[tokio::test]
async fn users_notices_wait_while_the_operator_is_told() {
    let mut rig = seen_working(&["u1"]).await;
    break_slack(&rig, "u1");
    with_operators(&mut rig);
    // The audit sees the breakage; the last look before sending is refused.
    let asked = std::sync::atomic::AtomicU32::new(0);
    rig.world.provider_fails(move |user| {
        let before = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        if before == 0 { None } else { unauthorized(user) }
    });
    assert!(rig.try_run().await.unwrap_err().is_unauthorized());
    assert_eq!(told(&rig), BOTH);
    assert_eq!(rig.world.take_sent().len(), 0);
    rig.world.provider_recovers();
    rig.later(Duration::from_hours(1));
    assert_eq!(rig.run().await.counters.deliveries_sent, 3, "what waited, on every channel");
}

#[tokio::test]
async fn one_look_at_the_key_begins_and_ends_a_row_of_refusals_like_a_run() {
    let mut rig = a_working_user(Rig::new().await).await;
    with_operators(&mut rig);
    let refused = unauthorized(&UserId::new("u1")).unwrap();
    for expected in [&BOTH[..], &NOBODY] {
        rig.pipeline().note_look_at_key(rig.now(), Err(&refused)).await;
        assert_eq!(told(&rig), expected);
        rig.later(Duration::from_mins(1));
    }
    rig.pipeline().note_look_at_key(rig.now(), Ok(())).await;
    assert_eq!(refused_at(&rig).await, None);
    rig.pipeline().note_look_at_key(rig.now(), Err(&refused)).await;
    assert_eq!(told(&rig), BOTH);
}

/// Since when the key is refused, as stored.
async fn refused_at(rig: &Rig) -> Option<reconnectd::domain::Timestamp> {
    let mut work = rig.store.begin_read().await.unwrap();
    work.key_refused_at().await.unwrap()
}

/// A run whose requests were taken before another process was refused knows nothing of now.
#[tokio::test]
async fn what_was_taken_before_the_refusal_does_not_end_it() {
    let rig = a_working_user(Rig::new().await).await;
    let refused = rig.now() + chrono::TimeDelta::seconds(1);
    let mut work = rig.store.begin().await.unwrap();
    assert!(work.key_refused(refused).await.unwrap());
    work.commit().await.unwrap();
    rig.run().await;
    assert_eq!(refused_at(&rig).await, Some(refused));
    rig.later(Duration::from_mins(1));
    rig.run().await;
    assert_eq!(refused_at(&rig).await, None);
}
