//! Keys that rotate, links that are revoked, and what a stolen database is good for.

use reconnectd::domain::{ReconnectLinks, UserId};
use reconnectd::store::{RevokeScope, Store};
use secrecy::SecretString;
use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::{DAY, Place, hosted, keys};
use crate::support::databases::on_both;

#[tokio::test]
async fn links_of_the_former_key_work_until_it_is_taken_away() {
    let place = Place::new().await;
    let link = place.notice().await;
    for (rotated, works) in [(keys("the new!", &["the key!"]), true), (keys("the new!", &[]), false)] {
        let links = ReconnectLinks { keys: rotated, ..place.links.clone() };
        let served = place.serve_with(place.provider(), links).await;
        assert_eq!(served.get(&link).await.status == 200, works);
    }
}

#[tokio::test]
async fn an_attempt_begun_before_the_key_was_rotated_is_finished_after_it() {
    let place = Place::new().await;
    let link = place.notice().await;
    let first = hosted(&place.serve().await.press(&link).await);
    let links = ReconnectLinks { keys: keys("the new!", &["the key!"]), ..place.links.clone() };
    let served = place.serve_with(place.provider(), links).await;
    assert_eq!(hosted(&served.press(&link).await), first, "sealed under the former key");
    let back = served.decide(&first, "approve").await;
    assert_eq!(served.get(&back).await.heading(), "Slack is connected again");
}

#[tokio::test]
async fn a_revoked_link_says_nothing_and_the_next_notice_has_another() {
    let mut place = Place::new().await;
    place.rig.settings.notices.ladder = vec![std::time::Duration::ZERO, DAY];
    place.rig.settings.delivery.notices.ladder = vec![std::time::Duration::ZERO, DAY];
    let link = place.notice().await;
    let served = place.serve().await;
    let form = served.get(&link).await.form();
    let mut work = place.rig.store.begin().await.unwrap();
    let revoked = work.revoke_links(&RevokeScope::User(UserId::new("mary")), "support", place.now()).await.unwrap();
    work.commit().await.unwrap();
    assert_eq!(revoked, 1);
    let page = served.get(&link).await;
    assert_eq!(page.heading(), "This link is not valid any more");
    assert!(!page.body.contains("ca_1") && !page.body.contains("<form"), "{}", page.body);
    assert_eq!((served.post(&link, &form).await.status, place.writes()), (303, 0));
    place.rig.later(DAY);
    let next = place.next_link().await;
    assert_ne!(next, link);
    assert_eq!(served.get(&next).await.heading(), "Reconnect Slack");
}

#[tokio::test]
async fn the_database_alone_makes_no_link_and_shows_no_page_of_the_provider() {
    let place = Place::new().await;
    let link = place.notice().await;
    let hosted = hosted(&place.serve().await.press(&link).await);
    let token = link.rsplit_once('/').unwrap().1;
    let secret = hosted.rsplit_once('/').unwrap().1;
    let mut database = SqliteConnection::connect(&place.rig.url).await.unwrap();
    let tables = sqlx::query("SELECT name FROM sqlite_master WHERE type = 'table'").fetch_all(&mut database).await;
    for table in tables.unwrap() {
        let table: String = table.get(0);
        let rows =
            sqlx::query(sqlx::AssertSqlSafe(format!("SELECT * FROM \"{table}\""))).fetch_all(&mut database).await;
        for row in rows.unwrap() {
            for column in 0..row.len() {
                let text: Option<String> = row.try_get_unchecked(column).unwrap_or_default();
                let text = text.unwrap_or_default();
                assert!(!text.contains(token) && !text.contains(secret) && !text.contains("/link/"), "{table}");
            }
        }
    }
}

#[tokio::test]
async fn a_kept_key_that_was_retired_opens_nothing() {
    on_both(async |store: Store| {
        let purpose = reconnectd::domain::TokenFor::Link;
        let text = |text: &str| SecretString::from(text.repeat(4));
        // With a key of the operator's own, and without one.
        for configured in [Some(text("chosen!!")), None] {
            let mut work = store.begin().await.unwrap();
            let token = work.link_keys(None, None, &text("first!!!")).await.unwrap().token(purpose, &[1; 16]);
            assert!(work.retire_kept_link_key().await.unwrap());
            let keys = work.link_keys(configured.as_ref(), None, &text("second!!")).await.unwrap();
            assert!(keys.open(purpose, &token).is_err(), "neither old links nor new ones forged with it");
            assert!(keys.open(purpose, &keys.token(purpose, &[1; 16])).is_ok());
            assert_eq!(work.retire_kept_link_key().await.unwrap(), configured.is_none(), "the next one is kept again");
            work.commit().await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_is_made_once_and_kept_where_none_is_configured() {
    on_both(async |store: Store| {
        let fresh = |text: &str| SecretString::from(text.repeat(4));
        let keys = async |configured: Option<&SecretString>, fresh: SecretString| {
            let mut work = store.begin().await.unwrap();
            let keys = work.link_keys(configured, None, &fresh).await.unwrap();
            work.commit().await.unwrap();
            keys
        };
        let purpose = reconnectd::domain::TokenFor::Link;
        let first = keys(None, fresh("first!!!")).await;
        let token = first.token(purpose, &[1; 16]);
        assert_eq!(keys(None, fresh("second!!")).await.token(purpose, &[1; 16]), token);
        let configured = keys(Some(&fresh("chosen!!")), fresh("third!!!")).await;
        assert_ne!(configured.token(purpose, &[1; 16]), token);
        assert_eq!(configured.open(purpose, &token), Ok([1; 16]), "mails already sent go on working");
    })
    .await;
}
