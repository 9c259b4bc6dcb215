//! Everything stored about one user, for `explain`: reads only.

use super::accounts::known_account;
use super::{KnownAccount, Row, StoreError, Work, sql};
use crate::domain::{Timestamp, UserId};

/// All that is known of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserStory {
    /// When a complete list was first asked for.
    pub first_observed_at: Option<Timestamp>,
    /// When the complete list on record was asked for.
    pub observed_at: Option<Timestamp>,
    /// What came of the last look: `complete`, or the code of why nothing is known.
    pub outcome: String,
    /// When that was.
    pub outcome_at: Timestamp,
    /// Every account ever seen.
    pub accounts: Vec<AccountStory>,
    /// Every incident, oldest first.
    pub incidents: Vec<IncidentStory>,
    /// Every delivery, oldest first.
    pub deliveries: Vec<DeliveryStory>,
}

/// One account and its changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountStory {
    /// As last seen.
    pub known: KnownAccount,
    /// Oldest first.
    pub transitions: Vec<TransitionStory>,
}

/// One change of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransitionStory {
    /// When we saw it.
    pub at: Timestamp,
    /// The status before.
    pub from_status: String,
    /// The status after.
    pub to_status: String,
    /// The condition before.
    pub from_condition: String,
    /// The condition after.
    pub to_condition: String,
    /// What the provider's reason pointed at.
    pub reason: String,
}

/// One incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentStory {
    /// Its id.
    pub id: String,
    /// Of which toolkit.
    pub toolkit: String,
    /// The account it stands for.
    pub account: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it closed, and on which evidence.
    pub closed: Option<(Timestamp, String)>,
    /// The code of the last decision.
    pub decision: Option<String>,
    /// When the next notice can be given, as last decided.
    pub next_notice_at: Option<Timestamp>,
    /// When it was released from the baseline.
    pub released_at: Option<Timestamp>,
    /// The storm it is part of.
    pub storm: Option<String>,
}

/// One delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryStory {
    /// Its id.
    pub id: String,
    /// On which channel.
    pub channel: String,
    /// The id the outside saw.
    pub outside_id: String,
    /// Its state.
    pub state: String,
    /// In words.
    pub detail: Option<String>,
    /// When it was decided.
    pub created_at: Timestamp,
    /// When it will be tried next, where pending.
    pub next_attempt_at: Timestamp,
    /// What it says: `reconnect` or `recovered`.
    pub kind: String,
    /// The incidents it speaks about.
    pub incidents: Vec<String>,
    /// Which notice of each of them it is: 0 is the first, -1 word of the end.
    pub numbers: Vec<i64>,
    /// Oldest first.
    pub attempts: Vec<AttemptStory>,
    /// What operators did to it, oldest first.
    pub actions: Vec<ActionStory>,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptStory {
    /// 1 is the first.
    pub number: i64,
    /// The run that made it.
    pub run: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; none if its worker died.
    pub finished_at: Option<Timestamp>,
    /// How it ended; none if its worker died.
    pub outcome: Option<String>,
    /// In words.
    pub detail: Option<String>,
}

/// What an operator did to a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionStory {
    /// `redelivered` or `cancelled`.
    pub action: String,
    /// Who, as the command knew them.
    pub operator: String,
    /// When.
    pub at: Timestamp,
    /// How many attempts there had been.
    pub attempts: i64,
}

impl Work {
    /// Everything stored about `user`; none if we never looked at this user.
    pub async fn story_of(&mut self, user: &UserId) -> Result<Option<UserStory>, StoreError> {
        let rows = self.session.fetch(sql("SELECT * FROM users WHERE user_id = $1").bind(user.as_str())).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(UserStory {
            first_observed_at: row.opt_instant("first_observed_at")?,
            observed_at: row.opt_instant("observed_at")?,
            outcome: row.text("outcome")?,
            outcome_at: row.instant("outcome_at")?,
            accounts: self.account_stories(user).await?,
            incidents: self.incident_stories(user).await?,
            deliveries: self.delivery_stories(user).await?,
        }))
    }

    async fn account_stories(&mut self, user: &UserId) -> Result<Vec<AccountStory>, StoreError> {
        let select = sql("SELECT * FROM accounts WHERE user_id = $1 ORDER BY toolkit, first_seen_at, account_id");
        let mut stories = Vec::new();
        for row in self.session.fetch(select.bind(user.as_str())).await? {
            let known = known_account(&row)?;
            let select = sql("SELECT * FROM transitions WHERE user_id = $1 AND account_id = $2 ORDER BY at");
            let select = select.bind(user.as_str()).bind(known.account.id.as_str());
            let mut transitions = Vec::new();
            for row in self.session.fetch(select).await? {
                transitions.push(TransitionStory {
                    at: row.instant("at")?,
                    from_status: row.text("from_status")?,
                    to_status: row.text("to_status")?,
                    from_condition: row.text("from_condition")?,
                    to_condition: row.text("to_condition")?,
                    reason: row.text("reason")?,
                });
            }
            stories.push(AccountStory { known, transitions });
        }
        Ok(stories)
    }

    async fn incident_stories(&mut self, user: &UserId) -> Result<Vec<IncidentStory>, StoreError> {
        let select = sql("SELECT * FROM incidents WHERE user_id = $1 ORDER BY opened_at, incident_id");
        self.session.fetch(select.bind(user.as_str())).await?.iter().map(incident_story).collect()
    }

    async fn delivery_stories(&mut self, user: &UserId) -> Result<Vec<DeliveryStory>, StoreError> {
        let select =
            sql("SELECT d.*, n.kind FROM deliveries d JOIN notifications n ON n.notification_id = d.notification_id \
             WHERE n.user_id = $1 ORDER BY d.created_at, d.delivery_id");
        let mut stories = Vec::new();
        for row in self.session.fetch(select.bind(user.as_str())).await? {
            let id = row.text("delivery_id")?;
            let select = sql("SELECT incident_id, number FROM notification_items WHERE notification_id = $1 \
                 ORDER BY incident_id");
            let items = self.session.fetch(select.bind(row.text("notification_id")?)).await?;
            let incidents: Result<Vec<String>, _> = items.iter().map(|item| item.text("incident_id")).collect();
            let numbers: Result<Vec<i64>, _> = items.iter().map(|item| item.int("number")).collect();
            stories.push(DeliveryStory {
                channel: row.text("channel")?,
                outside_id: row.text("outside_id")?,
                state: row.text("state")?,
                detail: row.opt_text("detail")?,
                created_at: row.instant("created_at")?,
                next_attempt_at: row.instant("next_attempt_at")?,
                kind: row.text("kind")?,
                incidents: incidents?,
                numbers: numbers?,
                attempts: self.attempt_stories(&id).await?,
                actions: self.action_stories(&id).await?,
                id,
            });
        }
        Ok(stories)
    }

    pub(super) async fn attempt_stories(&mut self, delivery: &str) -> Result<Vec<AttemptStory>, StoreError> {
        let select = sql("SELECT * FROM attempts WHERE delivery_id = $1 ORDER BY number").bind(delivery);
        let mut attempts = Vec::new();
        for row in self.session.fetch(select).await? {
            attempts.push(AttemptStory {
                number: row.int("number")?,
                run: row.text("run_id")?,
                started_at: row.instant("started_at")?,
                finished_at: row.opt_instant("finished_at")?,
                outcome: row.opt_text("outcome")?,
                detail: row.opt_text("detail")?,
            });
        }
        Ok(attempts)
    }

    pub(super) async fn action_stories(&mut self, delivery: &str) -> Result<Vec<ActionStory>, StoreError> {
        let select = sql("SELECT * FROM operator_actions WHERE delivery_id = $1 ORDER BY number").bind(delivery);
        let mut actions = Vec::new();
        for row in self.session.fetch(select).await? {
            actions.push(ActionStory {
                action: row.text("action")?,
                operator: row.text("operator")?,
                at: row.instant("at")?,
                attempts: row.int("attempts")?,
            });
        }
        Ok(actions)
    }
}

pub(super) fn incident_story(row: &Row) -> Result<IncidentStory, StoreError> {
    Ok(IncidentStory {
        id: row.text("incident_id")?,
        toolkit: row.text("toolkit")?,
        account: row.text("account_id")?,
        opened_at: row.instant("opened_at")?,
        closed: row.opt_instant("closed_at")?.zip(row.opt_text("close_evidence")?),
        decision: row.opt_text("decision")?,
        next_notice_at: row.opt_instant("next_notice_at")?,
        released_at: row.opt_instant("released_at")?,
        storm: row.opt_text("storm_id")?,
    })
}
