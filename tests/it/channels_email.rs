//! Mail as it leaves: against a real server, against one that fails at every step, and into a folder.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a fixture that fails ends its test")]

use std::time::Duration;

use reconnectd::adapters::email::{EmailChannel, EmailLimits, EmailSettings};
use reconnectd::domain::{
    AccountId, Contact, DeliveryId, EmailAddress, FailureClass, IncidentId, Notice, NoticeItem, NoticeKind,
    NotificationId, ToolkitSlug, UserId, from_millis,
};
use reconnectd::ports::{Channel as _, SendError};

use crate::support::smtp::AiosmtpdServer;
use crate::support::smtp_faults::{Act, FaultySmtp, Moment};

/// Long enough for two loaded cores, for tests in which no limit should matter.
pub const PATIENT: EmailLimits = EmailLimits {
    handshake: Duration::from_secs(30),
    total: Duration::from_mins(1),
    idle: Duration::from_mins(5),
    mails_per_connection: 20,
};

/// For tests in which the server says nothing.
const IMPATIENT: EmailLimits =
    EmailLimits { handshake: Duration::from_millis(1500), total: Duration::from_millis(2500), ..PATIENT };

pub fn channel(url: &str, limits: EmailLimits) -> EmailChannel {
    EmailChannel::new(EmailSettings {
        url: url.into(),
        from: "Acme <no-reply@acme.example>".to_owned(),
        reply_to: Some("support@acme.example".to_owned()),
        product: "Acme".to_owned(),
        list_id: None,
        templates: None,
        notices: 3,
        limits,
    })
    .unwrap()
}

pub fn item(toolkit: &str, label: Option<&str>) -> NoticeItem {
    NoticeItem {
        incident: IncidentId::new("inc-1"),
        number: 0,
        toolkit: ToolkitSlug::new(toolkit),
        account: AccountId::new("ca_1"),
        label: label.map(str::to_owned),
        second_account: false,
        broke_at: from_millis(1_763_700_000_000),
        reconnect_url: format!("https://app.acme.example/settings?toolkit={toolkit}"),
        recovery: None,
    }
}

pub fn notice(items: Vec<NoticeItem>) -> Notice {
    Notice {
        delivery: DeliveryId::new("del-1"),
        notification: NotificationId::new("not-1"),
        outside_id: "<01995f3e-1111-7222-8333-444455556666@acme.example>".to_owned(),
        kind: NoticeKind::Reconnect,
        unsubscribe: None,
        user: UserId::new("user-1"),
        contact: Contact {
            email: EmailAddress::parse("mary@example.com").ok(),
            name: Some("Mary Żółć".to_owned()),
            ..Contact::default()
        },
        items,
        created_at: from_millis(1_763_723_456_789),
        now: from_millis(1_763_723_999_000),
    }
}

async fn failure(faults: &[(Moment, Act)], limits: EmailLimits) -> (SendError, FaultySmtp) {
    let server = FaultySmtp::start(faults).await;
    let channel = channel(&format!("smtp://{}?tls=none", server.address()), limits);
    let error = channel.send(&notice(vec![item("slack", None)])).await.expect_err(&format!("{faults:?}"));
    (error, server)
}

#[tokio::test]
async fn a_real_server_takes_the_mail_and_sees_one_recipient() {
    let server = AiosmtpdServer::start().await;
    let channel = channel(&format!("smtp://{}?tls=none", server.address()), PATIENT);
    channel.check().await.unwrap();
    assert!(server.messages().is_empty(), "a check sends nothing");
    let receipt = channel.send(&notice(vec![item("slack", Some("work"))])).await.unwrap();
    assert_eq!(receipt.detail, "250 2.0.0 Ok: queued");
    channel.send(&notice(vec![item("slack", Some("work"))])).await.unwrap();
    let mails = server.messages();
    assert_eq!(mails.len(), 2);
    assert_eq!(server.connections(), 1, "the check's aside");
    assert!(
        mails[0].starts_with("X-MailFrom: no-reply@acme.example\r\nX-RcptTo: mary@example.com\r\n"),
        "{}",
        mails[0]
    );
    assert!(mails[0].contains("\r\nMessage-ID: <01995f3e-1111-7222-8333-444455556666@acme.example>\r\n"));
    assert_eq!(mails[0], mails[1], "a repeat is the same mail under the same id");
}

#[tokio::test]
async fn an_address_that_is_not_ascii_needs_a_server_that_takes_it() {
    let contact = Contact { email: EmailAddress::parse("żółć@example.com").ok(), ..Contact::default() };
    let notice = Notice { contact, ..notice(vec![item("slack", None)]) };
    let server = AiosmtpdServer::start().await;
    channel(&format!("smtp://{}?tls=none", server.address()), PATIENT).send(&notice).await.unwrap();
    assert!(server.messages()[0].contains("X-RcptTo: żółć@example.com\r\n"), "{}", server.messages()[0]);

    let plain = FaultySmtp::start(&[]).await;
    let error = channel(&format!("smtp://{}?tls=none", plain.address()), PATIENT).send(&notice).await.unwrap_err();
    assert_eq!(error.class, FailureClass::Refused, "{error}");
    assert!(!plain.commands().iter().any(|line| line.starts_with("MAIL")));
}

#[tokio::test]
async fn every_refusal_has_its_class() {
    use FailureClass::{ChannelBroken, ContentRefused, OutcomeUnknown, RecipientRefused, Refused, Transient};
    for (moment, reply, class) in [
        (Moment::Greeting, "421 4.3.2 shutting down\r\n", Transient),
        (Moment::Greeting, "554 5.3.2 no service\r\n", ChannelBroken),
        (Moment::Ehlo, "421 busy\r\n", Transient),
        (Moment::Ehlo, "550 go away\r\n", ChannelBroken),
        (Moment::Mail, "451 4.7.1 later\r\n", Transient),
        (Moment::Mail, "550 5.7.1 sender refused\r\n", ChannelBroken),
        (Moment::Rcpt, "450 4.2.0 <mary@example.com>: greylisted\r\n", Transient),
        (Moment::Rcpt, "550-5.1.1 <mary@example.com>: no such\r\n550 5.1.1 user here\r\n", RecipientRefused),
        (Moment::Rcpt, "552 5.2.2 full\r\n", Transient),
        (Moment::Rcpt, "554 5.7.1 <mary@example.com>: Relay access denied\r\n", ChannelBroken),
        (Moment::Rcpt, "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked\r\n", ChannelBroken),
        (Moment::Rcpt, "550 5.7.1 <mary@example.com>: not allowed to write to this group\r\n", Refused),
        (Moment::Data, "421 4.3.0 later\r\n", Transient),
        (Moment::Data, "554 5.5.1 no\r\n", ChannelBroken),
        (Moment::Content, "452 4.3.1 disk full\r\n", Transient),
        (Moment::Content, "554 5.7.1 spam\r\n", ContentRefused),
        (Moment::Content, "354 what?\r\n", OutcomeUnknown),
        (Moment::Content, "garbage\r\n", OutcomeUnknown),
    ] {
        let (error, server) = failure(&[(moment, Act::Say(reply))], PATIENT).await;
        assert_eq!(error.class, class, "{moment:?} {reply:?}: {error}");
        assert!(!error.detail.contains("mary@"), "{error}");
        let sent = usize::from(moment == Moment::Content);
        assert_eq!(server.contents().len(), sent, "{moment:?} {reply:?}");
    }
}

#[tokio::test]
async fn silence_and_hanging_up_are_harmless_before_the_content_and_unknown_after_it() {
    let moments = [Moment::Greeting, Moment::Ehlo, Moment::Mail, Moment::Rcpt, Moment::Data, Moment::Content];
    let cases = moments.into_iter().flat_map(|moment| [(moment, Act::Stall, IMPATIENT), (moment, Act::Drop, PATIENT)]);
    let attempts = cases.map(|(moment, act, limits)| async move {
        let fault = [(moment, act)];
        let attempt = tokio::time::timeout(Duration::from_secs(30), failure(&fault, limits));
        let (error, server) = attempt.await.expect("bounded");
        let sent = moment == Moment::Content;
        let class = if sent { FailureClass::OutcomeUnknown } else { FailureClass::Transient };
        assert_eq!(error.class, class, "{fault:?}: {error}");
        assert_eq!(server.contents().len(), usize::from(sent), "{fault:?}");
        if moment == Moment::Greeting {
            let place = format!("connecting to {}: ", server.address());
            assert!(error.detail.starts_with(&place), "{fault:?}: {error}");
        }
    });
    futures_util::future::join_all(attempts).await;
}

#[tokio::test]
async fn a_server_out_of_step_is_not_believed() {
    // Each says one reply too many, so that every later reply answers the command before.
    for (moment, extra) in [
        (Moment::Greeting, "220 faulty.test\r\n220 faulty.test\r\n"),
        (Moment::Ehlo, "250 faulty.test\r\n250 2.0.0 stale\r\n"),
        (Moment::Mail, "250 2.1.0 ok\r\n250 2.0.0 queued as stale\r\n"),
        (Moment::Rcpt, "250 2.1.5 ok\r\n250 2.0.0 queued as stale\r\n"),
    ] {
        let (error, server) = failure(&[(moment, Act::Say(extra)), (Moment::Content, Act::Drop)], PATIENT).await;
        assert_eq!(error.class, FailureClass::Transient, "{moment:?}: {error}");
        assert!(error.detail.contains("out of step"), "{error}");
        assert!(server.contents().is_empty());
    }
}

#[tokio::test]
async fn after_a_stalled_mail_the_next_one_hears_its_own_reply() {
    let server = FaultySmtp::start(&[(Moment::Content, Act::Stall)]).await;
    let channel_to = |address| channel(&format!("smtp://{address}?tls=none"), IMPATIENT);
    let same = channel_to(server.address());
    for _ in 0..2 {
        let error = same.send(&notice(vec![item("slack", None)])).await.unwrap_err();
        assert_eq!(error.class, FailureClass::OutcomeUnknown, "{error}");
    }
    let greetings = server.commands().iter().filter(|line| line.starts_with("EHLO")).count();
    assert_eq!(greetings, 2, "one connection per mail: {:?}", server.commands());
}

#[tokio::test]
async fn a_goodbye_that_does_not_come_changes_nothing() {
    for act in [Act::Stall, Act::Drop, Act::Say("500 no\r\n")] {
        let server = FaultySmtp::start(&[(Moment::Quit, act)]).await;
        let channel = channel(&format!("smtp://{}?tls=none", server.address()), IMPATIENT);
        let receipt = channel.send(&notice(vec![item("slack", None)])).await.unwrap();
        assert_eq!(receipt.detail, "250 2.0.0 queued as 42 for <address>");
    }
}

#[tokio::test]
async fn logins_are_made_refused_and_never_repeated() {
    let server = FaultySmtp::start(&[]).await;
    let good = channel(&format!("smtp://mailer:hunter2@{}?tls=none", server.address()), PATIENT);
    good.check().await.unwrap();
    // base64 of "\0mailer\0hunter2"
    assert!(server.commands().contains(&"AUTH PLAIN AG1haWxlcgBodW50ZXIy".to_owned()), "{:?}", server.commands());

    let refusing = FaultySmtp::start(&[(Moment::Auth, Act::Say("535 5.7.8 bad hunter2\r\n"))]).await;
    let bad = channel(&format!("smtp://mailer:hunter2@{}?tls=none", refusing.address()), PATIENT);
    for error in [bad.check().await.unwrap_err(), bad.send(&notice(vec![item("slack", None)])).await.unwrap_err()] {
        assert_eq!(error.class, FailureClass::ChannelBroken);
        assert!(error.detail.starts_with("AUTH: 535") && !error.detail.contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn without_starttls_a_mail_that_needs_encryption_stays() {
    let server = FaultySmtp::start(&[]).await;
    let required = channel(&format!("smtp://mailer:hunter2@{}", server.address()), PATIENT);
    let error = required.send(&notice(vec![item("slack", None)])).await.unwrap_err();
    assert_eq!(error.class, FailureClass::ChannelBroken);
    assert!(error.detail.contains("STARTTLS"), "{error}");
    assert!(!server.commands().iter().any(|line| line.starts_with("AUTH") || line.starts_with("MAIL")));
    let opportunistic = channel(&format!("smtp://{}?tls=opportunistic", server.address()), PATIENT);
    opportunistic.send(&notice(vec![item("slack", None)])).await.unwrap();
}

#[tokio::test]
async fn nobody_listening_is_transient() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let channel = channel(&format!("smtp://mailer:hunter2@{closed}?tls=none"), PATIENT);
    for error in
        [channel.check().await.unwrap_err(), channel.send(&notice(vec![item("slack", None)])).await.unwrap_err()]
    {
        assert_eq!(error.class, FailureClass::Transient);
        assert_eq!(error.detail, format!("connecting to {closed}: connection refused"), "the login is not shown");
    }
}

#[tokio::test]
async fn a_folder_takes_one_file_per_mail_and_its_bytes_are_pinned() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool");
    let channel = channel(&format!("file://{}", spool.display()), PATIENT);
    channel.check().await.unwrap();
    let second = NoticeItem { second_account: true, ..item("gmail", Some("team")) };
    let single = notice(vec![item("slack", Some("work"))]);
    let several = Notice {
        outside_id: channel.outside_id("uuid-2"),
        contact: Contact { email: EmailAddress::parse("bob@example.com").ok(), ..Contact::default() },
        ..notice(vec![item("googlecalendar", None), second])
    };
    for notice in [&single, &single, &several] {
        channel.send(notice).await.unwrap();
    }
    let mut names: Vec<String> =
        std::fs::read_dir(&spool).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["01995f3e-1111-7222-8333-444455556666@acme.example.eml", "uuid-2@acme.example.eml"]);
    for (name, file) in ["one_account", "several_accounts"].into_iter().zip(&names) {
        let raw = std::fs::read_to_string(spool.join(file)).unwrap();
        assert!(!raw.replace("\r\n", "").contains(['\r', '\n']), "every line ends in CR LF");
        insta::assert_snapshot!(name, raw.replace("\r\n", "\n"));
    }
}
