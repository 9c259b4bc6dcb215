//! Names, aliases, slugs, products, locales and links that try to be something else: the header set, the
//! layout's tags and the words between them stay ours.

use proptest::option;
use proptest::prelude::*;

use super::super::headers::unsubscribe_url;
use super::super::letter::tests::{item, notice};
use super::tests::{assert_headers_are_ours, composer};
use super::*;
use crate::domain::{CloseEvidence, Contact, NoticeItem, Recovery, ToolkitSlug};

/// Arbitrary text, and text that tries.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z \r\n\t\0\"\\\\<>,;:@()=?{}%\u{7f}\u{85}\u{2028}\u{202e}ż]{0,200}",
        "(<[a-z/!]{1,4}|\"|'|>|&#?[a-z]{0,3};?|\\{\\{|\\}\\}|\\{%|7\\*191| ){0,12}",
        Just("Ev\r\nBcc: victim@example.com".to_owned()),
        Just("x\r\n\r\n<html>".to_owned()),
        Just("\nTo: a@b\rCc: c@d\0".to_owned()),
        Just("=?utf-8?b?DQpCY2M6IGFAYg==?=".to_owned()),
        Just("{{ 7*191 }}{% include 'notice.txt' %}{product}{#".to_owned()),
        Just("<script>alert(1)</script><img src=x onerror=y>\" onclick=\"z".to_owned()),
        Just("ż".repeat(5000)),
    ]
}

/// A link of the operator's making, or not.
fn link() -> impl Strategy<Value = String> {
    prop_oneof![hostile(), hostile().prop_map(|rest| format!("https://u.acme.example/{rest}"))]
        .prop_map(|text| text.chars().take(300).collect())
}

/// The tags of a page and the names of their attributes, in order; the words between are left out.
fn skeleton(html: &str) -> Vec<String> {
    let (mut tags, mut rest) = (Vec::new(), html);
    while let Some(start) = rest.find('<') {
        let (mut quote, mut tag) = (None, String::new());
        let mut end = rest.len();
        for (at, c) in rest.char_indices().filter(|(at, _)| *at > start) {
            match (quote, c) {
                (None, '>') => {
                    end = at;
                    break;
                }
                (None, '"' | '\'') => quote = Some(c),
                (Some(open), c) if open == c => quote = None,
                (None, c) => tag.push(c),
                (Some(_), _) => {}
            }
        }
        tags.push(tag);
        rest = &rest[(end + 1).min(rest.len())..];
    }
    tags
}

#[test]
fn a_foreign_tag_or_attribute_shows_in_the_skeleton() {
    assert_eq!(skeleton("<p class=\"a>b\">x</p>"), ["p class=", "/p"]);
    assert_ne!(skeleton("<a href=\"x\" onclick=\"z\">"), skeleton("<a href=\"x\">"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_input_is_more_than_text(
        name in option::of(hostile()),
        label in option::of(hostile()),
        toolkit in hostile(),
        product in hostile(),
        locale in option::of(prop_oneof![hostile(), Just("de".to_owned())]),
        local in hostile(),
        url in link(),
        unsubscribe in option::of(link()),
        number in any::<u32>(),
        count in 1_usize..4,
        recovered in any::<bool>(),
    ) {
        let email = EmailAddress::parse(&format!("{local}@example.com")).ok();
        let contact = Contact { email, name, locale: locale.clone(), ..Contact::default() };
        let recovery = Some(Recovery { at: notice(vec![]).now, evidence: CloseEvidence::Active });
        let kind = if recovered { NoticeKind::Recovered } else { NoticeKind::Reconnect };
        let good = NoticeItem { number, recovery, ..item("slack", None) };
        let bad = NoticeItem { toolkit: ToolkitSlug::new(toolkit), label, reconnect_url: format!("h{url}"), ..good.clone() };
        let tried = Notice { contact, unsubscribe: unsubscribe.clone(), kind, ..notice(vec![bad; count]) };
        let end = unsubscribe.as_deref().and_then(unsubscribe_url);
        let composer = composer(&product);
        let mut composed = composer.compose_with_letter(&tried);
        if composed.as_ref().is_err_and(|error| error.class == FailureClass::Refused) {
            // The address alone may be at fault; with a plain one the mail must come about.
            let email = EmailAddress::parse("mary@example.com").ok();
            let contact = Contact { email, ..tried.contact.clone() };
            composed = composer.compose_with_letter(&Notice { contact, ..tried.clone() });
        }
        let (mail, letter) = match composed {
            Ok((mail, _)) if !AsRef::<str>::as_ref(&mail.to).is_ascii() => return Ok(()),
            Ok(done) => done,
            Err(error) => {
                prop_assert_eq!(error.class, FailureClass::ChannelBroken);
                prop_assert!(unsubscribe.is_some() && end.is_none(), "{}", error);
                return Ok(());
            }
        };
        assert_headers_are_ours(&mail, end.is_some());
        let read = mail_parser::MessageParser::default().parse(&mail.bytes).unwrap();
        prop_assert_eq!((read.text_body_count(), read.html_body_count(), read.attachment_count()), (1, 1, 0));
        prop_assert!(!read.subject().unwrap_or_default().contains(char::is_control));
        if let Some(end) = &end {
            let address = read.list_unsubscribe().as_address().and_then(|list| list.first()).unwrap();
            prop_assert_eq!(address.address(), Some(end.as_str()));
        }

        for part in [&letter.subject, &letter.text, &letter.html] {
            prop_assert!(!part.contains("1337"), "a template was evaluated: {}", part);
        }
        // The same notice about harmless names, in the language that was chosen.
        let contact = Contact { locale: Some(letter.language.clone()), ..notice(vec![]).contact };
        let harmless = Notice {
            contact,
            unsubscribe: end.map(|_| "https://u.acme.example/u".to_owned()),
            items: vec![good; count],
            ..tried
        };
        let (_, plain) = composer.compose_with_letter(&harmless).unwrap();
        prop_assert_eq!(skeleton(&letter.html), skeleton(&plain.html), "{}", letter.html);
    }
}
