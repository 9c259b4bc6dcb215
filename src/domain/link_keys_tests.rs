//! Tokens, forms and seals: what opens them, and everything that does not.

use chrono::TimeDelta;

use super::*;

fn secret(text: &str) -> SecretString {
    SecretString::from(text.repeat(4))
}

fn keys(current: &str, former: &[&str]) -> LinkKeys {
    let former: Vec<SecretString> = former.iter().map(|text| secret(text)).collect();
    LinkKeys::new(&secret(current), &former.iter().collect::<Vec<_>>()).unwrap()
}

const ID: [u8; 16] = [7; 16];

fn moment() -> Timestamp {
    from_millis(1_800_000_000_000)
}

#[test]
fn a_token_opens_for_its_purpose_under_its_key_and_the_one_after_it() {
    let old = keys("the old!", &[]);
    let token = old.token(TokenFor::Link, &ID);
    assert_eq!(token.len(), TOKEN_CHARS);
    assert_eq!(old.open(TokenFor::Link, &token), Ok(ID));
    assert_eq!(old.open(TokenFor::Attempt, &token), Err(TokenError));
    let rotated = keys("the new!", &["the old!"]);
    assert_eq!(rotated.open(TokenFor::Link, &token), Ok(ID));
    assert_ne!(rotated.token(TokenFor::Link, &ID), token);
    assert_eq!(keys("the new!", &[]).open(TokenFor::Link, &token), Err(TokenError));
}

#[test]
fn no_bit_of_a_token_can_be_changed() {
    let keys = keys("the key!", &["another!"]);
    let token = keys.token(TokenFor::Link, &ID);
    let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(keys.open(TokenFor::Link, &URL_SAFE_NO_PAD.encode(changed)), Err(TokenError), "bit {bit}");
    }
    for text in ["", "x", &token[1..], &format!("{token}="), &format!("{}B", &token[..45]), &token.to_lowercase()] {
        assert_eq!(keys.open(TokenFor::Link, text), Err(TokenError), "{text}");
    }
}

#[test]
fn keys_show_nothing_of_themselves_and_are_long_enough() {
    let keys = keys("the key!", &[]);
    assert_eq!(format!("{keys:?}"), "LinkKeys(1 in use)");
    assert!(LinkKeys::new(&SecretString::from("short"), &[]).is_err());
    assert!(LinkKeys::new(&secret("the key!"), &[&SecretString::from("short")]).is_err());
}

#[test]
fn a_form_holds_for_its_link_and_half_a_day() {
    let keys = keys("the key!", &[]);
    let (link, other) = (LinkId::from_bytes(ID), LinkId::from_bytes([8; 16]));
    let form = keys.form(&link, moment());
    let life = TimeDelta::from_std(FORM_LIFE).unwrap();
    for (whose, text, at, holds) in [
        (&link, form.as_str(), moment(), true),
        (&link, &form, moment() + life, true),
        (&link, &form, moment() + life + TimeDelta::milliseconds(1), false),
        (&link, &form, moment() - TimeDelta::minutes(5), true),
        (&link, &form, moment() - life - TimeDelta::milliseconds(1), false),
        (&other, &form, moment(), false),
        (&link, "", moment(), false),
        (&link, &form[1..], moment(), false),
        (&link, &keys.token(TokenFor::Link, &ID), moment(), false),
    ] {
        assert_eq!(keys.form_holds(whose, text, at), holds, "{at} {text}");
    }
    assert!(super::tests::keys("the new!", &["the key!"]).form_holds(&link, &form, moment()));
    assert!(!super::tests::keys("the new!", &[]).form_holds(&link, &form, moment()));
}

#[test]
fn what_is_sealed_opens_for_its_attempt_alone() {
    let keys = keys("the key!", &[]);
    let (attempt, other) = (AttemptId::from_bytes(ID), AttemptId::from_bytes([8; 16]));
    let sealed = keys.seal(&attempt, &SecretString::from("https://connect.example/ln_secret")).unwrap();
    assert!(!sealed.contains("secret") && !sealed.contains("http"));
    assert_eq!(keys.unseal(&attempt, &sealed).unwrap().expose_secret(), "https://connect.example/ln_secret");
    assert!(keys.unseal(&other, &sealed).is_none());
    assert!(keys.unseal(&attempt, &sealed[4..]).is_none());
    assert!(super::tests::keys("the new!", &["the key!"]).unseal(&attempt, &sealed).is_some());
    assert!(super::tests::keys("the new!", &[]).unseal(&attempt, &sealed).is_none());
}
