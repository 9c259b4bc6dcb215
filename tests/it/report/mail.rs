//! The scheduled report by mail, over a real mail server and read back: whole, the same as the command's, once to each
//! address however often and by whomever it is made, through failures of the server and of single addresses.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use mail_parser::{MessageParser, MimeHeaders as _, PartType};
use reconnectd::report::reconnect::{ReconnectReport, csv, text};
use resvg::tiny_skia::Pixmap;

use super::desk::{Desk, READERS, envelope, header, stored_words};
use super::*;
use crate::support::smtp::AiosmtpdServer;
use crate::support::smtp_faults::{Act, FaultySmtp, Moment};

#[tokio::test]
async fn a_mailed_report_is_whole_and_the_same_as_the_commands() {
    for raw in Raw::both().await {
        let desk = Desk::over(raw).await;
        let server = AiosmtpdServer::start().await;
        let channel = desk.channel(server.address(), &READERS);
        desk.make(&channel).await;
        let report = desk.report().await;
        desk.clock.advance(Duration::from_hours(50)); // Sent late, and still about the same time.
        desk.deliver(&channel).await;
        assert_eq!(desk.states().await, ["delivered"; 3]);
        let mails = server.messages();
        let mut recipients = Vec::new();
        for raw_mail in &mails {
            assert!(raw_mail.len() < 2_000_000, "{} bytes", raw_mail.len());
            recipients.push(envelope(raw_mail));
            let (_, mail) = raw_mail.split_once("X-RcptTo: ").unwrap();
            assert_whole(mail.split_once('\n').unwrap().1, &report);
        }
        recipients.sort();
        assert_eq!(
            recipients,
            ["Böss@xn--bro-hoa.example", "cs@acme.example", "pm@acme.example"],
            "one mail, one reader"
        );
        let mut ids: Vec<String> = desk.outbox().await.into_iter().map(|row| row.outside_id).collect();
        let mut sent: Vec<String> = mails.iter().map(|mail| header(mail, "Message-ID")).collect();
        ids.sort();
        sent.sort();
        assert_eq!(sent, ids, "the outbox's ids");
        let words = stored_words(&desk.raw).await;
        for secret in ["pm@acme", "cs@acme", "büro", "bro-hoa"] {
            assert!(!words.contains(secret), "{secret} in {words}");
        }
    }
}

fn assert_whole(raw_mail: &str, report: &ReconnectReport) {
    let mail = MessageParser::default().parse(raw_mail.as_bytes()).unwrap();
    let head = raw_mail.split("\r\n\r\n").next().unwrap();
    assert!(head.contains("Auto-Submitted: auto-generated") && !head.contains("List-Unsubscribe"), "{head}");
    assert_eq!(mail.to().unwrap().iter().count(), 1, "nobody sees the others");
    let h = &report.headline;
    let subject = mail.subject().unwrap();
    assert!(subject.starts_with("Acme: reconnect report 2026-10-26 to 2026-11-02, "), "{subject}");
    assert!(subject.contains(&format!("{} newly broken", h.newly_broken)), "{subject}");

    let shape: Vec<&str> = mail.parts.iter().map(|part| part.content_type().unwrap().ctype()).collect();
    assert_eq!(shape[..2], ["multipart", "multipart"], "mixed, alternative");
    let text_part = mail.body_text(0).unwrap();
    assert!(
        text_part.replace("\r\n", "\n").contains(text(report).trim_end()),
        "the text part is the report for a terminal"
    );
    for figure in
        [h.active_at_start, h.newly_broken, h.recovered, h.gone, h.open, h.notified, h.delivered, h.active_again]
    {
        assert!(text_part.contains(&format!(" {figure} ")), "{figure} in {text_part}");
    }

    let html = mail.body_html(0).unwrap();
    let pictures: Vec<_> = mail.parts.iter().filter(|part| part.is_content_type("image", "png")).collect();
    assert!(pictures.len() >= 4, "{}", pictures.len());
    assert_eq!(html.matches("src=\"cid:").count(), pictures.len(), "every picture is shown, and none is missing");
    for picture in pictures {
        let id = picture.content_id().unwrap();
        assert!(html.contains(&format!("src=\"cid:{id}\"")), "{id}");
        let (PartType::InlineBinary(png) | PartType::Binary(png)) = &picture.body else {
            unreachable!("{id}: no picture")
        };
        let pixels = Pixmap::decode_png(png).unwrap();
        let inked = pixels.pixels().iter().filter(|pixel| (pixel.red(), pixel.blue()) != (255, 255)).count();
        assert!(pixels.width() >= 600 && inked > 2_000, "{id}: {} x {}, {inked}", pixels.width(), pixels.height());
    }
    for alt in html.split("alt=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(alt.len() > 20 && alt.contains(|c: char| c.is_ascii_digit()), "says no figure: {alt:?}");
    }
    assert!(!html.contains("<svg") && !html.contains("<script") && !html.contains("http"), "nothing that is not shown");
    assert!(html.len() < 100_000, "Gmail cuts off what is longer: {}", html.len());

    let files: HashMap<String, Vec<u8>> = mail
        .attachments()
        .filter_map(|part| Some((part.attachment_name()?.to_owned(), part.contents().to_vec())))
        .filter(|(name, _)| Path::new(name).extension() != Some(OsStr::new("png")))
        .collect();
    assert_eq!(files.len(), 2, "{:?}", files.keys());
    assert_eq!(files["reconnect-report-2026-11-02.json"], report.json().unwrap().into_bytes());
    assert_eq!(files["reconnect-report-2026-11-02.csv"], csv(report).unwrap().into_bytes());
}

#[tokio::test]
async fn a_report_is_mailed_once_over_restarts_and_replicas() {
    let desk = Desk::new().await;
    let server = AiosmtpdServer::start().await;
    let (one, other) = (desk.channel(server.address(), &READERS), desk.channel(server.address(), &READERS));
    desk.make(&one).await;
    desk.make(&other).await;
    tokio::join!(desk.deliver(&one), desk.deliver(&other));
    desk.make(&one).await;
    desk.deliver(&one).await;
    assert_eq!((server.messages().len(), desk.states().await), (3, vec!["delivered".to_owned(); 3]));
    // Whoever joins the list gets the one that is made next, unless this one is made again.
    let more =
        desk.channel(server.address(), &["pm@acme.example", "cs@acme.example", "Böss@büro.example", "d@e.example"]);
    desk.make(&more).await;
    desk.deliver(&more).await;
    assert_eq!(server.messages().len(), 4);
}

#[tokio::test]
async fn a_server_that_is_away_is_waited_for() {
    let desk = Desk::new().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let away = desk.channel(nobody, &READERS);
    desk.make(&away).await;
    desk.deliver(&away).await;
    desk.clock.advance(Duration::from_hours(8));
    desk.deliver(&away).await;
    assert_eq!(desk.states().await, ["pending"; 3], "the mail server is nobody's verdict");
    let words = stored_words(&desk.raw).await;
    assert!(words.contains("connecting") && !words.contains("pm@acme"), "{words}");
    desk.clock.advance(Duration::from_hours(16));
    let server = AiosmtpdServer::start().await;
    desk.deliver(&desk.channel(server.address(), &READERS)).await;
    assert_eq!((server.messages().len(), desk.states().await), (3, vec!["delivered".to_owned(); 3]));
}

#[tokio::test]
async fn an_address_that_is_refused_costs_nobody_else_the_report() {
    let desk = Desk::new().await;
    let server = FaultySmtp::with(&[(Moment::Rcpt, 1, Act::Say("550 5.1.1 pm@acme.example: no such user\r\n"))]).await;
    let channel = desk.channel(server.address(), &READERS[..2]);
    desk.make(&channel).await;
    desk.deliver(&channel).await;
    assert_eq!(desk.states().await, ["dead", "delivered"]);
    desk.clock.advance(Duration::from_hours(24));
    desk.deliver(&channel).await;
    let refused = server.commands().iter().filter(|line| line.starts_with("RCPT")).count();
    assert_eq!((refused, server.contents().len()), (2, 1), "it is said once and not tried again");
    let words = stored_words(&desk.raw).await;
    assert!(words.contains("550 5.1.1") && !words.contains("pm@acme"), "{words}");
    let states = desk.raw.store.begin_read().await.unwrap().channel_states().await.unwrap();
    assert!(states.iter().all(|state| state.stopped_at.is_none() && state.disabled_at.is_none()), "{states:?}");
}

#[tokio::test]
async fn what_waits_for_an_address_goes_to_that_address_or_to_nobody() {
    let desk = Desk::new().await;
    let server = AiosmtpdServer::start().await;
    desk.make(&desk.channel(server.address(), &["gone@acme.example", "pm@acme.example"])).await;
    // The list was changed meanwhile: one left, one joined in front.
    desk.deliver(&desk.channel(server.address(), &["new@acme.example", "PM@acme.example"])).await;
    assert_eq!(desk.states().await, ["cancelled", "delivered"]);
    let mails = server.messages();
    assert_eq!(mails.len(), 1);
    assert_eq!(envelope(&mails[0]), "PM@acme.example");
    assert!(stored_words(&desk.raw).await.contains("no longer in the configuration"));
}
