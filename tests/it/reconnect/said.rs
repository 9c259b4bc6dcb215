//! What the log says of requests that lead nowhere or cannot be answered: enough to mend it, and no token.

use std::time::Duration;

use sqlx::{Connection as _, SqliteConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::opened::dump;
use super::{Place, hosted, keys};
use crate::support::log::Log;

async fn sql(place: &Place, statement: &str) {
    let mut database = SqliteConnection::connect(&place.rig.url).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut database).await.unwrap();
}

/// A link key that was lost, or differs between two processes, is seen, though every page of it is a plain 404.
#[tokio::test]
async fn links_that_lead_nowhere_are_counted_each_and_said_once_a_minute_with_the_reason() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    let back = served.decide(&hosted(&served.press(&link).await), "approve").await;
    let mut others = place.links.clone();
    others.keys = keys("another!", &[]);
    let other = place.serve_with(place.provider(), others).await;
    let log = Log::default();
    let guard = log.collect();
    for _look in 0..3 {
        assert_eq!(other.get(&link).await.status, 404);
    }
    assert_eq!(other.get(&back).await.status, 404);
    sql(&place, "DELETE FROM reconnect_attempts").await;
    assert_eq!(served.get(&back).await.status, 404);
    let slowed = async { while served.get(&link).await.status != 429 {} };
    tokio::time::timeout(Duration::from_secs(20), slowed).await.unwrap();
    drop(guard);
    let lines = log.lines("reconnect.unknown");
    let of = |level: &str, reason: &str| {
        let reason = format!("reason=\"{reason}\"");
        lines.iter().filter(|line| line.contains(level) && line.contains(&reason)).count()
    };
    let told = ["not_ours", "not_on_record", "too_often"].map(|reason| (of("DEBUG", reason), of("WARN", reason)));
    assert_eq!(told, [(4, 1), (1, 1), (1, 1)], "{lines:#?}");
    for address in [&link, &back] {
        let token = address.split('?').next().unwrap().rsplit_once('/').unwrap().1;
        assert!(!lines.iter().any(|line| line.contains(token)), "{token}");
    }
}

/// The state database is away: whose page it was and what they were at is on the line.
#[tokio::test]
async fn a_page_that_cannot_be_made_is_said_with_its_link_and_its_step() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    let form = served.get(&link).await.form();
    let back = served.decide(&hosted(&served.press(&link).await), "approve").await;
    for (table, step, ids) in [
        ("reconnect_links", "look", "link_id="),
        ("reconnect_attempts", "start", "link_id="),
        ("reconnect_attempts", "back", "attempt_id="),
    ] {
        sql(&place, &format!("ALTER TABLE {table} RENAME TO elsewhere")).await;
        let log = Log::default();
        let guard = log.collect();
        let answer = match step {
            "look" => served.get(&link).await,
            "start" => served.post(&link, &form).await,
            _ => served.get(&back).await,
        };
        drop(guard);
        sql(&place, &format!("ALTER TABLE elsewhere RENAME TO {table}")).await;
        assert_eq!(answer.status, 503, "{step} {}", answer.body);
        let lines = log.lines("http.failed");
        assert_eq!(lines.len(), 1, "{step}: {lines:?}");
        assert!(lines[0].contains(ids) && lines[0].contains(&format!("step=\"{step}\"")), "{lines:?}");
    }
}

/// A body that never comes is given up long before its connection; nothing was asked and nothing written.
#[tokio::test]
async fn a_body_that_does_not_come_is_answered_after_five_seconds_and_nothing_is_done() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    let path = format!("/r/{}", link.rsplit_once('/').unwrap().1);
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 50\r\n\r\n"
    );
    let (asked, before) = (place.simulator.requests().len(), dump(&place.rig.url).await);
    stream.write_all(head.as_bytes()).await.unwrap();
    // Time now passes as fast as nobody has anything to do.
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let elapsed = start.elapsed();
    tokio::time::resume();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!((Duration::from_secs(4)..=Duration::from_secs(6)).contains(&elapsed), "{elapsed:?}");
    assert_eq!((place.simulator.requests().len(), dump(&place.rig.url).await), (asked, before));
}
