//! How things stand, for a tired person and for machines: the page of `reconnectd status`.
//!
//! ```text
//! Situation (read at one moment) ─▶ Status ─▶ text, or JSON (docs/status.schema.json)
//!                                     └─ hands: what needs a person, each with its command
//! ```
//!
//! Pure: the same situation gives the same page. Keys of the JSON are only ever added.

mod hands;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use crate::domain::{ChannelName, JobName, OperatorSilence, Timestamp, millis};
use crate::store::{ChannelState, JobRow, KnownRefusal, Standing};

pub use hands::{DEAD_LATELY, Hand};

/// Everything the page is made of.
#[derive(Debug, Clone)]
pub struct Situation {
    /// What the state database says.
    pub standing: Standing,
    /// Since when the provider refuses the key.
    pub key_refused_at: Option<Timestamp>,
    /// For what causes no connect pages are made, the longest known first.
    pub connect_refusals: Vec<KnownRefusal>,
    /// Who holds the right to run.
    pub running: Option<String>,
    /// Silences in force.
    pub silences: Vec<OperatorSilence>,
    /// Deliveries given up within [`DEAD_LATELY`], by channel.
    pub dead_lately: BTreeMap<ChannelName, u64>,
    /// The channels of the configuration.
    pub configured: Vec<ChannelName>,
    /// When the schedule does each job next; jobs that are off are left out.
    pub planned: BTreeMap<JobName, Planned>,
    /// Whether a daemon has kept the schedule: where none has, the schedule says nothing about what is late.
    pub daemon: bool,
}

/// When the schedule does a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// The next instant; none where there is none any more.
    pub next_at: Option<Timestamp>,
    /// The longest time between two.
    pub gap: Option<Duration>,
}

/// How things stand.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// The version of the program that says so.
    pub version: &'static str,
    /// When it was so.
    pub read_at: Timestamp,
    /// Whether nothing needs a person.
    pub well: bool,
    /// What needs one, the most pressing first.
    pub hands: Vec<Hand>,
    /// All jobs.
    pub jobs: Vec<JobStatus>,
    /// A run that is under way.
    pub run: Option<RunStatus>,
    /// The last audit that read the whole directory.
    pub audit: Option<AuditStatus>,
    /// Open incidents in all.
    pub incidents_open: u64,
    /// The same by toolkit, most first.
    pub incidents: Vec<ToolkitStatus>,
    /// Every channel that is configured, has something waiting or is known for something.
    pub channels: Vec<ChannelStatus>,
    /// Storms that wait for a decision, oldest first.
    pub storms_held: Vec<StormStatus>,
    /// Accounts whose status this version does not know.
    pub accounts_unknown_status: u64,
    /// Silences in force.
    pub silences: Vec<SilenceStatus>,
    /// Addresses that are not written to, by cause.
    pub suppressions: BTreeMap<&'static str, u64>,
    /// Since when the provider refuses the key.
    pub key_refused_at: Option<Timestamp>,
    /// For what causes no connect pages are made, the longest known first.
    pub connect_refused: Vec<ConnectRefusedStatus>,
}

/// A cause for which nobody can reconnect on our page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConnectRefusedStatus {
    /// Why: a code of [`ConnectRefusal`](crate::domain::ConnectRefusal).
    pub reason: &'static str,
    /// With which auth config, where that is why.
    pub auth_config: Option<String>,
    /// When somebody who clicked met it; that is noted once in seven days.
    pub noted_at: Timestamp,
}

/// How a job last went and when it comes next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobStatus {
    /// Which.
    pub job: &'static str,
    /// Last beginning.
    pub started_at: Option<Timestamp>,
    /// Last good end.
    pub succeeded_at: Option<Timestamp>,
    /// Last failure.
    pub failed_at: Option<Timestamp>,
    /// Failures since the last good end.
    pub failures: u64,
    /// How long the last one that ended took.
    pub duration_ms: Option<u64>,
    /// Why the last one failed; none after a good end.
    pub error: Option<String>,
    /// Whether the daemon's schedule has it.
    pub scheduled: bool,
    /// The schedule's next instant.
    pub next_at: Option<Timestamp>,
}

/// A run that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunStatus {
    /// Its id.
    pub run_id: String,
    /// Which process.
    pub holder: String,
    /// Since when.
    pub started_at: Timestamp,
    /// Users looked at so far.
    pub users_scanned: u64,
}

/// The last audit that read the whole directory.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditStatus {
    /// Its id.
    pub run_id: String,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Users looked at.
    pub users_scanned: u64,
    /// Of them, those whose accounts could not be fetched.
    pub users_unknown: u64,
    /// Of them, those the provider cannot be asked about.
    pub users_unqueryable: u64,
    /// Rows without an id.
    pub users_blank: u64,
    /// The share of rows whose accounts are known, 0 to 1.
    pub coverage: f64,
}

/// Open incidents of a toolkit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToolkitStatus {
    /// Which.
    pub toolkit: String,
    /// How many.
    pub open: u64,
    /// By what the provider's reason points at.
    pub reasons: BTreeMap<&'static str, u64>,
}

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChannelStatus {
    /// Which.
    pub channel: String,
    /// Whether the configuration has it.
    pub configured: bool,
    /// `in_use`, `failing`, `stopped` (it refuses us) or `disabled`.
    pub state: &'static str,
    /// Since when it is so; none while it is in use.
    pub since: Option<Timestamp>,
    /// Why, in the other side's words.
    pub detail: Option<String>,
    /// Who disabled it; none where that followed from what it answered.
    pub changed_by: Option<String>,
    /// Deliveries that wait.
    pub pending: u64,
    /// Since when the first of them is due, or when it will be.
    pub first_due_at: Option<Timestamp>,
    /// Deliveries given up.
    pub dead: u64,
    /// Of them, those given up within the last seven days.
    pub dead_lately: u64,
}

/// A storm that waits for a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StormStatus {
    /// Which.
    pub storm_id: String,
    /// `auth_config` or `toolkit`.
    pub scope: String,
    /// Which one.
    pub subject: String,
    /// Since when.
    pub opened_at: Timestamp,
    /// Accounts that broke.
    pub broken: u64,
    /// Accounts that had worked before.
    pub active: u64,
}

/// A silence in force. A user's id that is an address is masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SilenceStatus {
    /// Which.
    pub silence_id: String,
    /// The user it covers, if it names one.
    pub user: Option<String>,
    /// The toolkit, if it names one.
    pub toolkit: Option<String>,
    /// The auth config, if it names one.
    pub auth_config: Option<String>,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
    /// By whom.
    pub author: String,
}

impl Status {
    /// What a situation comes to.
    pub fn of(situation: &Situation) -> Self {
        let standing = &situation.standing;
        let mut status = Self {
            version: env!("CARGO_PKG_VERSION"),
            read_at: standing.read_at,
            well: true,
            hands: Vec::new(),
            jobs: JobName::CODES.into_iter().map(|(job, ..)| job_status(situation, job)).collect(),
            run: run_status(situation),
            audit: audit_status(standing),
            incidents_open: standing.incidents_open(),
            incidents: toolkits(standing),
            channels: channels(situation),
            storms_held: storms(standing),
            accounts_unknown_status: standing.accounts_unknown_status,
            silences: situation.silences.iter().map(silence).collect(),
            suppressions: standing.suppressions.iter().map(|(cause, n)| (cause.code(), *n)).collect(),
            key_refused_at: situation.key_refused_at,
            connect_refused: situation.connect_refusals.iter().map(connect_refused).collect(),
        };
        status.hands = hands::needed(&status, situation);
        status.well = status.hands.is_empty();
        status
    }

    /// One document.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }

    /// A page.
    pub fn text(&self) -> String {
        text::page(self)
    }
}

fn job_status(situation: &Situation, job: JobName) -> JobStatus {
    let row: Option<&JobRow> = situation.standing.jobs.iter().find(|row| row.job == job);
    let planned = situation.planned.get(&job);
    JobStatus {
        job: job.code(),
        started_at: row.and_then(|row| row.started_at),
        succeeded_at: row.and_then(|row| row.succeeded_at),
        failed_at: row.and_then(|row| row.failed_at),
        failures: row.map_or(0, |row| row.failures),
        duration_ms: row.and_then(|row| row.duration).map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
        error: row.and_then(|row| row.error.clone()),
        scheduled: planned.is_some(),
        next_at: planned.and_then(|planned| planned.next_at),
    }
}

/// A row that is still `running` while nobody holds the right to run belongs to a process that died.
fn run_status(situation: &Situation) -> Option<RunStatus> {
    let run = situation.standing.newest_run.as_ref().filter(|run| run.state == "running")?;
    situation.running.as_ref().filter(|holder| **holder == run.holder)?;
    Some(RunStatus {
        run_id: run.id.to_string(),
        holder: run.holder.clone(),
        started_at: run.started_at,
        users_scanned: run.counters.users_scanned,
    })
}

fn audit_status(standing: &Standing) -> Option<AuditStatus> {
    let run = standing.last_audit.as_ref()?;
    Some(AuditStatus {
        run_id: run.id.to_string(),
        finished_at: run.finished_at,
        users_scanned: run.counters.users_scanned,
        users_unknown: run.counters.users_unknown,
        users_unqueryable: run.counters.users_unqueryable,
        users_blank: run.counters.users_blank,
        coverage: standing.coverage()?,
    })
}

fn toolkits(standing: &Standing) -> Vec<ToolkitStatus> {
    let mut toolkits: BTreeMap<&str, ToolkitStatus> = BTreeMap::new();
    for some in &standing.incidents {
        let toolkit = toolkits.entry(&some.toolkit).or_insert_with(|| ToolkitStatus {
            toolkit: some.toolkit.clone(),
            open: 0,
            reasons: BTreeMap::new(),
        });
        toolkit.open += some.open;
        *toolkit.reasons.entry(some.reason.code()).or_default() += some.open;
    }
    let mut toolkits: Vec<_> = toolkits.into_values().collect();
    toolkits.sort_by_key(|toolkit| std::cmp::Reverse(toolkit.open));
    toolkits
}

fn channels(situation: &Situation) -> Vec<ChannelStatus> {
    let standing = &situation.standing;
    let known = standing.channels.iter().filter(|state| stands_out(state)).map(|state| &state.channel);
    let waiting = standing.outbox.iter().map(|outbox| &outbox.channel);
    let names: BTreeSet<&ChannelName> = situation.configured.iter().chain(known).chain(waiting).collect();
    names.into_iter().map(|name| channel(situation, name)).collect()
}

fn stands_out(state: &ChannelState) -> bool {
    state.disabled_at.or(state.stopped_at).or(state.failing_since).is_some()
}

fn channel(situation: &Situation, name: &ChannelName) -> ChannelStatus {
    let known = situation.standing.channels.iter().find(|state| state.channel == *name);
    let outbox = situation.standing.outbox.iter().find(|outbox| outbox.channel == *name);
    let at = |which: fn(&ChannelState) -> Option<Timestamp>| known.and_then(which);
    let states = [
        ("disabled", at(|state| state.disabled_at)),
        ("stopped", at(|state| state.stopped_at)),
        ("failing", at(|state| state.failing_since)),
    ];
    let (state, since) = states.into_iter().find(|(_, since)| since.is_some()).unwrap_or(("in_use", None));
    ChannelStatus {
        channel: name.to_string(),
        configured: situation.configured.contains(name),
        state,
        since,
        detail: known.and_then(|state| state.detail.clone()),
        changed_by: known.and_then(|state| state.changed_by.clone()),
        pending: outbox.map_or(0, |outbox| outbox.pending),
        first_due_at: outbox.and_then(|outbox| outbox.first_due_at),
        dead: outbox.map_or(0, |outbox| outbox.dead),
        dead_lately: situation.dead_lately.get(name).copied().unwrap_or(0),
    }
}

fn storms(standing: &Standing) -> Vec<StormStatus> {
    let storm = |storm: &crate::store::Storm| StormStatus {
        storm_id: storm.id.clone(),
        scope: storm.scope.clone(),
        subject: storm.subject.clone(),
        opened_at: storm.opened_at,
        broken: storm.broken,
        active: storm.active,
    };
    standing.storms_held.iter().map(storm).collect()
}

fn connect_refused(known: &KnownRefusal) -> ConnectRefusedStatus {
    ConnectRefusedStatus {
        reason: known.reason.code(),
        auth_config: known.auth_config.as_ref().map(ToString::to_string),
        noted_at: known.noted_at,
    }
}

fn silence(silence: &OperatorSilence) -> SilenceStatus {
    SilenceStatus {
        silence_id: silence.id.to_string(),
        user: silence.scope.user().map(ToString::to_string),
        toolkit: silence.scope.toolkit().map(ToString::to_string),
        auth_config: silence.scope.auth_config().map(ToString::to_string),
        until: silence.until,
        reason: silence.reason.clone(),
        author: silence.author.clone(),
    }
}

/// How long from `then` to `now`; zero where that is to come.
fn since(then: Timestamp, now: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(millis(now) - millis(then)).unwrap_or(0))
}

#[cfg(test)]
#[path = "../status_tests.rs"]
mod tests;
