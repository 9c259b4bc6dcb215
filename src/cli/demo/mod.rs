//! `reconnectd demo`: the whole at work on made-up users, with real files and no configuration.
//!
//! Builds a product database with one user for each way an audit of EXPIRED and FAILED goes wrong, starts
//! the simulator, and audits: taking stock, after things broke, and again to show that nobody is told twice. The story
//! ends now and began eleven days ago. Everything stays in one folder, with the report about it and a configuration
//! `explain` can be tried on. With `--serve` the pages stay open afterwards, for clicking through.

mod cast;
mod ending;
mod open;
mod stage;
mod table;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::{Exit, output};
use crate::adapters::clock::{ManualClock, SystemClock};
use crate::domain::{IdMint, RunId};
use crate::pipeline::RunOutcome;
use crate::ports::Clock as _;
use crate::report::Summary;
use crate::simulator::{Simulator, SimulatorOptions};
use crate::telemetry::{self, LineFormat};

use cast::CAST;
use stage::Stage;

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Where to put everything; must not exist yet. A new folder in the system's temporary directory if
    /// not given.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Afterwards keep the pages open on this host, from the mail to the report, until Ctrl-C.
    #[arg(long)]
    serve: bool,
}

/// Days between taking stock and what breaks, each with an audit that finds nothing new: the report compares with them.
const QUIET_DAYS: u32 = 7;

const DAY: Duration = Duration::from_hours(24);

/// Waiting moves the demo's clock, too; with so much room the story is over before now.
const ROOM: Duration = Duration::from_hours(1);

/// Finn's attempt, from the click to its end.
const GIVING_UP: Duration = Duration::from_mins(30);

/// Between the third audit and the fourth: the first reminder is due.
const TO_THE_REMINDER: Duration = Duration::from_hours(3 * 24);

/// How far the demo's clock moves between the second and the third audit: six hours, as a scheduled job would.
const BETWEEN_AUDITS: Duration = Duration::from_hours(6);

pub(super) async fn run(args: DemoArgs) -> Exit {
    match play(args).await {
        Ok(exit) => exit,
        Err(error) => {
            output::complain(&format!("{error:#}"));
            Exit::Failed
        }
    }
}

async fn play(args: DemoArgs) -> anyhow::Result<Exit> {
    let clock = Arc::new(ManualClock::new(SystemClock.now() - story() - ROOM));
    let run_id = RunId::new(IdMint::new(1).uuid(clock.now()));
    let folder = args.folder.unwrap_or_else(|| std::env::temp_dir().join(format!("reconnectd-demo-{run_id}")));
    start_log(&clock, run_id)?;

    let simulator = Simulator::start(SimulatorOptions::new(clock.clone())).await?;
    // Mails name the address of the pages, so it is taken before the first is written.
    let doors = if args.serve { Some(open::Doors::take().await?) } else { None };
    let stage = Stage::build(&folder, simulator, clock.clone(), doors.as_ref().map(open::Doors::url)).await?;
    output::result(&format!(
        "A small product with {} users, one for each way in which \"mail everybody whose account is EXPIRED or FAILED\"\n\
         goes wrong. Everything is in {}\n",
        CAST.len(),
        folder.display()
    ));

    output::result("1. The first run takes stock (first_run = \"baseline\"): it records what is already broken.\n");
    let first = stage.audit().await?;
    show(&first);

    output::result(
        "\n2. After a week of quiet audits some accounts have stopped working. The next run tells whom it concerns.\n",
    );
    for _day in 1..QUIET_DAYS {
        clock.advance(DAY);
        stage.audit().await?;
    }
    clock.advance(DAY);
    stage.things_break();
    let second = stage.audit().await?;
    show(&second);
    output::result(&table::render(&stage, &CAST).await?);

    output::result("3. Six hours later nothing has been mended, and Finn gave up half-way through reconnecting.\n");
    clock.advance(BETWEEN_AUDITS);
    stage.finn_tries_and_gives_up();
    clock.advance(GIVING_UP);
    let third = stage.audit().await?;
    show(&third);
    let told_twice = third.counters.notices_planned;
    output::result(&format!("   Told a second time: {told_twice}.\n"));

    output::result(
        "4. Three days later Ben has reconnected. The others are reminded; a week later there would be one more, the last.\n",
    );
    clock.advance(TO_THE_REMINDER);
    stage.ben_reconnects();
    let fourth = stage.audit().await?;
    show(&fourth);
    output::result(&format!("   Reminded: {}.\n", fourth.counters.reminders_planned));
    let only_reminders = fourth.counters.notices_planned == fourth.counters.reminders_planned;

    clock.set(clock.now().max(SystemClock.now()));
    ending::write_report(&stage).await?;
    output::result(&stage.directions(doors.is_some())?);
    if let Some(doors) = doors {
        doors.open(&stage).await?;
    }
    stage.strike().await;
    let told = second.counters.deliveries_sent;
    let once_each = told > 0 && told_twice == 0 && only_reminders;
    Ok(if first.counters.deliveries_sent == 0 && once_each { Exit::Done } else { Exit::Failed })
}

/// How long the story takes by its clock.
fn story() -> Duration {
    DAY * QUIET_DAYS + BETWEEN_AUDITS + GIVING_UP + TO_THE_REMINDER
}

fn show(summary: &Summary) {
    let c = &summary.counters;
    let [users, accounts, requests, incidents, notices, deliveries] = [
        (c.users_scanned, "user"),
        (c.accounts_seen, "account"),
        (c.requests_sent, "request"),
        (c.incidents_opened, "incident"),
        (c.notices_planned, "notice"),
        (c.deliveries_sent, "delivery"),
    ]
    .map(|(n, what)| match (n, what.strip_suffix('y')) {
        (1, _) => format!("1 {what}"),
        (_, Some(stem)) => format!("{n} {stem}ies"),
        (_, None) => format!("{n} {what}s"),
    });
    output::result(&format!(
        "   {users}, {accounts}, {requests}: {incidents} opened, {notices} planned, {deliveries} sent."
    ));
    if summary.baseline {
        output::result("   Nobody was told: taking stock.");
    }
}

fn start_log(clock: &Arc<ManualClock>, run_id: RunId) -> anyhow::Result<()> {
    let log = telemetry::LogSettings {
        format: LineFormat::Pretty { colours: false },
        level: "error".into(), // The tables say the rest; `explain` and the folder have it all.
        run_id,
        clock: clock.clone(),
        secrets: Vec::new(),
    };
    telemetry::init(log, telemetry::Signals::default(), std::io::stderr)?;
    Ok(())
}

impl Stage {
    async fn audit(&self) -> anyhow::Result<Summary> {
        match self.pipeline().await?.run_once().await? {
            RunOutcome::Ran(summary) => Ok(*summary),
            RunOutcome::Stopped(_) => anyhow::bail!("the run was asked to stop"),
            RunOutcome::HeldElsewhere(held) => anyhow::bail!("another run is under way ({})", held.holder),
        }
    }
}
