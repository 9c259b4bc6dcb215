//! What goes wrong between us and those who must be told.

use serde_json::json;

use super::{Evidence, after_command, after_once, quiet_night, says, textfile};
use crate::binary::setup::Setup;
use crate::support::smtp_faults::{ALWAYS, Act, FaultySmtp, Moment};

/// So many users who must be told, by a mail server that answers every recipient like this.
async fn refused_at_rcpt(users: usize, reply: &'static str) -> (Setup, FaultySmtp) {
    let mail = FaultySmtp::with(&[(Moment::Rcpt, ALWAYS, Act::Say(reply))]).await;
    let mut setup = quiet_night().await;
    setup.remove("webhook");
    setup.mail_to(&format!("smtp://{}?tls=none", mail.address()));
    for number in 0..users {
        setup.broken_user(&format!("u{number}")).await;
    }
    (setup, mail)
}

#[tokio::test]
async fn a_channel_that_refuses_us_is_named_with_its_words() {
    let setup = quiet_night().await;
    setup.broken_user("u1").await;
    setup.sink.reply_with(vec![302; 5]);
    let evidence = after_once(&setup, 1).await;
    evidence.fires("ReconnectdChannelStopped", 10);
    let line = evidence.line("channel.stopped", &[("channel", json!("webhook:product")), ("level", json!("error"))]);
    says(line, "Mend its configuration");
    says(line, "302");
}

#[tokio::test]
async fn attempts_that_fail_say_whose_they_were_and_when_they_are_tried_again() {
    let setup = quiet_night().await;
    setup.broken_user("u1").await;
    setup.sink.reply_with(vec![503; 5]);
    let evidence = after_once(&setup, 0).await;
    evidence.fires("ReconnectdDeliveriesFailing", 20);
    let fields = [("channel", json!("webhook:product")), ("user", json!("u1")), ("class", json!("transient"))];
    let line = evidence.line("delivery.retry", &fields);
    says(line, "503");
    assert!(line["next_attempt_at"].is_string(), "{line}");
}

#[tokio::test]
async fn a_delivery_that_was_given_up_says_for_whom_and_how_to_see_it() {
    let (setup, _mail) = refused_at_rcpt(1, "550 5.1.3 this address is written strangely\r\n").await;
    let evidence = after_once(&setup, 0).await;
    evidence.fires("ReconnectdDeliveriesDead", 5);
    let line = evidence
        .line("delivery.dead", &[("user", json!("u0")), ("channel", json!("email")), ("class", json!("refused"))]);
    says(line, "`reconnectd outbox show` has the attempts");
    says(line, "written strangely");
}

#[tokio::test]
async fn refused_addresses_are_counted_and_each_is_named() {
    let (setup, _mail) = refused_at_rcpt(6, "550 5.1.1 no such user\r\n").await;
    let evidence = after_once(&setup, 0).await;
    evidence.fires("ReconnectdAddressesRefused", 5);
    for number in 0..6 {
        let line =
            evidence.line("address.refused", &[("user", json!(format!("u{number}"))), ("channel", json!("email"))]);
        says(line, "it is not written to any more");
    }
    // Those are no deliveries that died of something else.
    let firing = super::prometheus::firing(&evidence.before, &evidence.after, 5, "");
    assert!(!firing.contains("ReconnectdDeliveriesDead"), "{firing:?}");
}

/// A receiver that has hung for hours: twenty attempts come to nothing, and the rest stays due.
#[tokio::test]
async fn an_outbox_that_does_not_move_says_which_channel_is_left_alone() {
    let setup = quiet_night().await;
    for number in 0..50 {
        setup.broken_user(&format!("u{number}")).await;
    }
    let before = textfile(&setup);
    setup.sink.reply_with(vec![503; 120]);
    let first = after_once(&setup, 0).await;
    setup.on_state("UPDATE deliveries SET next_attempt_at = next_attempt_at - 10800000 WHERE attempts = 0").await;
    setup.on_state("UPDATE deliveries SET next_attempt_at = next_attempt_at - 600000 WHERE attempts > 0").await;
    let second = after_command(&setup, before.clone(), &["deliver"], 0).await;
    let evidence = Evidence { before, after: second.after, log: [first.log, second.log].concat() };
    evidence.fires("ReconnectdOutboxStuck", 20);
    let line = evidence.line("channel.left_alone", &[("channel", json!("webhook:product"))]);
    says(line, "What is due stays in the outbox");
}
