//! Why the provider makes no connect pages: one fact in `meta` for each auth config, and for each other cause, for as long
//! as it does not.
//!
//! The first refusal writes it, with the event for the operator in the same transaction, and the next page that is made
//! takes it away: so of many clicks and processes one tells. A crash before the commit leaves nothing, and the next
//! refusal is the first.

use chrono::TimeDelta;

use super::{StoreError, Work, sql};
use crate::domain::{AuthConfigId, ConnectRefusal, Timestamp, from_millis, millis};

/// Alone, the key may not make pages, as an earlier release wrote it; with `.` and an auth config, that one; with `:` and a
/// code, any other cause.
const META_KEY: &str = "connect_refused";

/// Told again after this long, for who has mended it meanwhile without anybody clicking, and has it break anew.
const TOLD_AGAIN_AFTER: TimeDelta = TimeDelta::days(7);

/// Known for this long without being noted anew: nobody has clicked, or nobody uses that auth config any more.
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::days(14);

/// A cause for which no connect pages are made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KnownRefusal {
    /// Why.
    pub reason: ConnectRefusal,
    /// With which auth config, where that is why.
    pub auth_config: Option<AuthConfigId>,
    /// When it was noted: at the first click it was met, and at the first one in every seven days after that.
    pub noted_at: Timestamp,
}

impl Work {
    /// No page is made with this auth config, for this reason. Says whether the operator is to be told: it is new, or a
    /// week old.
    pub async fn connect_refused(
        &mut self,
        reason: ConnectRefusal,
        auth_config: &AuthConfigId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let insert = sql("INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE \
             SET value = excluded.value WHERE CAST(meta.value AS BIGINT) <= $3");
        let insert = insert.bind(meta_key(reason, auth_config)).bind(millis(now).to_string());
        Ok(self.session.execute(insert.bind(millis(now - TOLD_AGAIN_AFTER))).await? == 1)
    }

    /// A page was made: neither the key, nor this version, nor this auth config is refused. That one person's list held
    /// an account of another is not over with another person's page.
    pub async fn connect_accepted(&mut self, auth_config: &AuthConfigId) -> Result<(), StoreError> {
        let over = ConnectRefusal::CODES.into_iter().filter(|(reason, _)| *reason != ConnectRefusal::Isolation);
        let keys = over.map(|(reason, _)| meta_key(reason, auth_config)).chain([META_KEY.to_owned()]);
        let delete = sql("DELETE FROM meta WHERE key IN ({values})").values(keys.map(|key| vec![key.into()]).collect());
        self.session.execute(delete).await?;
        Ok(())
    }

    /// What is refused as of `now`, the longest known first.
    pub async fn connect_refusals(&mut self, now: Timestamp) -> Result<Vec<KnownRefusal>, StoreError> {
        let select = sql("SELECT key, value FROM meta WHERE key LIKE $1 ORDER BY key").bind(format!("{META_KEY}%"));
        let mut known = Vec::new();
        for row in self.session.fetch(select).await? {
            let (key, value) = (row.text("key")?, row.text("value")?);
            let Some((reason, auth_config)) = key.strip_prefix(META_KEY).and_then(meaning) else { continue };
            let noted_at = value.parse().map(from_millis);
            let noted_at = noted_at.map_err(|error| StoreError::Unreadable(format!("meta {key} ({error})")))?;
            if noted_at > now - FORGOTTEN_AFTER {
                known.push(KnownRefusal { reason, auth_config, noted_at });
            }
        }
        known.sort_by_key(|refusal| refusal.noted_at);
        Ok(known)
    }
}

fn meta_key(reason: ConnectRefusal, auth_config: &AuthConfigId) -> String {
    match reason {
        ConnectRefusal::AuthConfig => format!("{META_KEY}.{auth_config}"),
        other => format!("{META_KEY}:{}", other.code()),
    }
}

/// What stands behind [`META_KEY`]; none for what a later release may write.
fn meaning(rest: &str) -> Option<(ConnectRefusal, Option<AuthConfigId>)> {
    if rest.is_empty() {
        return Some((ConnectRefusal::KeyMayNotLink, None));
    }
    match rest.split_at_checked(1)? {
        (".", id) => Some((ConnectRefusal::AuthConfig, Some(AuthConfigId::new(id)))),
        (":", code) => ConnectRefusal::from_code(code).map(|reason| (reason, None)),
        _ => None,
    }
}
