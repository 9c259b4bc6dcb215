//! `reconnectd suppress`: addresses that are not written to, put on the list, taken off it, looked up.
//!
//! Addresses are read from the command line or, with `-`, from standard input, where no list of processes shows
//! them; they are neither printed, logged nor stored, only hashed. Changes the state database alone.

use std::io::{BufRead as _, Read as _};
use std::path::Path;

use clap::{Args, Subcommand};

use super::explain::{printable, when};
use super::operator::Who;
use super::{Exit, output, setup};
use crate::app::AppError;
use crate::domain::{AddressHash, AddressKey, EmailAddress, SuppressionCause, Timestamp};
use crate::store::{Store, StoreError, Suppression};

/// What is read of standard input at most: a hundred thousand addresses, all in one transaction.
const MAX_INPUT_BYTES: u64 = 4 * 1024 * 1024;

#[derive(Debug, Args)]
pub(super) struct SuppressArgs {
    #[command(subcommand)]
    command: SuppressCommand,
}

#[derive(Debug, Subcommand)]
enum SuppressCommand {
    /// Never write to these addresses again.
    Add(AddressArgs),
    /// List what is suppressed, newest first, by shortened hashes; or say whether one address is.
    List(ListArgs),
    /// Allow writing to these addresses again. Whoever unsubscribed stays on the list without `--they-asked`.
    Remove(RemoveArgs),
}

#[derive(Debug, Args)]
struct AddressArgs {
    /// Which; `-` reads standard input, one address a line.
    #[arg(value_name = "ADDRESS", required = true)]
    addresses: Vec<String>,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
struct RemoveArgs {
    /// Which; `-` reads standard input, one address a line.
    #[arg(value_name = "ADDRESS", required = true)]
    addresses: Vec<String>,
    /// The owners themselves asked to get mail again: also those who unsubscribed.
    #[arg(long)]
    they_asked: bool,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only whether this address is suppressed; `-` reads it from standard input.
    #[arg(long, value_name = "ADDRESS")]
    address: Option<String>,
    /// At most this many.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Go on below this hash (all of it), the last of a longer list.
    #[arg(long, value_name = "HASH")]
    before: Option<String>,
}

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    App(#[from] AppError),
    #[error("the addresses that are not written to cannot be read or changed")]
    Store(#[from] StoreError),
    /// In words that repeat no address.
    #[error("{0}")]
    Input(String),
}

pub(super) async fn run(config: Option<&Path>, args: SuppressArgs) -> Exit {
    setup::on_state(config, async |app, store| {
        let now = app.clock.now();
        let key = async || app.address_key(store).await.map_err(Refusal::from);
        let done = match args.command {
            SuppressCommand::Add(args) => match key().await {
                Ok(key) => add(store, &key, args, now).await,
                Err(error) => Err(error),
            },
            SuppressCommand::Remove(args) => match key().await {
                Ok(key) => remove(store, &key, &args).await,
                Err(error) => Err(error),
            },
            SuppressCommand::List(ListArgs { address: Some(address), .. }) => match key().await {
                Ok(key) => look_up(store, &key, address).await,
                Err(error) => Err(error),
            },
            SuppressCommand::List(args) => list(store, args).await,
        };
        match done {
            Err(Refusal::App(error)) if error.is_configuration() => {
                output::complain(&crate::domain::causes(&error));
                Ok(Exit::BadConfiguration)
            }
            done => done,
        }
    })
    .await
}

async fn add(store: &Store, key: &AddressKey, args: AddressArgs, now: Timestamp) -> Result<Exit, Refusal> {
    let hashes = hashes(key, &args.addresses)?;
    let operator = args.who.name();
    let mut lines = Vec::with_capacity(hashes.len());
    let mut work = store.begin().await?;
    for hash in &hashes {
        let before = work.suppression(hash).await?;
        let changed = work.suppress(hash, SuppressionCause::Operator, Some(&operator), now).await?;
        lines.push(match before {
            None => format!("{hash}: suppressed"),
            Some(before) if changed => format!("{hash}: was suppressed ({}), now by an operator", since(&before)),
            Some(before) => format!("{hash}: is suppressed already ({})", since(&before)),
        });
    }
    work.commit().await?;
    output::result(&lines.join("\n"));
    Ok(Exit::Done)
}

async fn remove(store: &Store, key: &AddressKey, args: &RemoveArgs) -> Result<Exit, Refusal> {
    let (mut done, mut refused) = (Vec::new(), Vec::new());
    let mut work = store.begin().await?;
    for hash in hashes(key, &args.addresses)? {
        if work.unsuppress(&hash, args.they_asked).await? {
            done.push(format!("{hash}: may be written to again"));
        } else if let Some(stays) = work.suppression(&hash).await? {
            refused.push(format!(
                "{hash}: stays suppressed ({}): its owner said so; where the owner asks for mail again, add --they-asked",
                since(&stays)
            ));
        } else {
            refused.push(format!("{hash}: was not suppressed"));
        }
    }
    work.commit().await?;
    Ok(output::done_and_refused(&done, &refused))
}

async fn look_up(store: &Store, key: &AddressKey, address: String) -> Result<Exit, Refusal> {
    let mut work = store.begin_read().await?;
    let mut lines = Vec::new();
    for hash in hashes(key, &[address])? {
        lines.push(match work.suppression(&hash).await? {
            Some(found) => format!("{hash}: is suppressed ({})", since(&found)),
            None => format!("{hash}: is not suppressed"),
        });
    }
    output::result(&lines.join("\n"));
    Ok(Exit::Done)
}

async fn list(store: &Store, args: ListArgs) -> Result<Exit, Refusal> {
    let mut work = store.begin_read().await?;
    let mut before = None;
    if let Some(text) = args.before {
        let hash = AddressHash::from_hex(&text).map_err(|error| Refusal::Input(format!("--before: {error}")))?;
        let row = work.suppression(&hash).await?;
        let row = row.ok_or_else(|| Refusal::Input(format!("{hash}: is not suppressed")))?;
        before = Some((row.created_at, row.hash));
    }
    let found = work.suppressions(before, args.limit).await?;
    let count = work.count_suppressions().await?;
    let mut lines: Vec<String> = found.iter().map(|row| format!("{}  {}", row.hash, since(row))).collect();
    if found.len() as u64 == u64::from(args.limit) {
        lines.extend(found.last().map(|row| format!("older ones: --before {}", row.hash.to_hex())));
    }
    lines.push(format!("in all: {count} suppressed"));
    output::result(&lines.join("\n"));
    Ok(Exit::Done)
}

fn since(row: &Suppression) -> String {
    let by = row.author.as_deref().map_or(String::new(), |author| format!(" by {}", printable(author)));
    format!("{} {}{by}", row.cause.code(), when(row.created_at))
}

/// The hashes of what was given, `-` standing for standard input. Where one is no address, nothing is done at all:
/// half an import is worse than none.
fn hashes(key: &AddressKey, given: &[String]) -> Result<Vec<AddressHash>, Refusal> {
    let mut hashes = Vec::new();
    for (number, text) in given.iter().enumerate() {
        if text == "-" {
            hashes.extend(hashes_of_input(key)?);
            continue;
        }
        let address = EmailAddress::parse(text);
        let address = address.map_err(|error| Refusal::Input(format!("argument {}: {error}", number + 1)))?;
        hashes.push(key.hash(&address));
    }
    let mut seen = std::collections::HashSet::new();
    hashes.retain(|hash| seen.insert(*hash));
    if hashes.is_empty() {
        return Err(Refusal::Input("standard input holds no address".to_owned()));
    }
    Ok(hashes)
}

fn hashes_of_input(key: &AddressKey) -> Result<Vec<AddressHash>, Refusal> {
    let mut input = std::io::stdin().lock().take(MAX_INPUT_BYTES + 1);
    let (mut hashes, mut read, mut number, mut line) = (Vec::new(), 0, 0_u64, String::new());
    loop {
        line.clear();
        number += 1;
        let bytes = input.read_line(&mut line);
        let bytes =
            bytes.map_err(|error| Refusal::Input(format!("standard input, line {number}: {}", error.kind())))?;
        read += bytes as u64;
        if read > MAX_INPUT_BYTES {
            return Err(Refusal::Input(format!("standard input is larger than {MAX_INPUT_BYTES} bytes; split it")));
        }
        if bytes == 0 {
            return Ok(hashes);
        }
        if line.trim().is_empty() {
            continue;
        }
        let address = EmailAddress::parse(&line);
        let address = address.map_err(|error| Refusal::Input(format!("standard input, line {number}: {error}")))?;
        hashes.push(key.hash(&address));
    }
}
