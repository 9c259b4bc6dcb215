//! Who may not be written to, and when.

use chrono_tz::Tz;
use reconnectd::domain::{EmailAddress, NoticePolicy, QuietHours, SuppressionCause, ToolkitSlug, Unsubscribe};

use super::*;

#[tokio::test]
async fn a_suppressed_address_is_not_mailed_and_webhooks_go_out_all_the_same() {
    on_both(async |rig| {
        seen_working(&rig, &["u", "v"]).await;
        let hash = rig.settings.delivery.address_key.hash(&EmailAddress::parse("U@EXAMPLE.com").unwrap());
        let mut work = rig.store.begin().await.unwrap();
        assert!(work.suppress(&hash, SuppressionCause::Unsubscribed, None, rig.now()).await.unwrap());
        work.commit().await.unwrap();
        breaks(&rig, "u", "slack");
        breaks(&rig, "v", "slack");
        let summary = rig.run().await;
        let told = rig.world.take_told();
        assert_eq!(told, ["email v: slack", "webhook:product u: slack", "webhook:product v: slack"]);
        assert_eq!(summary.counters.silenced.get("suppressed"), Some(&1));
        assert_eq!(outcomes(&rig, "u", "email").await, ["suppressed"]);
        // Nobody is asked again in every run.
        rig.later(DAY);
        let summary = rig.run().await;
        assert_eq!((summary.counters.notices_planned, rig.world.take_sent().len()), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn suppressed_counts_as_told_also_where_mail_is_the_only_channel() {
    let mut rig = Rig::new().await;
    rig.channels = vec!["email"];
    seen_working(&rig, &["u"]).await;
    let hash = rig.settings.delivery.address_key.hash(&EmailAddress::parse("u@example.com").unwrap());
    let mut work = rig.store.begin().await.unwrap();
    assert!(work.suppress(&hash, SuppressionCause::Operator, Some("kim"), rig.now()).await.unwrap());
    work.commit().await.unwrap();
    breaks(&rig, "u", "slack");
    for planned in [1, 0, 0] {
        assert_eq!(rig.run().await.counters.notices_planned, planned);
        rig.later(DAY);
    }
    assert!(rig.world.take_sent().is_empty());
}

#[tokio::test]
async fn an_address_refused_for_good_is_dead_and_not_written_to_again() {
    on_both(async |mut rig| {
        rig.channels = vec!["email"];
        seen_working(&rig, &["u"]).await;
        breaks(&rig, "u", "slack");
        rig.world.next_on("email", [failing(FailureClass::RecipientRefused)]);
        rig.run().await;
        assert_eq!((states(&rig, "email").await, rig.world.take_sent().len()), (vec!["dead".to_owned()], 1));
        let list = rig.store.begin_read().await.unwrap().suppressions(None, 10).await.unwrap();
        assert_eq!(list.iter().map(|entry| entry.cause).collect::<Vec<_>>(), [SuppressionCause::Refused]);
        // The next breakage is news, and not for this address.
        mends(&rig, "u", "slack");
        rig.later(DAY);
        rig.run().await;
        breaks(&rig, "u", "slack");
        rig.later(DAY);
        rig.run().await;
        assert!(rig.world.take_sent().is_empty());
        assert_eq!(states(&rig, "email").await, ["dead", "cancelled"]);
        // Another address is another matter.
        rig.world.user_at("u", "new@example.com", None);
        mends(&rig, "u", "slack");
        rig.later(DAY);
        rig.run().await;
        breaks(&rig, "u", "slack");
        rig.run().await;
        assert_eq!(rig.world.take_told(), ["email u: slack"]);
    })
    .await;
}

#[tokio::test]
async fn mails_carry_the_link_that_ends_them_where_there_is_a_page_and_webhooks_never() {
    for page in [false, true] {
        let mut rig = Rig::new().await;
        let base = "https://notices.acme.example".parse().unwrap();
        let unsubscribe = Unsubscribe { base, key: rig.settings.delivery.address_key.clone() };
        let link = unsubscribe.link(&EmailAddress::parse("u@example.com").unwrap(), &[ToolkitSlug::new("slack")]);
        rig.settings.delivery.unsubscribe = page.then_some(unsubscribe);
        seen_working(&rig, &["u"]).await;
        breaks(&rig, "u", "slack");
        rig.run().await;
        for (channel, notice) in rig.world.take_sent() {
            let expected = (page && channel.as_str() == "email").then(|| link.clone());
            assert_eq!(notice.unsubscribe, expected, "{channel}");
        }
    }
}

#[tokio::test]
async fn notifications_that_waited_for_a_mended_server_keep_their_distance() {
    on_both(async |mut rig| {
        rig.channels = vec!["email"];
        for toolkit in ["slack", "gmail", "notion"] {
            rig.world.user("u");
            rig.world.put(works("u", &format!("ca_u_{toolkit}"), toolkit));
        }
        rig.run().await;
        rig.world.failing_on("email", Some(FailureClass::Transient));
        for toolkit in ["slack", "gmail", "notion"] {
            rig.later(HOUR);
            breaks(&rig, "u", toolkit);
            rig.run().await;
        }
        assert_eq!(states(&rig, "email").await, ["pending"; 3]);
        rig.world.failing_on("email", None);
        rig.world.take_sent();
        let digest_window = HOUR;
        rig.settings.delivery.notices =
            NoticePolicy { digest_window, max_per_day: 2, max_per_week: 5, ..rig.settings.notices.clone() };
        rig.later(7 * HOUR);
        let mut arrived = Vec::new();
        for _ in 0..30 {
            rig.deliver().await;
            arrived.extend(rig.world.take_sent().into_iter().map(|(_, notice)| notice.now));
            rig.later(HOUR);
        }
        assert_eq!(arrived.len(), 3, "{arrived:?}");
        assert!(arrived[1] - arrived[0] >= chrono::TimeDelta::hours(1), "{arrived:?}");
        assert!(arrived[2] - arrived[0] >= chrono::TimeDelta::days(1), "{arrived:?}");
        assert_eq!(states(&rig, "email").await, ["delivered"; 3]);
    })
    .await;
}

#[tokio::test]
async fn a_mail_that_comes_due_in_quiet_time_waits_for_its_end_and_a_webhook_does_not() {
    let mut rig = Rig::new().await;
    seen_working(&rig, &["u"]).await; // It is 10:00 UTC now, 19:00 in Tokyo.
    rig.world.zone("u", "Asia/Tokyo");
    let time = |hour| chrono::NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
    let (hours, days, zone) = (Some((time(20), time(8))), Vec::new(), Tz::UTC);
    rig.settings.quiet = QuietHours { hours, days, zone, spread: Duration::ZERO };
    breaks(&rig, "u", "slack");
    planned_unsaid(&rig).await; // 20:00 in Tokyo.
    let summary = rig.deliver().await;
    assert_eq!(rig.world.take_told(), ["webhook:product u: slack"]);
    assert_eq!(summary.counters.deliveries_put_off, 1);
    assert_eq!(summary.counters.silenced.get("quiet_hours"), Some(&1));
    assert_eq!(outcomes(&rig, "u", "email").await.last().unwrap(), "quiet_hours");
    rig.later(11 * HOUR + 59 * MINUTE);
    rig.deliver().await;
    assert!(rig.world.take_sent().is_empty(), "a minute before");
    rig.later(MINUTE);
    rig.deliver().await;
    assert_eq!(rig.world.take_told(), ["email u: slack"], "08:00 in Tokyo");
}

#[tokio::test]
async fn what_somebody_does_not_want_to_read_about_is_left_out_of_their_mail_and_of_nothing_else() {
    on_both(async |rig| {
        let hash = rig.settings.delivery.address_key.hash(&EmailAddress::parse("u@example.com").unwrap());
        for toolkit in ["slack", "gmail"] {
            rig.world.user("u");
            rig.world.put(works("u", &format!("ca_u_{toolkit}"), toolkit));
        }
        rig.run().await;
        let stop = async |toolkit: &str, stop: bool| {
            let mut work = rig.store.begin().await.unwrap();
            work.suppress_toolkit(&hash, &ToolkitSlug::new(toolkit), stop, rig.now()).await.unwrap();
            work.commit().await.unwrap();
        };
        stop("slack", true).await;
        rig.later(HOUR);
        for toolkit in ["slack", "gmail"] {
            breaks(&rig, "u", toolkit);
        }
        rig.run().await;
        assert_eq!(rig.world.take_told(), ["email u: gmail", "webhook:product u: gmail slack"]);
        // Alone it is called off, once and for all.
        for _audit in 0..3 {
            rig.later(DAY);
            rig.run().await;
        }
        assert_eq!(rig.world.take_told(), Vec::<String>::new());
        // Wanted again, the next breakage is told.
        stop("slack", false).await;
        mends(&rig, "u", "slack");
        rig.later(DAY);
        rig.run().await;
        breaks(&rig, "u", "slack");
        rig.later(DAY);
        rig.run().await;
        assert_eq!(rig.world.take_told(), ["email u: slack", "webhook:product u: slack"]);
    })
    .await;
}
