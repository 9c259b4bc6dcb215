//! Identifiers as types, so that a user id cannot be passed where an account id is meant, and the
//! mint that makes ours.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::redact::mask_address;
use super::time::{Timestamp, millis};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps the text as it is: no trimming, no change of case.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The exact text, for queries and requests. Log the id itself instead: its `Display` is safe.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&mask_address(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

text_id! {
    /// A user's id in the product's database, byte for byte. Some products use e-mail addresses as
    /// ids, so `Display` and `Debug` mask anything that looks like one; `as_str` gives the exact text.
    UserId
}
text_id! {
    /// The provider's id of one connected account (`ca_…`).
    AccountId
}
text_id! {
    /// A toolkit's slug in lower case: `slack`, `gmail`.
    ToolkitSlug
}
text_id! {
    /// The provider's id of an auth config (`ac_…`).
    AuthConfigId
}
text_id! {
    /// A delivery channel: `email`, or `webhook:` and the configured name.
    ChannelName
}
text_id! {
    /// One incident (UUID v7).
    IncidentId
}
text_id! {
    /// One notification (UUID v7).
    NotificationId
}
text_id! {
    /// One delivery (UUID v7).
    DeliveryId
}
text_id! {
    /// One operator's silence (UUID v7).
    SilenceId
}
text_id! {
    /// One run (UUID v7); on every log line.
    RunId
}

impl UserId {
    /// Whether the provider can be asked about this user by `user_ids`: the wire format joins ids with
    /// commas, so `a,b` would ask for the users `a` and `b` (contract, section 8.14). An id of white space
    /// alone, trimmed by a server, would ask for everybody; a NUL is no character any server should be sent.
    pub fn is_queryable(&self) -> bool {
        !self.0.trim().is_empty() && !self.0.contains([',', '\0'])
    }

    /// Whether somebody can stand behind this id at all: blank ids and the provider's `default`
    /// (the caller omitted the id) belong to nobody (contract, section 8.7).
    pub fn is_nobody(&self) -> bool {
        self.0.trim().is_empty() || self.0 == "default"
    }
}

/// Makes UUID v7 ids and jitter from a seed and the instants it is given, so that a test run mints
/// the same ids every time. The seed comes from the operating system once, in `src/app/`.
#[derive(Debug)]
pub struct IdMint(Mutex<fastrand::Rng>);

impl IdMint {
    /// A mint whose ids follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }

    /// A new UUID v7 in its hyphenated form: sorts by `now`, 74 random bits.
    pub fn uuid(&self, now: Timestamp) -> String {
        let mut random = [0_u8; 10];
        self.rng(|rng| rng.fill(&mut random));
        let ms = u64::try_from(millis(now)).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid().hyphenated().to_string()
    }

    /// 16 bytes for an id that shows nothing, not even when it was made. No secret: who knows the seed knows them.
    pub fn opaque(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.rng(|rng| rng.fill(&mut bytes));
        bytes
    }

    /// A number in `0.0..1.0`, for jitter.
    pub fn unit(&self) -> f64 {
        self.rng(fastrand::Rng::f64)
    }

    fn rng<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        draw(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::from_millis;

    #[test]
    fn ids_that_are_addresses_are_masked_when_shown() {
        let id = UserId::new("mary.poppins@example.com");
        assert_eq!(id.to_string(), "m***@example.com");
        assert_eq!(format!("{id:?}"), "UserId(m***@example.com)");
        assert_eq!(id.as_str(), "mary.poppins@example.com");
        assert_eq!(UserId::new("user_42").to_string(), "user_42");
    }

    #[test]
    fn minted_ids_are_version_7_sortable_and_repeatable() {
        let (a, b) = (IdMint::new(7), IdMint::new(7));
        let first = a.uuid(from_millis(1_700_000_000_000));
        assert_eq!(first, b.uuid(from_millis(1_700_000_000_000)));
        let second = a.uuid(from_millis(1_700_000_000_001));
        assert!(first < second && first.as_bytes()[14] == b'7', "{first} {second}");
    }

    #[test]
    fn a_comma_or_nothing_cannot_be_asked_for() {
        for (id, queryable, nobody) in [
            ("u1", true, false),
            ("a,b", false, false),
            ("", false, true),
            (" ", false, true),
            ("default", true, true),
            ("é/%&", true, false),
        ] {
            assert_eq!(UserId::new(id).is_queryable(), queryable, "{id:?}");
            assert_eq!(UserId::new(id).is_nobody(), nobody, "{id:?}");
        }
    }
}
