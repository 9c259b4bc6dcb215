//! The sections of the notice policy: who is told, when nobody is, and when an operator decides.

use super::Absent::Default;
use super::Checker;
use crate::config::errors::fault;
use crate::config::raw;
use crate::config::settings::{Policy, Storm};
use crate::config::value::length::{DIGEST_WINDOW, DWELL, SPREAD, STORM_WINDOW};
use crate::config::value::{self, policy};
use crate::domain::QuietHours;

impl Checker<'_> {
    pub(super) fn policy(&mut self, raw: raw::Policy) -> Option<Policy> {
        let baseline = Default("baseline".to_owned());
        let first_run = self.value("policy.first_run", raw.first_run, baseline, value::word(policy::FIRST_RUN));
        let ladder = Default(["0d", "3d", "10d"].map(str::to_owned).to_vec());
        let ladder = self.value("policy.ladder", raw.ladder, ladder, policy::ladder);
        let dwell = self.length("policy.dwell", raw.dwell, "0s", DWELL);
        let dwell_transient = self.length("policy.dwell_transient", raw.dwell_transient, "24h", DWELL);
        if dwell > dwell_transient && dwell_transient.is_some() {
            self.fault("policy.dwell_transient", fault("shorter than dwell", "set it to at least dwell"));
        }
        let digest_window = self.length("policy.digest_window", raw.digest_window, "1h", DIGEST_WINDOW);
        let per_day = self.number("policy.max_per_day", raw.max_per_day, 2, policy::MAX_PER_DAY);
        let per_week = self.number("policy.max_per_week", raw.max_per_week, 5, policy::MAX_PER_WEEK);
        if per_day > per_week && per_week.is_some() {
            self.fault("policy.max_per_week", fault("less than max_per_day", "set it to at least max_per_day"));
        }
        Some(Policy {
            first_run: first_run?,
            ladder: ladder?,
            dwell: dwell?,
            dwell_transient: dwell_transient?,
            digest_window: digest_window?,
            max_per_day: per_day?,
            max_per_week: per_week?,
            recovered_mail: raw.recovered_mail.unwrap_or(false),
        })
    }

    pub(super) fn quiet(&mut self, raw: raw::Quiet) -> Option<QuietHours> {
        let hours = self.optional("quiet.hours", raw.hours, |text| policy::hours(&text));
        let days = self.value("quiet.days", raw.days, Default(Vec::new()), policy::days);
        let utc = Default("UTC".to_owned());
        let zone = self.value("quiet.timezone", raw.timezone, utc, |text| policy::timezone(&text));
        let spread = self.length("quiet.spread", raw.spread, "30m", SPREAD);
        Some(QuietHours { hours, days: days?, zone: zone?, spread: spread? })
    }

    pub(super) fn storm(&mut self, raw: raw::Storm) -> Option<Storm> {
        let share = self.value("storm.share", raw.share, Default(0.2), value::fraction(policy::STORM_SHARE));
        let min = self.number("storm.min", raw.min, 20, policy::MAX_STORM_MIN);
        let window = self.length("storm.window", raw.window, "24h", STORM_WINDOW);
        Some(Storm { share: share?, min: min?, window: window? })
    }
}
