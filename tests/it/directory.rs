//! The product's users come out of every database whole: each id once, byte for byte, whatever its type.

#![expect(clippy::unwrap_used, reason = "for closures and loops outside the test functions themselves")]

mod faults;
mod ids;
pub mod product;

use product::{ALL, Dialect, Product, sorted, walk};
use proptest::prelude::*;
use reconnectd::adapters::directory::SqlDirectory;
use reconnectd::domain::{Contact, EmailAddress, UserId};
use reconnectd::ports::{Directory as _, DirectoryError};

const PAGE_SIZES: [u32; 3] = [1, 2, 500];

async fn address_of(directory: &SqlDirectory, id: &str) -> Option<String> {
    let contact = directory.contact(&UserId::new(id)).await.unwrap()?;
    contact.email.map(|address| address.expose().to_owned())
}

#[tokio::test]
async fn views_may_repeat_ids_and_have_no_types() {
    for dialect in ALL {
        let product = Product::new(dialect).await;
        product.users(product.exact_text(), &["a", "b", "c"]).await;
        let numbers = if dialect == Dialect::Maria { "CAST(1 AS SIGNED)" } else { "1" };
        product
            .run(&format!(
                "CREATE VIEW twice AS SELECT id, email, name FROM users UNION ALL SELECT id, email, name FROM users;
                 CREATE VIEW numbers AS SELECT {numbers} + 1 AS id UNION ALL SELECT 3 UNION ALL SELECT 10;"
            ))
            .await;
        for size in PAGE_SIZES {
            let mut settings = product.settings(size);
            settings.table = "twice".to_owned();
            assert_eq!(walk(settings).await, ["a", "b", "c"], "{dialect:?} by {size}");
            let mut settings = product.settings(size);
            (settings.table, settings.email, settings.name) = ("numbers".to_owned(), None, None);
            assert_eq!(walk(settings.clone()).await, ["2", "3", "10"], "{dialect:?} by {size}");
            let directory = SqlDirectory::connect(settings).await.unwrap();
            assert_eq!(directory.contact(&UserId::new("10")).await.unwrap(), Some(Contact::default()));
        }
    }
}

#[tokio::test]
async fn an_id_of_two_people_is_nobody_s_to_guess() {
    for dialect in ALL {
        let product = Product::new(dialect).await;
        // Only bytes tell the rows apart: any collation of the columns would hold some of them for equal.
        let ci = match dialect {
            Dialect::Sqlite => " COLLATE NOCASE",
            Dialect::Postgres => "",
            Dialect::Maria => " COLLATE utf8mb4_general_ci",
        };
        product
            .run(&format!(
                "CREATE TABLE users (id VARCHAR(20), email VARCHAR(80){ci}, name VARCHAR(80){ci});
                 INSERT INTO users VALUES ('two', 'mary@example.com', 'M'), ('two', 'bob@example.com', 'M'),
                     ('case', 'Mary@example.com', 'M'), ('case', 'mary@example.com', 'M'),
                     ('null', NULL, NULL), ('null', 'mary@example.com', NULL),
                     ('same', 'mary@example.com', 'M'), ('same', 'mary@example.com', 'M'),
                     ('one', 'mary@example.com', 'M');"
            ))
            .await;
        let directory = SqlDirectory::connect(product.settings(10)).await.unwrap();
        for id in ["two", "case", "null"] {
            let error = directory.contact(&UserId::new(id)).await.expect_err(&format!("{dialect:?} {id}"));
            let text = error.to_string();
            assert!(matches!(error, DirectoryError::Misconfigured { .. }), "{dialect:?} {id}: {text}");
            assert!(text.contains("[directory] id names more than one row"), "{dialect:?} {id}: {text}");
            assert!(!text.contains("example.com"), "{dialect:?} {id}: {text}");
        }
        for id in ["same", "one"] {
            assert_eq!(address_of(&directory, id).await.as_deref(), Some("mary@example.com"), "{dialect:?} {id}");
        }
    }
    let product = Product::new(Dialect::Sqlite).await;
    product
        .run("CREATE TABLE users (id, email, name); INSERT INTO users VALUES (5, 'a@b.c', 'A'), ('5', 'd@e.f', 'D')")
        .await;
    let directory = SqlDirectory::connect(product.settings(10)).await.unwrap();
    assert!(directory.contact(&UserId::new("5")).await.is_err(), "a number and a text that are the same id");
}

#[tokio::test]
async fn names_are_quoted_and_tables_may_have_a_schema() {
    let quote = |dialect: Dialect, name: &str| match dialect {
        Dialect::Maria => format!("`{}`", name.replace('`', "``")),
        _ => format!("\"{}\"", name.replace('"', "\"\"")),
    };
    for dialect in ALL {
        let product = Product::new(dialect).await;
        let schema = match dialect {
            Dialect::Sqlite => "main".to_owned(),
            Dialect::Postgres => "crm".to_owned(),
            Dialect::Maria => product.url.rsplit_once('/').unwrap().1.split('?').next().unwrap().to_owned(),
        };
        if dialect == Dialect::Postgres {
            product.run("CREATE SCHEMA crm").await;
        }
        let (table, id, email) = ("weird \"na`me", "select", "E-Mail 'x'");
        let full = format!("{}.{}", quote(dialect, &schema), quote(dialect, table));
        let (id_sql, email_sql) = (quote(dialect, id), quote(dialect, email));
        product
            .run(&format!(
                "CREATE TABLE {full} ({id_sql} VARCHAR(20), {email_sql} VARCHAR(50));
                 INSERT INTO {full} VALUES ('u1', 'u1@example.com'), ('u2', 'u2@example.com'), ('u3', NULL);"
            ))
            .await;
        let mut settings = product.settings(2);
        settings.table = format!("{schema}.{table}");
        (settings.id, settings.email, settings.name) = (id.to_owned(), Some(email.to_owned()), None);
        assert_eq!(walk(settings.clone()).await, ["u1", "u2", "u3"], "{dialect:?}");
        let directory = SqlDirectory::connect(settings).await.unwrap();
        assert_eq!(address_of(&directory, "u2").await.as_deref(), Some("u2@example.com"), "{dialect:?}");
    }
}

#[tokio::test]
async fn blank_ids_are_counted_and_do_not_stop_the_walk() {
    for dialect in ALL {
        let product = Product::new(dialect).await;
        let id_type = product.exact_text().replace(" PRIMARY KEY", "");
        product.users(&id_type, &["", "", "b", "", "a", "gone", ""]).await;
        product.run("INSERT INTO users VALUES (NULL, 'x@example.com', NULL), (NULL, NULL, 'gone')").await;
        for size in PAGE_SIZES {
            assert_eq!(walk(product.settings(size)).await, ["a", "b", "gone"], "{dialect:?} by {size}");
        }
        let directory = SqlDirectory::connect(product.settings(1)).await.unwrap();
        assert_eq!((directory.count().await.unwrap(), directory.count_blank().await.unwrap()), (3, 6), "{dialect:?}");
        assert_eq!(directory.contact(&UserId::new("")).await.unwrap(), None, "{dialect:?}");

        let mut settings = product.settings(1);
        // A comment, an OR and a qualified column: all inside the parentheses, whatever follows.
        settings.filter = Some("users.id = 'a' OR id = 'b' OR email = 'x@example.com' -- only these".to_owned());
        assert_eq!(walk(settings.clone()).await, ["a", "b"], "{dialect:?}");
        let directory = SqlDirectory::connect(settings).await.unwrap();
        assert_eq!((directory.count().await.unwrap(), directory.count_blank().await.unwrap()), (2, 1), "{dialect:?}");
        assert_eq!(address_of(&directory, "gone").await, None, "{dialect:?}: a filtered user is not mailed");
        assert!(address_of(&directory, "a").await.is_some(), "{dialect:?}");
    }
}

#[tokio::test]
async fn users_that_come_and_go_move_nobody_else() {
    for dialect in ALL {
        let product = Product::new(dialect).await;
        product.users(product.exact_text(), &["b", "d", "f", "h"]).await;
        let directory = SqlDirectory::connect(product.settings(2)).await.unwrap();
        let first = directory.page(None).await.unwrap();
        assert_eq!(first.users, ["b", "d"].map(UserId::new));
        product
            .run(
                "DELETE FROM users WHERE id IN ('b', 'd');
                 INSERT INTO users (id) VALUES ('a'), ('c'), ('e'), ('g'), ('i');",
            )
            .await;
        let mut rest = Vec::new();
        let mut after = first.next;
        while after.is_some() {
            let page = directory.page(after.as_ref()).await.unwrap();
            rest.extend(page.users);
            after = page.next;
        }
        assert_eq!(rest, ["e", "f", "g", "h", "i"].map(UserId::new), "{dialect:?}");
        assert_eq!(directory.contact(&UserId::new("b")).await.unwrap(), None, "{dialect:?}: deleted in between");
    }
}

#[tokio::test]
async fn a_busy_sqlite_product_is_read_beside_its_writer() {
    use sqlx::{ConnectOptions as _, Executor as _};

    let product = Product::new(Dialect::Sqlite).await;
    product.users(product.exact_text(), &["a", "b"]).await;
    product.run("PRAGMA journal_mode = WAL").await;
    assert_eq!(walk(product.settings(1)).await, ["a", "b"], "nobody has it open");
    let options: sqlx::sqlite::SqliteConnectOptions = product.url.parse().unwrap();
    let mut writer = options.connect().await.unwrap();
    writer.execute("BEGIN IMMEDIATE; INSERT INTO users (id) VALUES ('c');").await.unwrap();
    assert_eq!(walk(product.settings(1)).await, ["a", "b"], "a transaction is open");
    writer.execute("COMMIT").await.unwrap();
    assert_eq!(walk(product.settings(1)).await, ["a", "b", "c"], "committed, not yet checkpointed");
}

#[tokio::test]
async fn contacts_hold_what_is_usable() {
    for dialect in ALL {
        let product = Product::new(dialect).await;
        product
            .run(
                "CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(80), name VARCHAR(80), lang CHAR(5), tz VARCHAR(40));
                 INSERT INTO users VALUES (1, ' mary@example.com ', 'Żółć 😀', 'pl-PL', 'Europe/Warsaw'),
                                          (2, 'not an address', '', NULL, NULL), (3, NULL, NULL, NULL, NULL);",
            )
            .await;
        let mut settings = product.settings(10);
        (settings.locale, settings.timezone) = (Some("lang".to_owned()), Some("tz".to_owned()));
        let directory = SqlDirectory::connect(settings).await.unwrap();
        let mary = Contact {
            email: Some(EmailAddress::parse("mary@example.com").unwrap()),
            name: Some("Żółć 😀".to_owned()),
            locale: Some("pl-PL".to_owned()),
            timezone: Some("Europe/Warsaw".to_owned()),
        };
        for (id, expected) in
            [("1", Some(mary)), ("2", Some(Contact::default())), ("3", Some(Contact::default())), ("4", None)]
        {
            assert_eq!(directory.contact(&UserId::new(id)).await.unwrap(), expected, "{dialect:?} {id}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn pages_cover_the_set_exactly(
        ids in prop::collection::hash_set("[ -~éß😀]{1,12}", 0..60),
        numbers in prop::collection::hash_set(any::<i64>(), 0..40),
        size in 1_u32..20,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let product = Product::new(Dialect::Sqlite).await;
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            // A column without a type holds texts and integers side by side.
            let texts: Vec<&str> = ids.iter().copied().filter(|id| id.parse::<i64>().is_err()).collect();
            product.users("", &texts).await;
            let rows = numbers.iter().map(|n| format!("({n}, NULL, NULL)")).collect::<Vec<_>>().join(", ");
            if !rows.is_empty() {
                product.run(&format!("INSERT INTO users VALUES {rows}")).await;
            }
            let expected = texts.iter().map(|id| (*id).to_owned()).chain(numbers.iter().map(i64::to_string));
            assert_eq!(sorted(walk(product.settings(size)).await), sorted(expected));
        });
    }
}
