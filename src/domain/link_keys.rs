//! Signs and opens what stands in reconnect links, forms and callbacks, and seals what must not be read from the
//! database.
//!
//! Guarantees: a token is made by nobody without the key and says nothing; one made for one purpose opens nothing
//! else; checking one takes the same time whatever is wrong with it, and what is refused does not say why. Keys
//! rotate: the current one signs, the former ones still open. Nothing is stored here, so a crash leaves nothing.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

use super::link::{AttemptId, ID_BYTES, LinkId};
use super::suppression::{HASH_BYTES, MIN_KEY_BYTES, PurposeKey, derive};
use super::time::{Timestamp, from_millis, millis};

/// How the bytes of a token are laid out. Another layout gets another number.
const VERSION: u8 = 1;

/// Bytes of a signature: half of HMAC-SHA256's, the least RFC 2104 (section 5) allows.
const TAG_BYTES: usize = 16;

/// Version, key id and id are signed.
const SIGNED_BYTES: usize = 2 + ID_BYTES;

/// Characters of a token: 34 bytes in base64 without padding (RFC 4648, section 5).
const TOKEN_CHARS: usize = 46;

/// How long a form may be sent after its page was made: long enough for a tab that stays open over a working day.
pub const FORM_LIFE: Duration = Duration::from_hours(12);

/// Bytes of a form's instant, milliseconds since 1970.
const INSTANT_BYTES: usize = 8;

/// What a token is for. One purpose's token is garbage to another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFor {
    /// The page behind a mail's link.
    Link,
    /// The provider's way back after an attempt.
    Attempt,
}

/// One key, as the keys derived from it.
#[derive(Clone)]
struct LinkKey {
    id: u8,
    link: PurposeKey,
    attempt: PurposeKey,
    form: PurposeKey,
    sealing: PurposeKey,
}

/// The keys in use: the first signs, all of them open.
#[derive(Clone)]
pub struct LinkKeys {
    current: LinkKey,
    former: Vec<LinkKey>,
}

/// The text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key for reconnect links is too short: at least {MIN_KEY_BYTES} bytes are needed")]
pub struct LinkKeyError;

/// The text is no token of ours for this purpose. Says nothing more, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid token")]
pub struct TokenError;

impl LinkKeys {
    /// Signs with `current`, and opens what was signed with any. Fails where one has fewer than 32 bytes.
    pub fn new(current: &SecretString, former: &[&SecretString]) -> Result<Self, LinkKeyError> {
        let former: Result<Vec<_>, _> = former.iter().map(|secret| LinkKey::new(secret)).collect();
        Ok(Self { current: LinkKey::new(current)?, former: former? })
    }

    /// The token of an id: always the same one under the same key.
    pub fn token(&self, purpose: TokenFor, id: &[u8; ID_BYTES]) -> String {
        let mut bytes = Vec::with_capacity(SIGNED_BYTES + TAG_BYTES);
        bytes.extend_from_slice(&[VERSION, self.current.id]);
        bytes.extend_from_slice(id);
        let tag = signer(self.current.of(purpose), &[&bytes]).finalize().into_bytes();
        bytes.extend_from_slice(&tag[..TAG_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Whose token `text` is, if it is one that [`LinkKeys::token`] made for this purpose under one of these keys.
    pub fn open(&self, purpose: TokenFor, text: &str) -> Result<[u8; ID_BYTES], TokenError> {
        if text.len() != TOKEN_CHARS {
            return Err(TokenError);
        }
        // Refuses bits behind the last byte too, so that a token has one spelling only.
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError)?;
        let bytes: [u8; SIGNED_BYTES + TAG_BYTES] = bytes.try_into().map_err(|_| TokenError)?;
        let (signed, tag) = bytes.split_at(SIGNED_BYTES);
        // Every key is tried, whatever the token says and whichever fits, so that the time tells nothing.
        let mut fits = false;
        for key in self.all() {
            let same = signer(key.of(purpose), &[signed]).verify_truncated_left(tag).is_ok();
            fits |= same && signed[1] == key.id;
        }
        match signed {
            [VERSION, _, id @ ..] if fits => id.try_into().map_err(|_| TokenError),
            _ => Err(TokenError),
        }
    }

    /// What a page's form carries so that no other page can send it: bound to the link and the moment.
    pub fn form(&self, link: &LinkId, now: Timestamp) -> String {
        let instant = millis(now).to_be_bytes();
        let tag = signer(&self.current.form, &[link.as_bytes(), &instant]).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode([&instant[..], &tag[..TAG_BYTES]].concat())
    }

    /// Whether a form is one of this link's page, made at most [`FORM_LIFE`] ago.
    pub fn form_holds(&self, link: &LinkId, text: &str, now: Timestamp) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(text) else { return false };
        let Ok(bytes) = <[u8; INSTANT_BYTES + TAG_BYTES]>::try_from(bytes) else { return false };
        let (instant, tag) = bytes.split_at(INSTANT_BYTES);
        let mut fits = false;
        for key in self.all() {
            fits |= signer(&key.form, &[link.as_bytes(), instant]).verify_truncated_left(tag).is_ok();
        }
        let made = <[u8; INSTANT_BYTES]>::try_from(instant).map(|bytes| from_millis(i64::from_be_bytes(bytes)));
        let age = made.map(|made| (now - made).to_std());
        // A clock that was set back a little makes pages of the future; they are a form's age old at most.
        let young = made.is_ok_and(|made| (made - now).to_std().is_ok_and(|ahead| ahead <= FORM_LIFE))
            || age.is_ok_and(|age| age.is_ok_and(|age| age <= FORM_LIFE));
        fits && young
    }

    /// `text` unreadable to who has the database and not the key. Each attempt is sealed once.
    pub fn seal(&self, attempt: &AttemptId, text: &SecretString) -> Option<String> {
        let mut bytes = text.expose_secret().as_bytes().to_vec();
        let sealing = self.current.sealing_of(attempt)?;
        sealing.seal_in_place_append_tag(nonce(), Aad::from(attempt.as_bytes()), &mut bytes).ok()?;
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What [`LinkKeys::seal`] sealed; none where it was altered, is another attempt's, or its key is gone.
    pub fn unseal(&self, attempt: &AttemptId, sealed: &str) -> Option<SecretString> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        self.all().find_map(|key| {
            let mut bytes = bytes.clone();
            let opened = key.sealing_of(attempt)?.open_in_place(nonce(), Aad::from(attempt.as_bytes()), &mut bytes);
            String::from_utf8(opened.ok()?.to_vec()).ok().map(SecretString::from)
        })
    }

    fn all(&self) -> impl Iterator<Item = &LinkKey> {
        std::iter::once(&self.current).chain(&self.former)
    }
}

impl LinkKey {
    fn new(secret: &SecretString) -> Result<Self, LinkKeyError> {
        let secret = secret.expose_secret().as_bytes();
        if secret.len() < MIN_KEY_BYTES {
            return Err(LinkKeyError);
        }
        let derived = |label| derive(secret, label).map_err(|_| LinkKeyError);
        Ok(Self {
            id: derived("reconnectd link key id 1")?[0],
            link: derived("reconnectd link token 1")?,
            attempt: derived("reconnectd attempt token 1")?,
            form: derived("reconnectd form token 1")?,
            sealing: derived("reconnectd sealing 1")?,
        })
    }

    fn of(&self, purpose: TokenFor) -> &PurposeKey {
        match purpose {
            TokenFor::Link => &self.link,
            TokenFor::Attempt => &self.attempt,
        }
    }

    /// A key that seals one text in its life.
    fn sealing_of(&self, attempt: &AttemptId) -> Option<LessSafeKey> {
        let key = signer(&self.sealing, &[attempt.as_bytes()]).finalize().into_bytes();
        UnboundKey::new(&CHACHA20_POLY1305, &key[..HASH_BYTES]).ok().map(LessSafeKey::new)
    }
}

impl fmt::Debug for LinkKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkKeys({} in use)", 1 + self.former.len())
    }
}

/// The nonce may be the same every time because the key never is (RFC 8439, section 4).
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

fn signer(key: &PurposeKey, parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new(key.into());
    for part in parts {
        mac.update(part);
    }
    mac
}

#[cfg(test)]
#[path = "link_keys_tests.rs"]
mod tests;
