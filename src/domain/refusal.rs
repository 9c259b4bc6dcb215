//! What a provider's refusal means: whether our key, an auth config or this version is at fault, and what mends it.
//!
//! Turns a status and what was asked for into words for whoever is on call. The same words stand in the log, in the chat
//! and on the page of `status`, so that nobody gives a key a permission while the key itself is gone.

use serde::{Deserialize, Serialize};

/// What the key was used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUse {
    /// Reading accounts.
    Read,
    /// Making a connect page.
    Link,
}

/// What mends a key that was refused with this HTTP status: 401 means that nobody knows it, 403 that it may not do this
/// (RFC 9110, sections 15.5.2 and 15.5.4).
pub fn key_remedy(status: u16, used: KeyUse) -> &'static str {
    match (status, used) {
        (401, _) => "The key is not known to Composio: put another one into [composio] api_key.",
        (_, KeyUse::Read) => "The key may not read accounts: it needs the permission 'Connected accounts: Read'.",
        (_, KeyUse::Link) => "The key may not make connect pages: it needs the permission 'Connected accounts: Write'.",
    }
}

/// Why nobody can reconnect until a person has mended something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectRefusal {
    /// No page is made with one auth config.
    AuthConfig,
    /// The key is not known.
    KeyUnknown,
    /// The key may not read accounts.
    KeyMayNotRead,
    /// The key may not make pages.
    KeyMayNotLink,
    /// The provider no longer serves what this version asks for.
    Release,
    /// The provider answered with somebody else's account.
    Isolation,
}

impl ConnectRefusal {
    /// All of them, and their codes in the log, in payloads and in the state database.
    pub const CODES: [(Self, &'static str); 6] = [
        (Self::AuthConfig, "auth_config"),
        (Self::KeyUnknown, "key_unknown"),
        (Self::KeyMayNotRead, "key_may_not_read"),
        (Self::KeyMayNotLink, "key_may_not_link"),
        (Self::Release, "release"),
        (Self::Isolation, "isolation"),
    ];

    /// What a key that was refused with `status` lacks.
    pub fn of_key(status: u16, used: KeyUse) -> Self {
        match (status, used) {
            (401, _) => Self::KeyUnknown,
            (_, KeyUse::Read) => Self::KeyMayNotRead,
            (_, KeyUse::Link) => Self::KeyMayNotLink,
        }
    }

    /// The code.
    pub fn code(self) -> &'static str {
        Self::CODES.iter().find(|(known, _)| *known == self).map_or("", |(_, code)| code)
    }

    /// The one a code names.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::CODES.iter().find(|(_, known)| *known == code).map(|(known, _)| *known)
    }

    /// What is wrong and what mends it, in a sentence or two.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::AuthConfig => {
                "No connect page is made with this auth config: look at it at Composio, is it enabled, and is it still there?"
            }
            Self::KeyUnknown => key_remedy(401, KeyUse::Read),
            Self::KeyMayNotRead => key_remedy(403, KeyUse::Read),
            Self::KeyMayNotLink => key_remedy(403, KeyUse::Link),
            Self::Release => "Composio no longer serves what this version asks for (HTTP 410): upgrade reconnectd.",
            Self::Isolation => {
                "Composio answered with an account of somebody else; it was shown to nobody. Tell Composio's support, \
                 with the account and its owner from the log."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_find_back_and_are_what_is_stored() {
        for (refusal, code) in ConnectRefusal::CODES {
            assert_eq!((refusal.code(), ConnectRefusal::from_code(code)), (code, Some(refusal)));
            assert_eq!(serde_json::to_string(&refusal).unwrap(), format!("\"{code}\""));
        }
        assert_eq!(ConnectRefusal::from_code("key"), None);
    }

    #[test]
    fn a_refused_key_is_mended_by_what_its_status_and_its_use_say() {
        for (status, used, words) in [
            (401, KeyUse::Read, "put another one"),
            (401, KeyUse::Link, "put another one"),
            (403, KeyUse::Read, "'Connected accounts: Read'"),
            (403, KeyUse::Link, "'Connected accounts: Write'"),
        ] {
            assert!(key_remedy(status, used).contains(words), "{status} {used:?}");
            assert_eq!(ConnectRefusal::of_key(status, used).remedy(), key_remedy(status, used));
        }
    }
}
