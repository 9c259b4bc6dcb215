//! Why the state database did not do as asked, by class.

/// A failure of the state database. Carries the database's words, never a value of ours or the URL.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The `[state] url` is not one we can open.
    #[error("[state] url: {0}; use sqlite://PATH or postgres://USER@HOST/DATABASE")]
    Url(String),
    /// There is no SQLite file where one that exists was asked for; carries the whole path.
    #[error(
        "there is no state database at {0}; run this in the directory of the runs or give [state] url a whole path \
         (`reconnectd check` says where it is), or make an empty one with `reconnectd migrate`"
    )]
    Missing(String),
    /// The login, the database's name or the file's folder is wrong: the configuration must change.
    #[error("the state database refused us; check [state] url: login, database, or the file's folder")]
    Misconfigured(#[source] sqlx::Error),
    /// Busy, unreachable, out of connections: the same call may work later.
    #[error("the state database is unavailable, may work later")]
    Transient(#[source] sqlx::Error),
    /// The schema was made by a newer version, or a migration was changed after it was applied.
    #[error(
        "the state database's schema does not fit this version ({0}); run the version that wrote it, or a newer one"
    )]
    Schema(String),
    /// `[suppression] key` is not the one in use; carries what is wrong and what to do, and no key.
    #[error("[suppression] key {0}")]
    SuppressionKey(String),
    /// The run lease passed to somebody else: nothing was written.
    #[error("the run lease was lost to another process; nothing more is written by this one")]
    LeaseLost,
    /// There is no room left where the database is.
    #[error(
        "the state database cannot be written: its disk is full, or its quota is; make room where it is, then start \
         again: what was committed is there"
    )]
    DiskFull(#[source] sqlx::Error),
    /// What is stored is not what was written, or never was a database.
    #[error(
        "the state database is corrupt, or [state] url names a file that is none; stop every process, keep a copy of \
         it, and put the last backup in its place"
    )]
    Corrupt(#[source] sqlx::Error),
    /// Anything else: a broken invariant.
    #[error("the state database failed")]
    Fatal(#[source] sqlx::Error),
    /// A stored value that this version cannot read.
    #[error("the state database holds a value that cannot be read: {0}")]
    Unreadable(String),
}

impl StoreError {
    /// Whether trying again is of no use before a person has seen to the database: exit code 4.
    pub fn is_unusable(&self) -> bool {
        matches!(self, Self::Schema(_) | Self::DiskFull(_) | Self::Corrupt(_))
    }

    pub(super) fn null(column: &str) -> Self {
        Self::Unreadable(format!("column {column} is NULL"))
    }
}

/// SQLite: 5 (busy), 6 (locked) and their kin 261, 517 and 773; 9 (our own time limit). PostgreSQL: serialization failure, deadlock,
/// our own statement timeout, shutdown, crash, starting up, too many connections, idle-in-transaction timeout,
/// read-only (a failover under way), and the connection exceptions (class 08).
const TRANSIENT_CODES: [&str; 19] = [
    "5", "6", "9", "261", "517", "773", "40001", "40P01", "57014", "57P01", "57P02", "57P03", "53300", "25P03",
    "25006", "08000", "08003", "08006", "08001",
];

/// SQLite: 14 (cannot open the file). PostgreSQL: invalid password, invalid authorization, no such database,
/// insufficient privilege.
const MISCONFIGURED_CODES: [&str; 5] = ["14", "28P01", "28000", "3D000", "42501"];

/// SQLite: 13 (full), 778 and 4874 (writing the file or growing its shared memory failed: a quota). PostgreSQL: disk
/// full.
const FULL_CODES: [&str; 4] = ["13", "778", "4874", "53100"];

/// SQLite: 11 (corrupt) and its kin 267, 523 and 779, 26 (not a database). PostgreSQL: data or an index corrupted.
const CORRUPT_CODES: [&str; 7] = ["11", "267", "523", "779", "26", "XX001", "XX002"];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::Tls(_) => Self::Transient(error),
            sqlx::Error::Database(db) if db.code().is_some_and(|code| TRANSIENT_CODES.contains(&code.as_ref())) => {
                Self::Transient(error)
            }
            sqlx::Error::Database(db) if db.code().is_some_and(|code| MISCONFIGURED_CODES.contains(&code.as_ref())) => {
                Self::Misconfigured(error)
            }
            sqlx::Error::Database(db) if db.code().is_some_and(|code| FULL_CODES.contains(&code.as_ref())) => {
                Self::DiskFull(error)
            }
            sqlx::Error::Database(db) if db.code().is_some_and(|code| CORRUPT_CODES.contains(&code.as_ref())) => {
                Self::Corrupt(error)
            }
            _ => Self::Fatal(error),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        use sqlx::migrate::MigrateError as M;
        match error {
            M::Execute(source) | M::ExecuteMigration(source, _) => Self::from(source),
            M::VersionMissing(version) | M::VersionTooNew(version, _) => {
                Self::Schema(format!("migration {version} is not known to it"))
            }
            other => Self::Schema(other.to_string()),
        }
    }
}
