//! Who opened their link: a person's browser says so, and nothing else leaves a trace.

use std::collections::BTreeMap;

use reconnectd::report::reconnect::{Funnel, Period, reconnect_report};
use reconnectd::store::{RevokeScope, Store};
use sqlx::{Connection as _, SqliteConnection};

use super::{DAY, Place, Served, hosted};

/// What a browser says of a person who clicked.
const PERSON: [(&str, &str); 3] =
    [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"), ("sec-fetch-user", "?1")];

/// Every row of every table.
pub async fn dump(url: &str) -> BTreeMap<String, Vec<String>> {
    let mut database = SqliteConnection::connect(url).await.unwrap();
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut database).await.unwrap();
    let mut rows = BTreeMap::new();
    for table in tables {
        let columns = "SELECT group_concat('quote(' || name || ')', ' || ''|'' || ') FROM pragma_table_info($1)";
        let columns: String = sqlx::query_scalar(columns).bind(&table).fetch_one(&mut database).await.unwrap();
        let select = sqlx::AssertSqlSafe(format!("SELECT {columns} FROM {table} ORDER BY 1"));
        rows.insert(table, sqlx::query_scalar(select).fetch_all(&mut database).await.unwrap());
    }
    rows
}

async fn look(served: &Served, link: &str, headers: &[(&str, &str)]) -> u16 {
    let mut request = served.client.get(served.here(link));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn scanners_change_no_row_and_a_person_says_once_when_they_opened_it() {
    let place = Place::new().await;
    let link = place.notice().await;
    let before = dump(&place.rig.url).await;
    assert!(before["reconnect_links"].len() == 1 && before.len() > 15, "{:?}", before.keys());
    let served = place.serve().await;
    let almost = |at: usize, other: &'static str| {
        let mut headers = PERSON;
        headers[at].1 = other;
        headers
    };
    for headers in [almost(0, "cors"), almost(1, "iframe"), almost(1, "empty"), almost(2, "?0")] {
        assert_eq!(look(&served, &link, &headers).await, 200);
    }
    assert_eq!(look(&served, &link, &[]).await, 200);
    assert_eq!(look(&served, &link, &[&PERSON[..], &[("sec-purpose", "prefetch;prerender")]].concat()).await, 200);
    let mut head = served.client.head(served.here(&link));
    for (name, value) in PERSON {
        head = head.header(name, value);
    }
    assert_eq!(head.send().await.unwrap().status(), 200);
    assert_eq!(look(&served, &format!("{}x", &link[..link.len() - 1]), &PERSON).await, 404, "not our signature");
    served.end().await;
    assert_eq!(dump(&place.rig.url).await, before);

    let opened_at = place.now();
    let served = place.serve().await;
    for _again in 0..3 {
        assert_eq!(look(&served, &link, &PERSON).await, 200);
        place.rig.later(DAY / 24);
    }
    served.end().await;
    let served = place.serve().await;
    assert_eq!(look(&served, &link, &PERSON).await, 200);
    served.end().await;
    assert_eq!(place.opened_at(&link).await, Some(opened_at), "the first time stays");
    let mut after = dump(&place.rig.url).await;
    after.insert("reconnect_links".to_owned(), before["reconnect_links"].clone());
    assert_eq!(after, before, "nothing else");
}

#[tokio::test]
async fn a_revoked_link_is_not_opened() {
    let place = Place::new().await;
    let link = place.notice().await;
    let mut work = place.rig.store.begin().await.unwrap();
    assert_eq!(work.revoke_links(&RevokeScope::All, "o", place.now()).await.unwrap(), 1);
    work.commit().await.unwrap();
    let served = place.serve().await;
    look(&served, &link, &PERSON).await;
    served.end().await;
    assert_eq!(place.opened_at(&link).await, None);
}

async fn funnel(store: &Store, place: &Place) -> Funnel {
    let to = place.now() + DAY / 24;
    reconnect_report(store, Period { from: to - DAY * 7, to }, to).await.unwrap().funnel
}

#[tokio::test]
async fn the_report_says_how_many_opened_their_link_and_began() {
    let place = Place::new().await;
    let expected = |link_opened, attempt_started, active_again| Funnel {
        notified: 1,
        delivered: 1,
        link_opened,
        attempt_started,
        active_again,
    };
    let store = &place.rig.store;
    assert_eq!(funnel(store, &place).await.link_opened, None, "no link was made yet");
    let link = place.notice().await;
    assert_eq!(funnel(store, &place).await, expected(Some(0), Some(0), 0));
    let served = place.serve().await;
    look(&served, &link, &PERSON).await;
    served.end().await;
    assert_eq!(funnel(store, &place).await, expected(Some(1), Some(0), 0));

    // A browser that does not say who sent it counts by what it does.
    let place = Place::new().await;
    let (store, link) = (&place.rig.store, place.notice().await);
    let served = place.serve().await;
    hosted(&served.press(&link).await);
    served.end().await;
    assert_eq!(funnel(store, &place).await, expected(Some(1), Some(1), 0));
}
