//! What is true of tokens and links, as tables and properties.

use proptest::prelude::*;
use secrecy::SecretString;

use super::*;

fn key(text: &str) -> AddressKey {
    AddressKey::new(&SecretString::from(text.to_owned())).unwrap()
}

fn ours() -> AddressKey {
    key("0123456789abcdef0123456789abcdef")
}

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

fn token(text: &str) -> String {
    let key = ours();
    UnsubscribeToken::of(&key, &key.hash(&address(text))).as_str().to_owned()
}

#[test]
fn a_token_never_changes_and_finds_its_owner() {
    // Links in mails of years ago depend on it.
    let expected = "AWF-QKCqLPo4kTp_FDyMfWKiSJjvu12OxMYlroOq1XUYifNlt9kP3UlxopVdMUS4BA";
    assert_eq!(token("mary@example.com"), expected);
    assert_eq!(token("MARY@Example.com"), expected, "the same person");
    assert_eq!(UnsubscribeToken::open(&ours(), expected), Ok(ours().hash(&address("mary@example.com"))));
    assert_eq!(expected.len(), TOKEN_CHARS);
}

#[test]
fn what_is_not_ours_is_refused_without_saying_why() {
    let good = token("mary@example.com");
    let other_key = key("ffffffffffffffffffffffffffffffff");
    let forged = UnsubscribeToken::of(&other_key, &ours().hash(&address("mary@example.com"))).as_str().to_owned();
    // Version 2, signed as we sign.
    let mut bytes = URL_SAFE_NO_PAD.decode(&good).unwrap();
    bytes[0] = 2;
    let mut mac = ours().signer();
    mac.update(&bytes[..SIGNED_BYTES]);
    bytes.splice(SIGNED_BYTES.., mac.finalize().into_bytes()[..TAG_BYTES].iter().copied());
    let next_version = URL_SAFE_NO_PAD.encode(bytes);
    let padded = format!("{good}==");
    let long = "A".repeat(100_000);
    let (lower, short) = (good.to_lowercase(), &good[1..]);
    for bad in ["", "x", short, &padded, &forged, &next_version, &lower, &long, "żółć"] {
        assert_eq!(UnsubscribeToken::open(&ours(), bad), Err(UnsubscribeTokenError), "{bad:.80}");
    }
}

#[test]
fn the_link_stands_below_the_public_address() {
    for (base, expected) in [
        ("https://notices.acme.example", "https://notices.acme.example/u/"),
        ("https://notices.acme.example/", "https://notices.acme.example/u/"),
        ("https://acme.example/notices/", "https://acme.example/notices/u/"),
        ("https://acme.example/notices?x=1#y", "https://acme.example/notices/u/"),
        ("http://127.0.0.1:8480", "http://127.0.0.1:8480/u/"),
    ] {
        let unsubscribe = Unsubscribe { base: base.parse().unwrap(), key: ours() };
        assert_eq!(
            unsubscribe.link(&address("mary@example.com"), &[]),
            format!("{expected}{}", token("mary@example.com"))
        );
    }
}

#[test]
fn a_token_is_not_shown() {
    let key = ours();
    let token = UnsubscribeToken::of(&key, &key.hash(&address("mary@example.com")));
    assert_eq!(format!("{token:?}"), "UnsubscribeToken");
}

proptest! {
    #[test]
    fn any_flipped_bit_is_refused(name in "[a-z]{1,12}", bit in 0..TOKEN_BYTES * 8) {
        let good = token(&format!("{name}@example.com"));
        let mut bytes = URL_SAFE_NO_PAD.decode(&good).unwrap();
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(UnsubscribeToken::open(&ours(), &URL_SAFE_NO_PAD.encode(bytes)).is_err());
    }

    #[test]
    fn any_changed_character_is_refused(at in 0..TOKEN_CHARS, to in "[A-Za-z0-9_-]") {
        let good = token("mary@example.com");
        let mut other = good.clone();
        other.replace_range(at..=at, &to);
        prop_assert_eq!(UnsubscribeToken::open(&ours(), &other).is_ok(), other == good);
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}") {
        prop_assert!(UnsubscribeToken::open(&ours(), &text).is_err());
    }
}

#[test]
fn the_link_of_a_reader_carries_their_language() {
    let unsubscribe = Unsubscribe { base: Url::parse("https://n.example").unwrap(), key: ours() };
    let link = |locale: Option<&str>, mail: Option<&str>, about: &[ToolkitSlug]| {
        let email = Some(address("mary@example.com"));
        let contact = Contact { email, locale: locale.map(str::to_owned), ..Contact::default() };
        let link = unsubscribe.link_for(&contact, mail, about).unwrap();
        link.split_once('?').map(|(_, query)| query.to_owned())
    };
    let slack = [ToolkitSlug::new("slack")];
    assert_eq!(link(Some("de-AT"), None, &slack).as_deref(), Some("about=slack&lang=de-AT"));
    assert_eq!(link(Some("de-AT"), Some("de"), &slack).as_deref(), Some("about=slack&lang=de"));
    assert_eq!(link(Some("de&x=y"), None, &[]), None, "no language");
    assert_eq!(link(None, Some("pt-BR"), &[]).as_deref(), Some("lang=pt-BR"));
    assert_eq!(unsubscribe.link_for(&Contact::default(), Some("de"), &[]), None, "no address, no link");
}
