//! `reconnectd health`: whether the `run` or `serve` on this host is well, for a container's health check and for
//! probes that start a program. Says nothing where it is; reads no secret.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use clap::Args;

use super::{Exit, output};
use crate::adapters::probe;
use crate::config;

/// An answer comes within milliseconds; Kubernetes and Docker wait longer than this for the program.
const LIMIT: Duration = Duration::from_secs(3);

#[derive(Debug, Args)]
pub(super) struct HealthArgs {
    /// Ask whether it is ready (`/readyz`), not whether it lives (`/livez`).
    #[arg(long)]
    ready: bool,
    /// Who is asked; without it `[monitor] listen` of the configuration.
    #[arg(long, value_name = "IP:PORT")]
    address: Option<SocketAddr>,
}

pub(super) async fn run(config: Option<&Path>, args: HealthArgs) -> Exit {
    let listen = match args.address {
        Some(address) => address,
        None => match configured(config) {
            Ok(address) => address,
            Err(exit) => return exit,
        },
    };
    let path = if args.ready { "/readyz" } else { "/livez" };
    match probe::ask(listen, path, LIMIT).await {
        Ok(()) => Exit::Done,
        Err(error) => {
            output::complain(&crate::domain::causes(&error));
            Exit::Failed
        }
    }
}

fn configured(path: Option<&Path>) -> Result<SocketAddr, Exit> {
    match config::load_monitor(path, config::environment()) {
        Ok(monitor) => monitor.listen.ok_or_else(|| {
            output::complain("[monitor] listen is \"off\": there is nobody to ask");
            Exit::BadConfiguration
        }),
        Err(error) => {
            output::complain(&error.to_string());
            Err(Exit::BadConfiguration)
        }
    }
}
