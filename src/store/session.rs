//! The one trait both databases implement, and the values that cross it.
//!
//! Turns a statement with `$1`-style placeholders and typed arguments into rows. The SQL of every table
//! family is written once against this trait; SQLite and PostgreSQL differ in how a transaction begins,
//! what the clock is called and how rows are locked, and nowhere else.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::Row as _;

use super::errors::StoreError;
use crate::domain::{Timestamp, from_millis, millis};

/// A statement that takes longer is logged as a warning with its text. sqlx would log each that takes a second: the sums of a
/// report over a year take up to ten, and nobody is to be woken by them.
pub(super) const SLOW_STATEMENT: Duration = Duration::from_secs(30);

/// An argument of a statement. Only two types exist in the schema: text and 64-bit integers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text, or NULL.
    Text(Option<String>),
    /// An integer, or NULL: numbers, booleans, instants in milliseconds.
    Int(Option<i64>),
}

macro_rules! value_from {
    ($($from:ty => |$v:ident| $to:expr;)*) => {
        $(impl From<$from> for Value {
            fn from($v: $from) -> Self {
                $to
            }
        })*
    };
}
value_from! {
    &str => |v| Value::Text(Some(v.to_owned()));
    String => |v| Value::Text(Some(v));
    Option<&str> => |v| Value::Text(v.map(str::to_owned));
    Option<String> => |v| Value::Text(v);
    i64 => |v| Value::Int(Some(v));
    u32 => |v| Value::Int(Some(i64::from(v)));
    bool => |v| Value::Int(Some(i64::from(v)));
    Option<i64> => |v| Value::Int(v);
    Timestamp => |v| Value::Int(Some(millis(v)));
    Option<Timestamp> => |v| Value::Int(v.map(millis));
}

/// A statement and its arguments. `{now}` in the text stands for the database's own clock in
/// milliseconds, `{skip_locked}` for the row lock PostgreSQL needs where several workers claim, `{row_lock}` for the
/// one it needs where what is read decides what is written, and `{values}` for the rows of [`Statement::values`].
#[derive(Debug, Clone)]
pub struct Statement {
    text: &'static str,
    args: Vec<Value>,
    rows: Option<Rows>,
}

/// The shape of a statement's `{values}`.
#[derive(Debug, Clone, Copy)]
struct Rows {
    count: usize,
    width: usize,
    /// The number of the first placeholder.
    first: usize,
}

/// A statement.
pub fn sql(text: &'static str) -> Statement {
    Statement { text, args: Vec::new(), rows: None }
}

impl Statement {
    /// Adds the next argument.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.args.push(value.into());
        self
    }

    /// Makes `{values}` stand for one parenthesised row of placeholders per row (an `IN` list has rows of
    /// one value). `rows` must not be empty, all rows must have the same width, nothing may be bound
    /// afterwards, and the text's own placeholders must stand before `{values}`, once each and in order.
    #[must_use]
    pub fn values(mut self, rows: Vec<Vec<Value>>) -> Self {
        let width = rows.first().map_or(0, Vec::len);
        self.rows = Some(Rows { count: rows.len(), width, first: self.args.len() + 1 });
        self.args.extend(rows.into_iter().flatten());
        self
    }

    /// The text in one dialect, and whether it is worth keeping prepared (what does not vary is).
    pub(super) fn text_for(&self, dialect: &Dialect) -> (String, bool) {
        let text = self.text.replace("{now}", dialect.now).replace("{skip_locked}", dialect.skip_locked);
        let text = text.replace("{row_lock}", dialect.row_lock);
        let Some(rows) = self.rows else { return (text, true) };
        let text = if dialect.nameless { nameless(&text) } else { text };
        let mut list = String::with_capacity(rows.count * rows.width * 8);
        for row in 0..rows.count {
            list.push_str(if row == 0 { "(" } else { ", (" });
            for column in 0..rows.width {
                if column > 0 {
                    list.push_str(", ");
                }
                if dialect.nameless {
                    list.push('?');
                } else {
                    list.push('$');
                    list.push_str(&(rows.first + row * rows.width + column).to_string());
                }
            }
            list.push(')');
        }
        (text.replace("{values}", &list), false)
    }

    pub(super) fn into_args(self) -> Vec<Value> {
        self.args
    }
}

/// Where the two databases' SQL differs.
pub(super) struct Dialect {
    /// The database's clock in milliseconds since the Unix epoch.
    pub now: &'static str,
    /// Locks the rows a worker claims and passes over those of others.
    pub skip_locked: &'static str,
    /// Locks the rows that are read until the transaction ends; nothing where there is one writer anyway.
    pub row_lock: &'static str,
    /// Whether placeholders of statements with `{values}` are plain `?`, numbered by their order.
    pub nameless: bool,
}

/// `$1`, `$2` … as `?`.
fn nameless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '$' {
            while rest.next_if(char::is_ascii_digit).is_some() {}
            out.push('?');
        } else {
            out.push(c);
        }
    }
    out
}

/// One row of an answer.
pub enum Row {
    /// From SQLite.
    Sqlite(sqlx::sqlite::SqliteRow),
    /// From PostgreSQL.
    Postgres(sqlx::postgres::PgRow),
}

impl Row {
    /// A text column that may be NULL.
    pub fn opt_text(&self, column: &str) -> Result<Option<String>, StoreError> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
        .map_err(StoreError::from)
    }

    /// A text column.
    pub fn text(&self, column: &str) -> Result<String, StoreError> {
        self.opt_text(column)?.ok_or_else(|| StoreError::null(column))
    }

    /// An integer column that may be NULL.
    pub fn opt_int(&self, column: &str) -> Result<Option<i64>, StoreError> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
        .map_err(StoreError::from)
    }

    /// An integer column.
    pub fn int(&self, column: &str) -> Result<i64, StoreError> {
        self.opt_int(column)?.ok_or_else(|| StoreError::null(column))
    }

    /// A column that holds 0 or 1.
    pub fn flag(&self, column: &str) -> Result<bool, StoreError> {
        Ok(self.int(column)? != 0)
    }

    /// An instant.
    pub fn instant(&self, column: &str) -> Result<Timestamp, StoreError> {
        self.int(column).map(from_millis)
    }

    /// An instant that may be NULL.
    pub fn opt_instant(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.opt_int(column)?.map(from_millis))
    }
}

/// A transaction on one of the two databases. Dropped without [`Session::commit`], it is rolled back.
#[async_trait]
pub trait Session: Send {
    /// Runs a statement and says how many rows it touched.
    async fn execute(&mut self, statement: Statement) -> Result<u64, StoreError>;
    /// Runs a statement and returns its rows. The caller's SQL bounds how many there are.
    async fn fetch(&mut self, statement: Statement) -> Result<Vec<Row>, StoreError>;
    /// Makes everything done so far permanent.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

/// One of the two databases.
#[async_trait]
pub trait Backend: Send + Sync {
    /// Begins a transaction that may write.
    async fn begin(&self) -> Result<Box<dyn Session>, StoreError>;
    /// Begins a transaction that only reads and never waits for a writer.
    async fn begin_read(&self) -> Result<Box<dyn Session>, StoreError>;
    /// The same, but all its statements see one state, and each may take long.
    async fn begin_snapshot(&self) -> Result<Box<dyn Session>, StoreError>;
    /// Brings the schema up to date, under a lock, so that two processes may do it at once.
    async fn migrate(&self) -> Result<(), StoreError>;
    /// Where the database is, for people; holds no login.
    fn place(&self) -> String;
    /// Closes all connections.
    async fn close(&self);
}
