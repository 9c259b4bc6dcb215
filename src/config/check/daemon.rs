//! The sections of the long-running service: how it lives and ends.

use super::Checker;
use crate::config::raw;
use crate::config::settings::Daemon;
use crate::config::value::length::DRAIN_TIMEOUT;

impl Checker<'_> {
    pub(super) fn daemon(&mut self, raw: raw::Daemon) -> Option<Daemon> {
        let drain_timeout = self.length("daemon.drain_timeout", raw.drain_timeout, "30s", DRAIN_TIMEOUT);
        Some(Daemon { drain_timeout: drain_timeout? })
    }
}
