//! Turns a notice into the bytes of one mail and its envelope.
//!
//! Guarantees: the header fields are exactly those of [`Composer::compose`], whatever the names, aliases,
//! slugs, locales, links and product say: no CR, LF, NUL or other control character of any input reaches
//! one. `Message-ID` is the stored id. The same notice at the same instant gives the same bytes. The bytes
//! are ASCII unless the address itself is not. The fields that end mails (RFC 8058) are there exactly when
//! the notice has an address for them.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Body, Mailbox, Message, MultiPart, SinglePart};
use lettre::{Address, address::AddressError};

use super::blame::Parties;
use super::headers::{feedback_id, field, is_message_id, list_id, threads, unsubscribe_url};
use super::letter::{Letter, MAX_ITEMS, Writer};
use super::situation::{Situation, works_again};
use crate::domain::{EmailAddress, FailureClass, Notice, NoticeKind, Timestamp};
use crate::domain::{MAX_WORD_CHARS, visible};
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

impl Mail {
    /// Whom it is from and to, as replies repeat them.
    pub(super) fn parties(&self) -> Parties<'_> {
        Parties { from: self.from.as_ref(), to: self.to.as_ref() }
    }
}

/// Composes mails of one sender.
pub(super) struct Composer {
    from: Mailbox,
    reply_to: Option<Mailbox>,
    /// The whole value of `List-Id`.
    list_id: String,
    writer: Writer,
}

impl Composer {
    /// `list` is the id of the list, `reconnect.` and the sender's domain if none is given.
    pub(super) fn new(from: Mailbox, reply_to: Option<Mailbox>, list: Option<&str>, writer: Writer) -> Self {
        let derived = || format!("reconnect.{}", from.email.domain());
        let list_id = list_id(writer.product(), &list.map_or_else(derived, str::to_owned));
        Self { from, reply_to, list_id, writer }
    }

    /// The domain that Message-IDs are minted under.
    pub(super) fn domain(&self) -> &str {
        self.from.email.domain()
    }

    /// The tag of the language that mails to somebody with this locale are in.
    pub(super) fn language(&self, locale: Option<&str>) -> String {
        self.writer.pack().language(locale).catalogue.tag.clone()
    }

    /// The mail for a notice. Fails with `Refused` where the recipient has no address mail can be sent to or
    /// there is nothing to say, with `ChannelBroken` where no mail could be composed.
    pub(super) fn compose(&self, notice: &Notice) -> Result<Mail, SendError> {
        self.compose_with_letter(notice).map(|(mail, _)| mail)
    }

    /// The same, and the words in it.
    pub(super) fn compose_with_letter(&self, notice: &Notice) -> Result<(Mail, Letter), SendError> {
        let address = notice.contact.email.as_ref().ok_or_else(|| refused("the user has no e-mail address"))?;
        let to = to_address(address).map_err(|_| refused("the user's e-mail address is malformed"))?;
        let said = notice.items.iter().any(|item| notice.kind == NoticeKind::Reconnect || works_again(item));
        if !said {
            return Err(refused("nothing in it works again"));
        }
        let unsubscribe = match notice.unsubscribe.as_deref().map(unsubscribe_url) {
            None => None,
            Some(Some(url)) => Some(url),
            Some(None) => {
                return Err(broken("the address to unsubscribe at must be https, below 900 characters, and plain"));
            }
        };
        let mut listed = MAX_ITEMS;
        loop {
            let letter = self.writer.write(notice, unsubscribe.as_deref(), listed);
            let letter = letter.map_err(|error| broken(&format!("templates: {error}")))?;
            let mail = self.format(notice, to.clone(), unsubscribe.as_deref(), &letter)?;
            if mail.bytes.len() < MAX_MAIL_BYTES || listed == 1 {
                return Ok((mail, letter));
            }
            listed /= 2;
        }
    }

    fn format(&self, notice: &Notice, to: Address, end: Option<&str>, letter: &Letter) -> Result<Mail, SendError> {
        if !is_message_id(&notice.outside_id) {
            return Err(refused("the stored id is no Message-ID"));
        }
        let name = notice.contact.name.as_deref().and_then(|name| visible(name, MAX_WORD_CHARS));
        let situation = Situation::of(notice, self.writer.notices());
        let mut builder = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(name, to.clone()))
            // What looks like an encoded word and is none would be shown as something else.
            .subject(letter.subject.replace("=?", "= ?"))
            .date(header_date(notice.now))
            .message_id(Some(notice.outside_id.clone()))
            // RFC 3834, section 5; the second keeps Exchange from answering with out-of-office mails.
            .raw_header(field("Auto-Submitted", "auto-generated"))
            .raw_header(field("X-Auto-Response-Suppress", "All"))
            .raw_header(field("List-Id", self.list_id.as_str()))
            .raw_header(field("Feedback-ID", feedback_id(notice, situation)))
            .raw_header(field("Content-Language", letter.language.as_str()));
        let threads = threads(notice, self.domain());
        if let Some(first) = threads.first() {
            builder = builder.in_reply_to(first.clone()).references(threads.join(" "));
        }
        if let Some(url) = end {
            // RFC 8058, section 3.1: both, and one https address.
            builder = builder
                .raw_header(field("List-Unsubscribe", format!("<{url}>")))
                .raw_header(field("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"));
        }
        if let Some(reply_to) = &self.reply_to {
            builder = builder.reply_to(reply_to.clone());
        }
        let parts = MultiPart::alternative()
            .boundary(boundary(&notice.outside_id))
            .singlepart(part(ContentType::TEXT_PLAIN, letter.text.clone()))
            .singlepart(part(ContentType::TEXT_HTML, letter.html.clone()));
        let message = builder.multipart(parts).map_err(|e| broken(&format!("the mail cannot be built ({e})")))?;
        Ok(Mail { from: self.from.email.clone(), to, bytes: message.formatted() })
    }
}

/// An address as the envelope needs it, an internationalised domain in its ASCII form, which every server
/// understands.
pub(super) fn to_address(address: &EmailAddress) -> Result<Address, AddressError> {
    let parsed: Address = address.expose().parse()?;
    if parsed.domain().is_ascii() {
        return Ok(parsed);
    }
    match url::Host::parse(parsed.domain()) {
        Ok(url::Host::Domain(ascii)) => Address::new(parsed.user(), ascii),
        _ => Err(AddressError::InvalidDomain),
    }
}

/// 7bit where that is possible, because it can be read as it is; else quoted-printable, which every relay
/// carries.
pub(super) fn part(kind: ContentType, text: String) -> SinglePart {
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

/// The instant, held within the years an HTTP-date can name (1970 to 9999): the library panics beyond.
pub(super) fn header_date(at: Timestamp) -> SystemTime {
    let latest = DateTime::from_timestamp(253_402_300_799, 0).unwrap_or(DateTime::UNIX_EPOCH);
    SystemTime::from(at.clamp(DateTime::<Utc>::UNIX_EPOCH, latest))
}

pub(super) fn broken(what: &str) -> SendError {
    SendError { class: FailureClass::ChannelBroken, detail: what.to_owned() }
}

pub(super) fn refused(what: &str) -> SendError {
    SendError { class: FailureClass::Refused, detail: what.to_owned() }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "hostile_tests.rs"]
mod hostile_tests;
