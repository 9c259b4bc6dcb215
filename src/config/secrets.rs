//! Secrets, given as themselves or as the path of a file that holds them.
//!
//! Turns `x` and `x_file` into one redacting value. The paths of the files are shown in errors, what is in
//! them never. `$CREDENTIALS_DIRECTORY/NAME` is the credential NAME that systemd hands over (`LoadCredential=`),
//! wherever it put it: the folder differs from unit to unit, the configuration need not.

use std::io::Read as _;
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};
use toml::{Table, Value};

use super::errors::{Fault, fault, shown};
use super::raw::{KEYS, Kind};

/// The variable in which systemd tells a service where its credentials are (systemd.exec(5)).
pub(super) const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";

/// Keys, passwords and connection URLs are far shorter; a larger file is not the one that was meant.
pub(super) const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// A secret and the name of the key that gave it, `x` or `x_file`.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) key: String,
    pub(super) secret: SecretString,
}

/// Puts the folder of the credentials in place of the variable's name at the start of every `x_file`. Without that
/// variable the paths stay as they are, and are named by the error of the file that is not there.
pub(super) fn place_credentials(table: &mut Table, folder: &str) {
    for key in KEYS.iter().filter(|key| matches!(key.kind, Kind::SecretFile)) {
        let sections: Vec<&mut Value> = match table.get_mut(key.section) {
            Some(Value::Array(entries)) => entries.iter_mut().collect(),
            Some(section) => vec![section],
            None => continue,
        };
        for section in sections {
            if let Some(Value::String(path)) = section.as_table_mut().and_then(|section| section.get_mut(key.name))
                && let Some(name) = credential(path)
            {
                *path = format!("{}/{name}", folder.trim_end_matches('/'));
            }
        }
    }
}

/// The credential that a path names.
fn credential(path: &str) -> Option<&str> {
    path.strip_prefix('$')?.strip_prefix(CREDENTIALS_VARIABLE)?.strip_prefix('/')
}

/// The secret `name`, if it was given. An error carries the key at fault.
pub(super) fn resolve(
    name: &str,
    given: Option<String>,
    file: Option<String>,
) -> Result<Option<Found>, (String, Fault)> {
    let file_key = format!("{name}_file");
    match (given, file) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => {
            let what = format!("given beside {name}");
            Err((file_key.clone(), fault(what, format!("keep one of {name} and {file_key}"))))
        }
        (Some(text), None) if text.is_empty() => {
            Err((name.to_owned(), fault("is empty", format!("set it, or give a file with {file_key}"))))
        }
        (Some(text), None) => Ok(Some(Found { key: name.to_owned(), secret: SecretString::from(text) })),
        (None, Some(path)) => match read(Path::new(&path)) {
            Ok(secret) => Ok(Some(Found { key: file_key, secret })),
            Err(what) => {
                let what = format!("the file {} {what}", shown(&path));
                let remedy = "give the path of a file that holds the secret alone and that this user can read";
                Err((file_key, fault(what, remedy)))
            }
        },
    }
}

fn read(path: &Path) -> Result<SecretString, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read ({})", error.kind());
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    // One byte more than allowed tells too large from just right; a device that never ends is cut off.
    file.take(MAX_SECRET_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_SECRET_BYTES {
        return Err(format!("is larger than {MAX_SECRET_BYTES} bytes"));
    }
    let text = SecretString::from(String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())?);
    let trimmed = text.expose_secret().trim_end_matches(['\n', '\r']);
    if trimmed.is_empty() {
        return Err("is empty".to_owned());
    }
    Ok(SecretString::from(trimmed.to_owned()))
}
