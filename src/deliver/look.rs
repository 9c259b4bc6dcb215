//! The last look before something is said: what is stored about it, and what the provider says now.
//!
//! Turns a claimed delivery into what may still be said. Reads only; the incidents that turn out to be over are
//! handed on to be closed with the attempt's settlement.

use std::collections::HashMap;

use super::recheck::{Before, Rechecked, recheck, still_works};
use super::{DeliverError, Deliverer};
use crate::domain::{Account, AccountId, CloseEvidence, NoticeItem, Recovery, Silence, ToolkitSlug, UserId};
use crate::ports::ProviderError;
use crate::store::{ClaimedDelivery, PlannedItem, ToldEnd};

/// Ids per request, as many as a page has items.
const MOST_IDS: usize = 100;

impl Deliverer {
    /// Asks the provider once more and compares with what was planned.
    pub(super) async fn look_again(&self, claimed: &ClaimedDelivery) -> Result<Rechecked, DeliverError> {
        let user = std::slice::from_ref(&claimed.user);
        let now = self.clock.now();
        let mut work = self.store.begin_read().await?;
        let planned: Vec<PlannedItem> = work.items_of(&claimed.notification).await?;
        let spoken_of = work.spoken_of(&claimed.notification).await?;
        let open = work.stored_incidents_of(user).await?;
        let known = work.known_accounts(user).await?;
        let observed_at = work.known_users(user).await?.get(&claimed.user).and_then(|known| known.observed_at);
        let silences = work.active_silences(now).await?;
        let attempts = work.attempted_accounts(user).await?;
        work.roll_back();
        let (planned, open, known, spoken_of, silences) = (&planned, &open, &known, &spoken_of, &silences);
        let before = Before { planned, open, known, observed_at, spoken_of, silences, attempts: &attempts };
        if before.nothing_may_be_said(now) {
            // Not worth a request: whatever the provider says, nobody is told.
            return Ok(recheck(&before, Vec::new(), &self.reconnect_url, now));
        }
        let mut fresh = self.accounts_now(user).await?;
        // An account the list lacks is asked for by its id before its incident may be closed as gone.
        let about = open.iter().filter(|incident| planned.iter().any(|item| item.incident == incident.id));
        let missing: Vec<_> = about
            .map(|incident| incident.anchor.account.id.clone())
            .filter(|anchor| !fresh.iter().any(|account| account.id == *anchor))
            .collect();
        for ids in missing.chunks(MOST_IDS) {
            fresh.extend(self.provider.accounts_by_id(&claimed.user, ids).await.map_err(DeliverError::Provider)?);
        }
        Ok(recheck(&before, fresh, &self.reconnect_url, self.clock.now()))
    }

    /// The ends of incidents as they are on record.
    pub(super) async fn ends(&self, claimed: &ClaimedDelivery) -> Result<Rechecked, DeliverError> {
        let mut work = self.store.begin_read().await?;
        let ended = work.ends_told_by(&claimed.notification).await?;
        work.roll_back();
        let items = ended.iter().map(|incident| self.end_of(incident)).collect();
        Ok(Rechecked { items, ..Rechecked::default() })
    }

    /// Of the ends of incidents, those about which the provider says at this moment that what was reconnected works: the account
    /// itself, or where a newer one took its place any of the toolkit.
    pub(super) async fn ends_that_hold(&self, claimed: &ClaimedDelivery) -> Result<Rechecked, DeliverError> {
        let user = std::slice::from_ref(&claimed.user);
        let mut work = self.store.begin_read().await?;
        let ended = work.ends_told_by(&claimed.notification).await?;
        let known = work.known_accounts(user).await?;
        let observed_at = work.known_users(user).await?.get(&claimed.user).and_then(|known| known.observed_at);
        let silences = work.active_silences(self.clock.now()).await?;
        work.roll_back();
        let fresh = self.accounts_now(user).await?;
        let now = self.clock.now();
        let works = still_works(fresh, &known, observed_at, now);
        let mut result = Rechecked::default();
        for incident in &ended {
            let config = &incident.anchor.account.auth_config;
            if silences.iter().any(|silence| silence.covers(&claimed.user, &incident.toolkit, config, now)) {
                result.dropped.push(Silence::Silenced);
            } else if holds(incident, &works) {
                result.items.push(self.end_of(incident));
            } else {
                result.dropped.push(Silence::BrokenAgain);
            }
        }
        Ok(result)
    }

    /// A complete, fresh list of one user's accounts.
    async fn accounts_now(&self, user: &[UserId]) -> Result<Vec<Account>, DeliverError> {
        let list = self.provider.accounts_of(user).await.map_err(DeliverError::Provider)?;
        if let Some(foreign) = list.accounts.iter().find(|account| !user.contains(&account.user)) {
            // The adapter refuses such an answer already; nothing may be sent on a second adapter's slip.
            return Err(DeliverError::Provider(ProviderError::ForeignAccount {
                account: foreign.id.clone(),
                owner: foreign.user.clone(),
            }));
        }
        Ok(list.accounts)
    }

    fn end_of(&self, incident: &ToldEnd) -> NoticeItem {
        let ToldEnd { id, notices, toolkit, anchor, broke_at, recovery } = incident;
        NoticeItem {
            incident: id.clone(),
            number: *notices,
            toolkit: toolkit.clone(),
            account: anchor.account.id.clone(),
            label: anchor.account.label().map(str::to_owned),
            second_account: false,
            broke_at: *broke_at,
            reconnect_url: self.reconnect_url.for_toolkit(toolkit),
            recovery: Some(Recovery { at: recovery.at, evidence: recovery.evidence }),
        }
    }
}

/// Whether an end still holds: what works again is the account itself, unless a newer one took its place.
fn holds(ended: &ToldEnd, works: &HashMap<AccountId, ToolkitSlug>) -> bool {
    match ended.recovery.evidence {
        CloseEvidence::Active => works.contains_key(&ended.anchor.account.id),
        CloseEvidence::Superseded | CloseEvidence::Gone => works.values().any(|toolkit| *toolkit == ended.toolkit),
    }
}
