//! A link key that is changed while several processes answer: whoever is under way arrives, whichever of them they meet.

use reconnectd::domain::{LinkKeys, ReconnectLinks};

use super::{Place, Served, hosted, keys};

async fn knowing(place: &Place, keys: &LinkKeys) -> Served {
    place.serve_with(place.provider(), ReconnectLinks { keys: keys.clone(), ..place.links.clone() }).await
}

#[tokio::test]
async fn a_key_is_changed_in_two_steps_and_nobody_under_way_is_sent_away() {
    let before = keys("the key!", &[]);
    let announced = keys("the key!", &["the new!"]);
    let changed = keys("the new!", &["the key!"]);
    // While a step is carried out, some processes are behind it and some are not; one of either kind makes the mail.
    for (step, one, other) in [
        ("announced", &before, &announced),
        ("announced", &announced, &before),
        ("changed", &announced, &changed),
        ("changed", &changed, &announced),
    ] {
        let mut place = Place::new().await;
        place.links.keys = one.clone();
        place.rig.settings.delivery.links = Some(place.links.clone());
        let link = place.notice().await;
        let (here, there) = (knowing(&place, one).await, knowing(&place, other).await);
        let page = here.get(&link).await;
        assert_eq!(there.get(&link).await.status, 200, "{step}");
        let first = hosted(&there.post(&link, &page.form()).await);
        assert_eq!(hosted(&here.press(&link).await), first, "{step}");
        let back = there.decide(&first, "approve").await;
        for served in [&here, &there] {
            assert_eq!(served.get(&back).await.heading(), "Slack is connected again", "{step}");
        }
        assert_eq!(place.writes(), 1, "{step}");
    }
}

#[tokio::test]
async fn whoever_lacks_the_key_of_a_page_that_lives_makes_no_second_one() {
    let place = Place::new().await;
    let link = place.notice().await;
    let (before, changed) = (keys("the key!", &[]), keys("the new!", &["the key!"]));
    let (behind, ahead) = (knowing(&place, &before).await, knowing(&place, &changed).await);
    let first = hosted(&ahead.press(&link).await);
    let later = behind.press(&link).await;
    assert_eq!((later.status, later.heading()), (503, "That did not work"), "{}", later.body);
    assert_eq!(hosted(&ahead.press(&link).await), first, "whoever knows it leads there still");
    assert_eq!((place.writes(), place.accounts().len()), (1, 2));
    // Once it is over, anybody makes the next.
    place.rig.later(std::time::Duration::from_mins(11));
    assert_ne!(hosted(&behind.press(&link).await), first);
}
