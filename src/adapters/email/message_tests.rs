//! The bytes of a mail: the header set is exactly ours whatever the inputs say.

use proptest::prelude::*;

use super::super::letter::tests::{item, notice};
use super::*;
use crate::domain::{Contact, NoticeItem, ToolkitSlug, from_millis};

fn composer(product: &str) -> Composer {
    let reply_to = "support@acme.example".parse().unwrap();
    Composer::new("Acme <no-reply@acme.example>".parse().unwrap(), Some(reply_to), product).unwrap()
}

/// Name and value of each header field, unfolded.
fn headers(raw: &str) -> Vec<(String, String)> {
    let head = raw.split_once("\r\n\r\n").unwrap().0;
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in head.split("\r\n") {
        assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
        if line.starts_with([' ', '\t']) {
            fields.last_mut().unwrap().1.push_str(line);
        } else {
            let (name, value) = line.split_once(": ").unwrap();
            fields.push((name.to_owned(), value.to_owned()));
        }
    }
    fields
}

const HEADER_NAMES: [&str; 10] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "Reply-To",
    "MIME-Version",
    "Content-Type",
];

fn assert_headers_are_ours(mail: &Mail) -> Vec<(String, String)> {
    let raw = String::from_utf8(mail.bytes.clone()).unwrap();
    assert!(raw.is_ascii(), "{raw}");
    let fields = headers(&raw);
    let mut names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    let mut expected = HEADER_NAMES;
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected);
    for (name, value) in &fields {
        assert!(value.chars().all(|c| (' '..='~').contains(&c)), "{name}: {value:?}");
    }
    fields
}

#[test]
fn the_header_is_what_it_should_be() {
    let mail = composer("Acme").compose(&notice(vec![item("slack", Some("work"))])).unwrap();
    let fields = assert_headers_are_ours(&mail);
    for expected in [
        ("From", "Acme <no-reply@acme.example>"),
        ("To", "Mary <mary@example.com>"),
        ("Subject", "Reconnect Slack (work) in Acme"),
        ("Date", "Fri, 21 Nov 2025 11:19:59 +0000"),
        ("Message-ID", "<0199-1@acme.example>"),
        ("Reply-To", "support@acme.example"),
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "All"),
    ] {
        assert!(
            fields.iter().any(|(name, value)| (name.as_str(), value.as_str()) == expected),
            "{expected:?} {fields:?}"
        );
    }
    let raw = String::from_utf8(mail.bytes).unwrap();
    let (text, html) = (raw.find("text/plain").unwrap(), raw.find("text/html").unwrap());
    assert!(raw.contains("multipart/alternative") && text < html, "{raw}");
    assert_eq!(
        (mail.from.to_string(), mail.to.to_string()),
        ("no-reply@acme.example".into(), "mary@example.com".into())
    );
}

#[test]
fn the_same_notice_gives_the_same_bytes() {
    let (composer, notice) = (composer("Acme"), notice(vec![item("slack", None)]));
    assert_eq!(composer.compose(&notice).unwrap().bytes, composer.compose(&notice).unwrap().bytes);
    let later = Notice { now: from_millis(1_763_800_000_000), ..notice };
    let raw = String::from_utf8(composer.compose(&later).unwrap().bytes).unwrap();
    assert!(raw.contains("Message-ID: <0199-1@acme.example>\r\n") && raw.contains("Sat, 22 Nov 2025"), "{raw}");
}

#[test]
fn a_long_sender_domain_leaves_the_message_id_whole() {
    let id = format!("<01995f3e-1111-7222-8333-444455556666@{}.example>", "mail.".repeat(20).trim_end_matches('.'));
    let long = Notice { outside_id: id.clone(), ..notice(vec![item("slack", None)]) };
    let raw = String::from_utf8(composer("Acme").compose(&long).unwrap().bytes).unwrap();
    assert!(raw.contains(&format!("Message-ID: {id}\r\n")), "{raw}");
}

#[test]
fn unusable_ids_addresses_and_instants_are_answered_not_obeyed() {
    for id in ["", "x", "<>", "<a@b>\r\nBcc: <c@d>", "<a b@c>", "<a@b", "<é@b>", "<@b>"] {
        let bad = Notice { outside_id: id.to_owned(), ..notice(vec![item("slack", None)]) };
        assert_eq!(composer("Acme").compose(&bad).unwrap_err().class, FailureClass::Refused, "{id:?}");
    }
    for address in [None, Some("mary@exam ple"), Some("mary@-"), Some("a..b@example.com")] {
        let email = address.and_then(|text| EmailAddress::parse(text).ok());
        let bad = Notice { contact: Contact { email, ..Contact::default() }, ..notice(vec![item("slack", None)]) };
        let error = composer("Acme").compose(&bad).unwrap_err();
        assert_eq!(error.class, FailureClass::Refused, "{address:?}");
        assert!(!error.detail.contains('@'), "{error}");
    }
    for now in [i64::MIN / 2, -1, 253_402_300_800_000, 8_000_000_000_000_000] {
        let odd = Notice { now: from_millis(now), ..notice(vec![item("slack", None)]) };
        assert_headers_are_ours(&composer("Acme").compose(&odd).unwrap());
    }
}

#[test]
fn an_internationalised_domain_goes_out_in_ascii() {
    let contact = Contact { email: EmailAddress::parse("mary@żółć.example").ok(), ..Contact::default() };
    let mail = composer("Acme").compose(&Notice { contact, ..notice(vec![item("slack", None)]) }).unwrap();
    assert_eq!(mail.to.to_string(), "mary@xn--kda4b0koi.example");
    assert_headers_are_ours(&mail);
}

#[test]
fn however_many_accounts_and_however_long_their_links_it_stays_below_the_limit() {
    for (accounts, url_chars) in [(1, 60), (50, 300), (500, 60), (500, 3000)] {
        let long = NoticeItem {
            reconnect_url: format!("https://app.acme.example/{}", "x".repeat(url_chars)),
            ..item("googlecalendar", Some(&"ż".repeat(500)))
        };
        let mail = composer("Acme").compose(&notice(vec![long; accounts])).unwrap();
        assert!(mail.bytes.len() < MAX_MAIL_BYTES, "{accounts} {url_chars}: {}", mail.bytes.len());
        let longest = mail.bytes.split(|&b| b == b'\n').map(<[u8]>::len).max().unwrap();
        assert!(longest <= 999, "{accounts} {url_chars}: a line of {longest}");
    }
}

/// Arbitrary text, and text that tries.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z \r\n\t\0\"\\\\<>,;:@()=?\u{7f}\u{85}\u{2028}\u{202e}ż]{0,200}",
        Just("Ev\r\nBcc: victim@example.com".to_owned()),
        Just("x\r\n\r\n<html>".to_owned()),
        Just("\nTo: a@b\rCc: c@d\0".to_owned()),
        Just("=?utf-8?b?DQpCY2M6IGFAYg==?=".to_owned()),
        Just("ż".repeat(5000)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_input_adds_or_breaks_a_header(
        name in proptest::option::of(hostile()),
        label in proptest::option::of(hostile()),
        toolkit in hostile(),
        product in hostile(),
        local in hostile(),
        url in hostile(),
        number in any::<u32>(),
        count in 1_usize..4,
    ) {
        let email = EmailAddress::parse(&format!("{local}@example.com")).ok();
        let contact = Contact { email: email.clone(), name, ..Contact::default() };
        let one = NoticeItem {
            toolkit: ToolkitSlug::new(toolkit),
            label,
            number,
            reconnect_url: url,
            ..item("slack", None)
        };
        let notice = Notice { contact, ..notice(vec![one; count]) };
        let mail = match composer(&product).compose(&notice) {
            Ok(mail) if AsRef::<str>::as_ref(&mail.to).is_ascii() => mail,
            Ok(_) => return Ok(()),
            Err(error) => {
                prop_assert_eq!(error.class, FailureClass::Refused);
                // The address alone may be at fault; with a plain one the mail must come about.
                let email = EmailAddress::parse("mary@example.com").ok();
                let contact = Contact { email, ..notice.contact.clone() };
                composer(&product).compose(&Notice { contact, ..notice }).unwrap()
            }
        };
        assert_headers_are_ours(&mail);
    }
}
