//! Ids of reconnect links and of the attempts made behind them, and where those links lead.
//!
//! An id is 16 random bytes without a meaning; it can be logged and stored, because without a signature
//! ([`super::LinkKeys`]) it opens nothing.

use std::fmt;
use std::time::Duration;

use url::Url;

use super::ids::IdMint;
use super::link_keys::{LinkKeys, TokenFor};
use super::suppression::hex;

/// Bytes of an id.
pub(super) const ID_BYTES: usize = 16;

/// A stored text is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id (expected 32 hexadecimal characters in lower case)")]
pub struct OpaqueIdError;

macro_rules! opaque_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; ID_BYTES]);

        impl $name {
            /// A new one.
            pub fn mint(mint: &IdMint) -> Self {
                Self(mint.opaque())
            }

            /// The one with these bytes.
            pub fn from_bytes(bytes: [u8; ID_BYTES]) -> Self {
                Self(bytes)
            }

            /// Its bytes, to be signed.
            pub fn as_bytes(&self) -> &[u8; ID_BYTES] {
                &self.0
            }

            /// 32 hexadecimal characters, for the database and the log.
            pub fn to_hex(&self) -> String {
                hex(&self.0)
            }

            /// Reads what `to_hex` wrote.
            pub fn from_hex(text: &str) -> Result<Self, OpaqueIdError> {
                let lower = text.len() == 2 * ID_BYTES && !text.bytes().any(|byte| byte.is_ascii_uppercase() || byte == b'+');
                let bytes = lower.then(|| u128::from_str_radix(text, 16).ok()).flatten().ok_or(OpaqueIdError)?;
                Ok(Self(bytes.to_be_bytes()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.to_hex())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

opaque_id! {
    /// One durable link in mails: one user, one incident.
    LinkId
}
opaque_id! {
    /// One connect attempt begun behind a link.
    AttemptId
}

/// Makes the links that notices carry where people are sent to our own page.
#[derive(Debug, Clone)]
pub struct ReconnectLinks {
    /// Where the pages are reached from outside (`[http] public_url`); may have a path.
    pub base: Url,
    /// What signs them.
    pub keys: LinkKeys,
    /// How long a link works after the last notice that carried it.
    pub life: Duration,
}

impl ReconnectLinks {
    /// The page behind a link. A secret of its reader: not to be logged.
    pub fn page(&self, link: &LinkId) -> String {
        self.under("r", &self.keys.token(TokenFor::Link, link.as_bytes()))
    }

    /// Where the provider sends a person back to after an attempt. Not to be logged. The token is in the path: what
    /// the provider does to a query that is there already is documented nowhere.
    pub fn callback(&self, attempt: &AttemptId) -> String {
        self.under("r/callback", &self.keys.token(TokenFor::Attempt, attempt.as_bytes()))
    }

    fn under(&self, folder: &str, token: &str) -> String {
        let mut base = self.base.clone();
        base.set_query(None);
        base.set_fragment(None);
        format!("{}/{folder}/{token}", base.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_one_spelling() {
        let id = LinkId::from_bytes([0xab; 16]);
        assert_eq!(LinkId::from_hex(&id.to_hex()), Ok(id));
        for text in [
            "",
            "AB",
            &"AB".repeat(16),
            &"ab".repeat(15),
            &"ab".repeat(17),
            &format!("+{}", "a".repeat(31)),
            &"zz".repeat(16),
        ] {
            assert_eq!(LinkId::from_hex(text), Err(OpaqueIdError), "{text}");
        }
    }
}
