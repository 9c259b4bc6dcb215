//! Configuration: one TOML file and the environment over it, turned into checked values.
//!
//! Guarantees: unknown keys and variables are refused, every problem is reported at once with its key, its
//! place and its remedy, and nothing that was read is ever repeated in an error, because it could be a
//! secret. Nothing is written; a crash leaves nothing behind. Relative paths are relative to the working
//! directory of the process.
//!
//! The keys and their meanings are a contract with operators: `config.example.toml` shows all of them.

mod check;
mod errors;
mod fingerprint;
mod merge;
mod nearest;
mod raw;
mod secrets;
mod settings;
mod source;
mod value;

use std::path::Path;

pub use errors::{ConfigError, Place, Problem};
pub use fingerprint::Fingerprint;
pub use settings::{
    Composio, Config, Daemon, Directory, Email, FirstRun, Http, Log, LogFormat, Logo, Monitor, Operator, Ping, Policy,
    Reconnect, ReconnectMode, Report, ReportAuth, Retention, State, Storm, Suppression, UsersPerRequest, Webhook,
};

/// The file read where none is named, in the working directory; it may be absent.
pub const DEFAULT_FILE: &str = "reconnectd.toml";

/// Reads the configuration: the file at `path`, or [`DEFAULT_FILE`] where none is given and it exists, and
/// over it the variables of `env` that begin with `RECONNECTD__`. Reads the secret files they name.
///
/// `env` is the process environment as [`environment`] gives it.
pub fn load(path: Option<&Path>, env: impl Iterator<Item = (String, String)>) -> Result<Config, ConfigError> {
    load_or_default(path, Path::new(DEFAULT_FILE), env).map(|(config, _)| config)
}

/// The same, and what it was made of, to be compared with what is read another time.
pub fn load_comparable(
    path: Option<&Path>,
    env: impl Iterator<Item = (String, String)>,
) -> Result<(Config, Fingerprint), ConfigError> {
    load_or_default(path, Path::new(DEFAULT_FILE), env)
}

/// Of the same configuration what mails are composed from, `[reconnect]` and `[email]`: nothing else needs to
/// be there, and no secret is read (`url` of the result is an empty folder's).
pub fn load_mail(
    path: Option<&Path>,
    env: impl Iterator<Item = (String, String)>,
) -> Result<(Reconnect, Email, Http), ConfigError> {
    let (raw, places, mut problems, _) = read(path, Path::new(DEFAULT_FILE), env)?;
    check::check_mail(raw, &places, &mut problems).ok_or_else(|| ConfigError::new(problems))
}

/// Of the same configuration `[monitor]`: nothing else needs to be there, and no secret is read.
pub fn load_monitor(path: Option<&Path>, env: impl Iterator<Item = (String, String)>) -> Result<Monitor, ConfigError> {
    let (raw, places, mut problems, _) = read(path, Path::new(DEFAULT_FILE), env)?;
    check::check_monitor(raw, &places, &mut problems).ok_or_else(|| ConfigError::new(problems))
}

/// The process environment. Bytes that are no UTF-8 become U+FFFD, which [`load`] refuses in its own
/// variables and ignores in all others; `std::env::vars` would panic on them.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
}

/// Every key of the contract as `section.key`, in the order of the example file; `webhook` stands for each of
/// its entries, and a secret is listed in both its forms, `x` and `x_file`.
pub fn keys() -> Vec<String> {
    raw::KEYS.iter().map(|key| format!("{}.{}", key.section, key.name)).collect()
}

fn load_or_default(
    path: Option<&Path>,
    default: &Path,
    env: impl Iterator<Item = (String, String)>,
) -> Result<(Config, Fingerprint), ConfigError> {
    // The fingerprint first: a file that changes in between counts as changed once more, never as known.
    let (raw, places, mut problems, fingerprint) = read(path, default, env)?;
    let config = check::check(raw, &places, &mut problems).ok_or_else(|| ConfigError::new(problems))?;
    Ok((config, fingerprint))
}

fn read(
    path: Option<&Path>,
    default: &Path,
    env: impl Iterator<Item = (String, String)>,
) -> Result<(raw::Raw, source::Places, Vec<Problem>, Fingerprint), ConfigError> {
    let file = path.or_else(|| default.exists().then_some(default));
    let (mut table, mut places) = match file {
        Some(file) => source::read_file(file).map_err(|problem| ConfigError::new(vec![problem]))?,
        None => (toml::Table::new(), source::Places::default()),
    };
    let mut problems = Vec::new();
    let mut credentials = None;
    let env = env.inspect(|(name, folder)| {
        if name == secrets::CREDENTIALS_VARIABLE {
            credentials = Some(folder.clone());
        }
    });
    merge::apply(&mut table, &mut places, env, &mut problems);
    if let Some(folder) = credentials {
        secrets::place_credentials(&mut table, &folder);
    }
    let fingerprint = Fingerprint::of(&table);
    let raw = raw::read(table, &places, &mut problems);
    Ok((raw, places, problems, fingerprint))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn enough() -> impl Iterator<Item = (String, String)> {
        [
            ("RECONNECTD__DIRECTORY__URL", "sqlite://product.db"),
            ("RECONNECTD__COMPOSIO__API_KEY", "ak_1"),
            ("RECONNECTD__RECONNECT__URL", "https://app.example.com/"),
            ("RECONNECTD__RECONNECT__PRODUCT", "Acme"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    }

    #[test]
    fn the_default_file_may_be_absent_but_a_named_one_may_not() {
        let dir = tempfile::tempdir().unwrap();
        let default = dir.path().join("reconnectd.toml");
        let (config, _) = load_or_default(None, &default, enough()).unwrap();
        assert_eq!(config.state.url.expose_secret(), "sqlite://reconnectd.db");

        let error = load_or_default(Some(&default), &default, enough()).unwrap_err().to_string();
        assert!(error.contains("the configuration file cannot be read (entity not found)"), "{error}");

        std::fs::write(&default, "[state]\nurl = \"sqlite://elsewhere.db\"\n").unwrap();
        let (config, _) = load_or_default(None, &default, enough()).unwrap();
        assert_eq!(config.state.url.expose_secret(), "sqlite://elsewhere.db");
    }
}
