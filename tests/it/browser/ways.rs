//! The ways people take: through, away and back, with two tabs; and the way a scanner takes.

use std::path::Path;
use std::time::Duration;

use reconnectd::ports::Channel as _;
use sqlx::{Connection as _, SqliteConnection};

use super::Visit;
use crate::channels_email::{PATIENT, channel};
use crate::reconnect::opened::dump;

const APPROVE: &str = "button[value=approve]";

#[tokio::test]
async fn from_the_mail_to_success_by_clicking() {
    let visit = Visit::new().await;
    visit.place.connect("ca_1", "slack");
    visit.place.rig.run().await;
    visit.place.rig.later(Duration::from_hours(24));
    visit.place.break_account("ca_1");
    visit.place.rig.run().await;
    let folder = tempfile::tempdir().unwrap();
    let (mail, link) = mail(&visit, folder.path()).await;
    let browser = &visit.browser;
    browser.goto(&mail).await;
    browser.screenshot(&super::output().join("mail.png")).await;
    browser.click("a[href*='/r/']").await;
    assert_eq!(browser.url().await, link, "the text part names the same page");
    assert_eq!(browser.heading().await, "Reconnect Slack");
    browser.click("main button").await;
    assert_eq!(browser.heading().await, "Connect slack", "{}", browser.url().await);
    browser.click(APPROVE).await;
    assert_eq!(browser.heading().await, "Slack is connected again", "{}", browser.url().await);
    let onward = browser.run("return document.querySelector('main a').href").await;
    assert_eq!(onward, "https://app.example.com/welcome?from=slack");
    visit.no_complaints().await;
    assert_eq!(visit.place.incidents().await, ["slack superseded"]);
    // Reloading the end repeats nothing, and the link of the mail says so, too.
    let end = browser.url().await;
    browser.goto(&end).await;
    assert_eq!(browser.heading().await, "Slack is connected again");
    browser.goto(&link).await;
    assert_eq!(browser.heading().await, "All good");
    assert_eq!(visit.place.writes(), 1);
}

/// The one mail that was sent, as the e-mail channel writes it: where a browser finds its HTML part, and the link in its
/// text part.
async fn mail(visit: &Visit, folder: &Path) -> (String, String) {
    let sent = visit.place.rig.world.take_sent();
    let notices: Vec<_> = sent.into_iter().filter(|(channel, _)| channel.as_str() == "email").collect();
    assert_eq!(notices.len(), 1);
    channel(&format!("file://{}", folder.display()), PATIENT).send(&notices[0].1).await.unwrap();
    let file = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let bytes = std::fs::read(file).unwrap();
    let parsed = mail_parser::MessageParser::new().parse(&bytes).unwrap();
    let html = folder.join("mail.html");
    std::fs::write(&html, parsed.body_html(0).unwrap().as_bytes()).unwrap();
    let text = parsed.body_text(0).unwrap();
    let link = text.split_whitespace().find(|word| word.contains("/r/")).unwrap().to_owned();
    (format!("file://{}", html.display()), link)
}

#[tokio::test]
async fn a_link_that_is_clicked_in_a_mail_is_opened_and_one_that_a_page_fetches_is_not() {
    for (clicked, attribute) in [(true, "href"), (false, "src")] {
        let visit = Visit::new().await;
        let link = visit.place.notice().await;
        let (browser, at) = (&visit.browser, visit.place.now());
        let element = if clicked { "a" } else { "iframe" };
        browser
            .goto(&format!("data:text/html,<h1>Mail</h1><{element} {attribute}=\"{link}\">Reconnect</{element}>"))
            .await;
        if clicked {
            browser.click("a").await;
            assert_eq!(browser.heading().await, "Reconnect Slack");
        }
        visit.served.end().await;
        assert_eq!(visit.place.opened_at(&link).await, clicked.then_some(at));
    }
}

#[tokio::test]
async fn whoever_walks_away_is_not_written_to_and_can_come_back() {
    let visit = Visit::new().await;
    let link = visit.place.notice().await;
    let browser = &visit.browser;
    let press = async || {
        browser.goto(&link).await;
        browser.click("main button").await;
        browser.url().await
    };
    let first = press().await;
    assert_eq!(press().await, first, "the same page of the provider while it lives");
    visit.place.rig.later(Duration::from_mins(11));
    for _audit in 0..3 {
        visit.place.rig.run().await;
        visit.place.rig.later(Duration::from_hours(24));
    }
    assert_eq!(visit.place.mailed(), Vec::<String>::new());
    let second = press().await;
    assert_ne!(second, first);
    browser.click("button[value=deny]").await;
    assert_eq!(browser.heading().await, "Slack is not connected yet");
    browser.click("main a").await;
    assert_eq!(browser.heading().await, "Reconnect Slack", "back on the page");
    browser.click("main button").await;
    browser.click(APPROVE).await;
    assert_eq!(browser.heading().await, "Slack is connected again");
    visit.no_complaints().await;
}

#[tokio::test]
async fn two_tabs_lead_to_one_page_of_the_provider() {
    let visit = Visit::new().await;
    let link = visit.place.notice().await;
    let browser = &visit.browser;
    let first = browser.this_tab().await;
    browser.goto(&link).await;
    let second = browser.new_tab().await;
    browser.goto(&link).await;
    browser.click("main button").await;
    let there = browser.url().await;
    browser.tab(&first).await;
    browser.click("main button").await;
    assert_eq!(browser.heading().await, "Connect slack");
    assert_eq!((browser.url().await, visit.place.writes()), (there, 1));
    browser.click(APPROVE).await;
    assert_eq!(browser.heading().await, "Slack is connected again");
    // The other tab is told that its page is used up; the mail's link says how things stand.
    browser.tab(&second).await;
    browser.goto(&link).await;
    assert_eq!(browser.heading().await, "All good");
}

#[tokio::test]
async fn a_scanner_that_opens_and_fetches_everything_on_the_page_does_nothing_but_count_as_somebody() {
    let visit = Visit::new().await;
    let link = visit.place.notice().await;
    let asked = visit.place.simulator.request_count();
    let before = dump(&visit.place.rig.url).await;
    let browser = &visit.browser;
    browser.goto(&link).await;
    // Scripts of the page's own are forbidden; what a scanner fetches it finds in the page and asks for itself.
    let found = browser
        .run(
            "return [location.href, ...[...document.querySelectorAll('[href],[src],[action]')] \
              .map(e => e.href || e.src || e.action)]",
        )
        .await;
    for address in found.as_array().unwrap() {
        browser.goto(address.as_str().unwrap()).await;
    }
    for _again in 0..3 {
        visit.served.get(&link).await;
    }
    assert_eq!((visit.place.simulator.request_count(), visit.place.accounts().len()), (asked, 1));
    let other = browser.run("return performance.getEntriesByType('resource').map(e => e.name)").await;
    assert_eq!(other, serde_json::json!([]), "the page loads nothing");
    // What drives a whole browser cannot be told from a person: that the link was opened is noted, and nothing else.
    visit.served.end().await;
    assert_eq!(visit.place.opened_at(&link).await, Some(visit.place.now()));
    let mut database = SqliteConnection::connect(&visit.place.rig.url).await.unwrap();
    sqlx::query("UPDATE reconnect_links SET opened_at = NULL").execute(&mut database).await.unwrap();
    assert_eq!(dump(&visit.place.rig.url).await, before);
}
