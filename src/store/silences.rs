//! Operators' silences: who said that nobody be told about what, until when, and why. Rows are ended, never
//! deleted, so that it can be read years later why somebody was not told.
//!
//! Guarantees: at most [`MAX_ACTIVE_SILENCES`] hold at a time, so that planning and sending can keep all of them in
//! memory; a silence is ended once, by one operator. A crash before the commit leaves nothing.

use super::{Row, StoreError, Work, sql};
use crate::domain::{AuthConfigId, OperatorSilence, SilenceId, SilenceScope, Timestamp, ToolkitSlug, UserId};

/// More silences at a time are a list of people not to be told, which the directory's filter is for. Each is
/// compared with each open incident.
pub const MAX_ACTIVE_SILENCES: u32 = 1_000;

/// Two operators at once may each add the last one (PostgreSQL): nothing that was accepted is left unread.
const READ_AT_MOST: u32 = 2 * MAX_ACTIVE_SILENCES;

/// Which silences to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SilenceFilter {
    /// Those that hold.
    Active,
    /// Those that ended, too.
    All,
}

impl Work {
    /// Adds a silence; `false`, and nothing is written, where as many hold as may.
    pub async fn add_silence(&mut self, new: &OperatorSilence, now: Timestamp) -> Result<bool, StoreError> {
        let insert = sql("INSERT INTO silences \
             (silence_id, user_id, toolkit, auth_config, until_at, reason, author, created_at) \
             SELECT $1, $2, $3, $4, $5, $6, $7, $8 \
             WHERE (SELECT count(*) FROM silences WHERE ended_at IS NULL AND until_at > $9) < $10");
        let insert = insert
            .bind(new.id.as_str())
            .bind(new.scope.user().map(UserId::as_str))
            .bind(new.scope.toolkit().map(ToolkitSlug::as_str))
            .bind(new.scope.auth_config().map(AuthConfigId::as_str))
            .bind(new.until)
            .bind(new.reason.as_str())
            .bind(new.author.as_str())
            .bind(new.created_at)
            .bind(now)
            .bind(MAX_ACTIVE_SILENCES);
        Ok(self.session.execute(insert).await? > 0)
    }

    /// The silences that hold at `now`, all of them.
    pub async fn active_silences(&mut self, now: Timestamp) -> Result<Vec<OperatorSilence>, StoreError> {
        self.silences(SilenceFilter::Active, now, READ_AT_MOST).await
    }

    /// The newest silences, at most `limit`.
    pub async fn silences(
        &mut self,
        filter: SilenceFilter,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<OperatorSilence>, StoreError> {
        let select = match filter {
            SilenceFilter::Active => sql("SELECT * FROM silences WHERE until_at > $1 AND ended_at IS NULL \
                 ORDER BY created_at DESC, silence_id DESC LIMIT $2")
            .bind(now),
            SilenceFilter::All => sql("SELECT * FROM silences ORDER BY created_at DESC, silence_id DESC LIMIT $1"),
        };
        self.session.fetch(select.bind(limit)).await?.iter().map(silence).collect()
    }

    /// One silence; none if there is no such id.
    pub async fn silence(&mut self, id: &SilenceId) -> Result<Option<OperatorSilence>, StoreError> {
        let select = sql("SELECT * FROM silences WHERE silence_id = $1").bind(id.as_str());
        self.session.fetch(select).await?.first().map(silence).transpose()
    }

    /// How many open incidents a scope covers, each judged by the account it stands for.
    pub async fn count_open_incidents_in(&mut self, scope: &SilenceScope) -> Result<u64, StoreError> {
        let select = sql("SELECT count(*) AS n FROM incidents i \
             JOIN accounts a ON a.user_id = i.user_id AND a.account_id = i.account_id WHERE i.closed_at IS NULL \
             AND (CAST($1 AS TEXT) IS NULL OR i.user_id = $1) AND (CAST($2 AS TEXT) IS NULL OR i.toolkit = $2) \
             AND (CAST($3 AS TEXT) IS NULL OR a.auth_config = $3)");
        let select = select
            .bind(scope.user().map(UserId::as_str))
            .bind(scope.toolkit().map(ToolkitSlug::as_str))
            .bind(scope.auth_config().map(AuthConfigId::as_str));
        let rows = self.session.fetch(select).await?;
        rows.first().map_or(Ok(0), |row| row.int("n").map(|n| u64::try_from(n).unwrap_or(0)))
    }

    /// Ends a silence at `now`; `false` where there is none of this id that holds.
    pub async fn end_silence(&mut self, id: &SilenceId, operator: &str, now: Timestamp) -> Result<bool, StoreError> {
        let update = sql("UPDATE silences SET ended_at = $2, ended_by = $3 \
             WHERE silence_id = $1 AND ended_at IS NULL AND until_at > $2");
        Ok(self.session.execute(update.bind(id.as_str()).bind(now).bind(operator)).await? > 0)
    }
}

fn silence(row: &Row) -> Result<OperatorSilence, StoreError> {
    let (user, toolkit) = (row.opt_text("user_id")?, row.opt_text("toolkit")?);
    let scope = SilenceScope::new(
        user.map(UserId::new),
        toolkit.map(ToolkitSlug::new),
        row.opt_text("auth_config")?.map(AuthConfigId::new),
    );
    let ended_by = row.opt_text("ended_by")?.unwrap_or_default();
    Ok(OperatorSilence {
        id: SilenceId::new(row.text("silence_id")?),
        scope: scope.map_err(|error| StoreError::Unreadable(format!("a row of silences: {error}")))?,
        until: row.instant("until_at")?,
        reason: row.text("reason")?,
        author: row.text("author")?,
        created_at: row.instant("created_at")?,
        ended: row.opt_instant("ended_at")?.map(|at| (at, ended_by)),
    })
}
