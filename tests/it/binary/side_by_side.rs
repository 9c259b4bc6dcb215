//! Two delivering processes and a run beside them on one PostgreSQL, while the network to the mail server is cut and
//! restored: the ledgers of the kill test, and no delivery in two hands.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::sync::Arc;

use reconnectd::adapters::clock::SystemClock;
use reconnectd::simulator::SimulatorOptions;

use super::kill_ledger::ledger::{self, Due, Tally};
use super::process::{Running, until};
use super::setup::Setup;
use crate::directory::product::Dialect;
use crate::support::proxy::Proxy;
use crate::support::smtp_faults::FaultySmtp;

const USERS: usize = 60;
/// The network is cut when so many mails have arrived.
const CUTS_AFTER: [usize; 2] = [10, 30];

/// A process that is started again whenever it has ended, as a timer or a supervisor does.
struct Daemon {
    running: Running,
    starts: usize,
}

impl Daemon {
    fn start(setup: &Setup) -> Self {
        Self { running: setup.spawn(&["deliver", "--summary", "json"]), starts: 1 }
    }
}

fn keep_running(daemons: &mut [Daemon], setup: &Setup) {
    for daemon in daemons {
        if daemon.running.ended() {
            *daemon = Daemon { starts: daemon.starts + 1, ..Daemon::start(setup) };
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_daemons_and_a_run_tell_everybody_once_through_a_network_that_comes_and_goes() {
    let mut setup = Setup::over(Dialect::Postgres, Dialect::Sqlite, SimulatorOptions::new(Arc::new(SystemClock))).await;
    let mail = FaultySmtp::start(&[]).await;
    let network = Proxy::to(mail.address()).await;
    setup.mail_to(&format!("smtp://{}?tls=none", network.address()));
    for rate in ["max_per_minute", "max_per_domain_per_minute", "ramp_up_from"] {
        setup.set(&format!("email.{rate}"), "100000");
    }
    setup.set("storm.share", "1.0");
    let mut due = Vec::new();
    for number in 0..USERS {
        let user = format!("u{number:02}");
        setup.broken_user(&user).await;
        due.extend(["email", "webhook:product"].map(|on| Due::new(on, &user, "reconnect.requested", "slack 0")));
    }

    let mut run = setup.spawn(&["once", "--summary", "json"]);
    until("people are told", || !mail.ledger().is_empty()).await;
    let mut daemons = [Daemon::start(&setup), Daemon::start(&setup)];
    for (cut, mails) in CUTS_AFTER.into_iter().enumerate() {
        until("mails have arrived", || {
            keep_running(&mut daemons, &setup);
            mail.ledger().len() >= mails
        })
        .await;
        // One mail is taken, and the cut comes before the reply.
        mail.stall_next(1);
        let unanswered = || mail.ledger().iter().filter(|(_, answered)| !answered).count();
        until("a mail is unanswered", || {
            keep_running(&mut daemons, &setup);
            unanswered() == cut + 1
        })
        .await;
        let refused = network.refused();
        network.cut();
        until("the cut was noticed", || {
            keep_running(&mut daemons, &setup);
            network.refused() > refused
        })
        .await;
        network.restore();
    }
    until("everything has arrived", || {
        keep_running(&mut daemons, &setup);
        let mut told: Vec<String> = mail.ledger().into_iter().map(|(content, _)| recipient(&content)).collect();
        told.sort();
        told.dedup();
        told.len() == USERS && run.ended()
    })
    .await;
    let starts = daemons.iter().map(|daemon| daemon.starts).sum::<usize>();
    for daemon in daemons {
        daemon.running.finish().await.expect(0);
    }
    let last = setup.run(&["deliver", "--summary", "json"]).await.expect(0).summary();
    assert_eq!((&last["deliveries_pending"], &last["deliveries_failed"]), (&0.into(), &0.into()), "{last}");

    let mut tally = Tally::default();
    ledger::check(&setup, &mail, &due, &mut tally).await;
    let workers = in_nobodys_two_hands(&setup).await;
    assert!(workers > 1, "the work was shared");
    let (arrived, due) = (tally.arrivals, tally.deliveries);
    assert!(arrived >= due + 2, "each cut leaves a mail nobody knows the fate of: {arrived} of {due}");
    println!(
        "{due} deliveries due, {arrived} arrived, by {workers} processes of {}; 0 lost, 0 second notices",
        starts + 1
    );
}

fn recipient(content: &str) -> String {
    content.lines().find(|line| line.starts_with("To:")).unwrap().to_owned()
}

/// No attempt began before the one before it had ended. Gives how many processes made attempts.
async fn in_nobodys_two_hands(setup: &Setup) -> usize {
    let overlaps = "SELECT a.delivery_id FROM attempts a JOIN attempts b ON b.delivery_id = a.delivery_id \
         AND b.number > a.number WHERE a.finished_at IS NULL OR b.started_at < a.finished_at";
    assert_eq!(setup.rows(overlaps).await, Vec::<Vec<String>>::new(), "one delivery in two hands");
    let twice = "SELECT delivery_id FROM attempts WHERE outcome = 'sent' GROUP BY delivery_id HAVING count(*) > 1";
    assert_eq!(setup.rows(twice).await, Vec::<Vec<String>>::new(), "sent again after it was sent");
    setup.rows("SELECT DISTINCT run_id FROM attempts").await.len()
}
