//! Turns an address that must not be written to any more into a keyed hash that can be stored, compared and
//! shown.
//!
//! Guarantees: without the key a hash says nothing about its address, not even to somebody who tries every
//! address there is; the same mailbox in another case, with blanks around it or with its domain in its
//! international spelling has the same hash; two different addresses never share one. Everything is derived from
//! one secret under labels, so that no value made for one purpose can pass for another. A crash leaves nothing.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

use super::contact::EmailAddress;

/// Below this a key could be guessed: 32 characters hold 128 bits even where they are hexadecimal.
pub(super) const MIN_KEY_BYTES: usize = 32;

/// Bytes of a SHA-256 (FIPS 180-4).
pub(super) const HASH_BYTES: usize = 32;

/// The block of SHA-256: HMAC pads a shorter key with zeros up to it (RFC 2104, section 2).
const BLOCK_BYTES: usize = 64;

/// A key for one purpose, padded to a block, so that using it cannot fail.
pub(super) type PurposeKey = [u8; BLOCK_BYTES];

/// The secret behind stored hashes and unsubscribe links. Must never change while either shall be honoured.
#[derive(Clone)]
pub struct AddressKey {
    hashing: PurposeKey,
    signing: PurposeKey,
    check: String,
}

/// The text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key for addresses is too short: at least {MIN_KEY_BYTES} bytes are needed")]
pub struct AddressKeyError;

impl AddressKey {
    /// The key that `secret` stands for, byte for byte. Fails below 32 bytes.
    pub fn new(secret: &SecretString) -> Result<Self, AddressKeyError> {
        let secret = secret.expose_secret().as_bytes();
        if secret.len() < MIN_KEY_BYTES {
            return Err(AddressKeyError);
        }
        let check = derive(secret, "reconnectd key check 1")?;
        Ok(Self {
            hashing: derive(secret, "reconnectd address hash 1")?,
            signing: derive(secret, "reconnectd unsubscribe token 1")?,
            check: hex(&check[..8]),
        })
    }

    /// The hash an address is stored under.
    pub fn hash(&self, address: &EmailAddress) -> AddressHash {
        let mut mac = Hmac::<Sha256>::new((&self.hashing).into());
        mac.update(normalised(address).as_bytes());
        AddressHash(mac.finalize().into_bytes().into())
    }

    /// 16 hexadecimal characters that tell one key from another and help nobody to guess it.
    pub fn check_value(&self) -> &str {
        &self.check
    }

    /// A signature machine for unsubscribe tokens.
    pub(super) fn signer(&self) -> Hmac<Sha256> {
        Hmac::<Sha256>::new((&self.signing).into())
    }
}

impl fmt::Debug for AddressKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AddressKey(check {})", self.check)
    }
}

pub(super) fn derive(secret: &[u8], label: &str) -> Result<PurposeKey, AddressKeyError> {
    // HMAC takes a key of any length, so this error is never met.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| AddressKeyError)?;
    mac.update(label.as_bytes());
    let mut key = [0; BLOCK_BYTES];
    key[..HASH_BYTES].copy_from_slice(&mac.finalize().into_bytes());
    Ok(key)
}

/// One spelling per mailbox: no blanks around it, lower case, the domain as the DNS spells it. Nearly every mail
/// server ignores the case of the local part, and a person who unsubscribed must not be written to because the
/// product's database now holds a capital; dots and tags in the local part are left alone, as they do tell
/// mailboxes apart in places.
fn normalised(address: &EmailAddress) -> String {
    let text = address.expose().trim();
    // An address always has an `@`; without one the whole would be the local part.
    let (local, domain) = text.rsplit_once('@').unwrap_or((text, ""));
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    // What is no name of the DNS (an address literal, an odd character) is compared as it is spelled.
    let domain = idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_lowercase());
    format!("{}@{domain}", local.to_lowercase())
}

/// An address as it is stored: 256 bits that nobody without the key can turn back. `Display` and `Debug` show the
/// first 12 hexadecimal characters, enough to tell two of them apart in a list.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressHash([u8; HASH_BYTES]);

/// A stored text is no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address hash (expected 64 hexadecimal characters in lower case)")]
pub struct AddressHashError;

impl AddressHash {
    /// All 64 hexadecimal characters, for the database.
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }

    /// Reads what [`AddressHash::to_hex`] wrote.
    pub fn from_hex(text: &str) -> Result<Self, AddressHashError> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(AddressHashError),
        };
        let text: &[u8; 2 * HASH_BYTES] = text.as_bytes().try_into().map_err(|_| AddressHashError)?;
        let mut bytes = [0; HASH_BYTES];
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(bytes))
    }

    pub(super) fn from_bytes(bytes: [u8; HASH_BYTES]) -> Self {
        Self(bytes)
    }

    /// The hash itself.
    pub fn as_bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }
}

impl fmt::Display for AddressHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0[..6]))
    }
}

impl fmt::Debug for AddressHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AddressHash({self})")
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value & 0x0f)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// Why an address is not written to any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SuppressionCause {
    /// Its owner said so, by the link in a mail.
    Unsubscribed,
    /// Its server refused it for good.
    Refused,
    /// An operator said so.
    Operator,
}

impl SuppressionCause {
    /// All causes and their stored codes.
    pub const CODES: [(Self, &'static str); 3] =
        [(Self::Unsubscribed, "unsubscribed"), (Self::Refused, "refused"), (Self::Operator, "operator")];

    /// The code as it is stored and shown.
    pub fn code(self) -> &'static str {
        Self::CODES.iter().find(|(known, _)| *known == self).map_or("", |(_, code)| code)
    }

    /// The cause a stored code stands for.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::CODES.iter().find(|(_, known)| *known == code).map(|(cause, _)| *cause)
    }
}

#[cfg(test)]
#[path = "suppression_tests.rs"]
mod tests;
