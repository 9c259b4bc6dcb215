//! What sends scheduled reports in a test, over one state database: the job and the deliverer of processes that have just
//! begun, the channel `report-mail` over a mail server, and what they left in the outbox.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reconnectd::adapters::clock::ManualClock;
use reconnectd::adapters::email::{EmailLimits, EmailSettings, ReportMailChannel};
use reconnectd::deliver::Deliverer;
use reconnectd::domain::{ChannelName, Colour, EmailAddress, IdMint, QuietHours, RunCounters, RunId};
use reconnectd::pipeline::Pace;
use reconnectd::ports::{Channel, Clock as _, Letters};
use reconnectd::report::reconnect::{
    Frame, MailedReports, ReconnectReport, ReportDone, ReportJob, ReportJobError, ReportSettings, StateSlot,
};
use reconnectd::store::{DeliveryFilter, DeliveryRow};
use reconnectd::telemetry::{Metrics, Pulse};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::support::rig::Rig;
use crate::support::world::{FakeDirectory, FakeProvider, World};

/// Each process that begins mints ids of its own.
static SEED: AtomicU64 = AtomicU64::new(1);

pub(super) const READERS: [&str; 3] = ["pm@acme.example", "cs@acme.example", "Böss@büro.example"];

/// What sends reports, over one state database.
pub(super) struct Desk {
    pub(super) raw: Raw,
    pub(super) clock: Arc<ManualClock>,
    pub(super) rig: Rig,
    pub(super) settings: ReportSettings,
}

impl Desk {
    pub(super) async fn over(raw: Raw) -> Self {
        raw.hold(&random(11)).await;
        // What that history left in the outbox is about users and none of ours.
        execute(&raw.url, "UPDATE deliveries SET state = 'cancelled', settled_at = created_at WHERE state = 'pending'")
            .await;
        let settings = ReportSettings {
            period: Duration::from_hours(7 * 24),
            directory: None,
            keep: std::num::NonZeroU32::MIN,
            frame: Frame::file("Acme", Colour::ACCENT),
        };
        Self { raw, clock: Arc::new(ManualClock::new(now())), rig: Rig::new().await, settings }
    }

    pub(super) async fn new() -> Self {
        let (folder, path) = sqlite_path();
        Self::over(Raw::open(format!("sqlite://{}", path.display()), Some(folder)).await).await
    }

    /// A process's channel to these addresses over the server at `address`.
    pub(super) fn channel(&self, address: std::net::SocketAddr, readers: &[&str]) -> Arc<dyn Channel> {
        let slot = StateSlot::default();
        slot.put(self.raw.store.clone());
        channel_of(address, readers, Arc::new(MailedReports::new("Acme".to_owned(), slot)))
    }

    /// The job that was due at `at`, as a process does it that has just begun.
    pub(super) async fn make_at(
        &self,
        channels: &[Arc<dyn Channel>],
        at: Timestamp,
    ) -> Result<ReportDone, ReportJobError> {
        let (mint, run) = (IdMint::new(SEED.fetch_add(1, Ordering::Relaxed)), RunId::new("run-report"));
        let job = ReportJob {
            store: &self.raw.store,
            clock: self.clock.as_ref(),
            mint: &mint,
            channels,
            key: &self.rig.settings.delivery.address_key,
            settings: &self.settings,
            run: &run,
        };
        job.run(at, &CancellationToken::new()).await
    }

    /// The job of this Monday, told on this channel.
    pub(super) async fn make(&self, channel: &Arc<dyn Channel>) {
        let done = self.make_at(&[Arc::clone(channel)], now()).await.unwrap();
        assert!(matches!(done, ReportDone::Made { .. }), "{done:?}");
    }

    /// Sends what is due, as a process does it that has just begun.
    pub(super) async fn deliver(&self, channel: &Arc<dyn Channel>) -> RunCounters {
        let world = Arc::new(World::default());
        let deliverer = Deliverer {
            store: self.raw.store.clone(),
            directory: Arc::new(FakeDirectory(Arc::clone(&world), 10)),
            provider: Arc::new(FakeProvider(world)),
            channels: vec![Arc::clone(channel)],
            clock: self.clock.clone(),
            mint: Arc::new(IdMint::new(SEED.fetch_add(1, Ordering::Relaxed))),
            reconnect_url: self.rig.settings.reconnect_url.clone(),
            retry: self.rig.settings.retry,
            quiet: QuietHours::off(),
            settings: self.rig.settings.delivery.clone(),
            pace: Arc::new(Mutex::new(Pace::new(self.rig.settings.delivery.pace))),
            run: RunId::new("run-deliver"),
            stop: CancellationToken::new(),
            metrics: Arc::new(Metrics::new()),
            pulse: Arc::new(Pulse::default()),
            refused: Mutex::new(HashMap::new()),
        };
        let mut counters = RunCounters::default();
        // The operator's alone, as where the provider refuses our key: the report needs no provider.
        Arc::new(deliverer).deliver_events(&mut counters).await.unwrap();
        counters
    }

    /// The report's deliveries, oldest first.
    pub(super) async fn outbox(&self) -> Vec<DeliveryRow> {
        let filter = DeliveryFilter {
            states: vec!["pending", "delivered", "dead", "cancelled"],
            channel: Some(ChannelName::new("report-mail")),
            limit: 100,
            ..DeliveryFilter::default()
        };
        let mut rows = self.raw.store.begin_read().await.unwrap().deliveries(&filter).await.unwrap();
        rows.reverse();
        rows
    }

    pub(super) async fn states(&self) -> Vec<String> {
        let mut states: Vec<String> = self.outbox().await.into_iter().map(|row| row.state).collect();
        states.sort();
        states
    }

    /// The report as the command makes it at the moment the job did.
    pub(super) async fn report(&self) -> ReconnectReport {
        let period = Period { from: now() - TimeDelta::days(7), to: now() };
        reconnect_report(&self.raw.store, period, self.clock.now()).await.unwrap()
    }
}

/// A process's channel to these addresses over the server at `address`, with letters from wherever.
pub(super) fn channel_of(
    address: std::net::SocketAddr,
    readers: &[&str],
    letters: Arc<dyn Letters>,
) -> Arc<dyn Channel> {
    // Another test may have installed it first; either way it is there.
    drop(rustls::crypto::ring::default_provider().install_default());
    let settings = EmailSettings {
        url: format!("smtp://{address}?tls=none").into(),
        from: "Acme <no-reply@acme.example>".to_owned(),
        reply_to: None,
        product: "Acme".to_owned(),
        list_id: None,
        templates: None,
        notices: 5,
        limits: EmailLimits { handshake: Duration::from_secs(5), ..EmailLimits::default() },
    };
    let readers = readers.iter().map(|text| EmailAddress::parse(text).unwrap()).collect();
    Arc::new(ReportMailChannel::new(settings, readers, letters).unwrap())
}

/// Everything the state database holds in words of ours.
pub(super) async fn stored_words(raw: &Raw) -> String {
    let filter = DeliveryFilter {
        states: vec!["pending", "delivered", "dead", "cancelled"],
        channel: Some(ChannelName::new("report-mail")),
        limit: 100,
        ..DeliveryFilter::default()
    };
    let mut work = raw.store.begin_read().await.unwrap();
    let mut words = String::new();
    for row in work.deliveries(&filter).await.unwrap() {
        write!(words, "{:?}", work.story_of_delivery(&row.id).await.unwrap()).unwrap();
    }
    words + &format!("{:?}", work.channel_states().await.unwrap())
}

pub(super) fn envelope(mail: &str) -> String {
    header(mail, "X-RcptTo")
}

pub(super) fn header(mail: &str, name: &str) -> String {
    let line = mail.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
    line.unwrap().trim().to_owned()
}
