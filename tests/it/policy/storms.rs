//! Mass breakages: held, told to the operator once, released, discarded, healed.

use reconnectd::domain::{AuthConfigId, RunCounters, Status, StormGuard};
use reconnectd::report::Summary;
use reconnectd::store::StormFilter;

use super::*;
use crate::walks::Counts as _;

/// A rig with `count` users of one auth config, seen to work, and a guard of a fifth and at least four.
async fn crowd(count: usize) -> (Rig, Vec<String>) {
    let names: Vec<String> = (0..count).map(|n| format!("u{n:02}")).collect();
    let mut rig = seen_working(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    rig.settings.storm = StormGuard { share: 0.2, min: 4, window: DAY };
    rig.page_size = 50;
    (rig, names)
}

fn held(summary: &Summary) -> (u64, usize, u64) {
    let RunCounters { storms_opened, .. } = summary.counters;
    (storms_opened, summary.storms_held.len(), summary.silenced("storm_held"))
}

async fn decide(rig: &Rig, state: &'static str) {
    let mut work = rig.store.begin().await.unwrap();
    let storm = work.held_storms(10).await.unwrap().pop().unwrap();
    assert!(work.decide_storm(&storm.id, state, "olga", rig.now()).await.unwrap());
    assert!(!work.decide_storm(&storm.id, "released", "otto", rig.now()).await.unwrap(), "decided once");
    work.commit().await.unwrap();
}

#[tokio::test]
async fn a_mass_breakage_is_held_and_told_when_it_is_released() {
    let (rig, users) = crowd(20).await;
    users[..5].iter().for_each(|user| breaks(&rig, user, "slack"));
    let summary = rig.run().await;
    assert_eq!(held(&summary), (1, 1, 5));
    assert!(summary.storms_held[0].starts_with("auth_config ac_slack: 5 of 20 accounts broke (storm "), "{summary:?}");
    assert!(summary.text().contains("STORM HELD"), "{}", summary.text());
    // More of the same joins it; the operator is not told again.
    rig.later(HOUR);
    breaks(&rig, &users[5], "slack");
    assert_eq!(held(&rig.run().await), (0, 1, 6));
    // A day later it is calm; who is held stays held, and what breaks now is told.
    rig.later(DAY * 2);
    breaks(&rig, &users[6], "slack");
    assert_eq!(held(&rig.run().await), (0, 1, 6));
    assert_eq!(told(&rig.world), ["u06: slack#0"]);
    decide(&rig, "released").await;
    assert_eq!(held(&rig.run().await), (0, 0, 0), "the same breakages are not a storm again");
    assert_eq!(told(&rig.world).len(), 6);
}

#[tokio::test]
async fn a_release_within_the_window_is_not_followed_by_the_same_storm() {
    let (rig, users) = crowd(20).await;
    users[..6].iter().for_each(|user| breaks(&rig, user, "slack"));
    rig.run().await;
    rig.later(HOUR);
    decide(&rig, "released").await;
    rig.later(HOUR);
    breaks(&rig, &users[6], "slack");
    assert_eq!(held(&rig.run().await), (0, 0, 0));
    assert_eq!(told(&rig.world).len(), 7);
    // Another four after the decision are another storm.
    rig.later(HOUR);
    users[7..11].iter().for_each(|user| breaks(&rig, user, "slack"));
    assert_eq!(held(&rig.run().await), (1, 1, 4));
}

#[tokio::test]
async fn a_discarded_storm_is_never_told_and_what_breaks_anew_is() {
    let (rig, users) = crowd(20).await;
    users[..6].iter().for_each(|user| breaks(&rig, user, "slack"));
    rig.run().await;
    decide(&rig, "discarded").await;
    for _ in 0..15 {
        rig.later(DAY);
        assert_eq!(rig.run().await.silenced("storm_discarded"), 6);
    }
    assert_eq!(told(&rig.world), Vec::<String>::new());
    rig.world.change("u00", "ca_u00_slack", |account| account.status = Status::Active);
    rig.run().await;
    rig.later(DAY);
    breaks(&rig, "u00", "slack");
    rig.run().await;
    assert_eq!(told(&rig.world), ["u00: slack#0"]);
}

#[tokio::test]
async fn a_storm_that_heals_ends_and_releases_nobody() {
    let (rig, users) = crowd(20).await;
    users[..8].iter().for_each(|user| breaks(&rig, user, "slack"));
    assert_eq!(held(&rig.run().await), (1, 1, 8));
    rig.later(DAY * 2);
    for user in &users[..7] {
        rig.world.change(user, &format!("ca_{user}_slack"), |account| account.status = Status::Active);
    }
    assert_eq!(held(&rig.run().await), (0, 1, 1), "the last one stays held");
    rig.world.change("u07", "ca_u07_slack", |account| account.status = Status::Active);
    rig.run().await;
    assert_eq!(held(&rig.run().await), (0, 0, 0));
    assert_eq!(told(&rig.world), Vec::<String>::new());
    let mut work = rig.store.begin_read().await.unwrap();
    assert_eq!(work.storms(StormFilter::All, 10).await.unwrap()[0].state, "healed");
}

#[tokio::test]
async fn few_or_a_small_share_or_never_seen_to_work_is_no_storm() {
    let (rig, users) = crowd(30).await;
    // Three are too few; six of thirty are no more than a fifth; what was broken when first seen never counts.
    for n in 0..20 {
        let user = format!("new{n}");
        rig.world.user(&user);
        rig.world.put(broken(works(&user, &format!("ca_{user}_slack"), "slack"), rig.now()));
    }
    assert_eq!(held(&rig.run().await), (0, 0, 0));
    assert_eq!(told(&rig.world).len(), 20);
    users[..6].iter().for_each(|user| breaks(&rig, user, "slack"));
    assert_eq!(held(&rig.run().await), (0, 0, 0));
    assert_eq!(told(&rig.world).len(), 6);
}

#[tokio::test]
async fn a_toolkit_whose_auth_configs_break_together_is_one_storm() {
    let (rig, users) = crowd(16).await;
    for (n, user) in users.iter().enumerate() {
        rig.world.change(user, &format!("ca_{user}_slack"), |account| {
            account.auth_config = AuthConfigId::new(format!("ac_{}", n % 4));
        });
    }
    rig.run().await;
    rig.later(HOUR);
    // Two of the four accounts of each auth config: too few for each, enough together.
    users[..8].iter().for_each(|user| breaks(&rig, user, "slack"));
    let summary = rig.run().await;
    assert_eq!(held(&summary), (1, 1, 8));
    assert!(summary.storms_held[0].starts_with("toolkit slack: 8 of 16"), "{summary:?}");
}

/// Moves a user's Slack account to another auth config.
fn moved(rig: &Rig, user: &str, auth_config: &str) {
    rig.world.change(user, &format!("ca_{user}_slack"), |account| account.auth_config = AuthConfigId::new(auth_config));
}

#[tokio::test]
async fn a_decision_about_an_auth_config_holds_for_its_toolkit_too() {
    for decision in ["released", "discarded"] {
        let (rig, users) = crowd(20).await;
        users[10..].iter().for_each(|user| moved(&rig, user, "ac_other"));
        rig.run().await;
        users[..8].iter().for_each(|user| breaks(&rig, user, "slack"));
        assert_eq!(held(&rig.run().await), (1, 1, 8));
        rig.later(HOUR);
        decide(&rig, decision).await;
        for _ in 0..4 {
            rig.later(HOUR);
            assert_eq!(
                held(&rig.run().await),
                (0, 0, 0),
                "{decision}: eight of twenty Slack accounts are no storm again"
            );
        }
        // What breaks elsewhere is told as ever.
        breaks(&rig, "u15", "slack");
        rig.world.take_sent();
        rig.run().await;
        assert_eq!(told(&rig.world), ["u15: slack#0"]);
    }
}

#[tokio::test]
async fn what_was_told_before_the_guard_was_lowered_is_no_storm() {
    let (mut rig, users) = crowd(10).await;
    rig.settings.storm.share = 0.9;
    users[..5].iter().for_each(|user| breaks(&rig, user, "slack"));
    rig.run().await;
    assert_eq!(told(&rig.world).len(), 5);
    rig.settings.storm.share = 0.1;
    for _ in 0..3 {
        rig.later(HOUR);
        assert_eq!(held(&rig.run().await), (0, 0, 0), "nothing would join it");
    }
}

#[tokio::test]
async fn an_auth_config_that_was_disabled_for_long_is_a_storm_when_it_comes_back() {
    let (rig, users) = crowd(10).await;
    for user in &users[..6] {
        breaks(&rig, user, "slack");
        rig.world.change(user, &format!("ca_{user}_slack"), |account| account.auth_config_disabled = true);
    }
    rig.run().await;
    rig.later(DAY * 3);
    for user in &users[..6] {
        rig.world.change(user, &format!("ca_{user}_slack"), |account| account.auth_config_disabled = false);
    }
    assert_eq!(held(&rig.run().await), (1, 1, 6));
    assert_eq!(told(&rig.world), Vec::<String>::new());
}

#[tokio::test]
async fn users_nobody_looked_at_of_late_do_not_count_as_working() {
    let (mut rig, users) = crowd(30).await;
    // Twenty of the thirty leave the product; a day later half of those who are left break.
    users[10..].iter().for_each(|user| rig.world.forget(user));
    rig.later(DAY);
    rig.settings.storm = StormGuard { share: 0.4, min: 4, window: DAY };
    users[..5].iter().for_each(|user| breaks(&rig, user, "slack"));
    let summary = rig.run().await;
    assert_eq!(held(&summary), (1, 1, 5));
    assert!(summary.storms_held[0].contains("5 of 10 accounts broke"), "{:?}", summary.storms_held);
}

#[tokio::test]
async fn what_is_half_seen_is_not_planned_without_an_audit() {
    let (rig, users) = crowd(20).await;
    users[..10].iter().for_each(|user| breaks(&rig, user, "slack"));
    let mut rig = rig;
    rig.page_size = 5;
    let refused = || reconnectd::ports::ProviderError::Unauthorized { status: 401, detail: String::new() };
    rig.world.provider_fails(move |user| (user.as_str() == "u12").then(refused));
    assert!(rig.try_run().await.is_err(), "the audit ends after two pages");
    rig.world.provider_recovers();
    rig.deliver().await;
    assert_eq!(told(&rig.world), Vec::<String>::new(), "five or ten of twenty were seen; who knows about the others");
    assert_eq!(held(&rig.run().await), (1, 1, 10));
}

#[tokio::test]
async fn the_same_on_postgresql() {
    let url = crate::support::databases::postgres_database().await;
    let mut rig = Rig::over(&url).await;
    rig.settings.storm = StormGuard { share: 0.2, min: 2, window: DAY };
    rig.channels = vec!["email"];
    for user in ["a", "b", "c"] {
        rig.world.user(user);
        rig.world.put(works(user, &format!("ca_{user}_slack"), "slack"));
    }
    rig.run().await;
    rig.later(HOUR);
    breaks(&rig, "a", "slack");
    breaks(&rig, "b", "slack");
    assert_eq!(held(&rig.run().await), (1, 1, 2));
    decide(&rig, "released").await;
    rig.run().await;
    assert_eq!(told(&rig.world), ["a: slack#0", "b: slack#0"]);
}
