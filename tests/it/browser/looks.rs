//! Every page there is, looked over in light and dark, on a desktop, at 200 %, at 320 pixels and on a phone, in every
//! language there is.

use std::time::Duration;

use reconnectd::domain::{
    AccountId, AttemptId, AuthConfigId, EmailAddress, LinkId, SuppressionCause, ToolkitSlug, UserId,
};
use reconnectd::http::{Brand, Site};
use reconnectd::simulator::Fault;
use reconnectd::store::{NewAttempt, RevokeScope, Store};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

use super::Visit;
use crate::reconnect::Served;

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn the_page_behind_a_link_however_things_stand() {
    standing(Visit::reading("en").await).await;
}

#[tokio::test]
async fn the_page_behind_a_link_however_things_stand_in_german() {
    standing(Visit::reading("de").await).await;
}

#[tokio::test]
async fn the_page_behind_a_link_however_things_stand_from_right_to_left() {
    standing(Visit::right_to_left().await).await;
}

async fn standing(visit: Visit) {
    visit.place.connect("ca_2", "gmail");
    visit.place.connect("ca_3", "slack");
    let link = visit.place.notice().await;
    visit.place.break_account("ca_2");
    visit.place.rig.run().await;
    let browser = &visit.browser;
    browser.goto(&link).await;
    visit.says("Reconnect Slack", "Slack neu verbinden").await;
    visit.inspect("open").await;

    browser.goto(&link).await;
    visit.place.rig.later(Duration::from_hours(13));
    browser.click("main button").await;
    visit.says("Please press the button once more", "Bitte drücken Sie den Knopf noch einmal").await;
    visit.inspect("foreign").await;

    let world = visit.place.simulator.world();
    world.change(&AccountId::new("ca_1"), |account| account.auth_config_disabled = true);
    browser.goto(&link).await;
    browser.click("main button").await;
    visit.says("We have to put something right", "Wir müssen etwas in Ordnung bringen").await;
    visit.inspect("team").await;
    world.change(&AccountId::new("ca_1"), |account| {
        account.auth_config_disabled = false;
        account.is_disabled = true;
    });
    visit.place.rig.run().await;
    browser.goto(&link).await;
    visit.says("This account is switched off", "Dieses Konto ist abgeschaltet").await;
    visit.inspect("switched-off").await;
    world.change(&AccountId::new("ca_1"), |account| account.is_disabled = false);
    visit.place.rig.run().await;

    visit.place.rig.later(31 * DAY);
    browser.goto(&link).await;
    visit.says("This link has expired", "Dieser Link ist abgelaufen").await;
    visit.inspect("expired").await;
    let mut work = visit.place.rig.store.begin().await.unwrap();
    work.revoke_links(&RevokeScope::User(UserId::new("mary")), "support", visit.place.now()).await.unwrap();
    work.commit().await.unwrap();
    browser.goto(&link).await;
    visit.says("This link is not valid any more", "Dieser Link ist nicht mehr gültig").await;
    visit.inspect("revoked").await;
    browser.goto(&visit.place.links.page(&LinkId::from_bytes([7; 16]))).await;
    visit.says("This link has expired", "Dieser Link ist abgelaufen").await;
    visit.inspect("forgotten").await;
    browser.goto(&format!("{link}x")).await;
    visit.says("This link does not work", "Dieser Link funktioniert nicht").await;
    visit.inspect("nothing-here").await;
}

#[tokio::test]
async fn the_page_behind_a_link_when_it_cannot_help_at_once() {
    trouble(Visit::reading("en").await).await;
}

#[tokio::test]
async fn the_page_behind_a_link_when_it_cannot_help_at_once_in_german() {
    trouble(Visit::reading("de").await).await;
}

#[tokio::test]
async fn the_page_behind_a_link_when_it_cannot_help_at_once_from_right_to_left() {
    trouble(Visit::right_to_left().await).await;
}

async fn trouble(visit: Visit) {
    let link = visit.place.notice().await;
    let browser = &visit.browser;
    visit.place.simulator.fail_next(Fault::Status(503), 2);
    browser.goto(&link).await;
    browser.click("main button").await;
    visit.says("That did not work", "Das hat nicht funktioniert").await;
    visit.inspect("later").await;
    let config = (AuthConfigId::new("ac_slack"), ToolkitSlug::new("slack"));
    visit.place.simulator.world().put_auth_config(&config.0, &config.1, "OAUTH2", true);
    browser.goto(&link).await;
    browser.click("main button").await;
    visit.says("We have to put something right", "Wir müssen etwas in Ordnung bringen").await;
    visit.place.simulator.world().put_auth_config(&config.0, &config.1, "OAUTH2", false);

    // Another process is asking for the provider's page, and takes its time.
    let mut work = visit.place.rig.store.begin().await.unwrap();
    let incident = work.open_incidents_of(&[UserId::new("mary")]).await.unwrap().remove(0).incident.id;
    let (id, user) = (AttemptId::from_bytes([1; 16]), UserId::new("mary"));
    let new = NewAttempt { id, link: visit.place.link_id(&link), incident, user, auth_config: config.0 };
    work.claim_attempt(&new, Duration::from_mins(5), visit.place.now()).await.unwrap();
    work.commit().await.unwrap();
    browser.goto(&link).await;
    browser.click("main button").await;
    visit.says("One moment", "Einen Moment").await;
    visit.inspect("busy").await;

    for _ask in 0..40 {
        visit.served.get(&link).await;
    }
    browser.goto(&link).await;
    visit.says("Too many requests", "Zu viele Anfragen").await;
    visit.inspect("slower").await;
    visit.without("reconnect_links", async || browser.goto(&link).await).await;
    visit.says("That did not work", "Das hat nicht funktioniert").await;
    visit.inspect("database-away").await;
    let callback = visit.place.links.callback(&AttemptId::from_bytes([1; 16]));
    visit.without("reconnect_attempts", async || browser.goto(&callback).await).await;
    visit.says("We could not check", "Das ließ sich nicht prüfen").await;
    visit.inspect("way-back-database-away").await;
}

#[tokio::test]
async fn the_page_behind_a_link_where_links_are_used_no_more() {
    for language in ["en", "de"] {
        let visit = Visit::reading(language).await;
        let store = Store::open(&visit.place.rig.url).await.unwrap();
        let (links, around) = (visit.place.links.clone(), (&visit.place.rig, &visit.place.simulator));
        let site = Served::site(store, visit.place.provider(), links, Brand::default(), around);
        let retired = Served::of("127.0.0.1:0".parse().unwrap(), Site { reconnect: None, ..site }).await;
        visit.browser.goto(&format!("http://{}/r/x", retired.address)).await;
        visit.says("This link is not valid any more", "Dieser Link ist nicht mehr gültig").await;
        visit.inspect("retired").await;
    }
}

#[tokio::test]
async fn the_way_back() {
    way_back(Visit::branded("en").await).await;
}

#[tokio::test]
async fn the_way_back_in_german() {
    way_back(Visit::branded("de").await).await;
}

#[tokio::test]
async fn the_way_back_from_right_to_left() {
    way_back(Visit::right_to_left().await).await;
}

async fn way_back(visit: Visit) {
    let link = visit.place.notice().await;
    let browser = &visit.browser;
    browser.goto(&link).await;
    browser.click("main button").await;
    let hosted = browser.url().await;
    let callback = visit.place.callback_of(&visit.place.attempt_account()).await;
    browser.goto(&callback).await;
    visit.says("Almost there", "Fast geschafft").await;
    visit.inspect("waiting").await;
    visit.place.simulator.fail_next(Fault::Status(503), 2);
    browser.goto(&callback).await;
    visit.says("We could not check", "Das ließ sich nicht prüfen").await;
    visit.inspect("unseen").await;
    browser.goto(&hosted).await;
    browser.click("button[value=deny]").await;
    visit.says("Slack is not connected yet", "Slack ist noch nicht verbunden").await;
    visit.inspect("not-done").await;
    browser.click("main a").await;
    browser.click("main button").await;
    browser.click("button[value=approve]").await;
    visit.says("Slack is connected again", "Slack ist wieder verbunden").await;
    visit.inspect("works").await;
    browser.goto(&link).await;
    visit.says("All good", "Alles in Ordnung").await;
    visit.inspect("all-good").await;
    visit.no_complaints().await;
}

#[tokio::test]
async fn an_account_that_was_removed() {
    for language in ["en", "de"] {
        let visit = Visit::reading(language).await;
        let link = visit.place.notice().await;
        visit.place.simulator.world().remove(&AccountId::new("ca_1"));
        visit.place.rig.run().await;
        visit.browser.goto(&link).await;
        visit.says("All good", "Alles in Ordnung").await;
        visit.inspect("removed").await;
        visit.no_complaints().await;
    }
}

#[tokio::test]
async fn what_people_want_to_be_written_to_about() {
    preferences(Visit::reading("en").await).await;
}

#[tokio::test]
async fn what_people_want_to_be_written_to_about_in_german() {
    preferences(Visit::reading("de").await).await;
}

#[tokio::test]
async fn what_people_want_to_be_written_to_about_from_right_to_left() {
    preferences(Visit::right_to_left().await).await;
}

async fn preferences(visit: Visit) {
    let browser = &visit.browser;
    let link = visit.place.unsubscribe_link(&["gmail", "googlecalendar", "slack"]);
    browser.goto(&link).await;
    visit.says("E-mails about your accounts", "E-Mails zu Ihren Konten").await;
    visit.inspect("preferences").await;
    browser.tick("input[type=checkbox][value=slack]").await;
    browser.click("main form:not(.second) button").await;
    visit.says("Your choice is saved", "Ihre Auswahl ist gespeichert").await;
    visit.inspect("preferences-saved").await;
    browser.click("main form.second button").await;
    visit.says("You are unsubscribed", "Sie haben die E-Mails abbestellt").await;
    visit.inspect("unsubscribed").await;
    browser.goto(&link).await;
    visit.says("You get none of these e-mails", "Sie erhalten keine dieser E-Mails").await;
    visit.inspect("preferences-none").await;
    browser.click("main form.second button").await;
    visit.says("Your choice is saved", "Ihre Auswahl ist gespeichert").await;
    assert_eq!(browser.run("return document.querySelectorAll('input:checked').length").await, 2);
    visit.no_complaints().await;

    visit.without("suppressions", async || browser.goto(&link).await).await;
    visit.says("Stop these e-mails?", "Diese E-Mails abbestellen?").await;
    visit.inspect("ask").await;
    let form = "const form = document.createElement('form'); form.method = 'post'; window.left = false; \
        document.body.append(form); form.submit()";
    browser.run(form).await;
    browser.arrive().await;
    visit.says("Nothing has changed", "Es hat sich nichts geändert").await;
    visit.inspect("not-understood").await;
    let mut work = visit.place.rig.store.begin().await.unwrap();
    let hash = visit.place.rig.settings.delivery.address_key.hash(&EmailAddress::parse("mary@example.com").unwrap());
    work.suppress(&hash, SuppressionCause::Refused, None, visit.place.now()).await.unwrap();
    work.commit().await.unwrap();
    browser.goto(&link).await;
    visit.says("You get none of these e-mails", "Sie erhalten keine dieser E-Mails").await;
    assert_eq!(browser.run("return document.querySelectorAll('form').length").await, 0);
    visit.inspect("preferences-refused").await;
}

impl Visit {
    /// Does something while the database lacks a table.
    async fn without(&self, table: &str, work: impl AsyncFnOnce()) {
        let mut database = SqliteConnection::connect(&self.place.rig.url).await.unwrap();
        let mut rename = async |from: &str, to: &str| {
            let statement = AssertSqlSafe(format!("ALTER TABLE {from} RENAME TO {to}"));
            sqlx::query(statement).execute(&mut database).await.unwrap();
        };
        rename(table, "elsewhere").await;
        work().await;
        rename("elsewhere", table).await;
    }
}
