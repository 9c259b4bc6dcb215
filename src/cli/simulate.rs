//! `reconnectd simulate`: the provider's API for made-up users, until told to stop.

use std::io::IsTerminal as _;
use std::sync::Arc;

use super::{Exit, output};
use crate::adapters::clock::SystemClock;
use crate::domain::{IdMint, RunId};
use crate::ports::Clock;
use crate::simulator::args;
use crate::telemetry;

pub(super) use crate::simulator::args::SimulateArgs;

pub(super) async fn run(arguments: SimulateArgs) -> Exit {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let terminal = std::io::stderr().is_terminal();
    let log = telemetry::LogSettings {
        json: !terminal,
        ansi: terminal,
        level: "info".into(),
        run_id: RunId::new(IdMint::new(arguments.seed).uuid(clock.now())),
        clock: Arc::clone(&clock),
    };
    if let Err(error) = telemetry::init(log, std::io::stderr) {
        output::complain(&format!("the log cannot be started: {error}"));
        return Exit::Failed;
    }
    let announce = |simulator: &crate::simulator::Simulator| output::result(simulator.base_url().as_str());
    let stop = async {
        if args::stop_signal().await.is_err() {
            output::complain("signals cannot be heard; stop the process by force");
            std::future::pending::<()>().await;
        }
    };
    match args::run(&arguments, clock, announce, stop).await {
        Ok(()) => Exit::Done,
        Err(error) => {
            output::complain(&output::causes(&error));
            Exit::Failed
        }
    }
}
