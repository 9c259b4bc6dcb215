//! The progress bar of a scan: users done, rate, time left. On a terminal only; log lines are printed above
//! it, never through it.

use std::io::{self, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar as Bar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing_subscriber::fmt::MakeWriter;

use crate::pipeline::Progress;

const WAITING: &str = "{spinner} {pos}/{len} users";
const MOVING: &str = "{spinner} {pos}/{len} users  {bar:30}  {per_sec}  {eta} left";

/// Standard error, shared by the bar and the log. Off a terminal the bar draws nothing.
#[derive(Clone)]
pub(super) struct ProgressBar(MultiProgress);

impl ProgressBar {
    pub(super) fn new() -> Self {
        // indicatif draws nothing where standard error is not a terminal.
        Self(MultiProgress::with_draw_target(ProgressDrawTarget::stderr()))
    }

    /// Draws what `progress` reports until the returned guard is finished.
    pub(super) fn follow(&self, mut progress: watch::Receiver<Progress>) -> Following {
        let bar = self.0.add(Bar::new(0));
        let style = |template| ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style("{spinner} reading"));
        let drawn = bar.clone();
        let task = tokio::spawn(async move {
            while progress.changed().await.is_ok() {
                let Progress { done, total } = *progress.borrow_and_update();
                // Before the first page there is no rate, and a time left would be made up. Setting a number
                // draws, so the position comes before the style that shows it.
                drawn.set_position(done);
                drawn.set_style(style(if done == 0 { WAITING } else { MOVING }));
                drawn.set_length(total);
            }
        });
        bar.enable_steady_tick(Duration::from_millis(250));
        Following { bar, task }
    }
}

/// A bar that is being drawn.
pub(super) struct Following {
    bar: Bar,
    task: JoinHandle<()>,
}

impl Following {
    /// Takes the bar off the screen.
    pub(super) fn finish(self) {
        self.task.abort();
        self.bar.finish_and_clear();
    }
}

/// Writes one log line with the bar out of the way.
pub(super) struct Above(MultiProgress);

impl Write for Above {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().lock().write(line))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

impl<'a> MakeWriter<'a> for ProgressBar {
    type Writer = Above;

    fn make_writer(&'a self) -> Above {
        Above(self.0.clone())
    }
}
