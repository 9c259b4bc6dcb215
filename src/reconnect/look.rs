//! What is on record behind a link. Reads only, and asks nobody.

use super::Reconnect;
use crate::domain::{CloseEvidence, IncidentId, LinkId, Silence, TokenFor, ToolkitSlug};
use crate::store::{LinkRow, LinkedIncident, StoreError, Work};

/// Other toolkits a page names at most; the rest is counted by nobody.
const MOST_OTHERS: usize = 10;

/// What a link leads to.
#[derive(Debug)]
pub enum Seen {
    /// Nothing: no link of ours.
    Nothing,
    /// A link of ours, signed by us, that is not on record any more: its time was over long ago.
    Forgotten,
    /// A page.
    Page(Box<PageView>),
}

/// Where an account stands for the person who looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It can be reconnected here.
    Open,
    /// It works again; or a newer one does.
    Reconnected,
    /// It was removed, so nothing needs to be done.
    Removed,
    /// The product's own side must be mended first; audits say so, as `operator.attention`.
    Team,
    /// It was switched off on purpose; the product's settings are the place.
    SwitchedOff,
    /// The link's time is over.
    Expired,
    /// Somebody revoked the link.
    Revoked,
}

impl Standing {
    /// The code in logs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Reconnected => "reconnected",
            Self::Removed => "removed",
            Self::Team => "team",
            Self::SwitchedOff => "switched_off",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// Everything a page says.
#[derive(Debug)]
pub struct PageView {
    /// The link.
    pub link: LinkId,
    /// Where the account stands.
    pub standing: Standing,
    /// What it is about: the link's own incident or, once that is over, what is broken of the same toolkit now.
    pub incident: LinkedIncident,
    /// Another account of the same toolkit works, so this one must be named.
    pub second_account: bool,
    /// Other accounts of the same toolkit that stopped, too.
    pub siblings: u64,
    /// Other toolkits this person must reconnect.
    pub others: Vec<ToolkitSlug>,
}

impl Reconnect {
    /// The link a token names, if it is one of ours.
    pub fn link_of(&self, token: &str) -> Option<LinkId> {
        self.links.keys.open(TokenFor::Link, token).ok().map(LinkId::from_bytes)
    }

    /// The page behind `token`.
    pub async fn look(&self, token: &str) -> Result<Seen, StoreError> {
        let Some(id) = self.link_of(token) else { return Ok(Seen::Nothing) };
        let mut work = self.store.begin_read().await?;
        Ok(match work.link(&id).await? {
            Some(link) => self.view(&mut work, link).await?.map_or(Seen::Forgotten, |view| Seen::Page(Box::new(view))),
            None => Seen::Forgotten,
        })
    }

    /// What there is to see behind a link; none where its incident is gone.
    pub(super) async fn view(&self, work: &mut Work, link: LinkRow) -> Result<Option<PageView>, StoreError> {
        let Some(own) = work.linked_incident(&link.incident).await? else { return Ok(None) };
        let newer = newer(work, &own).await?;
        let withheld = newer.as_ref().is_some_and(|(_, withheld)| *withheld);
        let incident = newer.map_or(own, |(newer, _)| newer);
        let standing = if withheld { Standing::Revoked } else { self.standing(&link, &incident) };
        let others = others(work, &incident).await?;
        let second_account = incident.anchor.condition == crate::domain::Condition::SecondAccount;
        let siblings = work.others_that_stopped(&incident).await?;
        Ok(Some(PageView { link: link.id, standing, incident, second_account, siblings, others }))
    }

    fn standing(&self, link: &LinkRow, incident: &LinkedIncident) -> Standing {
        if link.revoked_at.is_some() {
            return Standing::Revoked;
        }
        match incident.closed {
            Some((_, CloseEvidence::Active | CloseEvidence::Superseded)) => return Standing::Reconnected,
            Some((_, CloseEvidence::Gone)) => return Standing::Removed,
            None => {}
        }
        if link.expires_at <= self.clock.now() {
            return Standing::Expired;
        }
        of_anchor(incident)
    }
}

/// What is broken now of the toolkit of an incident that is over, and whether somebody revoked the link to that: an old
/// mail must neither say that all is well when it is not, nor open what was closed on purpose.
pub(super) async fn newer(work: &mut Work, old: &LinkedIncident) -> Result<Option<(LinkedIncident, bool)>, StoreError> {
    if old.closed.is_none() {
        return Ok(None);
    }
    let open = work.open_incidents_of(std::slice::from_ref(&old.user)).await?;
    let Some(row) = open.into_iter().find(|row| row.toolkit == old.toolkit) else { return Ok(None) };
    let withheld = work.only_revoked_links(&old.user, &row.incident.id).await?;
    Ok(work.linked_incident(&row.incident.id).await?.map(|mut newer| {
        newer.language = newer.language.or_else(|| old.language.clone());
        (newer, withheld)
    }))
}

/// What an open incident's account can be helped by.
pub(super) fn of_anchor(incident: &LinkedIncident) -> Standing {
    let anchor = &incident.anchor;
    match crate::domain::silence_of(&anchor.account, anchor.condition) {
        Some(Silence::AuthConfigDisabled | Silence::ServiceCredential | Silence::IdentityMismatch) => Standing::Team,
        Some(Silence::Intentional) => Standing::SwitchedOff,
        _ => Standing::Open,
    }
}

/// The other toolkits of this person in which something is broken that is theirs to reconnect.
async fn others(work: &mut Work, incident: &LinkedIncident) -> Result<Vec<ToolkitSlug>, StoreError> {
    let open = work.stored_incidents_of(std::slice::from_ref(&incident.user)).await?;
    let this: &IncidentId = &incident.id;
    let theirs = open.into_iter().filter(|other| other.id != *this && other.anchor_silence().is_none());
    let mut toolkits: Vec<ToolkitSlug> = theirs.map(|other| other.toolkit).collect();
    toolkits.sort();
    toolkits.truncate(MOST_OTHERS);
    Ok(toolkits)
}
