//! The accounts that worked at an instant of the past, read back from the changes since.
//!
//! What is known of an account is kept as it is now, and every change of it with its instant. So what worked then is
//! what works now, less what was first seen later, corrected by what the first change since came from. Whose user had
//! left the product by then is not counted. Nothing is read that later audits change, so the same question has the same
//! answer later; decision 0027 says where it has not.

use chrono::TimeDelta;

use super::report_breakages::{count, whole};
use super::{StoreError, Value, Work, sql};
use crate::domain::Timestamp;

/// An instant, and who was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watched {
    /// The instant.
    pub at: Timestamp,
    /// Users who were last asked about before this had left the product.
    pub there_since: Timestamp,
}

/// Accounts that worked at two instants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveAccounts {
    /// Of which toolkit.
    pub toolkit: String,
    /// Of which auth config, where it was asked for by name; empty for all others together.
    pub auth_config: String,
    /// How many at the earlier instant.
    pub earlier: u64,
    /// How many at the later one.
    pub later: u64,
}

/// Who was last asked about longer before an instant than this had left, whatever audits there were: users and runs
/// are kept for so long before everything that is reported.
pub const LEFT_AFTER: TimeDelta = TimeDelta::days(30);

/// One look at all accounts, one at all users, and one at the changes since the earlier instant, for both instants. What a
/// change came from is put beside its instant, so that the smallest is the first. CROSS JOIN tells SQLite where to begin,
/// and means nothing to PostgreSQL; `asked` is there because each argument can be named once. The limit is `MOST_ROWS`.
const ACTIVE: &str = "\
    WITH asked AS NOT MATERIALIZED (SELECT CAST($1 AS BIGINT) AS at_0, CAST($2 AS BIGINT) AS there_0, \
    CAST($3 AS BIGINT) AS at_1, CAST($4 AS BIGINT) AS there_1, CAST($5 AS TEXT) AS toolkit), \
    since AS (SELECT t.user_id, t.account_id, \
    min(t.at * 2 + CASE WHEN t.from_condition = 'healthy' THEN 1 ELSE 0 END) AS first_0, \
    min(CASE WHEN t.at >= q.at_1 THEN t.at * 2 + CASE WHEN t.from_condition = 'healthy' THEN 1 ELSE 0 END END) AS first_1 \
    FROM asked q CROSS JOIN transitions t WHERE t.at >= q.at_0 GROUP BY t.user_id, t.account_id), \
    counted AS (SELECT a.toolkit, a.auth_config, sum(CASE WHEN a.first_seen_at < q.at_0 THEN 1 ELSE 0 END) AS n_0, \
    sum(CASE WHEN a.first_seen_at < q.at_1 THEN 1 ELSE 0 END) AS n_1 FROM asked q CROSS JOIN accounts a \
    WHERE a.gone_at IS NULL AND a.condition = 'healthy' AND (q.toolkit IS NULL OR a.toolkit = q.toolkit) \
    GROUP BY a.toolkit, a.auth_config \
    UNION ALL SELECT a.toolkit, a.auth_config, \
    CASE WHEN u.outcome_at < q.there_0 AND a.first_seen_at < q.at_0 THEN -1 ELSE 0 END, \
    CASE WHEN u.outcome_at < q.there_1 AND a.first_seen_at < q.at_1 THEN -1 ELSE 0 END \
    FROM asked q CROSS JOIN users u CROSS JOIN accounts a \
    WHERE (u.outcome_at < q.there_0 OR u.outcome_at < q.there_1) AND a.user_id = u.user_id AND a.gone_at IS NULL AND a.condition = 'healthy' \
    AND (q.toolkit IS NULL OR a.toolkit = q.toolkit) \
    UNION ALL SELECT a.toolkit, a.auth_config, CASE WHEN a.first_seen_at < q.at_0 AND u.outcome_at >= q.there_0 \
    THEN s.first_0 % 2 - CASE WHEN a.gone_at IS NULL AND a.condition = 'healthy' THEN 1 ELSE 0 END ELSE 0 END, \
    CASE WHEN s.first_1 IS NOT NULL AND a.first_seen_at < q.at_1 AND u.outcome_at >= q.there_1 \
    THEN s.first_1 % 2 - CASE WHEN a.gone_at IS NULL AND a.condition = 'healthy' THEN 1 ELSE 0 END ELSE 0 END \
    FROM asked q CROSS JOIN since s CROSS JOIN accounts a CROSS JOIN users u WHERE a.user_id = s.user_id \
    AND a.account_id = s.account_id AND u.user_id = s.user_id AND (q.toolkit IS NULL OR a.toolkit = q.toolkit)), \
    named AS (SELECT toolkit, CASE WHEN auth_config IN ({values}) THEN auth_config ELSE '' END AS auth_config, n_0, n_1 \
    FROM counted) \
    SELECT toolkit, auth_config, CAST(sum(n_0) AS BIGINT) AS earlier, CAST(sum(n_1) AS BIGINT) AS later FROM named \
    GROUP BY toolkit, auth_config HAVING sum(n_0) > 0 OR sum(n_1) > 0 ORDER BY toolkit, auth_config LIMIT 50000";

impl Work {
    /// Who was there at an instant: whoever was asked about by the last audit that had gone to its end by then, or since.
    /// An audit that went on where another had stopped began when the first of them did; where that was dropped, long ago.
    pub async fn report_watched(&mut self, at: Timestamp) -> Result<Watched, StoreError> {
        let select = sql("WITH RECURSIVE audit(run_id, started_at, resumed_from) AS (SELECT * FROM \
             (SELECT run_id, started_at, resumed_from FROM runs WHERE state = 'finished' AND finished_at < $1 \
             ORDER BY finished_at DESC, run_id DESC LIMIT 1) last \
             UNION SELECT r.run_id, COALESCE(r.started_at, 0), r.resumed_from FROM audit a \
             LEFT JOIN runs r ON r.run_id = a.resumed_from WHERE a.resumed_from IS NOT NULL) \
             SELECT min(started_at) AS started_at FROM audit");
        let rows = self.session.fetch(select.bind(at)).await?;
        let began = rows.first().map_or(Ok(None), |row| row.opt_instant("started_at"))?;
        let longest = at - LEFT_AFTER;
        Ok(Watched { at, there_since: began.map_or(longest, |began| began.max(longest)) })
    }

    /// The accounts that worked just before two instants, by toolkit, those of the auth configs `named` apart.
    pub async fn report_active(
        &mut self,
        earlier: Watched,
        later: Watched,
        toolkit: Option<&str>,
        named: &[String],
    ) -> Result<Vec<ActiveAccounts>, StoreError> {
        let mut apart: Vec<Vec<Value>> = named.iter().map(|name| vec![name.as_str().into()]).collect();
        if apart.is_empty() {
            apart.push(vec!["".into()]); // Accounts whose auth config is not known have an empty one, and are never told apart.
        }
        let select = sql(ACTIVE).bind(earlier.at).bind(earlier.there_since).bind(later.at).bind(later.there_since);
        let rows = self.session.fetch(select.bind(toolkit).values(apart)).await?;
        whole(&rows)?
            .iter()
            .map(|row| {
                Ok(ActiveAccounts {
                    toolkit: row.text("toolkit")?,
                    auth_config: row.text("auth_config")?,
                    earlier: count(row, "earlier")?,
                    later: count(row, "later")?,
                })
            })
            .collect()
    }
}
