//! Channels that refuse us, are gone or fail for days: what waits, who is told, and how it goes on.

use std::collections::HashMap;

use reconnectd::domain::{ChannelName, EventKind, NoticePolicy, OperatorEvent};
use reconnectd::store::ChannelState;

use super::*;
use crate::support::rig::Hang;

const OPERATOR: [EventKind; 2] = [EventKind::ChannelStopped, EventKind::EndpointDisabled];

/// Mail, a webhook for the product and one for the operators; both webhooks carry events for the operator.
async fn three_channels(rig: &mut Rig, users: &[&str]) {
    rig.channels = vec!["email", "webhook:product", "webhook:ops"];
    rig.carries = HashMap::from([("webhook:product", OPERATOR.to_vec()), ("webhook:ops", OPERATOR.to_vec())]);
    seen_working(rig, users).await;
    for user in users {
        breaks(rig, user, "slack");
    }
}

async fn state(rig: &Rig, channel: &str) -> Option<ChannelState> {
    let states = rig.store.begin_read().await.unwrap().channel_states().await.unwrap();
    states.into_iter().find(|state| state.channel.as_str() == channel)
}

/// The events sent since the last look, as `channel: kind of subject`, sorted.
fn events(rig: &Rig) -> Vec<String> {
    let words = |(channel, notice): (ChannelName, reconnectd::domain::OperatorNotice)| match &notice.event {
        OperatorEvent::ChannelStopped { channel: subject, .. } => format!("{channel}: stopped {subject}"),
        OperatorEvent::EndpointDisabled { channel: subject, .. } => format!("{channel}: disabled {subject}"),
        OperatorEvent::StormHeld { subject, .. } => format!("{channel}: storm {subject}"),
        OperatorEvent::KeyRefused { status, .. } => format!("{channel}: key refused, HTTP {status}"),
        OperatorEvent::ConnectRefused { auth_config, .. } => format!("{channel}: connect {auth_config:?}"),
        OperatorEvent::ReportReady { to, .. } => format!("{channel}: report {to}"),
    };
    let mut told: Vec<String> = rig.world.take_events().into_iter().map(words).collect();
    told.sort();
    told
}

async fn enable(rig: &Rig, channel: &str) -> bool {
    let mut work = rig.store.begin().await.unwrap();
    let changed = work.enable_channel(&ChannelName::new(channel), "kim on host", rig.now()).await.unwrap();
    work.commit().await.unwrap();
    changed
}

fn of<'a>(told: &'a [String], channel: &str) -> Vec<&'a str> {
    told.iter().filter_map(|line| line.strip_prefix(channel)?.strip_prefix(' ')).collect()
}

#[tokio::test]
async fn a_channel_that_refuses_us_stops_and_the_operator_hears_of_it_once_until_it_works_again() {
    on_both(async |mut rig| {
        three_channels(&mut rig, &["a", "b", "c", "d", "e", "f"]).await;
        rig.world.failing_on("email", Some(FailureClass::ChannelBroken));
        let summary = rig.run().await;
        assert_eq!(summary.channels_stopped, ["email"]);
        let told = rig.world.take_told();
        assert!(of(&told, "email").len() <= 4, "the list is not burnt: {told:?}");
        assert_eq!(of(&told, "webhook:ops").len(), 6, "the others go on");
        assert_eq!(events(&rig), ["webhook:ops: stopped email", "webhook:product: stopped email"]);
        assert!(state(&rig, "email").await.unwrap().stopped_at.is_some());
        // Still refused in the next run: no second word of it.
        rig.later(DAY);
        rig.run().await;
        assert_eq!(events(&rig), [""; 0]);
        // It works, and later refuses us anew: that is news.
        rig.world.failing_on("email", None);
        while !states(&rig, "email").await.iter().all(|state| state == "delivered") {
            rig.later(DAY / 4);
            rig.run().await;
        }
        assert_eq!(state(&rig, "email").await.and_then(|state| state.stopped_at), None);
        assert_eq!(events(&rig), [""; 0]);
        mends(&rig, "a", "slack");
        rig.run().await;
        rig.later(HOUR);
        breaks(&rig, "a", "slack");
        rig.world.next_on("email", [failing(FailureClass::ChannelBroken)]);
        rig.run().await;
        assert_eq!(events(&rig), ["webhook:ops: stopped email", "webhook:product: stopped email"]);
    })
    .await;
}

#[tokio::test]
async fn two_different_deliveries_declined_or_refused_as_they_are_in_a_row_stop_a_channel_and_one_does_not() {
    for (channel, class) in [("webhook:product", FailureClass::Declined), ("email", FailureClass::ContentRefused)] {
        for (refused, stops) in [(1, false), (9, true)] {
            let mut rig = Rig::new().await;
            three_channels(&mut rig, &["a", "b", "c", "d", "e", "f"]).await;
            rig.world.next_on(channel, (0..refused).map(|_| failing(class)));
            rig.world.failing_on(channel, stops.then_some(class));
            let summary = rig.run().await;
            assert_eq!(!summary.channels_stopped.is_empty(), stops, "{channel} {refused}");
            let told = rig.world.take_told();
            assert!(!stops || of(&told, channel).len() <= 5, "{channel}: {told:?}");
            let expected = if stops { vec![format!("webhook:ops: stopped {channel}")] } else { Vec::new() };
            let heard: Vec<String> = events(&rig).into_iter().filter(|e| e.starts_with("webhook:ops")).collect();
            assert_eq!(heard, expected, "{channel} {refused}");
        }
    }
}

#[tokio::test]
async fn what_an_endpoint_declines_is_tried_a_few_times_and_then_dead() {
    let mut rig = Rig::new().await;
    rig.channels = vec!["webhook:product"];
    seen_working(&rig, &["u"]).await;
    breaks(&rig, "u", "slack");
    rig.world.next_on("webhook:product", (0..9).map(|_| failing(FailureClass::Declined)));
    for _ in 0..7 {
        rig.run().await;
        rig.later(HOUR);
    }
    assert_eq!(outcomes(&rig, "u", "webhook:product").await, ["declined"; 6]);
    assert_eq!(states(&rig, "webhook:product").await, ["dead"]);
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_used_no_more_until_somebody_enables_it() {
    on_both(async |mut rig| {
        three_channels(&mut rig, &["a", "b", "c", "d", "e", "f"]).await;
        rig.world.failing_on("webhook:product", Some(FailureClass::EndpointGone));
        let summary = rig.run().await;
        rig.world.failing_on("webhook:product", None);
        assert_eq!(summary.channels_disabled, ["webhook:product"]);
        assert_eq!(events(&rig), ["webhook:ops: disabled webhook:product"], "not to itself");
        assert!(of(&rig.world.take_told(), "webhook:product").len() <= 4);
        assert_eq!(states(&rig, "webhook:product").await, ["pending"; 6], "nothing is lost");
        for _ in 0..5 {
            rig.later(DAY);
            let summary = rig.run().await;
            assert_eq!(summary.channels_disabled, ["webhook:product"]);
            assert!(!summary.channels_work(), "every run says so until somebody sees to it");
        }
        assert!(rig.world.take_told().is_empty() && events(&rig).is_empty(), "nothing is tried, nothing said twice");
        assert!(enable(&rig, "webhook:product").await);
        assert!(!enable(&rig, "webhook:product").await, "once");
        let summary = rig.run().await;
        assert_eq!(rig.world.take_told().len(), 6, "after five days they go out, whatever the horizon");
        assert_eq!((summary.deliveries_pending, summary.channels_disabled.len()), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_that_fails_for_days_without_a_success_is_disabled() {
    on_both(async |mut rig| {
        rig.settings.delivery.disable_after.insert(ChannelName::new("webhook:product"), 2 * DAY);
        three_channels(&mut rig, &["a"]).await;
        // A success in between begins the count anew.
        rig.world.failing_on("webhook:product", Some(FailureClass::Transient));
        rig.run().await;
        rig.world.failing_on("webhook:product", None);
        assert!(state(&rig, "webhook:product").await.unwrap().failing_since.is_some());
        rig.later(47 * HOUR);
        rig.run().await;
        assert_eq!(state(&rig, "webhook:product").await.unwrap().failing_since, None);
        mends(&rig, "a", "slack");
        rig.run().await;
        rig.later(HOUR);
        breaks(&rig, "a", "slack");
        rig.world.failing_on("webhook:product", Some(FailureClass::Transient));
        for _ in 0..8 {
            assert_eq!(rig.run().await.channels_disabled.len(), 0);
            rig.later(6 * HOUR);
        }
        assert_eq!(events(&rig), [""; 0]);
        assert_eq!(rig.run().await.channels_disabled, ["webhook:product"]);
        assert_eq!(rig.deliver().await.channels_disabled, ["webhook:product"]);
        assert_eq!(events(&rig), ["webhook:ops: disabled webhook:product"]);
        let detail = state(&rig, "webhook:product").await.unwrap().detail.unwrap();
        assert!(detail.starts_with("failing since 2026-11-"), "{detail}");
    })
    .await;
}

#[tokio::test]
async fn two_failures_days_apart_are_no_row_and_those_of_daily_runs_are() {
    for (apart, disabled) in [(5 * DAY, false), (DAY, true)] {
        on_both(async |rig| {
            let channel = ChannelName::new("webhook:product");
            let mut since = Vec::new();
            for _ in 0..4 {
                let mut work = rig.store.begin().await.unwrap();
                since.push(rig.now() - work.channel_fails(&channel, rig.now()).await.unwrap());
                work.commit().await.unwrap();
                rig.later(apart);
            }
            let lasted = *since.last().unwrap() >= chrono::TimeDelta::days(3);
            assert_eq!(lasted, disabled, "{apart:?}: {since:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_channel_switched_off_by_hand_is_not_used_and_says_who_did_it() {
    on_both(async |mut rig| {
        three_channels(&mut rig, &["a", "b"]).await;
        let mail = ChannelName::new("email");
        let mut work = rig.store.begin().await.unwrap();
        assert!(work.disable_channel(&mail, "new relay", Some("kim on host"), rig.now()).await.unwrap());
        assert!(!work.disable_channel(&mail, "again", Some("lee on host"), rig.now()).await.unwrap());
        work.commit().await.unwrap();
        let summary = rig.run().await;
        assert_eq!(summary.channels_disabled, ["email"]);
        assert!(summary.channels_work(), "as it was wanted");
        assert!(of(&rig.world.take_told(), "email").is_empty());
        assert_eq!(states(&rig, "email").await, ["pending", "pending"], "and `outbox list` shows what waits");
        let state = state(&rig, "email").await.unwrap();
        assert_eq!((state.detail.as_deref(), state.changed_by.as_deref()), (Some("new relay"), Some("kim on host")));
        assert!(enable(&rig, "email").await);
        rig.deliver().await;
        assert_eq!(of(&rig.world.take_told(), "email").len(), 2);
    })
    .await;
}

#[tokio::test]
async fn two_workers_that_meet_the_same_refusal_tell_the_operator_once() {
    on_both(async |mut rig| {
        three_channels(&mut rig, &["a", "b", "c", "d", "e", "f", "g", "h"]).await;
        planned_unsaid(&rig).await;
        rig.world.failing_on("email", Some(FailureClass::ChannelBroken));
        rig.world.failing_on("webhook:product", Some(FailureClass::EndpointGone));
        tokio::join!(rig.deliver(), rig.deliver(), rig.deliver());
        rig.deliver().await;
        let all = ["webhook:ops: disabled webhook:product", "webhook:ops: stopped email"];
        assert_eq!(events(&rig), all, "the disabled one keeps its own event until it is enabled");
    })
    .await;
}

#[tokio::test]
async fn a_channel_on_which_attempt_after_attempt_fails_is_left_alone_for_the_rest_of_the_run() {
    for class in [FailureClass::Transient, FailureClass::OutcomeUnknown, FailureClass::RateLimited(MINUTE)] {
        let mut rig = Rig::new().await;
        let users: Vec<String> = (0..40).map(|n| format!("u{n:02}")).collect();
        rig.page_size = 100;
        rig.settings.storm.share = 1.0; // Off: they all break at once.
        three_channels(&mut rig, &users.iter().map(String::as_str).collect::<Vec<_>>()).await;
        rig.world.failing_on("webhook:product", Some(class));
        let summary = rig.run().await;
        let told = rig.world.take_told();
        let tried = of(&told, "webhook:product").len();
        assert!((20..=23).contains(&tried), "{class:?}: {tried}");
        assert_eq!((of(&told, "email").len(), of(&told, "webhook:ops").len()), (40, 40));
        assert_eq!((summary.deliveries_pending, events(&rig).len()), (40, 0), "nothing is lost, nobody is called");
        // The next run tries again.
        rig.world.failing_on("webhook:product", None);
        rig.later(DAY);
        rig.run().await;
        assert_eq!(of(&rig.world.take_told(), "webhook:product").len(), 40);
    }
}

#[tokio::test]
async fn a_channel_that_hangs_holds_up_no_other() {
    let mut rig = Rig::new().await;
    three_channels(&mut rig, &["a", "b", "c", "d", "e", "f"]).await;
    rig.world.hang(Some(Hang::SendingOn(ChannelName::new("webhook:product"))));
    let pipeline = rig.pipeline();
    let running = tokio::spawn(async move { pipeline.run_once().await.map(|_| ()) });
    let mut told = Vec::new();
    while of(&told, "email").len() < 6 || of(&told, "webhook:ops").len() < 6 {
        rig.world.sending.notified().await;
        told.extend(rig.world.take_told());
    }
    assert_eq!(of(&told, "webhook:product").len(), 4, "its own places");
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn an_event_that_nobody_took_is_repeated_under_its_id() {
    let mut rig = Rig::new().await;
    three_channels(&mut rig, &["a"]).await;
    rig.world.next_on("webhook:product", [failing(FailureClass::EndpointGone)]);
    // Whichever of the two comes first there, the event is what is not taken.
    let failed = std::sync::atomic::AtomicBool::new(false);
    rig.world.sends_fail(move |channel, user| {
        let event = channel.as_str() == "webhook:ops" && user.is_none();
        let first = event && !failed.swap(true, std::sync::atomic::Ordering::Relaxed);
        first.then(|| SendError { class: FailureClass::Transient, detail: "scripted".into() })
    });
    rig.run().await;
    let told = rig.world.take_events();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0].1.outside_id, told[1].1.outside_id);
    assert_eq!((told[0].1.created_at, &told[0].1.notification), (told[1].1.created_at, &told[1].1.notification));
}

#[tokio::test]
async fn a_disabled_endpoint_holds_up_no_reminder_on_the_other_channels() {
    on_both(async |mut rig| {
        rig.settings.notices = NoticePolicy { max_per_day: 9, max_per_week: 9, ..NoticePolicy::default() };
        three_channels(&mut rig, &["a"]).await;
        rig.channels = vec!["email", "webhook:product"];
        rig.world.failing_on("webhook:product", Some(FailureClass::EndpointGone));
        rig.run().await;
        assert_eq!(of(&rig.world.take_told(), "email"), ["a: slack"]);
        rig.later(3 * DAY + HOUR);
        rig.run().await;
        assert_eq!(of(&rig.world.take_told(), "email"), ["a: slack"], "the reminder");
        // Where it is the only channel, nothing piles up on it.
        rig.channels = vec!["webhook:product"];
        seen_working(&rig, &["b"]).await;
        breaks(&rig, "b", "slack");
        rig.run().await;
        rig.later(8 * DAY);
        rig.run().await;
        assert_eq!(rig.story("b").await.deliveries.len(), 0, "it is planned when the channel is back");
    })
    .await;
}
