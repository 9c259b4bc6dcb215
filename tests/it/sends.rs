//! What becomes of a delivery whose send fails: repeated under the same id, given up with a reason, or held
//! back because the channel refuses us; and the others go on.

use std::time::Duration;

use reconnectd::domain::{FailureClass, Status};
use reconnectd::ports::SendError;

use crate::walks::{DAY, break_slack, seen_working};

fn failing(class: FailureClass) -> Result<reconnectd::ports::Receipt, SendError> {
    Err(SendError { class, detail: "scripted".into() })
}

#[tokio::test]
async fn a_failed_send_is_repeated_under_the_same_outside_id() {
    let mut rig = seen_working(&["u1"]).await;
    rig.channels = vec!["email"];
    break_slack(&rig, "u1");
    rig.world.next_sends([failing(FailureClass::Transient), failing(FailureClass::OutcomeUnknown)]);
    let summary = rig.run().await;
    let sent = rig.world.take_sent();
    assert_eq!(sent.len(), 3, "two hiccups within half a minute cost nothing");
    assert!(sent.iter().all(|(_, notice)| notice.outside_id == sent[0].1.outside_id));
    assert_eq!((summary.counters.deliveries_sent, summary.counters.deliveries_failed), (1, 0));
    let outcomes: Vec<_> =
        rig.story("u1").await.deliveries[0].attempts.iter().map(|a| a.outcome.clone().unwrap()).collect();
    assert_eq!(outcomes, ["transient", "outcome_unknown", "sent"]);
}

#[tokio::test]
async fn a_longer_outage_waits_for_a_later_run_and_ends_in_the_end() {
    let mut rig = seen_working(&["u1"]).await;
    rig.channels = vec!["email"];
    break_slack(&rig, "u1");
    rig.world.next_sends((0..18).map(|_| failing(FailureClass::Transient)));
    let summary = rig.run().await;
    assert_eq!((summary.counters.deliveries_failed, summary.deliveries_pending), (1, 1));
    for _ in 0..100 {
        rig.later(Duration::from_hours(1));
        rig.run().await;
    }
    let story = rig.story("u1").await;
    let attempts = story.deliveries[0].attempts.len();
    assert_eq!(story.deliveries[0].state, "dead");
    assert!((15..=18).contains(&attempts), "in the three days there are, of 18 at most: {attempts}");
    assert_eq!(rig.world.take_sent().len(), attempts, "given up after the last attempt, with the reason on record");
}

#[tokio::test]
async fn a_refused_recipient_is_dead_at_once_and_a_refused_sender_stops_its_channel_only() {
    let rig = seen_working(&["a", "b", "c", "d", "e", "f"]).await;
    for user in ["a", "b", "c", "d", "e", "f"] {
        break_slack(&rig, user);
    }
    let mut rig = rig;
    rig.channels = vec!["email"];
    rig.world.next_sends([failing(FailureClass::Refused)]);
    let summary = rig.run().await;
    assert_eq!((summary.counters.deliveries_sent, summary.counters.deliveries_failed), (5, 1));
    assert_eq!(rig.world.take_sent().len(), 6);

    // Everybody breaks anew; now the mail server refuses us.
    for user in ["a", "b", "c", "d", "e", "f"] {
        rig.world.change(user, &format!("ca_{user}"), |account| account.status = Status::Active);
    }
    rig.run().await;
    rig.later(DAY);
    for user in ["a", "b", "c", "d", "e", "f"] {
        break_slack(&rig, user);
    }
    rig.world.next_sends((0..8).map(|_| failing(FailureClass::ChannelBroken)));
    let summary = rig.run().await;
    assert_eq!(summary.channels_stopped, ["email"]);
    let tried = rig.world.take_sent().len();
    assert!(tried <= 4, "the list is not burnt: {tried} tries");
    assert_eq!(summary.deliveries_pending, 6, "nothing is lost");
    rig.world.next_sends(std::iter::empty());
    rig.later(DAY);
    rig.run().await;
    rig.later(DAY);
    rig.run().await;
    let told: std::collections::BTreeSet<String> = rig.world.take_told().into_iter().collect();
    assert_eq!(told.len(), 6, "everybody is told once it is mended");
}

#[tokio::test]
async fn one_mail_whose_content_is_refused_stops_nobody_elses() {
    let mut rig = seen_working(&["a", "b", "c", "d", "e", "f"]).await;
    rig.channels = vec!["email"];
    for (refused, sent, stopped) in [(1, 6, false), (9, 0, true)] {
        for user in ["a", "b", "c", "d", "e", "f"] {
            break_slack(&rig, user);
        }
        rig.world.next_sends((0..refused).map(|_| failing(FailureClass::ContentRefused)));
        let summary = rig.run().await;
        assert_eq!((summary.counters.deliveries_sent, !summary.channels_stopped.is_empty()), (sent, stopped));
        rig.later(DAY);
        for user in ["a", "b", "c", "d", "e", "f"] {
            rig.world.change(user, &format!("ca_{user}"), |account| account.status = Status::Active);
        }
        rig.run().await;
        rig.later(DAY);
    }
}
