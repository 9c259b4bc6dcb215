//! Writes the product database that belongs to a population: the same users, with addresses and names.
//!
//! The file carries SQLite's application id below, and only a file that carries it is ever replaced. All
//! rows are written in one transaction under a temporary name and renamed at the end: a crash leaves the old
//! file, or none, and a temporary one beside it.

use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, QueryBuilder, Row, Sqlite, SqliteConnection};

use super::SimulatorError;
use super::population::Population;

/// "rcnd", in SQLite's header field for the application's own mark.
const APPLICATION_ID: i32 = 0x7263_6e64;

/// Rows per INSERT: 6 values each stay far below SQLite's 32,766 bound parameters.
const ROWS_PER_INSERT: u64 = 500;

const TABLE: &str = "CREATE TABLE users (
    id TEXT PRIMARY KEY, email TEXT, name TEXT, locale TEXT, timezone TEXT, deleted_at TEXT
)";

const GIVEN: [&str; 10] = ["Ada", "Bruno", "Chloé", "Dmitri", "Eun-ji", "Fatima", "Grace", "Hugo", "Ines", "Jörg"];
const FAMILY: [&str; 10] =
    ["Almeida", "Brown", "Costa", "Dubois", "Evans", "Fischer", "García", "Hansen", "Ito", "Kowalski"];
const PLACES: [(&str, &str); 6] = [
    ("en-US", "America/New_York"),
    ("en-GB", "Europe/London"),
    ("de-DE", "Europe/Berlin"),
    ("pl-PL", "Europe/Warsaw"),
    ("pt-BR", "America/Sao_Paulo"),
    ("ja-JP", "Asia/Tokyo"),
];

/// Writes `users(id, email, name, locale, timezone, deleted_at)` with every user of the population, and
/// returns how many. Addresses are the id `@example.com`. A file written by an earlier call is replaced; any
/// other file is refused.
pub async fn write_directory(path: &Path, population: &Population) -> Result<u64, SimulatorError> {
    let shown = path.display().to_string();
    if path.exists() && !is_ours(path).await {
        return Err(SimulatorError::NotOurs { path: shown });
    }
    match write(path, population).await {
        Ok(()) => Ok(population.users),
        Err(source) => Err(SimulatorError::Directory { path: shown, source }),
    }
}

async fn write(path: &Path, population: &Population) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let unfinished = PathBuf::from(unfinished);
    if unfinished.exists() {
        std::fs::remove_file(&unfinished)?;
    }
    // No journal and no sync: until the rename, the file counts for nothing.
    let mut db = SqliteConnectOptions::new()
        .filename(&unfinished)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Off)
        .synchronous(SqliteSynchronous::Off)
        .pragma("application_id", APPLICATION_ID.to_string())
        .connect()
        .await?;
    fill(&mut db, population).await?;
    db.close().await?;
    std::fs::rename(&unfinished, path)?;
    Ok(())
}

async fn fill(db: &mut SqliteConnection, population: &Population) -> Result<(), sqlx::Error> {
    let mut transaction = db.begin().await?;
    sqlx::query(TABLE).execute(&mut *transaction).await?;
    let mut next = 0;
    while next < population.users {
        let until = population.users.min(next + ROWS_PER_INSERT);
        let mut insert =
            QueryBuilder::<Sqlite>::new("INSERT INTO users (id, email, name, locale, timezone, deleted_at) ");
        insert.push_values(next..until, |mut row, index| {
            let id = population.user_id(index);
            let mut dice = population.dice(index, 3);
            let (given, family) = (GIVEN[dice.usize(0..GIVEN.len())], FAMILY[dice.usize(0..FAMILY.len())]);
            let (locale, timezone) = PLACES[dice.usize(0..PLACES.len())];
            let deleted_at = population.is_deleted(index).then(|| super::item::iso(population.as_of));
            row.push_bind(id.clone())
                .push_bind(format!("{id}@example.com"))
                .push_bind(format!("{given} {family}"))
                .push_bind(locale)
                .push_bind(timezone)
                .push_bind(deleted_at);
        });
        insert.build().execute(&mut *transaction).await?;
        next = until;
    }
    transaction.commit().await
}

/// Whether the file is a SQLite database that carries our mark.
async fn is_ours(path: &Path) -> bool {
    let opened = SqliteConnectOptions::new().filename(path).read_only(true).connect().await;
    let Ok(mut db) = opened else { return false };
    let mark = sqlx::query("PRAGMA application_id").fetch_one(&mut db).await.and_then(|row| row.try_get::<i32, _>(0));
    mark.is_ok_and(|mark| mark == APPLICATION_ID)
}
