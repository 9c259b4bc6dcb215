//! The life of one daemon: what happens to it, in an order that follows from a seed.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use reconnectd::app::App;
use reconnectd::config::{self, Config, Fingerprint};
use reconnectd::daemon::{self, Audit, Background, Body, Deliver, End, Report, Retention, Setup};
use reconnectd::domain::{IdMint, RunId, Timestamp, UserId};
use reconnectd::http::monitor::{self, Monitor};
use reconnectd::lifecycle::Control;
use reconnectd::ports::Clock;
use reconnectd::simulator::{Population, Simulator, SimulatorOptions, write_directory};
use reconnectd::telemetry::Pulse;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::assembly::{Alone, Counted, SoakAssembly};
use super::clock::{FastAlarm, FastClock, PATIENCE};
use super::watch::{Entry, Journal, Watch, resident_kib, tasks};
use crate::support::databases::postgres_database;
use crate::support::proxy::Proxy;
use crate::support::sink::Sink;
use crate::support::smtp_faults::FaultySmtp;

const USERS: u64 = 40;
/// Before the clocks go back in Warsaw.
const START: &str = "2026-10-23T05:00:00Z";
/// By then everything has been used once, and what it keeps it has.
const WARM_AFTER_DAYS: i64 = 2;
/// So long the clock stands still while a daemon starts: connecting takes real time.
const START_PATIENCE: Duration = Duration::from_secs(5);
/// Nothing that is waited for takes longer.
const LIMIT: Duration = Duration::from_mins(1);

pub struct Life {
    pub clock: Arc<FastClock>,
    dice: fastrand::Rng,
    simulator: Simulator,
    pub sink: Sink,
    pub mail: FaultySmtp,
    state: Proxy,
    mail_network: Proxy,
    hook_network: Proxy,
    directory_away: Arc<AtomicBool>,
    /// Past the network that is cut.
    pub admin: PgConnection,
    pub config: Config,
    fingerprint: Fingerprint,
    running: Option<Running>,
    pub starts: u32,
    journal: Journal,
    pub start: Timestamp,
    /// Tasks of the world around the daemon.
    pub tasks_before: usize,
    /// Memory when it is warm.
    pub resident: u64,
    /// Names of the families of metrics that were scraped.
    pub families: BTreeSet<String>,
    _folder: tempfile::TempDir,
}

struct Running {
    monitor: SocketAddr,
    controls: mpsc::Sender<Control>,
    task: JoinHandle<End>,
}

fn configuration(folder: &std::path::Path, state: &str, mail: &Proxy, hook: &Proxy, simulator: &Simulator) -> String {
    format!(
        "[state]\nurl = \"{state}\"\n\
         [directory]\nurl = \"sqlite://{}\"\ntable = \"users\"\nid = \"id\"\nemail = \"email\"\npage_size = 10\n\
         [composio]\nbase_url = \"{}\"\napi_key = \"ak_simulator\"\nrequests_per_minute = 100000\nreserve = 0.0\n\
         max_attempts = 1\ntimeout_connect = \"1s\"\ntimeout_total = \"2s\"\n\
         [reconnect]\nurl = \"https://app.example.com/{{toolkit}}\"\nproduct = \"Acme\"\n\
         [policy]\nfirst_run = \"notify\"\n[storm]\nshare = 1.0\n\
         [email]\nurl = \"smtp://{}?tls=none\"\nfrom = \"Acme <no-reply@acme.example>\"\nmax_per_minute = 100000\n\
         max_per_domain_per_minute = 100000\nramp_up_from = 100000\n\
         [[webhook]]\nname = \"product\"\nurl = \"http://{}/\"\nallow_private = true\n\
         secret = \"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"\ndisable_after = \"30d\"\n\
         [schedule]\ntimezone = \"Europe/Warsaw\"\naudit = \"17 */2 * * *\"\naudit_jitter = \"20m\"\n\
         deliver = \"0 * * * *\"\nreport = \"30 2 * * *\"\nretention = \"40 3 * * *\"\ncatch_up = \"5h\"\n\
         [daemon]\ndrain_timeout = \"2s\"\n[report]\ndirectory = \"{}\"\n",
        folder.join("product.db").display(),
        simulator.base_url(),
        mail.address(),
        hook.address(),
        folder.join("reports").display(),
    )
}

impl Life {
    pub async fn begin(seed: u64, watch: &Watch) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let start: Timestamp = START.parse().unwrap();
        let clock = FastClock::new(start);
        let population = Population::new(USERS, seed, start);
        write_directory(&folder.path().join("product.db"), &population).await.unwrap();
        let mut options = SimulatorOptions::new(Arc::clone(&clock) as Arc<dyn Clock>);
        options.population = Some(population);
        let simulator = Simulator::start(options).await.unwrap();
        let (sink, mail) = (Sink::start().await, FaultySmtp::start(&[]).await);
        let (mail_network, hook_network) = (Proxy::to(mail.address()).await, Proxy::to(sink.address()).await);
        let mut url: url::Url = postgres_database().await.parse().unwrap();
        let admin = PgConnection::connect(url.as_str()).await.unwrap();
        let port = url.port().unwrap_or(5432);
        let state = Proxy::to(std::net::SocketAddr::from(([127, 0, 0, 1], port))).await;
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(state.address().port())).unwrap();
        let file = folder.path().join("r.toml");
        std::fs::write(&file, configuration(folder.path(), url.as_str(), &mail_network, &hook_network, &simulator))
            .unwrap();
        let (config, fingerprint) = config::load_comparable(Some(&file), std::iter::empty()).unwrap();
        Self {
            clock,
            dice: fastrand::Rng::with_seed(seed),
            simulator,
            sink,
            mail,
            state,
            mail_network,
            hook_network,
            directory_away: Arc::default(),
            admin,
            config,
            fingerprint,
            running: None,
            starts: 0,
            journal: Arc::clone(&watch.journal),
            start,
            tasks_before: tasks(),
            resident: 0,
            families: BTreeSet::new(),
            _folder: folder,
        }
    }

    /// Starts the daemon, and returns when every job has looked at its schedule.
    async fn start_daemon(&mut self) {
        self.starts += 1;
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let mint = Arc::new(IdMint::new(u64::from(self.starts)));
        let pulse = Arc::new(Pulse::default());
        let app = App::over(self.config.clone(), Arc::clone(&clock), Arc::clone(&mint), RunId::new("soak"));
        let (metrics, truth) = (Arc::clone(&app.metrics), Arc::clone(&app.truth));
        let listener = monitor::listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let what = Monitor { metrics: Arc::clone(&metrics), truth, pulse: Arc::clone(&pulse) };
        let server = monitor::on(listener, what).unwrap();
        let monitor = server.address();
        let server: Background = Box::new(move |stop| Box::pin(async move { server.run(stop.cancelled()).await }));
        let bodies: Vec<Arc<dyn Body>> =
            vec![self.counted(Audit), self.counted(Deliver), self.counted(Report), self.counted(Retention)];
        let assembly = SoakAssembly { app, away: Arc::clone(&self.directory_away), pulse: Arc::clone(&pulse) };
        let setup = Setup {
            config: self.config.clone(),
            fingerprint: self.fingerprint.clone(),
            assembly: Arc::new(assembly),
            bodies,
            clock,
            alarm: Arc::new(FastAlarm(Arc::clone(&self.clock))),
            notifier: Arc::new(Alone),
            pulse,
            metrics,
            mint,
            holder: format!("soak:{}", self.starts),
            servers: vec![server],
        };
        let before = self.clock.alarms_set();
        let (controls, heard) = mpsc::channel(4);
        self.running = Some(Running { monitor, controls, task: tokio::spawn(daemon::run(setup, heard)) });
        self.looked_since(before, START_PATIENCE).await;
        self.clock.go();
    }

    fn counted<B: Body + 'static>(&self, body: B) -> Arc<dyn Body> {
        Arc::new(Counted { body, journal: Arc::clone(&self.journal), clock: Arc::clone(&self.clock) })
    }

    /// Waits until every job has set its alarm anew; the clock stands still meanwhile. A job that pauses before it tries
    /// again sets none: it goes on when the clock does.
    async fn looked_since(&self, before: u64, patience: Duration) {
        let looked = async {
            while self.clock.alarms_set() < before + 4 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        // In time or not: what matters is that whoever can look has.
        let _ = tokio::time::timeout(patience, looked).await;
    }

    fn note(&self, entry: Entry) {
        self.journal.lock().unwrap().push(entry);
    }

    async fn kill(&mut self) {
        self.clock.stop();
        let running = self.running.take().unwrap();
        running.task.abort();
        // Aborted, or it had just ended.
        let _ = running.task.await;
        // What the server was doing for it when it died, it finishes.
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.note(Entry::Ended);
        self.lapse().await;
    }

    /// The leases of the dead lapse: by the database's clock, which is not fast, that would take a week.
    async fn lapse(&mut self) {
        for statement in [
            "UPDATE leases SET expires_at = 0",
            "UPDATE deliveries SET lease_expires_at = 0 WHERE lease_expires_at IS NOT NULL",
        ] {
            sqlx::query(statement).execute(&mut self.admin).await.unwrap();
        }
    }

    /// Asks it to stop; it must do so by itself. Returns since when nothing is begun any more.
    pub async fn stop(&mut self) -> Timestamp {
        let from = self.clock.now();
        let running = self.running.take().unwrap();
        running.controls.send(Control::Stop).await.unwrap();
        let end = tokio::time::timeout(LIMIT, running.task).await.expect("it does not stop").unwrap();
        assert!(matches!(end, End::Stopped | End::CutOff), "{end:?}");
        self.note(Entry::Ended);
        self.clock.stop();
        from
    }

    pub async fn live(&mut self, days: i64) {
        self.start_daemon().await;
        for day in 1..=days {
            for _ in 0..6 {
                self.hours_pass(4).await;
                if self.dice.bool() {
                    self.all_is_well();
                }
                self.something_happens().await;
                assert!(!self.running.as_ref().unwrap().task.is_finished(), "the daemon ended by itself");
            }
            self.all_is_well();
            self.scrape().await;
            println!("soak: day {day} over at {}, {} KiB, {} tasks", self.clock.now(), resident_kib(), tasks());
            if day == days.min(WARM_AFTER_DAYS) {
                self.resident = resident_kib();
            }
        }
    }

    async fn scrape(&mut self) {
        let url = format!("http://{}/metrics", self.running.as_ref().unwrap().monitor);
        #[expect(
            clippy::disallowed_methods,
            reason = "the scrape of a monitor of our own; the soak has a limit of its own"
        )]
        let text = reqwest::get(url).await.unwrap().text().await.unwrap();
        self.families.extend(families(&text));
    }

    /// Lets the clock run.
    pub async fn hours_pass(&mut self, hours: i64) {
        let until = self.clock.now() + TimeDelta::hours(hours);
        while self.clock.now() < until {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn something_happens(&mut self) {
        self.people_break_and_mend_things();
        match self.dice.u8(0..11) {
            0 => self.simulator.change(|settings| settings.faults.rate_5xx = 1.0),
            1 => self.simulator.change(|settings| {
                (settings.faults.rate_reset, settings.faults.rate_html) = (0.3, 0.3);
            }),
            2 => self.directory_away.store(true, Ordering::SeqCst),
            3 => self.mail_network.cut(),
            4 => self.hook_network.cut(),
            5 => self.state_database_is_away().await,
            6 => {
                self.kill().await;
                let hours = self.dice.i64(0..14);
                self.clock.jump(TimeDelta::minutes(hours * 60 + 7));
                self.start_daemon().await;
            }
            7 => {
                self.stop().await;
                self.clock.jump(TimeDelta::minutes(self.dice.i64(1..200)));
                self.start_daemon().await;
            }
            8 | 9 => self.clock_jumps().await,
            _ => self.all_is_well(),
        }
    }

    async fn clock_jumps(&mut self) {
        let minutes = self.dice.i64(-300..600);
        if minutes < 0 {
            self.note(Entry::SetBack);
        }
        self.clock.stop();
        let before = self.clock.alarms_set();
        self.clock.jump(TimeDelta::minutes(minutes));
        self.looked_since(before, PATIENCE).await;
        self.clock.go();
    }

    async fn state_database_is_away(&mut self) {
        self.state.cut();
        tokio::time::sleep(Duration::from_millis(self.dice.u64(50..600))).await;
        self.state.restore();
    }

    fn people_break_and_mend_things(&mut self) {
        for _ in 0..2 {
            let user = UserId::new(format!("user_{:08}", self.dice.u64(0..USERS)));
            let status = if self.dice.bool() { "EXPIRED" } else { "ACTIVE" };
            for account in self.simulator.world().accounts_of(&user) {
                self.simulator.world().set_status(&account.id, status, None);
            }
        }
    }

    pub fn all_is_well(&self) {
        self.simulator.change(|settings| settings.faults = reconnectd::simulator::Faults::default());
        self.directory_away.store(false, Ordering::SeqCst);
        self.mail_network.restore();
        self.hook_network.restore();
    }
}

/// The names of the families of a scrape: those that are announced, and those of samples.
fn families(text: &str) -> BTreeSet<String> {
    let of_line = |line: &str| {
        let sample = line.split(['{', ' ']).next().unwrap_or_default();
        match line.strip_prefix("# ") {
            Some("EOF") => None,
            Some(about) => about.split(' ').nth(1).map(str::to_owned),
            None => Some(
                ["_total", "_bucket", "_sum", "_count"]
                    .iter()
                    .fold(sample, |name, end| name.strip_suffix(end).unwrap_or(name))
                    .to_owned(),
            ),
        }
    };
    text.lines().filter_map(of_line).collect()
}
