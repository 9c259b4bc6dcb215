//! What one run counted. Stored with every checkpoint, so that a run that goes on after a crash counts on,
//! and printed as the summary. What happened between the last checkpoint and the crash is on record in the
//! outbox, but in nobody's counters: checkpoints are each recorded page and the end of planning.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::decision::Silence;

/// How old a dead run's checkpoint may be for the next run to go on from it: what was seen earlier says too little about
/// now. So the first pages of a whole scan are at most this much older than its last run.
pub const RESUME_WITHIN: TimeDelta = TimeDelta::hours(6);

/// An audit has failed where more than one user in so many is unknown: what alerts and `status` call low coverage
/// (below 99 %).
const UNKNOWN_ONE_IN: u64 = 100;

/// The counters of one run; what each counts is what its name says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunCounters {
    /// Users of the directory that were looked at, whatever came of it.
    pub users_scanned: u64,
    /// Of them, those whose accounts could not be fetched.
    pub users_unknown: u64,
    /// Of them, those whose id holds a comma, so that the provider cannot be asked.
    pub users_unqueryable: u64,
    /// Directory rows with a null or empty id.
    pub users_blank: u64,
    /// Accounts the provider listed.
    pub accounts_seen: u64,
    /// Of them, by condition.
    pub conditions: BTreeMap<String, u64>,
    /// Incidents opened.
    pub incidents_opened: u64,
    /// Incidents closed.
    pub incidents_closed: u64,
    /// Notifications decided: one per user told.
    pub notices_planned: u64,
    /// Of them, those that only remind.
    pub reminders_planned: u64,
    /// Users whose incidents' end was decided to be told.
    pub recoveries_planned: u64,
    /// Storms that were noticed and held.
    pub storms_opened: u64,
    /// Old breakages that became news by `baseline release`.
    pub incidents_released: u64,
    /// Deliveries that reached their receiver.
    pub deliveries_sent: u64,
    /// Deliveries whose last attempt in this run failed, whether they will be tried again or not.
    pub deliveries_failed: u64,
    /// Attempts that were put off without counting: quiet time, the sending rates, a reconnect under way.
    pub deliveries_put_off: u64,
    /// Deliveries called off before sending.
    pub deliveries_cancelled: u64,
    /// Broken or otherwise not healthy accounts and incidents nobody was told about, by reason.
    pub silenced: BTreeMap<String, u64>,
    /// HTTP requests to the provider, retries included.
    pub requests_sent: u64,
    /// How many of them repeated a failed one.
    pub retries: u64,
}

impl RunCounters {
    /// Counts one silence.
    pub fn silence(&mut self, reason: Silence) {
        *self.silenced.entry(reason.code().to_owned()).or_default() += 1;
    }

    /// Why an audit that went to its end failed all the same: of more than one user in a hundred nothing was learned,
    /// whoever else was. One of a thousand whose answer broke off is no failure. Those the provider cannot be asked
    /// about are left out: another try would not know them either.
    pub fn shortfall(&self) -> Option<String> {
        (self.users_unknown.saturating_mul(UNKNOWN_ONE_IN) > self.users_scanned)
            .then(|| format!("incomplete: {} of {} users unknown", self.users_unknown, self.users_scanned))
    }

    /// Whether something is not known that a run should know.
    pub fn is_incomplete(&self) -> bool {
        self.users_unknown > 0
    }

    /// Whether an answer was missing for everybody who could be asked about: an audit in vain.
    pub fn saw_nobody(&self) -> bool {
        self.users_unknown > 0 && self.users_unknown + self.users_unqueryable >= self.users_scanned
    }
}
