//! Connect attempts: claimed before the provider is asked, live while its page can be used, then over.
//!
//! Guarantees: at most one attempt of an incident is being made or live, whatever the number of processes (a unique
//! index sees to it); the account an attempt made is known from before anybody is sent to it; the sealed address of
//! the hosted page goes when the attempt is over. A process that dies while it asks leaves a claim that lapses by the
//! database's clock.

use std::collections::HashSet;
use std::time::Duration;

use super::accounts::one_column;
use super::{Row, StoreError, Work, chunks, sql};
use crate::domain::{AccountId, AttemptId, AuthConfigId, IncidentId, LinkId, Timestamp, UserId};

/// An attempt to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAttempt {
    /// Its id, minted by the caller.
    pub id: AttemptId,
    /// The link behind which it begins.
    pub link: LinkId,
    /// What it is to mend.
    pub incident: IncidentId,
    /// Whose.
    pub user: UserId,
    /// What the account is to be made with.
    pub auth_config: AuthConfigId,
}

/// What came of wanting to begin an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptClaim {
    /// It is ours to make.
    Ours,
    /// There is one that can be used.
    Live(AttemptRow),
    /// Somebody is making one at this moment.
    Busy,
}

/// How far an attempt got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptState {
    /// The provider is being asked for its page.
    Asking,
    /// The page can be used.
    Live,
    /// The account works.
    Succeeded,
    /// The person declined, or the provider refused.
    Failed,
    /// Its time passed without an end.
    Expired,
    /// Nobody knows whether the provider made a page.
    Lost,
}

/// An attempt as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRow {
    /// Its id.
    pub id: AttemptId,
    /// The link behind which it began.
    pub link: LinkId,
    /// What it is to mend.
    pub incident: IncidentId,
    /// Whose.
    pub user: UserId,
    /// How far it got.
    pub state: AttemptState,
    /// The account it made, once the provider said so.
    pub account: Option<AccountId>,
    /// Where the hosted page is, sealed, while it can be used.
    pub address: Option<String>,
}

/// What the provider made for an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptPage {
    /// The account.
    pub account: AccountId,
    /// Where the hosted page is, sealed; none where it is not to be used again.
    pub address: Option<String>,
    /// Until when it can be used.
    pub expires_at: Timestamp,
}

impl AttemptState {
    const CODES: [(Self, &'static str); 6] = [
        (Self::Asking, "asking"),
        (Self::Live, "live"),
        (Self::Succeeded, "succeeded"),
        (Self::Failed, "failed"),
        (Self::Expired, "expired"),
        (Self::Lost, "lost"),
    ];

    /// The code as it is stored and logged.
    pub fn code(self) -> &'static str {
        Self::CODES.iter().find(|(known, _)| *known == self).map_or("", |(_, code)| code)
    }

    fn from_code(code: &str) -> Option<Self> {
        Self::CODES.iter().find(|(_, known)| *known == code).map(|(state, _)| *state)
    }
}

impl Work {
    /// Claims the right to make an attempt for `hold`, unless one is live or being made. `hold` runs by the database's
    /// clock; pages whose time has passed by `now` are given up first.
    pub async fn claim_attempt(
        &mut self,
        new: &NewAttempt,
        hold: Duration,
        now: Timestamp,
    ) -> Result<AttemptClaim, StoreError> {
        let expire = sql("UPDATE reconnect_attempts SET state = 'expired', address = NULL, ended_at = $1 \
             WHERE state = 'live' AND expires_at <= $1");
        self.session.execute(expire.bind(now)).await?;
        let lose = sql("UPDATE reconnect_attempts SET state = 'lost', ended_at = $1 \
             WHERE state = 'asking' AND claimed_until <= {now}");
        self.session.execute(lose.bind(now)).await?;
        let insert = sql("INSERT INTO reconnect_attempts (attempt_id, link_id, incident_id, user_id, auth_config, \
             state, claimed_until, created_at) VALUES ($1, $2, $3, $4, $5, 'asking', {now} + $6, $7) \
             ON CONFLICT DO NOTHING");
        let hold_ms = i64::try_from(hold.as_millis()).unwrap_or(i64::MAX);
        let insert = insert.bind(new.id.to_hex()).bind(new.link.to_hex()).bind(new.incident.as_str());
        let insert = insert.bind(new.user.as_str()).bind(new.auth_config.as_str()).bind(hold_ms).bind(now);
        if self.session.execute(insert).await? == 1 {
            return Ok(AttemptClaim::Ours);
        }
        Ok(match self.open_attempt(&new.incident).await? {
            Some(row) if row.state == AttemptState::Live => AttemptClaim::Live(row),
            _ => AttemptClaim::Busy,
        })
    }

    /// The attempt of an incident that is being made or can be used.
    pub async fn open_attempt(&mut self, incident: &IncidentId) -> Result<Option<AttemptRow>, StoreError> {
        let select = sql("SELECT * FROM reconnect_attempts WHERE incident_id = $1 AND state IN ('asking', 'live')");
        self.session.fetch(select.bind(incident.as_str())).await?.first().map(attempt_row).transpose()
    }

    /// The attempt with this id.
    pub async fn reconnect_attempt(&mut self, id: &AttemptId) -> Result<Option<AttemptRow>, StoreError> {
        let select = sql("SELECT * FROM reconnect_attempts WHERE attempt_id = $1");
        self.session.fetch(select.bind(id.to_hex())).await?.first().map(attempt_row).transpose()
    }

    /// Writes down what the provider made, and says whether people may be sent there: not where the claim was given
    /// up meanwhile. The account is written down either way, so that it is known for an attempt's.
    pub async fn attempt_made(&mut self, id: &AttemptId, page: &AttemptPage) -> Result<bool, StoreError> {
        let live = sql("UPDATE reconnect_attempts SET state = 'live', account_id = $2, address = $3, expires_at = $4 \
             WHERE attempt_id = $1 AND state = 'asking'");
        let live = live.bind(id.to_hex()).bind(page.account.as_str()).bind(page.address.as_deref());
        if self.session.execute(live.bind(page.expires_at)).await? == 1 {
            return Ok(true);
        }
        let known = sql("UPDATE reconnect_attempts SET account_id = $2 WHERE attempt_id = $1 AND account_id IS NULL");
        self.session.execute(known.bind(id.to_hex()).bind(page.account.as_str())).await?;
        Ok(false)
    }

    /// Ends an attempt, unless it has succeeded already. Says whether anything changed.
    pub async fn end_attempt(
        &mut self,
        id: &AttemptId,
        state: AttemptState,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let update = sql("UPDATE reconnect_attempts SET state = $2, address = NULL, ended_at = $3 \
             WHERE attempt_id = $1 AND state NOT IN ('succeeded', $2)");
        Ok(self.session.execute(update.bind(id.to_hex()).bind(state.code()).bind(now)).await? == 1)
    }

    /// The accounts that attempts of ours made for these users, whatever became of them.
    pub async fn attempted_accounts(&mut self, users: &[UserId]) -> Result<HashSet<AccountId>, StoreError> {
        let mut accounts = HashSet::new();
        for chunk in chunks(one_column(users)) {
            let select = sql("SELECT account_id FROM reconnect_attempts \
                 WHERE account_id IS NOT NULL AND user_id IN ({values})");
            for row in self.session.fetch(select.values(chunk)).await? {
                accounts.insert(AccountId::new(row.text("account_id")?));
            }
        }
        Ok(accounts)
    }
}

fn attempt_row(row: &Row) -> Result<AttemptRow, StoreError> {
    let unreadable = |what: &str| StoreError::Unreadable(format!("reconnect_attempts.{what}"));
    Ok(AttemptRow {
        id: AttemptId::from_hex(&row.text("attempt_id")?).map_err(|_| unreadable("attempt_id"))?,
        link: LinkId::from_hex(&row.text("link_id")?).map_err(|_| unreadable("link_id"))?,
        incident: IncidentId::new(row.text("incident_id")?),
        user: UserId::new(row.text("user_id")?),
        state: AttemptState::from_code(&row.text("state")?).ok_or_else(|| unreadable("state"))?,
        account: row.opt_text("account_id")?.map(AccountId::new),
        address: row.opt_text("address")?,
    })
}
