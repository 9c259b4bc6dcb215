//! The outbox in an operator's hands, on both state databases: what is put back is sent once more under the
//! same id or not at all, what is called off is not sent, and who did it is on record.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use reconnectd::domain::{
    ChannelName, DeliveryId, FailureClass, IncidentId, NoticeKind, NotificationId, RetrySchedule, RunId, Status, UserId,
};
use reconnectd::ports::{ProviderError, Receipt, SendError};
use reconnectd::store::{
    ClaimedDelivery, DeliveryFilter, DeliveryRow, Due, NewDelivery, NewNotification, OutboxCounts, PlannedItem,
    Settlement, Store, WholeDelivery,
};
use sqlx::migrate::{Migration, MigrationType, Migrator};

use crate::support::databases::{postgres_database, sqlite_path};
use crate::support::rig::{Rig, broken, works};

const DAY: Duration = Duration::from_hours(24);
const TTL: Duration = Duration::from_mins(5);

async fn on_both(suite: impl AsyncFn(Rig)) {
    suite(Rig::new().await).await;
    suite(Rig::over(&postgres_database().await).await).await;
}

fn failed(class: FailureClass) -> Result<Receipt, SendError> {
    Err(SendError { class, detail: "550 no".into() })
}

/// One user with one broken account, told by mail alone; whatever the mail server answers is in `answers`.
async fn told(rig: &mut Rig, answers: impl IntoIterator<Item = Result<Receipt, SendError>>) -> DeliveryId {
    rig.channels = vec!["email"];
    rig.world.user("u");
    rig.world.put(broken(works("u", "ca_u", "slack"), rig.now()));
    rig.world.next_sends(answers);
    rig.run().await;
    let every = DeliveryFilter {
        states: vec!["pending", "dead", "cancelled", "delivered"],
        limit: 10,
        ..DeliveryFilter::default()
    };
    rig.store.begin_read().await.unwrap().deliveries(&every).await.unwrap()[0].id.clone()
}

async fn redeliver(rig: &Rig, id: &DeliveryId) -> bool {
    let mut work = rig.store.begin().await.unwrap();
    let changed = work.redeliver(std::slice::from_ref(id), "kim on host", rig.now()).await.unwrap();
    work.commit().await.unwrap();
    changed == [id.clone()]
}

async fn cancel(rig: &Rig, id: &DeliveryId) -> bool {
    let mut work = rig.store.begin().await.unwrap();
    let changed = work.cancel_deliveries(std::slice::from_ref(id), "kim on host", rig.now()).await.unwrap();
    work.commit().await.unwrap();
    changed == [id.clone()]
}

async fn claim(rig: &Rig, ttl: Duration) -> ClaimedDelivery {
    let mut work = rig.store.begin().await.unwrap();
    let email = ChannelName::new("email");
    let claimed = work.claim_delivery(&email, Due::All, "token", ttl, &RunId::new("run"), rig.now()).await.unwrap();
    work.commit().await.unwrap();
    claimed.unwrap()
}

async fn settle(rig: &Rig, claimed: &ClaimedDelivery, state: &'static str) -> bool {
    let settlement = Settlement {
        state,
        outcome: "sent",
        detail: "250 ok".into(),
        next_attempt_at: rig.now(),
        put_off: false,
        failed: false,
        spent: Vec::new(),
    };
    let mut work = rig.store.begin().await.unwrap();
    let ours = work.settle_delivery(claimed, &settlement, rig.now()).await.unwrap();
    work.commit().await.unwrap();
    ours
}

async fn whole(store: &Store, id: &DeliveryId) -> WholeDelivery {
    store.begin_read().await.unwrap().story_of_delivery(id).await.unwrap().unwrap()
}

async fn state(rig: &Rig, id: &DeliveryId) -> String {
    whole(&rig.store, id).await.row.state
}

#[tokio::test]
async fn a_dead_delivery_put_back_has_a_new_allowance_and_goes_on_counting_under_the_same_id() {
    on_both(async |mut rig| {
        rig.settings.retry = RetrySchedule { max_attempts: 2, ..RetrySchedule::default() };
        let transient = || failed(FailureClass::Transient);
        let id = told(&mut rig, [transient(), transient()]).await;
        assert_eq!(state(&rig, &id).await, "dead");
        let first = rig.world.take_sent();
        rig.later(DAY);
        rig.run().await;
        assert!(rig.world.take_sent().is_empty(), "a run leaves the dead alone");

        assert!(redeliver(&rig, &id).await);
        let row = whole(&rig.store, &id).await.row;
        assert_eq!((row.state.as_str(), row.attempts, row.attempts_before_redelivery), ("pending", 2, 2));
        assert_eq!((row.next_attempt_at, row.settled_at, row.leased_until), (rig.now(), None, None), "due now");
        rig.world.next_sends([transient()]);
        rig.run().await;
        let again = rig.world.take_sent();
        assert_eq!(again.len(), 2, "one more failure is not the end of the new allowance");
        assert!(again.iter().all(|(_, notice)| notice.outside_id == first[0].1.outside_id), "the same outside id");

        let whole = whole(&rig.store, &id).await;
        assert_eq!((whole.row.state.as_str(), whole.row.attempts), ("delivered", 4));
        let attempts: Vec<_> = whole.attempts.iter().map(|a| (a.number, a.outcome.as_deref().unwrap())).collect();
        assert_eq!(attempts, [(1, "transient"), (2, "transient"), (3, "transient"), (4, "sent")]);
        let [action] = &whole.actions[..] else { panic!("{:?}", whole.actions) };
        assert_eq!(
            (action.action.as_str(), action.operator.as_str(), action.attempts),
            ("redelivered", "kim on host", 2)
        );
        assert_eq!(rig.story("u").await.deliveries[0].actions, whole.actions, "explain shows it too");
    })
    .await;
}

#[tokio::test]
async fn the_new_allowance_ends_as_the_first_did() {
    on_both(async |mut rig| {
        rig.settings.retry = RetrySchedule { max_attempts: 2, ..RetrySchedule::default() };
        let transient = || failed(FailureClass::Transient);
        let id = told(&mut rig, [transient(), transient(), transient(), transient()]).await;
        for attempts in [4, 5] {
            assert!(redeliver(&rig, &id).await);
            if attempts == 5 {
                rig.world.next_sends([failed(FailureClass::Refused)]);
            }
            rig.run().await;
            let row = whole(&rig.store, &id).await.row;
            assert_eq!((row.state.as_str(), row.attempts), ("dead", attempts));
        }
    })
    .await;
}

#[tokio::test]
async fn who_has_healed_by_the_next_run_is_not_told() {
    on_both(async |mut rig| {
        let id = told(&mut rig, [failed(FailureClass::Refused)]).await;
        rig.world.take_sent();
        assert!(redeliver(&rig, &id).await);
        rig.world.change("u", "ca_u", |account| account.status = Status::Active);
        rig.run().await;
        assert!(rig.world.take_sent().is_empty());
        let whole = whole(&rig.store, &id).await;
        assert_eq!(whole.row.state, "cancelled");
        assert_eq!(whole.attempts.last().unwrap().outcome.as_deref(), Some("healed"));
        assert!(whole.incidents[0].1.closed.is_some());
    })
    .await;
}

#[tokio::test]
async fn what_was_delivered_waits_or_is_being_sent_is_not_put_back() {
    on_both(async |mut rig| {
        let id = told(&mut rig, [failed(FailureClass::ChannelBroken)]).await;
        assert_eq!(state(&rig, &id).await, "pending");
        assert!(!redeliver(&rig, &id).await, "it waits already");
        rig.later(DAY);
        let claimed = claim(&rig, TTL).await;
        assert!(!redeliver(&rig, &id).await, "it is being sent");
        assert!(settle(&rig, &claimed, "delivered").await);
        assert!(!redeliver(&rig, &id).await, "a second mail would be a second mail");
        assert!(!redeliver(&rig, &DeliveryId::new("unknown")).await);
        let whole = whole(&rig.store, &id).await;
        assert_eq!((whole.row.state.as_str(), whole.actions.len()), ("delivered", 0), "nothing was changed or noted");
    })
    .await;
}

#[tokio::test]
async fn what_is_called_off_is_not_sent_and_can_be_put_back() {
    on_both(async |mut rig| {
        // Nothing was tried yet: the provider could not be asked once more.
        let away = || ProviderError::Unavailable { attempts: 5, last: "HTTP 503".into() };
        rig.world.at_contact(move |world, _| world.provider_fails(move |_| Some(away())));
        let id = told(&mut rig, []).await;
        rig.world.at_contact(|_, _| {});
        rig.world.provider_recovers();
        assert!(rig.world.take_sent().is_empty());
        assert!(cancel(&rig, &id).await);
        assert!(!cancel(&rig, &id).await, "once");
        rig.later(DAY);
        rig.run().await;
        assert!(rig.world.take_sent().is_empty(), "nor does the incident get a second notification");
        let row = whole(&rig.store, &id).await.row;
        assert_eq!((row.state.as_str(), row.detail.as_deref()), ("cancelled", Some("cancelled by operator")));
        assert!(redeliver(&rig, &id).await);
        rig.run().await;
        assert_eq!(rig.world.take_told(), ["email u: slack"]);
        let actions = whole(&rig.store, &id).await.actions;
        assert_eq!(actions.iter().map(|a| a.action.as_str()).collect::<Vec<_>>(), ["cancelled", "redelivered"]);
        assert!(!cancel(&rig, &id).await, "what was delivered cannot be called back");
    })
    .await;
}

#[tokio::test]
async fn a_worker_keeps_what_it_holds_and_loses_it_with_its_lease() {
    on_both(async |mut rig| {
        let id = told(&mut rig, [failed(FailureClass::ChannelBroken)]).await;
        rig.later(DAY);
        let held = claim(&rig, TTL).await;
        assert!(!cancel(&rig, &id).await, "it is being sent");
        assert!(whole(&rig.store, &id).await.row.leased_until.is_some());
        assert!(settle(&rig, &held, "pending").await);
        let lapsed = claim(&rig, Duration::ZERO).await;
        assert!(cancel(&rig, &id).await, "its worker is gone");
        assert!(!settle(&rig, &lapsed, "delivered").await, "and its late word is refused");
        assert_eq!(state(&rig, &id).await, "cancelled");
    })
    .await;
}

#[tokio::test]
async fn of_two_operators_at_once_one_does_it() {
    on_both(async |mut rig| {
        let id = told(&mut rig, [failed(FailureClass::Refused)]).await;
        let (one, other) = tokio::join!(redeliver(&rig, &id), redeliver(&rig, &id));
        assert!(one != other, "put back by exactly one");
        let (one, other) = tokio::join!(cancel(&rig, &id), cancel(&rig, &id));
        assert!(one != other, "cancelled by exactly one");
        assert_eq!(whole(&rig.store, &id).await.actions.len(), 2);
    })
    .await;
}

/// A notification of `user` with a delivery on each channel.
fn notification(n: usize, user: &str, channels: &[&str]) -> NewNotification {
    let delivery = |channel: &&str| NewDelivery {
        id: DeliveryId::new(format!("d{n:04}-{channel}")),
        channel: ChannelName::new(*channel),
        outside_id: format!("<{n}@{channel}>"),
    };
    NewNotification {
        kind: NoticeKind::Reconnect,
        id: NotificationId::new(format!("n{n}")),
        user: UserId::new(user),
        reason: "first_notice",
        items: vec![PlannedItem { incident: IncidentId::new(format!("i{n}")), number: 0 }],
        deliveries: channels.iter().map(delivery).collect(),
    }
}

/// `total` notifications by mail and webhook, in three moments, the mails dead and the webhooks pending.
async fn dead_mails(rig: &Rig, total: usize) {
    let mut work = rig.store.begin().await.unwrap();
    for n in 0..total {
        if n % total.div_ceil(3) == 0 {
            rig.later(Duration::from_secs(1));
        }
        let new = notification(n, &format!("u{}", n % 4), &["email", "webhook:a"]);
        assert!(work.insert_notification(&new, &RunId::new("run"), rig.now()).await.unwrap());
    }
    work.commit().await.unwrap();
    for _ in 0..total {
        let claimed = claim(rig, TTL).await;
        assert!(settle(rig, &claimed, "dead").await);
    }
}

#[tokio::test]
async fn all_dead_of_one_channel_are_put_back_and_no_others() {
    on_both(async |rig| {
        dead_mails(&rig, 12).await;
        let email = ChannelName::new("email");
        let mut work = rig.store.begin().await.unwrap();
        let hook = ChannelName::new("webhook:a");
        assert_eq!((work.count_dead(&email).await.unwrap(), work.count_dead(&hook).await.unwrap()), (12, 0));
        assert_eq!(work.redeliver_dead(&hook, "kim", rig.now()).await.unwrap(), 0);
        assert_eq!(work.redeliver_dead(&email, "kim", rig.now()).await.unwrap(), 12);
        let counts = OutboxCounts { pending: 24, ..OutboxCounts::default() };
        assert_eq!(work.outbox_counts().await.unwrap(), counts);
        work.commit().await.unwrap();
        assert_eq!(whole(&rig.store, &DeliveryId::new("d0003-email")).await.actions.len(), 1);
        assert_eq!(whole(&rig.store, &DeliveryId::new("d0003-webhook:a")).await.actions.len(), 0);
    })
    .await;
}

#[tokio::test]
async fn the_list_is_newest_first_filtered_and_paged_without_gaps() {
    on_both(async |rig| {
        dead_mails(&rig, 30).await;
        let list = async |filter: DeliveryFilter| {
            let filter = DeliveryFilter { limit: 7, ..filter };
            rig.store.begin_read().await.unwrap().deliveries(&filter).await.unwrap()
        };
        for (filter, expected) in [
            (DeliveryFilter { states: vec!["dead"], ..DeliveryFilter::default() }, 30),
            (DeliveryFilter { states: vec!["dead", "pending"], ..DeliveryFilter::default() }, 60),
            (DeliveryFilter { states: vec!["delivered"], ..DeliveryFilter::default() }, 0),
            (
                DeliveryFilter {
                    states: vec!["dead", "pending"],
                    channel: Some(ChannelName::new("email")),
                    user: Some(UserId::new("u1")),
                    ..DeliveryFilter::default()
                },
                8,
            ),
        ] {
            let (mut all, mut before) = (Vec::<DeliveryRow>::new(), None);
            loop {
                let page = list(DeliveryFilter { before, ..filter.clone() }).await;
                let Some(oldest) = page.last() else { break };
                before = Some((oldest.created_at, oldest.id.clone()));
                assert!(page.len() <= 7);
                all.extend(page);
            }
            assert_eq!(all.len(), expected, "{filter:?}");
            assert!(all.is_sorted_by(|a, b| (a.created_at, &a.id) > (b.created_at, &b.id)), "newest first, none twice");
            let channels: BTreeSet<&str> = all.iter().map(|row| row.channel.as_str()).collect();
            assert!(filter.channel.is_none() || channels.len() == 1, "{channels:?}");
        }
    })
    .await;
}

/// Only the first migration, as the previous release knew the schema.
fn previous_schema(sql: &'static str) -> Migrator {
    let name = Cow::Borrowed("create_state");
    let sql = sqlx::SqlStr::from_static(sql);
    Migrator::with_migrations(vec![Migration::new(20_261_121_000_000, name, MigrationType::Simple, sql, false)])
}

#[tokio::test]
async fn a_database_of_the_previous_release_is_brought_forward_with_what_is_in_it() {
    const ROWS: &str = "INSERT INTO notifications VALUES ('n', 'u', 1, 'run', 'first_notice'); \
         INSERT INTO deliveries (delivery_id, notification_id, channel, outside_id, state, attempts, next_attempt_at, \
         created_at, settled_at) VALUES ('d', 'n', 'email', '<o>', 'dead', 18, 1, 1, 2)";
    let (_folder, path) = sqlite_path();
    let sqlite = format!("sqlite://{}?mode=rwc", path.display());
    let pool = sqlx::SqlitePool::connect(&sqlite).await.unwrap();
    let schema = include_str!("../../migrations/sqlite/20261121000000_create_state.sql");
    previous_schema(schema).run(&pool).await.unwrap();
    sqlx::raw_sql(ROWS).execute(&pool).await.unwrap();
    pool.close().await;
    let postgres = postgres_database().await;
    let pool = sqlx::PgPool::connect(&postgres).await.unwrap();
    let schema = include_str!("../../migrations/postgres/20261121000000_create_state.sql");
    previous_schema(schema).run(&pool).await.unwrap();
    sqlx::raw_sql(ROWS).execute(&pool).await.unwrap();
    pool.close().await;

    for url in [sqlite, postgres] {
        let rig = Rig::over(&url).await;
        let id = DeliveryId::new("d");
        assert_eq!(whole(&rig.store, &id).await.row.attempts_before_redelivery, 0);
        assert!(redeliver(&rig, &id).await);
        let claimed = claim(&rig, TTL).await;
        assert_eq!((claimed.attempt, claimed.attempt_of_allowance), (19, 1));
    }
}
