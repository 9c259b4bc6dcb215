//! Attempts in both databases: one at a time, given up by the right clock, and known for what they are.

use std::time::Duration;

use chrono::TimeDelta;
use reconnectd::domain::{AccountId, AttemptId, AuthConfigId, IncidentId, LinkId, UserId, from_millis};
use reconnectd::store::{AttemptClaim, AttemptPage, AttemptState, NewAttempt, Store};

use crate::support::databases::on_both;
use crate::support::rig::START_MS;

fn attempt(number: u8) -> NewAttempt {
    NewAttempt {
        id: AttemptId::from_bytes([number; 16]),
        link: LinkId::from_bytes([1; 16]),
        incident: IncidentId::new("incident"),
        user: UserId::new("mary"),
        auth_config: AuthConfigId::new("ac_slack"),
    }
}

#[tokio::test]
async fn one_attempt_at_a_time_and_every_account_remembered() {
    on_both(async |store: Store| {
        let (now, hold) = (from_millis(START_MS), Duration::from_secs(45));
        let until = now + TimeDelta::minutes(10);
        let page = |account: &str| AttemptPage {
            account: AccountId::new(account),
            address: Some("sealed".to_owned()),
            expires_at: until,
        };
        let claim = async |number, hold, now| {
            let mut work = store.begin().await.unwrap();
            let claim = work.claim_attempt(&attempt(number), hold, now).await.unwrap();
            work.commit().await.unwrap();
            claim
        };
        let made = async |number, account: &str| {
            let mut work = store.begin().await.unwrap();
            let ours = work.attempt_made(&attempt(number).id, &page(account)).await.unwrap();
            work.commit().await.unwrap();
            ours
        };
        let ended = async |number, state| {
            let mut work = store.begin().await.unwrap();
            let changed = work.end_attempt(&attempt(number).id, state, now).await.unwrap();
            work.commit().await.unwrap();
            changed
        };
        let found = async |number| {
            let mut work = store.begin_read().await.unwrap();
            work.reconnect_attempt(&attempt(number).id).await.unwrap().unwrap()
        };
        assert_eq!(claim(1, hold, now).await, AttemptClaim::Ours);
        assert_eq!(claim(2, hold, now).await, AttemptClaim::Busy);
        assert!(made(1, "ca_1").await);
        let AttemptClaim::Live(live) = claim(2, hold, now).await else { panic!("it is live") };
        assert_eq!((live.id, live.address.as_deref()), (attempt(1).id, Some("sealed")));
        // The page's time is over: by our clock, as the provider dated it.
        assert_eq!(claim(2, Duration::ZERO, until).await, AttemptClaim::Ours);
        assert_eq!((found(1).await.state, found(1).await.address), (AttemptState::Expired, None));
        // Whoever claimed the second has died: the database's clock says so. Their late word is kept, and sends nobody.
        assert_eq!(claim(3, hold, now).await, AttemptClaim::Ours);
        assert!(!made(2, "ca_2").await);
        assert_eq!((found(2).await.state, found(2).await.address), (AttemptState::Lost, None));
        assert!(made(3, "ca_3").await);
        assert!(ended(3, AttemptState::Succeeded).await);
        for state in [AttemptState::Succeeded, AttemptState::Failed, AttemptState::Expired] {
            assert!(!ended(3, state).await, "success is final");
        }
        assert_eq!((found(3).await.state, found(3).await.address), (AttemptState::Succeeded, None));
        assert!(ended(1, AttemptState::Succeeded).await, "who comes back late may have succeeded");
        let mut work = store.begin_read().await.unwrap();
        let mut known: Vec<String> = work
            .attempted_accounts(&[UserId::new("mary"), UserId::new("bob")])
            .await
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        known.sort();
        assert_eq!(known, ["ca_1", "ca_2", "ca_3"]);
        assert!(work.attempted_accounts(&[UserId::new("bob")]).await.unwrap().is_empty());
    })
    .await;
}
