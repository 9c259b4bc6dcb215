//! For how long a failed delivery is tried again.

use chrono::Weekday;
use chrono_tz::Tz;
use reconnectd::domain::{ChannelName, DeliveryId, QuietHours};

use super::*;

async fn told_by_mail(rig: &mut Rig) {
    rig.channels = vec!["email"];
    seen_working(rig, &["u"]).await;
    breaks(rig, "u", "slack");
    rig.world.failing_on("email", Some(FailureClass::Transient));
}

#[tokio::test]
async fn the_first_failure_later_than_72_hours_after_the_first_is_the_last() {
    on_both(async |mut rig| {
        told_by_mail(&mut rig).await;
        let began = rig.now();
        for _ in 0..80 {
            rig.run().await;
            rig.later(HOUR);
        }
        assert_eq!(states(&rig, "email").await, ["dead"]);
        let sent = rig.world.take_sent();
        let last = sent.last().unwrap().1.now;
        assert!(last - began < chrono::TimeDelta::hours(80), "{last}");
        assert!(last - began > chrono::TimeDelta::hours(60), "it was tried for days: {last}");
        assert!(sent.len() <= 18);
    })
    .await;
}

#[tokio::test]
async fn what_found_no_run_for_three_days_is_tried_once_more_and_an_operator_can_put_it_back() {
    on_both(async |mut rig| {
        told_by_mail(&mut rig).await;
        rig.run().await;
        let tried = rig.world.take_sent().len();
        assert!(tried >= 3, "the run itself repeats it: {tried}");
        rig.later(4 * DAY);
        rig.run().await;
        assert_eq!(rig.world.take_sent().len(), 1, "once more");
        let row = deliveries(&rig).await.remove(0);
        assert_eq!(row.state, "dead");
        let mut work = rig.store.begin().await.unwrap();
        let ids: [DeliveryId; 1] = [row.id];
        assert_eq!(work.redeliver(&ids, "kim", rig.now()).await.unwrap().len(), 1);
        work.commit().await.unwrap();
        rig.deliver().await;
        assert!(rig.world.take_sent().len() >= 3, "put back, it has three days before it again");
        assert_eq!(states(&rig, "email").await, ["pending"]);
    })
    .await;
}

#[tokio::test]
async fn what_waited_out_its_horizon_arrives_if_the_server_works_again() {
    let mut rig = Rig::new().await;
    told_by_mail(&mut rig).await;
    rig.run().await;
    rig.later(4 * DAY);
    rig.world.failing_on("email", None);
    rig.run().await;
    assert_eq!(states(&rig, "email").await, ["delivered"]);
}

#[tokio::test]
async fn the_time_a_delivery_is_put_off_for_is_no_time_it_failed_for() {
    on_both(async |mut rig| {
        told_by_mail(&mut rig).await;
        rig.run().await;
        // Quiet for four days from now on; 09:00 on Monday it was, and it is 10:00.
        rig.later(HOUR);
        let days = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu].to_vec();
        rig.settings.quiet = QuietHours { hours: None, days, zone: Tz::UTC, spread: Duration::ZERO };
        rig.deliver().await;
        assert_eq!(outcomes(&rig, "u", "email").await.last().unwrap(), "quiet_hours");
        rig.settings.quiet = QuietHours::off();
        rig.later(4 * DAY);
        rig.deliver().await;
        assert_eq!(outcomes(&rig, "u", "email").await.last().unwrap(), "transient");
        assert_eq!(states(&rig, "email").await, ["pending"], "it has its three days of trying");
    })
    .await;
}

#[tokio::test]
async fn enabling_a_channel_gives_what_waits_there_its_time_again() {
    let mut rig = Rig::new().await;
    told_by_mail(&mut rig).await;
    rig.settings.retry.max_attempts = 4;
    rig.run().await;
    assert_eq!(rig.world.take_sent().len(), 3);
    let mut work = rig.store.begin().await.unwrap();
    assert!(work.disable_channel(&ChannelName::new("email"), "", Some("kim"), rig.now()).await.unwrap());
    work.commit().await.unwrap();
    rig.later(10 * DAY);
    rig.deliver().await;
    let mut work = rig.store.begin().await.unwrap();
    assert!(work.enable_channel(&ChannelName::new("email"), "kim", rig.now()).await.unwrap());
    work.commit().await.unwrap();
    rig.deliver().await;
    assert_eq!(rig.world.take_sent().len(), 3);
    assert_eq!(states(&rig, "email").await, ["pending"], "it goes on failing, and has its time and its attempts");
}

#[tokio::test]
async fn a_run_does_not_stay_for_ever_because_something_is_always_due_again_soon() {
    let mut rig = Rig::new().await;
    rig.channels = vec!["email"];
    rig.page_size = 500;
    rig.settings.storm.share = 1.0; // Off: they all break at once.
    let users: Vec<String> = (0..60).map(|n| format!("u{n:02}")).collect();
    rig.settings.delivery.leave_alone_after = u32::MAX;
    let names: Vec<&str> = users.iter().map(String::as_str).collect();
    seen_working(&rig, &names).await;
    for user in names {
        breaks(&rig, user, "slack");
    }
    rig.world.failing_on("email", Some(FailureClass::Transient));
    let began = rig.now();
    rig.run().await;
    let took = rig.now() - began;
    assert!(took < chrono::TimeDelta::minutes(4), "it took {took}");
    assert!(took > chrono::TimeDelta::seconds(20), "a hiccup is waited for: {took}");
    assert_eq!(states(&rig, "email").await, ["pending"; 60]);
}
