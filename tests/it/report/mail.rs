//! The scheduled report by mail, over a real mail server and read back: whole, the same as the command's, once to each
//! address however often and by whomever it is made, through failures of the server and of single addresses.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mail_parser::{MessageParser, MimeHeaders as _, PartType};
use reconnectd::adapters::clock::ManualClock;
use reconnectd::adapters::email::{EmailLimits, EmailSettings, ReportMailChannel};
use reconnectd::deliver::Deliverer;
use reconnectd::domain::{ChannelName, Colour, EmailAddress, IdMint, QuietHours, RunCounters, RunId};
use reconnectd::pipeline::Pace;
use reconnectd::ports::{Channel, Clock as _};
use reconnectd::report::reconnect::{
    Breakage, Frame, MailedReports, OpenByAge, ReconnectReport, ReportDone, ReportJob, ReportSettings, StateSlot, csv,
    letter, text,
};
use reconnectd::store::{DeliveryFilter, DeliveryRow};
use reconnectd::telemetry::{Metrics, Pulse};
use resvg::tiny_skia::Pixmap;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::support::rig::Rig;
use crate::support::smtp::AiosmtpdServer;
use crate::support::smtp_faults::{Act, FaultySmtp, Moment};
use crate::support::world::{FakeDirectory, FakeProvider, World};

/// Each process that begins mints ids of its own.
static SEED: AtomicU64 = AtomicU64::new(1);

const READERS: [&str; 3] = ["pm@acme.example", "cs@acme.example", "Böss@büro.example"];

/// What sends reports, over one state database.
struct Desk {
    raw: Raw,
    clock: Arc<ManualClock>,
    rig: Rig,
    settings: ReportSettings,
}

impl Desk {
    async fn over(raw: Raw) -> Self {
        raw.hold(&random(11)).await;
        // What that history left in the outbox is about users and none of ours.
        execute(&raw.url, "UPDATE deliveries SET state = 'cancelled', settled_at = created_at WHERE state = 'pending'")
            .await;
        let settings = ReportSettings {
            period: Duration::from_hours(7 * 24),
            directory: None,
            keep: std::num::NonZeroU32::MIN,
            frame: Frame::file("Acme", Colour::ACCENT),
        };
        Self { raw, clock: Arc::new(ManualClock::new(now())), rig: Rig::new().await, settings }
    }

    async fn new() -> Self {
        let (folder, path) = sqlite_path();
        Self::over(Raw::open(format!("sqlite://{}", path.display()), Some(folder)).await).await
    }

    /// A process's channel to these addresses over the server at `address`.
    fn channel(&self, address: std::net::SocketAddr, readers: &[&str]) -> Arc<dyn Channel> {
        // Another test may have installed it first; either way it is there.
        drop(rustls::crypto::ring::default_provider().install_default());
        let settings = EmailSettings {
            url: format!("smtp://{address}?tls=none").into(),
            from: "Acme <no-reply@acme.example>".to_owned(),
            reply_to: None,
            product: "Acme".to_owned(),
            list_id: None,
            templates: None,
            notices: 5,
            limits: EmailLimits { handshake: Duration::from_secs(5), ..EmailLimits::default() },
        };
        let slot = StateSlot::default();
        slot.put(self.raw.store.clone());
        let letters = Arc::new(MailedReports::new("Acme".to_owned(), slot));
        let readers = readers.iter().map(|text| EmailAddress::parse(text).unwrap()).collect();
        Arc::new(ReportMailChannel::new(settings, readers, letters).unwrap())
    }

    /// The job, as a process does it that has just begun.
    async fn make(&self, channel: &Arc<dyn Channel>) {
        let channels = [Arc::clone(channel)];
        let (mint, run, stop) =
            (IdMint::new(SEED.fetch_add(1, Ordering::Relaxed)), RunId::new("run-report"), CancellationToken::new());
        let job = ReportJob {
            store: &self.raw.store,
            clock: self.clock.as_ref(),
            mint: &mint,
            channels: &channels,
            key: &self.rig.settings.delivery.address_key,
            settings: &self.settings,
            run: &run,
        };
        let done = job.run(now(), &stop).await.unwrap();
        assert!(matches!(done, ReportDone::Made { .. }), "{done:?}");
    }

    /// Sends what is due, as a process does it that has just begun.
    async fn deliver(&self, channel: &Arc<dyn Channel>) -> RunCounters {
        let world = Arc::new(World::default());
        let deliverer = Deliverer {
            store: self.raw.store.clone(),
            directory: Arc::new(FakeDirectory(Arc::clone(&world), 10)),
            provider: Arc::new(FakeProvider(world)),
            channels: vec![Arc::clone(channel)],
            clock: self.clock.clone(),
            mint: Arc::new(IdMint::new(SEED.fetch_add(1, Ordering::Relaxed))),
            reconnect_url: self.rig.settings.reconnect_url.clone(),
            retry: self.rig.settings.retry,
            quiet: QuietHours::off(),
            settings: self.rig.settings.delivery.clone(),
            pace: Arc::new(Mutex::new(Pace::new(self.rig.settings.delivery.pace))),
            run: RunId::new("run-deliver"),
            stop: CancellationToken::new(),
            metrics: Arc::new(Metrics::new()),
            pulse: Arc::new(Pulse::default()),
            refused: Mutex::new(HashMap::new()),
        };
        let mut counters = RunCounters::default();
        // The operator's alone, as where the provider refuses our key: the report needs no provider.
        Arc::new(deliverer).deliver_events(&mut counters).await.unwrap();
        counters
    }

    /// The report's deliveries, oldest first.
    async fn outbox(&self) -> Vec<DeliveryRow> {
        let filter = DeliveryFilter {
            states: vec!["pending", "delivered", "dead", "cancelled"],
            channel: Some(ChannelName::new("report-mail")),
            limit: 100,
            ..DeliveryFilter::default()
        };
        let mut rows = self.raw.store.begin_read().await.unwrap().deliveries(&filter).await.unwrap();
        rows.reverse();
        rows
    }

    async fn states(&self) -> Vec<String> {
        let mut states: Vec<String> = self.outbox().await.into_iter().map(|row| row.state).collect();
        states.sort();
        states
    }

    /// The report as the command makes it at the moment the job did.
    async fn report(&self) -> ReconnectReport {
        let period = Period { from: now() - TimeDelta::days(7), to: now() };
        reconnect_report(&self.raw.store, period, self.clock.now()).await.unwrap()
    }
}

/// Everything the state database holds in words of ours.
async fn stored_words(raw: &Raw) -> String {
    let filter = DeliveryFilter {
        states: vec!["pending", "delivered", "dead", "cancelled"],
        channel: Some(ChannelName::new("report-mail")),
        limit: 100,
        ..DeliveryFilter::default()
    };
    let mut work = raw.store.begin_read().await.unwrap();
    let mut words = String::new();
    for row in work.deliveries(&filter).await.unwrap() {
        write!(words, "{:?}", work.story_of_delivery(&row.id).await.unwrap()).unwrap();
    }
    words + &format!("{:?}", work.channel_states().await.unwrap())
}

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

fn envelope(mail: &str) -> String {
    header(mail, "X-RcptTo")
}

fn header(mail: &str, name: &str) -> String {
    let line = mail.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
    line.unwrap().trim().to_owned()
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

#[tokio::test]
async fn what_is_too_large_is_left_out_and_said_and_nothing_in_a_letter_is_taken_for_markup() {
    let mut report = Desk::new().await.report().await;
    let plain = letter(&report, "Acme").unwrap();
    assert_eq!(plain, letter(&report, "Acme").unwrap(), "the same letter, byte for byte");
    assert_eq!(plain.files.len(), 2);
    let hostile = "<script>alert(1)</script>";
    report.breakages = (0..12_000)
        .map(|number| Breakage {
            toolkit: format!("{hostile}{number}"),
            reason: "revoked".to_owned(),
            newly_broken: 1_000_000,
            recovered: 1,
            gone: 0,
            open: OpenByAge::default(),
        })
        .collect();
    let large = letter(&report, hostile).unwrap();
    assert!(large.files.is_empty(), "{:?}", large.files.iter().map(|file| file.2.len()).collect::<Vec<_>>());
    for form in ["JSON", "CSV"] {
        let sentence = format!("The {form} is not attached, because it is too large for a mail");
        assert!(large.text.contains(&sentence) && large.html.contains(&sentence), "{form}");
    }
    assert!(!large.html.contains(hostile) && !large.subject.contains('\n'));
    assert!(large.html.len() < 100_000 && large.text.len() < 100_000, "{} {}", large.html.len(), large.text.len());
    report.coverage.last_audit_at = None;
    report.coverage.freshness_seconds = None;
    let blind = letter(&report, "Acme").unwrap();
    assert!(blind.text.starts_with("No audit went to its end") && blind.html.contains("Read with care."));
}

#[test]
fn every_report_makes_a_letter() {
    for (sample, report) in crate::report_page::samples::all() {
        let letter = letter(&report, "Acme").unwrap();
        assert_eq!(letter.html.matches("src=\"cid:").count(), letter.pictures.len(), "{sample}");
        for (id, png) in &letter.pictures {
            assert!(letter.html.contains(&format!("src=\"cid:{id}\"")), "{sample}: {id}");
            assert!(Pixmap::decode_png(png).is_ok() && png.len() < 300_000, "{sample}: {id}, {} bytes", png.len());
        }
        let tags: Vec<&str> = letter.html.split('<').skip(1).filter(|tag| tag.starts_with(['s', 'i'])).collect();
        let ours = ["style", "strong", "img "];
        assert!(tags.iter().all(|tag| ours.iter().any(|known| tag.starts_with(known))), "{sample}: {tags:?}");
        assert!(letter.html.len() < 100_000, "{sample}: Gmail cuts off what is longer: {}", letter.html.len());
        assert!(letter.subject.chars().count() < 200 && !letter.subject.contains(['\r', '\n']), "{}", letter.subject);
    }
}

/// A mail program's view, in a real browser: `target/test-output/letter-*.png`.
#[tokio::test]
async fn a_letter_can_be_read_in_light_and_dark_wide_and_narrow() {
    use base64::Engine as _;
    let (_, report) = crate::report_page::samples::all().into_iter().next().unwrap();
    let letter = letter(&report, "Acme").unwrap();
    let mut html = letter.html;
    for (id, png) in &letter.pictures {
        let data = base64::engine::general_purpose::STANDARD.encode(png);
        html = html.replace(&format!("cid:{id}"), &format!("data:image/png;base64,{data}"));
    }
    let output = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-output");
    std::fs::create_dir_all(&output).unwrap();
    let page = output.join("letter.html");
    std::fs::write(&page, html).unwrap();
    let browser = crate::browser::driver::Browser::start().await;
    browser.goto(&format!("file://{}", page.display())).await;
    for (size, width, phone) in [("wide", 760, false), ("narrow", 360, true)] {
        for (theme, dark) in [("light", false), ("dark", true)] {
            browser.size(width, 900, phone).await;
            browser.dark(dark).await;
            let wide = browser.run("return document.documentElement.scrollWidth").await.as_u64().unwrap();
            assert!(wide <= u64::from(width), "{size} {theme}: {wide} pixels wide");
            let shown =
                browser.run("return [...document.images].every(i => i.naturalWidth > 600 && i.width > 250)").await;
            assert_eq!(shown, true, "{size} {theme}");
            let ground = browser.run("return getComputedStyle(document.querySelector('.card')).backgroundColor").await;
            assert_eq!(ground == "rgb(255, 255, 255)", !dark, "{size} {theme}: {ground}");
            let height = browser.run("return document.documentElement.scrollHeight").await.as_u64().unwrap();
            browser.size(width, u32::try_from(height).unwrap(), phone).await;
            browser.screenshot(&output.join(format!("letter-{size}-{theme}.png"))).await;
        }
    }
}
