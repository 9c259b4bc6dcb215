//! Turns the secrets of a `[[webhook]]` section into the keys that sign its events, or into an error that names
//! the key of the configuration and repeats no secret.
//!
//! Two kinds (Standard Webhooks, "Signature scheme"): shared secrets (`whsec_…`, HMAC-SHA256), of which two may be
//! live while receivers change over, and at most one ed25519 key (`whsk_…`), whose public half (`whpk_…`) is all that
//! a receiver needs and which forges nothing if it leaks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};

use super::settings::{WebhookSettings, WebhookSettingsError};

/// Sizes of a shared secret in bytes (Standard Webhooks, "Signature scheme").
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Size of an ed25519 seed in bytes, and of a public key (RFC 8032, section 5.1.5).
const SEED_BYTES: usize = 32;

/// What the events of one endpoint are signed with.
pub(super) struct Keys {
    /// One or two, the newest first.
    pub(super) shared: Vec<SecretSlice<u8>>,
    /// Where receivers verify with a public key.
    pub(super) ed25519: Option<Ed25519KeyPair>,
}

impl Keys {
    pub(super) fn of(settings: &WebhookSettings) -> Result<Self, WebhookSettingsError> {
        let wrong = |key, problem| WebhookSettingsError::Secret { name: settings.name.clone(), key, problem };
        let mut shared = vec![shared_key(&settings.secret).map_err(|problem| wrong("secret", problem))?];
        if let Some(previous) = &settings.secret_previous {
            shared.push(shared_key(previous).map_err(|problem| wrong("secret_previous", problem))?);
        }
        let signing = settings.signing_key.as_ref().map(key_pair).transpose();
        let ed25519 =
            signing.map_err(|problem| WebhookSettingsError::SigningKey { name: settings.name.clone(), problem })?;
        Ok(Self { shared, ed25519 })
    }
}

/// The `whpk_…` text that receivers verify `v1a` signatures with; none where the key is no signing key.
pub fn public_key(signing_key: &SecretString) -> Option<String> {
    let pair = key_pair(signing_key).ok()?;
    Some(format!("whpk_{}", STANDARD.encode(pair.public_key())))
}

fn shared_key(secret: &SecretString) -> Result<SecretSlice<u8>, &'static str> {
    let key = decoded(secret, "whsec_")?;
    if SECRET_BYTES.contains(&key.expose_secret().len()) { Ok(key) } else { Err("wrong length") }
}

/// From a seed, or from a seed with its public key behind it, which must be the seed's own.
fn key_pair(secret: &SecretString) -> Result<Ed25519KeyPair, &'static str> {
    let key = decoded(secret, "whsk_")?;
    match key.expose_secret() {
        seed if seed.len() == SEED_BYTES => Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| "not a seed"),
        both if both.len() == 2 * SEED_BYTES => {
            let (seed, public) = both.split_at(SEED_BYTES);
            Ed25519KeyPair::from_seed_and_public_key(seed, public).map_err(|_| "its two halves do not belong together")
        }
        _ => Err("wrong length"),
    }
}

fn decoded(secret: &SecretString, prefix: &str) -> Result<SecretSlice<u8>, &'static str> {
    let encoded = secret.expose_secret().trim().strip_prefix(prefix).ok_or("the prefix is missing")?;
    Ok(SecretSlice::from(STANDARD.decode(encoded).map_err(|_| "not base64")?))
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
