//! `serve` as a process: started, used by a person and by a mail service, stopped; and what it says of it.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use reconnectd::domain::{AddressKey, EmailAddress, Unsubscribe};
use reconnectd::store::Store;
use secrecy::SecretString;
use serde_json::Value;

use super::process::{Running, until};
use super::setup::Setup;
use crate::support::words::{self, ENGLISH};

const ADDRESS: &str = "Mary.Poppins@example.com";

async fn listening(setup: &mut Setup) -> (Running, String) {
    setup.text("http.listen", "127.0.0.1:0");
    let mut running = setup.spawn(&["serve"]);
    until("it listens", || running.stderr().contains("http.listening") || running.ended()).await;
    let said: Value = serde_json::from_str(running.stderr().lines().next().unwrap_or_default()).unwrap_or_default();
    let address = said["address"].as_str().unwrap_or_default().to_owned();
    (running, address)
}

/// The status of an answer.
fn exchange(address: &str, request: &str) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")
}

fn post(path: &str) -> String {
    let form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 26";
    format!("POST {path} HTTP/1.1\r\nHost: x\r\n{form}\r\n\r\nList-Unsubscribe=One-Click")
}

/// The path of a person's link under this key.
fn path(key: &str, address: &str) -> String {
    let key = AddressKey::new(&SecretString::from(key.to_owned())).unwrap();
    let unsubscribe = Unsubscribe { base: "https://n.example".parse().unwrap(), key };
    unsubscribe.link(&EmailAddress::parse(address).unwrap(), &[]).replace("https://n.example", "")
}

#[tokio::test]
async fn a_person_unsubscribes_once_and_nobody_can_read_it_in_the_log() {
    let mut setup = Setup::new().await;
    let key = "a key of the operator's own, long enough";
    setup.text("suppression.key", key);
    setup.text("http.public_url", "https://notices.acme.example");
    let (running, address) = listening(&mut setup).await;
    let path = path(key, ADDRESS);
    let looked = ["suppress", "list", "--address", ADDRESS];
    assert_eq!(exchange(&address, &get(&path)), 200);
    assert!(setup.run(&looked).await.expect(0).stdout.contains("is not suppressed"));
    assert_eq!(exchange(&address, &post(&path)), 200);
    assert_eq!(exchange(&address, &post(&path)), 200, "again");
    assert_eq!(exchange(&address, &post("/u/forged")), 404);
    assert!(setup.run(&looked).await.expect(0).stdout.contains("is suppressed (unsubscribed 2"));
    running.terminate();
    let output = running.finish().await.expect(0);
    let log = output.log();
    let events: Vec<&str> = log.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(
        events,
        ["http.listening", "monitor.listening", "suppression.added", "http.stopped"],
        "{}",
        output.stderr
    );
    assert_eq!((&log[2]["cause"], log[2]["hash"].as_str().unwrap().len()), (&"unsubscribed".into(), 12));
    for secret in [key, path.trim_start_matches("/u/"), "oppins", "forged"] {
        assert!(!output.stderr.contains(secret) && !output.stdout.contains(secret), "{secret}: {}", output.stderr);
    }
}

#[tokio::test]
async fn the_pages_speak_a_language_of_the_operator_s() {
    let mut setup = Setup::new().await.with_mail().await;
    let folder = tempfile::tempdir().unwrap();
    let french = [("nothing_here = \"This link does not work\"", "nothing_here = \"Ce lien ne marche pas\"")];
    words::put(folder.path(), &[("fr.toml", words::with(ENGLISH, &french))]);
    setup.text("email.templates", &folder.path().display().to_string());
    let (running, address) = listening(&mut setup).await;
    rustls::crypto::ring::default_provider().install_default().ok();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let page =
        client.get(format!("http://{address}/u/x")).header("accept-language", "fr-CA,en;q=0.5").send().await.unwrap();
    assert_eq!(page.headers()["content-language"], "fr");
    let body = page.text().await.unwrap();
    assert!(body.contains("<html lang=\"fr\" dir=\"ltr\">") && body.contains("Ce lien ne marche pas</h1>"), "{body}");
    running.terminate();
    running.finish().await.expect(0);
}

#[tokio::test]
async fn who_unsubscribed_stays_so_until_they_ask_for_mail_again() {
    let mut setup = Setup::new().await;
    let key = "a key of the operator's own, long enough";
    setup.text("suppression.key", key);
    setup.text("http.public_url", "https://notices.acme.example");
    setup.run(&["migrate"]).await.expect(0);
    setup.run(&["suppress", "add", ADDRESS, "--by", "Kim"]).await.expect(0);
    let (running, address) = listening(&mut setup).await;
    assert_eq!(exchange(&address, &post(&path(key, ADDRESS))), 200);
    running.terminate();
    running.finish().await.expect(0);
    let again = setup.run(&["suppress", "add", ADDRESS]).await.expect(0).stdout;
    assert!(again.contains("is suppressed already (unsubscribed 2"), "{again}");
    let refused = setup.run(&["suppress", "remove", ADDRESS]).await.expect(1);
    assert!(refused.stdout.is_empty(), "{}", refused.stdout);
    assert!(refused.stderr.contains("stays suppressed (unsubscribed 2"), "{}", refused.stderr);
    assert!(refused.stderr.contains("add --they-asked"), "{}", refused.stderr);
    let looked = ["suppress", "list", "--address", ADDRESS];
    assert!(setup.run(&looked).await.expect(0).stdout.contains("is suppressed (unsubscribed 2"));
    setup.run(&["suppress", "remove", ADDRESS, "--they-asked"]).await.expect(0);
    assert!(setup.run(&looked).await.expect(0).stdout.contains("is not suppressed"));
}

#[tokio::test]
async fn without_a_configured_key_all_commands_share_the_one_that_was_made() {
    let mut setup = Setup::new().await;
    setup.run(&["migrate"]).await.expect(0);
    setup.run(&["suppress", "add", "bob@example.com"]).await.expect(0);
    let store = Store::open(&setup.state_url).await.unwrap();
    let made = store.begin_read().await.unwrap().meta("suppression_key").await.unwrap().unwrap();
    assert!(made.len() >= 43, "256 bits: {}", made.len());
    let (running, address) = listening(&mut setup).await;
    assert!(running.stderr().contains("set [http] public_url"), "{}", running.stderr());
    assert_eq!(exchange(&address, &post(&path(&made, ADDRESS))), 200);
    running.terminate();
    running.finish().await.expect(0);
    let list = setup.run(&["suppress", "list"]).await.expect(0).stdout;
    assert!(list.contains("in all: 2 suppressed") && !list.contains("oppins"), "{list}");
}

#[tokio::test]
async fn what_keeps_it_from_serving_is_said_with_its_exit_code() {
    let mut setup = Setup::new().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    setup.text("http.listen", &taken.local_addr().unwrap().to_string());
    let output = setup.run(&["serve"]).await.expect(1);
    assert!(output.stderr.contains("[http] listen: listening on 127.0.0.1:"), "{}", output.stderr);
    setup.run(&["suppress", "add", "bob@example.com"]).await.expect(0);
    setup.text("suppression.key", "another key than the one that was made at first use");
    for command in [&["serve"][..], &["suppress", "add", "x@example.com"], &["check"]] {
        let output = setup.run(command).await.expect(2);
        let said = format!("{}{}", output.stdout, output.stderr);
        assert!(said.contains("[suppression] key is not the one under which 1 addresses"), "{}", output.stderr);
    }
}

#[tokio::test]
async fn the_report_is_read_with_the_token_and_its_reading_is_logged_without_it() {
    let mut setup = Setup::new().await;
    let token = "a-token-of-32-visible-characters";
    setup.text("http.report_auth", "token");
    setup.text("http.report_token", token);
    let checked = setup.run(&["check"]).await.expect(0).stdout;
    assert!(checked.contains("served under /report to whoever sends the token"), "{checked}");
    let (running, address) = listening(&mut setup).await;
    let ask =
        |path: &str, given: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {given}\r\n\r\n");
    assert_eq!(exchange(&address, &ask("/report.json?toolkit=slack", token)), 200);
    assert_eq!(exchange(&address, &ask("/report", "another-token-of-32-characters-xx")), 401);
    assert_eq!(exchange(&address, &get("/report")), 401);
    assert_eq!(exchange(&address, &get("/u/forged")), 404, "the other pages need none");
    running.terminate();
    let output = running.finish().await.expect(0);
    let log = output.log();
    let of = |event: &str| log.iter().filter(|line| line["event"] == event).cloned().collect::<Vec<Value>>();
    let viewed = of("report.viewed");
    assert_eq!(viewed.len(), 1, "{}", output.stderr);
    for (field, expected) in [("reader", "token"), ("view", "report"), ("format", "json"), ("toolkit", "slack")] {
        assert_eq!(viewed[0][field], expected);
    }
    assert_eq!(of("report.refused").len(), 1, "asking without a token is nothing: {}", output.stderr);
    assert_eq!(of("report.refused")[0]["reason"], "wrong_token");
    assert_eq!(of("report.refused")[0]["client"], "127.0.0.1", "who guesses can be shut out");
    assert!(!output.stderr.contains("of-32"), "{}", output.stderr);
}
