//! The summary of one run.
//!
//! The JSON form is a contract: one line, the last on stdout, keys only ever added.

use std::fmt::Write as _;

use serde::Serialize;

use crate::domain::{RunCounters, RunId, Silence};

/// Everything a run has to say about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the JSON contract")]
pub struct Summary {
    /// The run, as on every log line.
    pub run_id: RunId,
    /// Whether the run went to its end and every user's accounts are known.
    pub complete: bool,
    /// Why the run stopped, where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether it was asked to stop before its end; the next run goes on from there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
    /// Whether this run only took stock of what is already broken.
    pub baseline: bool,
    /// Whether nothing was written and nothing sent.
    pub dry_run: bool,
    /// The run whose checkpoint this one went on from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed_from: Option<RunId>,
    /// What was counted.
    #[serde(flatten)]
    pub counters: RunCounters,
    /// Incidents open at the end.
    pub incidents_open: u64,
    /// Deliveries waiting in the outbox at the end.
    pub deliveries_pending: u64,
    /// Storms that are held at the end, in words.
    pub storms_held: Vec<String>,
    /// Channels that refuse us as a sender, by name.
    pub channels_stopped: Vec<String>,
    /// Channels that are configured and not used, because they are gone, failed for too long or an operator said so.
    pub channels_disabled: Vec<String>,
    /// Those of them that no operator disabled.
    #[serde(skip)]
    pub channels_lost: Vec<String>,
    /// Wall time of this process's part of the run, in milliseconds.
    pub duration_ms: u64,
}

impl Summary {
    /// Whether every channel that is wanted can be used.
    pub fn channels_work(&self) -> bool {
        self.channels_stopped.is_empty() && self.channels_lost.is_empty()
    }

    /// Why the job failed although the run went to its end.
    pub fn shortfall(&self) -> Option<String> {
        let ended = self.error.is_none() && !self.stopped;
        ended.then(|| self.counters.shortfall()).flatten()
    }

    /// One line of JSON, without its line end.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Reason to count as JSON text, for a field of a log line.
    pub fn silenced_json(&self) -> String {
        serde_json::json!(self.counters.silenced).to_string()
    }

    /// A page for a person.
    pub fn text(&self) -> String {
        let c = &self.counters;
        let mut out = String::new();
        let mut line = |label: &str, value: String| {
            let _infallible = writeln!(out, "  {label:<22} {value}");
        };
        line("run", self.run_id.to_string());
        if let Some(from) = &self.resumed_from {
            line("went on from", from.to_string());
        }
        let asides = [
            (c.users_unknown, "unknown"),
            (c.users_unqueryable, "unqueryable (comma in the id)"),
            (c.users_blank, "without id"),
        ];
        line("users scanned", format!("{}{}", c.users_scanned, aside(&asides)));
        line("accounts seen", format!("{}{}", c.accounts_seen, by_code(&c.conditions)));
        line(
            "incidents",
            format!("{} opened, {} closed, {} open now", c.incidents_opened, c.incidents_closed, self.incidents_open),
        );
        let asides = [
            (c.deliveries_failed, "failed"),
            (c.deliveries_cancelled, "called off"),
            (c.deliveries_put_off, "put off"),
            (self.deliveries_pending, "waiting"),
        ];
        let planned = [(c.reminders_planned, "reminders"), (c.recoveries_planned, "recoveries besides")];
        line("notices planned", format!("{}{}", c.notices_planned, aside(&planned)));
        line("deliveries sent", format!("{}{}", c.deliveries_sent, aside(&asides)));
        line("provider requests", format!("{} ({} retries)", c.requests_sent, c.retries));
        line("took", format!("{}.{:03} s", self.duration_ms / 1000, self.duration_ms % 1000));
        if !c.silenced.is_empty() {
            let _infallible = writeln!(out, "  not told, and why:");
            for (code, count) in &c.silenced {
                let words = Silence::from_code(code).map_or("", Silence::words);
                let _infallible = writeln!(out, "    {count:>8}  {code:<20} {words}");
            }
        }
        for remark in self.remarks() {
            let _infallible = writeln!(out, "\n{remark}");
        }
        out
    }

    /// What a reader must not miss.
    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.dry_run {
            remarks.push("Dry run: nothing was written and nobody was told.".to_owned());
        }
        if self.baseline {
            remarks.push(
                "First run (first_run = \"baseline\"): what is already broken was recorded and nobody was told. From \
                 the next run on, users are told about what breaks from now on."
                    .to_owned(),
            );
        }
        if !self.complete {
            remarks.push(format!(
                "INCOMPLETE: {} could not be fetched; what was known still stands, and the next run asks again. The log \
                 events scan.user_unknown say why.",
                users(self.counters.users_unknown)
            ));
        }
        if self.counters.users_unqueryable > 0 {
            remarks.push(format!(
                "NOT AUDITED: {} with a comma in the id (or nothing but space), for whom Composio's user_ids filter \
                 cannot ask.",
                users(self.counters.users_unqueryable)
            ));
        }
        if self.deliveries_pending > 0 || self.counters.deliveries_failed > 0 {
            remarks.push(self.undelivered());
        }
        for storm in &self.storms_held {
            remarks.push(format!(
                "STORM HELD: {storm}; its users are not told. Look at the auth config and the toolkit, then decide: \
                 `reconnectd storm list`."
            ));
        }
        for channel in &self.channels_stopped {
            remarks.push(format!(
                "Channel {channel} refuses us as a sender; its deliveries wait in the outbox. See the log event \
                 channel.stopped and mend its configuration."
            ));
        }
        for channel in &self.channels_disabled {
            remarks.push(format!(
                "Channel {channel} is disabled; its deliveries wait in the outbox. `reconnectd channel list` says why, \
                 `reconnectd channel enable {channel}` uses it again."
            ));
        }
        remarks
    }

    /// Where to read why not everything arrived.
    fn undelivered(&self) -> String {
        let counted = |n: u64, one: &str, more: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {more}") };
        let what = match (self.deliveries_pending, self.counters.deliveries_failed) {
            (0, failed) => counted(failed, "delivery failed", "deliveries failed"),
            (waiting, _) => counted(waiting, "delivery waits in the outbox", "deliveries wait in the outbox"),
        };
        let listed = if self.deliveries_pending == 0 { "outbox list --state dead" } else { "outbox list" };
        format!(
            "{what}: `reconnectd {listed}`; the last reasons are in the log events delivery.retry and delivery.dead, \
             or `reconnectd explain USER`."
        )
    }
}

fn users(n: u64) -> String {
    if n == 1 { "1 user".to_owned() } else { format!("{n} users") }
}

fn aside(parts: &[(u64, &str)]) -> String {
    let said: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    if said.is_empty() { String::new() } else { format!(" ({})", said.join(", ")) }
}

fn by_code(counts: &std::collections::BTreeMap<String, u64>) -> String {
    let said: Vec<String> = counts.iter().map(|(code, n)| format!("{n} {code}")).collect();
    if said.is_empty() { String::new() } else { format!(" ({})", said.join(", ")) }
}
