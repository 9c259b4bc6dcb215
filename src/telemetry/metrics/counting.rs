//! One method per thing that can be counted, so that callers cannot misspell a label.

use std::sync::Arc;
use std::time::Duration;

use super::catalogue as c;
use super::labels::{
    AttemptOutcome, CountedLevel, JobOutcome, PingOutcome, PlannedKind, ReloadOutcome, RequestOutcome, Stage,
    UserOutcome, WaitReason,
};
use super::{Metrics, truth};
use crate::domain::{ChannelName, JobName, RunCounters, Silence, Timestamp};
use crate::telemetry::events;

/// Counts fit: the mantissa of a double holds 2^53.
#[expect(clippy::cast_precision_loss, reason = "counters far beyond 2^53 do not happen")]
fn number(count: u64) -> f64 {
    count as f64
}

/// A job that runs in this process, also one that is cut off, while this lives.
#[derive(Debug)]
pub struct JobUnderWay {
    metrics: Arc<Metrics>,
    job: JobName,
}

impl JobUnderWay {
    /// Counts how it ended.
    pub fn ended(self, outcome: JobOutcome) {
        self.metrics.job_ended(self.job, outcome);
    }
}

impl Drop for JobUnderWay {
    fn drop(&mut self) {
        self.metrics.set(&c::JOB_RUNNING, &[self.job.code()], 0.0);
    }
}

impl Metrics {
    /// A log event. Names outside the catalogue (other crates speak under `log`) are not counted.
    pub fn event(&self, name: &str, level: CountedLevel) {
        if events::ALL.contains(&name) {
            self.add(&c::EVENTS, &[name, level.code()], 1.0);
        }
    }

    /// One HTTP request to the provider, from sending to its end.
    pub fn provider_request(&self, outcome: RequestOutcome, took: Duration) {
        self.add(&c::PROVIDER_REQUESTS, &[outcome.code()], 1.0);
        self.observe(&c::PROVIDER_REQUEST_DURATION, &[], took.as_secs_f64());
    }

    /// A request that repeats a failed one.
    pub fn provider_retry(&self) {
        self.add(&c::PROVIDER_RETRIES, &[], 1.0);
    }

    /// Requests had to wait for the provider's limits for this long.
    pub fn provider_waited(&self, why: WaitReason, waited: Duration) {
        self.add(&c::PROVIDER_WAIT, &[why.code()], waited.as_secs_f64());
    }

    /// What an answer said of the organisation's budget of requests.
    pub fn provider_budget(&self, limit: f64, remaining: f64) {
        self.set(&c::PROVIDER_BUDGET_LIMIT, &[], limit);
        self.set(&c::PROVIDER_BUDGET_REMAINING, &[], remaining);
    }

    /// Users whose page was recorded.
    pub fn users_scanned(&self, outcome: UserOutcome, users: u64) {
        self.add(&c::USERS_SCANNED, &[outcome.code()], number(users));
    }

    /// How far the audit under way is; `(0, 0)` between audits.
    pub fn audit_progress(&self, done: u64, expected: u64) {
        self.set(&c::AUDIT_USERS_DONE, &[], number(done));
        self.set(&c::AUDIT_USERS_TOTAL, &[], number(expected));
    }

    /// Incidents that were opened and closed.
    pub fn incidents(&self, opened: u64, closed: u64) {
        self.add(&c::INCIDENTS_OPENED, &[], number(opened));
        self.add(&c::INCIDENTS_CLOSED, &[], number(closed));
    }

    /// Notifications that were decided.
    pub fn notices_planned(&self, kind: PlannedKind, users: u64) {
        self.add(&c::NOTICES_PLANNED, &[kind.code()], number(users));
    }

    /// Decisions not to tell.
    pub fn silenced(&self, reason: Silence, times: u64) {
        self.add(&c::SILENCED, &[reason.code()], number(times));
    }

    /// An attempt of a delivery that was settled.
    pub fn delivery_attempt(&self, channel: &ChannelName, outcome: AttemptOutcome) {
        self.add(&c::DELIVERY_ATTEMPTS, &[channel.as_str(), outcome.code()], 1.0);
    }

    /// An address that was suppressed because its server refuses it.
    pub fn address_refused(&self) {
        self.add(&c::ADDRESSES_REFUSED, &[], 1.0);
    }

    /// A first notice was taken by its receiver, this long after its incident was recorded.
    pub fn told(&self, channel: &ChannelName, after: Duration) {
        self.observe(&c::DETECT_TO_NOTIFY, &[channel.as_str()], after.as_secs_f64());
    }

    /// A stage of a run that ended, well or not.
    pub fn stage(&self, stage: Stage, took: Duration) {
        self.observe(&c::STAGE_DURATION, &[stage.code()], took.as_secs_f64());
    }

    /// What a run counted since `before`: users, incidents, notices and silences.
    pub fn run_counted(&self, before: &RunCounters, after: &RunCounters) {
        let grown = |count: fn(&RunCounters) -> u64| count(after).saturating_sub(count(before));
        let (unknown, unqueryable) = (grown(|c| c.users_unknown), grown(|c| c.users_unqueryable));
        self.users_scanned(UserOutcome::Unknown, unknown);
        self.users_scanned(UserOutcome::Unqueryable, unqueryable);
        let known = grown(|c| c.users_scanned).saturating_sub(unknown + unqueryable);
        self.users_scanned(UserOutcome::Complete, known);
        self.incidents(grown(|c| c.incidents_opened), grown(|c| c.incidents_closed));
        let reminders = grown(|c| c.reminders_planned);
        self.notices_planned(PlannedKind::First, grown(|c| c.notices_planned).saturating_sub(reminders));
        self.notices_planned(PlannedKind::Reminder, reminders);
        self.notices_planned(PlannedKind::Recovered, grown(|c| c.recoveries_planned));
        for (code, times) in &after.silenced {
            let new = times.saturating_sub(before.silenced.get(code).copied().unwrap_or(0));
            if let Some(reason) = Silence::from_code(code).filter(|_| new > 0) {
                self.silenced(reason, new);
            }
        }
    }

    /// A job begins in this process; it runs until what is returned is dropped.
    pub fn job_begins(self: &Arc<Self>, job: JobName) -> JobUnderWay {
        self.set(&c::JOB_RUNNING, &[job.code()], 1.0);
        JobUnderWay { metrics: Arc::clone(self), job }
    }

    /// How a job ended in this process.
    pub fn job_ended(&self, job: JobName, outcome: JobOutcome) {
        self.add(&c::JOB_ENDS, &[job.code(), outcome.code()], 1.0);
    }

    /// When a job is due next, and the longest time between two instants of its schedule.
    pub fn job_schedule(&self, job: JobName, next: Option<Timestamp>, interval: Option<Duration>) {
        self.set(&c::JOB_NEXT, &[job.code()], next.map_or(0.0, truth::seconds));
        self.set(&c::JOB_INTERVAL, &[job.code()], interval.map_or(0.0, |interval| interval.as_secs_f64()));
    }

    /// What came of a reload of the configuration.
    pub fn config_reloaded(&self, outcome: ReloadOutcome) {
        self.add(&c::CONFIG_RELOADS, &[outcome.code()], 1.0);
        let applied = outcome == ReloadOutcome::Applied;
        self.set(&c::CONFIG_LAST_RELOAD_OK, &[], f64::from(u8::from(applied)));
    }

    /// What came of a ping of the dead man's switch.
    pub fn pinged(&self, outcome: PingOutcome) {
        self.add(&c::PINGS, &[outcome.code()], 1.0);
    }
}
