//! Tries an operator's templates out before anybody gets a mail: every situation in every language.
//!
//! Guarantees: templates that passed render for one account, several and more than are listed, with and
//! without a name and an unsubscribe address, and every link a person needs is in both parts.

use chrono::DateTime;

use super::letter::{Letter, MAX_ITEMS, Writer};
use super::samples::{SAMPLE_NOTICES, Sample};
use crate::domain::{Contact, Notice, ReconnectUrl, Timestamp};
use crate::languages::PackError;

/// A page in the samples; nobody is sent there.
const PAGE: &str = "https://app.example.com/settings?toolkit={toolkit}&from=mail";

/// Renders everything; the first failure names the file.
pub(super) fn rehearse(writer: &Writer) -> Result<(), PackError> {
    let links = ReconnectUrl::parse(PAGE)
        .map_err(|error| PackError::new("the samples", None, error.to_string(), "this is a fault of the program"))?;
    let now: Timestamp = DateTime::UNIX_EPOCH;
    for language in writer.pack().languages() {
        let tag = language.catalogue.tag.as_str();
        for (sample, name) in Sample::ALL {
            for copies in [1, 2, MAX_ITEMS + 1] {
                let mut notice = sample.notice(&links, "example.com", Some(tag), now);
                let once = notice.items.clone();
                notice.items = once.iter().cycle().take(once.len() * copies).cloned().collect();
                render(writer, &notice, name, tag)?;
                notice.contact = Contact { name: None, ..notice.contact };
                notice.unsubscribe = None;
                render(writer, &notice, name, tag)?;
            }
        }
    }
    Ok(())
}

fn render(writer: &Writer, notice: &Notice, name: &str, tag: &str) -> Result<(), PackError> {
    let letter: Letter = writer.write_as(notice, notice.unsubscribe.as_deref(), MAX_ITEMS, SAMPLE_NOTICES)?;
    let wrong = |template: &str, what: String, remedy: &str| {
        let what = format!("{what} (situation {name}, language {tag})");
        Err(PackError::new(writer.pack().file_of(template), None, what, remedy))
    };
    if letter.subject.is_empty() {
        return wrong("subject.txt", "the subject is empty".into(), "write one");
    }
    let listed = notice.items.iter().take(MAX_ITEMS).filter(|item| item.recovery.is_none());
    let links = listed.map(|item| item.reconnect_url.as_str()).chain(notice.unsubscribe.as_deref());
    for link in links {
        if !letter.text.contains(link) {
            return wrong("notice.txt", format!("the link {link} is missing"), "use item.url and unsubscribe");
        }
        if !letter.html.contains(&link.replace('&', "&amp;")) {
            return wrong("notice.html", format!("the link {link} is missing"), "use item.url and unsubscribe");
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "rehearsal_tests.rs"]
mod tests;
