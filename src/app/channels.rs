//! How people are told, as configured.
//!
//! Turns `[email]`, `[[webhook]]` and `[operator]` into channels, and says by which names they are known.

use std::sync::Arc;

use super::{App, AppError};
use crate::adapters::email::{EmailChannel, EmailLimits, EmailSettings, REPORT_CHANNEL, ReportMailChannel};
use crate::adapters::slack::{self, SlackChannel, SlackSettings};
use crate::adapters::webhook::{self, WebhookChannel, WebhookSettings};
use crate::config::{Config, Email, Reconnect as ReconnectSection};
use crate::domain::ChannelName;
use crate::ports::Channel;
use crate::report::reconnect::MailedReports;

impl App {
    /// How people are told.
    pub fn channels(&self) -> Result<Vec<Arc<dyn Channel>>, AppError> {
        let mut channels: Vec<Arc<dyn Channel>> = Vec::new();
        if let Some(section) = &self.config.email {
            let notices = u32::try_from(self.config.policy.ladder.len()).unwrap_or(u32::MAX);
            let settings = email_settings(&self.config.reconnect, section, notices);
            channels.push(Arc::new(EmailChannel::new(settings.clone())?));
            let readers = &self.config.report.mail_to;
            if !readers.is_empty() {
                let letters = MailedReports::new(self.config.reconnect.product.clone(), self.reports.clone());
                let channel = ReportMailChannel::new(settings, readers.clone(), Arc::new(letters))?;
                channels.push(Arc::new(channel));
            }
        }
        for section in &self.config.webhook {
            channels.push(Arc::new(WebhookChannel::new(WebhookSettings {
                name: section.name.clone(),
                url: section.url.to_string(),
                secret: section.secret.clone(),
                secret_previous: section.secret_previous.clone(),
                signing_key: section.signing_key.clone(),
                events: section.events.clone(),
                allow_private: section.allow_private,
                limits: webhook::WebhookLimits::default(),
            })?));
        }
        if let Some(section) = &self.config.operator {
            channels.push(Arc::new(SlackChannel::new(SlackSettings {
                url: section.slack_url.clone(),
                events: section.events.clone(),
                product: self.config.reconnect.product.clone(),
            })?));
        }
        Ok(channels)
    }

    /// The names of the channels that are configured.
    pub fn channel_names(&self) -> Vec<ChannelName> {
        channel_names(&self.config)
    }

    /// The `whpk_…` text by which the receivers of this channel verify its `v1a` signatures, where it signs so.
    pub fn public_key(&self, channel: &ChannelName) -> Option<String> {
        let name = channel.as_str().strip_prefix("webhook:")?;
        let section = self.config.webhook.iter().find(|section| section.name == name)?;
        webhook::public_key(section.signing_key.as_ref()?)
    }
}

/// The names of the channels that are configured.
pub(super) fn channel_names(config: &Config) -> Vec<ChannelName> {
    let email = config.email.iter().map(|_| ChannelName::new("email"));
    let report = config.email.iter().filter(|_| !config.report.mail_to.is_empty());
    let report = report.map(|_| ChannelName::new(REPORT_CHANNEL));
    let webhooks = config.webhook.iter().map(|hook| webhook_channel(&hook.name));
    let slack = config.operator.iter().map(|_| ChannelName::new(slack::CHANNEL));
    email.chain(report).chain(webhooks).chain(slack).collect()
}

/// What a webhook's deliveries are stored under.
pub(super) fn webhook_channel(name: &str) -> ChannelName {
    ChannelName::new(format!("webhook:{name}"))
}

/// What mails are composed from and where they go; an incident gets at most `notices` notices.
pub fn email_settings(reconnect: &ReconnectSection, email: &Email, notices: u32) -> EmailSettings {
    EmailSettings {
        url: email.url.clone(),
        from: email.from.clone(),
        reply_to: email.reply_to.clone(),
        product: reconnect.product.clone(),
        list_id: email.list_id.clone(),
        templates: email.templates.clone(),
        notices,
        limits: EmailLimits::default(),
    }
}
