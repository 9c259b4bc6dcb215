//! The scheduled report of the real program, killed with SIGKILL while its files are written, before and after word of it
//! is committed, between a mail's final dot and the reply, and between the reply and the commit; then left to finish.
//!
//! The job is done by the daemon, which finds an occurrence that a dead process left; the mails leave with `once`. What a
//! killed process held is made to lapse by SQL, as in `kill_ledger.rs`.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use reconnectd::adapters::clock::SystemClock;
use reconnectd::domain::millis;
use reconnectd::fault::{REPORT_POINTS, STOPPED};
use reconnectd::ports::Clock as _;
use reconnectd::simulator::SimulatorOptions;

use super::process::{Running, until};
use super::setup::Setup;
use crate::directory::product::Dialect;
use crate::support::smtp_faults::FaultySmtp;

const READERS: [&str; 3] = ["pm@acme.example", "cs@acme.example", "ops@acme.example"];

/// In the order they are written.
const FILES: [&str; 4] = ["txt", "csv", "html", "json"];

/// An installation with a report to make, and where its mail goes.
struct Office {
    setup: Setup,
    mail: FaultySmtp,
    kills: usize,
}

impl Office {
    /// Somebody's account broke; a process died when it had taken on the report.
    async fn new(state: Dialect) -> Self {
        let mut setup = Setup::over(state, Dialect::Sqlite, SimulatorOptions::new(Arc::new(SystemClock))).await;
        let mail = FaultySmtp::start(&[]).await;
        setup.remove("webhook");
        setup.mail_to(&format!("smtp://{}?tls=none", mail.address()));
        setup.text("policy.first_run", "baseline");
        setup.broken_user("u1").await;
        setup.once(0).await;
        setup.set("report.mail_to", &format!("{READERS:?}"));
        setup.text("report.directory", "reports");
        for job in ["audit", "deliver", "retention"] {
            setup.text(&format!("schedule.{job}"), "off");
        }
        setup.text("schedule.report", "0 0 1 1 *");
        let at = millis(SystemClock.now());
        let left = "INSERT INTO occurrences (job, scheduled_at, state, holder, attempts, claimed_at) VALUES";
        setup.on_state(&format!("{left} ('report', {at}, 'running', 'a process that died', 1, {at})")).await;
        Self { setup, mail, kills: 0 }
    }

    /// The report's files that are there, by their endings.
    fn files(&self) -> BTreeMap<String, PathBuf> {
        let Ok(found) = std::fs::read_dir(self.setup.folder.path().join("reports")) else { return BTreeMap::new() };
        let paths = found.map(|entry| entry.unwrap().path());
        paths.map(|path| (ending(&path), path)).collect()
    }

    /// What the operator is to be told, each with the ids of its deliveries.
    async fn planned(&self) -> Vec<Vec<String>> {
        let planned = "SELECT n.notification_id, d.outside_id FROM notifications n JOIN deliveries d \
            ON d.notification_id = n.notification_id WHERE n.kind = 'report_ready' ORDER BY 1, 2";
        self.setup.rows(planned).await
    }

    async fn kill(&mut self, running: Running) {
        running.kill();
        self.kills += 1;
        self.setup.on_state("UPDATE leases SET expires_at = 0").await;
        let lapse = "UPDATE deliveries SET lease_expires_at = 0 WHERE lease_expires_at IS NOT NULL";
        self.setup.on_state(lapse).await;
    }

    /// The daemon, killed at this passage of a point of the report's job.
    async fn make_and_be_killed(&mut self, point: &str, passage: usize) {
        let daemon = self.setup.spawn_to_be_stopped(&["run"], Some(&format!("{point}:{passage}")));
        until(point, || daemon.stderr().contains(STOPPED)).await;
        self.kill(daemon).await;
    }

    /// The daemon, left alone until the report is made.
    async fn make(&self) {
        let daemon = self.setup.spawn(&["run"]);
        until("the report is made", || daemon.stderr().contains("\"event\":\"report.ready\"")).await;
        daemon.terminate();
        daemon.finish().await.expect(0);
        assert_eq!(self.setup.rows("SELECT state FROM occurrences WHERE job = 'report'").await, [["done"]]);
    }

    /// `once`, killed at this point, or where a mail was taken to its final dot and not answered.
    async fn send_and_be_killed(&mut self, point: Option<&str>) {
        let fault = point.map(|point| format!("{point}:1"));
        self.mail.stall_next(usize::from(point.is_none()));
        let unanswered = |mail: &FaultySmtp| mail.ledger().iter().filter(|(_, answered)| !answered).count();
        let before = unanswered(&self.mail);
        let running = self.setup.spawn_faulty(fault.as_deref());
        until("a mail is on its way", || running.stderr().contains(STOPPED) || unanswered(&self.mail) > before).await;
        self.kill(running).await;
        self.mail.stall_next(0);
    }
}

/// Files appear whole or not at all, and word of the report is planned once.
async fn the_job_is_killed(office: &mut Office) {
    let whole = |office: &Office| -> BTreeSet<String> {
        for (ending, path) in office.files().iter().filter(|(ending, _)| !ending.contains(".part")) {
            let text = std::fs::read_to_string(path).unwrap();
            let last = match ending.as_str() {
                "json" => serde_json::from_str::<serde_json::Value>(&text).is_ok(),
                "html" => text.trim_end().ends_with("</html>"),
                "csv" => text.contains("\nrepeat_breakers,,,users,") && text.ends_with('\n'),
                _ => text.contains("\nBroken again within 30 days") && text.ends_with('\n'),
            };
            assert!(last, "half a file: {ending}: {text}");
        }
        office.files().into_keys().collect()
    };
    for passage in 1..=FILES.len() {
        office.make_and_be_killed("report.before_rename", passage).await;
        let mut expected: BTreeSet<String> = FILES[..passage - 1].iter().map(|kind| (*kind).to_owned()).collect();
        expected.insert(format!("{}.part", FILES[passage - 1]));
        assert_eq!(whole(office), expected, "{passage} files were begun");
        assert!(office.planned().await.is_empty());
    }
    let all: BTreeSet<String> = FILES.map(str::to_owned).into();
    office.make_and_be_killed("report.before_commit", 1).await;
    assert_eq!((whole(office), office.planned().await), (all.clone(), vec![]), "nobody is told");
    office.make_and_be_killed("report.after_commit", 1).await;
    let planned = office.planned().await;
    assert_eq!(planned.len(), READERS.len(), "everybody is told");
    office.make().await;
    assert_eq!((whole(office), office.planned().await), (all, planned), "nothing is told twice");
}

/// Each reader's mail arrives, and every copy of it is the same mail.
async fn the_mails_are_killed(office: &mut Office) {
    for point in [Some("claim.after_commit"), None, Some("settle.before_commit"), Some("settle.after_commit")] {
        office.send_and_be_killed(point).await;
    }
    office.setup.once(0).await;
    let mut copies: BTreeMap<String, Vec<(String, bool)>> = BTreeMap::new();
    for (mail, answered) in office.mail.ledger() {
        let id = mail.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap().to_owned();
        copies.entry(id).or_default().push((mail, answered));
    }
    let ids: BTreeSet<String> = office.planned().await.into_iter().map(|mut row| row.remove(1)).collect();
    assert_eq!(copies.keys().cloned().collect::<BTreeSet<_>>(), ids, "one mail for each, under the ids of the outbox");
    let mut readers: BTreeSet<&str> = BTreeSet::new();
    for (id, copies) in &copies {
        assert!(copies.iter().any(|(_, answered)| *answered), "{id} was never taken");
        assert!(copies.iter().all(|(mail, _)| *mail == copies[0].0), "{id}: another mail under the same id");
        readers.extend(READERS.iter().copied().filter(|reader| copies[0].0.contains(&format!("To: {reader}"))));
    }
    assert_eq!(readers.len(), READERS.len(), "each reader has one");
    let repeated: usize = copies.values().map(|copies| copies.len() - 1).sum();
    // One was not answered, one was answered and not written down: each is sent again.
    assert!((2..=office.kills * READERS.len()).contains(&repeated), "{repeated} repeats");
    assert_eq!(office.setup.rows("SELECT DISTINCT state FROM deliveries").await, [["delivered"]]);
    let sent = office.mail.ledger().len();
    office.setup.once(0).await;
    assert_eq!(office.mail.ledger().len(), sent, "nothing is left over");
}

fn ending(path: &std::path::Path) -> String {
    path.file_name().unwrap().to_str().unwrap().split_once('.').unwrap().1.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_is_whole_and_reaches_everybody_once_or_again_as_the_same_mail() {
    assert_eq!(REPORT_POINTS, ["report.before_rename", "report.before_commit", "report.after_commit"]);
    for state in [Dialect::Sqlite, Dialect::Postgres] {
        let mut office = Office::new(state).await;
        the_job_is_killed(&mut office).await;
        the_mails_are_killed(&mut office).await;
        assert_eq!(office.kills, FILES.len() + 2 + 4);
    }
}
