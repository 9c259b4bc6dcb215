//! The users of a PostgreSQL database: sessions that start read-only, with a statement timeout.
//!
//! Both are asked for as startup options, so no later statement can miss them, and the session is
//! refused when it does not have them: a pooler such as `PgBouncer` may drop startup options (and a `SET` would
//! stay behind on a connection it lends to others). Connect past the pooler, or to a replica.
//!
//! The id's type is asked for once and the bound cursor cast to it, so that indexes serve and the column's own
//! order and collation decide. `char(n)` ids keep their padding: that is what a plain `SELECT` shows.

use async_trait::async_trait;
use secrecy::ExposeSecret as _;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgRow};
use sqlx::query::Query;
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, Executor as _, Row as _, SqlSafeStr as _,
    Statement as _,
};

use super::sql::{Dialect, IdSql, Names, Statements};
use super::{CONNECTIONS, ContactRow, Counted, DirectorySettings, Key, Limits, Source, errors, server};
use crate::domain::UserId;
use crate::ports::DirectoryError;

/// Types whose text is the value itself; others refuse a text that is none of theirs.
const TEXT_TYPES: [&str; 5] = ["text", "varchar", "bpchar", "name", "citext"];

/// A PostgreSQL directory.
pub(super) struct Postgres {
    pool: PgPool,
    statements: Statements,
    id_type: IdType,
    place: String,
}

struct IdType {
    /// Without its schema, unquoted.
    name: String,
    /// As SQL.
    quoted: String,
}

impl IdType {
    fn is_text(&self) -> bool {
        TEXT_TYPES.contains(&self.name.as_str())
    }
}

impl Postgres {
    /// Connects and checks every configured name.
    pub(super) async fn open(settings: &DirectorySettings, limits: Limits) -> Result<Self, DirectoryError> {
        let options: PgConnectOptions = settings.url.expose_secret().parse().map_err(|e| errors::at_url(&e))?;
        let place = server(options.get_host(), options.get_port());
        let timeout_ms = limits.statement.as_millis().to_string();
        let options = options
            .application_name("reconnectd directory")
            .options([
                ("default_transaction_read_only", "on"),
                ("statement_timeout", timeout_ms.as_str()),
                ("idle_in_transaction_session_timeout", timeout_ms.as_str()),
            ])
            .disable_statement_logging();
        let connecting = tokio::time::timeout(limits.connect, options.connect()).await;
        let mut first = connecting
            .map_err(|_| errors::timed_out(super::CONNECTING, &place, limits.connect))?
            .map_err(|e| errors::at_connect(&place, &e))?;
        refuse_a_writable_session(&place, &mut first).await?;
        let names = Names::new(Dialect::Postgres, settings);
        for (key, name, probe) in names.probes(settings) {
            let tried = first.prepare(AssertSqlSafe(probe).into_sql_str()).await;
            tried.map_err(|e| errors::at_probe(&place, key, name, &e))?;
        }
        let id_type =
            id_type(&mut first, &names).await.map_err(|e| errors::at_probe(&place, "id", &settings.id, &e))?;
        // It has served; the pool opens its own.
        drop(first.close().await);
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(limits.connect)
            .connect_lazy_with(options);
        Ok(Self { pool, statements: Statements::new(&names, &id_sql(&names.id, &id_type)), id_type, place })
    }

    /// Whether the id column's type can hold this text at all; asking the table would be an error.
    async fn can_hold(&self, id: &str) -> Result<bool, sqlx::Error> {
        if self.id_type.is_text() {
            return Ok(!id.contains('\0')); // PostgreSQL has no text with a NUL
        }
        let cast = query(&format!("SELECT CAST($1 AS {}) IS NULL", self.id_type.quoted)).bind(id.to_owned());
        match cast.fetch_one(&self.pool).await {
            Ok(_) => Ok(true),
            // class 22: data exception
            Err(sqlx::Error::Database(said)) if said.code().is_some_and(|code| code.starts_with("22")) => Ok(false),
            Err(other) => Err(other),
        }
    }
}

async fn refuse_a_writable_session(place: &str, session: &mut PgConnection) -> Result<(), DirectoryError> {
    let read_only: String = sqlx::query_scalar("SELECT current_setting('transaction_read_only')")
        .fetch_one(session)
        .await
        .map_err(|e| errors::at_connect(place, &e))?;
    if read_only == "on" {
        return Ok(());
    }
    let remedy = "[directory] url must lead to the server or a pooler that passes startup options on: \
                  the session did not become read-only";
    Err(errors::misconfigured(super::CONNECTING, remedy))
}

/// The type of the id column; of a domain, the type under it.
async fn id_type(session: &mut PgConnection, names: &Names) -> Result<IdType, sqlx::Error> {
    let statement = (&mut *session).prepare(AssertSqlSafe(names.id_probe()).into_sql_str()).await?;
    let oid = statement.columns().first().and_then(|column| column.type_info().oid());
    let row = sqlx::query(
        "SELECT t.typname::text, quote_ident(n.nspname) || '.' || quote_ident(t.typname) \
         FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE t.oid = $1",
    )
    .bind(oid)
    .fetch_one(session)
    .await?;
    Ok(IdType { name: row.try_get(0)?, quoted: row.try_get(1)? })
}

fn id_sql(id: &str, id_type: &IdType) -> IdSql {
    // A cast from char(n) to text drops the padding, the output function keeps it.
    let text = if id_type.name == "bpchar" { format!("concat({id})") } else { format!("CAST({id} AS text)") };
    let bytes = format!("convert_to({text}, 'UTF8')");
    IdSql {
        shown: bytes.clone(),
        bytes,
        // Padding alone is no id.
        length: format!("octet_length(CAST({id} AS text))"),
        cursor: format!("CAST($1 AS {})", id_type.quoted),
        bound: "$2".to_owned(),
    }
}

#[async_trait]
impl Source for Postgres {
    async fn following(&self, after: Option<&str>, limit: u32) -> Result<Vec<Key>, sqlx::Error> {
        let query = match after {
            None => query(&self.statements.first),
            Some(cursor) => query(&self.statements.following).bind(cursor.to_owned()),
        };
        query.bind(i64::from(limit)).fetch_all(&self.pool).await?.iter().map(key).collect()
    }

    async fn equal_to(&self, cursor: &str, beyond: bool, limit: u32) -> Result<Vec<Key>, sqlx::Error> {
        let bound = if beyond { cursor } else { "" };
        let query = query(&self.statements.equal).bind(cursor.to_owned()).bind(bound.as_bytes().to_vec());
        query.bind(i64::from(limit)).fetch_all(&self.pool).await?.iter().map(key).collect()
    }

    fn has_ties(&self) -> bool {
        self.id_type.is_text()
    }

    async fn contacts(&self, user: &UserId) -> Result<Vec<ContactRow>, sqlx::Error> {
        let id = user.as_str();
        if !self.can_hold(id).await? {
            return Ok(Vec::new());
        }
        let query = query(&self.statements.contact).bind(id.to_owned()).bind(id.as_bytes().to_vec());
        Ok(query.fetch_all(&self.pool).await?.iter().map(contact_row).collect())
    }

    fn place(&self) -> &str {
        &self.place
    }

    async fn count(&self, counted: Counted) -> Result<u64, sqlx::Error> {
        let statement = match counted {
            Counted::Users => &self.statements.count,
            Counted::Blank => &self.statements.count_blank,
        };
        let rows: i64 = query(statement).fetch_one(&self.pool).await?.try_get(0)?;
        Ok(u64::try_from(rows).unwrap_or(0))
    }
}

fn query(statement: &str) -> Query<'static, sqlx::Postgres, PgArguments> {
    sqlx::query(AssertSqlSafe(statement.to_owned()))
}

fn contact_row(row: &PgRow) -> ContactRow {
    std::array::from_fn(|column| row.try_get(column).ok().flatten())
}

fn key(row: &PgRow) -> Result<Key, sqlx::Error> {
    let id = String::from_utf8(row.try_get(0)?).map_err(|e| sqlx::Error::Decode(Box::new(e)))?;
    Ok(Key { cursor: id.clone(), id })
}
