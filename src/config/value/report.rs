//! Values of the report.

use std::path::PathBuf;

use crate::config::errors::{Fault, fault};
use crate::domain::EmailAddress;

/// Reports whose files are kept: ten thousand days are 27 years.
pub(in crate::config) const MAX_KEPT: u32 = 10_000;

/// A list of people; beyond it a mailing list of one's own does better.
const MAX_READERS: usize = 20;

/// Who gets the report by mail. What is refused is named by its place in the list: an address is nobody else's business.
pub(in crate::config) fn mail_to(texts: &[String]) -> Result<Vec<EmailAddress>, Fault> {
    if texts.is_empty() {
        return Err(fault("is empty", "name one address at least, or leave the key out to mail the report to nobody"));
    }
    if texts.len() > MAX_READERS {
        return Err(fault("names too many addresses", format!("keep at most {MAX_READERS}, or name a mailing list")));
    }
    let mut readers: Vec<EmailAddress> = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let nth = index + 1;
        // By the grammar of the library that sends the mail, too; a display name has no place here.
        let parsed = EmailAddress::parse(text).ok().filter(|_| text.trim().parse::<lettre::Address>().is_ok());
        let Some(address) = parsed else {
            let what = format!("address {nth} of the list is none");
            return Err(fault(what, "write local@domain alone, without a name or angle brackets"));
        };
        let same = |known: &EmailAddress| known.expose().eq_ignore_ascii_case(address.expose());
        if readers.iter().any(same) {
            return Err(fault(format!("address {nth} of the list is there twice"), "name each address once"));
        }
        readers.push(address);
    }
    Ok(readers)
}

/// Where the report's files go; made when the first is written.
pub(in crate::config) fn directory(text: String) -> Result<PathBuf, Fault> {
    if text.trim().is_empty() || text.contains('\0') {
        return Err(fault("names no directory", "give a path, or leave the key out to write no files"));
    }
    Ok(PathBuf::from(text))
}
