//! The names of log events. On-call searches for these; they never change meaning. Every `tracing` call of
//! this crate carries one as the field `event` and says the rest in a sentence and named fields.

/// Constants, and all of them as a list, so that what counts events knows every name from the start.
macro_rules! names {
    ($($(#[$doc:meta])* pub const $id:ident: &str = $name:literal;)*) => {
        $($(#[$doc])* pub const $id: &str = $name;)*

        /// All names.
        pub const ALL: &[&str] = &[$($id),*];
    };
}

names! {
/// A run began (or went on from a checkpoint).
pub const RUN_STARTED: &str = "run.started";
/// A run ended; carries the counters of the summary.
pub const RUN_FINISHED: &str = "run.finished";
/// `deliver` ended; carries what it planned and delivered. An audit's end is `run.finished`.
pub const DELIVER_FINISHED: &str = "deliver.finished";
/// A run ended early; carries what to do.
pub const RUN_FAILED: &str = "run.failed";
/// How a run ended could not be written, or the lease not given back; what it did stands.
pub const RUN_UNTIDY: &str = "run.untidy";
/// Another process holds the run lease.
pub const RUN_HELD: &str = "run.held_elsewhere";
/// A page of users was recorded; progress.
pub const PAGE_RECORDED: &str = "scan.page_recorded";
/// A user's accounts could not be fetched; everything known before still stands.
pub const USER_UNKNOWN: &str = "scan.user_unknown";
/// A user id the provider cannot be asked about (it holds a comma).
pub const USER_UNQUERYABLE: &str = "scan.user_unqueryable";
/// The number of users per request changed.
pub const BATCH_CHANGED: &str = "scan.batch_changed";
/// A request to the provider failed and is tried again.
pub const PROVIDER_RETRY: &str = "provider.retry";
/// All requests to the provider pause (429, or the reserve is reached).
pub const PROVIDER_PAUSED: &str = "provider.paused";
/// The provider announced the end of an endpoint (`Deprecation`, `Sunset`).
pub const PROVIDER_DEPRECATION: &str = "provider.deprecation";
/// An incident was opened.
pub const INCIDENT_OPENED: &str = "incident.opened";
/// An incident was closed.
pub const INCIDENT_CLOSED: &str = "incident.closed";
/// The operator must act: a disabled auth config, a service credential, an identity mismatch, an unknown status.
pub const OPERATOR_ATTENTION: &str = "operator.attention";
/// A notification was decided.
pub const NOTICE_PLANNED: &str = "notice.planned";
/// A user's time zone could not be read; the default one counts for quiet hours.
pub const ZONE_UNKNOWN: &str = "zone.unknown";
/// It was decided to tell that incidents are over.
pub const RECOVERY_PLANNED: &str = "recovery.planned";
/// Many accounts broke at once; their users' notices are held until an operator decides.
pub const STORM_HELD: &str = "storm.held";
/// Nothing of a held storm is broken any more.
pub const STORM_HEALED: &str = "storm.healed";
/// Old breakages are told from now on.
pub const BASELINE_RELEASED: &str = "baseline.released";
/// A delivery reached its receiver.
pub const DELIVERY_SENT: &str = "delivery.sent";
/// An attempt failed and will be repeated.
pub const DELIVERY_RETRY: &str = "delivery.retry";
/// An attempt was put off and does not count: quiet time, the sending rates, a reconnect under way.
pub const DELIVERY_PUT_OFF: &str = "delivery.put_off";
/// A delivery was given up.
pub const DELIVERY_DEAD: &str = "delivery.dead";
/// A delivery was called off before sending, with the reason.
pub const DELIVERY_CANCELLED: &str = "delivery.cancelled";
/// A channel refuses us as a sender; nothing more is sent on it in this run.
pub const CHANNEL_STOPPED: &str = "channel.stopped";
/// Attempt after attempt on a channel came to nothing: it is left alone for the rest of this run.
pub const CHANNEL_LEFT_ALONE: &str = "channel.left_alone";
/// A channel is gone, or has failed for too long: it is not used until it is enabled.
pub const CHANNEL_DISABLED: &str = "channel.disabled";
/// A server refuses a recipient for good: the address is suppressed.
pub const ADDRESS_REFUSED: &str = "address.refused";
/// A reconnect report was computed; carries its headline figures and where it was written.
pub const REPORT_READY: &str = "report.ready";
/// A reconnect report could not be made or written.
pub const REPORT_FAILED: &str = "report.failed";
/// Making a report takes longer than whoever asks for it over HTTP waits.
pub const REPORT_SLOW: &str = "report.slow";
/// Somebody read the report over HTTP.
pub const REPORT_VIEWED: &str = "report.viewed";
/// Somebody asked for the report over HTTP and may not read it.
pub const REPORT_REFUSED: &str = "report.refused";
/// What is too old was dropped; carries how much of what.
pub const RETENTION_FINISHED: &str = "retention.finished";
/// A kind of old rows is being dropped; progress.
pub const RETENTION_PROGRESS: &str = "retention.progress";
/// Dropping old rows failed; what was dropped stays dropped, the next time goes on.
pub const RETENTION_FAILED: &str = "retention.failed";
/// The configuration cannot be used.
pub const CONFIG_INVALID: &str = "config.invalid";
/// An address is not written to any more.
pub const SUPPRESSION_ADDED: &str = "suppression.added";
/// Somebody who had unsubscribed wants mail again.
pub const SUPPRESSION_ENDED: &str = "suppression.ended";
/// Somebody chose which toolkits they are written to about.
pub const SUPPRESSION_CHOSEN: &str = "suppression.chosen";
/// The pages are served.
pub const HTTP_LISTENING: &str = "http.listening";
/// A page could not be made, nobody could be let in, or connections were cut at the stop.
pub const HTTP_FAILED: &str = "http.failed";
/// `serve` stopped.
pub const HTTP_STOPPED: &str = "http.stopped";
/// Somebody looked at the page behind a reconnect link; scanners of mail do so too.
pub const RECONNECT_OPENED: &str = "reconnect.opened";
/// That people opened their links could not be written down for the report.
pub const RECONNECT_UNCOUNTED: &str = "reconnect.uncounted";
/// Somebody began to reconnect an account, or went on with an attempt that can still be finished.
pub const RECONNECT_STARTED: &str = "reconnect.started";
/// Somebody came back from the provider's page; carries the outcome.
pub const RECONNECT_ENDED: &str = "reconnect.ended";
/// Somebody who wants to reconnect had to be asked to wait: the provider could not be asked.
pub const RECONNECT_FAILED: &str = "reconnect.failed";
/// The provider makes no connect page, or says nothing of accounts: a person must mend why.
pub const RECONNECT_REFUSED: &str = "reconnect.refused";
/// A link of a mail led nowhere: not ours, not on record, retired, or asked for too often.
pub const RECONNECT_UNKNOWN: &str = "reconnect.unknown";
/// A form was sent from a page that is not ours, or is too old; nothing was done.
pub const RECONNECT_FOREIGN: &str = "reconnect.foreign";
/// Links were revoked by an operator.
pub const LINKS_REVOKED: &str = "links.revoked";
/// The link key kept in the state database was deleted by an operator.
pub const LINK_KEY_RETIRED: &str = "links.key_retired";
/// The provider refuses the key; the operator's channels are told once until it is taken again.
pub const KEY_REFUSED: &str = "key.refused";
/// The provider takes the key again.
pub const KEY_ACCEPTED: &str = "key.accepted";
/// A dead man's switch could not be told how a job stands.
pub const PING_FAILED: &str = "ping.failed";
/// `run` began: configuration read, listeners bound.
pub const DAEMON_STARTED: &str = "daemon.started";
/// Something `run` needs cannot be reached; said once per change.
pub const DAEMON_WAITING: &str = "daemon.waiting";
/// Everything `run` waited for can be reached.
pub const DAEMON_CONNECTED: &str = "daemon.connected";
/// `run` was asked to stop and finishes what is in flight.
pub const DAEMON_STOPPING: &str = "daemon.stopping";
/// `run` ended, and why.
pub const DAEMON_STOPPED: &str = "daemon.stopped";
/// What was in flight did not finish in time, or a second signal came: it was cut off.
pub const DAEMON_CUT_OFF: &str = "daemon.cut_off";
/// Work has made no progress for too long; the service manager is no longer told that all is well.
pub const DAEMON_STALLED: &str = "daemon.stalled";
/// The service manager cannot be told anything.
pub const DAEMON_UNHEARD: &str = "daemon.unheard";
/// A job of the schedule began.
pub const JOB_STARTED: &str = "job.started";
/// A job of the schedule ended; carries how.
pub const JOB_ENDED: &str = "job.ended";
/// A job of the schedule failed and is tried again under the same occurrence.
pub const JOB_RETRY: &str = "job.retry";
/// Another process does the job just now, outside the schedule; it is looked at again.
pub const JOB_HELD: &str = "job.held";
/// The schedule cannot be kept for the moment: the state database does not answer.
pub const JOB_UNKNOWN: &str = "job.unknown";
/// The configuration was read anew and what changed is in use.
pub const CONFIG_RELOADED: &str = "config.reloaded";
/// The configuration could not be read anew; the old one stays.
pub const CONFIG_RELOAD_REFUSED: &str = "config.reload_refused";
/// The state database cannot be used as it is: full, corrupt, or of another version.
pub const STATE_UNUSABLE: &str = "state.unusable";
/// Health and metrics are served.
pub const MONITOR_LISTENING: &str = "monitor.listening";
/// Health and metrics cannot be served; the rest goes on.
pub const MONITOR_FAILED: &str = "monitor.failed";
/// The metrics could not be written as a file.
pub const TEXTFILE_FAILED: &str = "textfile.failed";
/// Traces or metrics could not be exported over OTLP; said once until they can again.
pub const OTLP_FAILED: &str = "otlp.failed";
/// The simulator is listening.
pub const SIMULATOR_LISTENING: &str = "simulator.listening";
/// Occurrences came while nobody did them (down, asleep, clock forward) and are not made up for.
pub const SCHEDULE_PASSED_OVER: &str = "schedule.passed_over";
/// An occurrence is left out because the job is still at work on an earlier one.
pub const SCHEDULE_SKIPPED: &str = "schedule.skipped";
/// A process died over an occurrence; another does it again.
pub const SCHEDULE_TAKEN_OVER: &str = "schedule.taken_over";
/// An occurrence that a stopping process gave back is gone on with.
pub const SCHEDULE_RESUMED: &str = "schedule.resumed";
/// A process died over an occurrence too long ago to do it again.
pub const SCHEDULE_GIVEN_UP: &str = "schedule.given_up";
/// The alarm clock does not work; the process wakes by waiting instead.
pub const ALARM_BROKEN: &str = "schedule.alarm_broken";
}
