//! The words of the product as values, and its decisions as pure functions.
//!
//! Turns what the provider said about an account, together with what we remember of it, into a
//! [`Condition`]; turns conditions into incident changes; turns open incidents into "notify" or a
//! named reason for silence.
//!
//! Guarantees: nothing here waits, reads a clock, draws a random number or touches a file, socket or
//! database. The same input gives the same answer, so every decision can be replayed in a test and
//! explained afterwards. A crash leaves nothing behind because nothing is held.

mod account;
mod colour;
mod condition;
mod contact;
mod decision;
mod event;
mod ids;
mod incident;
mod job;
mod link;
mod link_keys;
mod notice;
mod observation;
mod policy;
mod quiet;
mod redact;
mod refusal;
mod retry;
mod run;
mod silence_rule;
mod suppression;
mod survival;
mod time;
mod unsubscribe;
mod wording;

pub use account::{Account, ReasonHint, Status};
pub use colour::{Colour, ColourError, LEAST_CONTRAST};
pub use condition::{Condition, History, Judged, judge};
pub use contact::{Contact, EmailAddress, EmailAddressError};
pub use decision::{Decision, NotifyReason, Silence, silence_of};
pub use event::{
    EventKind, MOST_TOOLKITS, OperatorEvent, OperatorNotice, ReportCoverage, ReportHeadline, ReportReader,
    ReportToolkit,
};
pub use ids::{
    AccountId, AuthConfigId, ChannelName, DeliveryId, IdMint, IncidentId, NotificationId, RunId, SilenceId,
    ToolkitSlug, UserId,
};
pub use incident::{CloseEvidence, IncidentChange, OpenIncident, next_incident};
pub use job::{JobName, OccurrenceState};
pub use link::{AttemptId, LinkId, OpaqueIdError, ReconnectLinks};
pub use link_keys::{FORM_LIFE, LinkKeyError, LinkKeys, TokenError, TokenFor};
pub use notice::{Notice, NoticeItem, NoticeKind, ReconnectUrl, ReconnectUrlError, Recovery};
pub use observation::{Cursor, Observation, ScannedPage, UnknownReason, UserObservation, UserPage};
pub use policy::{IncidentFacts, NoticePolicy, NoticesGiven, StormGuard};
pub use quiet::QuietHours;
pub use redact::{causes, scrub};
pub use refusal::{ConnectRefusal, KeyUse, key_remedy};
pub use retry::{FailureClass, RetrySchedule, Verdict};
pub use run::{RESUME_WITHIN, RunCounters};
pub use silence_rule::{MAX_AUTHOR_CHARS, MAX_REASON_CHARS, OperatorSilence, SilenceError, SilenceScope};
pub use suppression::{AddressHash, AddressHashError, AddressKey, AddressKeyError, SuppressionCause};
pub use survival::{Followed, Survival, ratio};
pub use time::{Timestamp, from_millis, millis};
pub use unsubscribe::{TOKEN_CHARS, Unsubscribe, UnsubscribeToken, UnsubscribeTokenError};
pub use wording::{MAX_WORD_CHARS, greeting_name, toolkit_name, visible};
