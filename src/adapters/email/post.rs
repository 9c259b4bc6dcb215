//! The way a composed mail takes, whoever it is for: over SMTP or into a folder, under the id stored for it.
//!
//! Guarantees and what a crash leaves: those of [`super::smtp`].

use super::EmailSettings;
use super::idle::IdleConnections;
use super::message::Mail;
use super::settings::{self, EmailLimits, EmailSettingsError, Route};
use super::smtp;
use crate::ports::{Receipt, SendError};

/// A mail server, or a folder, at work.
pub(super) struct Post {
    /// What Message-IDs are minted under.
    domain: String,
    route: Route,
    limits: EmailLimits,
    idle: IdleConnections,
}

impl Post {
    pub(super) fn new(settings: &EmailSettings) -> Result<Self, EmailSettingsError> {
        Ok(Self {
            domain: settings::mailbox("from", &settings.from)?.email.domain().to_owned(),
            route: settings::route(&settings.url)?,
            limits: settings.limits,
            idle: IdleConnections::new(settings.limits),
        })
    }

    /// The Message-ID made of a new UUID.
    pub(super) fn outside_id(&self, uuid: &str) -> String {
        format!("<{uuid}@{}>", self.domain)
    }

    /// One attempt. `outside_id` names the file, where it goes into a folder.
    pub(super) async fn send(&self, outside_id: &str, mail: &Mail) -> Result<Receipt, SendError> {
        match &self.route {
            Route::Smtp(server) => smtp::send(server, self.limits, &self.idle, mail).await,
            Route::File(spool) => spool.write(outside_id, "eml", &mail.bytes).await,
        }
    }

    /// Reaches the other side without sending anything.
    pub(super) async fn check(&self) -> Result<(), SendError> {
        match &self.route {
            Route::Smtp(server) => smtp::check(server, self.limits).await,
            Route::File(spool) => spool.check().await,
        }
    }

    /// Ends the connections that are kept for the next mail.
    pub(super) async fn close(&self) {
        self.idle.close().await;
    }
}
