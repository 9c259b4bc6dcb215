//! How things can stand when somebody opens a link, and what the page says then.

use std::time::Duration;

use reconnectd::domain::{AccountId, AuthConfigId, ToolkitSlug};
use reconnectd::simulator::{Fault, SimAccount};

use super::{DAY, PUBLIC, Place, hosted};

#[tokio::test]
async fn an_expired_link_says_how_to_get_on_and_leads_nowhere_else() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    let page = served.get(&link).await;
    place.rig.later(30 * DAY);
    let expired = served.get(&link).await;
    assert_eq!((expired.status, expired.heading()), (200, "This link has expired"), "{}", expired.body);
    assert!(
        expired.body.contains("href=\"https://app.example.com/settings/slack\"") && !expired.body.contains("<form")
    );
    let form = place.links.keys.form(&place.link_id(&link), place.now());
    for form in [page.form(), form] {
        served.post(&link, &form).await;
    }
    assert_eq!(place.writes(), 0, "a POST makes nothing of an expired link");
}

#[tokio::test]
async fn an_account_that_works_again_needs_no_button_even_behind_an_expired_link() {
    let place = Place::new().await;
    let link = place.notice().await;
    place.simulator.world().set_status(&AccountId::new("ca_1"), "ACTIVE", None);
    place.rig.run().await;
    place.rig.later(40 * DAY);
    let page = place.serve().await.get(&link).await;
    assert_eq!(page.heading(), "All good");
    assert!(page.body.contains("https://app.example.com/welcome?from=slack") && !page.body.contains("<form"));
}

#[tokio::test]
async fn an_account_that_was_removed_needs_nothing_either() {
    let place = Place::new().await;
    let link = place.notice().await;
    place.simulator.world().remove(&AccountId::new("ca_1"));
    let served = place.serve().await;
    assert_eq!(served.press(&link).await.status, 303);
    let page = served.get(&link).await;
    assert!(page.heading() == "All good" && page.body.contains("was removed"), "{}", page.body);
    assert_eq!((place.incidents().await, place.writes()), (vec!["slack gone".to_owned()], 0));
}

#[tokio::test]
async fn what_only_the_product_can_mend_is_not_asked_of_the_user() {
    for after_the_look in [false, true] {
        let place = Place::new().await;
        let link = place.notice().await;
        let served = place.serve().await;
        let page = served.get(&link).await;
        if after_the_look {
            // The account still looks like the user's to mend; the provider refuses to make the page.
            let config = (AuthConfigId::new("ac_slack"), ToolkitSlug::new("slack"));
            place.simulator.world().put_auth_config(&config.0, &config.1, "OAUTH2", true);
        } else {
            place.simulator.world().change(&AccountId::new("ca_1"), |account| account.auth_config_disabled = true);
        }
        let told = served.post(&link, &page.form()).await;
        assert_eq!((told.status, told.heading()), (200, "We have to put something right"), "{}", told.body);
        assert_eq!((place.incidents().await, place.accounts().len()), (vec!["slack open".to_owned()], 1));
    }
}

#[tokio::test]
async fn what_was_switched_off_on_purpose_is_for_the_product_s_settings() {
    let place = Place::new().await;
    let link = place.notice().await;
    place.simulator.world().change(&AccountId::new("ca_1"), |account| account.is_disabled = true);
    let served = place.serve().await;
    assert_eq!(served.press(&link).await.status, 303);
    let page = served.get(&link).await;
    assert_eq!(page.heading(), "This account is switched off");
    assert!(page.body.contains("https://app.example.com/settings/slack"), "{}", page.body);
    assert_eq!(place.writes(), 0);
}

#[tokio::test]
async fn several_accounts_are_told_apart() {
    let place = Place::new().await;
    place.connect("ca_2", "gmail");
    place.connect("ca_3", "slack");
    place.connect("ca_4", "notion");
    let link = place.notice().await;
    for id in ["ca_2", "ca_4"] {
        place.break_account(id);
    }
    place.rig.run().await;
    let page = place.serve().await.get(&link).await;
    assert!(page.body.contains("slack of ca_1") && page.body.contains("Another Slack account of yours works"));
    assert!(page.body.contains("Also to be reconnected: Gmail and Notion."), "{}", page.body);
    assert_eq!(place.mailed().len(), 2, "each has a link of its own");
}

#[tokio::test]
async fn a_provider_that_cannot_be_asked_costs_a_minute_and_nothing_else() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    for fault in [Fault::Status(503), Fault::Html] {
        place.simulator.fail_next(fault, 2); // Both tries to list the accounts.
        let later = served.press(&link).await;
        assert_eq!((later.status, later.heading()), (503, "That did not work"), "{}", later.body);
    }
    assert_eq!(place.accounts().len(), 1);
    let hosted = hosted(&served.press(&link).await);
    let back = served.decide(&hosted, "approve").await;
    place.simulator.fail_next(Fault::Status(503), 2);
    assert_eq!(served.get(&back).await.heading(), "We could not check");
    assert_eq!(served.get(&back).await.heading(), "Slack is connected again");
}

#[tokio::test]
async fn who_comes_back_before_the_provider_has_decided_can_look_again() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    let hosted = hosted(&served.press(&link).await);
    let made = place.attempt_account();
    let callback = place.callback_of(&made).await;
    let waiting = served.get(&callback).await;
    assert_eq!(waiting.heading(), "Almost there", "{}", waiting.body);
    served.decide(&hosted, "approve").await;
    assert_eq!(served.get(&callback).await.heading(), "Slack is connected again");
}

#[tokio::test]
async fn who_comes_back_long_after_the_page_s_life_is_believed_all_the_same() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    let hosted = hosted(&served.press(&link).await);
    let back = served.decide(&hosted, "approve").await;
    place.rig.later(Duration::from_hours(2));
    assert_eq!(served.get(&back).await.heading(), "Slack is connected again");
    assert_eq!(place.incidents().await, ["slack superseded"]);
}

#[tokio::test]
async fn reminders_carry_the_same_link_and_extend_its_life() {
    let mut place = Place::new().await;
    place.rig.settings.notices.ladder = vec![Duration::ZERO, 20 * DAY];
    place.rig.settings.delivery.notices.ladder = vec![Duration::ZERO, 20 * DAY];
    let first = place.notice().await;
    place.rig.later(20 * DAY);
    assert_eq!(place.next_link().await, first);
    place.rig.later(25 * DAY);
    assert_eq!(place.serve().await.get(&first).await.heading(), "Reconnect Slack", "45 days after the first mail");
}

#[tokio::test]
async fn hostile_names_are_text() {
    let place = Place::new().await;
    place.rig.world.user_at("mary", "mary@example.com", None);
    let account = SimAccount::new("ca_1", "mary", "sla<b>ck", place.now() - 90 * DAY);
    place.simulator.world().put(account.alias("<script>alert(1)</script>\u{202e}{{ 7 * 7 }}"));
    place.rig.run().await;
    place.rig.later(DAY);
    place.break_account("ca_1");
    let link = place.next_link().await;
    let page = place.serve().await.get(&link).await;
    assert!(!page.body.contains("<script") && !page.body.contains("<b>") && page.body.contains("{{ 7 * 7 }}"));
    assert!(!page.body.contains('\u{202e}'), "{}", page.body);
}

#[tokio::test]
async fn a_link_that_is_on_record_no_more_has_expired() {
    let place = Place::new().await;
    let served = place.serve().await;
    let link = place.links.page(&reconnectd::domain::LinkId::from_bytes([7; 16]));
    let page = served.get(&link).await;
    assert_eq!((page.status, page.heading()), (200, "This link has expired"), "{}", page.body);
    assert!(page.body.contains("href=\"https://app.example.com/settings/\""), "{}", page.body);
    assert_eq!(served.post(&link, "x").await.heading(), "This link has expired");
    assert_eq!(served.get(&format!("{link}x")).await.status, 404, "not ours");
}

#[tokio::test]
async fn where_trying_again_does_not_help_the_settings_are_a_way_on() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    let settings = "href=\"https://app.example.com/settings/slack\"";
    place.simulator.fail_next(Fault::Status(503), 2);
    let later = served.press(&link).await;
    let foreign = served.post(&link, "not ours").await;
    let hosted = hosted(&served.press(&link).await);
    let callback = place.callback_of(&place.attempt_account()).await;
    let waiting = served.get(&callback).await;
    place.simulator.fail_next(Fault::Status(503), 2);
    let unseen = served.get(&callback).await;
    let not_done = served.get(&served.decide(&hosted, "deny").await).await;
    for (page, heading) in [
        (later, "That did not work"),
        (foreign, "Please press the button once more"),
        (waiting, "Almost there"),
        (unseen, "We could not check"),
        (not_done, "Slack is not connected yet"),
    ] {
        assert_eq!(page.heading(), heading);
        assert!(page.body.contains(settings), "{heading}: {}", page.body);
    }
    let nothing = served.get(&format!("{PUBLIC}/r/nothing")).await;
    assert!(nothing.status == 404 && nothing.body.contains("https://app.example.com/settings/"), "{}", nothing.body);
}
