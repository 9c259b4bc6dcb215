//! For how long a failed delivery is tried again.

use reconnectd::domain::{ChannelName, DeliveryId};

use super::*;

async fn told_by_mail(rig: &mut Rig) {
    rig.channels = vec!["email"];
    seen_working(rig, &["u"]).await;
    breaks(rig, "u", "slack");
    rig.world.next_on("email", (0..99).map(|_| failing(FailureClass::Transient)));
}

#[tokio::test]
async fn attempts_end_72_hours_after_the_first_failure() {
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
        assert!(last - began < chrono::TimeDelta::hours(72), "{last}");
        assert!(last - began > chrono::TimeDelta::hours(48), "it was tried for days: {last}");
        assert!(sent.len() <= 18);
    })
    .await;
}

#[tokio::test]
async fn what_found_no_run_for_three_days_is_given_up_and_an_operator_can_put_it_back() {
    on_both(async |mut rig| {
        told_by_mail(&mut rig).await;
        rig.run().await;
        let tried = rig.world.take_sent().len();
        assert!(tried >= 3, "the run itself repeats it: {tried}");
        rig.later(4 * DAY);
        rig.run().await;
        assert!(rig.world.take_sent().is_empty());
        assert_eq!(outcomes(&rig, "u", "email").await.last().unwrap(), "given_up");
        let row = deliveries(&rig).await.remove(0);
        assert_eq!(
            (row.state.as_str(), row.detail.as_deref()),
            ("dead", Some("its first failure is more than 72 hours ago"))
        );
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
async fn enabling_a_channel_gives_what_waits_there_its_time_again() {
    let mut rig = Rig::new().await;
    told_by_mail(&mut rig).await;
    rig.run().await;
    rig.world.take_sent();
    let mut work = rig.store.begin().await.unwrap();
    assert!(work.disable_channel(&ChannelName::new("email"), "", Some("kim"), rig.now()).await.unwrap());
    work.commit().await.unwrap();
    rig.later(10 * DAY);
    rig.deliver().await;
    let mut work = rig.store.begin().await.unwrap();
    assert!(work.enable_channel(&ChannelName::new("email"), "kim", rig.now()).await.unwrap());
    work.commit().await.unwrap();
    rig.deliver().await;
    assert!(!rig.world.take_sent().is_empty());
    assert_eq!(states(&rig, "email").await, ["pending"], "it goes on failing, and has its time");
}
