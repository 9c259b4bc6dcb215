//! Mails share connections, and no mail ever hears another's reply: against a server that fails at every step.

#![expect(clippy::expect_used, clippy::panic, reason = "a fixture that fails ends its test")]

use std::time::Duration;

use futures_util::future::join_all;
use reconnectd::adapters::email::{EmailChannel, EmailLimits};
use reconnectd::domain::{FailureClass, Notice};
use reconnectd::ports::{Channel as _, Receipt, SendError};
use tokio::time::{Instant, timeout};

use crate::channels_email::{PATIENT, channel, item, notice};
use crate::support::smtp::AiosmtpdServer;
use crate::support::smtp_faults::{ALWAYS, Act, Fault, FaultySmtp, Moment};

/// For tests in which some sends run into their limits and all others must not, on two loaded cores.
const BOUNDED: EmailLimits =
    EmailLimits { handshake: Duration::from_secs(6), total: Duration::from_secs(9), ..PATIENT };

/// The n-th mail of a test.
fn mail(number: usize) -> Notice {
    Notice { outside_id: message_id(number), ..notice(vec![item("slack", None)]) }
}

fn message_id(number: usize) -> String {
    format!("<mail-{number}@acme.example>")
}

fn to(server: &FaultySmtp, limits: EmailLimits) -> EmailChannel {
    channel(&format!("smtp://{}?tls=none", server.address()), limits)
}

/// Sends the n-th mail, within its limits and a little more for two loaded cores.
async fn send(channel: &EmailChannel, number: usize) -> Result<Receipt, SendError> {
    let (notice, start) = (mail(number), Instant::now());
    let sent = timeout(Duration::from_secs(30), channel.send(&notice)).await.expect("bounded");
    assert!(start.elapsed() < BOUNDED.total + Duration::from_secs(10), "mail {number} took {:?}", start.elapsed());
    sent
}

/// The n-th mail is sent, and what is heard of it is the server's reply to this very mail.
async fn hears_its_own_reply(server: &FaultySmtp, channel: &EmailChannel, number: usize, story: &str) {
    let receipt = send(channel, number).await.unwrap_or_else(|error| panic!("{story}: {error}"));
    let contents = server.contents();
    let last = contents.last().expect(story);
    assert!(last.contains(&format!("Message-ID: {}\r\n", message_id(number))), "{story}: {last}");
    assert_eq!(receipt.detail, format!("250 2.0.0 queued as {} for <address>", contents.len() + 41), "{story}");
}

/// Every fault there is at a moment, and its class before the content.
fn faults_at(moment: Moment) -> Vec<(Act, FailureClass)> {
    use FailureClass::Transient;
    // The usual reply, and one or more too many; then one that answers something else.
    let (extra, of_another_kind): (&[&'static str], &'static str) = match moment {
        Moment::Greeting => (&["220 faulty.test\r\n220 faulty.test\r\n"], "garbage\r\n"),
        Moment::Ehlo => (
            &[
                "250 faulty.test\r\n250 2.0.0 stale\r\n",
                "250 faulty.test\r\n554 5.0.0 stale\r\n",
                "250 faulty.test\r\n250 a\r\n250 b\r\n354 c\r\n250 2.0.0 queued as stale\r\n",
            ],
            "garbage\r\n",
        ),
        Moment::Auth => (&["235 ok\r\n550 5.1.1 stale\r\n", "235 ok\r\n250 stale\r\n"], "250 what?\r\n"),
        Moment::Mail | Moment::Rcpt => (
            &[
                "250 ok\r\n250 2.0.0 queued as stale\r\n",
                "250 ok\r\n550 5.1.1 no such user, stale\r\n",
                "250 ok\r\n250 ok\r\n354 stale\r\n250 2.0.0 queued as stale\r\n",
            ],
            "354 what?\r\n",
        ),
        Moment::Data => (
            &["354 go on\r\n250 2.0.0 queued as stale\r\n", "354 go on\r\n554 5.7.1 stale\r\n"],
            "250 2.0.0 queued as stale\r\n",
        ),
        _ => (&[], "354 what?\r\n"),
    };
    let says = ["421 4.3.2 shutting down\r\n", of_another_kind].into_iter().chain(extra.iter().copied());
    let acts = says.map(Act::Say).chain([
        Act::Stall,
        Act::Drop,
        Act::Drip,
        Act::SayAndDrop("421 4.4.2 bye\r\n"),
        Act::SayAndDrop("2"),
    ]);
    acts.map(|act| (act, Transient)).collect()
}

/// What becomes of a mail whose final dot meets this.
fn at_the_final_reply(act: &Act) -> FailureClass {
    match act {
        Act::Say(reply) | Act::SayAndDrop(reply) if reply.starts_with("421") => FailureClass::Transient,
        _ => FailureClass::OutcomeUnknown,
    }
}

const STEPS: [Moment; 7] =
    [Moment::Greeting, Moment::Ehlo, Moment::Auth, Moment::Mail, Moment::Rcpt, Moment::Data, Moment::Content];

#[tokio::test]
async fn whatever_happens_to_a_mail_the_next_one_hears_its_own_reply() {
    let cases = STEPS
        .into_iter()
        .flat_map(|moment| faults_at(moment).into_iter().map(move |(act, class)| (moment, act, class)));
    let stories = cases.map(|(moment, act, before_content)| async move {
        let story = format!("{moment:?} {act:?}");
        let class = if moment == Moment::Content { at_the_final_reply(&act) } else { before_content };
        let server = FaultySmtp::with(&[(moment, 1, act)]).await;
        let login = if moment == Moment::Auth { "mailer:hunter2@" } else { "" };
        let channel = channel(&format!("smtp://{login}{}?tls=none", server.address()), BOUNDED);
        let error = send(&channel, 1).await.expect_err(&story);
        assert_eq!(error.class, class, "{story}: {error}");
        assert_eq!(server.contents().len(), usize::from(moment == Moment::Content), "{story}");
        for number in 2..=3 {
            hears_its_own_reply(&server, &channel, number, &story).await;
        }
        assert_eq!(server.mails_per_connection().last(), Some(&2), "{story}");
    });
    join_all(stories).await;
}

#[tokio::test]
async fn a_kept_connection_that_fails_before_the_content_costs_the_mail_nothing() {
    let refusals =
        ["550 5.1.1 no such user\r\n", "550 5.7.1 sender refused\r\n", "451 4.7.1 enough over this connection\r\n"];
    let cases = [Moment::Ehlo, Moment::Mail, Moment::Rcpt, Moment::Data].into_iter().flat_map(|moment| {
        let faults = faults_at(moment).into_iter().map(|(act, _)| act).chain(refusals.map(Act::Say));
        faults.map(move |act| (moment, act))
    });
    let stories = cases.map(|(moment, act)| async move {
        let story = format!("{moment:?} {act:?}");
        let server = FaultySmtp::with(&[(moment, 2, act)]).await;
        let channel = to(&server, BOUNDED);
        for number in 1..=3 {
            hears_its_own_reply(&server, &channel, number, &story).await;
        }
        assert_eq!(server.mails_per_connection(), [1, 2], "{story}");
    });
    join_all(stories).await;
}

#[tokio::test]
async fn after_the_content_nothing_is_tried_again_on_a_kept_connection_either() {
    let stories = faults_at(Moment::Content).into_iter().map(|(act, _)| async move {
        let (story, class) = (format!("{act:?}"), at_the_final_reply(&act));
        let server = FaultySmtp::with(&[(Moment::Content, 2, act)]).await;
        let channel = to(&server, BOUNDED);
        hears_its_own_reply(&server, &channel, 1, &story).await;
        let error = send(&channel, 2).await.expect_err(&story);
        assert_eq!(error.class, class, "{story}: {error}");
        hears_its_own_reply(&server, &channel, 3, &story).await;
        assert_eq!(server.mails_per_connection(), [2, 1], "{story}");
    });
    join_all(stories).await;
}

#[tokio::test]
async fn what_a_new_connection_says_of_a_recipient_counts() {
    // The kept connection's word is checked on a new one, which says the same; the other recipients are not concerned.
    let refusal = Act::Say("550 5.1.1 no such user\r\n");
    let server = FaultySmtp::with(&[(Moment::Rcpt, 2, refusal.clone()), (Moment::Rcpt, 3, refusal)]).await;
    let channel = to(&server, PATIENT);
    hears_its_own_reply(&server, &channel, 1, "before").await;
    assert_eq!(send(&channel, 2).await.unwrap_err().class, FailureClass::RecipientRefused);
    hears_its_own_reply(&server, &channel, 3, "after").await;
    assert_eq!(server.mails_per_connection(), [1, 0, 1]);
}

#[tokio::test]
async fn a_reply_too_many_after_a_mail_is_not_the_next_ones() {
    for reply in [
        "250 2.0.0 queued as 42 for bob@example.com\r\n554 5.7.1 stale\r\n",
        "250 2.0.0 queued as 42 for bob@example.com\r\n250 stale\r\n",
        "250 2.0.0 queued as 42 for bob@example.com\r\n250 a\r\n250 b\r\n250 c\r\n354 d\r\n250 2.0.0 stale\r\n",
        "250 2.0.0 queued as 42 for bob@example.com\r\n421 4.4.2 timeout, closing\r\n",
        "250 2.0.0 queued as 42 for bob@example.com\r\nnonsense\r\n",
    ] {
        for act in [Act::Say(reply), Act::SayAndDrop(reply)] {
            let story = format!("{act:?}");
            let server = FaultySmtp::with(&[(Moment::Content, 1, act)]).await;
            let channel = to(&server, BOUNDED);
            for number in 1..=3 {
                hears_its_own_reply(&server, &channel, number, &story).await;
            }
            assert_eq!(server.mails_per_connection(), [1, 2], "{story}");
        }
    }
}

/// Gives a send up while the server owes its reply at `fault`, lets the server reply, and sends the next mails.
async fn given_up(before: usize, fault: Fault) {
    let story = format!("{fault:?} after {before} mails");
    let server = FaultySmtp::with(std::slice::from_ref(&fault)).await;
    let login = if fault.0 == Moment::Auth { "mailer:hunter2@" } else { "" };
    let channel = channel(&format!("smtp://{login}{}?tls=none", server.address()), PATIENT);
    for number in 1..=before {
        hears_its_own_reply(&server, &channel, number, &story).await;
    }
    tokio::select! {
        sent = send(&channel, before + 1) => unreachable!("{story}: {sent:?}"),
        () = server.waits() => {}
    }
    let given_up = server.sessions().pop();
    assert_eq!(server.sessions().len(), 1, "{story}");
    server.speak_up();
    for number in before + 2..=before + 3 {
        hears_its_own_reply(&server, &channel, number, &story).await;
    }
    let sessions = server.sessions();
    assert_eq!(sessions.first(), given_up.as_ref(), "{story}: nothing more was said over the connection given up");
    assert_eq!((sessions.len(), sessions[1].mails), (2, 2), "{story}");
}

#[tokio::test]
async fn a_send_given_up_at_any_step_takes_its_connection_along() {
    let late = |moment| match moment {
        Moment::Greeting => "220 faulty.test\r\n",
        Moment::Ehlo => "250 faulty.test\r\n",
        Moment::Auth => "235 ok\r\n",
        Moment::Data => "354 go on\r\n",
        Moment::Content => "554 5.7.1 rejected\r\n",
        _ => "250 ok\r\n",
    };
    let new = STEPS.map(|moment| given_up(0, (moment, 1, Act::Later(late(moment)))));
    let kept = [Moment::Ehlo, Moment::Mail, Moment::Rcpt, Moment::Data, Moment::Content];
    let kept = kept.map(|moment| given_up(1, (moment, 2, Act::Later(late(moment)))));
    tokio::join!(join_all(new), join_all(kept));
}

#[tokio::test]
async fn a_connection_carries_twenty_mails_and_says_goodbye() {
    let server = FaultySmtp::with(&[]).await;
    let channel = to(&server, PATIENT);
    for number in 1..=45 {
        hears_its_own_reply(&server, &channel, number, "one after the other").await;
    }
    assert_eq!(server.mails_per_connection(), [20, 20, 5]);
    channel.close().await;
    for session in server.sessions() {
        assert_eq!(session.commands.last().map(String::as_str), Some("QUIT"));
    }
    hears_its_own_reply(&server, &channel, 46, "a closed channel can be used again").await;
    assert_eq!(server.mails_per_connection(), [20, 20, 5, 1]);
}

#[tokio::test]
async fn a_connection_that_waited_too_long_is_not_used_again() {
    let server = FaultySmtp::with(&[]).await;
    let channel = to(&server, EmailLimits { idle: Duration::ZERO, ..PATIENT });
    for number in 1..=3 {
        hears_its_own_reply(&server, &channel, number, "always too old").await;
    }
    channel.close().await;
    assert_eq!(server.mails_per_connection(), [1, 1, 1]);
    assert!(server.sessions().iter().all(|session| session.commands.last().unwrap() == "QUIT"));
}

#[tokio::test]
async fn mails_at_one_moment_have_a_connection_each_and_few_are_kept() {
    let server = FaultySmtp::with(&[]).await;
    let channel = to(&server, PATIENT);
    let sent = join_all((1..=8).map(|number| send(&channel, number))).await;
    let mut replies: Vec<String> = sent.into_iter().map(|receipt| receipt.unwrap().detail).collect();
    replies.sort();
    replies.dedup();
    assert_eq!(replies.len(), 8, "each heard of itself: {replies:?}");
    assert_eq!(server.mails_per_connection(), [1; 8]);
    join_all((11..=14).map(|number| send(&channel, number))).await;
    assert_eq!(server.mails_per_connection().iter().sum::<usize>(), 12);
    assert_eq!(server.sessions().len(), 8, "four were kept");
    channel.close().await;
    assert!(server.sessions().iter().all(|session| session.commands.last().unwrap() == "QUIT"));
}

#[tokio::test]
async fn a_server_that_never_says_goodbye_holds_nobody_up() {
    for act in [Act::Stall, Act::Drip, Act::Drop] {
        let server = FaultySmtp::with(&[(Moment::Quit, ALWAYS, act.clone())]).await;
        let channel = to(&server, EmailLimits { mails_per_connection: 1, ..BOUNDED });
        let start = Instant::now();
        for number in 1..=5 {
            hears_its_own_reply(&server, &channel, number, "a stalled goodbye").await;
        }
        timeout(Duration::from_secs(20), channel.close()).await.unwrap_or_else(|_| panic!("{act:?}"));
        timeout(Duration::from_secs(20), channel.check()).await.unwrap().unwrap();
        assert!(start.elapsed() < Duration::from_secs(20), "{act:?}");
    }
}

#[tokio::test]
async fn starttls_that_fails_is_told_from_one_that_is_refused() {
    use FailureClass::{ChannelBroken, Transient};
    let offer = (Moment::Ehlo, ALWAYS, Act::Say("250-faulty.test\r\n250-STARTTLS\r\n250 8BITMIME\r\n"));
    let cases = [
        (Act::Stall, Transient),
        (Act::Drop, Transient),
        (Act::Drip, Transient),
        (Act::Say("421 4.3.2 shutting down\r\n"), Transient),
        (Act::Say("454 4.7.0 TLS not available\r\n"), Transient),
        (Act::Say("502 5.5.1 not implemented\r\n"), ChannelBroken),
        (Act::SayAndDrop("220 go on\r\n"), Transient),
    ];
    let stories = cases.map(|(act, class)| {
        let offer = offer.clone();
        async move {
            let server = FaultySmtp::with(&[offer, (Moment::StartTls, ALWAYS, act.clone())]).await;
            let channel = channel(&format!("smtp://{}", server.address()), BOUNDED);
            let error = send(&channel, 1).await.expect_err("no encryption");
            assert_eq!(error.class, class, "{act:?}: {error}");
            assert!(!server.commands().iter().any(|line| line.starts_with("MAIL")), "{act:?}");
        }
    });
    join_all(stories).await;
}

#[tokio::test]
async fn a_real_server_takes_several_mails_over_one_connection() {
    let server = AiosmtpdServer::start().await;
    let channel = channel(&format!("smtp://{}?tls=none", server.address()), PATIENT);
    for number in 1..=25 {
        send(&channel, number).await.unwrap();
    }
    assert_eq!((server.messages().len(), server.connections()), (25, 2));
    channel.close().await;
}
