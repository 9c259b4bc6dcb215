//! What goes wrong when people click a link of a mail.

use reconnectd::domain::UserId;
use reconnectd::simulator::{Fault, KeyScope};
use reqwest::Client;
use serde_json::json;

use super::daemon_scenes::{log, scrape};
use super::{Evidence, says};
use crate::binary::page::{PUBLIC, link, listening, paged};
use crate::binary::process::Running;
use crate::binary::setup::Setup;
use crate::reconnect::form_in;

/// A user was told; the pages are served by the daemon, and their metrics.
async fn told() -> (Setup, Running, String) {
    let mut setup = paged().await;
    setup.text("monitor.listen", "127.0.0.1:0");
    setup.set("composio.max_attempts", "1");
    setup.broken_user("u1").await;
    setup.once(0).await;
    let (running, here) = listening(&setup, "run").await;
    let page = link(&setup).replace(PUBLIC, &here);
    (setup, running, page)
}

/// Presses the page's button so often; the last answer's status and text.
async fn press(page: &str, times: usize) -> (u16, String) {
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
    let form = form_in(&client.get(page).send().await.unwrap().text().await.unwrap());
    let mut last = (0, String::new());
    for _click in 0..times {
        let pressed = client.post(page).header("content-type", "application/x-www-form-urlencoded");
        let pressed = pressed.body(format!("form={form}")).send().await.unwrap();
        last = (pressed.status().as_u16(), pressed.text().await.unwrap());
    }
    last
}

#[tokio::test]
async fn a_key_that_may_make_no_pages_is_named_with_the_permission_it_needs_and_by_status() {
    let (setup, running, page) = told().await;
    let before = scrape(&running).await;
    setup.simulator.change(|settings| settings.scope = KeyScope::ReadOnly);
    let (status, shown) = press(&page, 1).await;
    assert!(status == 200 && shown.contains("We have to put something right"), "{status} {shown}");
    let evidence = Evidence { before, after: scrape(&running).await, log: log(&running) };
    evidence.fires("ReconnectdConnectRefused", 5);
    let line = evidence.line("reconnect.refused", &[("level", json!("error")), ("user", json!("u1"))]);
    assert_eq!((&line["reason"], &line["http_status"]), (&json!("key_may_not_link"), &json!(403)));
    says(line, "'Connected accounts: Write'");
    let status = setup.run(&["status"]).await.expect(0).stdout;
    assert!(status.contains("it needs the permission 'Connected accounts: Write'"), "{status}");
}

#[tokio::test]
async fn clicks_that_come_to_nothing_pile_up_and_each_says_for_whom_and_why() {
    let (setup, running, page) = told().await;
    let before = scrape(&running).await;
    setup.simulator.fail_user(&UserId::new("u1"), Fault::Status(503));
    assert_eq!(press(&page, 8).await.0, 503);
    let evidence = Evidence { before, after: scrape(&running).await, log: log(&running) };
    evidence.fires("ReconnectdPageFailing", 20);
    let line = evidence.line("reconnect.failed", &[("level", json!("warn")), ("user", json!("u1"))]);
    assert!(line["incident_id"].is_string(), "{line}");
    says(line, "503");
}
