//! Every page there is, looked over in light and dark, on a desktop, at 200 % and on a phone, in both languages.

use std::time::Duration;

use reconnectd::domain::{AccountId, UserId};
use reconnectd::simulator::Fault;
use reconnectd::store::RevokeScope;

use super::Visit;

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn the_page_behind_a_link_however_things_stand() {
    let visit = Visit::new().await;
    visit.place.connect("ca_2", "gmail");
    visit.place.connect("ca_3", "slack");
    let link = visit.place.notice().await;
    visit.place.break_account("ca_2");
    visit.place.rig.run().await;
    let browser = &visit.browser;
    browser.goto(&link).await;
    visit.inspect("open").await;
    browser.language("de-AT,de;q=0.9").await;
    browser.goto(&link).await;
    assert_eq!(browser.heading().await, "Slack neu verbinden");
    visit.inspect("open-german").await;
    browser.language("en").await;

    visit.place.simulator.fail_next(Fault::Status(503), 2);
    browser.goto(&link).await;
    browser.click("main button").await;
    assert_eq!(browser.heading().await, "That did not work");
    visit.inspect("later").await;
    browser.goto(&link).await;
    visit.place.rig.later(Duration::from_hours(13));
    browser.click("main button").await;
    assert_eq!(browser.heading().await, "Please press the button once more");
    visit.inspect("foreign").await;

    visit.place.simulator.world().change(&AccountId::new("ca_1"), |account| account.auth_config_disabled = true);
    browser.goto(&link).await;
    browser.click("main button").await;
    assert_eq!(browser.heading().await, "We are on it");
    visit.inspect("team").await;
    visit.place.simulator.world().change(&AccountId::new("ca_1"), |account| {
        account.auth_config_disabled = false;
        account.is_disabled = true;
    });
    visit.place.rig.run().await;
    browser.goto(&link).await;
    assert_eq!(browser.heading().await, "This account is switched off");
    visit.inspect("switched-off").await;
    visit.place.simulator.world().change(&AccountId::new("ca_1"), |account| account.is_disabled = false);
    visit.place.rig.run().await;

    visit.place.rig.later(31 * DAY);
    browser.goto(&link).await;
    assert_eq!(browser.heading().await, "This link has expired");
    visit.inspect("expired").await;
    let mut work = visit.place.rig.store.begin().await.unwrap();
    work.revoke_links(&RevokeScope::User(UserId::new("mary")), "support", visit.place.now()).await.unwrap();
    work.commit().await.unwrap();
    browser.goto(&link).await;
    assert_eq!(browser.heading().await, "This link is not valid any more");
    visit.inspect("revoked").await;
    browser.goto(&format!("{link}x")).await;
    assert_eq!(browser.heading().await, "This link does not work");
    visit.inspect("nothing-here").await;
}

#[tokio::test]
async fn the_way_back() {
    let visit = Visit::branded().await;
    let link = visit.place.notice().await;
    let browser = &visit.browser;
    browser.goto(&link).await;
    browser.click("main button").await;
    let hosted = browser.url().await;
    let callback = visit.place.callback_of(&visit.place.attempt_account()).await;
    browser.goto(&callback).await;
    assert_eq!(browser.heading().await, "Almost there");
    visit.inspect("waiting").await;
    visit.place.simulator.fail_next(Fault::Status(503), 2);
    browser.goto(&callback).await;
    assert_eq!(browser.heading().await, "We could not check");
    visit.inspect("unseen").await;
    browser.goto(&hosted).await;
    browser.click("button[value=deny]").await;
    assert_eq!(browser.heading().await, "Slack is not connected yet");
    visit.inspect("not-done").await;
    browser.click("main a").await;
    browser.click("main button").await;
    browser.click("button[value=approve]").await;
    assert_eq!(browser.heading().await, "Slack is connected again");
    visit.inspect("works").await;
    browser.goto(&link).await;
    assert_eq!(browser.heading().await, "All good");
    visit.inspect("all-good").await;
    visit.no_complaints().await;
}

#[tokio::test]
async fn what_people_want_to_be_written_to_about() {
    let visit = Visit::new().await;
    let browser = &visit.browser;
    let link = visit.place.unsubscribe_link(&["gmail", "googlecalendar", "slack"]);
    browser.goto(&link).await;
    assert_eq!(browser.heading().await, "E-mails about your accounts");
    visit.inspect("preferences").await;
    browser.tick("input[type=checkbox][value=slack]").await;
    browser.click("main form:not(.second) button").await;
    assert_eq!(browser.heading().await, "Your choice is saved");
    visit.inspect("preferences-saved").await;
    browser.click("main form.second button").await;
    assert_eq!(browser.heading().await, "You are unsubscribed");
    visit.inspect("unsubscribed").await;
    browser.goto(&link).await;
    assert_eq!(browser.heading().await, "You get none of these e-mails");
    visit.inspect("preferences-none").await;
    browser.click("main form.second button").await;
    assert_eq!(browser.heading().await, "Your choice is saved");
    assert_eq!(browser.run("return document.querySelectorAll('input:checked').length").await, 2);
    browser.language("de").await;
    browser.goto(&link).await;
    assert_eq!(browser.heading().await, "E-Mails zu Ihren Konten");
    visit.inspect("preferences-german").await;
    visit.no_complaints().await;
}
