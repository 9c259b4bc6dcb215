//! Users, their accounts, and every change of an account.
//!
//! Reads and writes whole pages: one statement per table and few hundred rows, whatever the number of users.

use std::collections::HashMap;

use super::{Row, StoreError, Value, Work, chunks, sql};
use crate::domain::{
    Account, AccountId, AuthConfigId, Condition, History, ReasonHint, RunId, Silence, Status, Timestamp, ToolkitSlug,
    UserId,
};

/// What is stored of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownUser {
    /// When the complete list that is on record was asked for; none if there is none. Whatever it says may be as old
    /// as that.
    pub observed_at: Option<Timestamp>,
}

/// What one observation says of a user as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenUser {
    /// The user.
    pub user: UserId,
    /// Whether a complete list was read.
    pub complete: bool,
    /// `complete`, or the code of why nothing is known.
    pub outcome: &'static str,
}

/// What is stored of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAccount {
    /// As the provider last described it.
    pub account: Account,
    /// What was concluded.
    pub condition: Condition,
    /// Why its user would not be told; none if told about or healthy.
    pub silence: Option<Silence>,
    /// When it was first seen.
    pub first_seen_at: Timestamp,
    /// When it was last seen ACTIVE, as far as it is written down: while it is ACTIVE, the user's
    /// `observed_at` is the better answer (see [`KnownAccount::history`]).
    pub last_active_at: Option<Timestamp>,
    /// Since when it has been seen EXPIRED or FAILED without a break.
    pub broken_since: Option<Timestamp>,
    /// Where it is gone: when it was last in the list.
    pub last_seen_at: Option<Timestamp>,
    /// When a complete list first lacked it.
    pub gone_at: Option<Timestamp>,
    /// Why its being broken is no news until it works again, whatever it looks like in between.
    pub moved_on: Option<MovedOn>,
}

/// Why an account's being broken is no news until it works again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MovedOn {
    /// Its user had a newer account that worked.
    Superseded,
    /// Its incident is over: it left the list broken and came back.
    Ended,
}

impl MovedOn {
    fn code(self) -> &'static str {
        match self {
            Self::Superseded => "superseded",
            Self::Ended => "ended",
        }
    }

    fn from_code(code: &str) -> Option<Self> {
        [Self::Superseded, Self::Ended].into_iter().find(|known| known.code() == code)
    }
}

impl KnownAccount {
    /// What judging a new observation needs to know. `observed_at` is when the user's list was last asked for.
    pub fn history(&self, observed_at: Option<Timestamp>) -> History {
        let working = self.gone_at.is_none() && self.account.status == Status::Active && !self.account.is_disabled;
        let last_active_at = if working { observed_at.or(self.last_active_at) } else { self.last_active_at };
        let left_broken = self.gone_at.is_some() && self.broken_since.is_some();
        History {
            last_active_at,
            broken_since: self.broken_since,
            superseded: self.moved_on == Some(MovedOn::Superseded),
            ended: left_broken || self.moved_on == Some(MovedOn::Ended),
            attempt: false,
        }
    }
}

/// A change of an account's status or condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// Whose account.
    pub user: UserId,
    /// Which account.
    pub account: AccountId,
    /// What it was.
    pub from: (Status, Condition),
    /// What it is now.
    pub to: (Status, Condition),
    /// What the provider's reason points at.
    pub reason: ReasonHint,
}

impl Work {
    /// What is stored of these users; who is unknown is absent.
    pub async fn known_users(&mut self, users: &[UserId]) -> Result<HashMap<UserId, KnownUser>, StoreError> {
        self.users(users, "SELECT user_id, observed_at FROM users WHERE user_id IN ({values})").await
    }

    /// The same, for whoever compares it with a list to record: until the end of the transaction nobody else records
    /// one of theirs, so that of two at once the second sees what the first wrote.
    pub async fn known_users_to_write(&mut self, users: &[UserId]) -> Result<HashMap<UserId, KnownUser>, StoreError> {
        let select = "SELECT user_id, observed_at FROM users WHERE user_id IN ({values}) ORDER BY user_id {row_lock}";
        self.users(users, select).await
    }

    async fn users(
        &mut self,
        users: &[UserId],
        select: &'static str,
    ) -> Result<HashMap<UserId, KnownUser>, StoreError> {
        let mut known = HashMap::with_capacity(users.len());
        for chunk in chunks(one_column(users)) {
            for row in self.session.fetch(sql(select).values(chunk)).await? {
                known.insert(
                    UserId::new(row.text("user_id")?),
                    KnownUser { observed_at: row.opt_instant("observed_at")? },
                );
            }
        }
        Ok(known)
    }

    /// Every account ever seen of these users, gone ones included.
    pub async fn known_accounts(&mut self, users: &[UserId]) -> Result<Vec<KnownAccount>, StoreError> {
        let mut known = Vec::new();
        for chunk in chunks(one_column(users)) {
            let select = sql("SELECT * FROM accounts WHERE user_id IN ({values}) ORDER BY user_id, account_id");
            for row in self.session.fetch(select.values(chunk)).await? {
                known.push(known_account(&row)?);
            }
        }
        Ok(known)
    }

    /// Records that these users were asked about from `asked_at` on, and that it is known since `now`.
    pub async fn upsert_users(
        &mut self,
        users: Vec<SeenUser>,
        asked_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let rows = users
            .into_iter()
            .map(|seen| {
                let observed = seen.complete.then_some(asked_at);
                vec![seen.user.as_str().into(), observed.into(), observed.into(), seen.outcome.into(), now.into()]
            })
            .collect();
        for chunk in chunks(rows) {
            let upsert = sql(
                "INSERT INTO users (user_id, first_observed_at, observed_at, outcome, outcome_at) VALUES {values} \
                 ON CONFLICT (user_id) DO UPDATE SET \
                 first_observed_at = coalesce(users.first_observed_at, excluded.first_observed_at), \
                 observed_at = coalesce(excluded.observed_at, users.observed_at), \
                 outcome = excluded.outcome, outcome_at = excluded.outcome_at",
            );
            self.session.execute(upsert.values(chunk)).await?;
        }
        Ok(())
    }

    /// Writes accounts that are new or changed.
    pub async fn upsert_accounts(&mut self, accounts: &[KnownAccount]) -> Result<(), StoreError> {
        for chunk in chunks(accounts.iter().map(account_values).collect()) {
            let upsert = sql(
                "INSERT INTO accounts (user_id, account_id, toolkit, auth_config, auth_config_disabled, auth_scheme, \
                 status, reason, is_disabled, shared, alias, word_id, created_at, updated_at, condition, silence, \
                 first_seen_at, last_active_at, broken_since, last_seen_at, gone_at, moved_on) VALUES {values} \
                 ON CONFLICT (user_id, account_id) DO UPDATE SET toolkit = excluded.toolkit, \
                 auth_config = excluded.auth_config, auth_config_disabled = excluded.auth_config_disabled, \
                 auth_scheme = excluded.auth_scheme, status = excluded.status, reason = excluded.reason, \
                 is_disabled = excluded.is_disabled, shared = excluded.shared, alias = excluded.alias, \
                 word_id = excluded.word_id, created_at = excluded.created_at, updated_at = excluded.updated_at, \
                 condition = excluded.condition, silence = excluded.silence, \
                 last_active_at = excluded.last_active_at, broken_since = excluded.broken_since, \
                 last_seen_at = excluded.last_seen_at, gone_at = excluded.gone_at, moved_on = excluded.moved_on",
            );
            self.session.execute(upsert.values(chunk)).await?;
        }
        Ok(())
    }

    /// Appends changes.
    pub async fn append_transitions(
        &mut self,
        transitions: &[Transition],
        run: &RunId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let rows = transitions.iter().map(|change| transition_values(change, run, now)).collect();
        for chunk in chunks(rows) {
            // A page recorded again after a lost commit reply finds nothing changed; the conflict clause
            // covers two changes within one millisecond of a clock that stood still.
            let insert = sql(
                "INSERT INTO transitions (user_id, account_id, at, run_id, from_status, from_condition, to_status, \
                 to_condition, reason) VALUES {values} ON CONFLICT DO NOTHING",
            );
            self.session.execute(insert.values(chunk)).await?;
        }
        Ok(())
    }
}

/// One placeholder row per id, for an `IN` list.
pub(super) fn one_column(users: &[UserId]) -> Vec<Vec<Value>> {
    users.iter().map(|user| vec![user.as_str().into()]).collect()
}

fn account_values(known: &KnownAccount) -> Vec<Value> {
    let account = &known.account;
    vec![
        account.user.as_str().into(),
        account.id.as_str().into(),
        account.toolkit.as_str().into(),
        account.auth_config.as_str().into(),
        account.auth_config_disabled.into(),
        account.auth_scheme.as_deref().into(),
        account.status.as_str().into(),
        account.reason.code().into(),
        account.is_disabled.into(),
        account.shared.into(),
        account.alias.as_deref().into(),
        account.word_id.as_deref().into(),
        account.created_at.into(),
        account.updated_at.into(),
        known.condition.code().into(),
        known.silence.map(Silence::code).into(),
        known.first_seen_at.into(),
        known.last_active_at.into(),
        known.broken_since.into(),
        known.last_seen_at.into(),
        known.gone_at.into(),
        known.moved_on.map(MovedOn::code).into(),
    ]
}

fn transition_values(change: &Transition, run: &RunId, now: Timestamp) -> Vec<Value> {
    vec![
        change.user.as_str().into(),
        change.account.as_str().into(),
        now.into(),
        run.as_str().into(),
        change.from.0.as_str().into(),
        change.from.1.code().into(),
        change.to.0.as_str().into(),
        change.to.1.code().into(),
        change.reason.code().into(),
    ]
}

pub(super) fn known_account(row: &Row) -> Result<KnownAccount, StoreError> {
    let account = Account {
        id: AccountId::new(row.text("account_id")?),
        user: UserId::new(row.text("user_id")?),
        toolkit: ToolkitSlug::new(row.text("toolkit")?),
        auth_config: AuthConfigId::new(row.text("auth_config")?),
        auth_config_disabled: row.flag("auth_config_disabled")?,
        auth_scheme: row.opt_text("auth_scheme")?,
        status: Status::parse(&row.text("status")?),
        reason: ReasonHint::from_code(&row.text("reason")?),
        is_disabled: row.flag("is_disabled")?,
        shared: row.flag("shared")?,
        alias: row.opt_text("alias")?,
        word_id: row.opt_text("word_id")?,
        created_at: row.opt_instant("created_at")?,
        updated_at: row.opt_instant("updated_at")?,
    };
    Ok(KnownAccount {
        account,
        condition: Condition::from_code(&row.text("condition")?),
        silence: row.opt_text("silence")?.as_deref().and_then(Silence::from_code),
        first_seen_at: row.instant("first_seen_at")?,
        last_active_at: row.opt_instant("last_active_at")?,
        broken_since: row.opt_instant("broken_since")?,
        last_seen_at: row.opt_instant("last_seen_at")?,
        gone_at: row.opt_instant("gone_at")?,
        moved_on: row.opt_text("moved_on")?.as_deref().and_then(MovedOn::from_code),
    })
}
