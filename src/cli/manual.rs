//! `reconnectd man DIR`: the manual pages, from the same definition the command line is parsed by.
//!
//! Writes `reconnectd.1`, one page for each command (`reconnectd-outbox-list.1`), and `reconnectd.toml.5`, which is
//! `config.example.toml` as a page. Reads no configuration. The same version writes the same bytes: pages carry no
//! date. A crash leaves some of the pages; running it again writes them all over.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::{Cli, Exit, output};

/// The name at the foot of every page.
const MANUAL: &str = "reconnectd manual";

/// Every key of the configuration with its meaning.
const EXAMPLE: &str = include_str!("../../config.example.toml");

#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// Where the pages go; it is made if it is not there.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(super) fn run(args: &ManArgs) -> Exit {
    match write(&args.folder) {
        Ok(()) => Exit::Done,
        Err(error) => {
            let folder = args.folder.display();
            output::complain(&format!("{folder}: the manual pages cannot be written ({})", error.kind()));
            Exit::Failed
        }
    }
}

fn write(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    // `help` explains itself and would bring a page for every command once more.
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let source = format!("{} {}", command.get_name(), command.get_version().unwrap_or_default());
    pages(&command, &source, folder)?;
    let mut file = std::fs::File::create(folder.join("reconnectd.toml.5"))?;
    configuration(&source).to_writer(&mut file)?;
    file.flush()
}

/// The page of a command and those of the commands within it.
fn pages(command: &Command, source: &str, folder: &Path) -> io::Result<()> {
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        pages(inner, source, folder)?;
    }
    let page = Man::new(command.clone()).source(source).manual(MANUAL);
    let mut file = std::fs::File::create(folder.join(page.get_filename()))?;
    page.render(&mut file)?;
    ending(command).to_writer(&mut file)?;
    file.flush()
}

/// What every command's page ends with: exit codes and where to read on.
fn ending(command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    for exit in Exit::ALL {
        roff.control("TP", []);
        roff.text([bold(exit.code().to_string())]);
        roff.text([roman(exit.meaning())]);
    }
    roff.control("SH", ["SEE ALSO"]);
    let more = if command.get_name() == "reconnectd" { "" } else { "reconnectd(1), " };
    roff.text([roman(format!("{more}reconnectd.toml(5)"))]);
    roff
}

/// The page about the configuration: the example file, which names every key with its default and its bounds.
fn configuration(source: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("TH", ["reconnectd.toml", "5", "", source, MANUAL]);
    roff.control("SH", ["NAME"]);
    roff.text([roman("reconnectd.toml - configuration of reconnectd")]);
    roff.control("SH", ["DESCRIPTION"]);
    roff.text([
        roman("The file named by "),
        bold("--config"),
        roman(
            ", or reconnectd.toml in the working directory. It is TOML; a key that is not below is refused. \
               `reconnectd check` says what is wrong with a file and how to mend it.",
        ),
    ]);
    roff.control("SH", ["KEYS"]);
    roff.control("nf", []);
    for line in EXAMPLE.lines() {
        // An empty line would end the block of the one before.
        roff.text([roman(if line.is_empty() { " " } else { line })]);
    }
    roff.control("fi", []);
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman("reconnectd(1), reconnectd-check(1)")]);
    roff
}
