//! An operator's word that nobody be told about a user, a toolkit or an auth config until a moment.
//!
//! Turns such words and an account's coordinates into "covered" or not, as a pure function, so that planning and
//! sending ask the same question. Guarantees: a silence that says nothing of whom it covers, why, by whom or until
//! when cannot be made; one that has ended covers nobody. A crash leaves nothing.

use super::ids::{AuthConfigId, SilenceId, ToolkitSlug, UserId};
use super::time::Timestamp;

/// Longer reasons belong into the operator's own tracker; the link to it fits.
pub const MAX_REASON_CHARS: usize = 500;

/// As long as operators' names may be.
pub const MAX_AUTHOR_CHARS: usize = 100;

/// What a silence covers: everything that matches all that is given. At least one is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilenceScope {
    user: Option<UserId>,
    toolkit: Option<ToolkitSlug>,
    auth_config: Option<AuthConfigId>,
}

/// Something about a silence cannot be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SilenceError {
    /// Nothing says whom it covers.
    #[error("a silence needs a user, a toolkit or an auth config: it must not cover everybody")]
    NoScope,
    /// A user, toolkit or auth config is blank.
    #[error("the user, toolkit or auth config of a silence is empty")]
    BlankScope,
    /// Its end is not in the future.
    #[error("a silence must end in the future")]
    Over,
    /// Why is missing or too long.
    #[error("a silence needs a reason, of at most {MAX_REASON_CHARS} characters")]
    Reason,
    /// By whom is missing or too long.
    #[error("a silence needs an author, named in at most {MAX_AUTHOR_CHARS} characters")]
    Author,
}

impl SilenceScope {
    /// A scope of everything that is given; fails where nothing is, or something is blank. Toolkits are lower case
    /// at the provider, so case is ignored there.
    pub fn new(
        user: Option<UserId>,
        toolkit: Option<ToolkitSlug>,
        auth_config: Option<AuthConfigId>,
    ) -> Result<Self, SilenceError> {
        let toolkit = toolkit.map(|slug| ToolkitSlug::new(slug.as_str().trim().to_lowercase()));
        let given = [
            user.as_ref().map(UserId::as_str),
            toolkit.as_ref().map(ToolkitSlug::as_str),
            auth_config.as_ref().map(AuthConfigId::as_str),
        ];
        if given.iter().all(Option::is_none) {
            return Err(SilenceError::NoScope);
        }
        if given.iter().flatten().any(|text| text.trim().is_empty()) {
            return Err(SilenceError::BlankScope);
        }
        Ok(Self { user, toolkit, auth_config })
    }

    /// Only this user; none for all.
    pub fn user(&self) -> Option<&UserId> {
        self.user.as_ref()
    }

    /// Only this toolkit; none for all.
    pub fn toolkit(&self) -> Option<&ToolkitSlug> {
        self.toolkit.as_ref()
    }

    /// Only this auth config; none for all.
    pub fn auth_config(&self) -> Option<&AuthConfigId> {
        self.auth_config.as_ref()
    }

    fn holds(&self, user: &UserId, toolkit: &ToolkitSlug, auth_config: &AuthConfigId) -> bool {
        self.user.as_ref().is_none_or(|only| only == user)
            && self.toolkit.as_ref().is_none_or(|only| only == toolkit)
            && self.auth_config.as_ref().is_none_or(|only| only == auth_config)
    }
}

/// An operator's silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorSilence {
    /// Which (UUID v7).
    pub id: SilenceId,
    /// What it covers.
    pub scope: SilenceScope,
    /// The first moment at which it does not hold any more.
    pub until: Timestamp,
    /// Why, in the operator's words.
    pub reason: String,
    /// Who said so.
    pub author: String,
    /// When.
    pub created_at: Timestamp,
    /// When it was ended before its time and by whom, where it was.
    pub ended: Option<(Timestamp, String)>,
}

impl OperatorSilence {
    /// A new silence from `now` on; blanks around reason and author are removed.
    pub fn new(
        id: SilenceId,
        scope: SilenceScope,
        until: Timestamp,
        (reason, author): (&str, &str),
        now: Timestamp,
    ) -> Result<Self, SilenceError> {
        let (reason, author) = (reason.trim(), author.trim());
        let bounded = |text: &str, max: usize| !text.is_empty() && text.chars().count() <= max;
        if until <= now {
            return Err(SilenceError::Over);
        }
        if !bounded(reason, MAX_REASON_CHARS) {
            return Err(SilenceError::Reason);
        }
        if !bounded(author, MAX_AUTHOR_CHARS) {
            return Err(SilenceError::Author);
        }
        Ok(Self { id, scope, until, reason: reason.into(), author: author.into(), created_at: now, ended: None })
    }

    /// Whether it holds at `now`.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.ended.is_none() && now < self.until
    }

    /// Whether nobody is told at `now` about an account of this user, toolkit and auth config.
    pub fn covers(&self, user: &UserId, toolkit: &ToolkitSlug, auth_config: &AuthConfigId, now: Timestamp) -> bool {
        self.is_active(now) && self.scope.holds(user, toolkit, auth_config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::from_millis;

    fn scope(
        user: Option<&str>,
        toolkit: Option<&str>,
        auth_config: Option<&str>,
    ) -> Result<SilenceScope, SilenceError> {
        SilenceScope::new(user.map(UserId::new), toolkit.map(ToolkitSlug::new), auth_config.map(AuthConfigId::new))
    }

    #[test]
    fn it_covers_what_matches_everything_it_names() {
        let table = [
            (Some("u"), None, None, "u slack ac_1, u gmail ac_2"),
            (None, Some("slack"), None, "u slack ac_1, v slack ac_1"),
            (None, Some("Slack"), None, "u slack ac_1, v slack ac_1"),
            (None, None, Some("ac_2"), "u gmail ac_2, v gmail ac_2"),
            (Some("u"), Some("slack"), None, "u slack ac_1"),
            (Some("u"), Some("slack"), Some("ac_2"), ""),
            (Some("U"), None, None, ""),
        ];
        let now = from_millis(1_000);
        for (user, toolkit, auth_config, covered) in table {
            let scope = scope(user, toolkit, auth_config).unwrap();
            let silence =
                OperatorSilence::new(SilenceId::new("s"), scope, from_millis(2_000), ("why", "me"), now).unwrap();
            let found: Vec<&str> = ["u slack ac_1", "u gmail ac_2", "v slack ac_1", "v gmail ac_2"]
                .into_iter()
                .filter(|account| {
                    let mut parts = account.split(' ');
                    let (user, toolkit) = (UserId::new(parts.next().unwrap()), ToolkitSlug::new(parts.next().unwrap()));
                    silence.covers(&user, &toolkit, &AuthConfigId::new(parts.next().unwrap()), now)
                })
                .collect();
            assert_eq!(found.join(", "), covered, "{user:?} {toolkit:?} {auth_config:?}");
        }
    }

    #[test]
    fn it_holds_until_its_end_or_until_it_is_ended() {
        let scope = scope(Some("u"), None, None).unwrap();
        let (now, until) = (from_millis(1_000), from_millis(2_000));
        let silence = OperatorSilence::new(SilenceId::new("s"), scope, until, ("why", "me"), now).unwrap();
        let ended = OperatorSilence { ended: Some((now, "me".into())), ..silence.clone() };
        let covers = |silence: &OperatorSilence, ms| {
            let (slack, config) = (ToolkitSlug::new("slack"), AuthConfigId::new("ac"));
            silence.covers(&UserId::new("u"), &slack, &config, from_millis(ms))
        };
        assert_eq!([1_000, 1_999, 2_000, 9_000].map(|ms| covers(&silence, ms)), [true, true, false, false]);
        assert_eq!([1_000, 1_999].map(|ms| covers(&ended, ms)), [false, false]);
    }

    #[test]
    fn what_says_too_little_or_too_much_is_no_silence() {
        assert_eq!(scope(None, None, None), Err(SilenceError::NoScope));
        assert_eq!(scope(Some(" "), None, None), Err(SilenceError::BlankScope));
        assert_eq!(scope(Some("u"), Some(""), None), Err(SilenceError::BlankScope));
        let long = |chars: usize| "ż".repeat(chars);
        let table = [
            (2_000, "why".to_owned(), "me".to_owned(), None),
            (2_000, long(500), long(100), None),
            (1_000, "why".into(), "me".into(), Some(SilenceError::Over)),
            (2_000, " ".into(), "me".into(), Some(SilenceError::Reason)),
            (2_000, long(501), "me".into(), Some(SilenceError::Reason)),
            (2_000, "why".into(), "\n".into(), Some(SilenceError::Author)),
            (2_000, "why".into(), long(101), Some(SilenceError::Author)),
        ];
        for (until, reason, author, wrong) in table {
            let scope = scope(Some("u"), None, None).unwrap();
            let words = (reason.as_str(), author.as_str());
            let made = OperatorSilence::new(SilenceId::new("s"), scope, from_millis(until), words, from_millis(1_000));
            assert_eq!(made.err(), wrong, "{until} {reason} {author}");
        }
    }
}
