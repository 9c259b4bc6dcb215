//! Turns the configured names into the statements of one directory, built once: identifiers quoted for the
//! dialect and qualified by their table, the filter in parentheses, values always bound.
//!
//! Qualified because SQLite takes an unknown `"name"` alone for a string and would answer with it.

use super::DirectorySettings;

/// How a dialect writes what SQL left open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `"name"`, `?1`
    Sqlite,
    /// `"name"`, `$1`
    Postgres,
    /// `` `name` ``, `?`: parameters in the order in which they are written
    MySql,
}

impl Dialect {
    /// An identifier, its quote character doubled.
    pub(super) fn quote(self, name: &str) -> String {
        match self {
            Self::Sqlite | Self::Postgres => format!("\"{}\"", name.replace('"', "\"\"")),
            Self::MySql => format!("`{}`", name.replace('`', "``")),
        }
    }

    /// The `number`-th parameter, counted from 1.
    pub(super) fn parameter(self, number: usize) -> String {
        match self {
            Self::Sqlite => format!("?{number}"),
            Self::Postgres => format!("${number}"),
            Self::MySql => "?".to_owned(),
        }
    }

    /// A value as text of the connection's character set.
    fn text(self, value: &str) -> String {
        match self {
            Self::Sqlite | Self::Postgres => format!("CAST({value} AS TEXT)"),
            Self::MySql => format!("CAST({value} AS CHAR CHARACTER SET utf8mb4)"),
        }
    }

    /// The same, told apart by its bytes: to a collation two addresses or names may be one.
    fn exact_text(self, value: &str) -> String {
        let collation = match self {
            Self::Sqlite => "BINARY",
            Self::Postgres => "\"C\"",
            Self::MySql => "utf8mb4_bin",
        };
        format!("{} COLLATE {collation}", self.text(value))
    }
}

/// The table and the columns, quoted.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) dialect: Dialect,
    /// The table with its schema.
    pub(super) table: String,
    /// The id column with its table.
    pub(super) id: String,
    /// E-mail, name, locale and time zone, each with its table and the key that names it.
    pub(super) contact: [(&'static str, Option<String>); 4],
    /// The filter as a condition, always true where none is configured.
    pub(super) filter: String,
}

impl Names {
    pub(super) fn new(dialect: Dialect, settings: &DirectorySettings) -> Self {
        let table = match settings.table.split_once('.') {
            Some((schema, name)) => format!("{}.{}", dialect.quote(schema), dialect.quote(name)),
            None => dialect.quote(&settings.table),
        };
        let column = |name: &String| format!("{table}.{}", dialect.quote(name));
        Self {
            dialect,
            id: column(&settings.id),
            contact: [
                ("email", settings.email.as_ref().map(column)),
                ("name", settings.name.as_ref().map(column)),
                ("locale", settings.locale.as_ref().map(column)),
                ("timezone", settings.timezone.as_ref().map(column)),
            ],
            // On a line of its own, so that a comment at its end does not swallow the parenthesis.
            filter: settings.filter.as_ref().map_or_else(|| "(1 = 1)".to_owned(), |own| format!("({own}\n)")),
            table,
        }
    }

    /// What to prepare to see whether each configured name can be read: the key, its value, the statement.
    pub(super) fn probes<'a>(&self, settings: &'a DirectorySettings) -> Vec<(&'static str, &'a str, String)> {
        let table = &self.table;
        let mut probes = vec![
            ("table", settings.table.as_str(), format!("SELECT 1 FROM {table}")),
            ("id", settings.id.as_str(), self.id_probe()),
        ];
        let configured = [&settings.email, &settings.name, &settings.locale, &settings.timezone];
        for ((key, column), name) in self.contact.iter().zip(configured) {
            if let (Some(column), Some(name)) = (column, name) {
                probes.push((key, name, format!("SELECT {column} FROM {table}")));
            }
        }
        probes.push(("filter", "", format!("SELECT 1 FROM {table} WHERE {}", self.filter)));
        probes
    }

    /// A statement whose one column is the id.
    pub(super) fn id_probe(&self) -> String {
        format!("SELECT {} FROM {}", self.id, self.table)
    }
}

/// How one id column is read and compared; every part is SQL.
#[derive(Debug, Clone)]
pub(super) struct IdSql {
    /// What a row's id is selected as (one column, or several for SQLite).
    pub(super) shown: String,
    /// The id's bytes, for the order among equal ids and for exact comparison.
    pub(super) bytes: String,
    /// The id's length in bytes; null for a null id.
    pub(super) length: String,
    /// The first parameter, a text, as a value of the column's type.
    pub(super) cursor: String,
    /// The second parameter as bytes that compare with `bytes`.
    pub(super) bound: String,
}

/// The statements of one directory. Parameters in brackets.
#[derive(Debug, Clone)]
pub(super) struct Statements {
    /// The first page. `[limit]`
    pub(super) first: String,
    /// A later page. `[cursor, limit]`
    pub(super) following: String,
    /// Ids equal to the cursor. `[cursor, lower bound of the bytes, limit]`
    pub(super) equal: String,
    /// E-mail, name, locale and time zone of one user: two rows where they differ. `[id, id]`
    pub(super) contact: String,
    /// Rows with an id.
    pub(super) count: String,
    /// Rows without one.
    pub(super) count_blank: String,
}

impl Statements {
    pub(super) fn new(names: &Names, id: &IdSql) -> Self {
        let Names { dialect, table, id: column, contact, filter } = names;
        let IdSql { shown, bytes, length, cursor, bound } = id;
        let (p1, p2, p3) = (dialect.parameter(1), dialect.parameter(2), dialect.parameter(3));
        let known = format!("{length} > 0 AND {filter}");
        let fields: Vec<String> =
            contact.iter().map(|(_, field)| dialect.exact_text(field.as_deref().unwrap_or("NULL"))).collect();
        Self {
            first: format!("SELECT {shown} FROM {table} WHERE {known} ORDER BY {column} LIMIT {p1}"),
            following: format!(
                "SELECT {shown} FROM {table} WHERE {known} AND {column} > {cursor} ORDER BY {column} LIMIT {p2}"
            ),
            equal: format!(
                "SELECT DISTINCT {shown}, {bytes} FROM {table} WHERE {known} AND {column} = {cursor} \
                 AND {bytes} > {bound} ORDER BY {bytes} LIMIT {p3}"
            ),
            contact: format!(
                "SELECT DISTINCT {} FROM {table} WHERE {known} AND {column} = {cursor} AND {bytes} = {bound} LIMIT 2",
                fields.join(", ")
            ),
            count: format!("SELECT COUNT(*) FROM {table} WHERE {known}"),
            count_blank: format!("SELECT COUNT(*) FROM {table} WHERE ({column} IS NULL OR {length} = 0) AND {filter}"),
        }
    }
}
