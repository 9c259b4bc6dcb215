//! Storms: mass breakages of one auth config's or one toolkit's accounts, counted, held and decided about.
//!
//! At most one storm per subject is held at a time (a unique index). What an operator decided is the beginning of
//! the next count, so that a release is not followed by the same storm again.

use super::{Row, StoreError, Work, sql};
use crate::domain::Timestamp;

/// What a storm is a storm of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StormScope {
    /// The accounts of one auth config.
    AuthConfig,
    /// The accounts of one toolkit.
    Toolkit,
}

impl StormScope {
    /// The code as it is stored and shown.
    pub fn code(self) -> &'static str {
        match self {
            Self::AuthConfig => "auth_config",
            Self::Toolkit => "toolkit",
        }
    }
}

/// How many accounts of one auth config and toolkit work, and how many that had worked broke lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakageCount {
    /// The auth config.
    pub auth_config: String,
    /// The toolkit.
    pub toolkit: String,
    /// Accounts that work.
    pub working: u64,
    /// Accounts seen to work before and broken since the instant asked about.
    pub broken: u64,
}

/// What broke at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storm {
    /// Its id.
    pub id: String,
    /// `auth_config` or `toolkit`.
    pub scope: String,
    /// Which one.
    pub subject: String,
    /// When it was noticed.
    pub opened_at: Timestamp,
    /// Accounts that had broken, as last counted.
    pub broken: u64,
    /// Accounts that had worked, those that broke included, as last counted.
    pub active: u64,
}

/// A storm, what became of it and how many it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StormRow {
    /// What broke.
    pub storm: Storm,
    /// `held`, `released`, `discarded` or `healed`.
    pub state: String,
    /// When it was decided about, or healed.
    pub decided_at: Option<Timestamp>,
    /// Who decided.
    pub decided_by: Option<String>,
    /// Its incidents that are still open.
    pub open_incidents: u64,
    /// Its incidents in all.
    pub incidents: u64,
}

/// Which storms are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StormFilter {
    /// Those that wait for a decision, the oldest first.
    Held,
    /// All, the newest first.
    All,
}

impl Storm {
    /// In a few words: `auth_config ac_1: 40 of 100 accounts broke (storm 0199…)`.
    pub fn words(&self) -> String {
        format!(
            "{} {}: {} of {} accounts broke (storm {})",
            self.scope, self.subject, self.broken, self.active, self.id
        )
    }
}

/// Everything stored about storms, and how many incidents each has.
macro_rules! storm_columns {
    () => {
        "SELECT s.*, (SELECT count(*) FROM incidents i WHERE i.storm_id = s.storm_id) AS incidents, \
         (SELECT count(*) FROM incidents i WHERE i.storm_id = s.storm_id AND i.closed_at IS NULL) AS open_incidents \
         FROM storms s "
    };
}

impl Work {
    /// Whether any incident that is news was opened after `since`.
    pub async fn opened_since(&mut self, since: Timestamp) -> Result<bool, StoreError> {
        let select = sql("SELECT 1 AS found FROM incidents WHERE closed_at IS NULL AND baseline = 0 \
             AND opened_at > $1 LIMIT 1");
        Ok(!self.session.fetch(select.bind(since)).await?.is_empty())
    }

    /// The accounts of every auth config and toolkit that work, and those that broke after `since` having been seen
    /// to work; of users whose list was read after `seen_since`, because what nobody looked at of late may be
    /// anything. What shows only now that it broke earlier (its auth config was disabled meanwhile) counts from when
    /// its incident was opened. One row each; there are as many as the product has auth configs.
    pub async fn count_breakages(
        &mut self,
        since: Timestamp,
        seen_since: Timestamp,
    ) -> Result<Vec<BreakageCount>, StoreError> {
        let select = sql("SELECT a.auth_config, a.toolkit, \
             count(CASE WHEN a.status = 'ACTIVE' AND a.is_disabled = 0 THEN 1 END) AS working, \
             count(CASE WHEN a.condition IN ('broken', 'second_account') AND a.last_active_at IS NOT NULL \
             AND (a.broken_since > $1 OR EXISTS (SELECT 1 FROM incidents i WHERE i.user_id = a.user_id \
             AND i.account_id = a.account_id AND i.closed_at IS NULL AND i.baseline = 0 AND i.opened_at > $2)) \
             THEN 1 END) AS broken \
             FROM accounts a JOIN users u ON u.user_id = a.user_id \
             WHERE a.gone_at IS NULL AND u.observed_at >= $3 \
             GROUP BY a.auth_config, a.toolkit ORDER BY a.auth_config, a.toolkit");
        let select = select.bind(since).bind(since).bind(seen_since);
        self.session.fetch(select).await?.iter().map(breakage_count).collect()
    }

    /// Takes back a storm that nothing joined.
    pub async fn forget_storm(&mut self, id: &str) -> Result<(), StoreError> {
        self.session.execute(sql("DELETE FROM storms WHERE storm_id = $1").bind(id)).await?;
        Ok(())
    }

    /// When storms of each subject were last decided about, where that was after `since`.
    pub async fn storm_decisions(&mut self, since: Timestamp) -> Result<Vec<(String, String, Timestamp)>, StoreError> {
        let select = sql("SELECT scope, subject, max(decided_at) AS decided_at FROM storms \
             WHERE state IN ('released', 'discarded') AND decided_at > $1 GROUP BY scope, subject");
        let rows = self.session.fetch(select.bind(since)).await?;
        rows.iter().map(|row| Ok((row.text("scope")?, row.text("subject")?, row.instant("decided_at")?))).collect()
    }

    /// Holds a storm of this subject: a new one under `id`, or the one that is held already, its figures brought up
    /// to date. Gives its id, and whether it is new.
    pub async fn hold_storm(
        &mut self,
        id: &str,
        (scope, subject): (StormScope, &str),
        (broken, active): (u64, u64),
        now: Timestamp,
    ) -> Result<(String, bool), StoreError> {
        let insert = sql("INSERT INTO storms (storm_id, scope, subject, opened_at, broken, active, state) \
             VALUES ($1, $2, $3, $4, $5, $6, 'held') ON CONFLICT (scope, subject) WHERE state = 'held' \
             DO UPDATE SET broken = excluded.broken, active = excluded.active RETURNING storm_id");
        let insert = insert
            .bind(id)
            .bind(scope.code())
            .bind(subject)
            .bind(now)
            .bind(i64::try_from(broken).unwrap_or(i64::MAX))
            .bind(i64::try_from(active).unwrap_or(i64::MAX));
        let rows = self.session.fetch(insert).await?;
        let held = rows.first().map_or_else(|| Ok(id.to_owned()), |row| row.text("storm_id"))?;
        let new = held == id;
        Ok((held, new))
    }

    /// Makes the incidents of this subject that were opened after `since`, and of which nothing was said yet, part
    /// of a storm. Gives how many.
    pub async fn join_storm(
        &mut self,
        storm: &str,
        (scope, subject): (StormScope, &str),
        since: Timestamp,
    ) -> Result<u64, StoreError> {
        let update = match scope {
            StormScope::AuthConfig => {
                sql("UPDATE incidents SET storm_id = $1 WHERE closed_at IS NULL AND baseline = 0 \
                 AND storm_id IS NULL AND opened_at > $2 AND EXISTS (SELECT 1 FROM accounts a WHERE \
                 a.user_id = incidents.user_id AND a.account_id = incidents.account_id AND a.auth_config = $3) \
                 AND NOT EXISTS (SELECT 1 FROM notification_items n WHERE n.incident_id = incidents.incident_id \
                 AND n.number >= 0 AND n.spent = 1)")
            }
            StormScope::Toolkit => sql("UPDATE incidents SET storm_id = $1 WHERE closed_at IS NULL AND baseline = 0 \
                 AND storm_id IS NULL AND opened_at > $2 AND toolkit = $3 \
                 AND NOT EXISTS (SELECT 1 FROM notification_items n WHERE n.incident_id = incidents.incident_id \
                 AND n.number >= 0 AND n.spent = 1)"),
        };
        self.session.execute(update.bind(storm).bind(since).bind(subject)).await
    }

    /// Ends held storms none of whose incidents is open any more; gives them.
    pub async fn end_healed_storms(&mut self, now: Timestamp) -> Result<Vec<Storm>, StoreError> {
        let update = sql("UPDATE storms SET state = 'healed', decided_at = $1 WHERE state = 'held' AND NOT EXISTS \
             (SELECT 1 FROM incidents i WHERE i.storm_id = storms.storm_id AND i.closed_at IS NULL) \
             RETURNING *");
        self.session.fetch(update.bind(now)).await?.iter().map(storm).collect()
    }

    /// The storms that wait for a decision, the oldest first, without how many each is about: read at any moment.
    pub async fn held_storms(&mut self, limit: u32) -> Result<Vec<Storm>, StoreError> {
        let select = sql("SELECT * FROM storms WHERE state = 'held' ORDER BY opened_at, storm_id LIMIT $1");
        self.session.fetch(select.bind(limit)).await?.iter().map(storm).collect()
    }

    /// The first `limit` storms of those asked for.
    pub async fn storms(&mut self, of: StormFilter, limit: u32) -> Result<Vec<StormRow>, StoreError> {
        let select = match of {
            StormFilter::Held => {
                sql(concat!(storm_columns!(), "WHERE s.state = 'held' ORDER BY s.opened_at, s.storm_id LIMIT $1"))
            }
            StormFilter::All => sql(concat!(storm_columns!(), "ORDER BY s.opened_at DESC, s.storm_id DESC LIMIT $1")),
        };
        self.session.fetch(select.bind(limit)).await?.iter().map(storm_row).collect()
    }

    /// One storm; none if there is no such id.
    pub async fn storm(&mut self, id: &str) -> Result<Option<StormRow>, StoreError> {
        let select = sql(concat!(storm_columns!(), "WHERE s.storm_id = $1"));
        self.session.fetch(select.bind(id)).await?.first().map(storm_row).transpose()
    }

    /// Decides about a held storm: `released` or `discarded`. Says whether it was this call that did.
    pub async fn decide_storm(
        &mut self,
        id: &str,
        state: &'static str,
        operator: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let update = sql("UPDATE storms SET state = $2, decided_by = $3, decided_at = $4 \
             WHERE storm_id = $1 AND state = 'held'");
        Ok(self.session.execute(update.bind(id).bind(state).bind(operator).bind(now)).await? == 1)
    }
}

fn breakage_count(row: &Row) -> Result<BreakageCount, StoreError> {
    Ok(BreakageCount {
        auth_config: row.text("auth_config")?,
        toolkit: row.text("toolkit")?,
        working: count(row, "working")?,
        broken: count(row, "broken")?,
    })
}

fn storm(row: &Row) -> Result<Storm, StoreError> {
    Ok(Storm {
        id: row.text("storm_id")?,
        scope: row.text("scope")?,
        subject: row.text("subject")?,
        opened_at: row.instant("opened_at")?,
        broken: count(row, "broken")?,
        active: count(row, "active")?,
    })
}

fn storm_row(row: &Row) -> Result<StormRow, StoreError> {
    Ok(StormRow {
        storm: storm(row)?,
        state: row.text("state")?,
        decided_at: row.opt_instant("decided_at")?,
        decided_by: row.opt_text("decided_by")?,
        open_incidents: count(row, "open_incidents")?,
        incidents: count(row, "incidents")?,
    })
}

pub(super) fn count(row: &Row, column: &str) -> Result<u64, StoreError> {
    Ok(u64::try_from(row.int(column)?).unwrap_or(0))
}
