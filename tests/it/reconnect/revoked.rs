//! A link that got into the wrong hands and is revoked while somebody is on the provider's page.

use std::time::Duration;

use reconnectd::domain::UserId;
use reconnectd::store::RevokeScope;

use super::{DAY, Place, hosted};

async fn revoke(place: &Place, scope: &RevokeScope) {
    let mut work = place.rig.store.begin().await.unwrap();
    assert_eq!(work.revoke_links(scope, "support", place.now()).await.unwrap(), 1);
    work.commit().await.unwrap();
}

async fn open_incident(place: &Place) -> reconnectd::domain::IncidentId {
    let mut work = place.rig.store.begin_read().await.unwrap();
    work.open_incidents_of(&[UserId::new("mary")]).await.unwrap().remove(0).incident.id
}

#[tokio::test]
async fn a_stranger_under_way_reads_of_no_success_and_the_next_link_leads_elsewhere() {
    for scope in ["user", "incident", "all"] {
        let mut place = Place::new().await;
        place.rig.settings.notices.ladder = vec![Duration::ZERO, DAY];
        place.rig.settings.delivery.notices.ladder = vec![Duration::ZERO, DAY];
        let link = place.notice().await;
        let served = place.serve().await;
        // The reminder is near, so that the next link comes while the stranger's page lives.
        place.rig.later(Duration::from_mins(24 * 60 - 5));
        let stranger_s = hosted(&served.press(&link).await);
        let callback = place.callback_of(&place.attempt_account()).await;
        let scope = match scope {
            "user" => RevokeScope::User(UserId::new("mary")),
            "incident" => RevokeScope::Incident(open_incident(&place).await),
            _ => RevokeScope::All,
        };
        revoke(&place, &scope).await;
        place.rig.later(Duration::from_mins(5));
        let next = place.next_link().await;
        let mary_s = hosted(&served.press(&next).await);
        assert_ne!(mary_s, stranger_s, "Mary is not sent where the stranger is: {scope:?}");
        // What the stranger does at the provider cannot be called back; our pages do not speak of it.
        let back = served.decide(&stranger_s, "approve").await;
        assert!(back.starts_with(&callback), "{back}");
        let asked = place.simulator.request_count();
        let answer = served.get(&back).await;
        assert_eq!((answer.status, answer.location.as_deref()), (303, Some(link.as_str())), "{scope:?}");
        assert_eq!(served.get(&link).await.heading(), "This link is not valid any more");
        assert_eq!((place.simulator.request_count(), place.incidents().await), (asked, vec!["slack open".to_owned()]));
    }
}

#[tokio::test]
async fn of_what_was_finished_before_its_link_was_revoked_nothing_is_shown_any_more() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    let back = served.decide(&hosted(&served.press(&link).await), "approve").await;
    assert_eq!(served.get(&back).await.heading(), "Slack is connected again");
    revoke(&place, &RevokeScope::User(UserId::new("mary"))).await;
    assert_eq!(served.get(&back).await.location.as_deref(), Some(link.as_str()));
    assert_eq!(served.get(&link).await.heading(), "This link is not valid any more");
}
