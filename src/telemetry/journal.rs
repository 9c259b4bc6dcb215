//! Lines for systemd's journal: each begins with its priority, `<3>` for an error, where standard error is the journal.
//!
//! journald takes the prefix off and stores it as `PRIORITY` (sd-daemon(3); `SyslogLevelPrefix=`, on by default), so
//! that `journalctl -p err` works and `-o cat` shows clean JSON. Anywhere else lines have no prefix: a file, a pipe and
//! Kubernetes get the JSON alone.

use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// Where systemd says which file its journal reads: `DEVICE:INODE`, decimal (systemd.exec(5)).
const JOURNAL_STREAM: &str = "JOURNAL_STREAM";

/// Whether standard error goes to the journal. A process that inherited the variable and had its standard error sent
/// elsewhere does not write to the journal: the file must be the same.
pub(super) fn is_standard_error() -> bool {
    let Ok(stream) = std::env::var(JOURNAL_STREAM) else { return false };
    let file = io::stderr().as_fd().try_clone_to_owned().map(std::fs::File::from);
    file.and_then(|file| file.metadata()).is_ok_and(|file| names(&stream, file.dev(), file.ino()))
}

/// Whether `DEVICE:INODE` names this file.
fn names(stream: &str, device: u64, inode: u64) -> bool {
    stream.split_once(':').is_some_and(|(d, i)| d.parse() == Ok(device) && i.parse() == Ok(inode))
}

/// The syslog priority of a level: 3 error, 4 warning, 6 informational, 7 debug.
fn prefix(level: Level) -> &'static str {
    match level {
        Level::ERROR => "<3>",
        Level::WARN => "<4>",
        Level::INFO => "<6>",
        _ => "<7>",
    }
}

/// Puts the priority before each line, or nothing.
pub(super) struct Priorities<W> {
    pub(super) inner: W,
    pub(super) on: bool,
}

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Priorities<W> {
    type Writer = Prefixed<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Prefixed { inner: self.inner.make_writer(), prefix: "" }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        let prefix = if self.on { prefix(*metadata.level()) } else { "" };
        Prefixed { inner: self.inner.make_writer_for(metadata), prefix }
    }
}

/// One line's way out; it gets the whole line in one call.
pub(super) struct Prefixed<W> {
    inner: W,
    prefix: &'static str,
}

impl<W: Write> Write for Prefixed<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.write_all(line).map(|()| line.len())
    }

    /// Prefix and line leave together: two writes of two processes could mingle.
    fn write_all(&mut self, line: &[u8]) -> io::Result<()> {
        if self.prefix.is_empty() {
            return self.inner.write_all(line);
        }
        self.inner.write_all(&[self.prefix.as_bytes(), line].concat())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_is_the_file_that_systemd_names() {
        for (stream, is_it) in
            [("9:1234", true), ("9:1235", false), ("8:1234", false), ("", false), ("9", false), ("9:1234:", false)]
        {
            assert_eq!(names(stream, 9, 1234), is_it, "{stream}");
        }
    }

    #[test]
    fn every_level_has_its_syslog_priority() {
        let levels = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
        assert_eq!(levels.map(prefix), ["<3>", "<4>", "<6>", "<7>", "<7>"]);
    }

    #[test]
    fn prefix_and_line_leave_in_one_write() {
        struct Writes(Vec<Vec<u8>>);
        impl Write for Writes {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.push(bytes.to_vec());
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for (prefix, expected) in [("<3>", "<3>{}\n"), ("", "{}\n")] {
            let mut line = Prefixed { inner: Writes(Vec::new()), prefix };
            line.write_all(b"{}\n").unwrap();
            assert_eq!(line.inner.0, [expected.as_bytes().to_vec()]);
        }
    }
}
