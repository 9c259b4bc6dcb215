//! What cannot work says which key to change, keeps the password to itself, and ends in time.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "for closures and loops outside the test functions themselves"
)]

use std::error::Error as _;
use std::time::Duration;

use reconnectd::adapters::directory::{DirectorySettings, Limits, SqlDirectory};
use reconnectd::ports::{Directory as _, DirectoryError};

use super::product::{ALL, Dialect, Product};

async fn refusal(settings: DirectorySettings) -> DirectoryError {
    SqlDirectory::connect(settings).await.err().expect("settings that cannot work are refused")
}

/// Everything an operator or a log could see of an error.
fn all_text(error: &DirectoryError) -> String {
    format!("{error} | {} | {error:?}", error.source().unwrap())
}

fn password_of(url: &str) -> String {
    url.parse::<url::Url>().unwrap().password().unwrap_or("no password").to_owned()
}

#[tokio::test]
async fn a_wrong_name_is_answered_with_its_key() {
    type Change = fn(&mut DirectorySettings);
    let rows: [(&str, Change); 9] = [
        ("[directory] table", |s| s.table = "no_such_table".to_owned()),
        ("[directory] table", |s| s.table = "no_such_schema.users".to_owned()),
        ("[directory] id", |s| s.id = "no_such_column".to_owned()),
        ("[directory] email", |s| s.email = Some("emali".to_owned())),
        ("[directory] name", |s| s.name = Some("no_such_column".to_owned())),
        ("[directory] locale", |s| s.locale = Some("no_such_column".to_owned())),
        ("[directory] timezone", |s| s.timezone = Some("no_such_column".to_owned())),
        ("[directory] filter", |s| s.filter = Some("no_such_column = 1".to_owned())),
        ("[directory] filter", |s| s.filter = Some("id = = 'a'".to_owned())),
    ];
    for dialect in ALL {
        let product = Product::new(dialect).await;
        product.users(product.exact_text(), &["a"]).await;
        for (key, change) in rows {
            let mut settings = product.settings(10);
            change(&mut settings);
            let error = refusal(settings.clone()).await;
            let text = all_text(&error);
            assert!(
                matches!(&error, DirectoryError::Misconfigured { remedy, .. } if remedy.contains(key)),
                "{dialect:?} {key}: {text}"
            );
            assert!(!text.contains(&password_of(&product.url)), "{dialect:?}: {text}");
        }
    }
}

#[tokio::test]
async fn a_url_that_cannot_work_is_answered_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.db");
    let (postgres, maria) = (Product::new(Dialect::Postgres).await, Product::new(Dialect::Maria).await);
    let with = |url: &str, change: fn(&mut url::Url)| {
        let mut url: url::Url = url.parse().unwrap();
        change(&mut url);
        url.to_string()
    };
    let wrong_password: fn(&mut url::Url) = |url| url.set_password(Some("s3cret-pass")).unwrap();
    let wrong_database: fn(&mut url::Url) = |url| url.set_path("no_such_database");
    let rows = [
        format!("sqlite://{}?mode=rwc", missing.display()),
        "oracle://user:s3cret-pass@host/db".to_owned(),
        "s3cret-pass".to_owned(),
        String::new(),
        "postgres://user:s3cret-pass@[bad/db".to_owned(),
        "mysql://user:s3cret-pass@host:99999999/db".to_owned(),
        "postgres://user:s3cret-pass@host/db?sslmode=maybe".to_owned(),
        with(&postgres.url, wrong_password),
        with(&postgres.url, wrong_database),
        with(&postgres.url, |url| url.set_query(Some("sslmode=require"))),
        with(&maria.url, wrong_password),
        with(&maria.url, wrong_database),
        with(&maria.url, |url| url.set_query(Some("ssl-mode=REQUIRED"))),
    ];
    for url in rows {
        let mut settings = postgres.settings(10);
        settings.url = url.clone().into();
        let error = refusal(settings).await;
        let text = all_text(&error);
        assert!(
            matches!(&error, DirectoryError::Misconfigured { remedy, .. } if remedy.contains("[directory] url")),
            "{url}: {text}"
        );
        for secret in ["s3cret-pass", &password_of(&postgres.url), &password_of(&maria.url)] {
            assert!(!text.contains(secret), "{url}: {text}");
        }
    }
    assert!(!missing.exists(), "a product's database is never created");
    let mut settings = postgres.settings(10);
    settings.url = format!("sqlite://{}", missing.display()).into();
    let text = refusal(settings).await.to_string();
    assert!(text.contains("[directory] url") && text.contains(&missing.display().to_string()), "{text}");
    assert!(!text.contains("directory: "), "{text}");
    let mut settings = postgres.settings(10);
    settings.url = "redis://host".to_owned().into();
    let text = all_text(&refusal(settings).await);
    for form in ["sqlite://", "postgres://", "mysql://"] {
        assert!(text.contains(form), "{text}");
    }
    assert!(all_text(&refusal(postgres.settings(0)).await).contains("[directory] page_size"));
}

#[tokio::test]
async fn an_unreachable_server_may_work_later() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap(); // takes connections, says nothing
    let refused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap(); // closed again
    let product = Product::new(Dialect::Sqlite).await;
    let limits = Limits { connect: Duration::from_millis(300), statement: Duration::from_millis(300) };
    for scheme in ["postgres", "mysql"] {
        for address in [silent.local_addr().unwrap(), refused] {
            let mut settings = product.settings(10);
            settings.url = format!("{scheme}://user:s3cret-pass@{address}/db").into();
            let error = SqlDirectory::connect_within(settings, limits).await.err().unwrap();
            assert!(matches!(error, DirectoryError::Unavailable { .. }), "{}", all_text(&error));
            let source = error.source().unwrap().to_string();
            assert!(source.starts_with(&format!("{address}: ")), "{scheme}: {source}");
            assert!(!all_text(&error).contains("s3cret-pass"), "{}", all_text(&error));
        }
    }
}

#[tokio::test]
async fn nothing_can_be_written_through_the_directory() {
    for dialect in ALL {
        let product = Product::new(dialect).await;
        product.users(product.exact_text(), &["a"]).await;
        let mut settings = product.settings(10);
        settings.filter = Some(match dialect {
            Dialect::Sqlite => "(SELECT query_only FROM pragma_query_only) = 0".to_owned(),
            Dialect::Postgres => {
                product.run("CREATE SEQUENCE s").await;
                settings.url = format!("{}&options=-c%20default_transaction_read_only%3Doff", product.url).into();
                "nextval('s') > 0".to_owned()
            }
            Dialect::Maria => {
                product
                    .run(
                        "CREATE TABLE log (n INT);
                         CREATE FUNCTION wrote() RETURNS INT MODIFIES SQL DATA
                         BEGIN INSERT INTO log VALUES (1); RETURN 1; END",
                    )
                    .await;
                "wrote() = 1".to_owned()
            }
        });
        // MariaDB calls the function as soon as the filter is checked.
        let outcome = match SqlDirectory::connect(settings).await {
            Ok(directory) => directory.page(None).await.map(|page| page.users.len()),
            Err(error) => Err(error),
        };
        match (dialect, outcome) {
            (Dialect::Sqlite, Ok(rows)) => assert_eq!(rows, 0, "the session is not query_only"),
            (_, Err(DirectoryError::Misconfigured { remedy, source, .. })) => {
                assert!(remedy.contains("[directory] filter"), "{remedy}");
                assert!(source.to_string().to_lowercase().contains("read"), "{source}");
            }
            (_, other) => panic!("{dialect:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_statement_that_runs_away_is_stopped() {
    let limits = Limits { connect: Duration::from_secs(10), statement: Duration::from_millis(200) };
    for dialect in ALL {
        let product = Product::new(dialect).await;
        product.users(product.exact_text(), &["a", "b"]).await;
        let mut settings = product.settings(10);
        settings.filter = Some(
            match dialect {
                Dialect::Sqlite => {
                    "(WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c) > 0"
                }
                Dialect::Postgres => "pg_sleep(60) IS NOT NULL",
                Dialect::Maria => "SLEEP(60) = 0",
            }
            .to_owned(),
        );
        let directory = SqlDirectory::connect_within(settings, limits).await.unwrap();
        for _ in 0..3 {
            // More often than there are connections: each is given back in order.
            let error = directory.page(None).await.err();
            let error = error.unwrap_or_else(|| panic!("{dialect:?}: the statement was not stopped"));
            let text = all_text(&error);
            assert!(matches!(error, DirectoryError::Unavailable { .. }), "{dialect:?}: {text}");
            // The server's own words: ours would be "no answer within".
            assert!(!text.contains("no answer"), "{dialect:?}: {text}");
        }
    }
}

#[tokio::test]
async fn ids_of_a_type_that_is_none_are_refused() {
    for (dialect, id_type, value) in [
        (Dialect::Sqlite, "BLOB", "X'ff00'"),
        (Dialect::Sqlite, "REAL", "1.5"),
        (Dialect::Maria, "DOUBLE", "1.5"),
        (Dialect::Maria, "VARBINARY(10)", "X'ff00'"),
    ] {
        let product = Product::new(dialect).await;
        product.users(id_type, &[]).await;
        product.run(&format!("INSERT INTO users (id) VALUES ({value})")).await;
        let error = match SqlDirectory::connect(product.settings(10)).await {
            Ok(directory) => directory.page(None).await.err().unwrap(),
            Err(error) => error,
        };
        assert!(
            matches!(&error, DirectoryError::Misconfigured { remedy, .. } if remedy.contains("[directory] id")),
            "{id_type}: {}",
            all_text(&error)
        );
    }
}
