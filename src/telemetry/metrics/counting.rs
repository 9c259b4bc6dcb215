//! One method per thing that can be counted, so that callers cannot misspell a label.

use std::time::Duration;

use super::catalogue as c;
use super::labels::{
    AttemptOutcome, CountedLevel, JobOutcome, PingOutcome, PlannedKind, ReloadOutcome, RequestOutcome, Stage,
    UserOutcome, WaitReason,
};
use super::{Metrics, truth};
use crate::domain::{ChannelName, JobName, Silence, Timestamp};
use crate::telemetry::events;

/// Counts fit: the mantissa of a double holds 2^53.
#[expect(clippy::cast_precision_loss, reason = "counters far beyond 2^53 do not happen")]
fn number(count: u64) -> f64 {
    count as f64
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

    /// The door to the provider was closed for this long.
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

    /// A job that began, or ended, in this process.
    pub fn job_running(&self, job: JobName, running: bool) {
        self.set(&c::JOB_RUNNING, &[job.code()], f64::from(u8::from(running)));
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
