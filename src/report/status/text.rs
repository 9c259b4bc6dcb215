//! The page for a person: the verdict first, what needs a hand with its command, then how things stand.
//!
//! One fact a line, instants in UTC with how long ago that is. Nothing in it can move a terminal's cursor.

use std::fmt::{Display, Write as _};
use std::time::Duration;

use super::{AuditStatus, ChannelStatus, JobStatus, Status, ToolkitStatus, since};
use crate::domain::Timestamp;

/// Toolkits with most incidents that are named.
const TOOLKITS_SHOWN: usize = 15;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

pub(super) fn page(status: &Status) -> String {
    let mut page = Page(String::new());
    let now = status.read_at;
    page.line(&verdict(status));
    for (number, hand) in status.hands.iter().enumerate() {
        page.line("");
        page.line(&format!("{}. {}", number + 1, hand.words));
        page.line(&format!("   {}", hand.command));
    }
    page.heading("Jobs");
    for job in &status.jobs {
        page.item(job.job, &job_words(job, now));
    }
    page.heading("Audit");
    if let Some(run) = &status.run {
        let users = counted(run.users_scanned, "user", "users");
        page.item("under way", &format!("since {}, {users} so far, by {}", ago(run.started_at, now), run.holder));
    }
    page.item("last whole one", &status.audit.as_ref().map_or_else(|| "none yet".to_owned(), |a| audit_words(a, now)));
    page.heading("Open incidents");
    page.item("in all", &status.incidents_open.to_string());
    for toolkit in status.incidents.iter().take(TOOLKITS_SHOWN) {
        page.item(&toolkit.toolkit, &toolkit_words(toolkit));
    }
    if let Some(more) = status.incidents.len().checked_sub(TOOLKITS_SHOWN).filter(|more| *more > 0) {
        page.item("others", &counted(more as u64, "toolkit more", "toolkits more"));
    }
    page.heading("Channels");
    if status.channels.is_empty() {
        page.line("  none is configured: breakages are recorded and nobody is told");
    }
    for channel in &status.channels {
        page.item(&channel.channel, &channel_words(channel, now));
    }
    page.heading("Else");
    for storm in &status.storms_held {
        let subject = format!("{} {}", storm.scope.replace('_', " "), storm.subject);
        let words =
            format!("{} of {} accounts of {subject}, since {}", storm.broken, storm.active, ago(storm.opened_at, now));
        page.item("storm held", &words);
    }
    if status.storms_held.is_empty() {
        page.item("storms held", "none");
    }
    page.item("unknown statuses", &counted(status.accounts_unknown_status, "account", "accounts"));
    page.item("silences", &silences(status));
    let suppressed: u64 = status.suppressions.values().sum();
    page.item("suppressed", &counted(suppressed, "address", "addresses"));
    page.0.truncate(page.0.trim_end().len());
    page.0
}

fn verdict(status: &Status) -> String {
    let verdict = match status.hands.len() {
        0 => "All is well.".to_owned(),
        1 => "1 thing needs a hand.".to_owned(),
        more => format!("{more} things need a hand."),
    };
    format!("{verdict}  ({})", when(status.read_at))
}

fn job_words(job: &JobStatus, now: Timestamp) -> String {
    let mut words = match (job.succeeded_at, job.started_at) {
        (Some(at), _) => format!("done {}", ago(at, now)),
        (None, Some(at)) => format!("began {}, never came to a good end", ago(at, now)),
        (None, None) => "never".to_owned(),
    };
    if let Some(took) = job.duration_ms {
        // Infallible: a String takes everything.
        let _written = write!(words, ", took {}", span(Duration::from_millis(took)));
    }
    if job.failures > 0 {
        let times = counted(job.failures, "time", "times");
        let why = job.error.as_ref().map_or_else(String::new, |error| format!(": {error}"));
        let _written = write!(words, "; failed {times} since{why}");
    }
    match (job.scheduled, job.next_at) {
        (true, Some(at)) => words + &format!("; next {}", ahead(at, now)),
        _ => words + "; not on the daemon's schedule",
    }
}

fn audit_words(audit: &AuditStatus, now: Timestamp) -> String {
    let ended = audit.finished_at.map_or_else(String::new, |at| format!("{}, ", ago(at, now)));
    let asides =
        [(audit.users_unknown, "unknown"), (audit.users_unqueryable, "unqueryable"), (audit.users_blank, "without id")];
    let asides: Vec<String> = asides.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    let asides = if asides.is_empty() { String::new() } else { format!(" ({})", asides.join(", ")) };
    let users = counted(audit.users_scanned, "user", "users");
    // Rounded down: 100 % is the whole.
    let percent = (audit.coverage * 1_000.0).floor() / 10.0;
    format!("{ended}{users}, {percent:.1} % of the directory known{asides}")
}

fn toolkit_words(toolkit: &ToolkitStatus) -> String {
    let reasons: Vec<String> = toolkit.reasons.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
    format!("{} ({})", toolkit.open, reasons.join(", "))
}

fn channel_words(channel: &ChannelStatus, now: Timestamp) -> String {
    let state = match channel.state {
        "in_use" => "in use",
        "stopped" => "refuses us",
        other => other,
    };
    let mut words = state.to_owned();
    if let Some(at) = channel.since {
        let by = channel.changed_by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
        let why = channel.detail.as_ref().map_or_else(String::new, |detail| format!(" ({detail})"));
        let _written = write!(words, " since {}{by}{why}", ago(at, now));
    }
    if !channel.configured {
        words.push_str(", not configured");
    }
    let _written = write!(words, "; {} pending, {} given up", channel.pending, channel.dead);
    if let Some(at) = channel.first_due_at {
        let due = if at > now { format!("; next due {}", ahead(at, now)) } else { "; due now".to_owned() };
        words.push_str(&due);
    }
    words
}

fn silences(status: &Status) -> String {
    let Some(first) = status.silences.iter().min_by_key(|silence| silence.until) else { return "none".to_owned() };
    let words = counted(status.silences.len() as u64, "holds", "hold");
    format!("{words}; the first ends {}", ahead(first.until, status.read_at))
}

/// `1 user`, `2 users`.
pub(super) fn counted(n: u64, one: &str, more: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { more })
}

/// `2026-11-02 09:00 UTC (5 min ago)`.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    format!("{} ({} ago)", when(at), span(since(at, now)))
}

/// `2026-11-02 10:00 UTC (in 55 min)`.
fn ahead(at: Timestamp, now: Timestamp) -> String {
    format!("{} (in {})", when(at), span(since(now, at)))
}

fn when(at: Timestamp) -> impl Display {
    at.format("%Y-%m-%d %H:%M UTC")
}

/// Its largest unit, and the next below it.
fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        HOUR..DAY => format!("{} h {} min", seconds / HOUR, seconds % HOUR / MINUTE),
        _ => format!("{} d {} h", seconds / DAY, seconds % DAY / HOUR),
    }
}

struct Page(String);

impl Page {
    fn line(&mut self, text: &str) {
        self.0.extend(text.chars().filter(|c| !c.is_control()));
        self.0.push('\n');
    }

    fn heading(&mut self, text: &str) {
        self.0.push('\n');
        self.line(text);
    }

    fn item(&mut self, label: &str, text: &str) {
        self.line(&format!("  {label:<18} {text}"));
    }
}
