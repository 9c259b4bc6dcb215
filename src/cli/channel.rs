//! `reconnectd channel`: which channels are configured, stopped or disabled and what waits on each; switching one off
//! and on again by hand.
//!
//! Reads and changes the state database alone: the other side is not asked.

use std::collections::BTreeMap;
use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::json;

use super::explain::{printable, when};
use super::operator::Who;
use super::{Exit, output, setup};
use crate::domain::{ChannelName, Timestamp, scrub};
use crate::store::{ChannelState, Store, StoreError, Waiting};

/// Longer reasons are cut; they are for people to read.
const MAX_REASON_CHARS: usize = 300;

#[derive(Debug, Args)]
pub(super) struct ChannelArgs {
    #[command(subcommand)]
    command: ChannelCommand,
}

#[derive(Debug, Subcommand)]
enum ChannelCommand {
    /// List the channels that are configured and those something waits on.
    List {
        /// As one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Use a channel again; what waits on it goes out with the next run.
    Enable {
        /// `email`, `report-mail`, `slack`, or `webhook:` and its name.
        channel: String,
        #[command(flatten)]
        who: Who,
    },
    /// Use a channel no more; what is for it waits until it is enabled.
    Disable {
        /// `email`, `report-mail`, `slack`, or `webhook:` and its name.
        channel: String,
        /// Why, for the record.
        #[arg(long, value_name = "WORDS", default_value = "switched off by hand")]
        reason: String,
        #[command(flatten)]
        who: Who,
    },
}

pub(super) async fn run(config: Option<&Path>, args: ChannelArgs) -> Exit {
    setup::on_state(config, async |app, store| {
        let (configured, now) = (app.channel_names(), app.clock.now());
        match args.command {
            ChannelCommand::List { json } => list(store, configured, json).await,
            ChannelCommand::Enable { channel, who } => {
                enable(store, ChannelName::new(channel), &configured, (&who.name(), now)).await
            }
            ChannelCommand::Disable { channel, reason, who } => {
                let channel = ChannelName::new(channel);
                if configured.contains(&channel) {
                    disable(store, &channel, &scrub(&reason, MAX_REASON_CHARS), &who.name(), now).await
                } else {
                    Ok(no_such(&channel))
                }
            }
        }
    })
    .await
}

/// One channel: whether it is configured, what is known of it, what waits.
#[derive(Default)]
struct Line {
    configured: bool,
    state: Option<ChannelState>,
    waiting: Waiting,
}

async fn list(store: &Store, configured: Vec<ChannelName>, json: bool) -> Result<Exit, StoreError> {
    let mut lines: BTreeMap<ChannelName, Line> = BTreeMap::new();
    for channel in configured {
        lines.entry(channel).or_default().configured = true;
    }
    let mut work = store.begin_read().await?;
    for state in work.channel_states().await? {
        let line = lines.entry(state.channel.clone()).or_default();
        line.state = Some(state);
    }
    for (channel, waiting) in work.waiting_by_channel().await? {
        lines.entry(channel).or_default().waiting = waiting;
    }
    work.roll_back();
    if json {
        let channels: Vec<_> = lines.iter().map(|(channel, line)| as_json(channel, line)).collect();
        output::result(&json!({ "channels": channels }).to_string());
    } else {
        let text = lines.iter().map(|(channel, line)| in_words(channel, line)).collect::<Vec<_>>().join("\n");
        output::result(if text.is_empty() { "no channel is configured" } else { &text });
    }
    Ok(Exit::Done)
}

fn in_words(channel: &ChannelName, line: &Line) -> String {
    let state = line.state.as_ref();
    let mut said = Vec::new();
    if let Some(at) = state.and_then(|state| state.disabled_at) {
        let by = state.and_then(|state| state.changed_by.as_deref()).map_or(String::new(), |by| format!(" by {by}"));
        said.push(format!("disabled {}{by}", when(at)));
    }
    if let Some(at) = state.and_then(|state| state.stopped_at) {
        said.push(format!("refuses us since {}", when(at)));
    }
    if let Some(at) = state.and_then(|state| state.failing_since) {
        said.push(format!("failing since {}", when(at)));
    }
    if said.is_empty() {
        said.push("in use".to_owned());
    }
    if !line.configured {
        said.push("not configured".to_owned());
    }
    let detail = state.and_then(|state| state.detail.as_deref()).map_or(String::new(), |detail| format!("  {detail}"));
    let Waiting { pending, dead } = line.waiting;
    printable(&format!("{channel:<24} {}  {pending} pending, {dead} dead{detail}", said.join(", ")))
}

fn as_json(channel: &ChannelName, line: &Line) -> serde_json::Value {
    let instant = |at: Timestamp| at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let state = line.state.as_ref();
    json!({
        "channel": channel.to_string(),
        "configured": line.configured,
        "disabled_at": state.and_then(|state| state.disabled_at).map(instant),
        "stopped_at": state.and_then(|state| state.stopped_at).map(instant),
        "failing_since": state.and_then(|state| state.failing_since).map(instant),
        "detail": state.and_then(|state| state.detail.as_deref()),
        "changed_by": state.and_then(|state| state.changed_by.as_deref()),
        "pending": line.waiting.pending,
        "dead": line.waiting.dead,
    })
}

fn no_such(channel: &ChannelName) -> Exit {
    output::complain(&printable(&format!("{channel}: no such channel is configured; `reconnectd channel list`")));
    Exit::Failed
}

/// One that is not configured any more can be enabled too, where something is known against it.
async fn enable(
    store: &Store,
    channel: ChannelName,
    configured: &[ChannelName],
    (operator, now): (&str, Timestamp),
) -> Result<Exit, StoreError> {
    let mut work = store.begin().await?;
    let changed = work.enable_channel(&channel, operator, now).await?;
    work.commit().await?;
    if changed {
        output::result(&format!("{channel}: in use again; what failed there is due now"));
        return Ok(Exit::Done);
    }
    if !configured.contains(&channel) {
        return Ok(no_such(&channel));
    }
    output::complain(&format!("{channel}: nothing is known against it"));
    Ok(Exit::Failed)
}

async fn disable(
    store: &Store,
    channel: &ChannelName,
    reason: &str,
    operator: &str,
    now: Timestamp,
) -> Result<Exit, StoreError> {
    let mut work = store.begin().await?;
    let changed = work.disable_channel(channel, reason, Some(operator), now).await?;
    work.commit().await?;
    if changed {
        output::result(&format!(
            "{channel}: disabled; what is for it waits until `reconnectd channel enable {channel}`"
        ));
        return Ok(Exit::Done);
    }
    output::complain(&format!("{channel}: is disabled already"));
    Ok(Exit::Failed)
}
