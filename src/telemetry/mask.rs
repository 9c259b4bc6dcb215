//! The last line of defence: what must not be seen in a log although somebody logged it.
//!
//! Our own types mask themselves; this catches the words of databases, mail servers and libraries. Configured
//! secrets become `<secret>`, words that look like e-mail addresses become `<address>`; ids that are
//! masked already (`m***@example.com`) stay readable.

use secrecy::{ExposeSecret as _, SecretString};

/// Shorter secrets would hide ordinary words; no key the provider or a webhook issues is this short.
const MIN_SECRET_BYTES: usize = 6;

/// A value of a log field longer than this many characters is cut: a line is for reading.
const MAX_VALUE_CHARS: usize = 4_000;

/// What our ids put before the `@` of an address they masked.
const MASKED: &str = "***";

/// Knows the secrets of this process.
pub(super) struct Mask {
    /// Longest first, so that a secret within another does not leave the rest of it behind.
    secrets: Vec<SecretString>,
}

impl Mask {
    pub(super) fn new(secrets: Vec<SecretString>) -> Self {
        let mut mask = Self { secrets: Vec::new() };
        mask.add(secrets);
        mask
    }

    /// These too.
    pub(super) fn add(&mut self, secrets: Vec<SecretString>) {
        for secret in secrets {
            let text = secret.expose_secret();
            if text.len() >= MIN_SECRET_BYTES && !self.secrets.iter().any(|known| known.expose_secret() == text) {
                self.secrets.push(secret);
            }
        }
        self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
    }

    /// `text` fit to be logged.
    pub(super) fn apply(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            if text.contains(secret.expose_secret()) {
                text = text.replace(secret.expose_secret(), "<secret>");
            }
        }
        if text.contains('@') || text.contains("%40") {
            text = text.split_inclusive(char::is_whitespace).map(mask_word).collect();
        }
        if let Some((end, _)) = text.char_indices().nth(MAX_VALUE_CHARS) {
            text.truncate(end);
            text.push('…');
        }
        text
    }
}

fn mask_word(word: &str) -> String {
    let bare = word.trim_end();
    let looks_open = |sign: &str| {
        bare.match_indices(sign).any(|(at, _)| {
            let (before, after) = (&bare[..at], &bare[at + sign.len()..]);
            let named = |c: char| c.is_alphanumeric();
            before.ends_with(|c: char| named(c) || "!#$%&'*+/=?^_`{|}~-.\"".contains(c))
                && after.starts_with(|c: char| named(c) || c == '[')
                && !before.ends_with(MASKED)
        })
    };
    if looks_open("@") || looks_open("%40") { format!("<address>{}", &word[bare.len()..]) } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_addresses_are_hidden_and_masked_ids_stay() {
        let secrets = ["hunter22", "hunter22-longer", "abc"].map(|text| SecretString::from(text.to_owned()));
        let mask = Mask::new(secrets.to_vec());
        for (text, expected) in [
            ("nothing to hide", "nothing to hide"),
            ("key=hunter22, again hunter22-longer", "key=<secret>, again <secret>"),
            ("abc is too short", "abc is too short"),
            ("550 <bob@example.com>: unknown", "550 <address> unknown"),
            ("user bob@example.com\nfailed", "user <address>\nfailed"),
            ("a=m***@example.com b", "a=m***@example.com b"),
            ("m***@example.com,bob@example.com", "<address>"),
            ("GET /?q=bob%40example.com HTTP", "GET <address> HTTP"),
            ("postgres://user:pass@host/db", "<address>"),
            ("\"bob smith\"@example.com", "\"bob <address>"),
            ("żółw@przykład.pl", "<address>"),
            ("at @ noon, @decorator", "at @ noon, @decorator"),
        ] {
            assert_eq!(mask.apply(text), expected);
        }
    }

    #[test]
    fn long_values_are_cut() {
        let mask = Mask::new(Vec::new());
        assert_eq!(mask.apply(&"ż".repeat(MAX_VALUE_CHARS)).chars().count(), MAX_VALUE_CHARS);
        assert_eq!(mask.apply(&"ż".repeat(MAX_VALUE_CHARS + 1)).chars().count(), MAX_VALUE_CHARS + 1);
        assert!(mask.apply(&"x".repeat(9_000)).ends_with('…'));
    }
}
