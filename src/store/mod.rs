//! The state database: the only SQL on it.
//!
//! Turns observations, incidents and the outbox into rows and back, on SQLite and on PostgreSQL, from one
//! body of SQL per table family. A [`Work`] is one transaction: what it did is there completely after
//! [`Work::commit`], and not at all otherwise, also after a crash or a cancelled task.
//!
//! What makes a second notice impossible is in the schema (`migrations/`): one open incident per user and
//! toolkit, one notice per incident and number, one delivery per notification and channel.

mod accounts;
mod attempts;
mod baseline;
mod channels;
mod connect_refused;
mod errors;
mod fold;
mod incidents;
mod jobs;
mod key;
mod lately;
mod leases;
mod link_key;
mod links;
mod migrations;
mod notices;
mod occurrences;
mod operator_events;
mod outbox;
mod outbox_admin;
mod postgres;
mod reconnect_attempts;
mod recoveries;
mod report_active;
mod report_audits;
mod report_breakages;
mod report_page;
mod report_told;
mod report_trend;
mod retention;
mod runs;
mod session;
mod silences;
mod sqlite;
mod standing;
mod stories;
mod storms;
mod suppressed_toolkits;
mod suppressions;
mod watched;

use std::sync::Arc;

pub use accounts::{KnownAccount, KnownUser, MovedOn, SeenUser, Transition};
pub use attempts::{ClaimedDelivery, Due, Settlement, ToldEnd};
pub use baseline::{BaselineRelease, META_BASELINE, META_BASELINE_END};
pub use channels::{ChannelState, Waiting};
pub use connect_refused::KnownRefusal;
pub use errors::StoreError;
pub use incidents::{
    Cause, IncidentClose, IncidentMove, IncidentRenewal, NewIncident, OpenIncidentRow, StoredIncident, StormMembership,
};
pub use jobs::{JobEnd, JobRow};
pub use leases::{Lease, LeaseHeld};
pub use links::{LinkLanguage, LinkRow, LinkedIncident, RevokeScope};
pub use occurrences::{ClaimedOccurrence, OccurrenceClaim, OccurrenceRow};
pub use operator_events::NewOperatorEvent;
pub use outbox::{NewDelivery, NewNotification, PlannedItem};
pub use outbox_admin::{DeliveryFilter, DeliveryRow, OutboxCounts, WholeDelivery};
pub use reconnect_attempts::{AttemptClaim, AttemptPage, AttemptRow, AttemptState, NewAttempt};
pub use recoveries::EndedIncident;
pub use report_active::{ActiveAccounts, LEFT_AFTER, Watched};
pub use report_audits::AuditFigures;
pub use report_breakages::{
    AuthConfigBreakages, BreakageFigures, FIRST_MONDAY_MS, IncidentLine, Stretch, WEEK_MS, WeekFigures,
};
pub use report_page::PageFigures;
pub use report_told::{ChannelFigures, FunnelFigures};
pub use report_trend::{DAY_MS, DayFigures};
pub use retention::{Dropped, Expired};
pub use runs::{RunEnd, RunRow};
pub use session::{Backend, Row, Session, Statement, Value, sql};
pub use silences::{MAX_ACTIVE_SILENCES, SilenceFilter};
pub use standing::{OpenIncidents, OutboxStanding, Standing};
pub use stories::{AccountStory, ActionStory, AttemptStory, DeliveryStory, IncidentStory, TransitionStory, UserStory};
pub use storms::{BreakageCount, Storm, StormFilter, StormRow, StormScope};
pub use suppressed_toolkits::MAX_SUPPRESSED_TOOLKITS;
pub use suppressions::Suppression;

/// The state database.
#[derive(Clone)]
pub struct Store {
    backend: Arc<dyn Backend>,
}

impl Store {
    /// Opens the database at `url` (`sqlite://PATH` or `postgres://…`). A SQLite file is created if
    /// missing. The schema is not touched: see [`Store::migrate`].
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_or(url, true).await
    }

    /// The same, but fails with [`StoreError::Missing`] where there is no SQLite file, and makes none.
    pub async fn open_existing(url: &str) -> Result<Self, StoreError> {
        Self::open_or(url, false).await
    }

    async fn open_or(url: &str, make: bool) -> Result<Self, StoreError> {
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        let backend: Arc<dyn Backend> = match scheme {
            "sqlite" => Arc::new(sqlite::SqliteBackend::open(url, make).await?),
            "postgres" | "postgresql" => Arc::new(postgres::PostgresBackend::open(url).await?),
            _ => return Err(StoreError::Url("unknown kind of database".into())),
        };
        Ok(Self { backend })
    }

    /// Where it is, for people: the kind of database, and the file's whole path or host, port and name. No login.
    pub fn place(&self) -> String {
        self.backend.place()
    }

    /// Brings the schema up to date; safe when several processes do it at once.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.backend.migrate().await
    }

    /// Begins a transaction that may write.
    pub async fn begin(&self) -> Result<Work, StoreError> {
        Ok(Work { session: self.backend.begin().await? })
    }

    /// Begins a transaction that only reads, on a connection of its own.
    pub async fn begin_read(&self) -> Result<Work, StoreError> {
        Ok(Work { session: self.backend.begin_read().await? })
    }

    /// Begins a transaction that only reads, and sees one state of the database from its first statement to its last,
    /// however long they take (15 min each).
    pub async fn begin_snapshot(&self) -> Result<Work, StoreError> {
        Ok(Work { session: self.backend.begin_snapshot().await? })
    }

    /// Closes all connections; to be called before the process ends, so that SQLite folds its log.
    pub async fn close(&self) {
        self.backend.close().await;
    }
}

/// One transaction, with the statements of every table family as methods.
pub struct Work {
    session: Box<dyn Session>,
}

impl Work {
    /// Makes everything done in this transaction permanent.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.session.commit().await
    }

    /// Undoes everything done in this transaction (what dropping it does, said aloud).
    pub fn roll_back(self) {
        drop(self);
    }

    /// A fact about this installation.
    pub async fn meta(&mut self, key: &str) -> Result<Option<String>, StoreError> {
        let rows = self.session.fetch(sql("SELECT value FROM meta WHERE key = $1").bind(key)).await?;
        rows.first().map(|row| row.text("value")).transpose()
    }

    /// Remembers a fact about this installation unless it is known already.
    pub async fn set_meta_once(&mut self, key: &str, value: &str) -> Result<(), StoreError> {
        let insert = sql("INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING");
        self.session.execute(insert.bind(key).bind(value)).await?;
        Ok(())
    }

    /// Remembers a fact about this installation in place of what was known.
    pub async fn set_meta(&mut self, key: &str, value: &str) -> Result<(), StoreError> {
        let upsert = sql("INSERT INTO meta (key, value) VALUES ($1, $2) \
             ON CONFLICT (key) DO UPDATE SET value = excluded.value");
        self.session.execute(upsert.bind(key).bind(value)).await?;
        Ok(())
    }
}

/// Rows per multi-row statement: SQLite takes 32,766 arguments, PostgreSQL 65,535; the widest row here
/// has 21.
const ROWS_PER_STATEMENT: usize = 500;

/// Splits rows into statements of bounded size.
fn chunks<T>(mut rows: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    std::iter::from_fn(move || {
        if rows.is_empty() {
            return None;
        }
        let rest = rows.split_off(rows.len().min(ROWS_PER_STATEMENT));
        Some(std::mem::replace(&mut rows, rest))
    })
}
