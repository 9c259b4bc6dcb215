//! `reconnectd silence`: an operator's word that nobody be told about a user, a toolkit or an auth config until a
//! moment.
//!
//! Changes the state database alone. What is planned while a silence holds stays untold, and what was planned before
//! is stopped at its last look; both go on when it ends.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, Subcommand};

use super::explain::{printable, when};
use super::operator::Who;
use super::output::counted;
use super::{Exit, output, setup};
use crate::domain::{
    AuthConfigId, IdMint, OperatorSilence, SilenceId, SilenceScope, Timestamp, ToolkitSlug, UserId, scrub,
};
use crate::store::{MAX_ACTIVE_SILENCES, SilenceFilter, Store, StoreError};

#[derive(Debug, Args)]
pub(super) struct SilenceArgs {
    #[command(subcommand)]
    command: SilenceCommand,
}

#[derive(Debug, Subcommand)]
enum SilenceCommand {
    /// Tell nobody about what matches everything that is given.
    Add(AddArgs),
    /// List the silences that hold, newest first.
    List(ListArgs),
    /// End silences now.
    Expire(ExpireArgs),
}

#[derive(Debug, Args)]
struct AddArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    /// Until when: a moment (2026-12-24T08:00:00Z) or from now on for a while (12h, 7d).
    #[arg(long, value_name = "WHEN", value_parser = parse_end)]
    until: End,
    /// Why, for whoever wonders later; at most 500 characters.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct ScopeArgs {
    /// Only this user, by the id exactly as in the directory.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Only this toolkit: `slack`.
    #[arg(long, value_name = "TOOLKIT")]
    toolkit: Option<String>,
    /// Only this auth config: `ac_…`.
    #[arg(long, value_name = "ID")]
    auth_config: Option<String>,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Those that are over, too; at most 1000.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
struct ExpireArgs {
    /// Which, by their ids.
    #[arg(value_name = "SILENCE", required = true)]
    silences: Vec<String>,
    #[command(flatten)]
    who: Who,
}

/// When a silence shall end, as it was given.
#[derive(Debug, Clone, Copy)]
enum End {
    At(Timestamp),
    In(TimeDelta),
}

impl End {
    /// The moment; none beyond the calendar.
    fn after(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(at),
            Self::In(span) => now.checked_add_signed(span),
        }
    }
}

fn parse_end(text: &str) -> Result<End, String> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(End::At(at.with_timezone(&Utc)));
    }
    let span = humantime::parse_duration(text).ok().and_then(|span| TimeDelta::from_std(span).ok());
    span.map(End::In).ok_or_else(|| "neither a moment like 2026-12-24T08:00:00Z nor a duration like 7d".to_owned())
}

pub(super) async fn run(config: Option<&Path>, args: SilenceArgs) -> Exit {
    setup::on_state(config, async |app, store| {
        let now = app.clock.now();
        match args.command {
            SilenceCommand::Add(args) => add(store, args, &app.mint, now).await,
            SilenceCommand::List(args) => list(store, &args, now).await,
            SilenceCommand::Expire(args) => expire(store, args, now).await,
        }
    })
    .await
}

async fn add(store: &Store, args: AddArgs, mint: &IdMint, now: Timestamp) -> Result<Exit, StoreError> {
    let ScopeArgs { user, toolkit, auth_config } = args.scope;
    let scope =
        SilenceScope::new(user.map(UserId::new), toolkit.map(ToolkitSlug::new), auth_config.map(AuthConfigId::new));
    let Some(until) = args.until.after(now) else {
        output::complain("--until is too far away");
        return Ok(Exit::Failed);
    };
    let id = SilenceId::new(mint.uuid(now));
    // Addresses are not kept in clear, not even where an operator writes one down; the length is checked below.
    let reason = scrub(&args.reason, usize::MAX);
    let made = scope.and_then(|scope| OperatorSilence::new(id, scope, until, (&reason, &args.who.name()), now));
    let silence = match made {
        Ok(silence) => silence,
        Err(error) => {
            output::complain(&error.to_string());
            return Ok(Exit::Failed);
        }
    };
    let mut work = store.begin().await?;
    if !work.add_silence(&silence, now).await? {
        output::complain(&format!(
            "{MAX_ACTIVE_SILENCES} silences hold already, which is all there may be: end some with `reconnectd silence \
             expire`, cover more with one (--toolkit, --auth-config), or leave users out with [directory] filter"
        ));
        return Ok(Exit::Failed);
    }
    let covered = work.count_open_incidents_in(&silence.scope).await?;
    let stranger = match silence.scope.user() {
        Some(user) => work.story_of(user).await?.is_none(),
        None => false,
    };
    work.commit().await?;
    output::result(&line(&silence, now));
    output::result(&format!("covers {} now", counted(covered, "open incident", "open incidents")));
    if stranger {
        output::complain("no run has looked at this user: is the id exactly as in the directory?");
    }
    Ok(Exit::Done)
}

async fn list(store: &Store, args: &ListArgs, now: Timestamp) -> Result<Exit, StoreError> {
    let filter = if args.all { SilenceFilter::All } else { SilenceFilter::Active };
    let found = store.begin_read().await?.silences(filter, now, MAX_ACTIVE_SILENCES).await?;
    let mut lines: Vec<String> = found.iter().map(|silence| line(silence, now)).collect();
    let holding = found.iter().filter(|silence| silence.is_active(now)).count();
    lines.push(match found.len() - holding {
        over if args.all => format!("{}, {}", hold(holding), counted(over as u64, "is over", "are over")),
        _ => hold(holding),
    });
    output::result(&lines.join("\n"));
    Ok(Exit::Done)
}

/// `1 holds`, `2 hold`.
fn hold(silences: usize) -> String {
    counted(silences as u64, "holds", "hold")
}

async fn expire(store: &Store, args: ExpireArgs, now: Timestamp) -> Result<Exit, StoreError> {
    let operator = args.who.name();
    let (mut done, mut refused) = (Vec::new(), Vec::new());
    let mut work = store.begin().await?;
    for id in args.silences.into_iter().map(SilenceId::new) {
        if work.end_silence(&id, &operator, now).await? {
            done.push(format!("{id}: ended"));
            continue;
        }
        refused.push(match work.silence(&id).await? {
            Some(silence) => format!("{id}: {}", state(&silence, now)),
            None => format!("{id}: there is no such silence; `reconnectd silence list` shows their ids"),
        });
    }
    work.commit().await?;
    Ok(output::done_and_refused(&done, &refused))
}

fn line(silence: &OperatorSilence, now: Timestamp) -> String {
    let scope = &silence.scope;
    let given = [
        scope.user().map(|user| format!("user {}", printable(&user.to_string()))),
        scope.toolkit().map(|toolkit| format!("toolkit {}", printable(&toolkit.to_string()))),
        scope.auth_config().map(|config| format!("auth config {}", printable(&config.to_string()))),
    ];
    let covered = given.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let (created, author) = (when(silence.created_at), printable(&silence.author));
    let (id, state, reason) = (&silence.id, state(silence, now), printable(&silence.reason));
    format!("{id}  {covered}  {state}  by {author} {created}  {reason}")
}

/// Whether it holds, or since when not.
fn state(silence: &OperatorSilence, now: Timestamp) -> String {
    match &silence.ended {
        Some((at, by)) => format!("ended {} by {}", when(*at), printable(by)),
        None if silence.is_active(now) => format!("until {}", when(silence.until)),
        None => format!("over since {}", when(silence.until)),
    }
}
