//! What was mended and breaks again: old mails and old ways back tell how things stand now.

use reconnectd::domain::{AccountId, UserId};
use reconnectd::store::RevokeScope;

use super::{DAY, Place, hosted};

/// Slack broke, was mended by itself, and broke again under a new incident: the links of both mails.
async fn broken_twice(place: &Place) -> (String, String) {
    let old = place.notice().await;
    place.simulator.world().set_status(&AccountId::new("ca_1"), "ACTIVE", None);
    place.rig.run().await;
    place.mailed();
    place.rig.later(3 * DAY);
    place.break_account("ca_1");
    let new = place.next_link().await;
    assert_ne!(old, new);
    assert_eq!(place.incidents().await.len(), 2);
    (old, new)
}

#[tokio::test]
async fn an_old_mail_mends_what_broke_again() {
    let place = Place::new().await;
    let (old, new) = broken_twice(&place).await;
    let served = place.serve().await;
    let page = served.get(&old).await;
    assert_eq!(page.heading(), "Reconnect Slack", "{}", page.body);
    let there = hosted(&served.post(&old, &page.form()).await);
    assert_eq!(hosted(&served.press(&new).await), there, "one attempt of one incident, behind either link");
    let back = served.decide(&there, "approve").await;
    assert_eq!(served.get(&back).await.heading(), "Slack is connected again");
    for link in [&old, &new] {
        assert_eq!(served.get(link).await.heading(), "All good");
    }
    let mut incidents = place.incidents().await;
    incidents.sort();
    assert_eq!(incidents, ["slack active", "slack superseded"]);
}

#[tokio::test]
async fn the_way_back_of_an_old_success_does_not_say_that_all_is_well() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    let there = hosted(&served.press(&link).await);
    let made = place.attempt_account();
    let back = served.decide(&there, "approve").await;
    assert_eq!(served.get(&back).await.heading(), "Slack is connected again");
    place.rig.later(3 * DAY);
    place.break_account(made.as_str());
    place.rig.run().await;
    let again = served.get(&back).await;
    assert_eq!((again.status, again.location.as_deref()), (303, Some(link.as_str())), "{}", again.body);
    assert_eq!(served.get(&link).await.heading(), "Reconnect Slack");
}

#[tokio::test]
async fn an_old_attempt_that_is_looked_at_late_leads_to_what_is_broken_now() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    hosted(&served.press(&link).await);
    let back = place.callback_of(&place.attempt_account()).await;
    place.simulator.world().set_status(&AccountId::new("ca_1"), "ACTIVE", None);
    place.rig.run().await;
    place.rig.later(3 * DAY);
    place.break_account("ca_1");
    place.rig.run().await;
    let again = served.get(&back).await;
    assert_eq!((again.status, again.location.as_deref()), (303, Some(link.as_str())), "{}", again.body);
}

#[tokio::test]
async fn an_old_link_opens_neither_what_was_revoked_nor_anything_after_its_time() {
    for revoked in [false, true] {
        let place = Place::new().await;
        let (old, _) = broken_twice(&place).await;
        if revoked {
            let mut work = place.rig.store.begin().await.unwrap();
            let newer = work.open_incidents_of(&[UserId::new("mary")]).await.unwrap();
            let scope = RevokeScope::Incident(newer[0].incident.id.clone());
            assert_eq!(work.revoke_links(&scope, "support", place.now()).await.unwrap(), 1);
            work.commit().await.unwrap();
        } else {
            place.rig.later(28 * DAY);
        }
        let served = place.serve().await;
        let page = served.get(&old).await;
        let expected = if revoked { "This link is not valid any more" } else { "This link has expired" };
        assert_eq!(page.heading(), expected);
        assert!(!page.body.contains("<form"), "{}", page.body);
        served.post(&old, &place.links.keys.form(&place.link_id(&old), place.now())).await;
        assert_eq!(place.writes(), 0);
    }
}
