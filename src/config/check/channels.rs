//! The sections of what goes out and of what comes back: mail, webhooks, the HTTP listener, suppressed addresses.

use std::collections::BTreeSet;

use super::Absent::{Default, Required};
use super::Checker;
use crate::config::errors::fault;
use crate::config::merge::MAX_WEBHOOKS;
use crate::config::raw;
use crate::config::settings::{Email, Http, Reconnect, ReconnectMode, Suppression, Webhook};
use crate::config::value::channels::{self, MAX_MAILS_PER_MINUTE};
use crate::config::value::length::DISABLE_AFTER;
use crate::config::value::{access, address, brand, secret};
use crate::domain::{Colour, EventKind};

impl Checker<'_> {
    pub(super) fn email(&mut self, raw: raw::Email) -> Option<Email> {
        let example = Required("\"smtp://user:password@mail.example.com:587?tls=required\"");
        let url = self.secret("email.url", raw.url, raw.url_file, example, address::mail_url);
        let from = Required("\"Acme <no-reply@acme.example>\"");
        let from = self.value("email.from", raw.from, from, address::mailbox);
        let reply_to = self.optional("email.reply_to", raw.reply_to, address::mailbox);
        let templates = self.optional("email.templates", raw.templates, channels::templates);
        let list_id = self.optional("email.list_id", raw.list_id, channels::list_id);
        let per_minute = self.number("email.max_per_minute", raw.max_per_minute, 600, MAX_MAILS_PER_MINUTE);
        let per_domain = raw.max_per_domain_per_minute;
        let per_domain = self.number("email.max_per_domain_per_minute", per_domain, 200, MAX_MAILS_PER_MINUTE);
        let ramp_up_from = self.number("email.ramp_up_from", raw.ramp_up_from, 60, MAX_MAILS_PER_MINUTE);
        Some(Email {
            url: url?,
            from: from?,
            reply_to,
            templates,
            list_id,
            max_per_minute: per_minute?,
            max_per_domain_per_minute: per_domain?,
            ramp_up_from: ramp_up_from?,
        })
    }

    pub(super) fn webhooks(&mut self, raw: Vec<raw::Webhook>) -> Vec<Webhook> {
        if raw.len() > MAX_WEBHOOKS {
            self.fault("webhook", fault("too many sections", format!("keep at most {MAX_WEBHOOKS}")));
            return Vec::new();
        }
        let mut names = BTreeSet::new();
        let mut webhooks = Vec::new();
        for (index, raw) in raw.into_iter().enumerate() {
            let Some(webhook) = self.webhook(index, raw) else { continue };
            if !names.insert(webhook.name.clone()) {
                let same = fault("the same as another webhook's", "give every webhook a name of its own");
                self.fault(&format!("webhook.{index}.name"), same);
            }
            webhooks.push(webhook);
        }
        webhooks
    }

    fn webhook(&mut self, index: usize, raw: raw::Webhook) -> Option<Webhook> {
        let path = |key: &str| format!("webhook.{index}.{key}");
        let allow_private = raw.allow_private.unwrap_or(false);
        let name = self.value(&path("name"), raw.name, Required("\"product\""), channels::webhook_name);
        let example = Required("\"https://api.example.com/hooks/reconnect\"");
        let url = self.value(&path("url"), raw.url, example, address::webhook_url(allow_private));
        let example = Required("\"whsec_…\"");
        let signed_with = self.secret(&path("secret"), raw.secret, raw.secret_file, example, secret::webhook_secret);
        let previous = (raw.secret_previous, raw.secret_previous_file);
        let secret_previous =
            self.optional_secret(&path("secret_previous"), previous.0, previous.1, secret::webhook_secret);
        let signing_key =
            self.optional_secret(&path("signing_key"), raw.signing_key, raw.signing_key_file, secret::signing_key);
        let all = Default(EventKind::CODES.map(|(_, code, _)| code.to_owned()).to_vec());
        let events = self.value(&path("events"), raw.events, all, channels::events);
        let disable_after = self.length(&path("disable_after"), raw.disable_after, "5d", DISABLE_AFTER);
        Some(Webhook {
            name: name?,
            url: url?,
            secret: signed_with?,
            secret_previous,
            signing_key,
            events: events?,
            disable_after: disable_after?,
            allow_private,
        })
    }

    pub(super) fn http(&mut self, raw: raw::Http) -> Option<Http> {
        let loopback = Default("127.0.0.1:8480".to_owned());
        let listen = self.value("http.listen", raw.listen, loopback, |text| address::listen(&text));
        let public_url = self.optional("http.public_url", raw.public_url, |text| address::public_url(&text));
        let logo = self.optional("http.logo", raw.logo, |text| brand::logo(&text));
        let accent = Default(Colour::ACCENT.to_hex());
        let colour = self.value("http.colour", raw.colour, accent, |text| brand::colour(&text));
        let near = Default(access::NEAR.map(str::to_owned).to_vec());
        let trusted_proxies = self.value("http.trusted_proxies", raw.trusted_proxies, near, access::trusted_proxies);
        let report = (raw.report_auth, raw.report_token, raw.report_token_file);
        let report_auth = self.report_auth(report, (raw.report_proxy_header, raw.report_proxy_from), listen);
        Some(Http {
            listen: listen?,
            public_url,
            logo,
            colour: colour?,
            trusted_proxies: trusted_proxies?,
            report_auth: report_auth?,
        })
    }

    /// Links in mails must lead somewhere.
    pub(super) fn page_has_an_address(&mut self, reconnect: &Reconnect, http: &Http) {
        if reconnect.mode == ReconnectMode::Page && http.public_url.is_none() {
            let remedy = "set [http] public_url to where `reconnectd serve` is reached from outside, or mode = \"url\"";
            self.fault("reconnect.mode", fault("the page has no address", remedy));
        }
    }

    pub(super) fn suppression(&mut self, raw: raw::Suppression) -> Suppression {
        let key = self.optional_secret("suppression.key", raw.key, raw.key_file, secret::suppression_key);
        Suppression { key }
    }
}
