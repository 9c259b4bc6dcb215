//! What is said, held against what is true at the moment of sending.

use reconnectd::domain::{
    AuthConfigId, CloseEvidence, EventKind, NoticeKind, OperatorSilence, SilenceId, SilenceScope, Timestamp,
    ToolkitSlug, UserId,
};
use reconnectd::store::StormScope;

use super::*;

/// Tells `u` that Slack broke, on both channels, and lets it work again; the next run plans to say so.
async fn recovered(rig: &mut Rig) {
    rig.carries.insert("webhook:product", vec![EventKind::ReconnectRecovered]);
    rig.carries.insert("email", vec![EventKind::ReconnectRecovered]);
    rig.settings.notices.recovered_mail = true;
    seen_working(rig, &["u"]).await;
    breaks(rig, "u", "slack");
    rig.run().await;
    assert_eq!(rig.world.take_told(), ["email u: slack", "webhook:product u: slack"]);
    rig.later(DAY);
    mends(rig, "u", "slack");
}

#[tokio::test]
async fn the_end_of_an_incident_is_told_with_its_evidence_and_how_often_it_was_spoken_about() {
    on_both(async |mut rig| {
        recovered(&mut rig).await;
        rig.run().await;
        let sent = rig.world.take_sent();
        assert_eq!(sent.len(), 2);
        for (channel, notice) in sent {
            let item = &notice.items[0];
            assert_eq!(notice.kind, NoticeKind::Recovered, "{channel}");
            assert_eq!((item.number, item.toolkit.as_str()), (1, "slack"), "one notice was given");
            assert_eq!(item.recovery.map(|r| (r.evidence, r.at)), Some((CloseEvidence::Active, rig.now())));
        }
        rig.later(DAY);
        rig.run().await;
        assert!(rig.world.take_sent().is_empty(), "once");
    })
    .await;
}

#[tokio::test]
async fn a_webhook_states_the_recorded_fact_without_asking_anybody() {
    let mut rig = Rig::new().await;
    recovered(&mut rig).await;
    rig.channels = vec!["webhook:product"];
    rig.world.next_on("webhook:product", [failing(FailureClass::Transient), failing(FailureClass::RateLimited(DAY))]);
    rig.run().await;
    assert_eq!(rig.world.take_sent().len(), 2);
    // The user leaves, the account breaks anew, the provider is away: the incident is over all the same.
    rig.world.forget("u");
    breaks(&rig, "u", "slack");
    rig.world.provider_fails(|_| Some(unavailable()));
    rig.world.take_asked();
    rig.later(DAY + HOUR);
    rig.deliver().await;
    assert_eq!(rig.world.take_told(), ["webhook:product u: slack"]);
    assert!(rig.world.take_asked().is_empty(), "nobody was asked");
}

#[tokio::test]
async fn a_mail_about_a_recovery_needs_a_list_in_which_the_account_works() {
    let again = "broken_again";
    for (what, code) in
        [("broken again", again), ("beside another", again), ("silenced", "silenced"), ("away", "provider_failed")]
    {
        let mut rig = Rig::new().await;
        recovered(&mut rig).await;
        rig.channels = vec!["email"];
        let now = rig.now();
        let silence = silence(&rig, Some("u"), None, now + chrono::TimeDelta::days(1));
        if what == "beside another" {
            rig.world.put(works("u", "ca_u_second", "slack"));
        }
        if what == "silenced" {
            assert!(add(&rig, &silence).await);
        }
        rig.world.at_contact(move |world, _| match what {
            "away" => world.provider_fails(|_| Some(unavailable())),
            "broken again" | "beside another" => {
                world.change("u", "ca_u_slack", |account| *account = broken(account.clone(), now))
            }
            _ => {}
        });
        rig.run().await;
        assert!(rig.world.take_sent().is_empty(), "{what}");
        assert_eq!(outcomes(&rig, "u", "email").await.last().unwrap(), code, "{what}");
    }
}

fn silence(rig: &Rig, user: Option<&str>, toolkit: Option<&str>, until: Timestamp) -> OperatorSilence {
    let scope = SilenceScope::new(user.map(UserId::new), toolkit.map(ToolkitSlug::new), None::<AuthConfigId>).unwrap();
    OperatorSilence::new(SilenceId::new("s1"), scope, until, ("migration", "kim"), rig.now()).unwrap()
}

async fn add(rig: &Rig, silence: &OperatorSilence) -> bool {
    let mut work = rig.store.begin().await.unwrap();
    let added = work.add_silence(silence, rig.now()).await.unwrap();
    work.commit().await.unwrap();
    added
}

#[tokio::test]
async fn what_an_operator_silenced_since_it_was_planned_is_not_said_and_can_be_said_later() {
    on_both(async |rig| {
        seen_working(&rig, &["u"]).await;
        breaks(&rig, "u", "slack");
        planned_unsaid(&rig).await;
        let until = rig.now() + chrono::TimeDelta::days(2);
        assert!(add(&rig, &silence(&rig, None, Some("slack"), until)).await);
        rig.world.take_asked();
        let summary = rig.deliver().await;
        assert!(rig.world.take_sent().is_empty());
        assert!(rig.world.take_asked().is_empty(), "what may not be said is not worth a request");
        assert_eq!(summary.counters.deliveries_cancelled, 2);
        assert_eq!(states(&rig, "email").await, ["cancelled"]);
        assert_eq!(outcomes(&rig, "u", "email").await.last().unwrap(), "silenced");
        rig.later(DAY);
        rig.run().await;
        assert!(rig.world.take_sent().is_empty(), "still silenced");
        rig.later(2 * DAY);
        rig.run().await;
        assert_eq!(rig.world.take_told(), ["email u: slack", "webhook:product u: slack"], "it was not spent");
    })
    .await;
}

#[tokio::test]
async fn what_is_not_silenced_goes_out_and_the_rest_is_said_later() {
    let mut rig = Rig::new().await;
    rig.channels = vec!["email"];
    rig.world.user("u");
    rig.world.put(works("u", "ca_u_gmail", "gmail"));
    seen_working(&rig, &["u"]).await;
    breaks(&rig, "u", "slack");
    breaks(&rig, "u", "gmail");
    planned_unsaid(&rig).await;
    let until = rig.now() + chrono::TimeDelta::days(2);
    assert!(add(&rig, &silence(&rig, Some("u"), Some("slack"), until)).await);
    rig.deliver().await;
    assert_eq!(rig.world.take_told(), ["email u: gmail"]);
    rig.later(3 * DAY);
    rig.run().await;
    assert_eq!(rig.world.take_told(), ["email u: slack"], "and gmail is not said twice");
}

#[tokio::test]
async fn what_a_storm_took_since_it_was_planned_waits_for_the_operators_decision() {
    on_both(async |mut rig| {
        rig.channels = vec!["email"];
        seen_working(&rig, &["u", "v"]).await;
        for user in ["u", "v"] {
            breaks(&rig, user, "slack");
        }
        planned_unsaid(&rig).await;
        let subject = (StormScope::Toolkit, "slack");
        let mut work = rig.store.begin().await.unwrap();
        let (storm, _) = work.hold_storm("storm", subject, (2, 2), rig.now()).await.unwrap();
        assert_eq!(work.join_storm(&storm, subject, rig.now() - chrono::TimeDelta::days(3)).await.unwrap(), 2);
        work.commit().await.unwrap();
        rig.deliver().await;
        assert!(rig.world.take_sent().is_empty());
        assert_eq!(outcomes(&rig, "u", "email").await.last().unwrap(), "storm_held");
        rig.later(HOUR);
        rig.deliver().await;
        assert!(rig.world.take_sent().is_empty(), "held");
        let mut work = rig.store.begin().await.unwrap();
        assert!(work.decide_storm(&storm, "released", "kim", rig.now()).await.unwrap());
        work.commit().await.unwrap();
        rig.deliver().await;
        assert_eq!(rig.world.take_told(), ["email u: slack", "email v: slack"], "nothing was spent");
    })
    .await;
}

#[tokio::test]
async fn what_is_silenced_after_another_channel_told_it_waits_for_the_end_of_the_silence() {
    on_both(async |rig| {
        seen_working(&rig, &["u"]).await;
        breaks(&rig, "u", "slack");
        rig.world.failing_on("email", Some(FailureClass::Transient));
        rig.run().await;
        rig.world.failing_on("email", None);
        rig.world.take_sent();
        rig.later(HOUR);
        let until = rig.now() + chrono::TimeDelta::days(4);
        assert!(add(&rig, &silence(&rig, None, Some("slack"), until)).await);
        rig.deliver().await;
        assert_eq!(outcomes(&rig, "u", "email").await.last().unwrap(), "silenced");
        assert_eq!(states(&rig, "email").await, ["pending"]);
        rig.later(3 * DAY);
        rig.deliver().await;
        assert!(rig.world.take_sent().is_empty());
        rig.later(DAY);
        rig.deliver().await;
        assert_eq!(rig.world.take_told(), ["email u: slack"]);
    })
    .await;
}

#[tokio::test]
async fn a_discarded_storm_calls_off_what_was_planned() {
    let mut rig = Rig::new().await;
    rig.channels = vec!["email"];
    seen_working(&rig, &["u"]).await;
    breaks(&rig, "u", "slack");
    planned_unsaid(&rig).await;
    on_state(
        &rig,
        "INSERT INTO storms VALUES ('s', 'toolkit', 'slack', 1, 1, 1, 'discarded', 1, 'kim'); \
         UPDATE incidents SET storm_id = 's'",
    )
    .await;
    rig.deliver().await;
    assert!(rig.world.take_sent().is_empty());
    assert_eq!(outcomes(&rig, "u", "email").await.last().unwrap(), "storm_discarded");
}

#[tokio::test]
async fn a_reconnect_under_way_is_waited_for_without_using_up_an_attempt() {
    let mut rig = Rig::new().await;
    rig.channels = vec!["email"];
    rig.settings.retry.max_attempts = 1;
    seen_working(&rig, &["u"]).await;
    breaks(&rig, "u", "slack");
    let begun = rig.now();
    rig.world.at_contact(move |world, _| {
        world.change("u", "ca_u_slack", |account| {
            account.status = Status::Initiated;
            account.updated_at = Some(begun);
        });
    });
    let summary = rig.run().await;
    assert_eq!((summary.counters.deliveries_put_off, summary.deliveries_pending), (1, 1));
    assert_eq!(outcomes(&rig, "u", "email").await, ["pending"]);
    rig.world.at_contact(|_, _| {});
    breaks(&rig, "u", "slack");
    rig.later(16 * MINUTE);
    rig.deliver().await;
    assert_eq!(rig.world.take_told(), ["email u: slack"]);
}

#[tokio::test]
async fn what_a_newer_release_wrote_is_given_up_and_not_guessed() {
    on_both(async |mut rig| {
        rig.channels = vec!["email"];
        seen_working(&rig, &["u"]).await;
        breaks(&rig, "u", "slack");
        planned_unsaid(&rig).await;
        on_state(&rig, "UPDATE notifications SET kind = 'horoscope'").await;
        rig.deliver().await;
        assert!(rig.world.take_sent().is_empty());
        assert_eq!(states(&rig, "email").await, ["dead"]);
    })
    .await;
}
