//! What is true of hashes and keys, as tables and properties.

use proptest::prelude::*;

use super::*;

fn key(text: &str) -> AddressKey {
    AddressKey::new(&SecretString::from(text.to_owned())).unwrap()
}

fn hash(text: &str) -> AddressHash {
    key("0123456789abcdef0123456789abcdef").hash(&EmailAddress::parse(text).unwrap())
}

#[test]
fn one_mailbox_has_one_hash_however_it_is_spelled() {
    for (one, other, same) in [
        ("mary@example.com", "mary@example.com", true),
        ("mary@example.com", " Mary@EXAMPLE.com ", true),
        ("mary@example.com", "mary@example.com.", true),
        ("ŻÓŁW@example.com", "żółw@example.com", true),
        ("mary@Bücher.example", "mary@xn--bcher-kva.example", true),
        ("mary@BÜCHER.example", "mary@bücher.example", true),
        ("mary@[192.0.2.1]", "Mary@[192.0.2.1]", true),
        ("mary@example.com", "mary@example.org", false),
        ("mary@example.com", "mary+tag@example.com", false),
        ("mary.poppins@example.com", "marypoppins@example.com", false),
        ("\"a@b\"@example.com", "\"a\"@b.example.com", false),
        ("mary@bücher.example", "mary@bucher.example", false),
    ] {
        assert_eq!(hash(one) == hash(other), same, "{one} {other}");
    }
}

#[test]
fn the_hash_of_an_address_never_changes() {
    // Stored rows depend on it: a change of this value is a change that forgets everybody who unsubscribed.
    assert_eq!(hash("mary@example.com").to_hex(), "617e40a0aa2cfa38913a7f143c8c7d62a24898efbb5d8ec4c625ae83aad57518");
}

#[test]
fn another_key_is_another_hash_and_another_check() {
    let (one, other) = (key("0123456789abcdef0123456789abcdef"), key("0123456789abcdef0123456789abcdeF"));
    let address = EmailAddress::parse("mary@example.com").unwrap();
    assert_ne!(one.hash(&address), other.hash(&address));
    assert_ne!(one.check_value(), other.check_value());
    assert_eq!(AddressKey::new(&SecretString::from("x".repeat(31))).err(), Some(AddressKeyError));
}

#[test]
fn nothing_shown_holds_the_key_or_the_whole_hash() {
    let secret = "0123456789abcdef0123456789abcdef";
    assert!(!format!("{:?}", key(secret)).contains("0123456789"));
    let hash = hash("mary@example.com");
    assert_eq!((hash.to_string().len(), hash.to_hex().starts_with(&hash.to_string())), (12, true));
    assert_eq!(format!("{hash:?}"), format!("AddressHash({hash})"));
}

#[test]
fn every_cause_finds_back() {
    for (cause, code) in SuppressionCause::CODES {
        assert_eq!((cause.code(), SuppressionCause::from_code(code)), (code, Some(cause)));
    }
    assert_eq!(SuppressionCause::from_code("bored"), None);
}

#[test]
fn a_stored_hash_is_read_strictly() {
    let hex = hash("mary@example.com").to_hex();
    assert_eq!(AddressHash::from_hex(&hex), Ok(hash("mary@example.com")));
    for bad in ["", &hex[1..], &format!("{hex}0"), &hex.to_uppercase(), &format!("g{}", &hex[1..])] {
        assert_eq!(AddressHash::from_hex(bad), Err(AddressHashError), "{bad}");
    }
}

proptest! {
    #[test]
    fn two_addresses_never_share(one in "[a-z0-9.+-]{1,12}@[a-z0-9]{1,8}\\.[a-z]{2,4}", other in "[a-z0-9.+-]{1,12}@[a-z0-9]{1,8}\\.[a-z]{2,4}") {
        prop_assert_eq!(hash(&one) == hash(&other), one == other);
    }

    #[test]
    fn case_tells_nobody_apart(address in "[a-zäöüéżł0-9.+-]{1,12}@[a-z0-9]{1,8}\\.[a-z]{2,4}") {
        prop_assert_eq!(hash(&address), hash(&address.to_uppercase()));
    }
}
