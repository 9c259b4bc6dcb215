//! Every mail there is, in every language there is, byte for byte: `tests/it/golden/KIND-LANGUAGE.eml`.
//!
//! A mail that changed on purpose is written anew by `RECONNECTD_WRITE_GOLDEN=1 cargo test --test it golden_mails`;
//! the difference is for a person to read.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use reconnectd::adapters::email::{self, EmailLimits, EmailSettings, Links, Sample};
use reconnectd::domain::{ReconnectUrl, from_millis};
use url::Url;

const LANGUAGES: [&str; 2] = ["en", "de"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden")
}

fn composed(sample: Sample, language: &str) -> Vec<u8> {
    let settings = EmailSettings {
        url: "file:///nowhere".into(),
        from: "Acme <no-reply@acme.example>".to_owned(),
        reply_to: Some("support@acme.example".to_owned()),
        product: "Acme".to_owned(),
        list_id: None,
        templates: None,
        notices: 3,
        limits: EmailLimits::default(),
    };
    let links = ReconnectUrl::parse("https://app.acme.example/settings/integrations?toolkit={toolkit}").unwrap();
    let end = Url::parse("https://acme.example").unwrap();
    let links = Links { reconnect: &links, unsubscribe: Some(&end) };
    let now = from_millis(1_763_723_999_000);
    let preview = email::preview(&settings, sample, links, Some(language), now).unwrap();
    assert_eq!(preview.language, language);
    preview.eml
}

#[test]
fn every_mail_is_as_it_was_byte_for_byte() {
    let mut expected = BTreeSet::new();
    for (sample, name) in Sample::ALL {
        for language in LANGUAGES {
            let file = folder().join(format!("{name}-{language}.eml"));
            let mail = composed(sample, language);
            if std::env::var_os("RECONNECTD_WRITE_GOLDEN").is_some() {
                std::fs::write(&file, &mail).unwrap();
            }
            let golden = String::from_utf8(std::fs::read(&file).unwrap()).unwrap();
            let mail = String::from_utf8(mail).unwrap();
            for (number, (now, then)) in mail.split("\r\n").zip(golden.split("\r\n")).enumerate() {
                assert_eq!(now, then, "{}, line {}", file.display(), number + 1);
            }
            assert_eq!(mail, golden, "{}", file.display());
            expected.insert(file);
        }
    }
    let found = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let found = found.filter(|path| path.extension().is_some_and(|extension| extension == "eml"));
    assert_eq!(found.collect::<BTreeSet<_>>(), expected, "no golden mail is left over");
}
