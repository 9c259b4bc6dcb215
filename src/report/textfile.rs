//! The metrics as a file for `node_exporter`'s textfile collector, so that one-shot runs are seen although nothing can
//! scrape them.
//!
//! Guarantees: whoever reads the file sees a whole one, old or new, never a part (written beside it and renamed); other
//! accounts may read it (0644); a failure is logged and fails nothing. What this process uses of the machine is left out:
//! `node_exporter` shows families of the same names about itself, and refuses a scrape that has them twice. A crash leaves
//! the old file, and perhaps one with the ending `.tmp`, which the collector does not read.

use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use super::TruthReader;
use crate::telemetry::events;
use crate::telemetry::metrics::{Metrics, prometheus_text};

/// A disk that hangs must not keep a run from its end.
const WRITE_LIMIT: Duration = Duration::from_secs(5);

/// How often a process that stays writes the file anew.
const EVERY: Duration = Duration::from_mins(1);

/// Our own families begin so.
const OURS: &str = "reconnectd_";

/// Writes the file once, fresh from the state database. Says in the log why it could not.
pub async fn write_textfile(path: &Path, metrics: &Metrics, truth: &TruthReader) {
    truth.refresh().await;
    let samples = metrics.samples().into_iter().filter(|family| family.family.name.starts_with(OURS)).collect();
    let (text, path) = (prometheus_text(samples), path.to_owned());
    let shown = path.display().to_string();
    let write = tokio::task::spawn_blocking(move || {
        let text = text.map_err(io::Error::other)?;
        replace(&path, text.as_bytes())
    });
    let error = match timeout(WRITE_LIMIT, write).await {
        Ok(Ok(Ok(()))) => return,
        Ok(Ok(Err(error))) => error.to_string(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the disk did not answer in time".to_owned(),
    };
    tracing::warn!(
        event = events::TEXTFILE_FAILED,
        path = shown,
        error,
        "The metrics could not be written; the old file stays."
    );
}

/// Writes the file every minute, for ever.
pub async fn keep_textfile(path: &Path, metrics: &Metrics, truth: &TruthReader) {
    loop {
        write_textfile(path, metrics, truth).await;
        tokio::time::sleep(EVERY).await;
    }
}

fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let beside = path.with_extension(format!("prom.{}.tmp", std::process::id()));
    let written = (|| {
        let mut file = File::create(&beside)?;
        file.write_all(text)?;
        file.set_permissions(Permissions::from_mode(0o644))?;
        std::fs::rename(&beside, path)
    })();
    if written.is_err() {
        // The first failure is the one to tell.
        std::fs::remove_file(&beside).ok();
    }
    written
}
