//! Turns word of a report into one mail to one of the operator's people: text, HTML with pictures, and files.
//!
//! ```text
//! OperatorNotice ─▶ Letters (the report of that period) ─▶ MIME ─▶ smtp or spool ─▶ reply ─▶ class
//!
//! multipart/mixed
//! ├─ multipart/alternative
//! │  ├─ text/plain
//! │  └─ multipart/related
//! │     ├─ text/html
//! │     └─ image/png, by Content-ID …
//! └─ the files …
//! ```
//!
//! Guarantees: carries `report.ready` and nothing else; one mail has one recipient, so that nobody sees the others and one
//! refused address costs nobody else the report; `Message-ID` is the stored id, and the bytes are the same on every
//! attempt; no mail is larger than [`MAX_MAIL_BYTES`]. It is no user's mail: it neither counts against the sending rates
//! nor can be unsubscribed from. A crash between the mail's last byte and the server's reply sends it again under its id.

use std::sync::Arc;

use async_trait::async_trait;
use lettre::Address;
use lettre::message::header::{ContentDisposition, ContentId, ContentTransferEncoding, ContentType};
use lettre::message::{Body, Mailbox, Message, MultiPart, SinglePart};

use super::EmailSettings;
use super::headers::{field, is_message_id};
use super::message::{Mail, broken, header_date, part, refused, to_address};
use super::post::Post;
use super::settings::{self, EmailSettingsError};
use crate::domain::{ChannelName, EmailAddress, EventKind, FailureClass, Notice, OperatorEvent, OperatorNotice};
use crate::ports::{Channel, Letter, Letters, Receipt, SendError};

/// What its deliveries are stored under.
pub const REPORT_CHANNEL: &str = "report-mail";

/// The most that a mail may have: the limit that mail servers have least of, with Exchange's 10 MiB on the way in, less a
/// third for base64 and some room.
const MAX_MAIL_BYTES: usize = 7_000_000;

/// Sends the scheduled report by mail.
pub struct ReportMailChannel {
    name: ChannelName,
    from: Mailbox,
    reply_to: Option<Mailbox>,
    readers: Vec<EmailAddress>,
    letters: Arc<dyn Letters>,
    post: Post,
}

impl ReportMailChannel {
    /// A channel named `report-mail`, over the server and with the sender of `settings`.
    #[expect(clippy::needless_pass_by_value, reason = "the secret in it is wiped from memory when this returns")]
    pub fn new(
        settings: EmailSettings,
        readers: Vec<EmailAddress>,
        letters: Arc<dyn Letters>,
    ) -> Result<Self, EmailSettingsError> {
        Ok(Self {
            name: ChannelName::new(REPORT_CHANNEL),
            from: settings::mailbox("from", &settings.from)?,
            reply_to: settings.reply_to.as_deref().map(|text| settings::mailbox("reply_to", text)).transpose()?,
            readers,
            letters,
            post: Post::new(&settings)?,
        })
    }

    fn compose(&self, to: Address, id: &str, notice: &OperatorNotice, letter: &Letter) -> Result<Mail, SendError> {
        if !is_message_id(id) {
            return Err(refused("the stored id is no Message-ID"));
        }
        let mut builder = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to.clone()))
            .subject(letter.subject.replace("=?", "= ?"))
            // When it was made, not when it is sent: a repeated mail is the same mail.
            .date(header_date(notice.created_at))
            .message_id(Some(id.to_owned()))
            // RFC 3834, section 5; the second keeps Exchange from answering with out-of-office mails.
            .raw_header(field("Auto-Submitted", "auto-generated"))
            .raw_header(field("X-Auto-Response-Suppress", "All"))
            .raw_header(field("Content-Language", "en"));
        if let Some(reply_to) = &self.reply_to {
            builder = builder.reply_to(reply_to.clone());
        }
        let message = builder.multipart(self.parts(letter, id)?);
        let message = message.map_err(|error| broken(&format!("the mail cannot be built ({error})")))?;
        let bytes = message.formatted();
        if bytes.len() > MAX_MAIL_BYTES {
            return Err(refused("the report is too large for a mail"));
        }
        Ok(Mail { from: self.from.email.clone(), to, bytes })
    }

    fn parts(&self, letter: &Letter, id: &str) -> Result<MultiPart, SendError> {
        let domain = self.from.email.domain();
        let mut html = letter.html.clone();
        let mut pictures = Vec::new();
        for (name, png) in &letter.pictures {
            // A Content-ID is unique in the world (RFC 2392): the picture's name under the sender's domain.
            let cid = format!("{name}@{domain}");
            html = html.replace(&format!("\"cid:{name}\""), &format!("\"cid:{cid}\""));
            let shown = ContentDisposition::inline_with_name(&format!("{name}.png"));
            pictures.push(
                SinglePart::builder()
                    .header(media_type("image/png")?)
                    .header(shown)
                    .header(ContentId::from(format!("<{cid}>")))
                    .body(base64(png)),
            );
        }
        let mut related =
            MultiPart::related().boundary(boundary(id, "related")).singlepart(part(ContentType::TEXT_HTML, html));
        for picture in pictures {
            related = related.singlepart(picture);
        }
        let alternative = MultiPart::alternative()
            .boundary(boundary(id, "alternative"))
            .singlepart(part(ContentType::TEXT_PLAIN, letter.text.clone()))
            .multipart(related);
        let mut mixed = MultiPart::mixed().boundary(boundary(id, "mixed")).multipart(alternative);
        for (name, kind, bytes) in &letter.files {
            let file = SinglePart::builder()
                .header(media_type(kind)?)
                .header(ContentDisposition::attachment(name))
                .body(base64(bytes));
            mixed = mixed.singlepart(file);
        }
        Ok(mixed)
    }
}

#[async_trait]
impl Channel for ReportMailChannel {
    fn name(&self) -> &ChannelName {
        &self.name
    }

    /// It reads no address from the directory: its own stand in the configuration.
    fn needs_address(&self) -> bool {
        false
    }

    fn outside_id(&self, uuid: &str) -> String {
        self.post.outside_id(uuid)
    }

    fn carries(&self, kind: EventKind) -> bool {
        kind == EventKind::ReportReady
    }

    fn readers(&self) -> &[EmailAddress] {
        &self.readers
    }

    async fn send_event(&self, event: &OperatorNotice) -> Result<Receipt, SendError> {
        let (OperatorEvent::ReportReady { from, to, .. }, Some(reader)) = (&event.event, &event.to) else {
            return Err(refused("only a report is sent here, and only to an address"));
        };
        let address = to_address(reader).map_err(|_| refused("the address is malformed"))?;
        let letter = self.letters.letter(*from, *to, event.created_at).await?;
        let mail = self.compose(address, &event.outside_id, event, &letter)?;
        self.post.send(&event.outside_id, &mail).await
    }

    async fn send(&self, _: &Notice) -> Result<Receipt, SendError> {
        Err(refused("this channel tells the operator and no user"))
    }

    async fn check(&self) -> Result<(), SendError> {
        self.post.check().await
    }

    async fn close(&self) {
        self.post.close().await;
    }
}

fn media_type(text: &str) -> Result<ContentType, SendError> {
    ContentType::parse(text).map_err(|_| SendError {
        class: FailureClass::Refused,
        detail: "a part of the report has no media type".to_owned(),
    })
}

/// Pictures and files: every relay carries base64, and CSV keeps its line ends in it.
fn base64(bytes: &[u8]) -> Body {
    let encoded = Body::new_with_encoding(bytes.to_vec(), ContentTransferEncoding::Base64);
    encoded.unwrap_or_else(Body::new)
}

/// A boundary for each level that follows from the id, so that every attempt has the same bytes.
fn boundary(id: &str, level: &str) -> String {
    let id: String = id.chars().filter(char::is_ascii_alphanumeric).take(36).collect();
    format!("=_reconnectd_{level}_{id}") // at most 70 characters (RFC 2046, section 5.1.1)
}
