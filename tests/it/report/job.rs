//! The scheduled report: its files, word of it once per occurrence, and how it went on record.

use std::sync::Arc;
use std::time::Duration;

use reconnectd::adapters::clock::ManualClock;
use reconnectd::domain::{Colour, EventKind, IdMint, JobName, OperatorEvent, ReportReader, RunId};
use reconnectd::ports::Channel;
use reconnectd::report::reconnect::{Frame, ReportDone, ReportJob, ReportSettings};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::support::rig::Rig;

#[tokio::test]
async fn a_scheduled_report_is_written_and_told_once() {
    for raw in Raw::both().await {
        raw.hold(&random(11)).await;
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("reports");
        let settings = ReportSettings {
            period: Duration::from_hours(7 * 24),
            directory: Some(directory.clone()),
            keep: std::num::NonZeroU32::new(2).unwrap(),
            frame: Frame::file("Acme", Colour::ACCENT),
        };
        let mut rig = Rig::new().await;
        rig.carries.insert("webhook:product", vec![EventKind::ReportReady]);
        rig.carries.insert("email", vec![EventKind::ReconnectRequested]);
        let channels: Vec<Arc<dyn Channel>> = rig.fake_channels();
        let (clock, mint, run) = (ManualClock::new(now()), IdMint::new(1), RunId::new("run-report"));
        let (store, stop) = (&raw.store, CancellationToken::new());
        let job = ReportJob {
            store,
            clock: &clock,
            mint: &mint,
            channels: &channels,
            key: &rig.settings.delivery.address_key,
            settings: &settings,
            run: &run,
        };
        // Twice for the same instant: a process that died before it could settle the occurrence.
        for _ in 0..2 {
            let done = job.run(now(), &stop).await.unwrap();
            let ReportDone::Made { file, .. } = done else { panic!("{done:?}") };
            assert_eq!(file.unwrap(), directory.join("report-2026-11-02.json"));
        }
        let counts = raw.store.begin_read().await.unwrap().count_deliveries("pending").await.unwrap();
        let waiting = history_pending(&random(11));
        assert_eq!(counts, waiting + 1, "one delivery, on the one channel that carries it");
        for days in [7, 14] {
            clock.advance(Duration::from_hours(7 * 24));
            job.run(now() + TimeDelta::days(days), &stop).await.unwrap();
        }
        let mut names: Vec<String> =
            std::fs::read_dir(&directory).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        let kept = |day: &str| ["csv", "html", "json", "txt"].map(|kind| format!("report-2026-11-{day}.{kind}"));
        assert_eq!(names, [kept("09"), kept("16")].concat(), "the oldest day went");
        let rows = raw.store.begin_read().await.unwrap().jobs().await.unwrap();
        let row = rows.iter().find(|row| row.job == JobName::Report).unwrap();
        assert_eq!((row.failures, row.error.clone()), (0, None));
    }
}

fn history_pending(history: &History) -> u64 {
    history.deliveries.iter().filter(|delivery| delivery.state == "pending").count() as u64
}

#[tokio::test]
async fn a_report_that_cannot_be_written_is_on_record_and_told_to_nobody() {
    let (folder, path) = sqlite_path();
    let raw = Raw::open(format!("sqlite://{}", path.display()), Some(folder)).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let settings = ReportSettings {
        period: Duration::from_hours(24),
        directory: Some(file.path().join("no-directory")),
        keep: std::num::NonZeroU32::MIN,
        frame: Frame::file("Acme", Colour::ACCENT),
    };
    let rig = Rig::new().await;
    let channels: Vec<Arc<dyn Channel>> = rig.fake_channels();
    let (clock, mint, run) = (ManualClock::new(now()), IdMint::new(1), RunId::new("run-report"));
    let (store, stop) = (&raw.store, CancellationToken::new());
    let job = ReportJob {
        store,
        clock: &clock,
        mint: &mint,
        channels: &channels,
        key: &rig.settings.delivery.address_key,
        settings: &settings,
        run: &run,
    };
    let error = job.run(now(), &stop).await.unwrap_err();
    assert!(reconnectd::domain::causes(&error).contains("check [report] directory"), "{error:?}");
    let mut work = raw.store.begin_read().await.unwrap();
    assert_eq!(work.count_deliveries("pending").await.unwrap(), 0);
    let row = work.jobs().await.unwrap().remove(0);
    assert_eq!((row.failures, row.error.unwrap().contains("[report] directory")), (1, true));
    drop(work);

    // Without a directory there is nothing to write, and a stop is obeyed before anything is.
    let settings = ReportSettings { directory: None, ..settings.clone() };
    let job = ReportJob { settings: &settings, ..job };
    let done = job.run(now(), &stop).await.unwrap();
    assert!(matches!(done, ReportDone::Made { file: None, .. }), "{done:?}");
}

#[test]
fn word_of_a_report_survives_being_stored() {
    let headline = reconnectd::domain::ReportHeadline { newly_broken: 3, ..Default::default() };
    let event = OperatorEvent::ReportReady {
        from: now() - TimeDelta::days(7),
        to: now(),
        headline,
        previous: Some(headline),
        toolkits: Vec::new(),
        coverage: None,
        reader: Some(ReportReader { number: 1, address: "00ff".into() }),
    };
    let stored = serde_json::to_string(&event).unwrap();
    assert!(stored.starts_with(r#"{"kind":"report_ready","from":"2026-10-26T00:00:00Z""#), "{stored}");
    assert_eq!(serde_json::from_str::<OperatorEvent>(&stored).unwrap(), event);
}
