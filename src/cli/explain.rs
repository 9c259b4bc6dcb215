//! `reconnectd explain USER`: every account, its condition, its history, and what was or was not sent, with
//! the reason.

use std::fmt::Write as _;
use std::path::Path;

use clap::Args;

use super::output::counted;
use super::{Exit, incident_words, output, setup};
use crate::domain::{OperatorSilence, Timestamp, ToolkitSlug, UserId};
use crate::store::{AccountStory, ActionStory, DeliveryStory, IncidentStory, StoreError, UserStory};

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The user's id, exactly as the product's database holds it.
    #[arg(value_name = "USER")]
    user: String,
}

pub(super) async fn run(config: Option<&Path>, args: ExplainArgs) -> Exit {
    setup::on_state(config, async |app, store| {
        let (user, now) = (UserId::new(args.user), app.clock.now());
        let mut work = store.begin_read().await?;
        let known = work.story_of(&user).await?;
        let silences = work.active_silences(now).await?;
        work.roll_back();
        let Some(known) = known else {
            output::result(&format!(
                "{user}: no run has looked at this user. Is the id exactly as in the directory, and does [directory] \
                 filter include it?"
            ));
            return Ok::<_, StoreError>(Exit::Failed);
        };
        output::result(tell(&user, &known, &Quiet { silences: &silences, now }).trim_end());
        Ok(Exit::Done)
    })
    .await
}

/// What operators asked to be quiet about.
struct Quiet<'a> {
    /// All that hold.
    silences: &'a [OperatorSilence],
    now: Timestamp,
}

impl Quiet<'_> {
    /// The silences that cover an incident while it is open, whatever was last decided about it.
    fn over(&self, user: &UserId, incident: &IncidentStory, accounts: &[AccountStory]) -> Vec<&OperatorSilence> {
        let anchor = accounts.iter().map(|story| &story.known.account).find(|one| one.id.as_str() == incident.account);
        let Some(anchor) = anchor.filter(|_| incident.closed.is_none()) else { return Vec::new() };
        let toolkit = ToolkitSlug::new(incident.toolkit.as_str());
        let covers = |one: &&OperatorSilence| one.covers(user, &toolkit, &anchor.auth_config, self.now);
        self.silences.iter().filter(covers).collect()
    }
}

fn tell_silence(silence: &OperatorSilence) -> String {
    let (id, until, author) = (&silence.id, when(silence.until), printable(&silence.author));
    format!("      silenced until {until} by {author} (silence {id}): {}", printable(&silence.reason))
}

/// The story as a page of text.
fn tell(user: &UserId, story: &UserStory, quiet: &Quiet<'_>) -> String {
    let mut page = format!("User {user}\n");
    let observed = story.observed_at.map_or("never".to_owned(), when);
    let mut line = |text: String| {
        page.push_str(&text);
        page.push('\n');
    };
    line(format!("  complete list last read  {observed}"));
    let outcome = outcome_words(&story.outcome);
    line(format!("  last look                {}{outcome} at {}", story.outcome, when(story.outcome_at)));
    line(format!("\nAccounts ({})", story.accounts.len()));
    for account in &story.accounts {
        line(tell_account(account, story));
    }
    line(format!("\nIncidents ({})", story.incidents.len()));
    for incident in &story.incidents {
        line(tell_incident(incident, &story.deliveries));
        for silence in quiet.over(user, incident, &story.accounts) {
            line(tell_silence(silence));
        }
    }
    line(format!("\nDeliveries ({})", story.deliveries.len()));
    for delivery in &story.deliveries {
        line(tell_delivery(delivery));
    }
    page
}

fn tell_account(story: &AccountStory, user: &UserStory) -> String {
    let (known, account) = (&story.known, &story.known.account);
    let label = account.label().map_or(String::new(), |label| format!(" \"{}\"", printable(label)));
    let mut text = format!("  {} {}{label}: {}", account.toolkit, account.id, account.status.as_str());
    let _infallible = write!(text, ", reason {}, concluded {}", account.reason.code(), known.condition.code());
    let _infallible = write!(text, "\n      first seen {}", when(known.first_seen_at));
    if let Some(at) = known.history(user.observed_at).last_active_at {
        let _infallible = write!(text, ", last seen ACTIVE {}", when(at));
    }
    if let Some(at) = known.broken_since {
        let _infallible = write!(text, ", seen broken since {}", when(at));
    }
    if let Some(at) = known.gone_at {
        let _infallible = write!(text, ", gone since {}", when(at));
    }
    if let Some(silence) = known.silence {
        let _infallible = write!(text, "\n      not told: {} ({})", silence.words(), silence.code());
    }
    for change in &story.transitions {
        let from = format!("{} {}", change.from_status, change.from_condition);
        let to = format!("{} {}", change.to_status, change.to_condition);
        let _infallible = write!(text, "\n      {}  {from} -> {to} ({})", when(change.at), change.reason);
    }
    text
}

fn tell_incident(incident: &IncidentStory, deliveries: &[DeliveryStory]) -> String {
    let state = match &incident.closed {
        Some((at, evidence)) => format!("closed {} ({evidence})", when(*at)),
        None => "open".to_owned(),
    };
    let (toolkit, id, account, opened) = (&incident.toolkit, &incident.id, &incident.account, when(incident.opened_at));
    let mut text = format!("  {toolkit} {id} for {account}: opened {opened}, {state}");
    for line in incident_words::told_or_not(incident, deliveries) {
        let _infallible = write!(text, "\n      {line}");
    }
    text
}

fn tell_delivery(delivery: &DeliveryStory) -> String {
    let mut text = format!("  {} {}: {}", delivery.channel, delivery.outside_id, delivery.state);
    if delivery.state == "pending" {
        let _infallible = write!(text, ", next attempt {}", when(delivery.next_attempt_at));
    }
    if let Some(detail) = delivery.detail.as_deref().filter(|detail| !detail.is_empty()) {
        let _infallible = write!(text, " ({})", printable(detail));
    }
    let _infallible = write!(text, "\n      delivery {}", delivery.id);
    let _infallible =
        write!(text, "\n      decided {}, about {}", when(delivery.created_at), delivery.incidents.join(", "));
    for attempt in &delivery.attempts {
        let outcome = attempt.outcome.as_deref().unwrap_or("no outcome: its worker died");
        let _infallible = write!(text, "\n      attempt {} {}  {outcome}", attempt.number, when(attempt.started_at));
        if let Some(detail) = attempt.detail.as_deref().filter(|detail| !detail.is_empty()) {
            let _infallible = write!(text, "  {}", printable(detail));
        }
    }
    for action in &delivery.actions {
        let _infallible = write!(text, "\n      {}", tell_action(action));
    }
    text
}

/// What an operator did to a delivery, and after how many attempts.
pub(super) fn tell_action(action: &ActionStory) -> String {
    let (what, at, operator) = (&action.action, when(action.at), printable(&action.operator));
    format!("{what} by operator {operator} {at}, after {}", counted(action.attempts, "attempt", "attempts"))
}

/// Why nothing is known of a user, after the outcome's code.
fn outcome_words(code: &str) -> &'static str {
    match code {
        "unqueryable" => {
            " (not audited: the provider cannot be asked about this id; it holds a comma, or cannot be sent)"
        }
        "unavailable" => " (the provider gave no answer; what was known before still stands)",
        "rejected" => " (the provider refused the request about this user; what was known before still stands)",
        "too_many_pages" => " (more accounts than are read; what was known before still stands)",
        "malformed" => " (the provider's answer could not be read; what was known before still stands)",
        _ => "",
    }
}

pub(super) fn when(at: Timestamp) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Text of the users' own making, without what could move a terminal's cursor.
pub(super) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
