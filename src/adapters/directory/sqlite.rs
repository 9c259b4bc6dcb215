//! The users of an SQLite file: opened read-only, never created; a busy writer is waited for.
//!
//! SQLite types values, not columns, and a view's column may have no type at all, so a bound text is not
//! always comparable with an integer id. The cursor therefore carries the storage class: `integer:5`,
//! `text:u1`, `blob:u1`. A database in WAL mode needs its `-wal` and `-shm` files beside it to be readable.
//!
//! SQLite has no statement timeout; a progress handler interrupts what runs over the limit.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::pool::PoolConnection;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, Row as _, SqlSafeStr as _};
use tokio::time::Instant;

use super::sql::{Dialect, IdSql, Names, Statements};
use super::{CONNECTIONS, ContactRow, Counted, DirectorySettings, Key, Limits, Source, errors};
use crate::domain::UserId;
use crate::ports::DirectoryError;
use secrecy::ExposeSecret as _;

/// How long a locked database is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Virtual machine instructions between two looks at the clock: well under a millisecond of work.
const STEPS_BETWEEN_CHECKS: i32 = 10_000;

/// An SQLite directory.
pub(super) struct Sqlite {
    pool: SqlitePool,
    statements: Statements,
    limit: Duration,
    place: String,
}

impl Sqlite {
    /// Opens the file and checks every configured name.
    pub(super) async fn open(settings: &DirectorySettings, limits: Limits) -> Result<Self, DirectoryError> {
        let options: SqliteConnectOptions = settings.url.expose_secret().parse().map_err(|e| errors::at_url(&e))?;
        let place = options.get_filename().display().to_string();
        let options = options
            .read_only(true)
            .create_if_missing(false)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("query_only", "on")
            .disable_statement_logging();
        let mut first = options.connect().await.map_err(|e| errors::at_open(&place, &e))?;
        let encoding: String = sqlx::query_scalar("PRAGMA encoding")
            .fetch_one(&mut first)
            .await
            .map_err(|e| errors::at_open(&place, &e))?;
        if encoding != "UTF-8" {
            return Err(errors::misconfigured(super::CONNECTING, "[directory] url: the file's encoding must be UTF-8"));
        }
        let names = Names::new(Dialect::Sqlite, settings);
        for (key, name, probe) in names.probes(settings) {
            let tried = first.prepare(AssertSqlSafe(probe).into_sql_str()).await;
            tried.map_err(|e| errors::at_probe(&place, key, name, &e))?;
        }
        // It has served; the pool opens its own.
        drop(first.close().await);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(limits.connect)
            .connect_lazy_with(options);
        Ok(Self { pool, statements: Statements::new(&names, &id_sql(&names.id)), limit: limits.statement, place })
    }

    /// A connection whose statements are interrupted after the limit.
    async fn connection(&self) -> Result<PoolConnection<sqlx::Sqlite>, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        let deadline = Instant::now() + self.limit;
        connection.lock_handle().await?.set_progress_handler(STEPS_BETWEEN_CHECKS, move || Instant::now() < deadline);
        Ok(connection)
    }
}

fn id_sql(id: &str) -> IdSql {
    IdSql {
        shown: format!("CAST({id} AS TEXT), typeof({id})"),
        bytes: format!("CAST({id} AS BLOB)"),
        length: format!("length(CAST({id} AS BLOB))"),
        cursor: "?1".to_owned(),
        bound: "CAST(?2 AS BLOB)".to_owned(),
    }
}

#[async_trait]
impl Source for Sqlite {
    async fn following(&self, after: Option<&str>, limit: u32) -> Result<Vec<Key>, sqlx::Error> {
        let mut connection = self.connection().await?;
        let query = match after {
            None => query(&self.statements.first),
            Some(cursor) => {
                let (class, text) = split(cursor);
                bind(query(&self.statements.following), class, text)?
            }
        };
        query.bind(i64::from(limit)).fetch_all(&mut *connection).await?.iter().map(key).collect()
    }

    async fn equal_to(&self, cursor: &str, beyond: bool, limit: u32) -> Result<Vec<Key>, sqlx::Error> {
        let mut connection = self.connection().await?;
        let (class, text) = split(cursor);
        let query = bind(query(&self.statements.equal), class, text)?;
        let query = query.bind(if beyond { text } else { "" }).bind(i64::from(limit));
        query.fetch_all(&mut *connection).await?.iter().map(key).collect()
    }

    fn has_ties(&self) -> bool {
        true
    }

    async fn contacts(&self, user: &UserId) -> Result<Vec<ContactRow>, sqlx::Error> {
        let mut connection = self.connection().await?;
        let mut rows: Vec<ContactRow> = Vec::new();
        // All of them: a column without a type may hold the id as a text and as a number, in two rows.
        for class in [Some("text"), is_integer(user.as_str()).then_some("integer"), Some("blob")].into_iter().flatten()
        {
            let query = bind(query(&self.statements.contact), class, user.as_str())?.bind(user.as_str());
            for row in query.fetch_all(&mut *connection).await? {
                let row = contact_row(&row);
                if !rows.contains(&row) {
                    rows.push(row);
                }
            }
        }
        Ok(rows)
    }

    fn place(&self) -> &str {
        &self.place
    }

    async fn count(&self, counted: Counted) -> Result<u64, sqlx::Error> {
        let mut connection = self.connection().await?;
        let statement = match counted {
            Counted::Users => &self.statements.count,
            Counted::Blank => &self.statements.count_blank,
        };
        let rows: i64 = query(statement).fetch_one(&mut *connection).await?.try_get(0)?;
        Ok(u64::try_from(rows).unwrap_or(0))
    }
}

fn query(statement: &str) -> Query<'static, sqlx::Sqlite, SqliteArguments> {
    sqlx::query(AssertSqlSafe(statement.to_owned()))
}

/// A cursor's storage class and text; a cursor without one is text.
fn split(cursor: &str) -> (&str, &str) {
    cursor.split_once(':').unwrap_or(("text", cursor))
}

fn bind<'q>(
    query: Query<'q, sqlx::Sqlite, SqliteArguments>,
    class: &str,
    text: &str,
) -> Result<Query<'q, sqlx::Sqlite, SqliteArguments>, sqlx::Error> {
    Ok(match class {
        "integer" => query.bind(text.parse::<i64>().map_err(|e| sqlx::Error::Decode(Box::new(e)))?),
        "blob" => query.bind(text.as_bytes().to_vec()),
        _ => query.bind(text.to_owned()),
    })
}

fn is_integer(text: &str) -> bool {
    text.parse::<i64>().is_ok_and(|number| number.to_string() == text)
}

fn contact_row(row: &SqliteRow) -> ContactRow {
    std::array::from_fn(|column| row.try_get(column).ok().flatten())
}

fn key(row: &SqliteRow) -> Result<Key, sqlx::Error> {
    let (id, class): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    if class == "real" {
        return Err(sqlx::Error::Decode("a user's id is a number with a fraction".into()));
    }
    Ok(Key { cursor: format!("{class}:{id}"), id })
}
