//! One person's accounts, asked for while they wait, and recorded like any other observation.

use std::time::Duration;

use tokio::time::timeout;

use super::{ASK_LIMIT, Reconnect};
use crate::domain::{Account, AccountId, Observation, RunCounters, ScannedPage, Timestamp, UserId, UserObservation};
use crate::ports::ProviderError;
use crate::record::{Baseline, RecordContext, record_page};
use crate::store::{StoreError, Work};

/// What the provider said could not be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    #[error("the provider could not be asked while somebody waited")]
    Provider(#[source] ProviderError),
    #[error("the provider did not answer while somebody waited, within {0:?}")]
    Slow(Duration),
}

impl Reconnect {
    /// A complete, fresh list of a user's accounts, with those of `certain` in it that exist.
    pub(super) async fn accounts_now(&self, user: &UserId, certain: &[AccountId]) -> Result<Vec<Account>, AskError> {
        let ask = async {
            let mut accounts = self.provider.accounts_of(std::slice::from_ref(user)).await?.accounts;
            // What a list lacks is gone only if it cannot be had by its id either.
            let missing = |id: &&AccountId| !accounts.iter().any(|account| account.id == **id);
            let missing: Vec<AccountId> = certain.iter().filter(missing).cloned().collect();
            if !missing.is_empty() {
                accounts.extend(self.provider.accounts_by_id(user, &missing).await?);
            }
            match accounts.iter().find(|account| account.user != *user) {
                // The adapter refuses such an answer already; nobody's account may be taken for another's.
                Some(foreign) => {
                    let (account, owner) = (foreign.id.clone(), foreign.user.clone());
                    Err(ProviderError::ForeignAccount { account, owner })
                }
                None => Ok(accounts),
            }
        };
        timeout(ASK_LIMIT, Box::pin(ask)).await.map_err(|_| AskError::Slow(ASK_LIMIT))?.map_err(AskError::Provider)
    }

    /// Records what was seen by asking from `asked_at` on, as an audit would; the caller commits.
    pub(super) async fn record(
        &self,
        work: &mut Work,
        user: &UserId,
        accounts: Vec<Account>,
        asked_at: Timestamp,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let observation = Observation::Complete(accounts);
        let users = vec![UserObservation { user: user.clone(), observation }];
        let (taking_stock, until) = work.stock_taking().await?;
        let baseline = Baseline { taking_stock, until };
        let context = RecordContext { run: &self.run, baseline, now, mint: &self.mint };
        record_page(work, &ScannedPage { users, asked_at, next: None }, context, &mut RunCounters::default()).await
    }
}
