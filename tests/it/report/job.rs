//! The scheduled report: its files, word of it once per occurrence, and how it went on record.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use reconnectd::domain::{EventKind, JobName, OperatorEvent, ReportReader};
use reconnectd::ports::Channel;
use reconnectd::report::reconnect::ReportDone;

use super::desk::Desk;
use super::*;

#[tokio::test]
async fn a_scheduled_report_is_written_and_told_once() {
    for raw in Raw::both().await {
        let mut desk = Desk::over(raw).await;
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("reports");
        desk.settings.directory = Some(directory.clone());
        desk.settings.keep = NonZeroU32::new(2).unwrap();
        desk.rig.carries.insert("webhook:product", vec![EventKind::ReportReady]);
        desk.rig.carries.insert("email", vec![EventKind::ReconnectRequested]);
        let channels: Vec<Arc<dyn Channel>> = desk.rig.fake_channels();
        // Twice for the same instant: a process that died before it could settle the occurrence.
        for _ in 0..2 {
            let done = desk.make_at(&channels, now()).await.unwrap();
            let ReportDone::Made { file, .. } = done else { panic!("{done:?}") };
            assert_eq!(file.unwrap(), directory.join("report-2026-11-02.json"));
        }
        let counts = desk.raw.store.begin_read().await.unwrap().count_deliveries("pending").await.unwrap();
        assert_eq!(counts, 1, "one delivery, on the one channel that carries it");
        for days in [7, 14] {
            desk.clock.advance(Duration::from_hours(7 * 24));
            desk.make_at(&channels, now() + TimeDelta::days(days)).await.unwrap();
        }
        let mut names: Vec<String> =
            std::fs::read_dir(&directory).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        let kept = |day: &str| ["csv", "html", "json", "txt"].map(|kind| format!("report-2026-11-{day}.{kind}"));
        assert_eq!(names, [kept("09"), kept("16")].concat(), "the oldest day went");
        let rows = desk.raw.store.begin_read().await.unwrap().jobs().await.unwrap();
        let row = rows.iter().find(|row| row.job == JobName::Report).unwrap();
        assert_eq!((row.failures, row.error.clone()), (0, None));
    }
}

#[tokio::test]
async fn a_report_that_cannot_be_written_is_on_record_and_told_to_nobody() {
    let mut desk = Desk::new().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    desk.settings.directory = Some(file.path().join("no-directory"));
    let channels: Vec<Arc<dyn Channel>> = desk.rig.fake_channels();
    let error = desk.make_at(&channels, now()).await.unwrap_err();
    assert!(reconnectd::domain::causes(&error).contains("check [report] directory"), "{error:?}");
    let mut work = desk.raw.store.begin_read().await.unwrap();
    assert_eq!(work.count_deliveries("pending").await.unwrap(), 0);
    let row = work.jobs().await.unwrap().remove(0);
    assert_eq!((row.failures, row.error.unwrap().contains("[report] directory")), (1, true));
    drop(work);

    // Without a directory there is nothing to write.
    desk.settings.directory = None;
    let done = desk.make_at(&channels, now()).await.unwrap();
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
