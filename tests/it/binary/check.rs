//! `check` and `migrate`: everything the configuration names is reached, each failing piece has its own line, and
//! nothing is sent.

use super::process::Output;
use super::setup::Setup;
use crate::support::words::{self, ENGLISH};

/// The lines of the result as (ok, what, words); a warning is no failure.
pub fn findings(output: &Output) -> Vec<(bool, String, String)> {
    let line = |line: &str| {
        let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
        assert!(["ok", "WARN", "FAILED"].contains(&mark), "{line}");
        let (what, words) = rest.trim_start().split_once(' ').unwrap_or((rest, ""));
        (mark != "FAILED", what.to_owned(), words.trim().to_owned())
    };
    output.stdout.lines().map(line).collect()
}

#[tokio::test]
async fn a_check_reaches_everything_and_sends_nothing() {
    let setup = Setup::new().await.with_mail().await;
    setup.broken_user("u1").await;
    let output = setup.run(&["check"]).await.expect(0);
    let findings = findings(&output);
    assert!(findings.iter().all(|(ok, ..)| *ok), "{}", output.stdout);
    let pieces: Vec<&str> = findings.iter().map(|(_, what, _)| what.as_str()).collect();
    assert_eq!(pieces, ["configuration", "state", "directory", "provider", "email", "webhook:product", "email"]);
    assert!(findings[6].2.contains("mails carry no unsubscribe link; set [http] public_url"), "{}", output.stdout);
    let state = setup.state_url.strip_prefix("sqlite://").unwrap();
    assert!(findings[1].2.contains(&format!("(SQLite, {state})")), "{}", output.stdout);
    assert!(findings[2].2.contains("1 users"), "{}", output.stdout);
    assert_eq!((setup.mailed().len(), setup.told().len()), (0, 0));
}

#[tokio::test]
async fn a_catalogue_without_words_for_pages_is_said_and_one_that_lacks_some_is_refused() {
    let mut setup = Setup::new().await.with_mail().await;
    let folder = tempfile::tempdir().unwrap();
    setup.text("http.public_url", "https://notices.acme.example");
    setup.text("email.templates", &folder.path().display().to_string());
    words::put(folder.path(), &[("fr.toml", words::mails_only(ENGLISH)), ("pt-BR.toml", ENGLISH.to_owned())]);
    let output = setup.run(&["check"]).await.expect(0);
    let line = "WARN   pages            in English for readers of mails in fr; add [pages] to";
    assert!(output.stdout.lines().any(|said| said.starts_with(line)), "{}", output.stdout);

    let misspelt = words::with(ENGLISH, &[("look_again = ", "lok_again = ")]);
    words::put(folder.path(), &[("fr.toml", misspelt)]);
    for command in ["check", "serve"] {
        let output = setup.run(&[command]).await.expect(2);
        let said = format!("{}{}", output.stdout, output.stderr);
        assert!(said.contains("fr.toml, line ") && said.contains("no page says pages.callback.lok_again"), "{said}");
        assert!(!said.contains("in English for readers"), "{said}");
    }
}

#[tokio::test]
async fn two_failing_pieces_are_two_lines_and_a_refused_key_decides_the_code() {
    let mut setup = Setup::new().await;
    setup.text("composio.api_key", "ak_revoked");
    setup.text("webhook.url", "http://127.0.0.1:1/hook");
    let output = setup.run(&["check"]).await.expect(3);
    let failing = findings(&output).iter().filter(|(ok, ..)| !ok).count();
    assert_eq!(failing, 2, "{}", output.stdout);
}

#[tokio::test]
async fn the_worst_of_what_fails_decides_the_code() {
    for (table, key, webhook, code) in [
        ("nowhere", None, None, 2),
        ("nowhere", None, Some("http://127.0.0.1:1/hook"), 2),
        ("nowhere", Some("ak_revoked"), Some("http://127.0.0.1:1/hook"), 3),
        ("users", None, Some("http://127.0.0.1:1/hook"), 1),
    ] {
        let mut setup = Setup::new().await;
        setup.text("directory.table", table);
        if let Some(key) = key {
            setup.text("composio.api_key", key);
        }
        if let Some(url) = webhook {
            setup.text("webhook.url", url);
        }
        setup.run(&["check"]).await.expect(code);
        if table == "nowhere" && key.is_none() {
            setup.run(&["once"]).await.expect(code);
        }
    }
}

#[tokio::test]
async fn a_configuration_without_channels_is_allowed_and_said() {
    let mut setup = Setup::new().await;
    setup.remove("webhook");
    setup.broken_user("u1").await;
    let output = setup.run(&["check"]).await.expect(0);
    assert!(output.stdout.contains("nobody is told"), "{}", output.stdout);
    assert_eq!(setup.once(0).await["silenced"]["no_channel"], 1);
}

#[tokio::test]
async fn migrating_twice_is_migrating_once() {
    let setup = Setup::new().await;
    let first = setup.run(&["migrate"]).await.expect(0);
    let second = setup.run(&["migrate"]).await.expect(0);
    assert_eq!(first.stdout, second.stdout);
    assert!(first.stdout.contains("up to date"), "{}", first.stdout);
    setup.once(0).await;
}
