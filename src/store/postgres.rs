//! The state database on PostgreSQL: for several processes side by side.
//!
//! Leases are rows compared with the database's clock, so they hold across hosts and through a pooler in
//! transaction mode. Every released connection is rolled back first: sqlx 0.9.0 can return a connection
//! with an open transaction to the pool when a `begin` is cancelled (sqlx #4385, fixed but not released).

use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Postgres, Transaction};

use super::errors::StoreError;
use super::migrations;
use super::session::{Backend, Dialect, Row, SLOW_STATEMENT, Session, Statement, Value};

/// A run writes on one connection and delivers on a few.
const CONNECTIONS: u32 = 8;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
const DIALECT: Dialect = Dialect {
    now: "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
    skip_locked: "FOR UPDATE SKIP LOCKED",
    row_lock: "FOR UPDATE",
    nameless: false,
};
/// A page of 500 users takes milliseconds; a statement that takes this long will not come back. The server's
/// warnings are left out: the rollback of every released connection would cause one each ("there is no
/// transaction in progress"), and errors come as errors.
const SESSION_OPTIONS: [(&str, &str); 3] =
    [("statement_timeout", "60s"), ("idle_in_transaction_session_timeout", "60s"), ("client_min_messages", "error")];

/// A report over years reads long, and its reader may be slow. It joins and groups a million rows: with 32 MB for each
/// such step (a statement has two or three) they stay in memory, where the server's default of 4 MB writes them to disk
/// and reads them again. Compiling statements takes longer than it saves. For the one transaction.
const SNAPSHOT_SETTINGS: &str = "SET LOCAL statement_timeout = '15min'; \
    SET LOCAL idle_in_transaction_session_timeout = '15min'; SET LOCAL work_mem = '32MB'; SET LOCAL jit = off";

pub(super) struct PostgresBackend {
    place: String,
    pool: PgPool,
}

impl PostgresBackend {
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        let options = url
            .parse::<PgConnectOptions>()
            .map_err(|_| StoreError::Url("not a PostgreSQL URL".into()))?
            .application_name("reconnectd")
            .options(SESSION_OPTIONS)
            .log_slow_statements(log::LevelFilter::Warn, SLOW_STATEMENT);
        let (host, port) = (options.get_host(), options.get_port());
        let database = options.get_database().unwrap_or_else(|| options.get_username());
        let place = format!("PostgreSQL, {host}:{port}/{database}");
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_release(|connection, _| {
                Box::pin(async move {
                    sqlx::raw_sql("ROLLBACK").execute(connection).await?;
                    Ok(true)
                })
            })
            .connect_with(options)
            .await?;
        Ok(Self { place, pool })
    }
}

#[async_trait]
impl Backend for PostgresBackend {
    async fn begin(&self) -> Result<Box<dyn Session>, StoreError> {
        Ok(Box::new(PostgresSession(self.pool.begin().await?)))
    }

    async fn begin_read(&self) -> Result<Box<dyn Session>, StoreError> {
        Ok(Box::new(PostgresSession(self.pool.begin_with("BEGIN READ ONLY").await?)))
    }

    async fn begin_snapshot(&self) -> Result<Box<dyn Session>, StoreError> {
        let mut tx = self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        sqlx::raw_sql(SNAPSHOT_SETTINGS).execute(&mut *tx).await?;
        Ok(Box::new(PostgresSession(tx)))
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        let mut connection = self.pool.acquire().await?;
        // A million incidents are written anew in minutes, and whoever starts beside it waits for that.
        sqlx::raw_sql("SET statement_timeout = 0").execute(&mut *connection).await?;
        // The migrator takes an advisory lock of its own. `run_direct`: as for SQLite.
        let done = migrations::postgres().run_direct(None, &mut *connection, false).await;
        sqlx::raw_sql("RESET statement_timeout").execute(&mut *connection).await?;
        Ok(done?)
    }

    fn place(&self) -> String {
        self.place.clone()
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

struct PostgresSession(Transaction<'static, Postgres>);

fn query(statement: Statement) -> sqlx::query::Query<'static, Postgres, PgArguments> {
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
impl Session for PostgresSession {
    async fn execute(&mut self, statement: Statement) -> Result<u64, StoreError> {
        Ok(query(statement).execute(&mut *self.0).await?.rows_affected())
    }

    async fn fetch(&mut self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        Ok(query(statement).fetch_all(&mut *self.0).await?.into_iter().map(Row::Postgres).collect())
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        Ok(self.0.commit().await?)
    }
}
