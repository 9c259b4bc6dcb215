//! The state database as one SQLite file: the embedded default, for the processes of one machine.
//!
//! One writer connection and `BEGIN IMMEDIATE` (a plain `BEGIN` failed with "database is locked" in 994 of
//! 1600 read-then-write transactions when measured), a small read-only pool beside it, WAL. `synchronous`
//! is FULL: the outbox is the only guard against a second notice, so a commit must survive a power cut.
//! Several processes may share the file: one writes at a time, the others wait for it up to `BUSY_TIMEOUT`. WAL does
//! not work on network file systems.
//!
//! A statement of a snapshot ends after `SNAPSHOT_STATEMENT`, and at once where nobody waits for it any more: reports are
//! asked for from outside, and a statement that goes on would hold its connection and a core.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Sqlite, Transaction};
use tokio::time::Instant;

use super::errors::StoreError;
use super::migrations;
use super::session::{Backend, Dialect, Row, SLOW_STATEMENT, Session, Statement, Value};

/// How long a statement waits for another process to release the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Pages a reader keeps: what a report joins is met again and again, and SQLite's own 2 MB are read anew each time. Given
/// back when the connection has been idle for ten minutes.
const READER_CACHE: &str = "-32768"; // in KiB, below zero
/// Reports and `explain` read while a run writes; more readers than this gain nothing on one file.
const READERS: u32 = 4;
/// The longest that one statement of a snapshot takes, as on PostgreSQL.
const SNAPSHOT_STATEMENT: Duration = Duration::from_mins(15);
/// So many of SQLite's instructions between two looks at whether a statement may go on: about ten milliseconds.
const INSTRUCTIONS: i32 = 1_000_000;
const DIALECT: Dialect = Dialect {
    now: "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
    skip_locked: "", // One writer.
    row_lock: "",
    // SQLite finds a named placeholder (`$7`) by walking a list: thousands of them in one statement took
    // half a second. Nameless ones are numbered by their order; sqlx numbers them apart from named ones,
    // so a statement has only the one kind.
    nameless: true,
};

pub(super) struct SqliteBackend {
    file: PathBuf,
    writer: SqlitePool,
    readers: SqlitePool,
}

impl SqliteBackend {
    /// Opens the file. If it is not there, it is created for its owner's eyes only (it holds user ids and account
    /// names) where `make` says so; its directory must exist.
    pub(super) async fn open(url: &str, make: bool) -> Result<Self, StoreError> {
        let options = url
            .parse::<SqliteConnectOptions>()
            .map_err(|_| StoreError::Url("not a SQLite file name".into()))?
            .create_if_missing(make)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            .log_slow_statements(log::LevelFilter::Warn, SLOW_STATEMENT);
        // A relative path means another file from another directory: people are told the whole one.
        let name = options.get_filename();
        let file = std::path::absolute(name).unwrap_or_else(|_| name.to_owned());
        if make {
            create_private(&file);
        } else if matches!(file.try_exists(), Ok(false)) {
            return Err(StoreError::Missing(file.display().to_string()));
        }
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await?;
        // The file exists now, so the readers may open it read-only.
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .min_connections(0)
            .connect_lazy_with(options.create_if_missing(false).read_only(true).pragma("cache_size", READER_CACHE));
        Ok(Self { file, writer, readers })
    }
}

impl SqliteBackend {
    async fn read(&self, longest: Option<Duration>) -> Result<SqliteSession, StoreError> {
        let mut tx = self.readers.begin().await?;
        // Of whoever used the connection before.
        tx.lock_handle().await?.remove_progress_handler();
        Ok(SqliteSession { tx, bound: longest.map(|longest| Bound { longest, awaited: Arc::new(()) }) })
    }
}

#[async_trait]
impl Backend for SqliteBackend {
    async fn begin(&self) -> Result<Box<dyn Session>, StoreError> {
        Ok(Box::new(SqliteSession { tx: self.writer.begin_with("BEGIN IMMEDIATE").await?, bound: None }))
    }

    async fn begin_read(&self) -> Result<Box<dyn Session>, StoreError> {
        Ok(Box::new(self.read(None).await?))
    }

    /// Every reading transaction is one.
    async fn begin_snapshot(&self) -> Result<Box<dyn Session>, StoreError> {
        Ok(Box::new(self.read(Some(SNAPSHOT_STATEMENT)).await?))
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        // The write lock of the surrounding transaction is the lock; each migration nests in it.
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        // `run_direct`: `run` on a borrowed connection does not compile inside a boxed future.
        migrations::sqlite().run_direct(None, &mut *tx, false).await?;
        Ok(tx.commit().await?)
    }

    fn place(&self) -> String {
        format!("SQLite, {}", self.file.display())
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Creates an empty file with mode 0600 unless there is one; SQLite gives its `-wal` and `-shm` the same mode.
/// What stands in the way (a missing or closed folder) is SQLite's to report, with a code of its own.
fn create_private(path: &Path) {
    drop(OpenOptions::new().write(true).create_new(true).mode(0o600).open(path));
}

struct SqliteSession {
    tx: Transaction<'static, Sqlite>,
    /// None where every statement is short.
    bound: Option<Bound>,
}

/// What ends a statement.
struct Bound {
    longest: Duration,
    /// Dropped with the session, which is when nobody waits for its statement any more.
    awaited: Arc<()>,
}

impl SqliteSession {
    /// From now on the next statement has its time.
    async fn bound_the_next(&mut self) -> Result<(), StoreError> {
        let Some(Bound { longest, awaited }) = &self.bound else { return Ok(()) };
        let (until, awaited) = (Instant::now() + *longest, Arc::downgrade(awaited));
        let goes_on = move || awaited.strong_count() > 0 && Instant::now() < until;
        self.tx.lock_handle().await?.set_progress_handler(INSTRUCTIONS, goes_on);
        Ok(())
    }
}

fn query(statement: Statement) -> sqlx::query::Query<'static, Sqlite, SqliteArguments> {
    let (text, keep_prepared) = statement.text_for(&DIALECT);
    let mut query = sqlx::query(AssertSqlSafe(text)).persistent(keep_prepared);
    for value in statement.into_args() {
        query = match value {
            Value::Text(text) => query.bind(text),
            Value::Int(number) => query.bind(number),
        };
    }
    query
}

#[async_trait]
impl Session for SqliteSession {
    async fn execute(&mut self, statement: Statement) -> Result<u64, StoreError> {
        self.bound_the_next().await?;
        Ok(query(statement).execute(&mut *self.tx).await?.rows_affected())
    }

    async fn fetch(&mut self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        self.bound_the_next().await?;
        Ok(query(statement).fetch_all(&mut *self.tx).await?.into_iter().map(Row::Sqlite).collect())
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        Ok(self.tx.commit().await?)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::super::sql;
    use super::*;

    /// Counts to this number, some tens of millions a second.
    fn counting(to: &str) -> Statement {
        sql("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) SELECT max(i) AS i FROM n")
            .bind(to.parse::<i64>().unwrap())
    }

    async fn backend(folder: &tempfile::TempDir) -> SqliteBackend {
        let url = format!("sqlite://{}", folder.path().join("state.db").display());
        let mut backend = SqliteBackend::open(&url, true).await.unwrap();
        // One connection, so that whoever comes next has the one that was used before.
        let options = backend.readers.connect_options();
        backend.readers = SqlitePoolOptions::new().max_connections(1).connect_lazy_with((*options).clone());
        backend
    }

    const FOR_EVER: &str = "9000000000000000";
    const A_WHILE: &str = "3000000";

    #[tokio::test]
    async fn a_statement_that_takes_too_long_ends_and_the_next_one_has_its_own_time() {
        let folder = tempfile::tempdir().unwrap();
        let backend = backend(&folder).await;
        let mut session = backend.read(Some(Duration::from_millis(50))).await.unwrap();
        let error = session.fetch(counting(FOR_EVER)).await.err().unwrap();
        assert!(matches!(error, StoreError::Transient(_)), "{error:?}");
        assert_eq!(session.fetch(counting("10")).await.unwrap()[0].int("i").unwrap(), 10);
        drop(session);
        // Whoever has the connection next is not bound by it.
        let mut session = backend.read(None).await.unwrap();
        assert_eq!(session.fetch(counting(A_WHILE)).await.unwrap()[0].int("i").unwrap(), 3_000_000);
    }

    #[tokio::test]
    async fn a_statement_that_nobody_waits_for_ends() {
        let folder = tempfile::tempdir().unwrap();
        let backend = backend(&folder).await;
        let mut session = backend.read(Some(SNAPSHOT_STATEMENT)).await.unwrap();
        assert!(timeout(Duration::from_millis(50), session.fetch(counting(FOR_EVER))).await.is_err());
        drop(session);
        // The only connection there is comes back.
        let mut session = backend.read(None).await.unwrap();
        assert_eq!(session.fetch(counting(A_WHILE)).await.unwrap()[0].int("i").unwrap(), 3_000_000);
    }
}
