//! Incidents: opened once, moved quietly, closed once, and what was decided about each.

use super::accounts::{known_account, one_column};
use super::{KnownAccount, Row, StoreError, Value, Work, chunks, sql};
use crate::domain::{
    Account, AccountId, AuthConfigId, CloseEvidence, IncidentId, NoticesGiven, OpenIncident, ReasonHint, RunId,
    Silence, Timestamp, ToolkitSlug, UserId, silence_of,
};

/// Everything stored about an incident and its anchor.
macro_rules! stored_incident_columns {
    () => {
        "SELECT i.incident_id, i.toolkit AS incident_toolkit, i.opened_at, i.broke_at, i.baseline, i.decision, \
         i.released_at, i.ladder_ended, i.next_notice_at, i.storm_id, s.state AS storm_state, a.* \
         FROM incidents i JOIN accounts a ON a.user_id = i.user_id AND a.account_id = i.account_id \
         LEFT JOIN storms s ON s.storm_id = i.storm_id "
    };
}

/// An open incident as recording needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenIncidentRow {
    /// Whose.
    pub user: UserId,
    /// Of which toolkit.
    pub toolkit: ToolkitSlug,
    /// Its id and anchor.
    pub incident: OpenIncident,
}

/// An incident to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIncident {
    /// Its id, minted by the caller.
    pub id: IncidentId,
    /// Whose.
    pub user: UserId,
    /// Of which toolkit.
    pub toolkit: ToolkitSlug,
    /// The account it stands for.
    pub anchor: AccountId,
    /// When that account broke.
    pub broke_at: Timestamp,
    /// What it broke for.
    pub cause: Cause,
    /// Whether it was broken before this product started to watch.
    pub baseline: bool,
}

/// What an account broke for, as it was when it was noticed. Kept as it is: what is said of the account changes, and once it
/// works again nothing is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// What the provider's reason pointed at.
    pub reason: ReasonHint,
    /// The product's auth config of the account; empty where it is not known.
    pub auth_config: AuthConfigId,
}

impl Cause {
    /// That of an account as it was seen.
    pub fn of(account: &Account) -> Self {
        Self { reason: account.reason, auth_config: account.auth_config.clone() }
    }
}

/// An open incident that now stands for another account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentMove {
    /// Which.
    pub id: IncidentId,
    /// The account it stands for from now on.
    pub to: AccountId,
}

/// An open incident about old news that is about news from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentRenewal {
    /// Which.
    pub id: IncidentId,
    /// The account it stands for from now on.
    pub to: AccountId,
    /// When that account broke.
    pub broke_at: Timestamp,
    /// What that account broke for.
    pub cause: Cause,
}

/// An incident that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentClose {
    /// Which.
    pub id: IncidentId,
    /// On which evidence.
    pub evidence: CloseEvidence,
}

/// The storm an incident is part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StormMembership {
    /// Which.
    pub storm: String,
    /// `held`, `released`, `discarded` or `healed`.
    pub state: String,
}

/// An open incident with everything a decision about it depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredIncident {
    /// Its id.
    pub id: IncidentId,
    /// Whose.
    pub user: UserId,
    /// Of which toolkit.
    pub toolkit: ToolkitSlug,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When its account broke.
    pub broke_at: Timestamp,
    /// Whether it was broken before this product started to watch.
    pub baseline: bool,
    /// The code of the last decision about it.
    pub decision: Option<String>,
    /// The account it stands for, as last seen.
    pub anchor: KnownAccount,
    /// When it was released from the baseline; none if it was not.
    pub released_at: Option<Timestamp>,
    /// The storm it is part of and that storm's state; none if it is part of none.
    pub storm: Option<StormMembership>,
    /// When the next notice can be given, as last decided.
    pub next_notice_at: Option<Timestamp>,
    /// No reminder follows, whatever the ladder says: it was told before there were reminders.
    pub ladder_ended: bool,
    /// What was said about it so far.
    pub notices: NoticesGiven,
}

impl StoredIncident {
    /// Why the account, as last seen, is not its user's to reconnect; none if it is.
    pub fn anchor_silence(&self) -> Option<Silence> {
        if self.anchor.gone_at.is_some() || self.anchor.condition == crate::domain::Condition::Healthy {
            return Some(Silence::Healed);
        }
        silence_of(&self.anchor.account, self.anchor.condition)
    }

    /// Why it is kept back as part of a storm; none if it is not.
    pub fn storm_silence(&self) -> Option<Silence> {
        match self.storm.as_ref().map(|storm| storm.state.as_str()) {
            Some("held") => Some(Silence::StormHeld),
            Some("discarded") => Some(Silence::StormDiscarded),
            _ => None,
        }
    }
}

impl Work {
    /// The open incidents of these users.
    pub async fn open_incidents_of(&mut self, users: &[UserId]) -> Result<Vec<OpenIncidentRow>, StoreError> {
        let mut open = Vec::new();
        for chunk in chunks(one_column(users)) {
            let select = sql("SELECT incident_id, user_id, toolkit, account_id, baseline FROM incidents \
                 WHERE closed_at IS NULL AND user_id IN ({values}) ORDER BY user_id, toolkit");
            for row in self.session.fetch(select.values(chunk)).await? {
                open.push(OpenIncidentRow {
                    user: UserId::new(row.text("user_id")?),
                    toolkit: ToolkitSlug::new(row.text("toolkit")?),
                    incident: OpenIncident {
                        id: IncidentId::new(row.text("incident_id")?),
                        anchor: AccountId::new(row.text("account_id")?),
                        baseline: row.flag("baseline")?,
                    },
                });
            }
        }
        Ok(open)
    }

    /// Opens incidents. One that another process opened meanwhile for the same user and toolkit stays as
    /// it is.
    pub async fn open_incidents(
        &mut self,
        incidents: &[NewIncident],
        run: &RunId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let rows = incidents.iter().map(|new| incident_values(new, run, now)).collect();
        for chunk in chunks(rows) {
            let insert = sql(
                "INSERT INTO incidents (incident_id, user_id, toolkit, account_id, opened_at, broke_at, baseline, \
                 run_id, reason, auth_config) VALUES {values} ON CONFLICT DO NOTHING",
            );
            self.session.execute(insert.values(chunk)).await?;
        }
        Ok(())
    }

    /// Makes an open incident stand for another account. It goes on as what it was opened for.
    pub async fn move_incident(&mut self, change: &IncidentMove) -> Result<(), StoreError> {
        let update = sql("UPDATE incidents SET account_id = $2 WHERE incident_id = $1 AND closed_at IS NULL");
        self.session.execute(update.bind(change.id.as_str()).bind(change.to.as_str())).await?;
        Ok(())
    }

    /// Makes an open incident about old news stand for an account that broke on our watch. As news it begins now:
    /// its dwell, and the window in which a mass breakage is noticed, count from here, and its cause is that account's.
    pub async fn renew_incident(&mut self, renewal: &IncidentRenewal, now: Timestamp) -> Result<(), StoreError> {
        let update = sql("UPDATE incidents SET account_id = $2, broke_at = $3, opened_at = $4, baseline = 0, \
             reason = $5, auth_config = $6 WHERE incident_id = $1 AND closed_at IS NULL");
        let update = update.bind(renewal.id.as_str()).bind(renewal.to.as_str()).bind(renewal.broke_at).bind(now);
        let update = update.bind(renewal.cause.reason.code()).bind(renewal.cause.auth_config.as_str());
        self.session.execute(update).await?;
        Ok(())
    }

    /// The provider renamed the toolkit: the incident goes on under the new slug, unless one is open there.
    pub async fn rename_incident(&mut self, id: &IncidentId, toolkit: &ToolkitSlug) -> Result<(), StoreError> {
        let update = sql(
            "UPDATE incidents SET toolkit = $2 WHERE incident_id = $1 AND closed_at IS NULL AND NOT EXISTS \
             (SELECT 1 FROM incidents o WHERE o.user_id = incidents.user_id AND o.toolkit = $2 AND o.closed_at IS NULL)",
        );
        self.session.execute(update.bind(id.as_str()).bind(toolkit.as_str())).await?;
        Ok(())
    }

    /// Closes an incident, once. Says whether it was this call that did.
    pub async fn close_incident(&mut self, close: &IncidentClose, now: Timestamp) -> Result<bool, StoreError> {
        let update = sql(
            "UPDATE incidents SET closed_at = $2, close_evidence = $3 WHERE incident_id = $1 AND closed_at IS NULL",
        );
        let update = update.bind(close.id.as_str()).bind(now).bind(close.evidence.code());
        Ok(self.session.execute(update).await? == 1)
    }

    /// The open incidents of the next `users` users after `after`, whole users at a time, in byte order.
    pub async fn open_incidents_page(
        &mut self,
        after: Option<&UserId>,
        users: u32,
    ) -> Result<Vec<StoredIncident>, StoreError> {
        let select = sql(concat!(
            stored_incident_columns!(),
            "WHERE i.closed_at IS NULL AND i.user_id IN (SELECT DISTINCT user_id FROM incidents \
             WHERE closed_at IS NULL AND user_id > $1 ORDER BY user_id LIMIT $2) \
             ORDER BY i.user_id, i.incident_id"
        ));
        let select = select.bind(after.map_or("", UserId::as_str)).bind(users);
        let found: Result<_, _> = self.session.fetch(select).await?.iter().map(stored_incident).collect();
        self.with_notices(found?).await
    }

    /// The open incidents of these users, with everything a decision depends on.
    pub async fn stored_incidents_of(&mut self, users: &[UserId]) -> Result<Vec<StoredIncident>, StoreError> {
        let mut found = Vec::new();
        for chunk in chunks(one_column(users)) {
            let select = sql(concat!(
                stored_incident_columns!(),
                "WHERE i.closed_at IS NULL AND i.user_id IN ({values}) ORDER BY i.user_id, i.incident_id"
            ));
            for row in self.session.fetch(select.values(chunk)).await? {
                found.push(stored_incident(&row)?);
            }
        }
        self.with_notices(found).await
    }

    /// Adds what was said about each so far.
    async fn with_notices(&mut self, mut incidents: Vec<StoredIncident>) -> Result<Vec<StoredIncident>, StoreError> {
        let ids: Vec<IncidentId> = incidents.iter().map(|incident| incident.id.clone()).collect();
        let mut given = self.notices_given(&ids).await?;
        for incident in &mut incidents {
            let notices = given.remove(&incident.id).unwrap_or_default();
            incident.notices = NoticesGiven { ladder_ended: incident.ladder_ended, ..notices };
        }
        Ok(incidents)
    }

    /// Notes the decision about incidents, where it changed, and when the next notice can be given.
    pub async fn note_decisions(
        &mut self,
        decision: &str,
        next_notice_at: Option<Timestamp>,
        incidents: &[IncidentId],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for chunk in chunks(ids(incidents)) {
            let update = sql("UPDATE incidents SET decision = $1, next_notice_at = $2, decided_at = $3 \
                 WHERE incident_id IN ({values})");
            self.session.execute(update.bind(decision).bind(next_notice_at).bind(now).values(chunk)).await?;
        }
        Ok(())
    }

    /// How many incidents are open.
    pub async fn count_open_incidents(&mut self) -> Result<u64, StoreError> {
        let rows = self.session.fetch(sql("SELECT count(*) AS n FROM incidents WHERE closed_at IS NULL")).await?;
        let count = rows.first().map_or(Ok(0), |row| row.int("n"))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}

fn incident_values(new: &NewIncident, run: &RunId, now: Timestamp) -> Vec<Value> {
    vec![
        new.id.as_str().into(),
        new.user.as_str().into(),
        new.toolkit.as_str().into(),
        new.anchor.as_str().into(),
        now.into(),
        new.broke_at.into(),
        new.baseline.into(),
        run.as_str().into(),
        new.cause.reason.code().into(),
        new.cause.auth_config.as_str().into(),
    ]
}

fn stored_incident(row: &Row) -> Result<StoredIncident, StoreError> {
    let anchor = known_account(row)?;
    Ok(StoredIncident {
        id: IncidentId::new(row.text("incident_id")?),
        user: anchor.account.user.clone(),
        toolkit: ToolkitSlug::new(row.text("incident_toolkit")?),
        opened_at: row.instant("opened_at")?,
        broke_at: row.instant("broke_at")?,
        baseline: row.flag("baseline")?,
        decision: row.opt_text("decision")?,
        released_at: row.opt_instant("released_at")?,
        ladder_ended: row.flag("ladder_ended")?,
        storm: storm_membership(row)?,
        next_notice_at: row.opt_instant("next_notice_at")?,
        notices: NoticesGiven::default(),
        anchor,
    })
}

fn storm_membership(row: &Row) -> Result<Option<StormMembership>, StoreError> {
    let (storm, state) = (row.opt_text("storm_id")?, row.opt_text("storm_state")?);
    Ok(storm.zip(state).map(|(storm, state)| StormMembership { storm, state }))
}

/// Ids as rows of one value.
pub(super) fn ids(incidents: &[IncidentId]) -> Vec<Vec<Value>> {
    incidents.iter().map(|id| vec![id.as_str().into()]).collect()
}
