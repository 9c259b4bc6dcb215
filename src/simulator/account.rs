//! One connected account as the simulated provider keeps it, and the rule that ends unfinished attempts.

use chrono::TimeDelta;

use crate::domain::{AccountId, AuthConfigId, Timestamp, ToolkitSlug, UserId};

/// The reason an unfinished attempt expires with (contract, section 0.2).
pub const NEVER_COMPLETED: &str = "Connection initiation did not complete within 10 minutes";

/// How long a connect attempt and its link live (contract, sections 0.2 and 0.4).
pub(super) const ATTEMPT_LIFE: TimeDelta = TimeDelta::minutes(10);

/// A connected account. The fields are those of the contract's list item (section 1.3); statuses are plain
/// text, so that a word the product does not know can be served too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimAccount {
    /// `ca_…`.
    pub id: AccountId,
    /// Whose it is; for a shared account, who made it.
    pub user_id: UserId,
    /// Lower-case slug.
    pub toolkit: ToolkitSlug,
    /// `ac_…`.
    pub auth_config_id: AuthConfigId,
    /// `OAUTH2`, `API_KEY`, …
    pub auth_scheme: String,
    /// `ACTIVE`, `EXPIRED`, …, or any other word.
    pub status: String,
    /// Free text.
    pub status_reason: Option<String>,
    /// The account is switched off.
    pub is_disabled: bool,
    /// The auth config is switched off.
    pub auth_config_disabled: bool,
    /// `account_type` SHARED instead of PRIVATE.
    pub shared: bool,
    /// The user's own name for it.
    pub alias: Option<String>,
    /// The provider's name for it.
    pub word_id: Option<String>,
    /// When the row was made.
    pub created_at: Timestamp,
    /// When the row last changed.
    pub updated_at: Timestamp,
}

impl SimAccount {
    /// A private, enabled ACTIVE OAUTH2 account made and last changed at `created_at`, of the auth config
    /// `ac_` and the toolkit's slug.
    pub fn new(id: &str, user: &str, toolkit: &str, created_at: Timestamp) -> Self {
        Self {
            id: AccountId::new(id),
            user_id: UserId::new(user),
            toolkit: ToolkitSlug::new(toolkit),
            auth_config_id: AuthConfigId::new(format!("ac_{toolkit}")),
            auth_scheme: "OAUTH2".into(),
            status: "ACTIVE".into(),
            status_reason: None,
            is_disabled: false,
            auth_config_disabled: false,
            shared: false,
            alias: None,
            word_id: None,
            created_at,
            updated_at: created_at,
        }
    }

    /// With this status, reached at `updated_at` for `reason`.
    #[must_use]
    pub fn status(mut self, status: &str, reason: Option<&str>, updated_at: Timestamp) -> Self {
        status.clone_into(&mut self.status);
        self.status_reason = reason.map(str::to_owned);
        self.updated_at = updated_at;
        self
    }

    /// With this alias.
    #[must_use]
    pub fn alias(mut self, alias: &str) -> Self {
        self.alias = Some(alias.to_owned());
        self
    }

    /// With this auth config.
    #[must_use]
    pub fn auth_config(mut self, id: &str) -> Self {
        self.auth_config_id = AuthConfigId::new(id);
        self
    }

    /// With this authentication scheme.
    #[must_use]
    pub fn scheme(mut self, scheme: &str) -> Self {
        scheme.clone_into(&mut self.auth_scheme);
        self
    }

    /// Switched off.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.is_disabled = true;
        self
    }

    /// Made with an auth config that is switched off.
    #[must_use]
    pub fn auth_config_disabled(mut self) -> Self {
        self.auth_config_disabled = true;
        self
    }

    /// SHARED instead of PRIVATE.
    #[must_use]
    pub fn shared(mut self) -> Self {
        self.shared = true;
        self
    }

    /// Whether this is a connect attempt that waits for the user.
    pub(super) fn is_attempt(&self) -> bool {
        matches!(self.status.as_str(), "INITIALIZING" | "INITIATED")
    }

    /// Ends an attempt that nobody finished: EXPIRED, ten minutes after it began. The provider does it on
    /// a timer; here it happens when the account is next looked at, with the instant it should have had.
    pub(super) fn settle(&mut self, now: Timestamp) {
        let ends_at = self.updated_at + ATTEMPT_LIFE;
        if self.is_attempt() && now >= ends_at {
            self.status = "EXPIRED".into();
            self.status_reason = Some(NEVER_COMPLETED.into());
            self.updated_at = ends_at;
        }
    }
}
