//! Time: pages that are nearly over, clocks that differ, answers that come too late, and lists that are older than what
//! is known.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use reconnectd::domain::{AccountId, IdMint, RunId};
use reconnectd::ports::Provider;
use reconnectd::reconnect::{Finished, Reconnect};
use reconnectd::store::Store;
use sqlx::{Connection as _, SqliteConnection};
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use super::bent::{Bent, Gate};
use super::{DAY, Place, hosted};

/// What is behind the pages, without them.
async fn behind(place: &Place, provider: Arc<dyn Provider>) -> Reconnect {
    Reconnect {
        store: Store::open(&place.rig.url).await.unwrap(),
        provider,
        clock: place.rig.clock.clone(),
        mint: Arc::new(IdMint::new(77)),
        links: place.links.clone(),
        run: RunId::new("serve"),
        channels: place.rig.fake_channels(),
        tasks: TaskTracker::new(),
    }
}

fn token(link: &str) -> &str {
    link.rsplit_once('/').unwrap().1
}

#[tokio::test]
async fn a_page_is_used_again_until_its_end_whatever_the_provider_s_clock_says() {
    // The provider's clock against ours, and how long clicks lead to the same page: never less than it works.
    for (later, least, most) in [
        (TimeDelta::zero(), Duration::from_secs(599), Duration::from_secs(601)),
        (TimeDelta::minutes(-8), Duration::from_secs(599), Duration::from_secs(601)),
        (TimeDelta::hours(-1), Duration::from_secs(599), Duration::from_secs(601)),
        (TimeDelta::days(365), Duration::from_secs(599), Duration::from_mins(61)),
    ] {
        let place = Place::new().await;
        let link = place.notice().await;
        let served =
            place.serve_with(Arc::new(Bent { later, ..Bent::of(place.provider()) }), place.links.clone()).await;
        let first = hosted(&served.press(&link).await);
        assert_eq!(hosted(&served.press(&link).await), first, "{later}");
        place.rig.later(least);
        assert_eq!(hosted(&served.press(&link).await), first, "{later}");
        assert_eq!(place.writes(), 1, "no click made another account");
        place.rig.later(most.saturating_sub(least));
        assert_ne!(hosted(&served.press(&link).await), first, "{later}");
    }
}

#[tokio::test]
async fn a_page_that_is_over_before_its_time_is_not_led_to() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    let first = hosted(&served.press(&link).await);
    place.rig.later(Duration::from_mins(3));
    place.simulator.world().set_status(&place.attempt_account(), "EXPIRED", None);
    assert_ne!(hosted(&served.press(&link).await), first);
    assert_eq!(place.writes(), 2);
}

#[tokio::test]
async fn a_page_that_is_being_made_is_written_down_though_nobody_waits_for_it() {
    let place = Place::new().await;
    let link = place.notice().await;
    let bent = Arc::new(Bent { pages: Some(Gate::shut()), ..Bent::of(place.provider()) });
    let reconnect = behind(&place, bent.clone()).await;
    let gate = bent.pages.as_ref().unwrap();
    let clicked = reconnect.clone();
    let given_up = tokio::select! {
        started = clicked.start(token(&link)) => Some(started),
        () = gate.somebody() => None,
    };
    assert!(given_up.is_none(), "the provider has made it, its answer is on its way, and whoever waited is gone");
    gate.through.add_permits(1);
    reconnect.tasks.close();
    timeout(Duration::from_secs(5), reconnect.tasks.wait()).await.unwrap();
    hosted(&place.serve().await.press(&link).await);
    assert_eq!((place.writes(), place.accounts().len()), (1, 2), "the next click goes on with it");
}

#[tokio::test]
async fn who_comes_back_is_never_told_that_nothing_has_changed_where_that_is_not_known() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    let back = served.decide(&hosted(&served.press(&link).await), "approve").await;
    // One limit for all looks together.
    let hanging = Arc::new(Bent { lists: Some(Gate::shut()), ..Bent::of(place.provider()) });
    let by = Instant::now() + Duration::from_millis(300);
    let token = token(back.split('?').next().unwrap());
    let finished = behind(&place, hanging).await.finish(token, by).await.unwrap();
    assert!(matches!(finished, Finished::Later(_)), "{finished:?}");
    assert!(by.elapsed() < Duration::from_secs(5));
    // The state database fails: before anything is known of the attempt, and when it is to be written down.
    for table in ["reconnect_attempts", "accounts"] {
        let mut database = SqliteConnection::connect(&place.rig.url).await.unwrap();
        let rename = |from: &str, to: &str| sqlx::AssertSqlSafe(format!("ALTER TABLE {from} RENAME TO {to}"));
        sqlx::query(rename(table, "elsewhere")).execute(&mut database).await.unwrap();
        assert_eq!(served.get(&back).await.heading(), "We could not check", "{table}");
        sqlx::query(rename("elsewhere", table)).execute(&mut database).await.unwrap();
    }
    assert_eq!(served.get(&back).await.heading(), "Slack is connected again");
}

#[tokio::test]
async fn a_list_asked_for_before_somebody_came_back_breaks_nothing_again() {
    for in_place in [false, true] {
        let mut place = Place::new().await;
        let link = place.notice().await;
        let served = place.serve().await;
        let form = served.get(&link).await.form();
        let bent = Arc::new(Bent { lists: Some(Gate::shut()), ..Bent::of(place.provider()) });
        place.rig.provider = Some(bent.clone());
        let gate = bent.lists.as_ref().unwrap();
        // The audit has its list; before it is recorded, somebody reconnects.
        let mended = async {
            gate.somebody().await;
            place.rig.later(Duration::from_secs(5));
            if in_place {
                place.simulator.world().set_status(&AccountId::new("ca_1"), "ACTIVE", None);
                assert_eq!(served.post(&link, &form).await.status, 303);
            } else {
                let back = served.decide(&hosted(&served.post(&link, &form).await), "approve").await;
                assert_eq!(served.get(&back).await.heading(), "Slack is connected again");
            }
            let closed = if in_place { "slack active" } else { "slack superseded" };
            assert_eq!(place.incidents().await, [closed]);
            gate.through.add_permits(1_000);
            closed
        };
        let (_audit, closed) = tokio::join!(place.rig.run(), mended);
        assert_eq!(place.incidents().await, [closed], "the old list opened nothing");
        place.rig.later(DAY);
        place.rig.run().await;
        assert_eq!((place.incidents().await, place.mailed()), (vec![closed.to_owned()], Vec::new()));
    }
}
