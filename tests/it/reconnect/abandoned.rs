//! An attempt nobody finished: no notice ever comes of it, whatever the provider calls its end.

use std::time::Duration;

use reconnectd::domain::AccountId;

use super::{DAY, Place, hosted};

/// Presses the button, walks away, and lets audits go by for as long as an abandoned account could matter.
async fn walk_away(place: &Place, reason: Option<&str>) {
    let link = place.notice().await;
    let served = place.serve().await;
    hosted(&served.press(&link).await);
    let made: Vec<String> = place.accounts().into_iter().filter(|account| account.ends_with("INITIATED")).collect();
    let made = AccountId::new(made[0].split(' ').next().unwrap());
    // While it is under way, and after the provider gave it up.
    place.rig.run().await;
    place.rig.later(Duration::from_mins(11));
    assert_eq!(place.simulator.world().account(&made).unwrap().status, "EXPIRED");
    if let Some(reason) = reason {
        place.simulator.world().change(&made, |account| account.status_reason = Some(reason.to_owned()));
    }
    for _audit in 0..5 {
        place.rig.run().await;
        place.rig.later(DAY);
    }
    assert_eq!(place.mailed(), Vec::<String>::new(), "no notice comes of an attempt");
    assert_eq!(place.incidents().await, ["slack open"], "one incident, the one there was");
    let story = place.rig.story("mary").await;
    let attempt = story.accounts.iter().find(|account| account.known.account.id == made).unwrap();
    assert_eq!(attempt.known.condition.code(), "never_connected");
    // The old account is deleted by its owner: nothing is left to tell, the attempt least of all.
    place.simulator.world().remove(&AccountId::new("ca_1"));
    place.rig.run().await;
    place.rig.later(DAY);
    place.rig.run().await;
    assert_eq!((place.mailed(), place.incidents().await), (Vec::new(), vec!["slack gone".to_owned()]));
}

#[tokio::test]
async fn an_abandoned_attempt_never_causes_a_notice() {
    walk_away(&Place::new().await, None).await;
}

#[tokio::test]
async fn nor_where_the_provider_says_nothing_of_an_attempt_in_its_reason() {
    walk_away(&Place::new().await, Some("Something nobody has heard of")).await;
}

#[tokio::test]
async fn the_link_goes_on_working_after_an_abandoned_attempt() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    let first = hosted(&served.press(&link).await);
    assert_eq!(hosted(&served.press(&link).await), first, "within its life the same page is used again");
    place.rig.later(Duration::from_mins(11));
    let second = hosted(&served.press(&link).await);
    assert_ne!(second, first);
    let back = served.decide(&second, "approve").await;
    assert_eq!(served.get(&back).await.heading(), "Slack is connected again");
}

#[tokio::test]
async fn who_approves_and_closes_the_tab_and_breaks_it_before_the_next_audit_gets_no_new_notice() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    let page = hosted(&served.press(&link).await);
    let made = place.attempt_account();
    served.decide(&page, "approve").await;
    assert_eq!(place.simulator.world().account(&made).unwrap().status, "ACTIVE");
    // Nobody came back to us, and no audit saw it work.
    place.rig.later(Duration::from_hours(1));
    place.break_account(made.as_str());
    for _audit in 0..5 {
        place.rig.run().await;
        place.rig.later(DAY);
    }
    assert_eq!((place.mailed(), place.incidents().await), (Vec::new(), vec!["slack open".to_owned()]));
    // The link in the mail they have still mends it.
    let again = hosted(&served.press(&link).await);
    assert_ne!(again, page);
    let back = served.decide(&again, "approve").await;
    assert_eq!(served.get(&back).await.heading(), "Slack is connected again");
    assert_eq!(place.incidents().await, ["slack superseded"]);
}
