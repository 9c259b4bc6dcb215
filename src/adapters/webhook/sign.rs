//! Turns an id, an instant and a body into the three headers of Standard Webhooks.
//!
//! `webhook-signature: v1,<base64 of HMAC-SHA256 over "id.timestamp.body">`, keyed with the decoded secret.
//! The timestamp is that of the attempt, so receivers can refuse old replays; the id never changes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::Sha256;

/// The headers of one attempt.
#[derive(Debug)]
pub(super) struct Signed {
    id: String,
    timestamp: String,
    signature: String,
}

impl Signed {
    /// Names in lower case, and values.
    pub(super) fn pairs(&self) -> [(&'static str, &str); 3] {
        [("webhook-id", &self.id), ("webhook-timestamp", &self.timestamp), ("webhook-signature", &self.signature)]
    }
}

/// Signs `body` for one attempt at `unix_seconds`.
pub(super) fn headers(key: &SecretSlice<u8>, id: &str, unix_seconds: i64, body: &str) -> Signed {
    let timestamp = unix_seconds.to_string();
    let tag = Hmac::<Sha256>::new_from_slice(key.expose_secret()).map(|mut mac| {
        for part in [id, ".", &timestamp, ".", body] {
            mac.update(part.as_bytes());
        }
        STANDARD.encode(mac.finalize().into_bytes())
    });
    // HMAC takes a key of any length, so this default is never used; an empty signature would be refused.
    let signature = format!("v1,{}", tag.unwrap_or_default());
    Signed { id: id.to_owned(), timestamp, signature }
}

/// An attempt as a file for people to read: the headers, then the body byte for byte as it would be sent.
pub(super) fn as_file(signed: &Signed, body: &str) -> Vec<u8> {
    let [id, timestamp, signature] = signed.pairs().map(|(name, value)| {
        // A JSON string is its own literal; serializing one cannot fail.
        format!("    \"{name}\": {}", serde_json::Value::from(value))
    });
    format!("{{\n  \"headers\": {{\n{id},\n{timestamp},\n{signature}\n  }},\n  \"body\": {body}\n}}\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_the_specification() {
        let key = SecretSlice::from(STANDARD.decode("C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap());
        let body = r#"{"email":"test@example.com","username":"test_user"}"#;
        let signed = headers(&key, "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553, body);
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
}
