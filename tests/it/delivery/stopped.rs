//! What a reader has stopped, beside what is kept back for another reason: the latter is told when its time comes.

use reconnectd::domain::{EmailAddress, OperatorSilence, SilenceId, SilenceScope, ToolkitSlug};
use reconnectd::store::StormScope;

use super::*;

/// One mail about Slack and Gmail is planned, and nothing was said; then its reader stops Slack.
async fn slack_stopped_after_planning(rig: &mut Rig) {
    rig.channels = vec!["email"];
    rig.world.user("u");
    for toolkit in ["slack", "gmail"] {
        rig.world.put(works("u", &format!("ca_u_{toolkit}"), toolkit));
    }
    rig.run().await;
    rig.later(HOUR);
    for toolkit in ["slack", "gmail"] {
        breaks(rig, "u", toolkit);
    }
    planned_unsaid(rig).await;
    let hash = rig.settings.delivery.address_key.hash(&EmailAddress::parse("u@example.com").unwrap());
    let mut work = rig.store.begin().await.unwrap();
    work.suppress_toolkit(&hash, &ToolkitSlug::new("slack"), true, rig.now()).await.unwrap();
    work.commit().await.unwrap();
}

/// Gmail may be told: it is, and Slack never.
async fn gmail_is_told_and_slack_never(rig: &Rig, told: &[&str]) {
    for _audit in 0..3 {
        rig.run().await;
        rig.later(DAY);
    }
    assert_eq!(rig.world.take_told(), told);
    let summary = rig.run().await;
    assert_eq!(summary.counters.notices_planned, 0, "nobody is asked again in every run");
}

#[tokio::test]
async fn a_reconnect_under_way_is_waited_for() {
    on_both(async |mut rig| {
        slack_stopped_after_planning(&mut rig).await;
        let now = rig.now();
        rig.world.change("u", "ca_u_gmail", |account| {
            account.status = Status::Initiated;
            account.updated_at = Some(now);
        });
        rig.deliver().await;
        assert!(rig.world.take_sent().is_empty());
        assert_eq!(deliveries(&rig).await[0].state, "pending", "put off, not called off");
        breaks(&rig, "u", "gmail");
        rig.later(16 * MINUTE);
        gmail_is_told_and_slack_never(&rig, &["email u: gmail"]).await;
    })
    .await;
}

#[tokio::test]
async fn a_held_storm_waits_for_the_operators_decision() {
    for (decision, told) in [("released", vec!["email u: gmail"]), ("discarded", Vec::new())] {
        on_both(async |mut rig| {
            slack_stopped_after_planning(&mut rig).await;
            let subject = (StormScope::Toolkit, "gmail");
            let mut work = rig.store.begin().await.unwrap();
            let (storm, _) = work.hold_storm("storm", subject, (2, 2), rig.now()).await.unwrap();
            assert_eq!(work.join_storm(&storm, subject, rig.now() - chrono::TimeDelta::days(3)).await.unwrap(), 1);
            work.commit().await.unwrap();
            rig.deliver().await;
            assert!(rig.world.take_sent().is_empty());
            rig.later(HOUR);
            let mut work = rig.store.begin().await.unwrap();
            assert!(work.decide_storm(&storm, decision, "kim", rig.now()).await.unwrap());
            work.commit().await.unwrap();
            gmail_is_told_and_slack_never(&rig, &told).await;
        })
        .await;
    }
}

#[tokio::test]
async fn an_operators_silence_ends() {
    on_both(async |mut rig| {
        slack_stopped_after_planning(&mut rig).await;
        let scope = SilenceScope::new(None, Some(ToolkitSlug::new("gmail")), None).unwrap();
        let until = rig.now() + chrono::TimeDelta::hours(2);
        let silence =
            OperatorSilence::new(SilenceId::new("s1"), scope, until, ("maintenance", "kim"), rig.now()).unwrap();
        let mut work = rig.store.begin().await.unwrap();
        assert!(work.add_silence(&silence, rig.now()).await.unwrap());
        work.commit().await.unwrap();
        rig.deliver().await;
        assert!(rig.world.take_sent().is_empty());
        rig.later(3 * HOUR);
        gmail_is_told_and_slack_never(&rig, &["email u: gmail"]).await;
    })
    .await;
}
