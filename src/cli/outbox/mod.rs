//! `reconnectd outbox`: the deliveries that wait, died or were called off, for whoever is on call.
//!
//! Reads and changes the state database alone: nothing is sent, and neither the provider nor the directory
//! is asked. What is put back is looked at once more by the next run before it is sent.

mod change;
mod list;
mod show;

use std::path::Path;

use clap::{Args, Subcommand};

use super::{Exit, setup};

#[derive(Debug, Args)]
pub(super) struct OutboxArgs {
    #[command(subcommand)]
    command: OutboxCommand,
}

#[derive(Debug, Subcommand)]
enum OutboxCommand {
    /// List deliveries, newest first: those that wait and those that died, unless told otherwise.
    List(list::ListArgs),
    /// Print everything about one delivery.
    Show(show::ShowArgs),
    /// Put dead or cancelled deliveries back, under the same outside id; the next run looks once more and sends.
    Redeliver(change::RedeliverArgs),
    /// Call pending deliveries off.
    Cancel(change::CancelArgs),
}

pub(super) async fn run(config: Option<&Path>, args: OutboxArgs) -> Exit {
    setup::on_state(config, async |app, store| {
        let now = app.clock.now();
        match args.command {
            OutboxCommand::List(args) => list::run(store, args).await,
            OutboxCommand::Show(args) => show::run(store, args).await,
            OutboxCommand::Redeliver(args) => change::redeliver(store, args, now).await,
            OutboxCommand::Cancel(args) => change::cancel(store, args, now).await,
        }
    })
    .await
}

/// What is said of an id nobody knows.
fn unknown(id: &crate::domain::DeliveryId) -> String {
    format!("{id}: there is no such delivery; `reconnectd outbox list` and `reconnectd explain USER` show their ids")
}
