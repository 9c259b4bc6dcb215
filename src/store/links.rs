//! The durable links in mails: one per incident, extended by every notice that carries it, revoked for good, and with
//! them what was begun behind them.

use std::collections::HashMap;

use super::accounts::known_account;
use super::{KnownAccount, Row, StoreError, Work, sql};
use crate::domain::{CloseEvidence, IncidentId, LinkId, Silence, Timestamp, ToolkitSlug, UserId};

/// A link as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRow {
    /// Its id.
    pub id: LinkId,
    /// What it is about.
    pub incident: IncidentId,
    /// Whose it is.
    pub user: UserId,
    /// Until when it works.
    pub expires_at: Timestamp,
    /// Since when it works no more, where somebody said so.
    pub revoked_at: Option<Timestamp>,
}

/// The incident behind a link, open or over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedIncident {
    /// Its id.
    pub id: IncidentId,
    /// Whose.
    pub user: UserId,
    /// Of which toolkit.
    pub toolkit: ToolkitSlug,
    /// When its account broke.
    pub broke_at: Timestamp,
    /// When it ended and on which evidence; none while it is open.
    pub closed: Option<(Timestamp, CloseEvidence)>,
    /// The language of the last mail that carried its link, or that its reader is known to read (BCP 47).
    pub language: Option<String>,
    /// The account it stands for, as last seen.
    pub anchor: KnownAccount,
}

/// Whose links to revoke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevokeScope {
    /// All of this user's.
    User(UserId),
    /// The one about this incident.
    Incident(IncidentId),
    /// Everybody's.
    All,
}

/// What is known of the language that a link's page should be in, as BCP 47 tags.
#[derive(Debug, Clone, Default)]
pub struct LinkLanguage {
    /// That of the mail that carries the link; none where no mail does.
    pub mail: Option<String>,
    /// That which its reader is known to read; counts where no mail ever carried the link.
    pub reader: Option<String>,
}

impl Work {
    /// The link for each incident of one user: the one there is, extended, or a new one under the id given with it.
    pub async fn links_for(
        &mut self,
        user: &UserId,
        incidents: &[(IncidentId, LinkId)],
        language: &LinkLanguage,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<HashMap<IncidentId, LinkId>, StoreError> {
        let mut links = HashMap::with_capacity(incidents.len());
        for (incident, fresh) in incidents {
            let upsert = sql("INSERT INTO reconnect_links (link_id, incident_id, user_id, created_at, expires_at, \
                 language) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (incident_id) WHERE revoked_at IS NULL DO UPDATE SET \
                 expires_at = CASE WHEN excluded.expires_at > reconnect_links.expires_at THEN excluded.expires_at \
                 ELSE reconnect_links.expires_at END, language = COALESCE($7, reconnect_links.language, excluded.language) RETURNING link_id");
            let upsert = upsert.bind(fresh.to_hex()).bind(incident.as_str()).bind(user.as_str());
            let known = language.mail.as_deref().or(language.reader.as_deref());
            let upsert = upsert.bind(now).bind(expires_at).bind(known).bind(language.mail.as_deref());
            let rows = self.session.fetch(upsert).await?;
            let row = rows.first().ok_or_else(|| StoreError::Unreadable("a link was not written".into()))?;
            links.insert(incident.clone(), link_id(row)?);
        }
        Ok(links)
    }

    /// The link with this id.
    pub async fn link(&mut self, id: &LinkId) -> Result<Option<LinkRow>, StoreError> {
        let select = sql("SELECT link_id, incident_id, user_id, expires_at, revoked_at FROM reconnect_links \
             WHERE link_id = $1");
        self.session.fetch(select.bind(id.to_hex())).await?.first().map(link_row).transpose()
    }

    /// The incident behind a link.
    pub async fn linked_incident(&mut self, id: &IncidentId) -> Result<Option<LinkedIncident>, StoreError> {
        let select = sql("SELECT i.incident_id, i.toolkit AS incident_toolkit, i.broke_at, i.closed_at, \
             i.close_evidence, (SELECT l.language FROM reconnect_links l WHERE l.user_id = i.user_id AND \
             l.incident_id = i.incident_id AND l.language IS NOT NULL ORDER BY l.created_at DESC LIMIT 1) AS language, \
             a.* FROM incidents i \
             JOIN accounts a ON a.user_id = i.user_id AND a.account_id = i.account_id WHERE i.incident_id = $1");
        self.session.fetch(select.bind(id.as_str())).await?.first().map(linked_incident).transpose()
    }

    /// Whether an incident had links and all of them were revoked.
    pub async fn only_revoked_links(&mut self, user: &UserId, incident: &IncidentId) -> Result<bool, StoreError> {
        let select = sql("SELECT count(*) AS n, count(revoked_at) AS revoked FROM reconnect_links \
             WHERE user_id = $1 AND incident_id = $2");
        let rows = self.session.fetch(select.bind(user.as_str()).bind(incident.as_str())).await?;
        let Some(row) = rows.first() else { return Ok(false) };
        let (all, revoked) = (row.int("n")?, row.int("revoked")?);
        Ok(all > 0 && all == revoked)
    }

    /// How many other accounts of an incident's user and toolkit need their user as well: those that are broken now
    /// and, where it is over, those that were given up for the account that ended it.
    pub async fn others_that_stopped(&mut self, incident: &LinkedIncident) -> Result<u64, StoreError> {
        let select = sql("SELECT count(*) AS n FROM accounts a \
             WHERE a.user_id = $1 AND a.toolkit = $2 AND a.account_id <> $3 AND a.gone_at IS NULL \
             AND ((a.condition IN ('broken', 'second_account') AND a.moved_on IS NULL AND a.silence = $4) \
             OR (a.condition = 'superseded' AND EXISTS (SELECT 1 FROM transitions t WHERE t.user_id = a.user_id \
             AND t.account_id = a.account_id AND t.at = $5 AND t.to_condition = 'superseded' \
             AND t.from_condition IN ('broken', 'second_account'))))");
        let select = select.bind(incident.user.as_str()).bind(incident.toolkit.as_str());
        let select = select.bind(incident.anchor.account.id.as_str()).bind(Silence::CoveredByIncident.code());
        let closed_at = incident.closed.as_ref().map(|(at, _)| *at);
        let rows = self.session.fetch(select.bind(closed_at)).await?;
        Ok(rows.first().map(|row| row.int("n")).transpose()?.map_or(0, i64::unsigned_abs))
    }

    /// Revokes links that are not revoked yet, and says how many. Attempts under way behind them are over for us: nobody
    /// is led to their page again, and who comes back from it reads that the link was revoked.
    pub async fn revoke_links(&mut self, scope: &RevokeScope, by: &str, now: Timestamp) -> Result<u64, StoreError> {
        self.end_attempts_behind(scope, now).await?;
        let update = match scope {
            RevokeScope::User(user) => sql("UPDATE reconnect_links SET revoked_at = $1, revoked_by = $2 \
                 WHERE revoked_at IS NULL AND user_id = $3")
            .bind(now)
            .bind(by)
            .bind(user.as_str()),
            RevokeScope::Incident(incident) => sql("UPDATE reconnect_links SET revoked_at = $1, revoked_by = $2 \
                 WHERE revoked_at IS NULL AND incident_id = $3")
            .bind(now)
            .bind(by)
            .bind(incident.as_str()),
            RevokeScope::All => {
                sql("UPDATE reconnect_links SET revoked_at = $1, revoked_by = $2 WHERE revoked_at IS NULL")
                    .bind(now)
                    .bind(by)
            }
        };
        self.session.execute(update).await
    }

    async fn end_attempts_behind(&mut self, scope: &RevokeScope, now: Timestamp) -> Result<(), StoreError> {
        let end = match scope {
            RevokeScope::User(user) => sql("UPDATE reconnect_attempts SET state = 'failed', address = NULL, \
                 ended_at = $1 WHERE state IN ('asking', 'live') AND user_id = $2")
            .bind(now)
            .bind(user.as_str()),
            // An old link leads to a newer incident of its toolkit.
            RevokeScope::Incident(incident) => sql("UPDATE reconnect_attempts SET state = 'failed', address = NULL, \
                 ended_at = $1 WHERE state IN ('asking', 'live') AND (incident_id = $2 OR link_id IN \
                 (SELECT link_id FROM reconnect_links WHERE incident_id = $2))")
            .bind(now)
            .bind(incident.as_str()),
            RevokeScope::All => sql("UPDATE reconnect_attempts SET state = 'failed', address = NULL, ended_at = $1 \
                 WHERE state IN ('asking', 'live')")
            .bind(now),
        };
        self.session.execute(end).await?;
        Ok(())
    }
}

fn link_id(row: &Row) -> Result<LinkId, StoreError> {
    LinkId::from_hex(&row.text("link_id")?).map_err(|_| StoreError::Unreadable("a link's id".into()))
}

fn link_row(row: &Row) -> Result<LinkRow, StoreError> {
    Ok(LinkRow {
        id: link_id(row)?,
        incident: IncidentId::new(row.text("incident_id")?),
        user: UserId::new(row.text("user_id")?),
        expires_at: row.instant("expires_at")?,
        revoked_at: row.opt_instant("revoked_at")?,
    })
}

fn linked_incident(row: &Row) -> Result<LinkedIncident, StoreError> {
    let anchor = known_account(row)?;
    let evidence = row.opt_text("close_evidence")?.map(|code| {
        CloseEvidence::from_code(&code).ok_or_else(|| StoreError::Unreadable(format!("an incident closed on {code}")))
    });
    Ok(LinkedIncident {
        id: IncidentId::new(row.text("incident_id")?),
        user: anchor.account.user.clone(),
        toolkit: ToolkitSlug::new(row.text("incident_toolkit")?),
        broke_at: row.instant("broke_at")?,
        language: row.opt_text("language")?,
        closed: row.opt_instant("closed_at")?.zip(evidence.transpose()?),
        anchor,
    })
}
