//! The closed sets of label values that are ours to define; the others are codes of `domain`.

use crate::domain::{Condition, JobName, ReasonHint, Silence, SuppressionCause};
use crate::telemetry::events;

/// An enum whose variants are the values of a label.
macro_rules! label {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $variant:ident = $code:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$value_doc])* $variant,)* }

        impl $name {
            /// All values.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// How it is written.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            pub(super) fn codes() -> Vec<&'static str> {
                vec![$($code,)*]
            }
        }
    };
}

label! {
    /// What came of one HTTP request to the provider.
    RequestOutcome {
        /// A whole answer.
        Ok = "ok",
        /// HTTP 429.
        RateLimited = "rate_limited",
        /// HTTP 401 or 403.
        Unauthorized = "unauthorized",
        /// Another 4xx.
        Rejected = "rejected",
        /// HTTP 5xx.
        ServerError = "server_error",
        /// No whole answer in time.
        TimedOut = "timed_out",
        /// The connection failed, or the answer cannot be read.
        Broken = "broken",
    }
}

label! {
    /// Why a request to the provider waited.
    WaitReason {
        /// For its turn under `requests_per_minute`.
        Rate = "rate",
        /// The provider asked for a pause, or answered 429.
        Pause = "pause",
        /// The reserve of the organisation's budget was reached.
        Reserve = "reserve",
    }
}

label! {
    /// What a run learned about a user.
    UserOutcome {
        /// A whole list of accounts.
        Complete = "complete",
        /// Nothing: the fetch failed.
        Unknown = "unknown",
        /// Nothing: the id holds a comma, so that the provider cannot be asked.
        Unqueryable = "unqueryable",
    }
}

label! {
    /// What a planned notification says.
    PlannedKind {
        /// At least one incident of which nobody has spoken.
        First = "first",
        /// Reminders alone.
        Reminder = "reminder",
        /// It works again.
        Recovered = "recovered",
    }
}

label! {
    /// What came of one attempt of a delivery.
    AttemptOutcome {
        /// The receiver was told.
        Delivered = "delivered",
        /// It failed and is tried again.
        Retry = "retry",
        /// It was put off without counting: quiet time, the sending rates, a dependency of ours that is away.
        PutOff = "put_off",
        /// It failed and the delivery was given up.
        Dead = "dead",
        /// The delivery was called off, for a reason that is a silence.
        Cancelled = "cancelled",
    }
}

label! {
    /// A stage of a run.
    Stage {
        /// Asking about users and recording what was learned.
        Scan = "scan",
        /// Deciding who is told.
        Plan = "plan",
        /// Telling them.
        Deliver = "deliver",
    }
}

label! {
    /// How a job ended.
    JobOutcome {
        /// It did what it is for.
        Done = "done",
        /// It did not.
        Failed = "failed",
        /// Another process holds the right to do it.
        Held = "held",
        /// It was left out knowingly.
        Skipped = "skipped",
        /// It was told to stop, and goes on another time.
        Stopped = "stopped",
    }
}

label! {
    /// What came of a reload of the configuration.
    ReloadOutcome {
        /// The new configuration is in force.
        Applied = "applied",
        /// It cannot be used; the old one stays.
        Refused = "refused",
    }
}

label! {
    /// What came of a ping of the dead man's switch.
    PingOutcome {
        /// It was taken.
        Ok = "ok",
        /// It was not.
        Failed = "failed",
    }
}

label! {
    /// The levels of log lines that are counted; `debug` and `trace` are for developers.
    CountedLevel {
        /// Progress.
        Info = "info",
        /// Somebody should look, in working hours.
        Warn = "warn",
        /// Somebody must look.
        Error = "error",
    }
}

label! {
    /// What the last whole audit made of the rows of the directory.
    AuditUsers {
        /// Looked at, whatever came of it.
        Scanned = "scanned",
        /// Of them, those whose accounts could not be fetched.
        Unknown = "unknown",
        /// Of them, those whose id holds a comma.
        Unqueryable = "unqueryable",
        /// Rows without an id, which nobody can ask about.
        Blank = "blank",
    }
}

label! {
    /// A delivery that is not settled well.
    OutboxState {
        /// Waits, or is being tried.
        Pending = "pending",
        /// Given up.
        Dead = "dead",
    }
}

label! {
    /// What is wrong with a channel.
    ChannelTrouble {
        /// Its attempts fail, without a success since.
        Failing = "failing",
        /// It refuses us as a sender.
        Stopped = "stopped",
        /// It is not used until an operator enables it.
        Disabled = "disabled",
    }
}

/// The decisions about open incidents: both reasons to tell, every silence, and none yet.
pub(super) fn decisions() -> Vec<&'static str> {
    let silences = Silence::CODES.iter().map(|(_, code, _)| *code);
    ["first_notice", "reminder", super::truth::UNDECIDED].into_iter().chain(silences).collect()
}

pub(super) fn silences() -> Vec<&'static str> {
    Silence::CODES.iter().map(|(_, code, _)| *code).collect()
}

pub(super) fn jobs() -> Vec<&'static str> {
    JobName::CODES.iter().map(|(_, code, _)| *code).collect()
}

pub(super) fn conditions() -> Vec<&'static str> {
    Condition::CODES.iter().map(|(_, code)| *code).collect()
}

pub(super) fn causes() -> Vec<&'static str> {
    SuppressionCause::CODES.iter().map(|(_, code)| *code).collect()
}

pub(super) fn reasons() -> Vec<&'static str> {
    ReasonHint::CODES.iter().map(|(_, code)| *code).collect()
}

pub(super) fn events() -> Vec<&'static str> {
    events::ALL.to_vec()
}

pub(super) fn versions() -> Vec<&'static str> {
    vec![env!("CARGO_PKG_VERSION")]
}
