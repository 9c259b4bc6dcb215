//! What needs a person, and the command for it: decided from how things stand, the most pressing first.
//!
//! Only what a person can do something about and what does not pass by itself: a failed attempt that will be repeated
//! is nobody's business.

use std::time::Duration;

use serde::Serialize;

use super::text::{ago, counted};
use super::{ChannelStatus, JobStatus, Situation, Status, since};
use crate::domain::{JobName, Timestamp};
use crate::store::KnownRefusal;

/// What was given up longer ago is on the page, but needs nobody any more: who was to be told heard otherwise or will
/// be reminded.
pub const DEAD_LATELY: Duration = Duration::from_hours(24 * 7);

/// Without a daemon nobody knows how often audits are to be; fewer than one a week are none.
const AUDIT_WITHOUT_SCHEDULE: Duration = Duration::from_hours(24 * 8);
/// An audit may take as long as to the next, and its jitter.
const GAPS_LATE: u32 = 2;
/// A gap of minutes is no measure for a job of hours.
const LEAST_LATE: Duration = Duration::from_hours(2);

/// One failure may be an outage of a minute; the third in a row is not.
const FAILURES_IN_A_ROW: u64 = 3;

/// What is due goes out within minutes, as fast as the rates allow; after this long nobody is at it.
const OVERDUE: Duration = Duration::from_hours(6);

/// Below this share of the directory the audit misses people (Prometheus' alert uses the same bound).
const LEAST_COVERAGE: f64 = 0.99;

/// Something that needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hand {
    /// A name for machines; keys are only ever added.
    pub what: &'static str,
    /// In words.
    pub words: String,
    /// What to run first.
    pub command: String,
}

pub(super) fn needed(status: &Status, situation: &Situation) -> Vec<Hand> {
    let now = status.read_at;
    let mut hands = Vec::new();
    hands.extend(status.key_refused_at.map(|at| key(at, now)));
    hands.extend(situation.connect_refusals.iter().map(|known| connect(known, now)));
    hands.extend(status.storms_held.iter().map(|storm| Hand {
        what: "storm",
        words: format!(
            "{} of {} accounts of {} {} broke at once; their users are not told until you decide.",
            storm.broken,
            storm.active,
            storm.scope.replace('_', " "),
            storm.subject
        ),
        command: format!("reconnectd storm release {0}   (or: reconnectd storm discard {0})", storm.storm_id),
    }));
    hands.extend(status.jobs.iter().filter_map(|job| failing(job, now)));
    hands.extend(late(status, situation));
    hands.extend(status.channels.iter().filter_map(|channel| of_channel(channel, now)));
    hands.extend(status.channels.iter().filter_map(given_up));
    hands.extend(status.channels.iter().filter_map(|channel| overdue(channel, now)));
    hands.extend(status.audit.as_ref().filter(|audit| audit.coverage < LEAST_COVERAGE).map(|audit| Hand {
        what: "coverage",
        words: format!(
            "The last audit does not know {} of the directory: {} could not be fetched, {} cannot be asked about, {} \
             without an id.",
            counted(audit.users_unknown + audit.users_unqueryable + audit.users_blank, "row", "rows"),
            audit.users_unknown,
            audit.users_unqueryable,
            audit.users_blank
        ),
        command: "reconnectd check   (then look for scan.user_unknown in the log)".to_owned(),
    }));
    hands.extend((status.accounts_unknown_status > 0).then(|| Hand {
        what: "unknown_status",
        words: format!(
            "{} a status that this version does not know; nobody is told about them.",
            counted(status.accounts_unknown_status, "account has", "accounts have")
        ),
        command: "reconnectd --version   (look for a newer one)".to_owned(),
    }));
    hands
}

fn key(at: Timestamp, now: Timestamp) -> Hand {
    Hand {
        what: "key_refused",
        words: format!("Composio refuses the API key since {}; nobody is audited and nobody is told.", ago(at, now)),
        command: "reconnectd check   (after putting another key into [composio] api_key)".to_owned(),
    }
}

/// Told here whether a channel carries `connect.refused` or not: who clicked reads that something must be put right.
fn connect(known: &KnownRefusal, now: Timestamp) -> Hand {
    let config = known.auth_config.as_ref().map_or_else(String::new, |id| format!(" {id}:"));
    Hand {
        what: "connect_refused",
        words: format!(
            "Who clicks a link to the reconnect page cannot reconnect, noted {}.{config} {}",
            ago(known.noted_at, now),
            known.reason.remedy()
        ),
        command: "reconnectd check   (it is over when a page is made again, at the next click)".to_owned(),
    }
}

fn failing(job: &JobStatus, now: Timestamp) -> Option<Hand> {
    if job.failures < FAILURES_IN_A_ROW {
        return None;
    }
    let why = job.error.as_ref().map_or_else(String::new, |error| format!(": {error}"));
    let last = job.failed_at.map_or_else(String::new, |at| format!(", last {}", ago(at, now)));
    Some(Hand {
        what: "job_failing",
        words: format!("{} failed {} times in a row{last}{why}", job.job, job.failures),
        command: "reconnectd check".to_owned(),
    })
}

/// No audit has come to a good end for too long, also where one has been at it all the while.
fn late(status: &Status, situation: &Situation) -> Option<Hand> {
    let audit = status.jobs.iter().find(|job| job.job == JobName::Audit.code())?;
    let now = status.read_at;
    let running = status.run.as_ref().map_or_else(String::new, |run| {
        let users = counted(run.users_scanned, "user", "users");
        format!(" One has been running since {}, {users} done.", ago(run.started_at, now))
    });
    let command = if status.run.is_some() {
        "reconnectd status   (twice: does the number of users grow?)"
    } else {
        "reconnectd once"
    };
    let hand = |words: String| Hand { what: "audit_late", words: words + &running, command: command.to_owned() };
    // A state from before jobs had rows knows its runs.
    let unknown = audit.started_at.is_none() && audit.failed_at.is_none();
    let finished = status.audit.as_ref().filter(|_| unknown).and_then(|audit| audit.finished_at);
    let last = audit.succeeded_at.or(finished);
    let gap = situation.planned.get(&JobName::Audit).filter(|_| situation.daemon).and_then(|planned| planned.gap);
    let limit = gap.map_or(AUDIT_WITHOUT_SCHEDULE, |gap| (gap * GAPS_LATE).max(LEAST_LATE));
    let late = |at| since(at, now) > limit;
    match (last, &status.run) {
        (Some(last), _) => {
            late(last).then(|| hand(format!("The last audit that came to a good end did so {}.", ago(last, now))))
        }
        // The very first.
        (None, Some(run)) if !late(run.started_at) => None,
        (None, _) => Some(hand("No audit has come to a good end yet.".to_owned())),
    }
}

/// A channel that is not what the configuration and the operators want.
fn of_channel(channel: &ChannelStatus, now: Timestamp) -> Option<Hand> {
    let name = &channel.channel;
    let since = channel.since.map_or_else(String::new, |at| format!(" since {}", ago(at, now)));
    let why = channel.detail.as_ref().map_or_else(String::new, |detail| format!(" ({detail})"));
    let waits = counted(channel.pending, "delivery waits", "deliveries wait");
    match channel.state {
        "stopped" if channel.configured => Some(Hand {
            what: "channel_stopped",
            words: format!("{name} refuses us{since}{why}; {waits}."),
            command: "reconnectd check   (after mending its section)".to_owned(),
        }),
        // Who disabled it by hand knows.
        "disabled" if channel.configured && channel.changed_by.is_none() => Some(Hand {
            what: "channel_disabled",
            words: format!("{name} is not used any more{since}{why}; {waits}."),
            command: format!("reconnectd channel enable {name}"),
        }),
        _ => None,
    }
}

fn given_up(channel: &ChannelStatus) -> Option<Hand> {
    (channel.dead_lately > 0).then(|| Hand {
        what: "dead_deliveries",
        words: format!(
            "{} on {} within the last seven days; nobody was told by them.",
            counted(channel.dead_lately, "delivery was given up", "deliveries were given up"),
            channel.channel
        ),
        command: format!("reconnectd outbox list --state dead --channel {}", channel.channel),
    })
}

fn overdue(channel: &ChannelStatus, now: Timestamp) -> Option<Hand> {
    let due = channel.first_due_at.filter(|due| since(*due, now) > OVERDUE)?;
    // What waits on a channel that is not used, or refuses us, has a hand of its own or wants none.
    (channel.configured && matches!(channel.state, "in_use" | "failing")).then(|| Hand {
        what: "overdue",
        words: format!(
            "{} on {}; the first was due {}.",
            counted(channel.pending, "delivery waits", "deliveries wait"),
            channel.channel,
            ago(due, now)
        ),
        command: "reconnectd deliver".to_owned(),
    })
}
