//! What the page says of the account: why it stopped, with one button, and how many others of its toolkit stopped, too.

use reconnectd::domain::AccountId;

use super::{Answer, DAY, Place, hosted};

const OTHERS: &str = "Other Slack accounts of yours that stopped working";

#[tokio::test]
async fn the_page_says_why_it_stopped_as_far_as_it_is_known_and_has_one_button() {
    for (reason, said) in [
        (Some("OAuth refresh token expired"), "Slack no longer accepts the permission you gave"),
        (Some("Max auth failures reached"), "Slack refused access several times in a row"),
        (Some("repeated transient failures"), "Slack could not be reached for a long time"),
        (Some("Something nobody has heard of"), "Slack did not say why"),
        (None, "Slack did not say why"),
    ] {
        let place = Place::new().await;
        place.connect("ca_1", "slack");
        place.rig.run().await;
        place.rig.later(DAY);
        assert!(place.simulator.world().set_status(&AccountId::new("ca_1"), "EXPIRED", reason));
        let link = place.next_link().await;
        let page = place.serve().await.get(&link).await;
        assert!(page.body.contains(said), "{reason:?}: {}", page.body);
        assert!(reason.is_none_or(|reason| !page.body.contains(reason)), "none of the provider's own words");
        assert_eq!((page.body.matches("<button").count(), page.body.matches("<form").count()), (1, 1), "{reason:?}");
    }
}

/// Mary has so many Slack accounts, and all of them stop.
async fn stopped(count: usize) -> (Place, String) {
    let place = Place::new().await;
    let ids: Vec<String> = (1..=count).map(|number| format!("ca_{number}")).collect();
    for id in &ids {
        place.connect(id, "slack");
    }
    place.rig.run().await;
    place.rig.later(DAY);
    for id in &ids {
        place.break_account(id);
    }
    let link = place.next_link().await;
    (place, link)
}

/// What a page says of the toolkit's other accounts.
fn others(page: &Answer) -> Option<&str> {
    let (_, rest) = page.body.split_once(OTHERS)?;
    rest.trim_start_matches(": ").split('.').next()
}

#[tokio::test]
async fn of_several_accounts_of_a_toolkit_the_page_names_one_and_counts_the_others_to_the_end() {
    for (count, said) in [(1, None), (2, Some("1")), (3, Some("2"))] {
        let (place, link) = stopped(count).await;
        let served = place.serve().await;
        let page = served.get(&link).await;
        assert_eq!((page.heading(), others(&page)), ("Reconnect Slack", said), "{}", page.body);
        let back = served.decide(&hosted(&served.press(&link).await), "approve").await;
        for _reload in 0..2 {
            let works = served.get(&back).await;
            assert_eq!((works.heading(), others(&works)), ("Slack is connected again", said), "{}", works.body);
            assert_eq!(works.body.contains("https://app.example.com/settings/slack"), said.is_some());
        }
        let page = served.get(&link).await;
        assert_eq!((page.heading(), others(&page)), ("All good", said), "{}", page.body);
        assert_eq!(place.incidents().await, ["slack superseded"]);
        // Nobody is told again of accounts that were given up for another.
        place.rig.later(DAY);
        place.rig.run().await;
        assert_eq!(place.mailed(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn accounts_that_were_given_up_long_ago_are_not_counted() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    let hosted_page = hosted(&served.press(&link).await);
    let second = place.attempt_account();
    let back = served.decide(&hosted_page, "approve").await;
    served.get(&back).await;
    place.rig.later(DAY);
    place.rig.run().await;
    place.rig.later(DAY);
    place.break_account(second.as_str());
    let next = place.next_link().await;
    let page = served.get(&next).await;
    assert_eq!((page.heading(), others(&page)), ("Reconnect Slack", None), "{}", page.body);
    let back = served.decide(&hosted(&served.press(&next).await), "approve").await;
    assert_eq!(others(&served.get(&back).await), None);
}
