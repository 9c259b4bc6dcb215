//! One suite for both state databases: what the rest relies on, most of all that a second notice cannot be
//! written and that a delivery is worked on by one worker at a time.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::collections::BTreeSet;
use std::time::Duration;

use reconnectd::domain::{
    AccountId, AuthConfigId, ChannelName, CloseEvidence, Condition, DeliveryId, IncidentId, NoticeKind, NotificationId,
    ReasonHint, RunId, Timestamp, ToolkitSlug, UserId, from_millis,
};
use reconnectd::store::{
    Cause, ClaimedDelivery, Due, IncidentClose, KnownAccount, LeaseHeld, NewDelivery, NewIncident, NewNotification,
    PlannedItem, SeenUser, Settlement, Store, StoreError,
};

use crate::support::databases::{on_both, postgres_database, sqlite_path};
use crate::support::rig::{START_MS, broken, works};

const TTL: Duration = Duration::from_mins(1);

fn now() -> Timestamp {
    from_millis(START_MS)
}

fn run() -> RunId {
    RunId::new("run")
}

fn known(user: &str, id: &str) -> KnownAccount {
    KnownAccount {
        account: broken(works(user, id, "slack"), now()),
        condition: Condition::Broken,
        silence: None,
        first_seen_at: now(),
        last_active_at: None,
        broken_since: Some(now()),
        last_seen_at: None,
        gone_at: None,
        moved_on: None,
    }
}

fn incident(id: &str, user: &str) -> NewIncident {
    NewIncident {
        id: IncidentId::new(id),
        user: UserId::new(user),
        toolkit: ToolkitSlug::new("slack"),
        anchor: AccountId::new(format!("ca_{user}")),
        broke_at: now(),
        cause: Cause { reason: ReasonHint::RefreshRefused, auth_config: AuthConfigId::new("ac_1") },
        baseline: false,
    }
}

fn notification(id: &str, user: &str, incident: &str) -> NewNotification {
    NewNotification {
        kind: NoticeKind::Reconnect,
        id: NotificationId::new(id),
        user: UserId::new(user),
        reason: "first_notice",
        items: vec![PlannedItem { incident: IncidentId::new(incident), number: 0 }],
        deliveries: vec![NewDelivery {
            id: DeliveryId::new(format!("d-{id}")),
            channel: ChannelName::new("email"),
            outside_id: format!("<{id}@x>"),
        }],
    }
}

async fn notify(store: &Store, new: &NewNotification) -> bool {
    let mut work = store.begin().await.unwrap();
    let written = work.insert_notification(new, &run(), now()).await.unwrap();
    if written {
        work.commit().await.unwrap();
    }
    written
}

async fn claim(store: &Store, token: &str, ttl: Duration) -> Option<ClaimedDelivery> {
    let mut work = store.begin().await.unwrap();
    let email = ChannelName::new("email");
    let claimed = work.claim_delivery(&email, Due::All, token, ttl, &run(), now()).await.unwrap();
    work.commit().await.unwrap();
    claimed
}

async fn settle(store: &Store, claimed: &ClaimedDelivery, state: &'static str) -> bool {
    let settlement = Settlement {
        state,
        outcome: "sent",
        detail: "250 ok".into(),
        next_attempt_at: now(),
        put_off: false,
        failed: false,
        spent: Vec::new(),
    };
    let mut work = store.begin().await.unwrap();
    let ours = work.settle_delivery(claimed, &settlement, now()).await.unwrap();
    work.commit().await.unwrap();
    ours
}

#[tokio::test]
async fn migrating_twice_and_at_once_is_harmless() {
    let (_folder, path) = sqlite_path();
    for url in [format!("sqlite://{}", path.display()), postgres_database().await] {
        let (one, other) = (Store::open(&url).await.unwrap(), Store::open(&url).await.unwrap());
        let (first, second) = tokio::join!(one.migrate(), other.migrate());
        first.unwrap();
        second.unwrap();
        one.migrate().await.unwrap();
    }
}

#[tokio::test]
async fn a_lease_has_one_holder_and_a_late_one_is_refused() {
    on_both(async |store| {
        let take = async |holder: &str, ttl| {
            let mut work = store.begin().await.unwrap();
            let taken = work.take_lease("run", holder, ttl).await.unwrap();
            work.commit().await.unwrap();
            taken
        };
        let first = take("a", TTL).await.unwrap();
        let LeaseHeld { holder, remaining } = take("b", TTL).await.unwrap_err();
        assert_eq!(holder, "a");
        assert!(remaining > Duration::from_secs(50) && remaining <= TTL, "{remaining:?}");
        let mut work = store.begin().await.unwrap();
        work.renew_lease(&first, Duration::ZERO).await.unwrap(); // As if its holder had died a lease ago.
        work.commit().await.unwrap();
        let second = take("b", TTL).await.unwrap();
        assert!(second.token > first.token, "the fence grows with every holder");
        let mut work = store.begin().await.unwrap();
        assert!(matches!(work.renew_lease(&first, TTL).await, Err(StoreError::LeaseLost)));
        work.release_lease(&first).await.unwrap();
        work.commit().await.unwrap();
        assert_eq!(take("c", TTL).await.unwrap_err().holder, "b", "a late release takes nothing from its successor");
    })
    .await;
}

#[tokio::test]
async fn a_transaction_that_is_dropped_leaves_nothing() {
    on_both(async |store| {
        let mut work = store.begin().await.unwrap();
        work.set_meta_once("key", "dropped").await.unwrap();
        drop(work);
        let mut work = store.begin().await.unwrap();
        assert_eq!(work.meta("key").await.unwrap(), None);
        work.set_meta_once("key", "first").await.unwrap();
        work.set_meta_once("key", "second").await.unwrap();
        work.commit().await.unwrap();
        assert_eq!(store.begin_read().await.unwrap().meta("key").await.unwrap().as_deref(), Some("first"));
    })
    .await;
}

#[tokio::test]
async fn whole_pages_are_written_and_read_whatever_their_size() {
    on_both(async |store| {
        let ids: Vec<UserId> = (0..1203).map(|n| UserId::new(format!("u{n:05} é'\"%"))).collect();
        let seen = |user: &UserId| SeenUser { user: user.clone(), complete: true, outcome: "complete" };
        let accounts: Vec<KnownAccount> = ids.iter().map(|user| known(user.as_str(), "ca_1")).collect();
        for _twice in 0..2 {
            let mut work = store.begin().await.unwrap();
            work.upsert_users(ids.iter().map(seen).collect(), now(), now()).await.unwrap();
            work.upsert_accounts(&accounts).await.unwrap();
            work.commit().await.unwrap();
        }
        let mut work = store.begin_read().await.unwrap();
        assert_eq!(work.known_users(&ids).await.unwrap().len(), 1203);
        assert_eq!(work.known_accounts(&ids).await.unwrap(), accounts, "every column survives the round trip");
        assert!(work.known_users(&[UserId::new("u00000")]).await.unwrap().is_empty());
        assert!(work.known_users(&[]).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn one_incident_is_open_per_user_and_toolkit_and_closes_once() {
    on_both(async |store| {
        let mut work = store.begin().await.unwrap();
        work.upsert_accounts(&[known("u", "ca_u")]).await.unwrap();
        work.open_incidents(&[incident("i1", "u"), incident("i2", "u")], &run(), now()).await.unwrap();
        work.open_incidents(&[incident("i3", "u")], &run(), now()).await.unwrap();
        let open = work.open_incidents_of(&[UserId::new("u")]).await.unwrap();
        assert_eq!(open.len(), 1);
        let close = IncidentClose { id: open[0].incident.id.clone(), evidence: CloseEvidence::Active };
        assert!(work.close_incident(&close, now()).await.unwrap());
        assert!(!work.close_incident(&close, now()).await.unwrap(), "closed once");
        work.open_incidents(&[incident("i4", "u")], &run(), now()).await.unwrap();
        assert_eq!(work.count_open_incidents().await.unwrap(), 1, "a later breakage is a new incident");
        work.commit().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn open_incidents_are_paged_by_whole_users_in_byte_order() {
    on_both(async |store| {
        let users = ["B", "a", "b", "é", "Z"];
        let mut work = store.begin().await.unwrap();
        for user in users {
            work.upsert_accounts(&[known(user, &format!("ca_{user}"))]).await.unwrap();
            let gmail = NewIncident { toolkit: ToolkitSlug::new("gmail"), ..incident(&format!("g-{user}"), user) };
            work.open_incidents(&[incident(&format!("s-{user}"), user), gmail], &run(), now()).await.unwrap();
        }
        work.commit().await.unwrap();
        let mut work = store.begin_read().await.unwrap();
        let (mut after, mut order) = (None, Vec::new());
        loop {
            let page = work.open_incidents_page(after.as_ref(), 2).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.user.clone());
            assert_eq!(page.len() % 2, 0, "both incidents of a user come together");
            order.extend(page.iter().step_by(2).map(|incident| incident.user.as_str().to_owned()));
        }
        assert_eq!(order, ["B", "Z", "a", "b", "é"]);
    })
    .await;
}

#[tokio::test]
async fn a_second_notice_of_the_same_incident_and_number_cannot_be_written() {
    on_both(async |store| {
        let mut work = store.begin().await.unwrap();
        work.upsert_accounts(&[known("u", "ca_u")]).await.unwrap();
        work.open_incidents(&[incident("i1", "u")], &run(), now()).await.unwrap();
        work.commit().await.unwrap();
        assert!(notify(&store, &notification("n1", "u", "i1")).await);
        assert!(!notify(&store, &notification("n2", "u", "i1")).await, "the primary key refuses it");
        let mut work = store.begin_read().await.unwrap();
        assert_eq!(work.count_deliveries("pending").await.unwrap(), 1, "nothing of the refused one is kept");
        let incidents = work.open_incidents_page(None, 10).await.unwrap();
        assert_eq!((incidents[0].notices.count, incidents[0].notices.under_way), (1, true));
    })
    .await;
}

#[tokio::test]
async fn eight_workers_claim_two_hundred_deliveries_once_each() {
    on_both(async |store| {
        for n in 0..200 {
            assert!(notify(&store, &notification(&format!("n{n:03}"), "u", &format!("i{n}"))).await);
        }
        let mut workers = tokio::task::JoinSet::new();
        for worker in 0..8 {
            let store = store.clone();
            workers.spawn(async move {
                let mut mine = Vec::new();
                while let Some(claimed) = claim(&store, &format!("w{worker}"), TTL).await {
                    assert_eq!(claimed.attempt, 1);
                    assert!(settle(&store, &claimed, "delivered").await);
                    mine.push(claimed.id.as_str().to_owned());
                }
                mine
            });
        }
        let all: Vec<String> = workers.join_all().await.into_iter().flatten().collect();
        assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (200, 200));
        assert_eq!(store.begin_read().await.unwrap().count_deliveries("delivered").await.unwrap(), 200);
    })
    .await;
}

#[tokio::test]
async fn a_dead_workers_delivery_is_taken_over_and_its_late_word_is_refused() {
    on_both(async |store| {
        assert!(notify(&store, &notification("n1", "u", "i1")).await);
        let dead = claim(&store, "dead", Duration::ZERO).await.unwrap();
        let alive = claim(&store, "alive", TTL).await.unwrap();
        assert_eq!((alive.id.clone(), alive.attempt), (dead.id.clone(), 2), "the lost attempt counts");
        assert_eq!(alive.outside_id, dead.outside_id, "under the same outside id");
        assert!(claim(&store, "third", TTL).await.is_none(), "leased");
        assert!(!settle(&store, &dead, "delivered").await, "the dead worker's token no longer matches");
        assert!(settle(&store, &alive, "delivered").await);
        assert!(!settle(&store, &alive, "dead").await, "settled once");
        assert!(claim(&store, "fourth", TTL).await.is_none());
    })
    .await;
}

#[tokio::test]
async fn an_unknown_or_unusable_url_says_what_would_be_right() {
    for url in ["mysql://x/y", "nonsense", ""] {
        let error = Store::open(url).await.err().unwrap();
        assert!(error.to_string().contains("[state] url") && error.to_string().contains("sqlite://PATH"), "{error}");
    }
}
