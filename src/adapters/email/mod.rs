//! Turns a notice into one mail to one person, over SMTP or into a folder of `.eml` files.
//!
//! ```text
//! Notice ─▶ letter (words, from the pack) ─▶ message (headers, MIME) ─▶ smtp or spool ─▶ reply ─▶ class
//! ```
//!
//! Guarantees: `Message-ID` is the stored id on every attempt; every exchange ends within its limits; a
//! failure says whether the server may have taken the mail; a connection serves one mail after the other and
//! never two at once. A crash or cancellation between the mail's last byte and the server's reply leaves a mail
//! of unknown outcome, sent again under the same id.

mod blame;
mod connection;
mod headers;
mod idle;
mod letter;
mod message;
mod pack;
mod post;
mod preview;
mod rehearsal;
mod replies;
mod report;
mod samples;
mod settings;
mod situation;
mod smtp;

use async_trait::async_trait;

use crate::domain::{ChannelName, EventKind, FailureClass, Notice, OperatorNotice};
use crate::ports::{Channel, Receipt, SendError};

pub use crate::languages::PackError;
pub use preview::{Links, Preview, PreviewError, preview};
pub use report::{REPORT_CHANNEL, ReportMailChannel};
pub use samples::Sample;
pub use settings::{EmailLimits, EmailSettings, EmailSettingsError};

use message::Composer;
use post::Post;

/// Sends mail.
pub struct EmailChannel {
    name: ChannelName,
    composer: Composer,
    post: Post,
}

impl EmailChannel {
    /// A channel named `email`.
    #[expect(clippy::needless_pass_by_value, reason = "the secret in it is wiped from memory when this returns")]
    pub fn new(settings: EmailSettings) -> Result<Self, EmailSettingsError> {
        let composer = settings::composer(&settings)?;
        Ok(Self { name: ChannelName::new("email"), composer, post: Post::new(&settings)? })
    }
}

#[async_trait]
impl Channel for EmailChannel {
    fn name(&self) -> &ChannelName {
        &self.name
    }

    fn needs_address(&self) -> bool {
        true
    }

    fn outside_id(&self, uuid: &str) -> String {
        self.post.outside_id(uuid)
    }

    fn language(&self, locale: Option<&str>) -> Option<String> {
        Some(self.composer.language(locale))
    }

    fn carries(&self, kind: EventKind) -> bool {
        kind.is_for_a_user()
    }

    async fn send_event(&self, event: &OperatorNotice) -> Result<Receipt, SendError> {
        let detail = format!("{} is not sent by mail", event.event.kind().code());
        Err(SendError { class: FailureClass::Refused, detail })
    }

    async fn send(&self, notice: &Notice) -> Result<Receipt, SendError> {
        self.post.send(&notice.outside_id, &self.composer.compose(notice)?).await
    }

    async fn check(&self) -> Result<(), SendError> {
        self.post.check().await
    }

    async fn close(&self) {
        self.post.close().await;
    }
}
