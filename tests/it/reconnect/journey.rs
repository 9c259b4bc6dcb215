//! The way most people go.

use super::{Place, hosted};

#[tokio::test]
async fn a_click_in_a_week_old_mail_ends_with_an_account_that_works() {
    let place = Place::new().await;
    let link = place.notice().await;
    assert!(link.starts_with("https://notices.acme.example/r/") && !link.contains("slack") && !link.contains("mary"));
    place.rig.later(7 * super::DAY);
    let served = place.serve().await;
    let page = served.get(&link).await;
    assert_eq!((page.status, page.heading()), (200, "Reconnect Slack"), "{}", page.body);
    for said in ["slack of ca_1", "no longer accepts the permission", "Reconnect Slack</button>", "Stopped on"] {
        assert!(page.body.contains(said), "{said}: {}", page.body);
    }
    assert!(page.policy.contains("form-action 'self' https: http://127.0.0.1:"), "{}", page.policy);

    let hosted = hosted(&served.post(&link, &page.form()).await);
    assert_eq!(place.accounts().iter().filter(|account| account.ends_with("INITIATED")).count(), 1);
    let back = served.decide(&hosted, "approve").await;
    assert!(back.starts_with("https://notices.acme.example/r/callback/") && back.contains("status=success"), "{back}");
    let done = served.get(&back).await;
    assert_eq!((done.status, done.heading()), (200, "Slack is connected again"), "{}", done.body);
    assert!(done.body.contains("href=\"https://app.example.com/welcome?from=slack\""), "{}", done.body);
    assert_eq!(place.incidents().await, ["slack superseded"]);

    // The same way back once more says the same and asks nobody.
    let asked = place.simulator.request_count();
    assert_eq!(served.get(&back).await.heading(), "Slack is connected again");
    assert_eq!(place.simulator.request_count(), asked);
    // And so does the mail's link from now on.
    assert_eq!(served.get(&link).await.heading(), "All good");
    place.rig.later(super::DAY);
    place.rig.run().await;
    assert_eq!(place.mailed(), Vec::<String>::new());
    assert_eq!(place.incidents().await, ["slack superseded"]);
}

#[tokio::test]
async fn what_works_again_by_itself_is_seen_when_the_button_is_pressed() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    let page = served.get(&link).await;
    place.simulator.world().set_status(&"ca_1".into_account(), "ACTIVE", None);
    let answer = served.post(&link, &page.form()).await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.location.as_deref(), link.rsplit_once('/').map(|(_, token)| token), "back to the page");
    assert_eq!(served.get(&link).await.heading(), "All good");
    assert_eq!((place.incidents().await, place.writes()), (vec!["slack active".to_owned()], 0));
}

#[tokio::test]
async fn who_declines_is_told_what_to_try_and_can_begin_anew() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    let first = hosted(&served.press(&link).await);
    let back = served.decide(&first, "deny").await;
    let page = served.get(&back).await;
    assert_eq!(page.heading(), "Slack is not connected yet", "{}", page.body);
    assert!(page.body.contains(&format!("href=\"{link}\"")), "the way back to the page: {}", page.body);
    let second = hosted(&served.press(&link).await);
    assert_ne!(first, second);
    let back = served.decide(&second, "approve").await;
    assert_eq!(served.get(&back).await.heading(), "Slack is connected again");
    assert_eq!(place.incidents().await, ["slack superseded"]);
}

#[tokio::test]
async fn pages_speak_the_reader_s_language() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    let german = served.client.get(served.here(&link)).header("accept-language", "de-AT,de;q=0.9");
    let page = served.send(german).await;
    assert_eq!(page.heading(), "Slack neu verbinden");
    assert!(
        page.body.contains("<html lang=\"de\" dir=\"ltr\">") && page.body.contains("Gestört seit"),
        "{}",
        page.body
    );
}

trait IntoAccount {
    fn into_account(self) -> reconnectd::domain::AccountId;
}

impl IntoAccount for &str {
    fn into_account(self) -> reconnectd::domain::AccountId {
        reconnectd::domain::AccountId::new(self)
    }
}
