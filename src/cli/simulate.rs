//! `reconnectd simulate`: the provider's API for made-up users, until told to stop.

use std::io::IsTerminal as _;
use std::sync::Arc;

use super::{Exit, output, setup};
use crate::adapters::clock::SystemClock;
use crate::domain::{IdMint, RunId};
use crate::ports::Clock;
use crate::simulator;
use crate::telemetry;

pub(super) use crate::simulator::SimulateArgs;

pub(super) async fn run(arguments: SimulateArgs) -> Exit {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let terminal = std::io::stderr().is_terminal();
    let log = telemetry::LogSettings {
        format: setup::format(!terminal, terminal),
        level: "info".into(),
        run_id: RunId::new(IdMint::new(arguments.seed).uuid(clock.now())),
        clock: Arc::clone(&clock),
        secrets: Vec::new(),
    };
    if let Err(error) = telemetry::init(log, telemetry::Signals::default(), std::io::stderr) {
        output::complain(&format!("the log cannot be started: {error}"));
        return Exit::Failed;
    }
    let announce = |started: &simulator::Simulator| output::result(started.base_url().as_str());
    let stop = async {
        if simulator::stop_signal().await.is_err() {
            output::complain("signals cannot be heard; stop the process by force");
            std::future::pending::<()>().await;
        }
    };
    match simulator::run(&arguments, clock, announce, stop).await {
        Ok(()) => Exit::Done,
        Err(error) => {
            output::complain(&crate::domain::causes(&error));
            Exit::Failed
        }
    }
}
