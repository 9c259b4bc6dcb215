//! The sections of what tells the operator: the Slack-compatible channel and the dead man's switch.

use super::Absent::Default;
use super::Checker;
use crate::config::raw;
use crate::config::settings::{Operator, Ping};
use crate::config::value::length::PING_TIMEOUT;
use crate::config::value::{address, channels};
use crate::domain::EventKind;

impl Checker<'_> {
    pub(super) fn operator(&mut self, raw: raw::Operator) -> Option<Operator> {
        let url = self.optional_secret("operator.slack_url", raw.slack_url, raw.slack_url_file, address::slack_url);
        let all = EventKind::CODES.iter().filter(|(kind, ..)| !kind.is_for_a_user());
        let all = Default(all.map(|(_, code, _)| (*code).to_owned()).collect());
        let events = self.value("operator.events", raw.events, all, channels::operator_events);
        Some(Operator { slack_url: url?, events: events? })
    }

    pub(super) fn ping(&mut self, raw: raw::Ping) -> Option<Ping> {
        let url = self.optional_secret("ping.url", raw.url, raw.url_file, address::ping_url);
        let timeout = self.length("ping.timeout", raw.timeout, "10s", PING_TIMEOUT);
        Some(Ping { url: url?, timeout: timeout? })
    }
}
