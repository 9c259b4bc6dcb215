//! A process among others: what the operating system asks of it, and what it tells its service manager.
//!
//! Turns signals into [`Control`]s and states of ours into systemd's words. Nothing here knows what the process does. A
//! crash says nothing to anybody; the service manager sees it by itself.

mod notify;
mod signals;

pub use notify::{Notifier, RecordingNotifier, ServiceManager, Told};
pub use signals::{Control, listen};
