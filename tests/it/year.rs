//! A year in a second: a dozen users live through breakages and reconnects, storms, quiet time in several time zones
//! over two daylight-saving changes, outages, silences, unsubscribes and refusals, with runs at irregular instants.
//! After each run, what left and what is thought of every open incident must be exactly what the model says.
//!
//! Everything follows from a seed, which a failure names. `RECONNECTD_TEST_YEARS` asks for so many years,
//! `RECONNECTD_TEST_YEAR` for the one of a seed. What is left out: jitter (its own table in `src/domain/quiet_tests.rs`;
//! the spread is 0 here), sending rates, and channels that are stopped or disabled.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a step that fails ends its test; the numbers are shown")]

mod life;
mod model;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{NaiveTime, TimeDelta};
use reconnectd::domain::{
    AddressKey, AuthConfigId, EmailAddress, EventKind, FailureClass, NoticeKind, NoticePolicy, OperatorEvent,
    OperatorSilence, QuietHours, ReasonHint, RetrySchedule, SilenceId, SilenceScope, Status, StormGuard,
    SuppressionCause, ToolkitSlug, UserId, from_millis,
};
use reconnectd::ports::{ProviderError, SendError};
use reconnectd::store::BaselineRelease;
use sqlx::{Connection as _, Row as _, SqliteConnection};

use self::life::{Event, Outage, Place, Rules, TOOLKITS, ZONES};
use self::model::{Instant, Model, Outcome, State, auth_config, name};
use crate::support::rig::{Rig, START_MS, broken, works};

/// Years lived where nothing else is asked for.
const YEARS: u64 = 3;

struct Year {
    seed: u64,
    rig: Rig,
    model: Model,
    state: SqliteConnection,
    refusing: BTreeSet<String>,
    silences: u32,
    sends: usize,
    runs: usize,
    /// How often each thing was met, so that a year in which nothing happens is noticed.
    met: BTreeMap<String, usize>,
}

impl Year {
    async fn new(seed: u64, rules: Rules) -> Self {
        let mut rig = Rig::new().await;
        let model = Model::new(rules.clone());
        configure(&mut rig, &rules);
        let state = SqliteConnection::connect(&rig.url).await.unwrap();
        for user in 0..life::USERS {
            for toolkit in 0..TOOLKITS.len() {
                rig.world.put(account((user, toolkit), "0"));
            }
        }
        Self {
            seed,
            rig,
            model,
            state,
            refusing: BTreeSet::new(),
            silences: 0,
            sends: 0,
            runs: 0,
            met: BTreeMap::new(),
        }
    }

    fn join(&mut self, user: usize) {
        self.model.people[user].here = true;
        self.rig.world.user_at(&name(user), &format!("{}@example.com", name(user)), ZONES[user % ZONES.len()]);
    }

    async fn happen(&mut self, event: Event, at: Instant) {
        match event {
            Event::Break(place, transient) => self.break_down(place, transient, at),
            Event::HealInPlace(place) if self.model.is_broken(place) => self.works(place, at),
            Event::Reconnect(place) if self.model.is_broken(place) => self.connect(place, at),
            Event::Connect(place) if self.model.link(place).now == State::Absent => self.connect(place, at),
            Event::GiveUp(place) => self.give_up(place, at),
            Event::Remove(place) if self.model.is_broken(place) => self.remove(place),
            Event::Join(user) => self.join(user),
            Event::Leave(user) => {
                self.model.people[user].here = false;
                self.rig.world.forget(&name(user));
            }
            Event::Unsubscribe(user) => self.unsubscribe(user, at).await,
            Event::Refuse(user) => {
                self.model.people[user].refuses = true;
                self.refusing.insert(name(user));
                self.channels();
            }
            Event::Silence(user, toolkit, minutes) => self.silence(user, toolkit, minutes, at).await,
            Event::EndSilences => self.end_silences(at).await,
            Event::Decide(release) => self.decide(release, at).await,
            Event::ReleaseBaseline(per_day) => {
                self.model.release_baseline(per_day);
                let mut work = self.rig.store.begin().await.unwrap();
                work.set_baseline_release(&BaselineRelease::new(per_day, "op".into(), at)).await.unwrap();
                work.commit().await.unwrap();
            }
            Event::Provider(outage) => self.provider(outage),
            Event::Mail(up) => {
                self.model.mail_up = up;
                self.channels();
            }
            Event::Hook(up) => {
                self.model.hook_up = up;
                self.channels();
            }
            Event::Run => self.run(at).await,
            Event::HealInPlace(_) | Event::Reconnect(_) | Event::Connect(_) | Event::Remove(_) => {}
        }
    }

    fn break_down(&mut self, place: Place, transient: bool, at: Instant) {
        if !self.model.can_break(place) {
            return;
        }
        let link = self.model.link(place);
        link.now = State::Broken { transient, since: at };
        let id = account_id(place, link.accounts.last().unwrap());
        self.rig.world.change(&name(place.0), &id, |account| {
            *account = broken(account.clone(), at);
            account.reason = if transient { ReasonHint::Transient } else { ReasonHint::RefreshRefused };
        });
    }

    fn works(&mut self, place: Place, at: Instant) {
        let link = self.model.link(place);
        link.now = State::Works;
        let id = account_id(place, link.accounts.last().unwrap());
        self.rig.world.change(&name(place.0), &id, |account| {
            (account.status, account.reason, account.updated_at) = (Status::Active, ReasonHint::None, Some(at));
        });
    }

    fn connect(&mut self, place: Place, at: Instant) {
        let link = self.model.link(place);
        let id = link.made.to_string();
        link.now = State::Works;
        link.made += 1;
        link.connected(id.clone());
        let mut new = account(place, &id);
        (new.created_at, new.updated_at) = (Some(at), Some(at));
        self.rig.world.put(new);
    }

    /// A connect attempt that is not finished leaves an EXPIRED account behind and changes nothing else.
    fn give_up(&mut self, place: Place, at: Instant) {
        let mut attempt = account(place, &format!("attempt_{}", at.timestamp()));
        (attempt.created_at, attempt.updated_at) = (Some(at - TimeDelta::minutes(10)), Some(at));
        (attempt.status, attempt.reason) = (Status::Expired, ReasonHint::NeverCompleted);
        self.rig.world.put(attempt);
    }

    fn remove(&mut self, place: Place) {
        let link = self.model.link(place);
        link.now = State::Absent;
        for id in std::mem::take(&mut link.accounts) {
            self.rig.world.remove(&name(place.0), &account_id(place, &id));
        }
    }

    async fn unsubscribe(&mut self, user: usize, at: Instant) {
        self.model.unsubscribe(user);
        let address = EmailAddress::parse(&format!("{}@example.com", name(user))).unwrap();
        let hash = self.address_key().hash(&address);
        let mut work = self.rig.store.begin().await.unwrap();
        work.suppress(&hash, SuppressionCause::Unsubscribed, None, at).await.unwrap();
        work.commit().await.unwrap();
    }

    fn address_key(&self) -> &AddressKey {
        &self.rig.settings.delivery.address_key
    }

    async fn silence(&mut self, user: Option<usize>, toolkit: Option<usize>, minutes: i64, at: Instant) {
        let until = at + TimeDelta::minutes(minutes);
        self.model.silence(user, toolkit, until);
        self.silences += 1;
        let scope = SilenceScope::new(
            user.map(|user| UserId::new(name(user))),
            toolkit.map(|toolkit| ToolkitSlug::new(TOOLKITS[toolkit])),
            None::<AuthConfigId>,
        );
        let id = SilenceId::new(format!("silence-{}", self.silences));
        let silence = OperatorSilence::new(id, scope.unwrap(), until, ("year", "op"), at).unwrap();
        let mut work = self.rig.store.begin().await.unwrap();
        assert!(work.add_silence(&silence, at).await.unwrap());
        work.commit().await.unwrap();
    }

    async fn end_silences(&mut self, at: Instant) {
        self.model.end_silences();
        let mut work = self.rig.store.begin().await.unwrap();
        for silence in work.active_silences(at).await.unwrap() {
            assert!(work.end_silence(&silence.id, "op", at).await.unwrap());
        }
        work.commit().await.unwrap();
    }

    async fn decide(&mut self, release: bool, at: Instant) {
        let mut expected = self.model.decide_storms(release, at);
        let mut work = self.rig.store.begin().await.unwrap();
        let mut decided = Vec::new();
        for storm in work.held_storms(100).await.unwrap() {
            let state = if release { "released" } else { "discarded" };
            assert!(work.decide_storm(&storm.id, state, "op", at).await.unwrap());
            decided.push(storm.subject);
        }
        work.commit().await.unwrap();
        expected.sort();
        decided.sort();
        assert_eq!(decided, expected, "storms held, seed {}", self.seed);
    }

    fn provider(&mut self, outage: Outage) {
        self.model.provider = outage;
        self.rig.world.provider_fails(move |user| {
            let down = match outage {
                Outage::Over => false,
                Outage::Of(one) => name(one) == user.as_str(),
                Outage::Whole => true,
            };
            down.then(|| ProviderError::Unavailable { attempts: 5, last: "HTTP 503".into() })
        });
    }

    fn channels(&self) {
        let (mail_up, hook_up, refusing) = (self.model.mail_up, self.model.hook_up, self.refusing.clone());
        self.rig.world.sends_fail(move |channel, user| {
            let mail = channel.as_str() == "email";
            let class = match user {
                _ if !(if mail { mail_up } else { hook_up }) => FailureClass::Transient,
                Some(user) if mail && refusing.contains(user.as_str()) => FailureClass::RecipientRefused,
                _ => return None,
            };
            Some(SendError { class, detail: "scripted".into() })
        });
    }

    fn meet(&mut self, thoughts: &[String], sends: &[String]) {
        let last = |line: &String| line.rsplit(' ').next().unwrap().to_owned();
        let kind = |line: &String| {
            let mut words = line.split(' ');
            Some(format!("{} {}", words.next()?, words.nth(1)?))
        };
        for thing in thoughts.iter().map(last).chain(sends.iter().filter_map(kind)) {
            *self.met.entry(thing).or_default() += 1;
        }
    }

    async fn run(&mut self, at: Instant) {
        let mut expected = self.model.run(at);
        self.rig.run().await;
        let sent = self.rig.world.take_sent().into_iter().map(|(channel, notice)| {
            let recovered = notice.kind == NoticeKind::Recovered;
            let item = |item: &reconnectd::domain::NoticeItem| {
                if recovered { item.toolkit.to_string() } else { format!("{}:{}", item.toolkit, item.number) }
            };
            let mut items: Vec<String> = notice.items.iter().map(item).collect();
            items.sort();
            let kind = if recovered { "recovered" } else { "reconnect" };
            format!("{channel} {} {kind} {}", notice.user, items.join(" "))
        });
        let mut sends: Vec<String> = sent.collect();
        sends.extend(self.rig.world.take_events().into_iter().map(|(channel, told)| match told.event {
            OperatorEvent::StormHeld { subject, .. } => format!("{channel} storm.held {subject}"),
            other => format!("{channel} {other:?}"),
        }));
        let rows = sqlx::query("SELECT user_id, toolkit, decision FROM incidents WHERE closed_at IS NULL");
        let rows = rows.fetch_all(&mut self.state).await.unwrap();
        let thought = |row: &sqlx::sqlite::SqliteRow| {
            let text = |column: usize| row.get::<Option<String>, _>(column).unwrap_or_default();
            format!("{} {} {}", text(0), text(1), text(2))
        };
        let thoughts: Vec<String> = rows.iter().map(thought).collect();
        self.sends += sends.len();
        self.runs += 1;
        self.meet(&thoughts, &sends);
        let mut actual = Outcome { sends, thoughts, racing: BTreeSet::new() };
        for user in std::mem::take(&mut expected.racing) {
            let of_another = |send: &String| !send.starts_with(&format!("email {}", name(user)));
            expected.sends.retain(of_another);
            actual.sends.retain(of_another);
        }
        for list in [&mut actual.sends, &mut actual.thoughts, &mut expected.sends, &mut expected.thoughts] {
            list.sort();
        }
        assert_eq!(
            (&actual.thoughts, &actual.sends),
            (&expected.thoughts, &expected.sends),
            "the program (left) and the model differ in the run at {at}; RECONNECTD_TEST_YEAR={}; {:?}",
            self.seed,
            self.model.rules
        );
    }
}

/// What must be met in any few years.
const MET: [&str; 21] = [
    "already_notified",
    "baseline",
    "called off",
    "capped",
    "digest_window",
    "discarded",
    "dwelling",
    "email reconnect",
    "email recovered",
    "first_notice",
    "given up",
    "healed",
    "ladder_done",
    "quiet_hours",
    "released",
    "reminder",
    "silenced",
    "storm_discarded",
    "storm_held",
    "webhook:product reconnect",
    "webhook:product recovered",
];

fn account_id((user, toolkit): Place, id: &str) -> String {
    format!("ca_{}_{}_{id}", name(user), TOOLKITS[toolkit])
}

fn account(place: Place, id: &str) -> reconnectd::domain::Account {
    let account = works(&name(place.0), &account_id(place, id), TOOLKITS[place.1]);
    reconnectd::domain::Account { auth_config: AuthConfigId::new(auth_config(place)), ..account }
}

fn configure(rig: &mut Rig, rules: &Rules) {
    let hours = |hours: i64| Duration::from_hours(hours.unsigned_abs());
    let hour = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
    let settings = &mut rig.settings;
    settings.baseline_first = true;
    settings.delivery.leave_alone_after = u32::MAX; // The model tries everything.
    settings.notices = NoticePolicy {
        ladder: rules.ladder.iter().copied().map(hours).collect(),
        dwell: hours(rules.dwell),
        dwell_transient: hours(rules.dwell_transient),
        digest_window: hours(rules.digest),
        max_per_day: u32::try_from(rules.per_day).unwrap(),
        max_per_week: u32::try_from(rules.per_week).unwrap(),
        recovered_mail: rules.recovered_mail,
    };
    settings.quiet = QuietHours {
        hours: rules.quiet_hours.map(|(from, to)| (hour(from), hour(to))),
        days: rules.quiet_days.clone(),
        ..QuietHours::off()
    };
    settings.storm =
        StormGuard { share: rules.storm_share, min: rules.storm_min as u64, window: hours(rules.storm_window) };
    // One try per run: the pause is longer than a run waits and shorter than runs are apart.
    let pause = Duration::from_mins(1);
    settings.retry = RetrySchedule { max_attempts: u32::MAX, first: pause, longest: pause, ..RetrySchedule::default() };
    rig.carries.insert("email", vec![EventKind::ReconnectRecovered]);
    rig.carries.insert("webhook:product", vec![EventKind::ReconnectRecovered, EventKind::StormHeld]);
    rig.page_size = 100;
}

async fn live(seed: u64) -> BTreeMap<String, usize> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let rules = Rules::of(&mut rng);
    let mut year = Year::new(seed, rules).await;
    let events = life::year(&mut rng);
    let late: Vec<usize> =
        events.iter().filter_map(|(_, event)| if let Event::Join(user) = event { Some(*user) } else { None }).collect();
    for user in 0..life::USERS {
        if late.contains(&user) {
            year.model.people[user].here = false;
        } else {
            year.join(user);
        }
    }
    for (minute, event) in events {
        let at = from_millis(START_MS) + TimeDelta::minutes(minute);
        if let Ok(wait) = (at - year.rig.now()).to_std() {
            year.rig.later(wait);
        }
        year.happen(event, at).await;
    }
    println!("seed {seed}: {} sends in {} runs agree", year.sends, year.runs);
    for thing in year.model.ends() {
        *year.met.entry(thing.to_owned()).or_default() += 1;
    }
    year.met
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_and_a_simple_model_tell_the_same_people_the_same_things() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seeds = match number("RECONNECTD_TEST_YEAR") {
        Some(seed) => seed..seed + 1,
        None => 1..number("RECONNECTD_TEST_YEARS").unwrap_or(YEARS) + 1,
    };
    let (mut years, mut met) = (tokio::task::JoinSet::new(), BTreeMap::new());
    let mut lived = Vec::new();
    for seed in seeds {
        if years.len() >= 2 {
            lived.extend(years.join_next().await);
        }
        years.spawn(live(seed));
    }
    while let Some(year) = years.join_next().await {
        lived.push(year);
    }
    let seeds = lived.len();
    for (thing, times) in lived.into_iter().flat_map(|year| year.unwrap()) {
        *met.entry(thing).or_insert(0) += times;
    }
    println!("met: {met:?}");
    let missing: Vec<_> = MET.iter().filter(|thing| !met.contains_key(**thing)).collect();
    assert!(seeds == 1 || missing.is_empty(), "never met: {missing:?}");
}
