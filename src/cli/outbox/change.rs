//! `outbox redeliver` and `outbox cancel`: deliveries put back or called off, each with a word on what came of it.

use clap::Args;

use super::unknown;
use crate::cli::explain::when;
use crate::cli::operator::Who;
use crate::cli::output::counted;
use crate::cli::{Exit, output};
use crate::domain::{ChannelName, DeliveryId, Timestamp};
use crate::store::{DeliveryRow, Store, StoreError, Work};

#[derive(Debug, Args)]
pub(super) struct RedeliverArgs {
    /// Which, by their ids.
    #[arg(value_name = "DELIVERY", required_unless_present = "dead")]
    deliveries: Vec<String>,
    /// All dead deliveries of one channel.
    #[arg(long, requires = "channel", conflicts_with = "deliveries")]
    dead: bool,
    /// That channel: `email`, `report-mail`, `slack`, or `webhook:` and its name.
    #[arg(long, value_name = "NAME", requires = "dead")]
    channel: Option<String>,
    /// Do it; without it `--dead` only says how many there are.
    #[arg(long, requires = "dead")]
    yes: bool,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
pub(super) struct CancelArgs {
    /// Which, by their ids.
    #[arg(value_name = "DELIVERY", required = true)]
    deliveries: Vec<String>,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn redeliver(store: &Store, args: RedeliverArgs, now: Timestamp) -> Result<Exit, StoreError> {
    if let Some(channel) = args.channel.map(ChannelName::new) {
        return redeliver_dead(store, &channel, args.yes, &args.who.name(), now).await;
    }
    let ids = distinct(args.deliveries);
    let mut work = store.begin().await?;
    let changed = work.redeliver(&ids, &args.who.name(), now).await?;
    let mut said = say(&mut work, &ids, &changed, PUT_BACK, not_redelivered).await?;
    for id in &changed {
        let last = work.story_of_delivery(id).await?.and_then(|whole| whole.attempts.last()?.outcome.clone());
        if last.is_some_and(|outcome| SUPPRESSED.contains(&outcome.as_str())) {
            said.done.push(format!("{id}: {FREE_FIRST}"));
        }
    }
    work.commit().await?;
    Ok(said.print())
}

const DEAD: (&str, &str) = ("dead delivery", "dead deliveries");
const PUT_BACK: &str = "put back, due now; the next run looks once more before it sends";

/// Outcomes of an attempt after which the address stands on the list of those not written to.
const SUPPRESSED: [&str; 2] = ["recipient_refused", "suppressed"];
const FREE_FIRST: &str = "its address is not written to any more: unless `reconnectd suppress remove` frees it before \
     the next run, this is called off again";

async fn redeliver_dead(
    store: &Store,
    channel: &ChannelName,
    yes: bool,
    operator: &str,
    now: Timestamp,
) -> Result<Exit, StoreError> {
    if !yes {
        let dead = store.begin_read().await?.count_dead(channel).await?;
        output::result(&format!("{channel}: {}; nothing is changed without --yes", counted(dead, DEAD.0, DEAD.1)));
        return Ok(Exit::Done);
    }
    let mut work = store.begin().await?;
    let changed = work.redeliver_dead(channel, operator, now).await?;
    work.commit().await?;
    output::result(&format!("{channel}: {} {PUT_BACK}", counted(changed, DEAD.0, DEAD.1)));
    Ok(Exit::Done)
}

pub(super) async fn cancel(store: &Store, args: CancelArgs, now: Timestamp) -> Result<Exit, StoreError> {
    let ids = distinct(args.deliveries);
    let mut work = store.begin().await?;
    let changed = work.cancel_deliveries(&ids, &args.who.name(), now).await?;
    let said = say(&mut work, &ids, &changed, "cancelled", not_cancelled).await?;
    work.commit().await?;
    Ok(said.print())
}

/// The ids without repetitions, in their order.
fn distinct(ids: Vec<String>) -> Vec<DeliveryId> {
    let mut seen = std::collections::HashSet::new();
    ids.into_iter().filter(|id| seen.insert(id.clone())).map(DeliveryId::new).collect()
}

/// What came of each id, to be printed once it is permanent.
#[derive(Default)]
struct Said {
    done: Vec<String>,
    refused: Vec<String>,
}

impl Said {
    fn print(self) -> Exit {
        if !self.done.is_empty() {
            output::result(&self.done.join("\n"));
        }
        for refusal in &self.refused {
            output::complain(refusal);
        }
        if self.refused.is_empty() { Exit::Done } else { Exit::Failed }
    }
}

async fn say(
    work: &mut Work,
    ids: &[DeliveryId],
    changed: &[DeliveryId],
    done: &str,
    refusal: fn(&DeliveryRow) -> String,
) -> Result<Said, StoreError> {
    let mut said = Said::default();
    for id in ids {
        if changed.contains(id) {
            said.done.push(format!("{id}: {done}"));
        } else {
            let row = work.delivery(id).await?;
            said.refused.push(row.map_or_else(|| unknown(id), |row| format!("{id}: {}", refusal(&row))));
        }
    }
    Ok(said)
}

/// Why a delivery was not put back.
fn not_redelivered(row: &DeliveryRow) -> String {
    let settled = when(row.settled_at.unwrap_or(row.created_at));
    match (row.state.as_str(), row.leased_until) {
        ("delivered", _) => format!("was delivered at {settled}; a second mail would be a second mail"),
        ("pending", Some(until)) => format!("is being sent at this moment (leased until {})", when(until)),
        ("pending", None) => format!("is pending already, next attempt {}", when(row.next_attempt_at)),
        _ => CHANGED_JUST_NOW.to_owned(),
    }
}

/// Why a delivery was not called off.
fn not_cancelled(row: &DeliveryRow) -> String {
    let settled = when(row.settled_at.unwrap_or(row.created_at));
    match (row.state.as_str(), row.leased_until) {
        ("pending", Some(until)) => format!("is being sent at this moment (leased until {})", when(until)),
        ("delivered", _) => format!("was delivered at {settled}; it cannot be called back"),
        ("dead", _) => format!("is dead since {settled}; nothing more is sent of it"),
        ("cancelled", _) => format!("was cancelled at {settled} already"),
        _ => CHANGED_JUST_NOW.to_owned(),
    }
}

/// Between the change that did not find it and the look at why.
const CHANGED_JUST_NOW: &str = "changed just now; look again";
