//! Connect links: what making one leaves behind, and what happens when somebody follows it.
//!
//! Making a link makes an INITIATED account at once; nobody finishing it leaves that account EXPIRED
//! ten minutes later, for ever (contract, sections 0.3 to 0.5).

use super::account::{ATTEMPT_LIFE, SimAccount};
use super::reply::Refused;
use super::world::{AuthConfig, Stored, World};
use crate::domain::{AccountId, AuthConfigId, Timestamp, ToolkitSlug, UserId};
use axum::http::StatusCode;

/// A link somebody may follow until `expires_at`, once.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub account: AccountId,
    pub callback_url: Option<String>,
    pub expires_at: Timestamp,
}

/// A link just made.
pub(super) struct NewLink {
    pub token: String,
    pub account: AccountId,
    pub expires_at: Timestamp,
}

/// What a link is made for.
pub(super) struct LinkRequest {
    pub auth_config: AuthConfigId,
    pub user: UserId,
    pub callback_url: Option<String>,
    pub alias: Option<String>,
}

/// What the person on the hosted page chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    Approve,
    Deny,
}

impl World {
    /// Makes an account in status INITIATED and a link to it.
    pub(super) fn make_link(&self, request: LinkRequest) -> Result<NewLink, Refused> {
        let now = self.now();
        let config = self
            .auth_config(&request.auth_config)
            .ok_or_else(|| Refused::new(StatusCode::NOT_FOUND, "AuthConfig_NotFound", "Auth config not found"))?;
        if config.is_disabled {
            return Err(Refused::bad_request("Auth config is disabled"));
        }
        let taken = |account: &SimAccount| account.toolkit == config.toolkit && account.alias == request.alias;
        if request.alias.is_some() && self.accounts_of(&request.user).iter().any(taken) {
            return Err(Refused::bad_request("The alias is already used for this user and toolkit"));
        }
        Ok(self.with(|stored| {
            let id = format!("ca_{}", stored.nano_id());
            let mut account = SimAccount::new(&id, request.user.as_str(), config.toolkit.as_str(), now)
                .status("INITIATED", None, now)
                .auth_config(request.auth_config.as_str())
                .scheme(&config.scheme);
            account.alias = request.alias;
            account.word_id = Some(format!("{}_{}", config.toolkit.as_str(), &id[3..9]));
            let id = account.id.clone();
            stored.put(account);
            stored.link_to(id, request.callback_url, now)
        }))
    }

    /// Makes a link to an account that exists: what the deprecated refresh does.
    pub(super) fn link_again(&self, account: &AccountId, callback_url: Option<String>) -> NewLink {
        let now = self.now();
        self.with(|stored| stored.link_to(account.clone(), callback_url, now))
    }

    /// A link that can still be followed.
    pub(super) fn open_link(&self, token: &str) -> Option<Link> {
        let now = self.now();
        self.with(|stored| stored.links.get(token).filter(|link| now < link.expires_at).cloned())
    }

    /// Ends the attempt a link belongs to and uses the link up; none when it can no longer be followed
    /// or its account is no attempt any more.
    pub(super) fn follow_link(&self, token: &str, choice: Choice) -> Option<Link> {
        let link = self.open_link(token)?;
        let outcome = self.try_change(&link.account, |account| {
            if !account.is_attempt() {
                return Err(());
            }
            let (status, reason) = match choice {
                Choice::Approve => ("ACTIVE", None),
                Choice::Deny => ("FAILED", Some("OAuth callback failed during token exchange")),
            };
            status.clone_into(&mut account.status);
            account.status_reason = reason.map(str::to_owned);
            Ok(())
        });
        self.with(|stored| stored.links.remove(token));
        outcome.and_then(Result::ok).map(|()| link)
    }

    /// An auth config that was put, that an account has, or that the population implies.
    fn auth_config(&self, id: &AuthConfigId) -> Option<AuthConfig> {
        let generated = || {
            let toolkit = self.population()?.toolkit_of(id)?;
            Some(AuthConfig { toolkit: ToolkitSlug::new(toolkit), scheme: "OAUTH2".into(), is_disabled: false })
        };
        self.with(|stored| stored.auth_configs.get(id).cloned()).or_else(generated)
    }
}

impl Stored {
    fn link_to(&mut self, account: AccountId, callback_url: Option<String>, now: Timestamp) -> NewLink {
        // Dead links go here, so that their number is bounded by what ten minutes can make.
        self.links.retain(|_, link| now < link.expires_at);
        let token = format!("ln_{}", self.nano_id());
        let expires_at = now + ATTEMPT_LIFE;
        self.links.insert(token.clone(), Link { account: account.clone(), callback_url, expires_at });
        NewLink { token, account, expires_at }
    }

    /// Twelve letters and digits, as the provider's ids have.
    fn nano_id(&mut self) -> String {
        (0..12).map(|_| self.dice.alphanumeric()).collect()
    }
}
