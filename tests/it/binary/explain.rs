//! `explain USER`: every account, its condition and history, and what was or was not sent, with the reason.

use super::setup::{Setup, WEBHOOK_SECRET};

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
                "ACTIVE -> EXPIRED",
                "the user is told (first_notice)",
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
