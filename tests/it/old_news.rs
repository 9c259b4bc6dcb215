//! What is news and what is not: accounts that broke before we came, that were replaced and come back into
//! view, and notices that were called off before anybody was told.

use reconnectd::domain::{ReasonHint, Status, from_millis, millis};

use crate::support::rig::{Rig, START_MS, broken, works};
use crate::walks::{Counts as _, DAY, NOBODY, break_slack, seen_working};

#[tokio::test]
async fn what_was_superseded_is_no_news_when_the_newer_account_goes() {
    let rig = seen_working(&["u1", "u2"]).await;
    break_slack(&rig, "u1");
    rig.run().await;
    assert_eq!(rig.world.take_told().len(), 2);
    rig.later(DAY);
    let now = rig.now();
    rig.world.put(reconnectd::domain::Account { created_at: Some(now), ..works("u1", "ca_u1_2", "slack") });
    assert_eq!(rig.run().await.counters.incidents_closed, 1);
    rig.later(DAY);
    rig.world.remove("u1", "ca_u1_2");
    assert_eq!(rig.run().await.silenced("superseded"), 1);
    assert_eq!(rig.world.take_told(), NOBODY, "the user moved on from the old account long ago");

    // An account that leaves the list and comes back as broken as before was spoken about.
    break_slack(&rig, "u2");
    rig.run().await;
    assert_eq!(rig.world.take_told().len(), 2);
    rig.world.hide("u2", "ca_u2");
    assert_eq!(rig.run().await.counters.incidents_closed, 1);
    rig.world.unhide();
    for _ in 0..2 {
        rig.later(DAY);
        assert_eq!(rig.run().await.silenced("ended_before"), 1);
    }
    assert_eq!(rig.world.take_told(), NOBODY);
    for disabled in [true, false] {
        rig.world.change("u2", "ca_u2", |account| account.auth_config_disabled = disabled);
        rig.world.change("u1", "ca_u1", |account| account.auth_config_disabled = disabled);
        rig.run().await;
    }
    assert_eq!(rig.world.take_told(), NOBODY, "switched off and on again is no news either");
    rig.world.change("u2", "ca_u2", |account| account.status = Status::Active);
    rig.run().await;
    rig.later(DAY);
    break_slack(&rig, "u2");
    rig.run().await;
    assert_eq!(rig.world.take_told().len(), 2, "once it has worked again, its breaking is news");
}

#[tokio::test]
async fn when_the_first_audit_began_is_known_whether_it_took_stock_or_not() {
    for takes_stock in [false, true] {
        let mut rig = Rig::new().await;
        rig.settings.baseline_first = takes_stock;
        let began = rig.now();
        for _ in 0..2 {
            assert_eq!(rig.run().await.baseline, takes_stock && rig.now() == began);
            rig.later(DAY);
        }
        let mut work = rig.store.begin().await.unwrap();
        assert_eq!(work.meta("watched_since").await.unwrap(), Some(millis(began).to_string()));
        assert_eq!(work.watched_since().await.unwrap(), Some(began));
        work.roll_back();
    }
}

#[tokio::test]
async fn old_news_shows_up_late_and_stays_old_and_hides_no_news() {
    let mut rig = Rig::new().await;
    rig.settings.baseline_first = true;
    for user in ["off", "moved", "both"] {
        rig.world.user(user);
        rig.world.put(works(user, &format!("ca_{user}"), "slack"));
        break_slack(&rig, user);
    }
    rig.later(DAY);
    let now = rig.now();
    let newer = |user: &str| reconnectd::domain::Account {
        created_at: Some(now),
        ..works(user, &format!("ca_{user}_2"), "slack")
    };
    rig.world.change("off", "ca_off", |account| account.auth_config_disabled = true);
    rig.world.put(newer("moved"));
    let older = reconnectd::domain::Account {
        created_at: Some(from_millis(START_MS - 400 * 86_400_000)),
        ..works("both", "ca_both_2", "slack")
    };
    rig.world.put(older);
    assert!(rig.run().await.baseline);
    // The auth config comes back, the newer account goes: what shows then broke before we came.
    rig.later(DAY);
    rig.world.change("off", "ca_off", |account| account.auth_config_disabled = false);
    rig.world.remove("moved", "ca_moved_2");
    rig.run().await;
    assert_eq!(rig.world.take_told(), NOBODY);
    // The account that was in use all along breaks beside the old one: that is news.
    rig.later(DAY);
    let now = rig.now();
    rig.world.change("both", "ca_both_2", |account| *account = broken(account.clone(), now));
    for _ in 0..2 {
        rig.run().await;
        rig.later(DAY);
    }
    let sent = rig.world.take_sent();
    assert_eq!(sent.len(), 2, "once, on both channels");
    assert!(sent.iter().all(|(_, notice)| notice.items[0].account.as_str() == "ca_both_2"));
}

#[tokio::test]
async fn a_notice_that_was_called_off_unsaid_can_be_given_later() {
    let rig = seen_working(&["u1"]).await;
    rig.world.put(works("u1", "ca_g", "gmail"));
    rig.run().await;
    rig.later(DAY);
    // Alone: at the last moment the status is a word nobody knows.
    break_slack(&rig, "u1");
    rig.world.at_contact(|world, _| world.change("u1", "ca_u1", |a| a.status = Status::Other("PAUSED".into())));
    let summary = rig.run().await;
    assert_eq!((summary.counters.deliveries_cancelled, summary.silenced("unknown_status")), (2, 2));
    rig.world.at_contact(|_, _| {});
    rig.later(DAY);
    rig.world.change("u1", "ca_u1", |account| account.status = Status::Expired);
    let now = rig.now();
    // Beside another: it is dropped from the mail, and told in the next.
    rig.world.change("u1", "ca_g", |account| *account = broken(account.clone(), now));
    rig.world.at_contact(|world, _| world.change("u1", "ca_u1", |a| a.status = Status::Other("PAUSED".into())));
    rig.run().await;
    assert_eq!(rig.world.take_told(), ["email u1: gmail", "webhook:product u1: gmail"]);
    rig.world.at_contact(|_, _| {});
    rig.later(DAY);
    rig.world.change("u1", "ca_u1", |account| account.status = Status::Expired);
    rig.run().await;
    assert_eq!(rig.world.take_told(), ["email u1: slack", "webhook:product u1: slack"]);
    rig.later(DAY);
    rig.run().await;
    assert_eq!(rig.world.take_told(), NOBODY);
}

#[tokio::test]
async fn what_makes_old_news_new_begins_now_and_dwells_like_any_other() {
    let mut rig = Rig::new().await;
    rig.settings.baseline_first = true;
    rig.settings.notices.dwell_transient = DAY;
    rig.world.user("two");
    rig.world.put(works("two", "ca_old", "slack"));
    let older = reconnectd::domain::Account {
        created_at: Some(from_millis(START_MS - 200 * 86_400_000)),
        ..works("two", "ca_older", "slack")
    };
    rig.world.put(older);
    let now = rig.now();
    rig.world.change("two", "ca_old", |account| *account = broken(account.clone(), now));
    assert_eq!(rig.run().await.silenced("baseline"), 1, "the second account was broken before we came");

    rig.later(30 * DAY);
    let now = rig.now();
    rig.world.change("two", "ca_older", |account| {
        *account = broken(account.clone(), now);
        account.reason = ReasonHint::Transient;
    });
    assert_eq!(rig.run().await.silenced("dwelling"), 1, "it broke this moment and may mend itself");
    assert_eq!(rig.world.take_told(), NOBODY);
    rig.later(DAY);
    rig.run().await;
    assert_eq!(rig.world.take_told(), ["email two: slack", "webhook:product two: slack"]);
}
