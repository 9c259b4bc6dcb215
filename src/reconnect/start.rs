//! A person wants to reconnect: is it still broken, and if so, where is the provider's page?

use std::time::Duration;

use secrecy::SecretString;
use tokio::time::{sleep, timeout};
use tracing::Instrument as _;

use super::look::of_anchor;
use super::observe::AskError;
use super::refused::Refusal;
use super::{LINK_LIMIT, Reconnect, Seen, Standing};
use crate::domain::{Account, AttemptId, Status, Timestamp, causes};
use crate::ports::{HostedLink, LinkWanted, ProviderError};
use crate::store::{AttemptClaim, AttemptPage, AttemptRow, AttemptState, LinkedIncident, NewAttempt, StoreError};
use crate::telemetry::events;

/// Longer than making a page may take with the database's own waits; after it, whoever asked is taken for dead.
const HOLD: Duration = Duration::from_secs(45);

/// How long the second of two tabs waits for the page the first is getting.
const OTHER_LIMIT: Duration = Duration::from_secs(8);
const OTHER_PAUSE: Duration = Duration::from_millis(200);

/// The life of the provider's page (contract, section 2), where its answer does not say, and where it says less: its
/// clock may be behind ours, and while its page works there must be no other. One that is over sooner after all is
/// found out on the next click, which asks about its account anyway.
const PAGE_LIFE: chrono::TimeDelta = chrono::TimeDelta::minutes(10);

/// No page of the provider is taken for live longer than this, whatever it says: a wrong clock or a typing error there
/// must not keep a person from a new one.
const MOST_PAGE_LIFE: chrono::TimeDelta = chrono::TimeDelta::hours(1);

/// What came of wanting to reconnect.
#[derive(Debug)]
pub enum Started {
    /// No link of ours.
    Nothing,
    /// There is nothing to begin; the page behind the link says why.
    Look,
    /// Here is the provider's page.
    Go(SecretString),
    /// The product's own side must be mended first, and its team has been told.
    Team,
    /// Another tab is getting the page at this moment.
    Busy,
    /// The provider could not be asked or did not make a page: again in a minute.
    Later,
}

impl Reconnect {
    /// Whether the link's account is still broken, and the provider's page if so.
    pub async fn start(&self, token: &str) -> Result<Started, StoreError> {
        let view = match self.look(token).await? {
            Seen::Nothing | Seen::Forgotten => return Ok(Started::Nothing),
            Seen::Page(view) if matches!(view.standing, Standing::Open | Standing::Team | Standing::SwitchedOff) => {
                view
            }
            Seen::Page(_) => return Ok(Started::Look),
        };
        let user = &view.incident.user;
        let anchor = view.incident.anchor.account.id.clone();
        let asked_at = self.clock.now();
        let accounts = match self.accounts_now(user, &[anchor]).await {
            Ok(accounts) => accounts,
            Err(error) => return self.not_asked(&view.incident, &error).await,
        };
        let now = self.clock.now();
        let mut work = self.store.begin().await?;
        self.record(&mut work, user, accounts.clone(), asked_at).await?;
        let incident = work.linked_incident(&view.incident.id).await?;
        work.commit().await?;
        let Some(incident) = incident.filter(|incident| incident.closed.is_none()) else { return Ok(Started::Look) };
        match of_anchor(&incident) {
            Standing::Open => {}
            Standing::Team => return Ok(Started::Team),
            _ => return Ok(Started::Look),
        }
        self.over_already(&incident, &accounts, now).await?;
        let new = NewAttempt {
            id: AttemptId::mint(&self.mint),
            link: view.link,
            incident: incident.id.clone(),
            user: incident.user.clone(),
            auth_config: incident.anchor.account.auth_config.clone(),
        };
        let mut work = self.store.begin().await?;
        let claim = work.claim_attempt(&new, HOLD, now).await?;
        work.commit().await?;
        match claim {
            AttemptClaim::Ours => self.make_to_the_end(new).await,
            AttemptClaim::Live(live) => Ok(self.again(&live)),
            AttemptClaim::Busy => self.others(&new).await,
        }
    }

    /// Ends a live attempt whose account the provider says is decided: its page leads nowhere any more.
    async fn over_already(
        &self,
        incident: &LinkedIncident,
        accounts: &[Account],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut work = self.store.begin().await?;
        if let Some(live) = work.open_attempt(&incident.id).await?.filter(|row| row.state == AttemptState::Live)
            && let Some(account) = accounts.iter().find(|account| Some(&account.id) == live.account.as_ref())
            && !matches!(account.status, Status::Initializing | Status::Initiated)
        {
            let expired = account.status == Status::Expired;
            let state = if expired { AttemptState::Expired } else { AttemptState::Failed };
            work.end_attempt(&live.id, state, now).await?;
            work.commit().await?;
        }
        Ok(())
    }

    /// [`Reconnect::make`], carried out also where whoever waits for it gives up: between the provider's answer and our
    /// note of it, an account would be left that nobody here knows.
    async fn make_to_the_end(&self, new: NewAttempt) -> Result<Started, StoreError> {
        let this = self.clone();
        let made = self.tasks.spawn(async move { this.make(&new).await }.in_current_span());
        // It fails only where the process is being torn down.
        made.await.unwrap_or(Ok(Started::Later))
    }

    /// Asks for the page, once, and writes down which account it made before anybody is sent there.
    async fn make(&self, new: &NewAttempt) -> Result<Started, StoreError> {
        let wanted = LinkWanted {
            auth_config: new.auth_config.clone(),
            user: new.user.clone(),
            callback: self.links.callback(&new.id),
        };
        let made = timeout(LINK_LIMIT, Box::pin(self.provider.link(&wanted))).await;
        let now = self.clock.now();
        let link = match made {
            Ok(Ok(link)) => link,
            Ok(Err(error)) => return self.not_made(new, &error, now).await,
            Err(_) => return self.not_made(new, &ProviderError::TimedOut(LINK_LIMIT), now).await,
        };
        let address = self.links.keys.seal(&new.id, &link.address);
        let page = AttemptPage { account: link.account.clone(), address, expires_at: until(&link, now) };
        let mut work = self.store.begin().await?;
        let ours = work.attempt_made(&new.id, &page).await?;
        work.connect_accepted(&new.auth_config).await?;
        work.commit().await?;
        tracing::info!(
            event = events::RECONNECT_STARTED,
            user = %new.user, incident_id = %new.incident, attempt_id = %new.id, account = %link.account,
            "Somebody began to reconnect an account."
        );
        Ok(if ours { Started::Go(link.address) } else { Started::Later })
    }

    async fn not_made(&self, new: &NewAttempt, error: &ProviderError, now: Timestamp) -> Result<Started, StoreError> {
        // A refusal made no account; everything else may have.
        let refused =
            matches!(error, ProviderError::Rejected { .. } | ProviderError::Unauthorized { .. } | ProviderError::Gone);
        let state = if refused { AttemptState::Failed } else { AttemptState::Lost };
        let mut work = self.store.begin().await?;
        work.end_attempt(&new.id, state, now).await?;
        let first = self.tell_of_refusal(&mut work, &new.auth_config, error, now).await?;
        work.commit().await?;
        Ok(log_not_made(new, error, first))
    }

    /// The provider was not to be asked whether it is still broken.
    async fn not_asked(&self, incident: &LinkedIncident, error: &AskError) -> Result<Started, StoreError> {
        if let AskError::Provider(error @ ProviderError::Unauthorized { .. }) = error {
            let mut work = self.store.begin().await?;
            let auth_config = &incident.anchor.account.auth_config;
            let first = self.tell_of_refusal(&mut work, auth_config, error, self.clock.now()).await?;
            work.commit().await?;
            tracing::error!(
                event = events::RECONNECT_REFUSED,
                user = %incident.user, incident_id = %incident.id, first, error = %error,
                "The API key may not read accounts while somebody wants to reconnect one."
            );
            return Ok(Started::Team);
        }
        let causes = causes(error);
        tracing::warn!(event = events::RECONNECT_FAILED, error = %causes, "Somebody who wants to reconnect has to wait.");
        Ok(Started::Later)
    }

    /// Where an earlier click was sent, once more.
    fn again(&self, live: &AttemptRow) -> Started {
        let address = live.address.as_ref().and_then(|sealed| self.links.keys.unseal(&live.id, sealed));
        if let Some(address) = address {
            tracing::debug!(
                event = events::RECONNECT_STARTED,
                user = %live.user, incident_id = %live.incident, attempt_id = %live.id,
                "Somebody goes on with an attempt that can still be finished."
            );
            return Started::Go(address);
        }
        // Another process may still send people there, and somebody may be on it: it ends by itself.
        tracing::warn!(
            event = events::RECONNECT_FAILED,
            user = %live.user, incident_id = %live.incident, attempt_id = %live.id,
            error = "this process does not have the link key that the page's address was sealed with",
            "A page that can still be used cannot be led to from here; it is over within minutes."
        );
        Started::Later
    }

    /// Waits for what another tab, or another process, is getting.
    async fn others(&self, new: &NewAttempt) -> Result<Started, StoreError> {
        let waiting = async {
            loop {
                sleep(OTHER_PAUSE).await;
                let mut work = self.store.begin_read().await?;
                match work.open_attempt(&new.incident).await? {
                    Some(row) if row.state == AttemptState::Asking => {}
                    Some(live) => return Ok(Some(live)),
                    None => return Ok(None),
                }
            }
        };
        let found: Result<Option<AttemptRow>, StoreError> = timeout(OTHER_LIMIT, waiting).await.unwrap_or(Ok(None));
        match found? {
            Some(live) => Ok(self.again(&live)),
            None => Ok(Started::Busy),
        }
    }
}

/// Until when a click leads to this page again: to its end, so that there are never two that work.
fn until(link: &HostedLink, now: Timestamp) -> Timestamp {
    let said = link.expires_at.unwrap_or(now + PAGE_LIFE);
    said.clamp(now + PAGE_LIFE, now + MOST_PAGE_LIFE)
}

/// Says what on-call must know, and what the person is shown.
fn log_not_made(new: &NewAttempt, error: &ProviderError, first: bool) -> Started {
    let (user, incident, auth_config) = (&new.user, &new.incident, &new.auth_config);
    match Refusal::of(error) {
        Some(Refusal::AuthConfig) => {
            tracing::error!(
                event = events::RECONNECT_REFUSED,
                user = %user, incident_id = %incident, auth_config = %auth_config, first, error = %error,
                "The provider makes no connect page with this auth config: is it disabled or deleted?"
            );
            Started::Team
        }
        Some(Refusal::Key) => {
            tracing::error!(
                event = events::RECONNECT_REFUSED,
                user = %user, incident_id = %incident, auth_config = %auth_config, first, error = %error,
                "The API key may not make connect pages: it needs the permission 'Connected accounts: Write'."
            );
            Started::Team
        }
        None => {
            tracing::warn!(
                event = events::RECONNECT_FAILED,
                user = %user, incident_id = %incident, error = %error,
                "No connect page was made; whoever asked for it may try again."
            );
            Started::Later
        }
    }
}
