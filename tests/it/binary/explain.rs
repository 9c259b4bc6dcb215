//! `explain USER`: every account, its condition and history, and what was or was not sent, with the reason.

use axum::http::header::RETRY_AFTER;

use super::setup::{Setup, WEBHOOK_SECRET};
use crate::support::sink::Reply;

#[tokio::test]
async fn it_says_what_was_concluded_what_was_sent_and_why() {
    let setup = Setup::new().await.with_mail().await;
    for id in ["ben", "kim", "ada"] {
        setup.user(id).await;
    }
    let (ben, kim) = (setup.works("ben", "slack"), setup.works("kim", "notion"));
    setup.works("ada", "gmail");
    setup.once(0).await;
    setup.breaks(&ben);
    assert!(setup.simulator.world().set_status(&kim, "INACTIVE", Some("Connection status updated by user")));
    setup.once(0).await;

    for (user, parts) in [
        (
            "ben",
            vec![
                "User ben",
                "ca_ben_slack: EXPIRED, reason ",
                "concluded broken",
                "last seen ACTIVE",
                "ACTIVE healthy -> EXPIRED broken (",
                "\n      told 20",
                " by email, webhook:product\n",
                "email <",
                "webhook:product msg_",
                "delivered",
                "attempt 1",
            ],
        ),
        ("kim", vec!["INACTIVE", "concluded intentional", "switched off or revoked on purpose", "Deliveries (0)"]),
        ("ada", vec!["ACTIVE", "concluded healthy", "Incidents (0)", "Deliveries (0)"]),
    ] {
        let output = setup.run(&["explain", user]).await.expect(0);
        for part in parts {
            assert!(output.stdout.contains(part), "{user}: {part:?} is missing:\n{}", output.stdout);
        }
        assert!(!output.stdout.contains("@example.com") && !output.stdout.contains(WEBHOOK_SECRET));
    }
    assert_eq!(setup.told(), ["ben"]);
}

#[tokio::test]
async fn a_user_nobody_looked_at_is_said_to_be_unknown() {
    let setup = Setup::new().await;
    setup.run(&["migrate"]).await.expect(0);
    let output = setup.run(&["explain", "nobody"]).await.expect(1);
    assert!(output.stdout.contains("nobody: no run has looked at this user"), "{}", output.stdout);
}

#[tokio::test]
async fn why_a_delivery_does_not_arrive_can_be_read() {
    let setup = Setup::new().await;
    setup.broken_user("ben").await;
    setup.sink.reply_with(vec![410_u16]);
    let output = setup.run(&["once", "--summary", "json"]).await;
    let story = setup.run(&["explain", "ben"]).await.expect(0);
    assert!(story.stdout.contains("HTTP 410"), "{}\n{}", story.stdout, output.stderr);
}

#[tokio::test]
async fn what_became_of_an_incident_is_what_became_of_its_deliveries() {
    let address = Some("sam@example.com");
    for (address, status, heals, lines) in [
        (
            address,
            429_u16,
            false,
            ["\n      told 20", " by email\n", "\n      waiting by webhook:product, next attempt 20"],
        ),
        (
            address,
            429,
            true,
            ["closed 20", "told 20", "not told by webhook:product: worked again by the time of sending"],
        ),
        (
            address,
            503,
            false,
            ["told 20", "given up by webhook:product: 127.0.0.1: HTTP 503", ": dead (127.0.0.1: HTTP 503)\n"],
        ),
        (
            None,
            200,
            false,
            ["told 20", " by webhook:product\n", "not told by email: the directory has no usable e-mail"],
        ),
        (
            None,
            429,
            true,
            ["(active)", "not told by email: the directory", "not told by webhook:product: worked again"],
        ),
    ] {
        let setup = Setup::new().await.with_mail().await;
        setup.user_at("sam", address).await;
        let account = setup.works("sam", "slack");
        setup.breaks(&account);
        // A day is longer than a run waits for a delivery.
        setup.sink.reply_with(vec![Reply { status, headers: vec![(RETRY_AFTER, "86400")], body_bytes: 0 }]);
        setup.run(&["once"]).await;
        if status == 503 {
            setup.give_up().await;
        }
        if heals {
            assert!(setup.simulator.world().set_status(&account, "ACTIVE", None));
            setup.on_state("UPDATE deliveries SET next_attempt_at = 0").await;
            setup.once(0).await;
        }
        let story = setup.run(&["explain", "sam"]).await.expect(0).stdout;
        for line in lines {
            assert!(story.contains(line), "{address:?} {status} {heals}: {line:?} is missing:\n{story}");
        }
    }
}

#[tokio::test]
async fn a_user_who_cannot_be_asked_about_is_said_so_in_words() {
    let setup = Setup::new().await;
    setup.user("vic,west").await;
    setup.once(0).await;
    let story = setup.run(&["explain", "vic,west"]).await.expect(0).stdout;
    assert!(story.contains("unqueryable (not audited: ") && story.contains("it holds a comma"), "{story}");
}
