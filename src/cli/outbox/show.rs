//! `outbox show DELIVERY`: everything stored about one delivery, as a page of text.

use std::fmt::Write as _;

use clap::Args;

use super::list::{next_or_settled, told};
use super::unknown;
use crate::cli::explain::{printable, tell_action, when};
use crate::cli::{Exit, output};
use crate::domain::DeliveryId;
use crate::store::{AttemptStory, IncidentStory, Store, StoreError, WholeDelivery};

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The delivery's id, as `outbox list` and `explain` print it.
    #[arg(value_name = "DELIVERY")]
    delivery: String,
}

pub(super) async fn run(store: &Store, args: ShowArgs) -> Result<Exit, StoreError> {
    let id = DeliveryId::new(args.delivery);
    let Some(whole) = store.begin_read().await?.story_of_delivery(&id).await? else {
        output::complain(&unknown(&id));
        return Ok(Exit::Failed);
    };
    output::result(&tell(&whole));
    Ok(Exit::Done)
}

fn tell(whole: &WholeDelivery) -> String {
    let row = &whole.row;
    let mut page = format!("Delivery {}\n", row.id);
    let mut line = |name: &str, value: &str| {
        let _infallible = writeln!(page, "  {name:<13} {value}");
    };
    line("state", &format!("{}, {}", row.state, next_or_settled(row)));
    line("detail", &row.detail.as_deref().map_or("none".to_owned(), printable));
    line("user", &told(row));
    line("channel", &row.channel.to_string());
    line("outside id", &row.outside_id);
    line("notification", &format!("{}, decided {} ({})", row.notification, when(row.created_at), whole.reason));
    let _infallible = writeln!(page, "\nIncidents ({})", whole.incidents.len());
    for (number, incident) in &whole.incidents {
        let _infallible = writeln!(page, "{}", tell_incident(*number, incident));
    }
    let _infallible = writeln!(page, "\nAttempts ({})", whole.attempts.len());
    for attempt in &whole.attempts {
        let _infallible = writeln!(page, "{}", tell_attempt(attempt, row.leased_until.is_some()));
    }
    if row.attempts_before_redelivery > 0 {
        let (before, since) = (row.attempts_before_redelivery, row.attempts - row.attempts_before_redelivery);
        let _infallible = writeln!(page, "  {before} before it was last put back, {since} since");
    }
    if row.put_off > 0 {
        let _infallible = writeln!(page, "  {} of them put off, which do not count", row.put_off);
    }
    let _infallible = write!(page, "\nOperators ({})", whole.actions.len());
    for action in &whole.actions {
        let _infallible = write!(page, "\n  {}", tell_action(action));
    }
    page
}

fn tell_incident(number: i64, incident: &IncidentStory) -> String {
    let state = match &incident.closed {
        Some((at, evidence)) => format!("closed {} ({evidence})", when(*at)),
        None => "open".to_owned(),
    };
    let (toolkit, id, account, opened) = (&incident.toolkit, &incident.id, &incident.account, when(incident.opened_at));
    // A notice of its end has no number among them.
    let said = if number < 0 { "its end".to_owned() } else { format!("notice {number}") };
    format!("  {toolkit} {id} for {account}: opened {opened}, {state}, {said}")
}

/// `leased`: whether a worker holds the delivery, so that an attempt without an outcome may be under way.
fn tell_attempt(attempt: &AttemptStory, leased: bool) -> String {
    let ended = match (&attempt.outcome, attempt.finished_at) {
        (Some(outcome), Some(at)) => format!("{outcome} {}", when(at)),
        (Some(outcome), None) => outcome.clone(),
        (None, _) if leased => "no outcome yet, or its worker died".to_owned(),
        (None, _) => "no outcome: its worker died".to_owned(),
    };
    let detail = attempt.detail.as_deref().map_or(String::new(), |detail| format!("  {}", printable(detail)));
    format!("  {} {}  {ended}{detail}  (run {})", attempt.number, when(attempt.started_at), attempt.run)
}
