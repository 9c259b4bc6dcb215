//! Ids of every type come out byte for byte, each once, in the column's own order.

use reconnectd::adapters::directory::SqlDirectory;
use reconnectd::domain::UserId;
use reconnectd::ports::Directory as _;

use super::product::{ALL, Dialect, Product, sorted, walk};
use super::{PAGE_SIZES, address_of};

#[tokio::test]
async fn text_ids_keep_their_exact_bytes() {
    let longest = "x".repeat(256);
    let ids = [
        "user 1",
        "user 1 ",
        " user 1",
        "  ",
        "Abc",
        "abc",
        "ABC",
        "é/%&",
        "e\u{301}",
        "日本",
        "😀",
        "it's",
        "\"q\"",
        "a,b",
        "1",
        "01",
        "1.0",
        "back\\slash",
        "%",
        "_",
        "tab\there",
        "new\nline",
        "-- x",
        "0",
        &longest,
    ];
    for dialect in ALL {
        let product = Product::new(dialect).await;
        product.users(product.exact_text(), &ids).await;
        for size in PAGE_SIZES {
            assert_eq!(sorted(walk(product.settings(size)).await), sorted(ids), "{dialect:?} by {size}");
        }
        let directory = SqlDirectory::connect(product.settings(2)).await.unwrap();
        for (n, id) in ids.iter().enumerate() {
            assert_eq!(address_of(&directory, id).await, Some(format!("{n}@example.com")), "{dialect:?} {id:?}");
        }
        for absent in ["aBC", "user 1  ", "", "2", "é", "nul\0"] {
            assert_eq!(directory.contact(&UserId::new(absent)).await.unwrap(), None, "{dialect:?} {absent:?}");
        }
    }
}

/// Each row: the column's type, what is inserted, and the ids that come out in the column's own order.
const TYPED: &[(Dialect, &str, &[&str], &[&str])] = &[
    (
        Dialect::Sqlite,
        "INTEGER PRIMARY KEY",
        &["10", "9", "-1", "0", "9223372036854775807"],
        &["-1", "0", "9", "10", "9223372036854775807"],
    ),
    (Dialect::Sqlite, "", &["b", "10", "9"], &["10", "9", "b"]), // no type: what was inserted, here text
    (
        Dialect::Sqlite,
        "UUID",
        &["A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11", "7"],
        &["7", "A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11"],
    ),
    (
        Dialect::Postgres,
        "bigint PRIMARY KEY",
        &["10", "9", "-1", "0", "9223372036854775807"],
        &["-1", "0", "9", "10", "9223372036854775807"],
    ),
    (Dialect::Postgres, "numeric", &["10", "9", "18446744073709551616"], &["9", "10", "18446744073709551616"]),
    (Dialect::Postgres, "uuid PRIMARY KEY", UUIDS, UUIDS_SORTED),
    (Dialect::Postgres, "varchar(40) COLLATE \"C\"", &["b", "B", "a "], &["B", "a ", "b"]),
    (Dialect::Postgres, "char(4)", &["ab", "b"], &["ab  ", "b   "]),
    (
        Dialect::Maria,
        "BIGINT PRIMARY KEY",
        &["10", "9", "-1", "0", "9223372036854775807", "9007199254740993", "9007199254740992"],
        &["-1", "0", "9", "10", "9007199254740992", "9007199254740993", "9223372036854775807"],
    ),
    (
        Dialect::Maria,
        "BIGINT UNSIGNED PRIMARY KEY",
        &["18446744073709551615", "18446744073709551614", "3", "20"],
        &["3", "20", "18446744073709551614", "18446744073709551615"],
    ),
    (Dialect::Maria, "CHAR(36) COLLATE utf8mb4_bin PRIMARY KEY", UUIDS, UUIDS_SORTED),
    (Dialect::Maria, "VARBINARY(40) PRIMARY KEY", &["b", "B", "é", "b "], &["B", "b", "b ", "é"]),
    (
        Dialect::Maria,
        "VARCHAR(40) CHARACTER SET latin1 PRIMARY KEY",
        &["caf\u{e9}", "caff", "zz"],
        &["café", "caff", "zz"],
    ),
];
const UUIDS: &[&str] = &[
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    "00000000-0000-4000-8000-000000000001",
    "10000000-0000-1000-8000-00000000000a",
];
const UUIDS_SORTED: &[&str] = &[
    "00000000-0000-4000-8000-000000000001",
    "10000000-0000-1000-8000-00000000000a",
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
];

#[tokio::test]
async fn ids_of_other_types_come_in_their_own_order() {
    for (dialect, id_type, inserted, expected) in TYPED {
        let product = Product::new(*dialect).await;
        product.users(id_type, inserted).await;
        for size in PAGE_SIZES {
            assert_eq!(&walk(product.settings(size)).await, expected, "{dialect:?} {id_type} by {size}");
        }
        let directory = SqlDirectory::connect(product.settings(2)).await.unwrap();
        for id in *expected {
            assert!(address_of(&directory, id).await.is_some(), "{dialect:?} {id_type} {id:?}");
        }
        for absent in ["nobody", "", "007", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "😀", "1e1", "99999999999999999999"]
        {
            assert_eq!(address_of(&directory, absent).await, None, "{dialect:?} {id_type} {absent:?}");
        }
    }
}

#[tokio::test]
async fn mariadb_uuids_are_read_as_text_whatever_holds_them() {
    for (id_type, value) in [("UUID PRIMARY KEY", "'{}'"), ("BINARY(16) PRIMARY KEY", "UNHEX(REPLACE('{}', '-', ''))")]
    {
        let product = Product::new(Dialect::Maria).await;
        product.users(id_type, &[]).await;
        for id in UUIDS {
            let value = value.replace("{}", id);
            product.run(&format!("INSERT INTO users VALUES ({value}, '{id}@example.com', NULL)")).await;
        }
        for size in PAGE_SIZES {
            assert_eq!(sorted(walk(product.settings(size)).await), UUIDS_SORTED, "{id_type} by {size}");
        }
        let directory = SqlDirectory::connect(product.settings(2)).await.unwrap();
        for id in UUIDS {
            assert_eq!(address_of(&directory, id).await, Some(format!("{id}@example.com")), "{id_type}");
        }
        assert_eq!(address_of(&directory, &UUIDS[0].to_uppercase()).await, None, "{id_type}: not the id's own bytes");
        assert_eq!(address_of(&directory, "no uuid").await, None);
    }
}

#[tokio::test]
async fn ids_that_differ_only_in_case_are_different_users() {
    let ids = ["bob", "Bob", "BOB", "bOb", "alice", "Alice", "carol", "BoB"];
    for dialect in ALL {
        let product = Product::new(dialect).await;
        let id_type = product.text_ignoring_case().await;
        product.users(id_type, &ids).await;
        for size in [1, 2, 3, 5, 500] {
            assert_eq!(sorted(walk(product.settings(size)).await), sorted(ids), "{dialect:?} by {size}");
        }
        let directory = SqlDirectory::connect(product.settings(2)).await.unwrap();
        for (n, id) in ids.iter().enumerate() {
            assert_eq!(address_of(&directory, id).await, Some(format!("{n}@example.com")), "{dialect:?} {id:?}");
        }
        assert_eq!(address_of(&directory, "CAROL").await, None, "{dialect:?}: carol's address is not CAROL's");
        assert_eq!(address_of(&directory, "carol ").await, None, "{dialect:?}: nor that of a padded id");
    }
}
