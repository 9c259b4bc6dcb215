//! Who can verify an event: holders of either live secret and of the public key, and nobody else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reconnectd::adapters::webhook::public_key;
use ring::signature::{ED25519, UnparsedPublicKey};
use standardwebhooks::Webhook;

use super::*;
use crate::support::sink::Received;

const BEFORE: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ANOTHER: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
/// The private key of RFC 8032, section 7.1, test 1, and its public key.
const SIGNING: &str = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const PUBLIC: &str = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

/// What one endpoint receives.
async fn received(settings: impl FnOnce(WebhookSettings) -> WebhookSettings) -> Received {
    let sink = Sink::start().await;
    let channel = WebhookChannel::new(settings(super::settings(&sink.url(), true))).unwrap();
    channel.send(&notice()).await.unwrap();
    sink.received().remove(0)
}

fn accepts(secret: &str, request: &Received) -> bool {
    Webhook::new(secret).unwrap().verify(&request.body, &request.headers).is_ok()
}

#[tokio::test]
async fn while_a_secret_is_changed_receivers_of_either_accept_every_event() {
    for (secret, previous, accepted) in [
        (BEFORE, None, [true, false, false]),
        // The new secret is configured, the old one still live; then the old one is taken out.
        (SECRET, Some(BEFORE), [true, true, false]),
        (SECRET, None, [false, true, false]),
    ] {
        let request = received(|settings| WebhookSettings {
            secret: secret.into(),
            secret_previous: previous.map(Into::into),
            ..settings
        })
        .await;
        assert_eq!([BEFORE, SECRET, ANOTHER].map(|secret| accepts(secret, &request)), accepted);
        let mut forged = request.clone();
        forged.body.push(b' ');
        assert_eq!([BEFORE, SECRET].map(|secret| accepts(secret, &forged)), [false, false]);
    }
}

#[tokio::test]
async fn the_newest_secret_signs_first_and_the_signing_key_last() {
    let request = received(|settings| WebhookSettings {
        secret_previous: Some(BEFORE.into()),
        signing_key: Some(SIGNING.into()),
        ..settings
    })
    .await;
    let entries: Vec<&str> = request.header("webhook-signature").split(' ').collect();
    let versions: Vec<&str> = entries.iter().filter_map(|entry| entry.split(',').next()).collect();
    assert_eq!(versions, ["v1", "v1", "v1a"]);
    for (entry, [right, wrong]) in [(entries[0], [SECRET, BEFORE]), (entries[1], [BEFORE, SECRET])] {
        let mut one = request.clone();
        one.headers.insert("webhook-signature", entry.parse().unwrap());
        assert!(accepts(right, &one) && !accepts(wrong, &one), "{entry}");
    }
}

#[tokio::test]
async fn the_public_key_verifies_and_is_told_from_others() {
    assert_eq!(public_key(&SIGNING.into()).unwrap(), PUBLIC);
    let request = received(|settings| WebhookSettings { signing_key: Some(SIGNING.into()), ..settings }).await;
    let entry = request.header("webhook-signature").split(' ').find_map(|entry| entry.strip_prefix("v1a,")).unwrap();
    let signature = STANDARD.decode(entry).unwrap();
    let mut content = format!("{}.{}.", request.header("webhook-id"), request.header("webhook-timestamp")).into_bytes();
    content.extend(&request.body);
    let verifies =
        |key: &[u8], content: &[u8]| UnparsedPublicKey::new(&ED25519, key).verify(content, &signature).is_ok();
    let key = STANDARD.decode(PUBLIC.strip_prefix("whpk_").unwrap()).unwrap();
    assert!(verifies(&key, &content));
    // RFC 8032, section 7.1, test 2.
    assert!(!verifies(&STANDARD.decode("PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=").unwrap(), &content));
    content.pop();
    assert!(!verifies(&key, &content));
}

#[tokio::test]
async fn endpoints_have_keys_of_their_own() {
    let (first, second) = (
        received(|settings| settings).await,
        received(|settings| WebhookSettings { name: "audit".to_owned(), secret: ANOTHER.into(), ..settings }).await,
    );
    assert!(accepts(SECRET, &first) && !accepts(ANOTHER, &first));
    assert!(accepts(ANOTHER, &second) && !accepts(SECRET, &second));
    assert_eq!(first.body, second.body);
}
