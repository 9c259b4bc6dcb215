//! `reconnectd storm`: mass breakages whose users are not told, and the decision about them.
//!
//! Changes the state database alone; what is released is told by the next run.

use std::path::Path;

use clap::{Args, Subcommand};

use super::explain::{printable, when};
use super::operator::Who;
use super::output::counted;
use super::{Exit, output, setup};
use crate::domain::Timestamp;
use crate::store::{Store, StoreError, Storm, StormFilter, StormRow};

#[derive(Debug, Args)]
pub(super) struct StormArgs {
    #[command(subcommand)]
    command: StormCommand,
}

#[derive(Debug, Subcommand)]
enum StormCommand {
    /// List the storms that are held.
    List(ListArgs),
    /// Tell the users of held storms; the next run does.
    Release(DecideArgs),
    /// Tell the users of held storms nothing, now or later.
    Discard(DecideArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Those that were decided about or have healed, too; newest first, at most 100.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
struct DecideArgs {
    /// Which, by their ids.
    #[arg(value_name = "STORM", required = true)]
    storms: Vec<String>,
    #[command(flatten)]
    who: Who,
}

/// More storms at once than there are auth configs do not happen.
const MOST_LISTED: u32 = 100;

pub(super) async fn run(config: Option<&Path>, args: StormArgs) -> Exit {
    setup::on_state(config, async |app, store| {
        let now = app.clock.now();
        match args.command {
            StormCommand::List(args) => list(store, args.all).await,
            StormCommand::Release(args) => decide(store, args, "released", now).await,
            StormCommand::Discard(args) => decide(store, args, "discarded", now).await,
        }
    })
    .await
}

async fn list(store: &Store, all: bool) -> Result<Exit, StoreError> {
    let of = if all { StormFilter::All } else { StormFilter::Held };
    let found = store.begin_read().await?.storms(of, MOST_LISTED).await?;
    let mut lines: Vec<String> = found.iter().map(line).collect();
    let held = found.iter().filter(|storm| storm.state == "held").count();
    lines.push(if held == 0 { "no storm is held".to_owned() } else { format!("{held} held: release or discard them") });
    output::result(&lines.join("\n"));
    Ok(Exit::Done)
}

async fn decide(store: &Store, args: DecideArgs, state: &'static str, now: Timestamp) -> Result<Exit, StoreError> {
    let operator = args.who.name();
    let (mut done, mut refused) = (Vec::new(), Vec::new());
    let mut work = store.begin().await?;
    for id in args.storms {
        let decided = work.decide_storm(&id, state, &operator, now).await?;
        let id = printable(&id);
        match work.storm(&id).await? {
            Some(row) if decided => {
                let next =
                    if state == "released" { "the next run tells their users" } else { "their users are not told" };
                let open = counted(row.open_incidents, "incident is", "incidents are");
                done.push(format!("{id}: {state}; {open} still open, {next}"));
            }
            Some(row) => refused.push(format!("{id}: was {} already", since(&row))),
            None => refused.push(format!("{id}: there is no such storm; `reconnectd storm list` shows their ids")),
        }
    }
    work.commit().await?;
    Ok(output::done_and_refused(&done, &refused))
}

fn line(storm: &StormRow) -> String {
    let StormRow { storm: Storm { id, scope, subject, opened_at, broken, active }, open_incidents, incidents, .. } =
        storm;
    let (subject, opened) = (printable(subject), when(*opened_at));
    format!(
        "{id}  {:<9}  {scope} {subject}  {broken} of {active} accounts broke  {open_incidents} of {incidents} incidents \
         still open  noticed {opened}{}",
        storm.state,
        if storm.state == "held" { String::new() } else { format!("  {}", since(storm)) }
    )
}

/// `released 2026-… by olga`
fn since(storm: &StormRow) -> String {
    let at = storm.decided_at.map_or(String::new(), |at| format!(" {}", when(at)));
    let by = storm.decided_by.as_deref().map_or(String::new(), |by| format!(" by {}", printable(by)));
    format!("{}{at}{by}", storm.state)
}
