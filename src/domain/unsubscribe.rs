//! Turns an address into the link under which its owner can say "no more", and such a link's token back into the
//! address's hash.
//!
//! Guarantees: a token names one recipient and can be made by nobody without the key; checking one needs no
//! lookup and takes the same time whatever is wrong with it; a token that is refused does not say why. Nothing
//! is stored when one is made, so a crash leaves nothing, and every link ever sent works for as long as the key
//! is the same.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac as _;
use url::Url;

use super::contact::{Contact, EmailAddress};
use super::ids::ToolkitSlug;
use super::suppression::{AddressHash, AddressKey, HASH_BYTES};

/// How the bytes of a token are laid out. Another layout gets another number, so that old links stay readable.
const VERSION: u8 = 1;

/// Bytes of the signature: half of HMAC-SHA256's, the least RFC 2104 (section 5) allows, against which 2^127 tries
/// over the network are needed on average.
const TAG_BYTES: usize = 16;

/// Bytes of version and hash, which are signed.
const SIGNED_BYTES: usize = 1 + HASH_BYTES;

const TOKEN_BYTES: usize = SIGNED_BYTES + TAG_BYTES;

/// Characters of a token: 49 bytes in base64 without padding (RFC 4648, section 5).
pub const TOKEN_CHARS: usize = 66;

/// Toolkits a link names: with more, the header line that carries it would be too long for some mail servers.
pub const MAX_ABOUT: usize = 10;

/// What a person's unsubscribe link carries: base64url of a version, the address's hash and a signature over
/// both. Opaque to everybody else. Neither `Debug` nor an error shows it: who holds it can unsubscribe its owner.
#[derive(Clone, PartialEq, Eq)]
pub struct UnsubscribeToken(String);

/// The text is no token of ours. Says nothing more, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid unsubscribe token")]
pub struct UnsubscribeTokenError;

impl UnsubscribeToken {
    /// The token of the address with this hash; always the same one.
    pub fn of(key: &AddressKey, hash: &AddressHash) -> Self {
        let mut bytes = Vec::with_capacity(TOKEN_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(hash.as_bytes());
        let mut mac = key.signer();
        mac.update(&bytes);
        bytes.extend_from_slice(&mac.finalize().into_bytes()[..TAG_BYTES]);
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Whose token `text` is, if it is one that [`UnsubscribeToken::of`] made under this key.
    pub fn open(key: &AddressKey, text: &str) -> Result<AddressHash, UnsubscribeTokenError> {
        if text.len() != TOKEN_CHARS {
            return Err(UnsubscribeTokenError);
        }
        // Refuses bits behind the last byte too, so that a token has one spelling only.
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| UnsubscribeTokenError)?;
        let bytes: [u8; TOKEN_BYTES] = bytes.try_into().map_err(|_| UnsubscribeTokenError)?;
        let (signed, tag) = bytes.split_at(SIGNED_BYTES);
        let mut mac = key.signer();
        mac.update(signed);
        // Compares in constant time.
        mac.verify_truncated_left(tag).map_err(|_| UnsubscribeTokenError)?;
        match signed {
            [VERSION, hash @ ..] => hash.try_into().map(AddressHash::from_bytes).map_err(|_| UnsubscribeTokenError),
            _ => Err(UnsubscribeTokenError),
        }
    }

    /// The text, for the link.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for UnsubscribeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnsubscribeToken")
    }
}

/// Makes the links that mails carry.
#[derive(Debug, Clone)]
pub struct Unsubscribe {
    /// Where `reconnectd serve` is reached from outside (`[http] public_url`); may have a path.
    pub base: Url,
    /// What signs the tokens.
    pub key: AddressKey,
}

impl Unsubscribe {
    /// The link for one recipient, for `List-Unsubscribe` and the mail's foot. It names what the mail is about, at
    /// most [`MAX_ABOUT`] toolkits, for the choice on its page. A secret of its recipient: not to be logged.
    pub fn link(&self, address: &EmailAddress, about: &[ToolkitSlug]) -> String {
        let token = UnsubscribeToken::of(&self.key, &self.key.hash(address));
        let mut base = self.base.clone();
        base.set_query(None);
        base.set_fragment(None);
        let page = format!("{}/u/{}", base.as_str().trim_end_matches('/'), token.as_str());
        // A dot, because a comma would part the header's addresses for who reads it carelessly. Slugs that would need
        // percent signs are left out: some mail servers decode what they pass on.
        let plain = |slug: &&ToolkitSlug| {
            slug.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        };
        let about: Vec<&str> = about.iter().filter(plain).take(MAX_ABOUT).map(ToolkitSlug::as_str).collect();
        if about.is_empty() { page } else { format!("{page}?about={}", about.join(".")) }
    }

    /// The same for somebody the directory knows, if it has an address. `language` is the tag of the mail's (BCP 47), which
    /// its page speaks, too; without it, the one they are known to read.
    pub fn link_for(&self, contact: &Contact, language: Option<&str>, about: &[ToolkitSlug]) -> Option<String> {
        let link = self.link(contact.email.as_ref()?, about);
        let sign = if link.contains('?') { '&' } else { '?' };
        let language = language.map(str::to_owned).or_else(|| contact.language_tag());
        Some(language.map_or_else(|| link.clone(), |language| format!("{link}{sign}lang={language}")))
    }
}

#[cfg(test)]
#[path = "unsubscribe_tests.rs"]
mod tests;
