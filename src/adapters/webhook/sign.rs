//! Turns an id, an instant and a body into the three headers of Standard Webhooks.
//!
//! `webhook-signature` is a list with a space between its entries, the newest shared secret first:
//! `v1,<base64 of HMAC-SHA256>` for each shared secret and `v1a,<base64 of ed25519>` where there is a signing key,
//! all over `id.timestamp.body`. A receiver takes the request if one entry is right, so two secrets can be live while
//! receivers change over. The timestamp is that of the attempt, so receivers can refuse old replays; the id
//! never changes. Neither holds a full stop of anybody's choosing: ids are `msg_` and a UUID.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::Sha256;

use super::keys::Keys;

/// The headers of one attempt.
#[derive(Debug)]
pub(super) struct Signed {
    id: String,
    timestamp: String,
    signatures: String,
}

impl Signed {
    /// Names in lower case, and values.
    pub(super) fn pairs(&self) -> [(&'static str, &str); 3] {
        [("webhook-id", &self.id), ("webhook-timestamp", &self.timestamp), ("webhook-signature", &self.signatures)]
    }
}

/// Signs `body` for one attempt at `unix_seconds`.
pub(super) fn headers(keys: &Keys, id: &str, unix_seconds: i64, body: &str) -> Signed {
    let timestamp = unix_seconds.to_string();
    let content = format!("{id}.{timestamp}.{body}");
    let mut signatures: Vec<String> = keys.shared.iter().map(|key| v1(key, content.as_bytes())).collect();
    if let Some(pair) = &keys.ed25519 {
        signatures.push(format!("v1a,{}", STANDARD.encode(pair.sign(content.as_bytes()))));
    }
    Signed { id: id.to_owned(), timestamp, signatures: signatures.join(" ") }
}

fn v1(key: &SecretSlice<u8>, content: &[u8]) -> String {
    let tag = Hmac::<Sha256>::new_from_slice(key.expose_secret()).map(|mut mac| {
        mac.update(content);
        STANDARD.encode(mac.finalize().into_bytes())
    });
    // HMAC takes a key of any length, so this default is never used; an empty signature would be refused.
    format!("v1,{}", tag.unwrap_or_default())
}

/// An attempt as a file for people to read: the headers, then the body byte for byte as it would be sent.
pub(super) fn as_file(signed: &Signed, body: &str) -> Vec<u8> {
    let [id, timestamp, signatures] = signed.pairs().map(|(name, value)| {
        // A JSON string is its own literal; serializing one cannot fail.
        format!("    \"{name}\": {}", serde_json::Value::from(value))
    });
    format!("{{\n  \"headers\": {{\n{id},\n{timestamp},\n{signatures}\n  }},\n  \"body\": {body}\n}}\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use ring::signature::Ed25519KeyPair;

    use super::*;

    fn keys(shared: &[&str], seed: Option<&str>) -> Keys {
        let bytes = |text: &&str| SecretSlice::from(STANDARD.decode(text).unwrap());
        let pair = |seed: &str| Ed25519KeyPair::from_seed_unchecked(&STANDARD.decode(seed).unwrap()).unwrap();
        Keys { shared: shared.iter().map(bytes).collect(), ed25519: seed.map(pair) }
    }

    #[test]
    fn the_vector_of_the_specification() {
        let keys = keys(&["C2FVsBQIhrscChlQIMV+b5sSYspob7oD"], None);
        let body = r#"{"email":"test@example.com","username":"test_user"}"#;
        let signed = headers(&keys, "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553, body);
        assert_eq!(
            signed.pairs(),
            [
                ("webhook-id", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"),
                ("webhook-timestamp", "1649367553"),
                ("webhook-signature", "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="),
            ]
        );
        let file: serde_json::Value = serde_json::from_slice(&as_file(&signed, body)).unwrap();
        assert_eq!(file["headers"]["webhook-timestamp"], "1649367553");
        assert_eq!(file["body"]["username"], "test_user");
    }

    /// `TestAsymmetricWebhookSign` and `TestWebhookSign` of the Go library of Standard Webhooks, which signs with Go's
    /// own ed25519 (`libraries/go`, commits 5fb2ce9 and 3ac24af).
    #[test]
    fn the_vectors_of_another_implementation_in_the_order_receivers_see() {
        let (newest, before) = ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
        let keys = keys(&[newest, before], Some("VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk="));
        let signed = headers(&keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        let [_, _, (_, signatures)] = signed.pairs();
        let list: Vec<&str> = signatures.split(' ').collect();
        assert_eq!(list.len(), 3, "{signatures}");
        assert_eq!(list[0], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(list[1].starts_with("v1,") && list[1] != list[0]);
        assert_eq!(
            list[2],
            "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag=="
        );
    }
}
