//! The state database as one SQLite file: the embedded default, for the processes of one machine.
//!
//! One writer connection and `BEGIN IMMEDIATE` (a plain `BEGIN` failed with "database is locked" in 994 of
//! 1600 read-then-write transactions when measured), a small read-only pool beside it, WAL. `synchronous`
//! is FULL: the outbox is the only guard against a second notice, so a commit must survive a power cut.
//! Several processes may share the file: one writes at a time, the others wait for it up to `BUSY_TIMEOUT`. WAL does
//! not work on network file systems.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Sqlite, Transaction};

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

#[async_trait]
impl Backend for SqliteBackend {
    async fn begin(&self) -> Result<Box<dyn Session>, StoreError> {
        Ok(Box::new(SqliteSession(self.writer.begin_with("BEGIN IMMEDIATE").await?)))
    }

    async fn begin_read(&self) -> Result<Box<dyn Session>, StoreError> {
        Ok(Box::new(SqliteSession(self.readers.begin().await?)))
    }

    /// Every reading transaction is one.
    async fn begin_snapshot(&self) -> Result<Box<dyn Session>, StoreError> {
        self.begin_read().await
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

struct SqliteSession(Transaction<'static, Sqlite>);

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
        Ok(query(statement).execute(&mut *self.0).await?.rows_affected())
    }

    async fn fetch(&mut self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        Ok(query(statement).fetch_all(&mut *self.0).await?.into_iter().map(Row::Sqlite).collect())
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        Ok(self.0.commit().await?)
    }
}
