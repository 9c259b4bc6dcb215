//! Signals as what they ask for.
//!
//! SIGTERM and SIGINT: stop in good order; the second of them: at once. SIGHUP: read the configuration anew. Heard from
//! the moment [`listen`] returns; those that come faster than they are looked at are one.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// What somebody outside asks of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Take up nothing new, finish what is in flight, end.
    Stop,
    /// End now.
    StopNow,
    /// Read the configuration anew.
    Reload,
}

/// As many as anybody sends before the first is looked at.
const WAITING: usize = 8;

/// Hears signals for the rest of the process's life. Fails where the system has no handler to give.
pub fn listen() -> std::io::Result<mpsc::Receiver<Control>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let (controls, heard) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let mut stopping = false;
        loop {
            let control = tokio::select! {
                Some(()) = terminate.recv() => stop(&mut stopping),
                Some(()) = interrupt.recv() => stop(&mut stopping),
                Some(()) = hang_up.recv() => Control::Reload,
                else => return,
            };
            if controls.send(control).await.is_err() {
                return; // Nobody listens any more: the process is about to end.
            }
        }
    });
    Ok(heard)
}

fn stop(stopping: &mut bool) -> Control {
    if std::mem::replace(stopping, true) { Control::StopNow } else { Control::Stop }
}
