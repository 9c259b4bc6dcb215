//! Who changes something from a shell: a name for the record.

use clap::Args;

use crate::domain::{MAX_AUTHOR_CHARS, scrub};

/// Who does it.
#[derive(Debug, Args)]
pub(super) struct Who {
    /// Who you are, for the record; the login's name and the host's if not given.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl Who {
    /// As it is recorded: one line, bounded, no address.
    pub(super) fn name(self) -> String {
        let login = || {
            // sudo and login set these; a container mostly has none of them.
            let names = ["SUDO_USER", "USER", "LOGNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
            let login = names.into_iter().find(|name| !name.is_empty()).unwrap_or_else(|| "somebody".to_owned());
            let host = hostname::get().map_or_else(|_| "localhost".into(), |name| name.to_string_lossy().into_owned());
            format!("{login} on {host}")
        };
        let given = self.by.filter(|name| !name.trim().is_empty());
        // One less: what is cut ends in `…`.
        scrub(&given.unwrap_or_else(login), MAX_AUTHOR_CHARS - 1)
    }
}
