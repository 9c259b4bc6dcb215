//! The control loop: starts everything, hears signals, reloads, tells the service manager, and ends everything.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::board::Board;
use super::body::{Failure, FailureKind};
use super::connecting::{Connecting, Ready};
use super::job::{Job, Shared};
use super::parts::Parts;
use super::{Background, End, Setup, Trouble, reload};
use crate::config::Config;
use crate::domain::scrub;
use crate::lifecycle::{Control, Told};
use crate::schedule::{Claims, Timetable};
use crate::telemetry::events;
use crate::telemetry::metrics::ReloadOutcome;

/// How often the status line is written where no watchdog asks for more.
const STATUS_EVERY: Duration = Duration::from_secs(5);

/// The daemon, running.
pub(super) struct Daemon {
    pub(super) setup: Setup,
    pub(super) config: Arc<Config>,
    pub(super) board: Arc<Board>,
    /// Asks the jobs to stop.
    pub(super) stop: CancellationToken,
    /// Asks the servers to stop, after the jobs.
    pub(super) close: CancellationToken,
    pub(super) servers: JoinSet<()>,
    pub(super) jobs: JoinSet<()>,
    pub(super) at_work: Option<AtWork>,
    /// Where jobs say what ends the process.
    pub(super) fatals: mpsc::Receiver<Failure>,
    fatal: mpsc::Sender<Failure>,
    timetable: watch::Sender<Arc<Timetable>>,
    said: Option<String>,
    stalled: bool,
}

/// What there is once everything was reached.
pub(super) struct AtWork {
    pub parts: Arc<Parts>,
    pub claims: Claims,
}

impl Daemon {
    pub(super) fn new(setup: Setup) -> Self {
        let config = Arc::new(setup.config.clone());
        let timetable = watch::Sender::new(Arc::new(config.schedule.clone()));
        let (fatal, fatals) = mpsc::channel(setup.bodies.len().max(1));
        Self {
            setup,
            config,
            board: Arc::default(),
            stop: CancellationToken::new(),
            close: CancellationToken::new(),
            servers: JoinSet::new(),
            jobs: JoinSet::new(),
            at_work: None,
            fatals,
            fatal,
            timetable,
            said: None,
            stalled: false,
        }
    }

    pub(super) async fn run(mut self, mut controls: mpsc::Receiver<Control>) -> End {
        let servers = std::mem::take(&mut self.setup.servers);
        self.serve(servers);
        self.setup.notifier.tell(&Told::Ready);
        tracing::info!(event = events::DAEMON_STARTED, holder = %self.setup.holder, "The daemon began.");
        let mut connecting = self.connecting();
        let mut tick = interval(self.tick());
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let connects = self.at_work.is_none();
            tokio::select! {
                // In this order: a job says why it ends the process before its loop ends.
                biased;
                control = controls.recv() => match control {
                    Some(Control::Reload) => {
                        if self.reload().await && connects {
                            connecting = self.connecting();
                        }
                    }
                    Some(Control::StopNow) => return Self::at_once(),
                    Some(Control::Stop) | None => return self.drain(&mut controls).await,
                },
                connected = &mut connecting, if connects => match connected {
                    Ok(Ok(ready)) => self.begin(ready),
                    Ok(Err(trouble)) => return self.fail(trouble_words(&trouble), &mut controls).await,
                    // A panic while connecting: as good as not reached.
                    Err(_) => connecting = self.connecting(),
                },
                Some(failure) = self.fatals.recv() => return self.fail(failure, &mut controls).await,
                Some(ended) = self.jobs.join_next() => {
                    return self.fail(Self::broken("the loop of a job", ended), &mut controls).await;
                }
                Some(ended) = self.servers.join_next() => {
                    return self.fail(Self::broken("a server", ended), &mut controls).await;
                }
                _ = tick.tick() => self.tell(),
            }
        }
    }

    fn connecting(&self) -> AbortOnDropHandle<Result<Ready, Trouble>> {
        let connecting = Connecting {
            assembly: Arc::clone(&self.setup.assembly),
            config: Arc::clone(&self.config),
            clock: Arc::clone(&self.setup.clock),
            mint: Arc::clone(&self.setup.mint),
            holder: self.setup.holder.clone(),
            board: Arc::clone(&self.board),
        };
        AbortOnDropHandle::new(tokio::spawn(connecting.connect()))
    }

    fn serve(&mut self, servers: Vec<Background>) {
        for server in servers {
            self.servers.spawn(server(self.close.clone()));
        }
    }

    /// Everything is reached: the jobs begin.
    fn begin(&mut self, ready: Ready) {
        let Ready { connected, claims, seed } = ready;
        self.serve(connected.servers);
        for body in &self.setup.bodies {
            let shared = Shared {
                parts: Arc::clone(&connected.parts),
                claims: claims.clone(),
                seed: seed.clone(),
                timetable: self.timetable.subscribe(),
                alarm: Arc::clone(&self.setup.alarm),
                board: Arc::clone(&self.board),
                stop: self.stop.clone(),
                fatal: self.fatal.clone(),
            };
            self.jobs.spawn(Job { shared, body: Arc::clone(body) }.follow());
        }
        self.at_work = Some(AtWork { parts: connected.parts, claims });
        self.tell();
    }

    /// Often enough for the watchdog, which wants to hear of life twice as often as it would act.
    fn tick(&self) -> Duration {
        self.setup.notifier.watchdog().map_or(STATUS_EVERY, |limit| (limit / 2).min(STATUS_EVERY)).max(SHORTEST_TICK)
    }

    /// The status line where it changed, and a sign of life while work moves.
    pub(super) fn tell(&mut self) {
        let stalled = self.setup.pulse.stalled(Instant::now());
        match stalled {
            Some(silent) if !self.stalled => tracing::error!(
                event = events::DAEMON_STALLED,
                silent_s = silent.as_secs(),
                doing = self.board.sentence(),
                "Work has made no progress for so long; the service manager is not told that it lives until it does."
            ),
            _ => {}
        }
        self.stalled = stalled.is_some();
        if !self.stalled && self.setup.notifier.watchdog().is_some() {
            self.setup.notifier.tell(&Told::Alive);
        }
        self.say(self.board.sentence());
    }

    pub(super) fn say(&mut self, sentence: String) {
        if self.said.as_ref() != Some(&sentence) {
            self.setup.notifier.tell(&Told::Status(sentence.clone()));
            self.said = Some(sentence);
        }
    }

    /// Reads the configuration anew; says whether anything is different now.
    async fn reload(&mut self) -> bool {
        self.setup.notifier.tell(&Told::Reloading);
        let changed = self.read_anew().await;
        let outcome = if changed.is_some() { ReloadOutcome::Applied } else { ReloadOutcome::Refused };
        self.setup.metrics.config_reloaded(outcome);
        self.setup.notifier.tell(&Told::Ready);
        self.said = None;
        self.tell();
        changed.unwrap_or(false)
    }

    /// None where it is refused; else whether anything is different now.
    async fn read_anew(&mut self) -> Option<bool> {
        let (fresh, fingerprint) = match self.setup.assembly.reread() {
            Ok(read) => read,
            Err(error) => {
                refused(&error.to_string());
                return None;
            }
        };
        let changed = fingerprint.changed(&self.setup.fingerprint);
        let (waiting, applied): (Vec<String>, Vec<String>) =
            changed.into_iter().partition(|key| reload::needs_restart(key));
        let merged = reload::merged(&self.config, fresh);
        if let Err(words) = self.put_in_use(&merged).await {
            refused(&words);
            return None;
        }
        self.config = Arc::new(merged);
        // What needs a restart stays as it was, and is named again by the next reload.
        self.setup.fingerprint = fingerprint.keeping(&self.setup.fingerprint, reload::needs_restart);
        self.timetable.send_if_modified(|timetable| {
            let differs = **timetable != self.config.schedule;
            *timetable = Arc::new(self.config.schedule.clone());
            differs
        });
        let (changed, needs_restart) = (applied.join(", "), waiting.join(", "));
        if waiting.is_empty() {
            tracing::info!(
                event = events::CONFIG_RELOADED,
                changed,
                needs_restart,
                "The configuration was read anew and is in use."
            );
        } else {
            tracing::warn!(
                event = events::CONFIG_RELOADED,
                changed,
                needs_restart,
                "The configuration was read anew and is in use, but for the keys that need a restart."
            );
        }
        Some(!applied.is_empty())
    }

    /// Everything or nothing: what can fail comes before what changes anything.
    async fn put_in_use(&self, config: &Config) -> Result<(), String> {
        let failed = |failure: Failure| failure.words;
        if let Some(at_work) = &self.at_work {
            let change = self.setup.assembly.prepare(config, &at_work.parts).map_err(failed)?;
            if config.schedule != self.config.schedule {
                let fresh = self.setup.mint.uuid(self.setup.clock.now());
                let begun = timeout(WRITE_LIMIT, at_work.claims.begin(&config.schedule, &fresh)).await;
                let begun = begun.map_err(|_| "the state database did not answer in time; reload again".to_owned())?;
                begun.map_err(|error| crate::domain::causes(&error))?;
            }
            change().map_err(failed)?;
        }
        self.setup.assembly.apply_log(config).map_err(failed)
    }

    /// A part of the daemon that never ends by itself did: so nobody does its work any more, and whoever watches over the
    /// process is to start it anew.
    fn broken(what: &str, ended: Result<(), JoinError>) -> Failure {
        let why = ended.err().map(|panic| format!(": {panic}")).unwrap_or_default();
        Failure { class: FailureKind::Passing, words: scrub(&format!("{what} ended by itself{why}"), MOST_WORDS) }
    }
}

/// A reload waits so long for the state database; signals wait meanwhile.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// The longest reason of an end that is logged.
const MOST_WORDS: usize = 500;

/// A watchdog that wants to hear of life more often than this is not served.
const SHORTEST_TICK: Duration = Duration::from_millis(50);

fn refused(problems: &str) {
    for problem in problems.lines().filter(|line| !line.trim().is_empty()) {
        tracing::error!(event = events::CONFIG_RELOAD_REFUSED, error = problem, "The configuration stays as it was.");
    }
}

fn trouble_words(trouble: &Trouble) -> Failure {
    Failure { class: trouble.failure.class, words: format!("{}: {}", trouble.with, trouble.failure.words) }
}
