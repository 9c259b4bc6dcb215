//! What the provider says of one connected account, reduced to what a decision needs. The provider's
//! answer also carries live credentials; they have no place in this type.

use super::ids::{AccountId, AuthConfigId, ToolkitSlug, UserId};
use super::time::Timestamp;

/// The provider's word for an account (contract, section 1.4). Open: the provider has added words before.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Status {
    /// A connect attempt was created.
    Initializing,
    /// A connect attempt waits for the user; the provider expires it after 10 minutes.
    Initiated,
    /// Usable, as far as the provider knows.
    Active,
    /// A connect attempt did not succeed, or (rarely) a refresh in place did not.
    Failed,
    /// The grant no longer works, or an attempt was never finished: the provider uses one word for both.
    Expired,
    /// Disabled through the API or the dashboard.
    Inactive,
    /// Revoked on purpose.
    Revoked,
    /// A word this version does not know, in upper case, at most 32 characters.
    Other(String),
}

impl Status {
    /// Reads the provider's word, whatever its case.
    pub fn parse(text: &str) -> Self {
        let upper: String = text.trim().to_ascii_uppercase().chars().take(32).collect();
        match upper.as_str() {
            "INITIALIZING" => Self::Initializing,
            "INITIATED" => Self::Initiated,
            "ACTIVE" => Self::Active,
            "FAILED" => Self::Failed,
            "EXPIRED" => Self::Expired,
            "INACTIVE" => Self::Inactive,
            "REVOKED" => Self::Revoked,
            _ => Self::Other(upper),
        }
    }

    /// The word as it is stored, shown and sent.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Initializing => "INITIALIZING",
            Self::Initiated => "INITIATED",
            Self::Active => "ACTIVE",
            Self::Failed => "FAILED",
            Self::Expired => "EXPIRED",
            Self::Inactive => "INACTIVE",
            Self::Revoked => "REVOKED",
            Self::Other(word) => word,
        }
    }
}

/// What the provider's free-text `status_reason` points at. The text itself is neither stored nor
/// logged: it is not ours, and nothing promises that it holds no address or token. The known texts are
/// those of the contract, section 1.4; the provider no longer documents the list, so they are hints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReasonHint {
    /// No reason was given.
    None,
    /// "Connection initiation did not complete within 10 minutes".
    NeverCompleted,
    /// "Permanent auth error during token refresh", "OAuth refresh token expired".
    RefreshRefused,
    /// "Max auth failures reached".
    TooManyFailures,
    /// "repeated transient failures": the provider's or the toolkit's bad day.
    Transient,
    /// "OAuth callback failed during token exchange".
    CallbackFailed,
    /// "Connection status updated by user".
    SetByUser,
    /// "Auth config is disabled".
    AuthConfigDisabled,
    /// "Revoked via …".
    Revoked,
    /// `IDENTITY_VERIFICATION_FAILED`: somebody else finished the connect; a security matter.
    IdentityMismatch,
    /// A text this version does not know.
    Other,
}

impl ReasonHint {
    /// All hints and their stored codes.
    pub const CODES: [(Self, &'static str); 11] = [
        (Self::None, "none"),
        (Self::NeverCompleted, "never_completed"),
        (Self::RefreshRefused, "refresh_refused"),
        (Self::TooManyFailures, "too_many_failures"),
        (Self::Transient, "transient"),
        (Self::CallbackFailed, "callback_failed"),
        (Self::SetByUser, "set_by_user"),
        (Self::AuthConfigDisabled, "auth_config_disabled"),
        (Self::Revoked, "revoked"),
        (Self::IdentityMismatch, "identity_mismatch"),
        (Self::Other, "other"),
    ];

    /// Reads the provider's free text: case-insensitive, by part of the text, most specific first.
    pub fn parse(text: Option<&str>) -> Self {
        let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Self::None };
        let text = text.to_lowercase();
        let has = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
        if has(&["identity_verification", "identity verification", "identity mismatch"]) {
            Self::IdentityMismatch
        } else if has(&["did not complete", "initiation"]) {
            Self::NeverCompleted
        } else if has(&["transient"]) {
            Self::Transient
        } else if has(&["max auth failures"]) {
            Self::TooManyFailures
        } else if has(&["callback failed"]) {
            Self::CallbackFailed
        } else if has(&["auth config is disabled"]) {
            Self::AuthConfigDisabled
        } else if has(&["status updated by user"]) {
            Self::SetByUser
        } else if has(&["permanent auth error", "refresh token expired"]) {
            Self::RefreshRefused
        } else if has(&["revoked"]) {
            Self::Revoked
        } else {
            Self::Other
        }
    }

    /// The code as it is stored and shown.
    pub fn code(self) -> &'static str {
        Self::CODES.iter().find(|(hint, _)| *hint == self).map_or("other", |(_, code)| code)
    }

    /// The hint a stored code stands for; a code of a newer version reads as [`ReasonHint::Other`].
    pub fn from_code(code: &str) -> Self {
        Self::CODES.iter().find(|(_, known)| *known == code).map_or(Self::Other, |(hint, _)| *hint)
    }
}

/// One connected account as one answer of the provider described it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The provider's id.
    pub id: AccountId,
    /// Whose account it is: the user the answer was asked for. Always one of the users asked about.
    pub user: UserId,
    /// Which toolkit it links to.
    pub toolkit: ToolkitSlug,
    /// The auth config it was made with.
    pub auth_config: AuthConfigId,
    /// The product's own OAuth app or key is switched off: the operator's business, never the user's.
    pub auth_config_disabled: bool,
    /// The scheme in upper case (`OAUTH2`, `API_KEY`, …), where given.
    pub auth_scheme: Option<String>,
    /// The provider's word.
    pub status: Status,
    /// What the provider's reason text points at.
    pub reason: ReasonHint,
    /// The account itself is switched off, independent of its status.
    pub is_disabled: bool,
    /// Used by more people than its owner.
    pub shared: bool,
    /// The user's own name for the account, untrusted text.
    pub alias: Option<String>,
    /// The provider's name for the account (`gmail_red-castle`).
    pub word_id: Option<String>,
    /// When the row was made; none where the provider's text could not be read.
    pub created_at: Option<Timestamp>,
    /// When the row last changed; none where the provider's text could not be read.
    pub updated_at: Option<Timestamp>,
}

impl Account {
    /// The name that tells this account from the user's others of the same toolkit.
    pub fn label(&self) -> Option<&str> {
        self.alias.as_deref().or(self.word_id.as_deref()).filter(|name| !name.trim().is_empty())
    }

    /// Credentials the product supplied for everybody, which no user can reconnect (contract, section 8.8).
    pub fn is_service_credential(&self) -> bool {
        self.auth_scheme
            .as_deref()
            .is_some_and(|scheme| scheme == "NO_AUTH" || scheme == "S2S_OAUTH2" || scheme.ends_with("SERVICE_ACCOUNT"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_read_by_part_of_the_text_in_any_case() {
        for (text, hint) in [
            (None, ReasonHint::None),
            (Some("  "), ReasonHint::None),
            (Some("Connection initiation did not complete within 10 minutes"), ReasonHint::NeverCompleted),
            (Some("PERMANENT AUTH ERROR during token refresh"), ReasonHint::RefreshRefused),
            (Some("OAuth refresh token expired"), ReasonHint::RefreshRefused),
            (Some("Max auth failures reached"), ReasonHint::TooManyFailures),
            (Some("Repeated transient failures while refreshing"), ReasonHint::Transient),
            (Some("OAuth callback failed during token exchange"), ReasonHint::CallbackFailed),
            (Some("Connection status updated by user"), ReasonHint::SetByUser),
            (Some("Auth config is disabled"), ReasonHint::AuthConfigDisabled),
            (Some("Revoked via user-initiated revoke endpoint"), ReasonHint::Revoked),
            (Some("IDENTITY_VERIFICATION_FAILED"), ReasonHint::IdentityMismatch),
            (Some("something new"), ReasonHint::Other),
        ] {
            assert_eq!(ReasonHint::parse(text), hint, "{text:?}");
            assert_eq!(ReasonHint::from_code(hint.code()), hint);
        }
    }

    #[test]
    fn statuses_are_open_and_bounded() {
        assert_eq!(Status::parse(" expired "), Status::Expired);
        assert_eq!(Status::parse("Paused"), Status::Other("PAUSED".into()));
        assert_eq!(Status::parse(&"x".repeat(500)).as_str().len(), 32);
    }
}
