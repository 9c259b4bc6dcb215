//! What the process tells its service manager: systemd's notification protocol (sd_notify(3)).
//!
//! Datagrams to the socket that `NOTIFY_SOCKET` names; where it names none, nothing is told. A manager that does not
//! listen costs nothing: what cannot be said is left out.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sd_notify::NotifyState;

use crate::telemetry::events;

/// Something to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The configuration holds and every listener is bound; after a reload, that it is over.
    Ready,
    /// The configuration is being read anew.
    Reloading,
    /// A sentence for a person.
    Status(String),
    /// It is about to end.
    Stopping,
    /// Work moves, or there is none.
    Alive,
}

/// Whoever watches over the process.
pub trait Notifier: Send + Sync {
    /// Tells it.
    fn tell(&self, what: &Told);

    /// Within which time it wants to hear [`Told::Alive`], where it does.
    fn watchdog(&self) -> Option<Duration>;
}

/// systemd, or whoever speaks its protocol.
#[derive(Debug, Default)]
pub struct ServiceManager {
    complained: std::sync::atomic::AtomicBool,
}

impl Notifier for ServiceManager {
    fn tell(&self, what: &Told) {
        let sent = match what {
            Told::Ready => sd_notify::notify(&[NotifyState::Ready]),
            // Type=notify-reload compares this instant with that of its signal.
            Told::Reloading => NotifyState::monotonic_usec_now()
                .and_then(|instant| sd_notify::notify(&[NotifyState::Reloading, instant])),
            Told::Status(sentence) => sd_notify::notify(&[NotifyState::Status(&sentence.replace('\n', " "))]),
            Told::Stopping => sd_notify::notify(&[NotifyState::Stopping]),
            Told::Alive => sd_notify::notify(&[NotifyState::Watchdog]),
        };
        let Err(error) = sent else { return };
        if !self.complained.swap(true, std::sync::atomic::Ordering::Relaxed) {
            tracing::warn!(event = events::DAEMON_UNHEARD, error = %error, "The service manager cannot be told anything.");
        }
    }

    fn watchdog(&self) -> Option<Duration> {
        sd_notify::watchdog_enabled()
    }
}

/// Remembers what was told, for tests.
#[derive(Debug, Default)]
pub struct RecordingNotifier {
    told: Mutex<Vec<Told>>,
    watchdog: Option<Duration>,
}

impl RecordingNotifier {
    /// One that wants to hear of life within this time.
    pub fn with_watchdog(watchdog: Duration) -> Self {
        Self { told: Mutex::default(), watchdog: Some(watchdog) }
    }

    /// What was told so far, taken out.
    pub fn take(&self) -> Vec<Told> {
        std::mem::take(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Notifier for RecordingNotifier {
    fn tell(&self, what: &Told) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).push(what.clone());
    }

    fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }
}
