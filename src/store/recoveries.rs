//! Incidents that are over and of which that is still to be told, or not, once.

use super::incidents::ids;
use super::{Row, StoreError, Work, chunks, sql};
use crate::domain::{CloseEvidence, IncidentId, Timestamp, ToolkitSlug, UserId};

/// An incident that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedIncident {
    /// Which.
    pub id: IncidentId,
    /// Whose.
    pub user: UserId,
    /// Of which toolkit.
    pub toolkit: ToolkitSlug,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it ended.
    pub closed_at: Timestamp,
    /// On which evidence.
    pub evidence: CloseEvidence,
    /// The code of the last decision about it.
    pub decision: Option<String>,
}

impl Work {
    /// The ended incidents nothing was decided about yet, of the next `users` users after `after`.
    pub async fn ended_incidents_page(
        &mut self,
        after: Option<&UserId>,
        users: u32,
    ) -> Result<Vec<EndedIncident>, StoreError> {
        let select =
            sql("SELECT incident_id, user_id, toolkit, opened_at, closed_at, close_evidence, decision FROM incidents \
             WHERE closed_at IS NOT NULL AND recovery IS NULL AND user_id IN (SELECT DISTINCT user_id FROM incidents \
             WHERE closed_at IS NOT NULL AND recovery IS NULL AND user_id > $1 ORDER BY user_id LIMIT $2) \
             ORDER BY user_id, incident_id");
        let select = select.bind(after.map_or("", UserId::as_str)).bind(users);
        self.session.fetch(select).await?.iter().map(ended_incident).collect()
    }

    /// Notes what was decided about telling the end of these incidents. Says how many it was new for: another
    /// process may have been faster.
    pub async fn note_recoveries(&mut self, decided: &str, incidents: &[IncidentId]) -> Result<u64, StoreError> {
        let mut noted = 0;
        for chunk in chunks(ids(incidents)) {
            let update = sql("UPDATE incidents SET recovery = $1 WHERE recovery IS NULL AND incident_id IN ({values})");
            noted += self.session.execute(update.bind(decided).values(chunk)).await?;
        }
        Ok(noted)
    }
}

fn ended_incident(row: &Row) -> Result<EndedIncident, StoreError> {
    let evidence = row.text("close_evidence")?;
    Ok(EndedIncident {
        id: IncidentId::new(row.text("incident_id")?),
        user: UserId::new(row.text("user_id")?),
        toolkit: ToolkitSlug::new(row.text("toolkit")?),
        opened_at: row.instant("opened_at")?,
        closed_at: row.instant("closed_at")?,
        evidence: CloseEvidence::from_code(&evidence)
            .ok_or_else(|| StoreError::Unreadable(format!("unknown evidence {evidence}")))?,
        decision: row.opt_text("decision")?,
    })
}
