//! The shapes of secrets: judged, never shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::config::errors::{Fault, fault};

/// Standard Webhooks, section "Signature scheme": 24 to 64 random bytes.
const WEBHOOK_SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// An ed25519 seed, or the seed with its public key behind it (Standard Webhooks, section "Signature scheme").
const SIGNING_KEY_BYTES: [usize; 2] = [32, 64];
/// 32 characters of base64 are 192 bits, of hexadecimal 128.
const MIN_KEY_CHARS: usize = 32;

/// A key that fits into a header.
pub(in crate::config) fn api_key(text: &str) -> Result<(), Fault> {
    let fits = text.bytes().all(|b| b.is_ascii_graphic());
    if fits { Ok(()) } else { Err(fault("holds a character no API key has", "copy the key again, without blanks")) }
}

/// A signing secret.
pub(in crate::config) fn webhook_secret(text: &str) -> Result<(), Fault> {
    let decoded = text.strip_prefix("whsec_").map(|key| STANDARD.decode(key));
    match decoded {
        Some(Ok(key)) if WEBHOOK_SECRET_BYTES.contains(&key.len()) => Ok(()),
        _ => {
            let remedy = "write whsec_ and the base64 of 24 to 64 random bytes: echo whsec_$(openssl rand -base64 32)";
            Err(fault("not a signing secret", remedy))
        }
    }
}

/// An ed25519 key to sign with.
pub(in crate::config) fn signing_key(text: &str) -> Result<(), Fault> {
    match text.strip_prefix("whsk_").map(|key| STANDARD.decode(key)) {
        Some(Ok(key)) if SIGNING_KEY_BYTES.contains(&key.len()) => Ok(()),
        _ => {
            let remedy = "write whsk_ and the base64 of 32 random bytes, the seed of an ed25519 key, or of the 64 bytes \
                          of seed and public key: echo whsk_$(openssl rand -base64 32)";
            Err(fault("not a signing key", remedy))
        }
    }
}

/// What keys the hashes of suppressed addresses.
pub(in crate::config) fn suppression_key(text: &str) -> Result<(), Fault> {
    random_characters(text)
}

/// What signs reconnect links.
pub(in crate::config) fn link_key(text: &str) -> Result<(), Fault> {
    random_characters(text)
}

/// What opens the report.
pub(in crate::config) fn report_token(text: &str) -> Result<(), Fault> {
    random_characters(text)?;
    let fits = text.bytes().all(|b| b.is_ascii_graphic());
    if fits {
        Ok(())
    } else {
        Err(fault("holds a character no header carries", "use letters and digits, without blanks"))
    }
}

fn random_characters(text: &str) -> Result<(), Fault> {
    if text.chars().count() >= MIN_KEY_CHARS {
        return Ok(());
    }
    let remedy = format!("use at least {MIN_KEY_CHARS} random characters: openssl rand -base64 32");
    Err(fault("is too short", remedy))
}
