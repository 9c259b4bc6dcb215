//! An empty database for each test: on the servers that `tests/run` starts, or as a file.
//!
//! Names are unique per process and call, so tests run side by side. Databases are left to the end of the
//! throw-away server; an SQLite file goes with its folder.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a fixture that fails ends its test")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use reconnectd::store::Store;
use sqlx::{Connection as _, Executor as _, MySqlConnection, PgConnection};

/// A new, empty PostgreSQL database: its URL, with the login of its owner (a superuser).
pub async fn postgres_database() -> String {
    let server = server_url("RECONNECTD_TEST_POSTGRES_URL");
    let name = unique_name();
    let mut admin = PgConnection::connect(server.as_str()).await.expect("PostgreSQL of tests/run answers");
    admin.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    admin.close().await.unwrap();
    with_database(server, &name)
}

/// Runs `suite` on each kind of state database, its schema up to date.
pub async fn on_both(suite: impl AsyncFn(Store)) {
    let (_folder, path) = sqlite_path();
    for url in [format!("sqlite://{}", path.display()), postgres_database().await] {
        let store = Store::open(&url).await.unwrap();
        store.migrate().await.unwrap();
        suite(store.clone()).await;
        store.close().await;
    }
}

/// A new, empty MariaDB database (utf8mb4): its URL, with the login of an account that may do everything.
pub async fn mariadb_database() -> String {
    let server = server_url("RECONNECTD_TEST_MARIADB_URL");
    let name = unique_name();
    let mut admin = MySqlConnection::connect(server.as_str()).await.expect("MariaDB of tests/run answers");
    admin.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name} CHARACTER SET utf8mb4"))).await.unwrap();
    admin.close().await.unwrap();
    with_database(server, &name)
}

/// A path in a new folder where no file is yet; the folder goes when the first value is dropped.
pub fn sqlite_path() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    (folder, path)
}

fn server_url(variable: &str) -> url::Url {
    let text = std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: run tests/run, which starts the servers and the tests"));
    text.parse().unwrap()
}

fn with_database(mut server: url::Url, name: &str) -> String {
    server.set_path(name);
    server.into()
}

fn unique_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("t{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
