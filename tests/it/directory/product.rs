//! A product's database in each dialect, and a walk over its users.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a fixture that fails ends its test")]

use std::collections::BTreeSet;
use std::fmt::Write as _;

use reconnectd::adapters::directory::{DirectorySettings, SqlDirectory};
use reconnectd::domain::{Cursor, UserId};
use reconnectd::ports::Directory as _;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, MySqlConnection, PgConnection};

use crate::support::databases::{mariadb_database, postgres_database, sqlite_path};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
    Maria,
}

pub const ALL: [Dialect; 3] = [Dialect::Sqlite, Dialect::Postgres, Dialect::Maria];

/// An empty database of a product.
pub struct Product {
    pub dialect: Dialect,
    pub url: String,
    _folder: Option<tempfile::TempDir>,
}

impl Product {
    pub async fn new(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Sqlite => {
                let (folder, path) = sqlite_path();
                let url = format!("sqlite://{}", path.display());
                Self { dialect, url, _folder: Some(folder) }
            }
            Dialect::Postgres => Self { dialect, url: postgres_database().await, _folder: None },
            Dialect::Maria => Self { dialect, url: mariadb_database().await, _folder: None },
        }
    }

    /// Runs statements as the product would, in a session that may write.
    pub async fn run(&self, sql: &str) {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self.dialect {
            Dialect::Sqlite => {
                let options: sqlx::sqlite::SqliteConnectOptions = self.url.parse().unwrap();
                let mut session = options.create_if_missing(true).connect().await.unwrap();
                session.execute("PRAGMA synchronous = off").await.unwrap();
                session.execute(sql).await.unwrap();
                session.close().await.unwrap();
            }
            Dialect::Postgres => {
                let mut session = PgConnection::connect(&self.url).await.unwrap();
                session.execute(sql).await.unwrap();
                session.close().await.unwrap();
            }
            Dialect::Maria => {
                let mut session = MySqlConnection::connect(&self.url).await.unwrap();
                session.execute(sql).await.unwrap();
                session.close().await.unwrap();
            }
        }
    }

    /// A table `users` whose ids are these texts; a user's address is `N@example.com`, N the position.
    pub async fn users(&self, id_type: &str, ids: &[&str]) {
        let mut sql = format!("CREATE TABLE users (id {id_type}, email VARCHAR(100), name VARCHAR(100));");
        for (n, id) in ids.iter().enumerate() {
            let id = self.literal(id);
            write!(sql, "INSERT INTO users VALUES ({id}, '{n}@example.com', 'N{n}');").unwrap();
        }
        self.run(&sql).await;
    }

    /// A text as SQL, byte for byte.
    pub fn literal(&self, text: &str) -> String {
        let mut hex = String::new();
        for byte in text.bytes() {
            write!(hex, "{byte:02x}").unwrap();
        }
        match self.dialect {
            Dialect::Sqlite => format!("CAST(X'{hex}' AS TEXT)"),
            Dialect::Postgres => format!("'{}'", text.replace('\'', "''")),
            Dialect::Maria => format!("_utf8mb4 X'{hex}'"),
        }
    }

    /// A text type that tells every two texts apart, trailing blanks included.
    pub fn exact_text(&self) -> &'static str {
        match self.dialect {
            Dialect::Sqlite => "TEXT PRIMARY KEY",
            Dialect::Postgres => "text PRIMARY KEY",
            Dialect::Maria => "VARCHAR(300) COLLATE utf8mb4_nopad_bin PRIMARY KEY",
        }
    }

    /// A text type that holds upper and lower case for equal; not unique.
    pub async fn text_ignoring_case(&self) -> &'static str {
        match self.dialect {
            Dialect::Sqlite => "TEXT COLLATE NOCASE",
            Dialect::Postgres => {
                let ignoring =
                    "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)";
                self.run(ignoring).await;
                "text COLLATE ci"
            }
            Dialect::Maria => "VARCHAR(300) COLLATE utf8mb4_general_ci",
        }
    }

    /// Settings for the table `users` in pages of this size.
    pub fn settings(&self, page_size: u32) -> DirectorySettings {
        DirectorySettings {
            url: self.url.clone().into(),
            table: "users".to_owned(),
            id: "id".to_owned(),
            email: Some("email".to_owned()),
            name: Some("name".to_owned()),
            locale: None,
            timezone: None,
            filter: None,
            page_size,
        }
    }
}

/// All ids in the order of the walk; fails on a page that is too long, a repeated id or a walk without end.
pub async fn walk(settings: DirectorySettings) -> Vec<String> {
    let size = settings.page_size as usize;
    let directory = SqlDirectory::connect(settings).await.unwrap();
    let most = directory.count().await.unwrap() + 2;
    let (mut ids, mut after) = (Vec::new(), None::<Cursor>);
    for _ in 0..most {
        let page = directory.page(after.as_ref()).await.unwrap();
        assert!(page.users.len() <= size, "a page of {} users", page.users.len());
        ids.extend(page.users.iter().map(|id: &UserId| id.as_str().to_owned()));
        after = page.next;
        if after.is_none() {
            let distinct: BTreeSet<&String> = ids.iter().collect();
            assert_eq!(distinct.len(), ids.len(), "a user is repeated: {ids:?}");
            return ids;
        }
    }
    panic!("the walk does not end after {} ids", ids.len());
}

/// The same ids in the order of their bytes.
pub fn sorted<T: Into<String>>(ids: impl IntoIterator<Item = T>) -> Vec<String> {
    let mut ids: Vec<String> = ids.into_iter().map(Into::into).collect();
    ids.sort();
    ids
}
