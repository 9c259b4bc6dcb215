//! The header fields that sort, thread and end mails: what they hold, from stored ids and settings.
//!
//! Guarantees: every value is printable ASCII, or words that the mail library encodes; ids and URLs hold no
//! blank, so that folding a line never splits one.

use lettre::message::header::{HeaderName, HeaderValue};
use url::{Host, Url};

use super::situation::Situation;
use crate::domain::{MAX_WORD_CHARS, visible};
use crate::domain::{Notice, NoticeKind};

/// A mail about more incidents refers to the first ones only: each is some 60 characters.
const MAX_REFERENCES: usize = 10;

/// A header line ends at 998 characters (RFC 5322, section 2.1.1); an id or URL cannot be folded.
pub(super) const MAX_UNFOLDED_CHARS: usize = 900;

/// Who sends, for Gmail's feedback loop: 5 to 15 characters, the same on every mail
/// (<https://support.google.com/a/answer/6254652>).
const SENDER_ID: &str = "reconnectd";

/// A field with this very value.
pub(super) fn field(name: &'static str, value: impl Into<String>) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.into())
}

/// What `List-Id` says (RFC 2919): the product's name and the id. Of the name only what needs no quoting is
/// left, because the library knows this field as text without a grammar.
pub(super) fn list_id(product: &str, id: &str) -> String {
    let plain =
        |c: char| c.is_alphanumeric() || (!c.is_ascii() && !c.is_control()) || matches!(c, ' ' | '-' | '_' | '&' | '+');
    let phrase: String = product.chars().map(|c| if plain(c) { c } else { ' ' }).collect();
    match visible(&phrase, MAX_WORD_CHARS) {
        Some(phrase) => format!("{phrase} <{id}>"),
        None => format!("<{id}>"),
    }
}

/// Whether a text may be the id of a list: a domain name of at least two labels (RFC 2919, section 2).
pub(super) fn is_list_id(text: &str) -> bool {
    let label =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    text.len() <= 255 && text.contains('.') && text.split('.').all(label)
}

/// What `Feedback-ID` says: four closed names, nothing about anybody.
pub(super) fn feedback_id(notice: &Notice, situation: Situation) -> String {
    let kind = match notice.kind {
        NoticeKind::Reconnect => "reconnect",
        NoticeKind::Recovered => "recovered",
    };
    format!("{kind}:{}:reconnect:{SENDER_ID}", situation.feedback_code(notice))
}

/// One id per incident that a mail is about: no mail has it, and every mail about the incident refers to it,
/// so that mail programs show a notice, its reminders and its end as one conversation.
pub(super) fn threads(notice: &Notice, domain: &str) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for item in &notice.items {
        let id = format!("<incident.{}@{domain}>", item.incident.as_str());
        if ids.len() < MAX_REFERENCES && is_message_id(&id) && !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

/// Whether an id may stand in a header as it is (RFC 5322, section 3.6.4: printable, in brackets).
pub(super) fn is_message_id(id: &str) -> bool {
    let inner = id.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or_default();
    inner.len() <= MAX_UNFOLDED_CHARS
        && inner.bytes().all(|b| b.is_ascii_graphic() && b != b'<' && b != b'>')
        && inner.split_once('@').is_some_and(|(left, right)| !left.is_empty() && !right.is_empty())
}

/// An unsubscribe address as header and links need it; none where RFC 8058 (section 3.1) forbids it or mail
/// programs would misread it: it must be https (http for this host alone), fit into a line, and hold nothing
/// that separates, quotes or comments in a header.
pub(super) fn unsubscribe_url(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let loopback = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    };
    let scheme = url.scheme() == "https" || (url.scheme() == "http" && loopback);
    let text = String::from(url);
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'*+=%".contains(&b);
    let fits = text.len() <= MAX_UNFOLDED_CHARS && text.bytes().all(plain);
    (scheme && fits).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::super::letter::tests::{item, notice};
    use super::*;
    use crate::domain::{IncidentId, NoticeItem};

    #[test]
    fn a_list_is_named_without_quoting() {
        for (product, value) in [
            ("Acme", "Acme <r.acme.example>"),
            ("Acme, Inc. \"<b@c>\"", "Acme Inc b c <r.acme.example>"),
            ("Größe & Co", "Größe & Co <r.acme.example>"),
            ("=?utf-8?q?x?=", "utf-8 q x <r.acme.example>"),
            ("\r\n", "<r.acme.example>"),
        ] {
            assert_eq!(list_id(product, "r.acme.example"), value, "{product:?}");
        }
        for (id, good) in [
            ("reconnect.acme.example", true),
            ("a_b-c.d", true),
            ("acme", false),
            ("a..b", false),
            ("<a.b>", false),
            ("a b.c", false),
            ("a.b\r\n", false),
            ("", false),
        ] {
            assert_eq!(is_list_id(id), good, "{id:?}");
        }
    }

    #[test]
    fn a_mail_belongs_to_the_threads_of_its_incidents() {
        let about = |ids: &[&str]| {
            let items = ids.iter().map(|id| NoticeItem { incident: IncidentId::new(*id), ..item("slack", None) });
            threads(&notice(items.collect()), "acme.example")
        };
        assert_eq!(about(&["a", "b", "a"]), ["<incident.a@acme.example>", "<incident.b@acme.example>"]);
        assert_eq!(about(&["a b", "c>", "\r\n", "é"]), Vec::<String>::new(), "no id of ours");
        let many: Vec<String> = (0..40).map(|n| n.to_string()).collect();
        assert_eq!(about(&many.iter().map(String::as_str).collect::<Vec<_>>()).len(), MAX_REFERENCES);
    }

    #[test]
    fn only_addresses_that_can_be_posted_to_end_mails() {
        for (text, url) in [
            ("https://u.acme.example/u/abc-_~", Some("https://u.acme.example/u/abc-_~")),
            ("http://127.0.0.1:8080/u/x", Some("http://127.0.0.1:8080/u/x")),
            ("https://żółć.example/ż>x?a=<b>", Some("https://xn--kda4b0koi.example/%C5%BC%3Ex?a=%3Cb%3E")),
            ("https://a.example/\r\nBcc: x@y", Some("https://a.example/Bcc:%20x@y")),
            ("http://u.acme.example/u/x", None),
            ("mailto:u@acme.example", None),
            ("https://u.acme.example/a,b", None),
            ("https://u.acme.example/?(x)\\", None),
            ("javascript:alert(1)", None),
            ("/u/x", None),
            (&format!("https://a.example/{}", "x".repeat(900)), None),
        ] {
            assert_eq!(unsubscribe_url(text).as_deref(), url, "{text:?}");
        }
    }
}
