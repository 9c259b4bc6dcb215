//! `reconnectd preview`: a made-up mail as people would get it, written to files; nobody gets it.
//!
//! Needs of the configuration `[reconnect]` and `[email]` alone, and of them no secret; `[http] public_url` where mails
//! carry an unsubscribe link.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::{Exit, output};
use crate::adapters::clock::SystemClock;
use crate::adapters::email::{self, Links, Preview, Sample};
use crate::app::email_settings;
use crate::config;
use crate::domain::causes;
use crate::ports::Clock as _;

#[derive(Debug, Args)]
pub(super) struct PreviewArgs {
    /// What the mail says.
    #[arg(long, default_value = "first", value_parser = PossibleValuesParser::new(Sample::ALL.map(|(_, name)| name)))]
    kind: String,
    /// The language tag of its reader, such as de-AT; the nearest language there is is used, else English.
    #[arg(long, value_name = "TAG")]
    locale: Option<String>,
    /// Where the files go; the working directory if not given. It is made if it is not there.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

pub(super) fn run(config: Option<&Path>, args: &PreviewArgs) -> Exit {
    let (reconnect, email, http) = match config::load_mail(config, config::environment()) {
        Ok(sections) => sections,
        Err(error) => {
            output::complain(&error.to_string());
            return Exit::BadConfiguration;
        }
    };
    let sample = Sample::ALL.iter().find(|(_, name)| *name == args.kind).map_or(Sample::First, |(sample, _)| *sample);
    // A sample counts its notices itself.
    let settings = email_settings(&reconnect, &email, 0);
    let links = Links { reconnect: &reconnect.url, unsubscribe: http.public_url.as_ref() };
    let shown = email::preview(&settings, sample, links, args.locale.as_deref(), SystemClock.now());
    let preview = match shown {
        Ok(preview) => preview,
        Err(error) => {
            output::complain(&causes(&error));
            return Exit::BadConfiguration;
        }
    };
    let folder = args.folder.as_deref().unwrap_or(Path::new("."));
    match write(folder, &args.kind, &preview) {
        Ok(paths) => {
            for path in paths {
                output::result(&path.display().to_string());
            }
            Exit::Done
        }
        Err(error) => {
            output::complain(&format!("{}: the mail cannot be written ({})", folder.display(), error.kind()));
            Exit::Failed
        }
    }
}

/// Writes both files, over those of an earlier preview of the same.
fn write(folder: &Path, kind: &str, preview: &Preview) -> std::io::Result<[PathBuf; 2]> {
    std::fs::create_dir_all(folder)?;
    let path = |extension: &str| folder.join(format!("preview-{kind}-{}.{extension}", preview.language));
    let paths = [path("eml"), path("html")];
    std::fs::write(&paths[0], &preview.eml)?;
    std::fs::write(&paths[1], &preview.html)?;
    Ok(paths)
}
