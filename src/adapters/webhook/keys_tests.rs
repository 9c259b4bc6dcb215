//! Which texts are keys, and that a text that is none is not repeated.

use super::*;
use crate::adapters::webhook::WebhookLimits;

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

fn settings() -> WebhookSettings {
    WebhookSettings {
        name: "product".to_owned(),
        url: "https://a.b/".to_owned(),
        secret: SECRET.into(),
        secret_previous: None,
        signing_key: None,
        events: Vec::new(),
        allow_private: false,
        limits: WebhookLimits::default(),
    }
}

/// `prefix` and so many bytes, all of one value, in base64.
fn text(prefix: &str, bytes: usize) -> String {
    format!("{prefix}{}", STANDARD.encode(vec![7_u8; bytes]))
}

/// The test key of RFC 8032, section 7.1, test 1: seed and public key.
const SEED: [u8; 32] = [
    0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5,
    0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
];
const PUBLIC: [u8; 32] = [
    0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72,
    0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
];

#[test]
fn shared_secrets_are_24_to_64_bytes_and_never_repeated() {
    for (secret, good) in [
        (SECRET.to_owned(), true),
        (format!("{SECRET}\n"), true),
        (text("whsec_", 24), true),
        (text("whsec_", 64), true),
        (text("whsec_", 23), false),
        (text("whsec_", 65), false),
        ("whsec_***".to_owned(), false),
        ("C2FVsBQIhrscChlQIMV+b5sSYspob7oD".to_owned(), false),
        (text("whsk_", 32), false),
    ] {
        let newest = Keys::of(&WebhookSettings { secret: secret.clone().into(), ..settings() });
        let previous = Keys::of(&WebhookSettings { secret_previous: Some(secret.clone().into()), ..settings() });
        for (keys, key) in [(newest, "secret of"), (previous, "secret_previous of")] {
            assert_eq!(keys.is_ok(), good, "{secret:?}");
            if let Err(error) = keys {
                let words = error.to_string();
                assert!(words.starts_with(&format!("[[webhook]] {key} 'product'")), "{words}");
                assert!(!words.contains(&secret[6..]), "{words}");
            }
        }
    }
    assert!(!format!("{:?}", settings()).contains("C2FV"));
}

#[test]
fn signing_keys_are_a_seed_alone_or_with_its_own_public_key() {
    let of = |bytes: &[u8]| format!("whsk_{}", STANDARD.encode(bytes));
    for (key, good) in [
        (of(&SEED), true),
        (of(&[SEED, PUBLIC].concat()), true),
        (of(&[SEED, SEED].concat()), false),
        (of(&SEED[1..]), false),
        (text("whsk_", 33), false),
        (text("whsec_", 32), false),
        (STANDARD.encode(SEED), false),
        ("whsk_***".to_owned(), false),
    ] {
        let keys = Keys::of(&WebhookSettings { signing_key: Some(key.clone().into()), ..settings() });
        assert_eq!(keys.is_ok(), good, "{key:?}");
        let expected = good.then(|| format!("whpk_{}", STANDARD.encode(PUBLIC)));
        assert_eq!(public_key(&key.clone().into()), expected, "RFC 8032, section 7.1, test 1");
        if let Err(error) = keys {
            let words = error.to_string();
            assert!(words.starts_with("[[webhook]] signing_key of 'product'"), "{words}");
            assert!(!words.contains(&key[6..]), "{words}");
        }
    }
}
