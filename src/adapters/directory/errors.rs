//! Turns what the database said into an error that says what to do: try later, or change which key.
//!
//! The words of the database are kept as the source, scrubbed and bounded: addresses masked, and no URL
//! and no password in them, since the drivers repeat neither. A server that cannot be reached is named, `host:port`.

use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::mysql::MySqlDatabaseError;
use sqlx::postgres::PgDatabaseError;

use crate::domain::scrub;
use crate::ports::DirectoryError;

/// Longest text of the database that is kept.
const WORDS_MAX_CHARS: usize = 400;

/// The database's own words, safe to log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct DatabaseWords(String);

/// What an error of the driver means for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// May work later.
    Transient,
    /// The URL: login, database, file, TLS.
    Url,
    /// The table is not there or may not be read.
    Table,
    /// An id that is neither text nor number.
    Id,
    /// The statement itself was refused.
    Statement,
}

/// A wrong setting found without asking the database.
pub(super) fn misconfigured(doing: &'static str, remedy: impl Into<String>) -> DirectoryError {
    let remedy = remedy.into();
    DirectoryError::Misconfigured { doing, source: Box::new(DatabaseWords(remedy.clone())), remedy }
}

/// No answer from `place` within our own limit.
pub(super) fn timed_out(doing: &'static str, place: &str, limit: Duration) -> DirectoryError {
    let words = DatabaseWords(format!("{place}: no answer within {}", humantime::format_duration(limit)));
    DirectoryError::Unavailable { doing, source: Box::new(words) }
}

/// The URL cannot be read; nothing of it is known that could be shown.
pub(super) fn at_url(error: &sqlx::Error) -> DirectoryError {
    map(super::CONNECTING, "[directory] url", error, URL_REMEDY)
}

/// While connecting to `place`: before any configured name was used.
pub(super) fn at_connect(place: &str, error: &sqlx::Error) -> DirectoryError {
    map(super::CONNECTING, place, error, URL_REMEDY)
}

/// While opening an SQLite file.
pub(super) fn at_open(file: &str, error: &sqlx::Error) -> DirectoryError {
    let opened = at_connect(file, error);
    let DirectoryError::Misconfigured { doing, source, .. } = opened else { return opened };
    let remedy = format!("check [directory] url: {file} must be an SQLite file that is there and may be read");
    DirectoryError::Misconfigured { doing, remedy, source }
}

/// While trying one configured name, `[directory] key`.
pub(super) fn at_probe(place: &str, key: &str, name: &str, error: &sqlx::Error) -> DirectoryError {
    let remedy = match key {
        "filter" => "correct [directory] filter, an SQL condition over the table's columns".to_owned(),
        "table" => format!("check [directory] table: {name:?} must be a table or view this login may read"),
        _ => format!("check [directory] {key}: {name:?} must be a column this login may read (case counts)"),
    };
    map("checking the users' table", place, error, &remedy)
}

/// While using what the checks at connect accepted.
pub(super) fn at_run(doing: &'static str, place: &str, error: &sqlx::Error) -> DirectoryError {
    map(doing, place, error, "check [directory] filter and that the columns are still there")
}

const URL_REMEDY: &str = "check [directory] url: login, database or file name, and TLS parameters";
const TABLE_REMEDY: &str = "check [directory] table: it must be a table or view this login may read";
const ID_REMEDY: &str = "check [directory] id: it must hold text, uuids or integers; a view can make them so";

/// `place` is `host:port` or a file; named where the database itself has said nothing.
fn map(doing: &'static str, place: &str, error: &sqlx::Error, statement_remedy: &str) -> DirectoryError {
    let said = match error {
        sqlx::Error::Io(cause) => cause.to_string(),
        other => other.to_string(),
    };
    let words = scrub(&said, WORDS_MAX_CHARS);
    let words = if matches!(error, sqlx::Error::Database(_)) { words } else { format!("{place}: {words}") };
    let source = Box::new(DatabaseWords(words));
    let remedy = match fault(error) {
        Fault::Transient => return DirectoryError::Unavailable { doing, source },
        Fault::Url => URL_REMEDY,
        // The check of the table itself says it better, with the name.
        Fault::Table if statement_remedy.contains("[directory] table") => statement_remedy,
        Fault::Table => TABLE_REMEDY,
        Fault::Id => ID_REMEDY,
        Fault::Statement => statement_remedy,
    };
    DirectoryError::Misconfigured { doing, remedy: remedy.to_owned(), source }
}

fn fault(error: &sqlx::Error) -> Fault {
    match error {
        sqlx::Error::Configuration(_) | sqlx::Error::Tls(_) => Fault::Url,
        sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => Fault::Id,
        sqlx::Error::Database(said) => fault_of_database(said.as_ref()),
        sqlx::Error::ColumnNotFound(_) => Fault::Statement,
        _ => Fault::Transient,
    }
}

fn fault_of_database(said: &dyn DatabaseError) -> Fault {
    if let Some(said) = said.try_downcast_ref::<PgDatabaseError>() {
        return fault_of_postgres(said.code());
    }
    if let Some(said) = said.try_downcast_ref::<MySqlDatabaseError>() {
        return fault_of_mysql(said.number());
    }
    fault_of_sqlite(said.code().and_then(|code| code.parse::<u32>().ok()).unwrap_or(0))
}

/// SQLSTATE, see the manual's appendix "PostgreSQL Error Codes".
fn fault_of_postgres(code: &str) -> Fault {
    match code {
        "3D000" => Fault::Url,
        // undefined_table, invalid_schema_name, insufficient_privilege
        "42P01" | "3F000" | "42501" => Fault::Table,
        _ => match code.get(..2) {
            Some("28") => Fault::Url,
            // data exception, read-only transaction, syntax or name
            Some("22" | "25" | "42" | "0A" | "38" | "P0") => Fault::Statement,
            _ => Fault::Transient,
        },
    }
}

/// Error numbers, see "Server Error Message Reference" of MySQL and "Error Codes" of MariaDB.
fn fault_of_mysql(number: u16) -> Fault {
    match number {
        // access denied (database, login, password, plugin), unknown database, SSL required
        1044 | 1045 | 1049 | 1227 | 1698 | 3159 => Fault::Url,
        // no such table, SELECT denied, a view that no longer works
        1146 | 1142 | 1356 => Fault::Table,
        // unknown column, column denied, syntax, function missing, mix of collations, read-only session,
        // bad value, wrong parameters, ambiguous or misused aggregate
        1054 | 1143 | 1064 | 1305 | 1267 | 1271 | 1792 | 1292 | 1366 | 1210 | 1052 | 1111 | 1242 | 1241 | 1630 => {
            Fault::Statement
        }
        _ => Fault::Transient,
    }
}

/// Result codes, see <https://www.sqlite.org/rescode.html>; the low byte of an extended one.
fn fault_of_sqlite(code: u32) -> Fault {
    match code & 0xff {
        // AUTH, CANTOPEN, NOTADB, PERM, READONLY
        23 | 14 | 26 | 3 | 8 => Fault::Url,
        // ERROR, RANGE, MISMATCH
        1 | 25 | 20 => Fault::Statement,
        _ => Fault::Transient,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_of_error_points_at_what_to_change() {
        for (code, fault) in [
            ("28P01", Fault::Url),
            ("3D000", Fault::Url),
            ("42P01", Fault::Table),
            ("42501", Fault::Table),
            ("42703", Fault::Statement),
            ("42601", Fault::Statement),
            ("25006", Fault::Statement),
            ("57014", Fault::Transient),
            ("53300", Fault::Transient),
            ("", Fault::Transient),
        ] {
            assert_eq!(fault_of_postgres(code), fault, "{code}");
        }
        for (number, fault) in [
            (1045, Fault::Url),
            (1049, Fault::Url),
            (1146, Fault::Table),
            (1054, Fault::Statement),
            (1064, Fault::Statement),
            (1792, Fault::Statement),
            (1040, Fault::Transient),
            (1969, Fault::Transient),
            (3024, Fault::Transient),
        ] {
            assert_eq!(fault_of_mysql(number), fault, "{number}");
        }
        for (code, fault) in [(14, Fault::Url), (1, Fault::Statement), (5, Fault::Transient), (9, Fault::Transient)] {
            assert_eq!(fault_of_sqlite(code), fault, "{code}");
        }
    }

    #[test]
    fn the_words_of_the_database_lose_their_addresses() {
        let error = sqlx::Error::Protocol("near \"mary@example.com\": no".to_owned());
        let DirectoryError::Unavailable { source, .. } = at_run("testing", "db:1", &error) else { panic!("{error}") };
        assert!(source.to_string().contains("<address>") && !source.to_string().contains("mary"), "{source}");
    }
}
