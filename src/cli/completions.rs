//! `reconnectd completions SHELL`: what a shell completes, from the same definition the command line is parsed by.
//!
//! Reads no configuration and touches nothing: packagers run it while building.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Cli, Exit, output};

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// For which shell.
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs) -> Exit {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    output::result(String::from_utf8_lossy(&script).trim_end());
    Exit::Done
}
