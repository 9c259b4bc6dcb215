//! The pages of the real program where they refuse and where they fail: no log line at any level holds what was sent.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use reconnectd::domain::{AddressKey, EmailAddress, Unsubscribe};
use reconnectd::simulator::Fault;
use reqwest::Client;
use secrecy::SecretString;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

use super::page::{PUBLIC, link, listening, paged};
use crate::reconnect::form_in;

const KEY: &str = "a suppression key of the operator's own";

/// Mary's link by which she says what she wants.
fn choice() -> String {
    let key = AddressKey::new(&SecretString::from(KEY)).unwrap();
    let unsubscribe = Unsubscribe { base: PUBLIC.parse().unwrap(), key };
    unsubscribe.link(&EmailAddress::parse("mary.poppins@example.com").unwrap(), &[])
}

struct Asking {
    client: Client,
    here: String,
}

impl Asking {
    async fn get(&self, link: &str) -> u16 {
        self.client.get(link.replace(PUBLIC, &self.here)).send().await.unwrap().status().as_u16()
    }

    async fn post(&self, link: &str, body: String) -> u16 {
        let request = self.client.post(link.replace(PUBLIC, &self.here)).body(body);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.send().await.unwrap().status().as_u16()
    }
}

#[tokio::test]
async fn refusals_and_failures_are_logged_without_what_was_sent() {
    let mut setup = paged().await;
    setup.text("log.level", "trace");
    setup.text("suppression.key", KEY);
    setup.broken_user("u1").await;
    setup.once(0).await;
    let (link, choice) = (link(&setup), choice());
    let (running, here) = listening(&setup, "serve").await;
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
    let asking = Asking { client, here };
    let shown = asking.client.get(link.replace(PUBLIC, &asking.here)).send().await.unwrap().text().await.unwrap();
    let form = form_in(&shown);
    let (forged, foreign) = (format!("{}AAAA", &link[..link.len() - 4]), "bm90LW91ci1mb3JtLWF0LWFsbA".to_owned());
    assert_eq!(asking.post(&link, format!("form={foreign}")).await, 403);
    assert_eq!((asking.get(&forged).await, asking.post(&forged, format!("form={form}")).await), (404, 404));
    assert_eq!(asking.get(&forged.replace("/r/", "/r/callback/")).await, 404);
    setup.simulator.fail_next(Fault::Status(503), 9);
    assert_eq!(asking.post(&link, format!("form={form}")).await, 503, "the provider is away");
    assert_eq!(asking.get(&choice).await, 200);
    assert_eq!(asking.post(&choice, "x=y".to_owned()).await, 400);
    for table in ["reconnect_links", "suppressions"] {
        let mut database = SqliteConnection::connect(&setup.state_url).await.unwrap();
        let away = AssertSqlSafe(format!("ALTER TABLE {table} RENAME TO away_{table}"));
        sqlx::query(away).execute(&mut database).await.unwrap();
    }
    assert_eq!(asking.get(&link).await, 503, "the state database is away");
    let one_click = "List-Unsubscribe=One-Click".to_owned();
    assert_eq!(asking.post(&choice, one_click.clone()).await, 503);
    let mut last = 0;
    while last != 429 {
        last = asking.post(&choice, one_click.clone()).await;
    }
    running.terminate();
    let output = running.finish().await.expect(0);
    let events: Vec<String> =
        output.log().iter().filter_map(|line| line["event"].as_str().map(str::to_owned)).collect();
    for expected in ["reconnect.foreign", "reconnect.failed", "http.failed"] {
        assert!(events.iter().any(|event| event == expected), "{expected}: {events:?}");
    }
    let token = |text: &str| text.rsplit_once('/').unwrap().1.split('?').next().unwrap().to_owned();
    for secret in [token(&link), token(&forged), token(&choice), form, foreign, KEY.to_owned(), "poppins".to_owned()] {
        for text in [&output.stderr, &output.stdout] {
            let found = text.lines().find(|line| line.contains(&secret));
            assert_eq!(found, None, "{secret}");
        }
    }
}
