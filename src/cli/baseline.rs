//! `reconnectd baseline`: telling people about what was broken before this product started to watch, at a bearable
//! pace.
//!
//! Writes one order into the state database; the runs follow it. Nobody is released by the command itself.

use std::path::Path;

use clap::{Args, Subcommand};

use super::explain::{printable, when};
use super::operator::Who;
use super::output::counted;
use super::{Exit, output, setup};
use crate::domain::Timestamp;
use crate::store::{BaselineRelease, Store, StoreError};

#[derive(Debug, Args)]
pub(super) struct BaselineArgs {
    #[command(subcommand)]
    command: BaselineCommand,
}

#[derive(Debug, Subcommand)]
enum BaselineCommand {
    /// Say how many users with old breakages are left, and at which pace they are told.
    Show,
    /// From now on, tell so many of them in any 24 hours, those with the newest breakages first.
    Release(ReleaseArgs),
    /// Release nobody more; who was released is told and reminded like everybody else.
    Pause(PauseArgs),
}

#[derive(Debug, Args)]
struct ReleaseArgs {
    /// Users in any 24 hours.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    per_day: u32,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct PauseArgs {
    #[command(flatten)]
    who: Who,
}

pub(super) async fn run(config: Option<&Path>, args: BaselineArgs) -> Exit {
    setup::on_state(config, async |app, store| {
        let now = app.clock.now();
        match args.command {
            BaselineCommand::Show => show(store).await,
            BaselineCommand::Release(args) => order(store, args.per_day, args.who.name(), now).await,
            BaselineCommand::Pause(args) => order(store, 0, args.who.name(), now).await,
        }
    })
    .await
}

async fn order(store: &Store, per_day: u32, operator: String, now: Timestamp) -> Result<Exit, StoreError> {
    let mut work = store.begin().await?;
    work.set_baseline_release(&BaselineRelease::new(per_day, operator, now)).await?;
    work.commit().await?;
    show(store).await
}

async fn show(store: &Store) -> Result<Exit, StoreError> {
    let mut work = store.begin_read().await?;
    let (left, order) = (work.count_baseline_users().await?, work.baseline_release().await?);
    work.roll_back();
    let users = if left == 1 { "1 user has".to_owned() } else { format!("{left} users have") };
    let pace = match order {
        None => "nobody is released".to_owned(),
        Some(order) => {
            let (by, at) = (printable(&order.by), when(order.at()));
            match order.per_day {
                0 => format!("paused by {by} {at}"),
                per_day if left == 0 => format!("{per_day} a day are released by {by} since {at}: none is left"),
                per_day => {
                    let days = counted(left.div_ceil(u64::from(per_day)), "day", "days");
                    format!("{per_day} a day are released by {by} since {at}: about {days} to go")
                }
            }
        }
    };
    output::result(&format!("{users} old breakages nobody was told about; {pace}"));
    Ok(Exit::Done)
}
