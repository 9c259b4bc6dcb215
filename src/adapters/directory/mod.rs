//! The product's users, read from its own database: SQLite, PostgreSQL, MySQL and MariaDB.
//!
//! Turns a table or view and the names of its columns into pages of user ids, and one id into how that
//! person is reached. Nothing is ever written: every session is read-only, every statement has a time
//! limit on the server and a second one here, and at most [`CONNECTIONS`] connections are open.
//!
//! Ids keep their exact bytes: an id is what a plain `SELECT` of the column shows. The database orders and
//! compares by its own column type and collation; where a collation holds two ids for equal, bytes decide
//! (`paging.rs`). The operator's filter is SQL of their own, in the database's dialect, with times in UTC.
//! An id that leads to two different people is an error: nobody is guessed.
//! Identifiers are always quoted, so their case counts where the database lets it.
//!
//! Only connections are held: a crash leaves nothing behind.

mod errors;
mod mysql;
mod paging;
mod postgres;
mod sql;
mod sqlite;

use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};

use crate::domain::{Contact, Cursor, EmailAddress, UserId, UserPage};
use crate::ports::{Directory, DirectoryError};

/// One connection pages, the other reads contacts; the product's database is not ours to crowd.
pub const CONNECTIONS: u32 = 2;

/// Where the users are, as the section `[directory]` of the configuration says it.
#[derive(Debug, Clone)]
pub struct DirectorySettings {
    /// `sqlite://`, `postgres://` or `mysql://` (also for MariaDB); may hold a password.
    pub url: SecretString,
    /// A table or view; `schema.table` names one outside the default schema. The part before the first
    /// dot is the schema.
    pub table: String,
    /// The id column: text, uuid or integer; unique and indexed, or every page is a full scan.
    /// In MySQL, `BINARY(16)` is read as a UUID in byte order, other binary columns as UTF-8.
    pub id: String,
    /// The column with the e-mail address.
    pub email: Option<String>,
    /// The column with the person's name.
    pub name: Option<String>,
    /// The column with a BCP 47 language tag.
    pub locale: Option<String>,
    /// The column with an IANA time zone.
    pub timezone: Option<String>,
    /// An SQL condition, the operator's own text: only rows that meet it are users.
    pub filter: Option<String>,
    /// Users per page, at least 1.
    pub page_size: u32,
}

/// How long the database may take; see [`Limits::default`].
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Until a connection is made, or free to use.
    pub connect: Duration,
    /// For one statement, enforced by the server and, 2 s later, by us.
    pub statement: Duration,
}

impl Default for Limits {
    /// 10 s to connect (a server that takes longer is down); 30 s for a statement: counting ten million
    /// indexed rows takes a few seconds, a page a few milliseconds, so this only stops what runs away.
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), statement: Duration::from_secs(30) }
    }
}

/// The users of an SQL database.
pub struct SqlDirectory {
    source: Box<dyn Source>,
    page_size: u32,
    limits: Limits,
}

impl SqlDirectory {
    /// Connects and checks that the table, every configured column and the filter can be read.
    pub async fn connect(settings: DirectorySettings) -> Result<Self, DirectoryError> {
        Self::connect_within(settings, Limits::default()).await
    }

    /// The same under other limits.
    pub async fn connect_within(settings: DirectorySettings, limits: Limits) -> Result<Self, DirectoryError> {
        if settings.page_size == 0 {
            return Err(errors::misconfigured(CONNECTING, "set [directory] page_size to at least 1"));
        }
        let url = settings.url.expose_secret();
        let scheme = url.split(':').next().unwrap_or_default().to_ascii_lowercase();
        // Connecting and the checks are a handful of statements, each with its own limit on the server.
        let budget = limits.connect + limits.statement + GRACE;
        let opened: Result<Box<dyn Source>, DirectoryError> = within(CONNECTING, "[directory] url", budget, async {
            Ok(match scheme.as_str() {
                "sqlite" => Box::new(sqlite::Sqlite::open(&settings, limits).await?) as Box<dyn Source>,
                "postgres" | "postgresql" => Box::new(postgres::Postgres::open(&settings, limits).await?),
                "mysql" | "mariadb" => Box::new(mysql::MySql::open(&settings, limits).await?),
                _ => return Err(errors::misconfigured(CONNECTING, UNKNOWN_SCHEME)),
            })
        })
        .await;
        Ok(Self { source: opened?, page_size: settings.page_size, limits })
    }

    async fn call<T>(
        &self,
        doing: &'static str,
        work: impl Future<Output = Result<T, sqlx::Error>> + Send,
    ) -> Result<T, DirectoryError> {
        let budget = self.limits.connect + self.limits.statement + GRACE;
        let place = self.source.place();
        within(doing, place, budget, async { work.await.map_err(|e| errors::at_run(doing, place, &e)) }).await
    }
}

const CONNECTING: &str = "connecting to the users' database";
const UNKNOWN_SCHEME: &str = "[directory] url must start with sqlite://, postgres:// or mysql:// (MySQL and MariaDB)";
const READING_CONTACT: &str = "reading how a user is reached";
/// Which of the rows is the person is not ours to guess: a stranger would be told.
const AMBIGUOUS_ID: &str = "[directory] id names more than one row for a user; choose a column or view that is unique";
/// How much later than the server we give up: long enough for its own, better words to arrive.
const GRACE: Duration = Duration::from_secs(2);

#[async_trait]
impl Directory for SqlDirectory {
    async fn page(&self, after: Option<&Cursor>) -> Result<UserPage, DirectoryError> {
        let after = after.map(|cursor| cursor.0.as_str());
        self.call("reading a page of users", paging::page(self.source.as_ref(), after, self.page_size)).await
    }

    async fn contact(&self, user: &UserId) -> Result<Option<Contact>, DirectoryError> {
        let mut rows = self.call(READING_CONTACT, self.source.contacts(user)).await?;
        if rows.len() > 1 {
            return Err(errors::misconfigured(READING_CONTACT, AMBIGUOUS_ID));
        }
        Ok(rows.pop().map(contact_of))
    }

    async fn count(&self) -> Result<u64, DirectoryError> {
        self.call("counting the users", self.source.count(Counted::Users)).await
    }

    async fn count_blank(&self) -> Result<u64, DirectoryError> {
        self.call("counting rows without an id", self.source.count(Counted::Blank)).await
    }
}

/// One database product. Errors are mapped by the caller.
#[async_trait]
trait Source: Send + Sync {
    /// The first `limit` ids after the cursor in the column's own order; blank ids left out.
    async fn following(&self, after: Option<&str>, limit: u32) -> Result<Vec<Key>, sqlx::Error>;

    /// The first `limit` ids the column holds for equal to the cursor's, each once, by their bytes;
    /// with `beyond`, only those whose bytes sort after the cursor's.
    async fn equal_to(&self, cursor: &str, beyond: bool, limit: u32) -> Result<Vec<Key>, sqlx::Error>;

    /// Whether the id column may hold ids for equal that differ in their bytes.
    fn has_ties(&self) -> bool;

    /// The rows of this very user, byte for byte, without repeats: none, one, or at least two where the id is
    /// not unique.
    async fn contacts(&self, user: &UserId) -> Result<Vec<ContactRow>, sqlx::Error>;

    /// Where the database is, safe to show: `host:port` or the file.
    fn place(&self) -> &str;

    /// How many rows there are.
    async fn count(&self, counted: Counted) -> Result<u64, sqlx::Error>;
}

/// Which rows to count; both under the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    /// Rows with an id.
    Users,
    /// Rows whose id is null or empty.
    Blank,
}

/// An id and the cursor that resumes after it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    id: String,
    cursor: String,
}

/// E-mail, name, locale and time zone as they are stored. What cannot be read is absent.
type ContactRow = [Option<String>; 4];

/// What of a row can be used.
fn contact_of(row: ContactRow) -> Contact {
    let [email, name, locale, timezone] = row.map(|text| text.filter(|text| !text.trim().is_empty()));
    Contact { email: email.and_then(|address| EmailAddress::parse(&address).ok()), name, locale, timezone }
}

/// A server as it is named in errors.
fn server(host: &str, port: u16) -> String {
    let host = host.trim_matches(['[', ']']);
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

async fn within<T>(
    doing: &'static str,
    place: &str,
    budget: Duration,
    work: impl Future<Output = Result<T, DirectoryError>> + Send,
) -> Result<T, DirectoryError> {
    match tokio::time::timeout(budget, work).await {
        Ok(done) => done,
        Err(_) => Err(errors::timed_out(doing, place, budget)),
    }
}
