//! `reconnectd links`: takes the links in mails already sent out of use.
//!
//! Changes the state database alone. Pages say so from the next look on; the next notice about an incident that is
//! still open carries a new link.

use std::path::Path;

use clap::{Args, Subcommand};

use super::operator::Who;
use super::output::counted;
use super::{Exit, output, setup};
use crate::domain::{IncidentId, UserId};
use crate::store::{RevokeScope, StoreError};
use crate::telemetry::events;

#[derive(Debug, Args)]
pub(super) struct LinksArgs {
    #[command(subcommand)]
    command: LinksCommand,
}

#[derive(Debug, Subcommand)]
enum LinksCommand {
    /// Make links to the reconnect page useless, for good.
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
struct RevokeArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct ScopeArgs {
    /// All links of this user, by the id exactly as in the directory.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// The link about this incident; `explain` names it.
    #[arg(long, value_name = "INCIDENT")]
    incident: Option<String>,
    /// Everybody's, after the link key became known to somebody.
    #[arg(long)]
    all: bool,
}

pub(super) async fn run(config: Option<&Path>, args: LinksArgs) -> Exit {
    setup::on_state(config, async |app, store| {
        let LinksCommand::Revoke(RevokeArgs { scope, who }) = args.command;
        let by = who.name();
        let scope = match (scope.user, scope.incident) {
            (Some(user), _) => RevokeScope::User(UserId::new(user)),
            (None, Some(incident)) => RevokeScope::Incident(IncidentId::new(incident)),
            (None, None) => RevokeScope::All,
        };
        let mut work = store.begin().await?;
        let revoked = work.revoke_links(&scope, &by, app.clock.now()).await?;
        work.commit().await?;
        if revoked == 0 {
            output::complain("no link that works was found there");
            return Ok::<Exit, StoreError>(Exit::Failed);
        }
        tracing::warn!(
            event = events::LINKS_REVOKED,
            revoked,
            operator = by,
            "Links of mails already sent work no more."
        );
        output::result(&format!("{} revoked", counted(revoked, "link", "links")));
        Ok(Exit::Done)
    })
    .await
}
