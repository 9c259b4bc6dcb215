//! The users of a MySQL or MariaDB database: read-only sessions with a limit on the time of a statement.
//!
//! The id's declared type decides how it is read and what a bound cursor is cast to: text compared with a
//! number would go through a floating-point number and lose digits. Text is read as utf8mb4 whatever the column's
//! character set. `BINARY(16)` is read as a UUID in byte order; for swapped bytes make a view.
//!
//! `||` in the operator's filter keeps the meaning the server gives it.

use async_trait::async_trait;
use secrecy::ExposeSecret as _;
use sqlx::mysql::{
    MySqlArguments, MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlPool, MySqlPoolOptions, MySqlRow,
};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, Row as _, SqlSafeStr as _};

use super::sql::{Dialect, IdSql, Names, Statements};
use super::{CONNECTIONS, ContactRow, Counted, DirectorySettings, Key, Limits, Source, errors, server};
use crate::domain::UserId;
use crate::ports::DirectoryError;

/// A MySQL or MariaDB directory.
pub(super) struct MySql {
    pool: MySqlPool,
    statements: Statements,
    id_type: IdType,
    place: String,
}

/// What the id column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IdType {
    Text,
    Signed,
    Unsigned,
    /// MariaDB's own type.
    Uuid,
    /// 16 bytes of a UUID.
    UuidBytes,
    /// Bytes that are UTF-8.
    Bytes,
}

impl IdType {
    /// From a type as `SHOW COLUMNS` writes it: `bigint(20) unsigned`, `varchar(36)`.
    fn parse(declared: &str) -> Option<Self> {
        let declared = declared.to_ascii_lowercase();
        let base = declared.split(['(', ' ']).next().unwrap_or_default();
        Some(match base {
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => Self::Text,
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" if declared.contains("unsigned") => Self::Unsigned,
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => Self::Signed,
            "uuid" => Self::Uuid,
            "binary" if declared == "binary(16)" => Self::UuidBytes,
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Self::Bytes,
            _ => return None,
        })
    }

    fn sql(self, id: &str) -> IdSql {
        let hex = |from: u32, length: u32| format!("SUBSTR(HEX({id}), {from}, {length})");
        let bytes = match self {
            Self::Bytes => id.to_owned(),
            Self::UuidBytes => format!(
                "CAST(LOWER(CONCAT_WS('-', {}, {}, {}, {}, {})) AS BINARY)",
                hex(1, 8),
                hex(9, 4),
                hex(13, 4),
                hex(17, 4),
                hex(21, 12)
            ),
            _ => format!("CAST(CAST({id} AS CHAR CHARACTER SET utf8mb4) AS BINARY)"),
        };
        IdSql {
            shown: bytes.clone(),
            bytes,
            length: format!("OCTET_LENGTH({id})"),
            cursor: match self {
                Self::Text => "?",
                Self::Signed => "CAST(? AS SIGNED)",
                Self::Unsigned => "CAST(? AS UNSIGNED)",
                Self::Uuid => "CAST(? AS UUID)",
                Self::UuidBytes => "UNHEX(REPLACE(?, '-', ''))",
                Self::Bytes => "CAST(? AS BINARY)",
            }
            .to_owned(),
            bound: "?".to_owned(),
        }
    }
}

impl MySql {
    /// Connects and checks every configured name.
    pub(super) async fn open(settings: &DirectorySettings, limits: Limits) -> Result<Self, DirectoryError> {
        let options: MySqlConnectOptions = settings.url.expose_secret().parse().map_err(|e| errors::at_url(&e))?;
        let place = server(options.get_host(), options.get_port());
        let options = options.charset("utf8mb4").pipes_as_concat(false).disable_statement_logging();
        let connecting = tokio::time::timeout(limits.connect, options.connect()).await;
        let mut first = connecting
            .map_err(|_| errors::timed_out(super::CONNECTING, &place, limits.connect))?
            .map_err(|e| errors::at_connect(&place, &e))?;
        restrict(&mut first, limits).await.map_err(|e| errors::at_connect(&place, &e))?;
        let names = Names::new(Dialect::MySql, settings);
        for (key, name, probe) in names.probes(settings) {
            let tried = first.prepare(AssertSqlSafe(probe).into_sql_str()).await;
            tried.map_err(|e| errors::at_probe(&place, key, name, &e))?;
        }
        let id_type = id_type(&mut first, &names, &settings.id).await;
        let id_type = id_type.map_err(|e| errors::at_probe(&place, "id", &settings.id, &e))?;
        // It has served; the pool opens its own.
        drop(first.close().await);
        let pool = MySqlPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(limits.connect)
            .after_connect(move |connection, _| Box::pin(restrict(connection, limits)))
            .connect_lazy_with(options);
        Ok(Self { pool, statements: Statements::new(&names, &id_type.sql(&names.id)), id_type, place })
    }
}

/// `ER_UNKNOWN_SYSTEM_VARIABLE`.
const UNKNOWN_SYSTEM_VARIABLE: u16 = 1193;
/// `ER_CANT_AGGREGATE_2COLLATIONS` and MySQL's `ER_IMPOSSIBLE_STRING_CONVERSION`.
const NO_SUCH_TEXT: [u16; 2] = [1267, 3988];

/// The server's number of an error, 0 for errors that are none of the server's.
fn number_of(error: &sqlx::Error) -> u16 {
    let said = error.as_database_error().and_then(|said| said.try_downcast_ref::<MySqlDatabaseError>());
    said.map_or(0, MySqlDatabaseError::number)
}

/// Makes the session read-only and bounds its statements.
async fn restrict(session: &mut MySqlConnection, limits: Limits) -> Result<(), sqlx::Error> {
    session.execute("SET SESSION TRANSACTION READ ONLY").await?;
    let maria = format!("SET SESSION max_statement_time = {}", limits.statement.as_secs_f64());
    let mysql = format!("SET SESSION max_execution_time = {}", limits.statement.as_millis());
    for limit in [maria, mysql] {
        match session.execute(AssertSqlSafe(limit)).await {
            Ok(_) => return Ok(()),
            Err(error) if number_of(&error) == UNKNOWN_SYSTEM_VARIABLE => {} // the other product's name for it
            Err(error) => return Err(error),
        }
    }
    Ok(()) // MySQL before 5.7.8 has neither; our own limit holds
}

/// The declared type of the id column, of a table or a view.
async fn id_type(session: &mut MySqlConnection, names: &Names, id: &str) -> Result<IdType, sqlx::Error> {
    let columns = sqlx::query(AssertSqlSafe(format!("SHOW COLUMNS FROM {}", names.table))).fetch_all(session).await?;
    let text = |row: &MySqlRow, column: usize| -> Result<String, sqlx::Error> {
        Ok(String::from_utf8_lossy(&row.try_get_unchecked::<Vec<u8>, _>(column)?).into_owned())
    };
    for row in &columns {
        // Names of columns ignore case in MySQL.
        if text(row, 0)?.to_lowercase() == id.to_lowercase() {
            let declared = text(row, 1)?;
            return IdType::parse(&declared)
                .ok_or_else(|| sqlx::Error::Decode(format!("ids cannot be of the type {declared}").into()));
        }
    }
    Err(sqlx::Error::ColumnNotFound(id.to_owned()))
}

#[async_trait]
impl Source for MySql {
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
        self.id_type == IdType::Text
    }

    async fn contacts(&self, user: &UserId) -> Result<Vec<ContactRow>, sqlx::Error> {
        let id = user.as_str();
        let query = query(&self.statements.contact).bind(id.to_owned()).bind(id.as_bytes().to_vec());
        let rows = match query.fetch_all(&self.pool).await {
            // The column's character set has no such text, so no row has this id.
            Err(error) if NO_SUCH_TEXT.contains(&number_of(&error)) => Vec::new(),
            other => other?,
        };
        Ok(rows.iter().map(contact_row).collect())
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

fn query(statement: &str) -> Query<'static, sqlx::MySql, MySqlArguments> {
    sqlx::query(AssertSqlSafe(statement.to_owned()))
}

fn contact_row(row: &MySqlRow) -> ContactRow {
    std::array::from_fn(|column| row.try_get(column).ok().flatten())
}

fn key(row: &MySqlRow) -> Result<Key, sqlx::Error> {
    let id = String::from_utf8(row.try_get(0)?).map_err(|e| sqlx::Error::Decode(Box::new(e)))?;
    Ok(Key { cursor: id.clone(), id })
}

#[cfg(test)]
mod tests {
    use super::IdType;

    #[test]
    fn declared_types_are_understood() {
        for (declared, id_type) in [
            ("varchar(255)", Some(IdType::Text)),
            ("CHAR(36)", Some(IdType::Text)),
            ("bigint(20) unsigned", Some(IdType::Unsigned)),
            ("int", Some(IdType::Signed)),
            ("uuid", Some(IdType::Uuid)),
            ("binary(16)", Some(IdType::UuidBytes)),
            ("varbinary(64)", Some(IdType::Bytes)),
            ("enum('a','b')", None),
            ("double", None),
            ("datetime", None),
        ] {
            assert_eq!(IdType::parse(declared), id_type, "{declared}");
        }
    }
}
