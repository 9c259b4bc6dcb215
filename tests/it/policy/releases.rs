//! Old breakages, released at a bearable pace.

use reconnectd::store::BaselineRelease;

use super::*;

#[tokio::test]
async fn old_breakages_are_told_so_many_users_a_day_the_newest_first() {
    let mut rig = Rig::new().await;
    rig.settings.notices = NoticePolicy::default();
    rig.settings.baseline_first = true;
    rig.channels = vec!["email"];
    for n in 0..7_u32 {
        let user = format!("u{n}");
        rig.world.user(&user);
        let at = rig.now() - DAY * n;
        rig.world.put(broken(works(&user, &format!("ca_{user}_slack"), "slack"), at));
    }
    rig.run().await;
    rig.later(DAY);
    rig.run().await;
    assert_eq!(told(&rig.world), Vec::<String>::new(), "nobody, unless asked");
    let order = async |per_day| {
        let mut work = rig.store.begin().await.unwrap();
        work.set_baseline_release(&BaselineRelease::new(per_day, "olga".into(), rig.now())).await.unwrap();
        work.commit().await.unwrap();
    };
    order(3).await;
    let mut heard = Vec::new();
    for _ in 0..8 {
        let summary = rig.run().await;
        heard.push((told(&rig.world).len(), summary.counters.incidents_released));
        rig.later(HOUR * 6);
    }
    // Four runs a day: the first of a day uses it up.
    assert_eq!(heard, [(3, 3), (0, 0), (0, 0), (0, 0), (3, 3), (0, 0), (0, 0), (0, 0)]);
    order(0).await;
    rig.later(DAY);
    rig.run().await;
    let rest = told(&rig.world);
    assert!(rest.iter().all(|line| line.contains("slack#1")), "paused; those told before are reminded: {rest:?}");
    order(3).await;
    rig.run().await;
    assert_eq!(told(&rig.world), ["u6: slack#0"], "the oldest comes last");
    let mut work = rig.store.begin_read().await.unwrap();
    assert_eq!(work.count_baseline_users().await.unwrap(), 0);
}
