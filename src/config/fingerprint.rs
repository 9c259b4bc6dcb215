//! What a configuration was made of, so that two of them can be compared without keeping a secret twice.
//!
//! Every key that was given becomes a digest of its value; of a secret's file, of what is in it. Names come out, values
//! never do.

use std::collections::BTreeMap;
use std::io::Read as _;

use sha2::{Digest as _, Sha256};
use toml::{Table, Value};

use super::secrets::MAX_SECRET_BYTES;

/// Digests of the values of all keys that were given.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fingerprint(BTreeMap<String, [u8; 32]>);

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Fingerprint {
    /// Of what was read and merged.
    pub(super) fn of(table: &Table) -> Self {
        let mut keys = BTreeMap::new();
        for (section, value) in table {
            match value {
                Value::Table(inner) => note(&mut keys, section, inner, ""),
                Value::Array(entries) => {
                    for (index, entry) in entries.iter().enumerate() {
                        let name = entry.get("name").and_then(Value::as_str).map_or(index.to_string(), str::to_owned);
                        if let Value::Table(inner) = entry {
                            note(&mut keys, section, inner, &format!("[{name}]"));
                        }
                    }
                }
                _ => {}
            }
        }
        Self(keys)
    }

    /// The keys whose values differ, as `section.key`, sorted; of a `[[webhook]]`, `webhook[NAME].key`.
    pub fn changed(&self, other: &Self) -> Vec<String> {
        let names: std::collections::BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        names.into_iter().filter(|name| self.0.get(*name) != other.0.get(*name)).cloned().collect()
    }

    /// The same, but the keys that `stay` picks as `old` has them: what is compared with next differs in them again.
    #[must_use]
    pub fn keeping(mut self, old: &Self, stay: impl Fn(&str) -> bool) -> Self {
        self.0.retain(|name, _| !stay(name));
        self.0.extend(old.0.iter().filter(|(name, _)| stay(name)).map(|(name, digest)| (name.clone(), *digest)));
        self
    }
}

/// What is in a secret's file, as far as one is read; what cannot be read is refused elsewhere.
fn content(path: &str) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    std::fs::File::open(path).ok()?.take(MAX_SECRET_BYTES).read_to_end(&mut content).ok()?;
    Some(content)
}

fn note(keys: &mut BTreeMap<String, [u8; 32]>, section: &str, inner: &Table, entry: &str) {
    for (key, value) in inner {
        let mut digest = Sha256::new();
        digest.update(value.to_string());
        if key.ends_with("_file")
            && let Some(content) = value.as_str().and_then(content)
        {
            digest.update(content);
        }
        keys.insert(format!("{section}{entry}.{key}"), digest.finalize().into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Fingerprint {
        Fingerprint::of(&toml::from_str(text).unwrap())
    }

    #[test]
    fn what_changed_is_named_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "ak_one").unwrap();
        let text = format!(
            "[composio]\napi_key_file = {:?}\nreserve = 0.2\n[[webhook]]\nname = \"product\"\nurl = \"https://a/\"\n",
            file.display().to_string()
        );
        let before = of(&text);
        assert_eq!(before.changed(&of(&text)), Vec::<String>::new());
        std::fs::write(&file, "ak_two").unwrap();
        let after = of(&text.replace("0.2", "0.3").replace("https://a/", "https://b/"));
        assert_eq!(before.changed(&after), ["composio.api_key_file", "composio.reserve", "webhook[product].url"]);
        assert_eq!(before.changed(&Fingerprint::default()).len(), 4, "what was taken out changed too");
        let kept = of(&text.replace("0.2", "0.3")).keeping(&before, |key| key == "composio.reserve");
        let again = of(&text.replace("0.2", "0.3"));
        assert_eq!(again.changed(&kept), ["composio.reserve"], "what waits for a restart is named again");
        assert!(Fingerprint::default().keeping(&before, |_| true) == before, "what was taken out waits as well");
        let shown = format!("{after:?}");
        assert!(!shown.contains("ak_two") && !shown.contains("https"), "{shown}");
    }
}
