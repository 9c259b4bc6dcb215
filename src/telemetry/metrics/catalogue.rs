//! Every family of metrics there is. `docs/metrics.md` says the same for people, and a test compares the two.
//!
//! Names follow Prometheus' conventions: base units, `_total` on counters (added where samples are written), instants
//! as `_timestamp_seconds` so that ages are computed where they are asked for.

use super::family::Kind::{Counter, Gauge, Histogram};
use super::family::Source::{Counted, Truth};
use super::family::{Family, Label, Values};
use super::labels::{
    AttemptOutcome, AuditUsers, ChannelTrouble, CountedLevel, JobOutcome, OutboxState, PingOutcome, PlannedKind,
    ReloadOutcome, RequestOutcome, Stage, UserOutcome, WaitReason, causes, conditions, decisions, events, jobs,
    reasons, silences, versions,
};

/// From a quick answer to the longest timeout that is usual.
const REQUEST_SECONDS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// From a first pass over a small directory to a day's scan.
const STAGE_SECONDS: &[f64] = &[1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 43_200.0, 86_400.0];
/// One minute to a week: dwell, quiet hours and digests make hours usual.
const NOTIFY_SECONDS: &[f64] =
    &[60.0, 300.0, 900.0, 3_600.0, 14_400.0, 43_200.0, 86_400.0, 172_800.0, 345_600.0, 604_800.0];

macro_rules! families {
    ($($(#[$doc:meta])* $id:ident = $name:literal, $kind:expr, $source:expr, [$($label:literal: $values:expr),*], $help:literal;)*) => {
        $(
            #[doc = $help]
            pub static $id: Family = Family {
                name: $name,
                kind: $kind,
                labels: &[$(Label { name: $label, values: $values }),*],
                help: $help,
                source: $source,
            };
        )*

        /// All families, in the order they are written.
        pub static FAMILIES: &[&Family] = &[$(&$id),*];
    };
}

families! {
    BUILD_INFO = "reconnectd_build_info", Gauge, Counted, ["version": Values::Closed(versions)],
        "Always 1; the version that runs";
    EVENTS = "reconnectd_events", Counter, Counted,
        ["event": Values::Closed(events), "level": Values::Closed(CountedLevel::codes)],
        "Log events by name, whatever [log] level shows";

    PROVIDER_REQUESTS = "reconnectd_provider_requests", Counter, Counted,
        ["outcome": Values::Closed(RequestOutcome::codes)], "HTTP requests to the provider, repetitions included";
    PROVIDER_RETRIES = "reconnectd_provider_retries", Counter, Counted, [],
        "Requests to the provider that repeated a failed one";
    PROVIDER_REQUEST_DURATION = "reconnectd_provider_request_duration_seconds", Histogram(REQUEST_SECONDS), Counted, [],
        "From sending a request to the provider to its whole answer or failure";
    PROVIDER_WAIT = "reconnectd_provider_wait_seconds", Counter, Counted, ["why": Values::Closed(WaitReason::codes)],
        "Time in which requests had to wait for the provider's limits, counted once however many wait; waits after other failures are not in it";
    PROVIDER_BUDGET_LIMIT = "reconnectd_provider_budget_limit", Gauge, Counted, [],
        "Requests per window the provider grants the organisation, as its last answer said; 0 before one did";
    PROVIDER_BUDGET_REMAINING = "reconnectd_provider_budget_remaining", Gauge, Counted, [],
        "Requests left in the provider's window, as its last answer said; 0 before one did";

    USERS_SCANNED = "reconnectd_users_scanned", Counter, Counted, ["outcome": Values::Closed(UserOutcome::codes)],
        "Users looked at and recorded";
    AUDIT_USERS_DONE = "reconnectd_audit_users_done", Gauge, Counted, [],
        "Users the audit under way has recorded; 0 between audits";
    AUDIT_USERS_TOTAL = "reconnectd_audit_users_expected", Gauge, Counted, [],
        "Users in the directory when the audit under way began; 0 between audits";
    INCIDENTS_OPENED = "reconnectd_incidents_opened", Counter, Counted, [], "Incidents opened";
    INCIDENTS_CLOSED = "reconnectd_incidents_closed", Counter, Counted, [], "Incidents closed";
    NOTICES_PLANNED = "reconnectd_notices_planned", Counter, Counted, ["kind": Values::Closed(PlannedKind::codes)],
        "Notifications decided, one per user told";
    SILENCED = "reconnectd_silenced", Counter, Counted, ["reason": Values::Closed(silences)],
        "Decisions not to tell, by reason; the same incident is decided about in every pass";
    DELIVERY_ATTEMPTS = "reconnectd_delivery_attempts", Counter, Counted,
        ["channel": Values::Configured, "outcome": Values::Closed(AttemptOutcome::codes)], "Attempts of deliveries";
    ADDRESSES_REFUSED = "reconnectd_addresses_refused", Counter, Counted, [],
        "Addresses suppressed because their server refuses them for good";
    DETECT_TO_NOTIFY = "reconnectd_detect_to_notify_seconds", Histogram(NOTIFY_SECONDS), Counted,
        ["channel": Values::Configured],
        "From the recording of an incident to the receiver's acceptance of its first notice";

    STAGE_DURATION = "reconnectd_stage_duration_seconds", Histogram(STAGE_SECONDS), Counted,
        ["stage": Values::Closed(Stage::codes)], "How long the stages of runs took";
    JOB_ENDS = "reconnectd_job_ends", Counter, Counted,
        ["job_name": Values::Closed(jobs), "outcome": Values::Closed(JobOutcome::codes)], "Jobs that ended in this process";
    JOB_RUNNING = "reconnectd_job_running", Gauge, Counted, ["job_name": Values::Closed(jobs)],
        "1 while this process does the job";
    JOB_NEXT = "reconnectd_job_next_timestamp_seconds", Gauge, Counted, ["job_name": Values::Closed(jobs)],
        "The next instant of the job's schedule; 0 where this process keeps none";
    JOB_INTERVAL = "reconnectd_job_interval_seconds", Gauge, Counted, ["job_name": Values::Closed(jobs)],
        "The longest time between two instants of the job's schedule; 0 where this process keeps none";
    CONFIG_RELOADS = "reconnectd_config_reloads", Counter, Counted, ["outcome": Values::Closed(ReloadOutcome::codes)],
        "Reloads of the configuration";
    CONFIG_LAST_RELOAD_OK = "reconnectd_config_last_reload_ok", Gauge, Counted, [],
        "1 unless the last reload was refused";
    PINGS = "reconnectd_pings", Counter, Counted, ["outcome": Values::Closed(PingOutcome::codes)],
        "Pings of the dead man's switch";
    DEPENDENCY_UP = "reconnectd_dependency_up", Gauge, Counted, ["dependency": Values::Configured],
        "1 unless the last use of this dependency failed";
    DEPENDENCY_LAST_OK = "reconnectd_dependency_last_success_timestamp_seconds", Gauge, Counted,
        ["dependency": Values::Configured], "When this dependency was last used with success; 0 for never";

    STATE_READABLE = "reconnectd_state_readable", Gauge, Counted, [],
        "1 while what is read from the state database can be; 0 leaves those families without samples";
    JOB_LAST_START = "reconnectd_job_last_start_timestamp_seconds", Gauge, Truth, ["job_name": Values::Closed(jobs)],
        "When the job last began, whoever started it; 0 for never";
    JOB_LAST_SUCCESS = "reconnectd_job_last_success_timestamp_seconds", Gauge, Truth, ["job_name": Values::Closed(jobs)],
        "When the job last came to a good end; 0 for never";
    JOB_LAST_FAILURE = "reconnectd_job_last_failure_timestamp_seconds", Gauge, Truth, ["job_name": Values::Closed(jobs)],
        "When the job last failed; 0 for never";
    JOB_LAST_DURATION = "reconnectd_job_last_duration_seconds", Gauge, Truth, ["job_name": Values::Closed(jobs)],
        "How long the job took that ended last";
    JOB_FAILURES = "reconnectd_job_failures", Gauge, Truth, ["job_name": Values::Closed(jobs)],
        "Failures of the job since its last good end";
    LAST_AUDIT_END = "reconnectd_last_audit_timestamp_seconds", Gauge, Truth, [],
        "When the last audit that read the whole directory ended; 0 for never";
    LAST_AUDIT_USERS = "reconnectd_last_audit_users", Gauge, Truth, ["outcome": Values::Closed(AuditUsers::codes)],
        "Rows of the directory in the last whole audit";
    LAST_AUDIT_COVERAGE = "reconnectd_last_audit_coverage_ratio", Gauge, Truth, [],
        "Share of the directory's rows whose accounts the last whole audit knows, 0 to 1; 1 for an empty directory, 0 before the first";
    ACCOUNTS = "reconnectd_accounts", Gauge, Truth, ["condition": Values::Closed(conditions)],
        "Accounts by condition, as counted by the last whole audit";
    ACCOUNTS_UNKNOWN_STATUS = "reconnectd_accounts_unknown_status", Gauge, Truth, [],
        "Accounts whose present status this version does not know";
    INCIDENTS_OPEN = "reconnectd_incidents_open", Gauge, Truth,
        ["toolkit": Values::Bounded, "reason": Values::Closed(reasons)],
        "Open incidents, by what the provider's reason for the account's status points at";
    INCIDENTS_DECIDED = "reconnectd_incidents_decided", Gauge, Truth, ["decision": Values::Closed(decisions)],
        "Open incidents by what was last decided about telling their user";
    OUTBOX_DELIVERIES = "reconnectd_outbox_deliveries", Gauge, Truth,
        ["channel": Values::Bounded, "state": Values::Closed(OutboxState::codes)],
        "Deliveries that wait or were given up";
    OUTBOX_OLDEST_AGE = "reconnectd_outbox_oldest_age_seconds", Gauge, Truth, ["channel": Values::Bounded],
        "How long the delivery that is due longest has been due; 0 where none is";
    OUTBOX_OLDEST_DUE = "reconnectd_outbox_oldest_due_timestamp_seconds", Gauge, Truth, ["channel": Values::Bounded],
        "Since when the delivery that is due longest has been due; 0 where none is";
    KEY_REFUSED_SINCE = "reconnectd_key_refused_since_timestamp_seconds", Gauge, Truth, [],
        "Since when the provider refuses the key; 0 while it does not, as far as the last use shows";
    STORMS_HELD = "reconnectd_storms_held", Gauge, Truth, [], "Storms that wait for an operator's decision";
    CHANNEL_STATE = "reconnectd_channel_state", Gauge, Truth,
        ["channel": Values::Bounded, "state": Values::Closed(ChannelTrouble::codes)],
        "1 while this is so of the channel";
    SUPPRESSIONS = "reconnectd_suppressions", Gauge, Truth, ["cause": Values::Closed(causes)],
        "Addresses that are not written to";

    PROCESS_CPU = "process_cpu_seconds", Counter, Counted, [], "User and system CPU time of this process";
    PROCESS_MEMORY = "process_resident_memory_bytes", Gauge, Counted, [], "Resident memory of this process";
    PROCESS_FDS = "process_open_fds", Gauge, Counted, [], "Open file descriptors of this process";
    PROCESS_START = "process_start_time_seconds", Gauge, Counted, [], "When this process started";
}
