//! Secrets, given as themselves or as the path of a file that holds them.
//!
//! Turns `x` and `x_file` into one redacting value. The paths of the files are shown in errors, what is in
//! them never.

use std::io::Read as _;
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};

use super::errors::{Fault, fault, shown};

/// Keys, passwords and connection URLs are far shorter; a larger file is not the one that was meant.
pub(super) const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// A secret and the name of the key that gave it, `x` or `x_file`.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) key: String,
    pub(super) secret: SecretString,
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
