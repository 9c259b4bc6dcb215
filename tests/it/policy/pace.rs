//! Ladder, dwell, digest, caps, quiet time and silences.

use chrono::{DateTime, NaiveTime, Utc};
use reconnectd::domain::{OperatorSilence, QuietHours, ReasonHint, SilenceId, SilenceScope, Status, ToolkitSlug};

use super::*;
use crate::walks::Counts as _;

const NOBODY: [&str; 0] = [];

#[tokio::test]
async fn an_open_incident_is_told_three_times_and_then_no_more() {
    let rig = seen_working(&["ann"]).await;
    breaks(&rig, "ann", "slack");
    let mut heard = Vec::new();
    for hour in 0..40 * 24 {
        let summary = rig.run().await;
        heard.extend(told(&rig.world).into_iter().map(|line| format!("day {} {line}", hour / 24)));
        if hour == 72 {
            assert_eq!((summary.counters.notices_planned, summary.counters.reminders_planned), (1, 1));
        }
        rig.later(HOUR);
    }
    assert_eq!(heard, ["day 0 ann: slack#0", "day 3 ann: slack#1", "day 10 ann: slack#2"]);
    assert_eq!(rig.run().await.silenced("ladder_done"), 1);
}

#[tokio::test]
async fn reminders_stop_at_once_when_it_works_again_and_a_new_breakage_begins_anew() {
    let rig = seen_working(&["ann"]).await;
    breaks(&rig, "ann", "slack");
    rig.run().await;
    assert_eq!(told(&rig.world), ["ann: slack#0"]);
    rig.later(DAY * 2);
    rig.world.change("ann", "ca_ann_slack", |account| account.status = Status::Active);
    for _ in 0..20 {
        rig.run().await;
        rig.later(DAY);
    }
    assert_eq!(told(&rig.world), NOBODY);
    breaks(&rig, "ann", "slack");
    rig.run().await;
    assert_eq!(told(&rig.world), ["ann: slack#0"]);
}

#[tokio::test]
async fn who_is_told_late_is_reminded_late() {
    let rig = seen_working(&["ann"]).await;
    breaks(&rig, "ann", "slack");
    let down = || {
        Err(reconnectd::ports::SendError {
            class: reconnectd::domain::FailureClass::Transient,
            detail: "451 try later".into(),
        })
    };
    rig.world.next_sends((0..9).map(|_| down()));
    for _ in 0..48 {
        rig.run().await;
        rig.later(HOUR);
    }
    let late = rig.world.take_sent().last().unwrap().1.now;
    assert!(
        late - DateTime::<Utc>::from_timestamp_millis(crate::support::rig::START_MS).unwrap()
            > chrono::TimeDelta::hours(9)
    );
    while rig.now() < late + DAY * 3 - HOUR {
        rig.later(HOUR);
        rig.run().await;
        assert_eq!(told(&rig.world), NOBODY, "{}", rig.now());
    }
    rig.later(HOUR * 2);
    rig.run().await;
    assert_eq!(told(&rig.world), ["ann: slack#1"]);
}

#[tokio::test]
async fn what_mends_itself_inside_its_dwell_was_never_mentioned() {
    let rig = seen_working(&["ann", "ben"]).await;
    for user in ["ann", "ben"] {
        breaks(&rig, user, "slack");
        rig.world.change(user, &format!("ca_{user}_slack"), |account| account.reason = ReasonHint::Transient);
    }
    assert_eq!(rig.run().await.silenced("dwelling"), 2);
    rig.later(HOUR * 20);
    rig.world.change("ann", "ca_ann_slack", |account| account.status = Status::Active);
    rig.run().await;
    assert_eq!(told(&rig.world), NOBODY);
    rig.later(HOUR * 4);
    rig.run().await;
    assert_eq!(told(&rig.world), ["ben: slack#0"], "a day after it broke");
}

#[tokio::test]
async fn what_breaks_within_the_digest_window_joins_the_next_notification() {
    let rig = seen_working(&["ann"]).await;
    for toolkit in ["gmail", "jira", "zoom"] {
        rig.world.put(works("ann", &format!("ca_ann_{toolkit}"), toolkit));
    }
    rig.run().await;
    breaks(&rig, "ann", "slack");
    breaks(&rig, "ann", "gmail");
    rig.run().await;
    assert_eq!(told(&rig.world).concat().matches('#').count(), 2, "one notification about both");
    for toolkit in ["jira", "zoom"] {
        rig.later(HOUR / 4);
        breaks(&rig, "ann", toolkit);
        assert_eq!(rig.run().await.silenced("digest_window"), if toolkit == "jira" { 1 } else { 2 });
    }
    assert_eq!(told(&rig.world), NOBODY);
    rig.later(HOUR / 2);
    rig.run().await;
    let digest = told(&rig.world);
    assert!(digest.len() == 1 && digest[0].contains("jira#0") && digest[0].contains("zoom#0"), "{digest:?}");
}

#[tokio::test]
async fn nobody_gets_more_notifications_than_a_day_and_a_week_allow() {
    let rig = seen_working(&["ann"]).await;
    let toolkits: Vec<String> = (0..40).map(|n| format!("toolkit{n:02}")).collect();
    for toolkit in &toolkits {
        rig.world.put(works("ann", &format!("ca_ann_{toolkit}"), toolkit));
    }
    rig.run().await;
    let mut at: Vec<i64> = Vec::new();
    let mut named = std::collections::BTreeSet::new();
    for hour in 0..14 * 24 {
        if hour % 5 == 0
            && let Some(toolkit) = toolkits.get(hour / 5)
        {
            breaks(&rig, "ann", toolkit);
        }
        rig.run().await;
        for line in told(&rig.world) {
            at.push(i64::try_from(hour).unwrap());
            named.extend(line.split(' ').skip(1).filter_map(|item| item.strip_suffix("#0")).map(str::to_owned));
        }
        rig.later(HOUR);
    }
    for (start, period, most) in at.iter().flat_map(|start| [(start, 24, 2), (start, 7 * 24, 5)]) {
        let within = at.iter().filter(|hour| (*start..start + period).contains(hour)).count();
        assert!(within <= most, "{within} within {period} h from hour {start}: {at:?}");
    }
    assert_eq!(named.len(), 40, "and all of it was told in the end");
}

#[tokio::test]
async fn what_is_due_in_quiet_time_is_told_after_it_on_the_users_own_clock() {
    let mut rig = seen_working(&["tokyo", "utc", "york"]).await;
    rig.world.zone("tokyo", "Asia/Tokyo");
    rig.world.zone("york", "America/New_York");
    let clock = |h, m| NaiveTime::from_hms_opt(h, m, 0).unwrap();
    rig.settings.quiet = QuietHours { hours: Some((clock(21, 0), clock(9, 0))), ..QuietHours::off() };
    // To the next midnight in London, and one minute.
    let midnight = rig.now().date_naive().succ_opt().unwrap().and_time(clock(0, 1)).and_utc();
    rig.later((midnight - rig.now()).to_std().unwrap());
    for user in ["tokyo", "utc", "york"] {
        breaks(&rig, user, "slack");
    }
    let mut heard = Vec::new();
    for _ in 0..24 {
        rig.run().await;
        heard.extend(told(&rig.world).into_iter().map(|line| format!("{} {line}", rig.now().format("%H:%M"))));
        rig.later(HOUR);
    }
    // It is nine in the morning in Tokyo, and seven or eight in the evening in New York.
    assert_eq!(heard, ["00:01 tokyo: slack#0", "00:01 york: slack#0", "09:01 utc: slack#0"]);
}

#[tokio::test]
async fn what_an_operator_silenced_is_told_when_the_silence_is_over() {
    let rig = seen_working(&["ann", "ben"]).await;
    let (until, now) = (rig.now() + DAY, rig.now());
    let scope = SilenceScope::new(None, Some(ToolkitSlug::new("slack")), None).unwrap();
    let silence = OperatorSilence::new(SilenceId::new("s1"), scope, until, ("migration", "olga"), now).unwrap();
    let mut work = rig.store.begin().await.unwrap();
    work.add_silence(&silence, now).await.unwrap();
    work.commit().await.unwrap();
    breaks(&rig, "ann", "slack");
    rig.world.put(works("ben", "ca_ben_gmail", "gmail"));
    rig.run().await;
    breaks(&rig, "ben", "gmail");
    assert_eq!(rig.run().await.silenced("silenced"), 1);
    assert_eq!(told(&rig.world), ["ben: gmail#0"], "the silence is about slack");
    assert_eq!(decision(&rig, "ann").await.as_deref(), Some("silenced"));
    rig.later(DAY);
    rig.run().await;
    assert_eq!(told(&rig.world), ["ann: slack#0"]);
}

#[tokio::test]
async fn a_notice_an_operator_called_off_is_not_followed_by_a_reminder() {
    let rig = seen_working(&["ann"]).await;
    breaks(&rig, "ann", "slack");
    let down = reconnectd::ports::SendError {
        class: reconnectd::domain::FailureClass::Transient,
        detail: "451 try later".into(),
    };
    rig.world.next_sends((0..3).map(|_| Err(down.clone())));
    rig.run().await;
    let delivery = rig.world.take_sent()[0].1.delivery.clone();
    let mut work = rig.store.begin().await.unwrap();
    assert_eq!(work.cancel_deliveries(std::slice::from_ref(&delivery), "olga", rig.now()).await.unwrap().len(), 1);
    work.commit().await.unwrap();
    for _ in 0..12 {
        rig.later(DAY);
        assert_eq!(rig.run().await.silenced("called_off"), 1);
    }
    assert_eq!(told(&rig.world), NOBODY);
    // Put back, it is told, and reminded of again.
    let mut work = rig.store.begin().await.unwrap();
    work.redeliver(&[delivery], "olga", rig.now()).await.unwrap();
    work.commit().await.unwrap();
    for _ in 0..10 {
        rig.run().await;
        rig.later(HOUR * 12);
    }
    assert_eq!(told(&rig.world), ["ann: slack#0", "ann: slack#1"]);
}

#[tokio::test]
async fn what_waits_on_a_channel_that_was_taken_out_of_the_configuration_holds_nothing_up() {
    let mut rig = seen_working(&["ann"]).await;
    rig.channels = vec!["email", "webhook:old"];
    breaks(&rig, "ann", "slack");
    rig.world.failing_on("webhook:old", Some(reconnectd::domain::FailureClass::Transient));
    rig.run().await;
    assert_eq!(told(&rig.world)[0], "ann: slack#0");
    rig.channels = vec!["email"];
    for _ in 0..20 {
        rig.later(HOUR * 6);
        rig.run().await;
    }
    assert_eq!(told(&rig.world), ["ann: slack#1"], "the reminder comes by mail");
    let mut work = rig.store.begin_read().await.unwrap();
    let states = work.channel_states().await.unwrap();
    let detail = |name: &str| states.iter().find(|state| state.channel.as_str() == name).and_then(|s| s.detail.clone());
    assert_eq!(detail("webhook:old").as_deref(), Some("not in the configuration"));
    drop(work);
    rig.channels = vec!["email", "webhook:old"];
    rig.run().await;
    let states = rig.store.begin_read().await.unwrap().channel_states().await.unwrap();
    assert!(states.iter().all(|state| state.disabled_at.is_none()), "{states:?}");
}
