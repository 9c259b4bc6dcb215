//! Turns a notice into the bytes of one mail and its envelope.
//!
//! Guarantees: the header fields are exactly those of [`Composer::compose`], whatever the names, aliases,
//! slugs and product say: no CR, LF, NUL or other control character of any input reaches one. `Message-ID`
//! is the stored id. The same notice at the same instant gives the same bytes. The bytes are ASCII unless
//! the address itself is not.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, Message, MultiPart, SinglePart};
use lettre::{Address, address::AddressError};

use super::letter::{MAX_ITEMS, Writer};
use super::wording::{MAX_WORD_CHARS, visible};
use crate::domain::{EmailAddress, FailureClass, Notice, Timestamp};
use crate::ports::SendError;

/// The largest mail in bytes: above 102 kB Gmail cuts the end off.
const MAX_MAIL_BYTES: usize = 100_000;

/// A mail ready to go.
#[derive(Debug)]
pub(super) struct Mail {
    pub(super) from: Address,
    pub(super) to: Address,
    pub(super) bytes: Vec<u8>,
}

/// Composes mails of one sender.
pub(super) struct Composer {
    from: Mailbox,
    reply_to: Option<Mailbox>,
    writer: Writer,
}

impl Composer {
    pub(super) fn new(from: Mailbox, reply_to: Option<Mailbox>, product: &str) -> Result<Self, minijinja::Error> {
        let writer = Writer::new(product, reply_to.as_ref().map(|mailbox| mailbox.email.to_string()))?;
        Ok(Self { from, reply_to, writer })
    }

    /// The domain that Message-IDs are minted under.
    pub(super) fn domain(&self) -> &str {
        self.from.email.domain()
    }

    /// The mail for a notice. Fails with `Refused` where the recipient has no address mail can be sent to.
    pub(super) fn compose(&self, notice: &Notice) -> Result<Mail, SendError> {
        let address = notice.contact.email.as_ref().ok_or_else(|| refused("the user has no e-mail address"))?;
        let to = to_address(address).map_err(|_| refused("the user's e-mail address is malformed"))?;
        let mut listed = MAX_ITEMS;
        loop {
            let mail = self.format(notice, to.clone(), listed)?;
            if mail.bytes.len() < MAX_MAIL_BYTES || listed == 1 {
                return Ok(mail);
            }
            listed /= 2;
        }
    }

    fn format(&self, notice: &Notice, to: Address, listed: usize) -> Result<Mail, SendError> {
        let broken = |what: &str| SendError { class: FailureClass::ChannelBroken, detail: what.to_owned() };
        let letter = self.writer.write(notice, listed).map_err(|e| broken(&format!("template: {}", e.kind())))?;
        let name = notice.contact.name.as_deref().and_then(|name| visible(name, MAX_WORD_CHARS));
        let mut builder = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(name, to.clone()))
            .subject(letter.subject)
            .date(header_date(notice.now))
            .message_id(Some(checked_message_id(&notice.outside_id)?.to_owned()))
            // RFC 3834, section 5; the second keeps Exchange from answering with out-of-office mails.
            .raw_header(fixed("Auto-Submitted", "auto-generated"))
            .raw_header(fixed("X-Auto-Response-Suppress", "All"));
        if let Some(reply_to) = &self.reply_to {
            builder = builder.reply_to(reply_to.clone());
        }
        let parts = MultiPart::alternative()
            .boundary(boundary(&notice.outside_id))
            .singlepart(part(ContentType::TEXT_PLAIN, letter.text))
            .singlepart(part(ContentType::TEXT_HTML, letter.html));
        let message = builder.multipart(parts).map_err(|e| broken(&format!("the mail cannot be built ({e})")))?;
        Ok(Mail { from: self.from.email.clone(), to, bytes: message.formatted() })
    }
}

/// An address as the envelope needs it, an internationalised domain in its ASCII form, which every server
/// understands.
fn to_address(address: &EmailAddress) -> Result<Address, AddressError> {
    let parsed: Address = address.expose().parse()?;
    if parsed.domain().is_ascii() {
        return Ok(parsed);
    }
    match url::Host::parse(parsed.domain()) {
        Ok(url::Host::Domain(ascii)) => Address::new(parsed.user(), ascii),
        _ => Err(AddressError::InvalidDomain),
    }
}

/// The stored id, where it may stand in a header as it is (RFC 5322, section 3.6.4: printable, in brackets).
fn checked_message_id(id: &str) -> Result<&str, SendError> {
    let inner = id.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or_default();
    let well_formed = inner.len() <= 900 // a header line ends at 998 (RFC 5322, section 2.1.1)
        && inner.bytes().all(|b| b.is_ascii_graphic() && b != b'<' && b != b'>')
        && inner.split_once('@').is_some_and(|(left, right)| !left.is_empty() && !right.is_empty());
    if well_formed { Ok(id) } else { Err(refused("the stored id is no Message-ID")) }
}

/// 7bit where that is possible, because it can be read as it is; else quoted-printable, which every relay
/// carries.
fn part(kind: ContentType, text: String) -> SinglePart {
    let body = Body::new_with_encoding(text.clone(), ContentTransferEncoding::SevenBit)
        .or_else(|_| Body::new_with_encoding(text.clone(), ContentTransferEncoding::QuotedPrintable))
        .unwrap_or_else(|_| Body::new(text));
    SinglePart::builder().header(kind).body(body)
}

/// A boundary that follows from the id, so that the bytes can be compared. Nobody who writes an alias
/// knows the id, so no text can hold the boundary.
fn boundary(id: &str) -> String {
    let id: String = id.chars().filter(char::is_ascii_alphanumeric).take(48).collect();
    format!("=_reconnectd_{id}") // at most 70 characters (RFC 2046, section 5.1.1)
}

fn fixed(name: &'static str, value: &'static str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// The instant, held within the years an HTTP-date can name (1970 to 9999): the library panics beyond.
fn header_date(at: Timestamp) -> SystemTime {
    let latest = DateTime::from_timestamp(253_402_300_799, 0).unwrap_or(DateTime::UNIX_EPOCH);
    SystemTime::from(at.clamp(DateTime::<Utc>::UNIX_EPOCH, latest))
}

fn refused(what: &str) -> SendError {
    SendError { class: FailureClass::Refused, detail: what.to_owned() }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
