//! The command line: one file per command, each thin.
//!
//! Results go to standard output, logs to standard error. Exit codes: 0 done (broken accounts are not a
//! failure), 1 the run failed or is incomplete, 2 the command line or the configuration cannot be used,
//! 3 the provider refused the key, 4 the state database cannot be used as it is.

mod baseline;
mod channel;
mod check;
mod completions;
mod deliver;
mod demo;
mod drain;
mod explain;
mod health;
mod incident_words;
mod links;
mod manual;
mod migrate;
mod monitoring;
mod once;
mod operator;
mod outbox;
mod output;
mod preview;
mod progress;
mod report;
mod retention;
mod run;
mod schedule;
mod serve;
mod setup;
mod silence;
mod simulate;
mod status;
mod storm;
mod suppress;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use run::CLOSE_LIMIT as RUN_CLOSE_LIMIT;
pub use serve::STOP_LIMIT as SERVE_STOP_LIMIT;

/// Finds Composio connected accounts that stopped working and tells each affected user, without repeating itself.
#[derive(Debug, Parser)]
#[command(name = "reconnectd", version, about, max_term_width = 110)]
struct Cli {
    /// The configuration; `reconnectd.toml` in the working directory if not given.
    /// Every key can also be set as `RECONNECTD__SECTION__KEY` in the environment.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Do every job of the schedule at its time, until told to stop: the daemon.
    Run,
    /// Audit all users once and deliver what is due.
    Once(once::OnceArgs),
    /// Deliver what is due without an audit; may run as often and in as many processes as you like.
    Deliver(deliver::DeliverArgs),
    /// Validate the configuration and reach everything it names; sends nothing.
    Check,
    /// Create the state database or bring its schema up to date.
    Migrate,
    /// Show how things stand and what needs a hand; changes nothing.
    Status(status::StatusArgs),
    /// Print what is known of a user: accounts, conditions, history, what was or was not sent, and why.
    Explain(explain::ExplainArgs),
    /// See what waits or died on its way to people, put it back, or call it off.
    Outbox(outbox::OutboxArgs),
    /// See which channels are stopped or disabled, and switch one off or on again.
    Channel(channel::ChannelArgs),
    /// Manage the addresses that are not written to.
    Suppress(suppress::SuppressArgs),
    /// Keep quiet about a user, a toolkit or an auth config for a while.
    Silence(silence::SilenceArgs),
    /// Print the next five instants of every job of the daemon, in UTC and local time.
    Schedule(schedule::ScheduleArgs),
    /// Serve the pages behind the links in mails.
    Serve,
    /// Take links to the reconnect page out of use.
    Links(links::LinksArgs),
    /// See mass breakages whose users are not told, and decide about them.
    Storm(storm::StormArgs),
    /// Tell people about what was broken before the first run, at a bearable pace.
    Baseline(baseline::BaselineArgs),
    /// Report which accounts break, for how many people, and whether telling them brings them back.
    Report(report::ReportArgs),
    /// Drop what is older than [retention] says and nothing needs any more.
    Retention(retention::RetentionArgs),
    /// Write a made-up mail to files as people would get it; sends nothing.
    Preview(preview::PreviewArgs),
    /// Serve Composio's API as its documentation and its users describe it, faults included.
    Simulate(Box<simulate::SimulateArgs>),
    /// Show the whole at work on made-up users; needs no configuration.
    Demo(demo::DemoArgs),
    /// Say whether the daemon on this host is well: exit code 0 or 1, for health checks.
    Health(health::HealthArgs),
    /// Print what a shell completes; needs no configuration.
    Completions(completions::CompletionsArgs),
    /// Write the manual pages into a folder; needs no configuration.
    Man(manual::ManArgs),
}

/// What the process says to whoever started it.
/// In the order of what a reader must hear first: the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Done; broken accounts are not a failure.
    Done,
    /// The run failed or is incomplete.
    Failed,
    /// The configuration cannot be used.
    BadConfiguration,
    /// The provider refused the key.
    KeyRefused,
    /// The state database is full, corrupt, or of another version: a person must see to it.
    StateUnusable,
}

impl Exit {
    /// All of them, by code.
    const ALL: [Self; 5] = [Self::Done, Self::Failed, Self::BadConfiguration, Self::KeyRefused, Self::StateUnusable];

    /// What it tells whoever started the process, for the manual.
    fn meaning(self) -> &'static str {
        match self {
            Self::Done => "Done; broken accounts are not a failure.",
            Self::Failed => "It failed, was stopped or is incomplete; what is asked for is not known or not possible.",
            Self::BadConfiguration => "The command line or the configuration cannot be used.",
            Self::KeyRefused => "The provider refused the key.",
            Self::StateUnusable => "The state database is full, corrupt, or of another version.",
        }
    }

    /// The process's exit code.
    fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::BadConfiguration => 2,
            Self::KeyRefused => 3,
            Self::StateUnusable => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Parses the command line, runs the command, and says how it went.
pub fn main() -> ExitCode {
    // First of all: with no TLS provider installed, building a client panics.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        output::complain("another TLS provider is installed already");
        return Exit::Failed.into();
    }
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::complain(&format!("cannot start: {error}"));
            return Exit::Failed.into();
        }
    };
    let exit = runtime.block_on(async {
        let config = cli.config.as_deref();
        match cli.command {
            Command::Run => Box::pin(run::run(config)).await,
            Command::Once(args) => Box::pin(once::run(config, args)).await,
            Command::Deliver(args) => Box::pin(deliver::run(config, args)).await,
            Command::Channel(args) => Box::pin(channel::run(config, args)).await,
            Command::Check => Box::pin(check::run(config)).await,
            Command::Schedule(args) => schedule::run(config, &args),
            Command::Migrate => Box::pin(migrate::run(config)).await,
            Command::Status(args) => Box::pin(status::run(config, &args)).await,
            Command::Explain(args) => Box::pin(explain::run(config, args)).await,
            Command::Outbox(args) => Box::pin(outbox::run(config, args)).await,
            Command::Suppress(args) => Box::pin(suppress::run(config, args)).await,
            Command::Silence(args) => Box::pin(silence::run(config, args)).await,
            Command::Serve => Box::pin(serve::run(config)).await,
            Command::Links(args) => Box::pin(links::run(config, args)).await,
            Command::Storm(args) => Box::pin(storm::run(config, args)).await,
            Command::Baseline(args) => Box::pin(baseline::run(config, args)).await,
            Command::Report(args) => Box::pin(report::run(config, args)).await,
            Command::Retention(args) => Box::pin(retention::run(config, args)).await,
            Command::Preview(args) => preview::run(config, &args),
            Command::Simulate(args) => Box::pin(simulate::run(*args)).await,
            Command::Demo(args) => Box::pin(demo::run(args)).await,
            Command::Health(args) => Box::pin(health::run(config, args)).await,
            Command::Completions(args) => completions::run(&args),
            Command::Man(args) => manual::run(&args),
        }
    });
    // Whatever still blocks a thread, a name being looked up for example, must not keep the process.
    runtime.shutdown_background();
    exit.into()
}
