//! `reconnectd links`: takes the links in mails already sent out of use, or the key that signed them.
//!
//! Changes the state database alone. Pages say that a link was revoked from the next look on, also to who comes back from
//! the provider's page; they know a retired key until their process is restarted. The next notice about an incident that is
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
    /// Delete the link key kept in the state database, after it became known to somebody or another was configured.
    RetireKey(RetireKeyArgs),
}

#[derive(Debug, Args)]
struct RetireKeyArgs {
    #[command(flatten)]
    who: Who,
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
    match args.command {
        LinksCommand::Revoke(args) => revoke(config, args).await,
        LinksCommand::RetireKey(args) => retire_key(config, args).await,
    }
}

async fn retire_key(config: Option<&Path>, RetireKeyArgs { who }: RetireKeyArgs) -> Exit {
    setup::on_state(config, async |_, store| {
        let by = who.name();
        let mut work = store.begin().await?;
        let retired = work.retire_kept_link_key().await?;
        work.commit().await?;
        if !retired {
            output::complain("no link key is kept in the state database");
            return Ok::<Exit, StoreError>(Exit::Failed);
        }
        tracing::warn!(
            event = events::LINK_KEY_RETIRED,
            operator = by,
            "The link key kept in the state database is gone; restart every process that serves pages or sends."
        );
        output::result("link key retired; restart what serves pages and what sends");
        Ok(Exit::Done)
    })
    .await
}

async fn revoke(config: Option<&Path>, RevokeArgs { scope, who }: RevokeArgs) -> Exit {
    setup::on_state(config, async |app, store| {
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
