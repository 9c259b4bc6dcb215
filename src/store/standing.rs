//! How things stand: what the state database says of jobs, incidents, the outbox and the channels at one moment, for
//! metrics, `/readyz` and `reconnectd status`.
//!
//! One read transaction: on SQLite all figures are of one moment, on PostgreSQL those of different tables may be
//! moments apart. Guarantees: it reads indexes and small tables, never all users or all accounts: what it costs grows
//! with what is open and waiting, not with how many users there are. A crash leaves nothing.

use std::collections::BTreeMap;

use super::runs::run_row;
use super::storms::count;
use super::{ChannelState, JobRow, RunRow, StoreError, Storm, Work, sql};
use crate::domain::{ChannelName, ReasonHint, SuppressionCause, Timestamp};

/// Held storms that are named; more at once than there are auth configs do not happen.
const STORMS_NAMED: u32 = 100;

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// When this was so.
    pub read_at: Timestamp,
    /// How each job that ever began last went.
    pub jobs: Vec<JobRow>,
    /// The newest run, whatever became of it.
    pub newest_run: Option<RunRow>,
    /// The newest run that went to its end and read the whole directory.
    pub last_audit: Option<RunRow>,
    /// Open incidents by toolkit and reason, by toolkit.
    pub incidents: Vec<OpenIncidents>,
    /// Open incidents by what was last decided about telling their user: the codes of [`crate::domain::Silence`] and
    /// [`crate::domain::NotifyReason`]; none for those about which nothing was decided yet.
    pub decisions: BTreeMap<Option<String>, u64>,
    /// What waits or was given up, by channel, also of channels that are configured no more.
    pub outbox: Vec<OutboxStanding>,
    /// Storms that wait for a decision, oldest first, at most 100.
    pub storms_held: Vec<Storm>,
    /// Every channel about which something is known.
    pub channels: Vec<ChannelState>,
    /// Addresses that are not written to, by cause.
    pub suppressions: BTreeMap<SuppressionCause, u64>,
    /// Accounts, still listed, whose status this version does not know.
    pub accounts_unknown_status: u64,
    /// Since when the provider refuses the key.
    pub key_refused_at: Option<Timestamp>,
}

/// Open incidents of one toolkit and reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenIncidents {
    /// The toolkit.
    pub toolkit: String,
    /// What the provider's present reason for the status of the incident's account points at.
    pub reason: ReasonHint,
    /// How many.
    pub open: u64,
}

/// What waits or was given up on one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxStanding {
    /// Which.
    pub channel: ChannelName,
    /// Deliveries that wait or are being tried.
    pub pending: u64,
    /// Deliveries given up.
    pub dead: u64,
    /// When the first of those that wait is due; in the past where one is due already.
    pub first_due_at: Option<Timestamp>,
}

impl Standing {
    /// Open incidents in all.
    pub fn incidents_open(&self) -> u64 {
        self.incidents.iter().map(|some| some.open).sum()
    }

    /// The share of the directory's rows whose accounts the last whole audit knows, from 0 to 1: users that could not
    /// be asked about and rows without an id are missing from it. 1 for an empty directory, none before the first.
    pub fn coverage(&self) -> Option<f64> {
        let counters = &self.last_audit.as_ref()?.counters;
        let rows = counters.users_scanned + counters.users_blank;
        let known = counters.users_scanned.saturating_sub(counters.users_unknown + counters.users_unqueryable);
        #[expect(clippy::cast_precision_loss, reason = "a share of at most some millions")]
        let share = if rows == 0 { 1.0 } else { known as f64 / rows as f64 };
        Some(share)
    }
}

impl OutboxStanding {
    /// Since when the delivery that is due longest has been due; none where none is due yet.
    pub fn due_since(&self, now: Timestamp) -> Option<Timestamp> {
        self.first_due_at.filter(|due| *due <= now)
    }

    /// How long that is; zero where none is.
    pub fn oldest_due(&self, now: Timestamp) -> std::time::Duration {
        self.due_since(now).and_then(|due| (now - due).to_std().ok()).unwrap_or_default()
    }
}

impl Work {
    /// How things stand at `now`.
    pub async fn standing(&mut self, now: Timestamp) -> Result<Standing, StoreError> {
        Ok(Standing {
            read_at: now,
            jobs: self.jobs().await?,
            newest_run: self.latest_runs(1).await?.pop(),
            last_audit: self.last_whole_audit().await?,
            incidents: self.incidents_by_reason().await?,
            decisions: self.incidents_by_decision().await?,
            outbox: self.outbox_standing().await?,
            storms_held: self.held_storms(STORMS_NAMED).await?,
            channels: self.channel_states().await?,
            suppressions: self.suppressions_by_cause().await?,
            accounts_unknown_status: self.accounts_of_unknown_status().await?,
            key_refused_at: self.key_refused_at().await?,
        })
    }

    async fn last_whole_audit(&mut self) -> Result<Option<RunRow>, StoreError> {
        let select = sql("SELECT * FROM runs WHERE state = 'finished' AND scan_done = 1 \
             ORDER BY started_at DESC, run_id DESC LIMIT 1");
        self.session.fetch(select).await?.first().map(run_row).transpose()
    }

    async fn incidents_by_reason(&mut self) -> Result<Vec<OpenIncidents>, StoreError> {
        let select = sql("SELECT i.toolkit, a.reason, count(*) AS open FROM incidents i \
             LEFT JOIN accounts a ON a.user_id = i.user_id AND a.account_id = i.account_id \
             WHERE i.closed_at IS NULL GROUP BY i.toolkit, a.reason ORDER BY i.toolkit, a.reason");
        let rows = self.session.fetch(select).await?;
        let incidents = rows.iter().map(|row| {
            let reason = row.opt_text("reason")?.map_or(ReasonHint::Other, |code| ReasonHint::from_code(&code));
            Ok(OpenIncidents { toolkit: row.text("toolkit")?, reason, open: count(row, "open")? })
        });
        incidents.collect()
    }

    async fn incidents_by_decision(&mut self) -> Result<BTreeMap<Option<String>, u64>, StoreError> {
        let select = sql("SELECT decision, count(*) AS open FROM incidents WHERE closed_at IS NULL GROUP BY decision");
        let rows = self.session.fetch(select).await?;
        rows.iter().map(|row| Ok((row.opt_text("decision")?, count(row, "open")?))).collect()
    }

    async fn outbox_standing(&mut self) -> Result<Vec<OutboxStanding>, StoreError> {
        let pending = sql("SELECT channel, count(*) AS n, min(next_attempt_at) AS first_due_at FROM deliveries \
             WHERE state = 'pending' GROUP BY channel");
        let dead = sql("SELECT channel, count(*) AS n FROM deliveries WHERE state = 'dead' GROUP BY channel");
        let mut channels: BTreeMap<String, OutboxStanding> = BTreeMap::new();
        for row in self.session.fetch(pending).await? {
            let standing = of_channel(&mut channels, row.text("channel")?);
            standing.pending = count(&row, "n")?;
            standing.first_due_at = row.opt_instant("first_due_at")?;
        }
        for row in self.session.fetch(dead).await? {
            of_channel(&mut channels, row.text("channel")?).dead = count(&row, "n")?;
        }
        Ok(channels.into_values().collect())
    }

    async fn suppressions_by_cause(&mut self) -> Result<BTreeMap<SuppressionCause, u64>, StoreError> {
        let select = sql("SELECT cause, count(*) AS n FROM suppressions GROUP BY cause");
        let mut causes = BTreeMap::new();
        for row in self.session.fetch(select).await? {
            let code = row.text("cause")?;
            let cause = SuppressionCause::from_code(&code)
                .ok_or_else(|| StoreError::Unreadable(format!("suppressions.cause: {code}")))?;
            causes.insert(cause, count(&row, "n")?);
        }
        Ok(causes)
    }

    async fn accounts_of_unknown_status(&mut self) -> Result<u64, StoreError> {
        let select = sql("SELECT count(*) AS n FROM accounts WHERE condition = 'unknown' AND gone_at IS NULL");
        self.session.fetch(select).await?.first().map_or(Ok(0), |row| count(row, "n"))
    }
}

fn of_channel(channels: &mut BTreeMap<String, OutboxStanding>, name: String) -> &mut OutboxStanding {
    channels.entry(name.clone()).or_insert_with(|| OutboxStanding {
        channel: ChannelName::new(name),
        pending: 0,
        dead: 0,
        first_due_at: None,
    })
}
