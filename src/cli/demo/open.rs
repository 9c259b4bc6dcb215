//! `demo --serve`: after the story the pages stay open, so that one clicks from the mail to the report.
//!
//! Everything is on this host: the pages, the simulator as the provider, the report (which is open to this host alone,
//! as its people are made up). From the story's end on its clock is the system's. Ends with Ctrl-C or SIGTERM.

use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use url::Url;

use super::ending;
use super::stage::Stage;
use crate::adapters::clock::SystemClock;
use crate::cli::output;
use crate::http::{Access, ReportSite, Server};
use crate::ports::Clock as _;

/// Whom the reader plays: Slack refused to go on, both mails went out, and he gave up half-way through reconnecting once.
const PLAYED: &str = "finn";

/// How often the demo's clock is set by the system's.
const TICK: Duration = Duration::from_millis(100);

/// An address that is taken, and not answered yet.
pub(super) struct Doors {
    listener: TcpListener,
    url: Url,
}

impl Doors {
    /// A free port of this host.
    pub(super) async fn take() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = Url::parse(&format!("http://{}", listener.local_addr()?))?;
        Ok(Self { listener, url })
    }

    /// Where the pages will be.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Answers until somebody presses Ctrl-C.
    pub(super) async fn open(self, stage: &Stage) -> anyhow::Result<()> {
        // Heard before anybody is told to press it.
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let app = stage.app();
        let mut site = app.site(stage.store(), None).await?;
        site.report = Some(ReportSite { access: Access::ThisHost, period: app.config.report.period });
        let server = Server::on(self.listener, site)?;
        let mail = ending::unfold_mail(stage, PLAYED)?;
        output::result(&steps(&mail.display().to_string(), &self.url));
        let stop = async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        tokio::select! {
            () = server.run(stop) => {}
            () = keep_time(stage) => {}
        }
        output::result("Closed.");
        Ok(())
    }
}

/// The story's clock goes on as the system's. Does not end.
async fn keep_time(stage: &Stage) {
    loop {
        // Never backwards: what the story tells of has happened.
        stage.clock().set(stage.clock().now().max(SystemClock.now()));
        tokio::time::sleep(TICK).await;
    }
}

fn steps(mail: &str, pages: &Url) -> String {
    format!(
        "\nNow you are {PLAYED}, whose Slack stopped working. In a browser on this host:\n\
         \x20 1. the mail      file://{mail}\n\
         \x20 2. its button    opens our page under {pages}r/…; press \"Reconnect Slack\"\n\
         \x20 3. the provider  the simulator's connect page; press \"Approve\"\n\
         \x20 4. back          our page says \"Slack is connected again\"\n\
         \x20 5. the report    {pages}report counts {PLAYED} as back (figures may be a minute old)\n\
         Ctrl-C closes the pages."
    )
}
