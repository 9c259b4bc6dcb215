//! The bytes of a mail: the header set is exactly ours whatever the inputs say.

use super::super::letter::tests::{item, notice, writer};
use super::*;
use crate::domain::{CloseEvidence, Contact, IncidentId, NoticeItem, Recovery, from_millis};

pub(super) fn composer(product: &str) -> Composer {
    let reply_to = "support@acme.example".parse().unwrap();
    let writer = writer(product, Some("support@acme.example"));
    Composer::new("Acme <no-reply@acme.example>".parse().unwrap(), Some(reply_to), None, writer)
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

const HEADER_NAMES: [&str; 15] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "List-Id",
    "Feedback-ID",
    "Content-Language",
    "In-Reply-To",
    "References",
    "Reply-To",
    "MIME-Version",
    "Content-Type",
];

/// Only where a notice has an address for them.
const UNSUBSCRIBE_NAMES: [&str; 2] = ["List-Unsubscribe", "List-Unsubscribe-Post"];

pub(super) fn assert_headers_are_ours(mail: &Mail, unsubscribe: bool) -> Vec<(String, String)> {
    let raw = String::from_utf8(mail.bytes.clone()).unwrap();
    assert!(raw.is_ascii(), "{raw}");
    let fields = headers(&raw);
    let mut names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    let mut expected = HEADER_NAMES.to_vec();
    expected.extend(UNSUBSCRIBE_NAMES.iter().filter(|_| unsubscribe));
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
    let fields = assert_headers_are_ours(&mail, false);
    for expected in [
        ("From", "Acme <no-reply@acme.example>"),
        ("To", "Mary <mary@example.com>"),
        ("Subject", "Reconnect Slack (work) in Acme"),
        ("Date", "Fri, 21 Nov 2025 11:19:59 +0000"),
        ("Message-ID", "<0199-1@acme.example>"),
        ("Reply-To", "support@acme.example"),
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "All"),
        ("List-Id", "Acme <reconnect.acme.example>"),
        ("Feedback-ID", "reconnect:first:reconnect:reconnectd"),
        ("Content-Language", "en"),
        ("In-Reply-To", "<incident.inc-1@acme.example>"),
        ("References", "<incident.inc-1@acme.example>"),
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
        assert_headers_are_ours(&composer("Acme").compose(&odd).unwrap(), false);
    }
}

#[test]
fn an_internationalised_domain_goes_out_in_ascii() {
    let contact = Contact { email: EmailAddress::parse("mary@żółć.example").ok(), ..Contact::default() };
    let mail = composer("Acme").compose(&Notice { contact, ..notice(vec![item("slack", None)]) }).unwrap();
    assert_eq!(mail.to.to_string(), "mary@xn--kda4b0koi.example");
    assert_headers_are_ours(&mail, false);
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

/// The header as a parser that is not ours reads it.
fn parsed(bytes: &[u8]) -> mail_parser::Message<'_> {
    mail_parser::MessageParser::default().parse(bytes).unwrap()
}

#[test]
fn reminders_and_the_end_belong_to_the_first_mails_thread() {
    let about = |kind, ids: &[&str]| {
        let recovery = Some(Recovery { at: from_millis(1_763_723_000_000), evidence: CloseEvidence::Active });
        let items = ids.iter().map(|id| NoticeItem { incident: IncidentId::new(*id), recovery, ..item("slack", None) });
        composer("Acme").compose(&Notice { kind, ..notice(items.collect()) }).unwrap().bytes
    };
    let id = |n: usize| format!("0199-5f3e-1111-7222-8333-44445555{n:04}");
    let all: Vec<String> = (0..12).map(id).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let first = about(NoticeKind::Reconnect, &all[..3]);
    let reminder = about(NoticeKind::Reconnect, &all[1..2]);
    let end = about(NoticeKind::Recovered, &all[1..2]);
    let roots = |bytes: &[u8]| {
        let mail = parsed(bytes);
        let roots: Vec<String> = mail.references().as_text_list().unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(mail.in_reply_to().as_text_list().unwrap(), [roots[0].as_str()]);
        let ours: Vec<String> = roots.iter().map(|root| format!("<{root}>")).collect();
        let fields = headers(std::str::from_utf8(bytes).unwrap());
        assert!(fields.contains(&("References".to_owned(), ours.join(" "))), "one blank between two: {fields:?}");
        roots
    };
    assert_eq!(roots(&first), [0, 1, 2].map(|n| format!("incident.{}@acme.example", id(n))));
    assert_eq!(roots(&reminder), roots(&end));
    assert!(roots(&first).contains(&roots(&end)[0]));
    assert_eq!(roots(&about(NoticeKind::Reconnect, &all)).len(), 10, "bounded, and whole when folded");
}

#[test]
fn a_mail_can_be_ended_from_its_header_exactly_when_there_is_an_address_for_it() {
    let long = format!("https://u.acme.example/u/{}?a=b&c=%3C", "x".repeat(400));
    for url in ["https://u.acme.example/u/AbC-_", long.as_str()] {
        let notice = Notice { unsubscribe: Some(url.to_owned()), ..notice(vec![item("slack", None)]) };
        let mail = composer("Acme").compose(&notice).unwrap();
        let fields = assert_headers_are_ours(&mail, true);
        let whole = |name: &str| &fields.iter().find(|(known, _)| known == name).unwrap().1;
        assert_eq!(whole("List-Unsubscribe"), &format!("<{url}>"));
        assert_eq!(whole("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
        let read = parsed(&mail.bytes);
        let address = read.list_unsubscribe().as_address().unwrap().first().unwrap();
        assert_eq!(address.address().unwrap(), url);
        let (text, html) = (read.body_text(0).unwrap(), read.body_html(0).unwrap());
        assert!(text.contains(url) && html.contains(&format!("href=\"{}\"", url.replace('&', "&amp;"))), "{text}");
    }
    let without = composer("Acme").compose(&notice(vec![item("slack", None)])).unwrap();
    assert_headers_are_ours(&without, false);
    assert!(!String::from_utf8(without.bytes).unwrap().contains("nsubscribe"));
    for bad in ["http://u.acme.example/", "mailto:x@y", "", &format!("https://a.example/{}", "x".repeat(2000))] {
        let notice = Notice { unsubscribe: Some(bad.to_owned()), ..notice(vec![item("slack", None)]) };
        let error = composer("Acme").compose(&notice).unwrap_err();
        assert_eq!(error.class, FailureClass::ChannelBroken, "{bad}");
    }
}

#[test]
fn what_looks_encoded_in_a_subject_is_shown_as_it_is() {
    let label = "=?utf-8?b?aGVsbG8=?=";
    let mail = composer("Acme").compose(&notice(vec![item("slack", Some(label))])).unwrap();
    assert_eq!(parsed(&mail.bytes).subject().unwrap(), "Reconnect Slack (= ?utf-8?b?aGVsbG8= ?=) in Acme");
}

#[test]
fn nothing_that_works_again_is_nothing_to_say() {
    let ended = |evidence| Some(Recovery { at: from_millis(1_763_723_000_000), evidence });
    for (recovery, says) in
        [(None, false), (ended(CloseEvidence::Gone), false), (ended(CloseEvidence::Superseded), true)]
    {
        let items = vec![NoticeItem { recovery, ..item("slack", None) }];
        let composed = composer("Acme").compose(&Notice { kind: NoticeKind::Recovered, ..notice(items) });
        assert_eq!(composed.is_ok(), says, "{recovery:?}");
    }
}
