//! Several at once: two tabs, two processes over PostgreSQL, a process that dies in between.

use std::sync::Arc;
use std::time::Duration;

use super::bent::{Bent, Gate};
use super::{DAY, Place, Served, hosted};
use crate::support::databases::postgres_database;

#[tokio::test]
async fn two_tabs_get_one_page() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    let form = served.get(&link).await.form();
    let (one, other) = tokio::join!(served.post(&link, &form), served.post(&link, &form));
    assert_eq!(hosted(&one), hosted(&other));
    assert_eq!((place.writes(), place.accounts().len()), (1, 2));
}

#[tokio::test]
async fn many_clicks_over_two_processes_and_postgresql_make_one_page() {
    let place = Place::over(&postgres_database().await).await;
    let link = place.notice().await;
    let (one, other) = (place.serve().await, place.serve().await);
    let form = one.get(&link).await.form();
    let clicks = (0..8).map(|click| if click % 2 == 0 { one.post(&link, &form) } else { other.post(&link, &form) });
    let answers = futures_util::future::join_all(clicks).await;
    let first = hosted(&answers[0]);
    assert!(answers.iter().all(|answer| hosted(answer) == first));
    assert_eq!((place.writes(), place.accounts().len()), (1, 2));
    // Back through the other process, while the first one is asked, too.
    let back = one.decide(&first, "approve").await;
    let (here, there) = tokio::join!(one.get(&back), other.get(&back));
    assert_eq!((here.heading(), there.heading()), ("Slack is connected again", "Slack is connected again"));
    assert_eq!(place.incidents().await, ["slack superseded"]);
    place.rig.later(DAY);
    place.rig.run().await;
    assert_eq!(place.mailed(), Vec::<String>::new());
}

/// Serves over a provider that makes the page and never answers, and waits until somebody's has been made.
async fn cut_off(place: &Place, link: &str) -> (Served, String) {
    let bent = Arc::new(Bent { pages: Some(Gate::shut()), ..Bent::of(place.provider()) });
    let served = place.serve_with(bent.clone(), place.links.clone()).await;
    let form = served.get(link).await.form();
    tokio::select! {
        _ = served.post(link, &form) => panic!("nobody is let through"),
        () = bent.pages.as_ref().unwrap().somebody() => {}
    }
    (served, form)
}

#[tokio::test]
async fn a_process_that_dies_between_the_provider_s_answer_and_its_own_leaves_silence() {
    let place = Place::new().await;
    let link = place.notice().await;
    let (served, _) = cut_off(&place, &link).await;
    drop(served);
    assert_eq!(place.accounts().len(), 2, "an account nobody here knows");
    // The claim of the dead is not taken over before it lapses; here it is made to, as 45 s would.
    let heir = place.serve().await;
    place.lapse().await;
    let hosted = hosted(&heir.press(&link).await);
    let back = heir.decide(&hosted, "approve").await;
    assert_eq!(heir.get(&back).await.heading(), "Slack is connected again");
    place.rig.later(Duration::from_mins(11));
    for _audit in 0..3 {
        place.rig.run().await;
        place.rig.later(DAY);
    }
    assert_eq!((place.mailed(), place.incidents().await), (Vec::new(), vec!["slack superseded".to_owned()]));
}

#[tokio::test]
async fn an_account_nobody_knows_causes_no_notice_where_nobody_comes_back() {
    let place = Place::new().await;
    let link = place.notice().await;
    let (_served, _) = cut_off(&place, &link).await;
    place.rig.later(Duration::from_mins(11));
    for _audit in 0..4 {
        place.rig.run().await;
        place.rig.later(DAY);
    }
    assert_eq!((place.mailed(), place.incidents().await), (Vec::new(), vec!["slack open".to_owned()]));
}

#[tokio::test]
async fn a_second_tab_is_told_to_wait_while_the_first_is_slow() {
    let place = Place::new().await;
    let link = place.notice().await;
    let (_first, form) = cut_off(&place, &link).await;
    let second = place.serve().await;
    let busy = second.post(&link, &form).await;
    assert_eq!((busy.status, busy.heading()), (409, "One moment"), "{}", busy.body);
    assert_eq!(place.writes(), 1);
}
