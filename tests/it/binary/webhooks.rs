//! The keys and events of `[[webhook]]` sections, from the file to what receivers get.

use reconnectd::adapters::webhook::public_key;
use standardwebhooks::Webhook;

use super::setup::{Setup, WEBHOOK_SECRET};

const BEFORE: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// The private key of RFC 8032, section 7.1, test 1.
const SIGNING: &str = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";

#[tokio::test]
async fn both_secrets_and_the_signing_key_sign_and_a_check_shows_the_public_key_only() {
    let mut setup = Setup::new().await;
    setup.text("webhook.secret_previous", BEFORE);
    setup.text("webhook.signing_key", SIGNING);
    setup.broken_user("u1").await;
    let checked = setup.run(&["check"]).await.expect(0);
    let public = public_key(&SIGNING.into()).unwrap();
    assert!(checked.stdout.contains(&format!("verified with {public}\n")), "{}", checked.stdout);
    let once = setup.run(&["once"]).await.expect(0);
    for output in [checked, once] {
        for secret in [BEFORE, SIGNING, WEBHOOK_SECRET].map(|secret| secret.split_once('_').unwrap().1) {
            assert!(!output.stdout.contains(secret) && !output.stderr.contains(secret), "a secret was shown");
        }
    }
    let received = setup.sink.received();
    assert_eq!(received.len(), 1);
    for secret in [WEBHOOK_SECRET, BEFORE] {
        Webhook::new(secret).unwrap().verify(&received[0].body, &received[0].headers).unwrap();
    }
    assert!(received[0].header("webhook-signature").contains(" v1a,"), "{}", received[0].header("webhook-signature"));
}

#[tokio::test]
async fn an_endpoint_gets_the_events_it_names_and_no_others() {
    for (events, told) in [("[\"storm.held\"]", 0), ("[\"reconnect.requested\"]", 1)] {
        let mut setup = Setup::new().await;
        setup.set("webhook.events", events);
        setup.user("u1").await;
        let account = setup.works("u1", "slack");
        setup.breaks(&account);
        let summary = setup.once(0).await;
        assert_eq!(summary["silenced"]["no_channel"] == 1, told == 0, "{summary}");
        assert!(setup.simulator.world().set_status(&account, "ACTIVE", None));
        setup.once(0).await;
        let kinds: Vec<_> = setup.sink.received().iter().map(|request| request.json()["type"].clone()).collect();
        assert_eq!(kinds, vec!["reconnect.requested"; told], "{events}");
    }
}
