//! `outbox list`: deliveries as one line each, or as one JSON document, and how many are in each state.

use chrono::SecondsFormat;
use clap::{Args, ValueEnum};
use serde_json::json;

use super::unknown;
use crate::cli::explain::{printable, when};
use crate::cli::output::counted;
use crate::cli::{Exit, output};
use crate::domain::{ChannelName, DeliveryId, EventKind, Timestamp, UserId};
use crate::store::{DeliveryFilter, DeliveryRow, OutboxCounts, Store, StoreError};

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only deliveries in this state; may be given several times.
    #[arg(long, value_name = "STATE", default_values = ["pending", "dead"])]
    state: Vec<State>,
    /// Only deliveries on this channel: `email`, `report-mail`, `slack`, or `webhook:` and its name.
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// Only deliveries to this user, by the id exactly as in the directory.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// At most this many.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Go on below this delivery, the last of a longer list.
    #[arg(long, value_name = "DELIVERY")]
    before: Option<String>,
    /// As one JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    Pending,
    Dead,
    Cancelled,
    Delivered,
}

impl State {
    fn code(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
            Self::Delivered => "delivered",
        }
    }
}

pub(super) async fn run(store: &Store, args: ListArgs) -> Result<Exit, StoreError> {
    let mut work = store.begin_read().await?;
    let mut before = None;
    if let Some(id) = args.before.map(DeliveryId::new) {
        let Some(row) = work.delivery(&id).await? else {
            output::complain(&unknown(&id));
            return Ok(Exit::Failed);
        };
        before = Some((row.created_at, id));
    }
    let mut states: Vec<&'static str> = args.state.iter().map(|state| state.code()).collect();
    states.sort_unstable();
    states.dedup();
    let filter = DeliveryFilter {
        states,
        channel: args.channel.map(ChannelName::new),
        user: args.user.map(UserId::new),
        before,
        limit: args.limit + 1,
    };
    let mut found = work.deliveries(&filter).await?;
    let counts = work.outbox_counts().await?;
    work.roll_back();
    // One more was asked for than is shown: whether there are older ones.
    let shown = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let older = found.len() > shown;
    found.truncate(shown);
    let next = found.last().filter(|_| older);
    if args.json {
        let deliveries: Vec<serde_json::Value> = found.iter().map(as_json).collect();
        let next = next.map(|row| row.id.as_str());
        output::result(
            &json!({"deliveries": deliveries, "next_before": next, "counts": counts_json(counts)}).to_string(),
        );
    } else {
        let mut lines: Vec<String> = found.iter().map(line).collect();
        lines.extend(next.map(|row| format!("older ones: --before {}", row.id)));
        lines.push(counts_line(counts));
        output::result(&lines.join("\n"));
    }
    Ok(Exit::Done)
}

fn line(row: &DeliveryRow) -> String {
    let (id, state, channel, user) = (&row.id, &row.state, &row.channel, told(row));
    let created = when(row.created_at);
    let attempts = match (row.attempts, row.put_off) {
        (attempts, 0) => counted(attempts, "attempt", "attempts"),
        (attempts, put_off) => format!("{} ({put_off} put off)", counted(attempts, "attempt", "attempts")),
    };
    let detail = row.detail.as_deref().map_or(String::new(), |detail| format!("  {}", printable(detail)));
    format!("{id}  {state:<9}  {channel}  {user}  {attempts}  created {created}  {}{detail}", next_or_settled(row))
}

/// Who is told of what: a user that something must be reconnected, unless the kind of it is added; or the operator.
pub(super) fn told(row: &DeliveryRow) -> String {
    let user = printable(&row.user.to_string());
    match EventKind::from_stored(&row.kind) {
        Some(EventKind::ReconnectRequested) => user,
        Some(kind) if kind.is_for_a_user() => format!("{user} ({})", kind.code()),
        Some(kind) => format!("the operator ({})", kind.code()),
        None => format!("{user} ({})", printable(&row.kind)),
    }
}

/// Since when it is settled, or what it waits for.
pub(super) fn next_or_settled(row: &DeliveryRow) -> String {
    match (row.leased_until, row.settled_at) {
        (Some(until), _) => format!("leased until {}", when(until)),
        (None, Some(at)) => format!("settled {}", when(at)),
        (None, None) => format!("next attempt {}", when(row.next_attempt_at)),
    }
}

fn as_json(row: &DeliveryRow) -> serde_json::Value {
    let instant = |at: Timestamp| at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let waits = row.state == "pending";
    json!({
        "delivery_id": row.id.as_str(),
        "notification_id": row.notification,
        "state": row.state,
        "channel": row.channel.to_string(),
        "kind": row.kind,
        "user": row.user.to_string(),
        "outside_id": row.outside_id,
        "attempts": row.attempts,
        "put_off": row.put_off,
        "created_at": instant(row.created_at),
        "next_attempt_at": waits.then(|| instant(row.next_attempt_at)),
        "leased_until": row.leased_until.map(instant),
        "settled_at": row.settled_at.map(instant),
        "detail": row.detail,
    })
}

fn counts_line(counts: OutboxCounts) -> String {
    let OutboxCounts { pending, dead, cancelled, delivered } = counts;
    format!("in all: {pending} pending, {dead} dead, {cancelled} cancelled, {delivered} delivered")
}

fn counts_json(counts: OutboxCounts) -> serde_json::Value {
    let OutboxCounts { pending, dead, cancelled, delivered } = counts;
    json!({"pending": pending, "dead": dead, "cancelled": cancelled, "delivered": delivered})
}
