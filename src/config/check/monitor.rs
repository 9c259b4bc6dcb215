//! `[monitor]`: where metrics and health are shown.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::{Checker, Default};
use crate::config::errors::{Fault, fault};
use crate::config::raw;
use crate::config::settings::Monitor;
use crate::config::value::address;

impl Checker<'_> {
    pub(super) fn monitor(&mut self, raw: raw::Monitor) -> Option<Monitor> {
        let loopback = Default("127.0.0.1:8481".to_owned());
        let listen = self.value("monitor.listen", raw.listen, loopback, |text| listen(&text));
        let textfile = self.optional("monitor.textfile", raw.textfile, textfile);
        Some(Monitor { listen: listen?, textfile })
    }
}

/// An address, or the word that there is no listener.
fn listen(text: &str) -> Result<Option<SocketAddr>, Fault> {
    if text == "off" { Ok(None) } else { address::listen(text).map(Some) }
}

/// The textfile collector of node_exporter reads files of this ending alone. The folder may come later, with the package
/// of the collector: that it cannot be written is said when it is written.
fn textfile(text: String) -> Result<PathBuf, Fault> {
    let path = PathBuf::from(text);
    if path.is_absolute() && path.extension().is_some_and(|ending| ending == "prom") {
        return Ok(path);
    }
    let remedy = "write a whole path that ends in .prom, such as /var/lib/prometheus/node-exporter/reconnectd.prom";
    Err(fault("is no file that node_exporter would read", remedy))
}
