//! Turns a page of observations into account states, transitions and incidents, in one transaction
//! together with the run's checkpoint and the renewal of its lease.
//!
//! Guarantees: a page is recorded completely or not at all; recording it again changes nothing; a user
//! whose fetch failed, or of whom a list is recorded that was asked for later, keeps everything known before and opens
//! and closes nothing. A crash leaves the last committed page as the checkpoint; the next run goes on from there.

mod changes;

use std::collections::{HashMap, HashSet};

use crate::domain::{
    AccountId, IdMint, Observation, RunCounters, RunId, ScannedPage, Timestamp, UserId, UserObservation,
};
use crate::store::{KnownAccount, KnownUser, OpenIncidentRow, SeenUser, StoreError, Work};

use changes::{PageChanges, UserChanges};

/// What "already broken when we came" means for this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Baseline {
    /// This run only takes stock: whatever is broken and was never seen to work was so before.
    pub taking_stock: bool,
    /// When stock-taking ended; none if this installation never took stock. What broke before that and was
    /// never seen to work is old news, also where it shows only later: a user who could not be asked then, an
    /// account that was superseded or switched off.
    pub until: Option<Timestamp>,
}

/// What recording depends on besides the page.
#[derive(Debug, Clone, Copy)]
pub struct RecordContext<'a> {
    /// The run.
    pub run: &'a RunId,
    /// What counts as already broken.
    pub baseline: Baseline,
    /// The moment of recording, the same for the whole page.
    pub now: Timestamp,
    /// Makes incident ids.
    pub mint: &'a IdMint,
}

/// Records a page within `work` and adds to `counters`; the caller renews the lease, moves the checkpoint
/// and commits in the same transaction (or rolls back, for a rehearsal).
pub async fn record_page(
    work: &mut Work,
    page: &ScannedPage,
    context: RecordContext<'_>,
    counters: &mut RunCounters,
) -> Result<(), StoreError> {
    // PostgreSQL cannot hold a NUL in text; such an id cannot be asked about either.
    let storable: Vec<&UserObservation> = page.users.iter().filter(|seen| !seen.user.as_str().contains('\0')).collect();
    let listed: Vec<UserId> = storable
        .iter()
        .filter(|seen| matches!(seen.observation, Observation::Complete(_)))
        .map(|seen| seen.user.clone())
        .collect();
    let mut before = Before::read(work, &listed).await?;
    // Somebody came back from reconnecting while this list was on its way, and theirs was asked for later: an old list
    // must not break again what they have mended. What was seen in the future was seen under a wrong clock.
    let meanwhile = |at: Timestamp| page.asked_at < at && at <= context.now;
    let is_fresh = |seen: &&&UserObservation| before.observed_at(&seen.user).is_none_or(|at| !meanwhile(at));
    let storable: Vec<&UserObservation> = storable.iter().filter(is_fresh).copied().collect();
    let mut changes = PageChanges::default();
    for seen in &storable {
        if let Observation::Complete(accounts) = &seen.observation {
            let (known, observed_at, open) = before.take(&seen.user);
            let user = UserChanges { user: &seen.user, known, observed_at, open, attempts: &before.attempts, context };
            user.collect(accounts.clone(), &mut changes, counters);
        }
    }
    let users = storable.iter().map(|seen| seen_user(seen)).collect();
    counters.incidents_closed += write(work, (users, page.asked_at), &changes, context).await?;
    counters.incidents_opened += changes.opened.len() as u64;
    count_users(page, counters);
    changes.log();
    Ok(())
}

/// Writes everything in the one transaction; returns how many incidents this call closed.
async fn write(
    work: &mut Work,
    (users, asked_at): (Vec<SeenUser>, Timestamp),
    changes: &PageChanges,
    context: RecordContext<'_>,
) -> Result<u64, StoreError> {
    // A clock that was set back meanwhile makes no list of the future.
    work.upsert_users(users, asked_at.min(context.now), context.now).await?;
    work.upsert_accounts(&changes.accounts).await?;
    work.append_transitions(&changes.transitions, context.run, context.now).await?;
    let mut closed = 0;
    for close in &changes.closed {
        closed += u64::from(work.close_incident(&close.close, context.now).await?);
    }
    for (id, toolkit) in &changes.renamed {
        work.rename_incident(id, toolkit).await?;
    }
    for change in &changes.moved {
        work.move_incident(change).await?;
    }
    for renewal in &changes.renewed {
        work.renew_incident(renewal, context.now).await?;
    }
    work.open_incidents(&changes.opened, context.run, context.now).await?;
    Ok(closed)
}

/// What was stored of the page's users before this observation.
struct Before {
    users: HashMap<UserId, KnownUser>,
    accounts: HashMap<UserId, Vec<KnownAccount>>,
    incidents: HashMap<UserId, Vec<OpenIncidentRow>>,
    /// Accounts that connect attempts behind our own links made.
    attempts: HashSet<AccountId>,
}

impl Before {
    async fn read(work: &mut Work, users: &[UserId]) -> Result<Self, StoreError> {
        let mut before = Self {
            users: work.known_users_to_write(users).await?,
            accounts: HashMap::new(),
            incidents: HashMap::new(),
            attempts: work.attempted_accounts(users).await?,
        };
        for known in work.known_accounts(users).await? {
            before.accounts.entry(known.account.user.clone()).or_default().push(known);
        }
        for open in work.open_incidents_of(users).await? {
            before.incidents.entry(open.user.clone()).or_default().push(open);
        }
        Ok(before)
    }

    /// When the complete list that is on record of this user was asked for.
    fn observed_at(&self, user: &UserId) -> Option<Timestamp> {
        self.users.get(user).and_then(|known| known.observed_at)
    }

    fn take(&mut self, user: &UserId) -> (Vec<KnownAccount>, Option<Timestamp>, Vec<OpenIncidentRow>) {
        let observed_at = self.observed_at(user);
        let accounts = self.accounts.remove(user).unwrap_or_default();
        (accounts, observed_at, self.incidents.remove(user).unwrap_or_default())
    }
}

fn seen_user(seen: &UserObservation) -> SeenUser {
    let (complete, outcome) = match &seen.observation {
        Observation::Complete(_) => (true, "complete"),
        Observation::Unknown(reason) => (false, reason.code()),
        Observation::Unqueryable => (false, "unqueryable"),
    };
    SeenUser { user: seen.user.clone(), complete, outcome }
}

fn count_users(page: &ScannedPage, counters: &mut RunCounters) {
    for seen in &page.users {
        counters.users_scanned += 1;
        match &seen.observation {
            Observation::Complete(_) => {}
            Observation::Unknown(_) => counters.users_unknown += 1,
            Observation::Unqueryable => counters.users_unqueryable += 1,
        }
    }
}
