//! The one request that makes the provider's page goes wrong: nobody is sent anywhere, it is never repeated by itself,
//! and the next click works.

use std::sync::Arc;
use std::time::Duration;

use reconnectd::domain::UserId;
use reconnectd::simulator::Fault;
use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::bent::{Bent, client};
use super::{DAY, Place, hosted};

/// How the attempts there were stand.
pub async fn attempts(place: &Place) -> Vec<String> {
    let mut database = SqliteConnection::connect(&place.rig.url).await.unwrap();
    let rows = sqlx::query("SELECT state FROM reconnect_attempts ORDER BY state");
    rows.fetch_all(&mut database).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// The next click leads to the provider's page, and from there to an account that works.
pub async fn mends(place: &Place, link: &str) {
    let served = place.serve().await;
    let page = hosted(&served.press(link).await);
    let back = served.decide(&page, "approve").await;
    assert_eq!(served.get(&back).await.heading(), "Slack is connected again");
    assert_eq!(place.incidents().await, ["slack superseded"]);
}

#[tokio::test]
async fn a_page_that_is_not_made_costs_a_minute_and_is_not_asked_for_again_by_itself() {
    for fault in [
        Fault::RateLimited,
        Fault::EdgeRateLimited,
        Fault::Status(500),
        Fault::Status(503),
        Fault::Html,
        Fault::HtmlWithOk,
        Fault::Reset,
        Fault::Closed,
        Fault::Truncated,
        Fault::Slow,
    ] {
        let place = Place::new().await;
        let link = place.notice().await;
        place.simulator.change(|settings| settings.faults.slow_for = Duration::from_millis(1_500));
        let mut bent = Bent::of(place.provider());
        bent.links = client(&place, place.simulator.base_url().as_str(), Duration::from_millis(500));
        let served = place.serve_with(Arc::new(bent), place.links.clone()).await;
        place.simulator.fail_next_change(fault, 1);
        let later = served.press(&link).await;
        assert_eq!((later.status, later.heading()), (503, "That did not work"), "{fault:?} {}", later.body);
        assert_eq!((place.writes(), attempts(&place).await), (1, vec!["lost".to_owned()]), "{fault:?}");
        mends(&place, &link).await;
        assert_eq!((place.writes(), attempts(&place).await), (2, vec!["lost".to_owned(), "succeeded".to_owned()]));
        place.rig.later(DAY);
        place.rig.run().await;
        assert_eq!(place.mailed(), Vec::<String>::new(), "{fault:?}");
    }
}

#[tokio::test]
async fn a_provider_nobody_answers_for_is_the_same() {
    let place = Place::new().await;
    let link = place.notice().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut bent = Bent::of(place.provider());
    bent.links = client(&place, &format!("http://{closed}"), Duration::from_secs(2));
    let served = place.serve_with(Arc::new(bent), place.links.clone()).await;
    assert_eq!(served.press(&link).await.status, 503);
    assert_eq!((place.writes(), attempts(&place).await), (0, vec!["lost".to_owned()]));
    mends(&place, &link).await;
}

#[tokio::test]
async fn a_429_that_names_no_time_holds_the_scans_of_the_same_process_too() {
    let place = Place::new().await;
    let link = place.notice().await;
    let provider = place.provider();
    let served = place.serve_with(Arc::clone(&provider), place.links.clone()).await;
    place.simulator.fail_next_change(Fault::EdgeRateLimited, 1);
    assert_eq!(served.press(&link).await.status, 503);
    let mary = [UserId::new("mary")];
    let held = tokio::time::timeout(Duration::from_millis(500), provider.accounts_of(&mary)).await;
    assert!(held.is_err(), "the edge blocks for 15 s and more");
}

#[tokio::test]
async fn what_is_asked_for_is_that_user_s_account_with_that_auth_config_and_a_way_back_of_ours() {
    let place = Place::new().await;
    let link = place.notice().await;
    let bent = Arc::new(Bent::of(place.provider()));
    let served = place.serve_with(bent.clone(), place.links.clone()).await;
    hosted(&served.press(&link).await);
    let wanted = bent.wanted.lock().unwrap().clone();
    assert_eq!(wanted.len(), 1);
    assert_eq!((wanted[0].user.as_str(), wanted[0].auth_config.as_str()), ("mary", "ac_slack"));
    let made = place.attempt_account();
    assert_eq!(wanted[0].callback, place.callback_of(&made).await);
    // What arrived at the provider says the same.
    let account = place.simulator.world().account(&made).unwrap();
    assert_eq!((account.user_id.as_str(), account.auth_config_id.as_str()), ("mary", "ac_slack"));
}
