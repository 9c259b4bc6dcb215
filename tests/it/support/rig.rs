//! The whole pipeline over a real state database, with a provider, a directory and a channel in memory: milliseconds.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a fixture that fails ends its test")]

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use reconnectd::adapters::clock::ManualClock;
use reconnectd::deliver::{DeliverySettings, LEAVE_ALONE_AFTER, PaceLimits};
use reconnectd::domain::{
    AddressKey, ChannelName, EventKind, IdMint, NoticePolicy, QuietHours, ReconnectUrl, RetrySchedule, RunId,
    StormGuard, Timestamp, UserId, from_millis,
};
use reconnectd::languages::Languages;
use reconnectd::pipeline::{Pipeline, Ports, RunError, RunOutcome, RunSettings};
use reconnectd::ports::{Channel, Clock, Provider};
use reconnectd::report::Summary;
use reconnectd::scan::{ScanOptions, UsersPerRequest};
use reconnectd::store::{Store, UserStory};
use reconnectd::telemetry::Metrics;

use super::world::{FakeChannel, FakeDirectory, FakeProvider};
pub use super::world::{Hang, START_MS, World, broken, works};

/// One notice per incident, at once, and nothing that holds it back: what most tests are not about.
pub fn once_only() -> NoticePolicy {
    NoticePolicy {
        ladder: vec![Duration::ZERO],
        dwell: Duration::ZERO,
        dwell_transient: Duration::ZERO,
        digest_window: Duration::ZERO,
        max_per_day: u32::MAX,
        max_per_week: u32::MAX,
        recovered_mail: false,
    }
}

/// Rates that no test meets unless it is about them.
fn unhurried() -> PaceLimits {
    PaceLimits { per_minute: NonZeroU32::MAX, per_domain_per_minute: NonZeroU32::MAX, ramp_up_from: NonZeroU32::MAX }
}

/// A pipeline over the fakes.
pub struct Rig {
    pub world: Arc<World>,
    pub clock: Arc<ManualClock>,
    pub store: Store,
    pub settings: RunSettings,
    pub channels: Vec<&'static str>,
    /// What channels carry besides that something must be reconnected.
    pub carries: HashMap<&'static str, Vec<EventKind>>,
    pub page_size: usize,
    /// Who is asked instead of the world's own accounts.
    pub provider: Option<Arc<dyn Provider>>,
    /// Who mails instead of the channel in memory.
    pub mailer: Option<Arc<dyn Channel>>,
    /// What the pages speak.
    pub languages: Arc<Languages>,
    /// The state database.
    pub url: String,
    /// What its runs count.
    pub metrics: Arc<Metrics>,
    mint: Arc<IdMint>,
    /// Goes when the rig goes.
    folder: Option<tempfile::TempDir>,
}

impl Rig {
    /// Over a new SQLite file, taking no stock first, with mail and one webhook.
    pub async fn new() -> Self {
        let (folder, path) = super::databases::sqlite_path();
        let mut rig = Self::over(&format!("sqlite://{}", path.display())).await;
        rig.folder = Some(folder);
        rig
    }

    /// Over this state database.
    pub async fn over(url: &str) -> Self {
        let store = Store::open(url).await.unwrap();
        store.migrate().await.unwrap();
        let settings = RunSettings {
            scan: ScanOptions { concurrency: 2, users_per_request: UsersPerRequest::Fixed(NonZeroU32::MIN) },
            baseline_first: false,
            dry_run: false,
            reconnect_url: ReconnectUrl::parse("https://app.example.com/{toolkit}").unwrap(),
            retry: RetrySchedule::default(),
            notices: once_only(),
            quiet: QuietHours::off(),
            storm: StormGuard::default(),
            delivery: DeliverySettings {
                pace: unhurried(),
                disable_after: HashMap::new(),
                address_key: AddressKey::new(&"a key of at least thirty-two characters".into()).unwrap(),
                unsubscribe: None,
                links: None,
                leave_alone_after: LEAVE_ALONE_AFTER,
                notices: once_only(),
            },
            holder: "test:1".into(),
            lease_ttl: Duration::from_secs(2),
        };
        Self {
            world: Arc::new(World::default()),
            clock: Arc::new(ManualClock::new(from_millis(START_MS))),
            store,
            settings,
            channels: vec!["email", "webhook:product"],
            carries: HashMap::new(),
            page_size: 2,
            provider: None,
            mailer: None,
            languages: Arc::new(Languages::load(None).unwrap()),
            url: url.to_owned(),
            metrics: Arc::new(Metrics::new()),
            mint: Arc::new(IdMint::new(7)),
            folder: None,
        }
    }

    /// The channels of a run.
    pub fn fake_channels(&self) -> Vec<Arc<dyn Channel>> {
        let channel = |name: &&str| -> Arc<dyn Channel> {
            if let Some(mailer) = self.mailer.as_ref().filter(|mailer| mailer.name().as_str() == *name) {
                return Arc::clone(mailer);
            }
            let mut kinds = self.carries.get(name).cloned().unwrap_or_default();
            kinds.push(EventKind::ReconnectRequested);
            Arc::new(FakeChannel(Arc::clone(&self.world), ChannelName::new(*name), kinds))
        };
        self.channels.iter().map(channel).collect()
    }

    /// A run that is ready to go.
    pub fn pipeline(&self) -> Pipeline {
        let ports = Ports {
            directory: Arc::new(FakeDirectory(Arc::clone(&self.world), self.page_size)),
            provider: self.provider.clone().unwrap_or_else(|| Arc::new(FakeProvider(Arc::clone(&self.world)))),
            channels: self.fake_channels(),
            clock: self.clock.clone(),
            metrics: Arc::clone(&self.metrics),
        };
        let run_id = RunId::new(self.mint.uuid(self.clock.now()));
        Pipeline::new(self.store.clone(), ports, self.settings.clone(), run_id, Arc::clone(&self.mint))
    }

    /// Runs once; it must not find the lease taken.
    pub async fn try_run(&self) -> Result<Summary, RunError> {
        match self.pipeline().run_once().await? {
            RunOutcome::Ran(summary) => Ok(*summary),
            RunOutcome::Stopped(summary) => panic!("stopped: {summary:?}"),
            RunOutcome::HeldElsewhere(held) => panic!("held by {}", held.holder),
        }
    }

    /// Plans and delivers without an audit; it must succeed.
    pub async fn deliver(&self) -> Summary {
        self.pipeline().deliver_only().await.unwrap()
    }

    /// Runs once; it must succeed.
    pub async fn run(&self) -> Summary {
        self.try_run().await.unwrap()
    }

    /// Moves the clock.
    pub fn later(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// The present instant of the rig.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Everything stored about a user.
    pub async fn story(&self, user: &str) -> UserStory {
        let mut work = self.store.begin_read().await.unwrap();
        work.story_of(&UserId::new(user)).await.unwrap().unwrap()
    }
}
