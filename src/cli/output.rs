//! Standard output and standard error, for people: the one place that writes to them besides the log.

use std::fmt::Display;
use std::io::{self, Write as _};

use super::Exit;

/// Writes a result to standard output, with a line end. A reader that went away is no failure of ours.
pub(super) fn result(text: &str) {
    let mut stdout = io::stdout().lock();
    let written =
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.write_all(b"\n")).and_then(|()| stdout.flush());
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        complain(&format!("cannot write to standard output: {error}"));
    }
}

/// Standard output, for what is too long to be held.
pub(super) fn stream() -> impl io::Write {
    io::stdout().lock()
}

/// `1 user`, `2 users`.
pub(super) fn counted<N: Copy + PartialEq + From<u8> + Display>(n: N, one: &str, more: &str) -> String {
    let what = if n == N::from(1) { one } else { more };
    format!("{n} {what}")
}

/// What was done of several orders to standard output, and why the others were not to standard error, a line each.
pub(super) fn done_and_refused(done: &[String], refused: &[String]) -> Exit {
    if !done.is_empty() {
        result(&done.join("\n"));
    }
    for refusal in refused {
        complain(refusal);
    }
    if refused.is_empty() { Exit::Done } else { Exit::Failed }
}

/// Writes a complaint to standard error, before or beside the log.
pub(super) fn complain(text: &str) {
    let written = writeln!(io::stderr().lock(), "reconnectd: {text}");
    drop(written); // Where standard error is gone, nobody is left to be told.
}
