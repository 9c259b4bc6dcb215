//! A person comes back from the provider's page: does the account work?

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::Reconnect;
use super::look::newer;
use super::observe::AskError;
use crate::domain::{Account, AccountId, AttemptId, Status, Timestamp, TokenFor, causes};
use crate::store::{AttemptRow, AttemptState, LinkedIncident, StoreError, Work};
use crate::telemetry::events;

/// Some accounts turn ACTIVE a moment after their person was sent back: asked so often, with this pause.
const LOOKS: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// What came of an attempt.
#[derive(Debug)]
pub enum Finished {
    /// No attempt of ours.
    Nothing,
    /// Nothing may be said of the attempt itself: it had come to its end and the toolkit's account broke again, or the
    /// link was revoked meanwhile. `page` says how things stand.
    Look {
        /// The page behind the mail's link.
        page: String,
    },
    /// It works.
    Works {
        /// What it was about.
        incident: Box<LinkedIncident>,
        /// Other accounts of the toolkit that stopped and that this one took the place of.
        others: u64,
    },
    /// The provider has not decided yet; the same address answers again.
    Waiting(Box<LinkedIncident>),
    /// It did not come to anything. `page` is where to begin anew.
    NotDone {
        /// What it was about.
        incident: Box<LinkedIncident>,
        /// The page behind the mail's link.
        page: String,
    },
    /// The provider could not be asked.
    Later(Box<LinkedIncident>),
}

impl Reconnect {
    /// The attempt a token names, if it is one of ours.
    pub fn attempt_of(&self, token: &str) -> Option<AttemptId> {
        self.links.keys.open(TokenFor::Attempt, token).ok().map(AttemptId::from_bytes)
    }

    /// What came of the attempt `token` names. Nothing else that a browser brings is looked at: which account it is and
    /// whose, is on record; whether it works, the provider says. What cannot be seen until `by` is seen later.
    pub async fn finish(&self, token: &str, by: Instant) -> Result<Finished, StoreError> {
        let Some(id) = self.attempt_of(token) else { return Ok(Finished::Nothing) };
        let mut work = self.store.begin_read().await?;
        let Some(attempt) = work.reconnect_attempt(&id).await? else {
            return Ok(Finished::Nothing);
        };
        let Some(incident) = work.linked_incident(&attempt.incident).await?.map(Box::new) else {
            return Ok(Finished::Nothing);
        };
        if revoked(&mut work, &attempt).await? {
            return Ok(Finished::Look { page: self.links.page(&attempt.link) });
        }
        let broke_again = newer(&mut work, &incident).await?.is_some();
        let others = work.others_that_stopped(&incident).await?;
        work.roll_back();
        if attempt.state == AttemptState::Succeeded && !broke_again {
            return Ok(Finished::Works { incident, others });
        }
        let made = match attempt.account.clone() {
            Some(made) if attempt.state != AttemptState::Succeeded => made,
            _ => return Ok(self.not_done(&attempt, incident, broke_again)),
        };
        let unseen = match timeout_at(by, Box::pin(self.looks(&attempt, incident.clone(), made))).await {
            Ok(Ok(finished)) => return Ok(finished),
            Ok(Err(error)) => causes(&error),
            Err(_) => "it took too long".to_owned(),
        };
        tracing::warn!(
            event = events::RECONNECT_FAILED,
            user = %attempt.user, incident_id = %attempt.incident, attempt_id = %attempt.id, error = %unseen,
            "What came of an attempt could not be seen or written down; the next look will tell."
        );
        Ok(Finished::Later(incident))
    }

    /// Asks until it is decided, a few times.
    async fn looks(
        &self,
        attempt: &AttemptRow,
        incident: Box<LinkedIncident>,
        made: AccountId,
    ) -> Result<Finished, StoreError> {
        for look in 1..=LOOKS {
            let anchor = incident.anchor.account.id.clone();
            let asked_at = self.clock.now();
            let accounts = match self.accounts_now(&attempt.user, &[made.clone(), anchor]).await {
                Ok(accounts) => accounts,
                Err(error) => {
                    self.note_unseen(attempt, &incident, &error).await?;
                    return Ok(Finished::Later(incident));
                }
            };
            let state = outcome(accounts.iter().find(|account| account.id == made));
            if state.is_some() || look == LOOKS {
                return self.ended(attempt, incident, (accounts, asked_at), state).await;
            }
            sleep(PAUSE).await;
        }
        Ok(Finished::Waiting(incident))
    }

    /// Says why the provider did not say how an attempt ended.
    async fn note_unseen(
        &self,
        attempt: &AttemptRow,
        incident: &LinkedIncident,
        error: &AskError,
    ) -> Result<(), StoreError> {
        if !self.refused_to_say(incident, error).await? {
            tracing::warn!(
                event = events::RECONNECT_FAILED,
                user = %attempt.user, incident_id = %attempt.incident, attempt_id = %attempt.id, error = %causes(error),
                "Whether somebody has reconnected could not be seen; the next look will tell."
            );
        }
        Ok(())
    }

    /// Records what was seen and ends the attempt, in one transaction.
    async fn ended(
        &self,
        attempt: &AttemptRow,
        incident: Box<LinkedIncident>,
        (accounts, asked_at): (Vec<Account>, Timestamp),
        state: Option<AttemptState>,
    ) -> Result<Finished, StoreError> {
        let now = self.clock.now();
        let mut work = self.store.begin().await?;
        self.record(&mut work, &attempt.user, accounts, asked_at).await?;
        let changed = match state {
            Some(state) => work.end_attempt(&attempt.id, state, now).await?,
            None => false,
        };
        // Recording may have ended the incident, and an older one may have a successor.
        let incident = work.linked_incident(&incident.id).await?.map_or(incident, Box::new);
        let broke_again = newer(&mut work, &incident).await?.is_some();
        let others = work.others_that_stopped(&incident).await?;
        work.commit().await?;
        if let Some(state) = state.filter(|_| changed) {
            tracing::info!(
                event = events::RECONNECT_ENDED,
                user = %attempt.user, incident_id = %attempt.incident, attempt_id = %attempt.id, outcome = state.code(),
                "Somebody came back from reconnecting an account."
            );
        }
        Ok(match state {
            Some(AttemptState::Succeeded) => Finished::Works { incident, others },
            Some(_) => self.not_done(attempt, incident, broke_again),
            None => Finished::Waiting(incident),
        })
    }

    fn not_done(&self, attempt: &AttemptRow, incident: Box<LinkedIncident>, broke_again: bool) -> Finished {
        let page = self.links.page(&attempt.link);
        if broke_again { Finished::Look { page } } else { Finished::NotDone { incident, page } }
    }
}

/// Whether an operator took back what the attempt began behind: its own link, or all there are to what it is to mend.
async fn revoked(work: &mut Work, attempt: &AttemptRow) -> Result<bool, StoreError> {
    let own = work.link(&attempt.link).await?.is_some_and(|link| link.revoked_at.is_some());
    Ok(own || work.only_revoked_links(&attempt.user, &attempt.incident).await?)
}

/// How the attempt that made this account ended; none if it has not.
fn outcome(account: Option<&Account>) -> Option<AttemptState> {
    match account {
        Some(account) if account.is_disabled => Some(AttemptState::Failed),
        Some(account) => match account.status {
            Status::Active => Some(AttemptState::Succeeded),
            Status::Initializing | Status::Initiated => None,
            Status::Expired => Some(AttemptState::Expired),
            Status::Failed | Status::Inactive | Status::Revoked | Status::Other(_) => Some(AttemptState::Failed),
        },
        // Deleted meanwhile.
        None => Some(AttemptState::Failed),
    }
}
