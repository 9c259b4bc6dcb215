//! Who must be told what, and why the others are not: the rules once more, as simply as they can be said, over plain
//! lists and without the product's own functions.
//!
//! The model sees what a run sees (the world at that instant, as far as the provider answers) and gives what leaves in
//! it and what is thought of every open incident. `planning` decides what is
//! due and why the rest is not, `sending` what becomes of it.

mod planning;
mod sending;

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::life::{Outage, Place, Rules, TOOLKITS, USERS};

pub type Instant = DateTime<Utc>;

/// What an account truly is, or was when last seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Absent,
    Works,
    Broken { transient: bool, since: Instant },
}

/// What one user has of one toolkit.
#[derive(Debug)]
pub struct Link {
    /// The accounts that were connected and are still listed; the last is the one that counts.
    pub accounts: Vec<String>,
    pub made: usize,
    pub now: State,
    /// As the last complete list had it; a breakage is dated by the run that saw it first.
    seen: State,
    /// The account that counts has been seen to work.
    seen_working: bool,
}

impl Link {
    /// A new account counts from now on.
    pub fn connected(&mut self, id: String) {
        self.accounts.push(id);
        self.seen_working = false;
    }
}

#[derive(Debug)]
pub struct Person {
    pub here: bool,
    pub refuses: bool,
    suppressed: bool,
    /// When this one's list was last read.
    read_at: Instant,
    pub links: Vec<Link>,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
struct Incident {
    place: Place,
    anchor: String,
    opened_at: Instant,
    broke_at: Instant,
    old_news: bool,
    released_at: Option<Instant>,
    storm: Option<usize>,
    open: bool,
    evidence: &'static str,
    /// The last thing thought of it.
    thought: &'static str,
    end_told: bool,
    mailed: bool,
}

#[derive(Debug)]
struct Storm {
    subject: String,
    state: &'static str,
    decided_at: Option<Instant>,
}

/// One user, one moment: what is said of which incidents.
#[derive(Debug)]
struct Said {
    user: usize,
    recovered: bool,
    items: Vec<Item>,
    letters: Vec<Letter>,
    at: Instant,
}

#[derive(Debug)]
struct Item {
    incident: usize,
    number: usize,
    /// It was in something that was sent or may have been, or nobody can be told.
    spent: bool,
}

/// What was said, on one channel.
#[derive(Debug)]
struct Letter {
    mail: bool,
    state: &'static str,
    ended_at: Option<Instant>,
    failing_since: Option<Instant>,
    /// Not looked at before quiet time has ended.
    put_off_until: Option<Instant>,
}

impl Letter {
    fn new(mail: bool) -> Self {
        Self { mail, state: "pending", ended_at: None, failing_since: None, put_off_until: None }
    }

    fn pending(&self) -> bool {
        self.state == "pending"
    }
}

/// What one run does, as far as anybody outside can tell, and what it thinks.
#[derive(Debug, Default)]
pub struct Outcome {
    /// One line per send or try.
    pub sends: Vec<String>,
    /// User, toolkit and thought of every open incident.
    pub thoughts: Vec<String>,
    /// Users whose refused mailbox was tried with several mails at once: any of them may be the last.
    pub racing: BTreeSet<usize>,
}

pub struct Model {
    pub rules: Rules,
    pub people: Vec<Person>,
    pub provider: Outage,
    pub mail_up: bool,
    pub hook_up: bool,
    stock_taken: bool,
    release_per_day: usize,
    incidents: Vec<Incident>,
    storms: Vec<Storm>,
    said: Vec<Said>,
    /// User, toolkit, end.
    silences: Vec<(Option<usize>, Option<usize>, Instant)>,
    /// What the operator is told: the subject of a storm.
    events: Vec<(String, Letter)>,
}

/// The auth config of a place: one per toolkit, but two of Slack.
pub fn auth_config((user, toolkit): Place) -> String {
    match TOOLKITS[toolkit] {
        "slack" => format!("ac_slack_{}", user % 2),
        toolkit => format!("ac_{toolkit}"),
    }
}

pub fn name(user: usize) -> String {
    format!("u{user:02}")
}

fn hours(hours: i64) -> TimeDelta {
    TimeDelta::hours(hours)
}

impl Model {
    pub fn new(rules: Rules) -> Self {
        let link = || Link {
            accounts: vec!["0".into()],
            made: 1,
            now: State::Works,
            seen: State::Absent,
            seen_working: false,
        };
        let person = || Person {
            here: true,
            refuses: false,
            suppressed: false,
            read_at: Instant::default(),
            links: TOOLKITS.map(|_| link()).into(),
        };
        Self {
            rules,
            people: (0..USERS).map(|_| person()).collect(),
            provider: Outage::Over,
            mail_up: true,
            hook_up: true,
            stock_taken: false,
            release_per_day: 0,
            incidents: Vec::new(),
            storms: Vec::new(),
            said: Vec::new(),
            silences: Vec::new(),
            events: Vec::new(),
        }
    }

    pub fn link(&mut self, (user, toolkit): Place) -> &mut Link {
        &mut self.people[user].links[toolkit]
    }

    /// Whether the account can break: it works, and a run has seen that (or none has been yet).
    pub fn can_break(&mut self, place: Place) -> bool {
        let first = !self.stock_taken;
        let link = self.link(place);
        link.now == State::Works && (first || link.seen_working)
    }

    pub fn is_broken(&mut self, place: Place) -> bool {
        matches!(self.link(place).now, State::Broken { .. })
    }

    pub fn unsubscribe(&mut self, user: usize) {
        self.people[user].suppressed = true;
    }

    pub fn silence(&mut self, user: Option<usize>, toolkit: Option<usize>, until: Instant) {
        self.silences.push((user, toolkit, until));
    }

    pub fn end_silences(&mut self) {
        self.silences.clear();
    }

    /// The operator decides about every storm that is held; gives their subjects.
    pub fn decide_storms(&mut self, release: bool, now: Instant) -> Vec<String> {
        let held = self.storms.iter_mut().filter(|storm| storm.state == "held");
        let decide = |storm: &mut Storm| {
            storm.state = if release { "released" } else { "discarded" };
            storm.decided_at = Some(now);
            storm.subject.clone()
        };
        held.map(decide).collect()
    }

    pub fn release_baseline(&mut self, per_day: u32) {
        self.release_per_day = per_day as usize;
    }

    /// What became of storms and of what was not delivered.
    pub fn ends(&self) -> impl Iterator<Item = &'static str> {
        let letters = self.said.iter().flat_map(|said| &said.letters).filter_map(|letter| match letter.state {
            "dead" => Some("given up"),
            "cancelled" => Some("called off"),
            _ => None,
        });
        self.storms.iter().map(|storm| storm.state).chain(letters)
    }

    fn answers(&self, user: usize) -> bool {
        match self.provider {
            Outage::Over => true,
            Outage::Of(one) => one != user,
            Outage::Whole => false,
        }
    }

    /// One run.
    pub fn run(&mut self, now: Instant) -> Outcome {
        self.look(now);
        if !self.stock_taken {
            self.stock_taken = true;
            self.incidents.iter_mut().for_each(|incident| incident.thought = "baseline");
            return Outcome { thoughts: self.thoughts(), ..Outcome::default() };
        }
        self.release(now);
        self.hold_storms(now);
        self.plan(now);
        self.tell_ends(now);
        let mut outcome = Outcome { thoughts: self.thoughts(), ..Outcome::default() };
        self.send(now, &mut outcome);
        outcome
    }

    fn thoughts(&self) -> Vec<String> {
        let thought = |incident: &Incident| {
            format!("{} {} {}", name(incident.place.0), TOOLKITS[incident.place.1], incident.thought)
        };
        let mut thoughts: Vec<String> = self.incidents.iter().filter(|i| i.open).map(thought).collect();
        thoughts.sort();
        thoughts
    }

    /// What the provider says of everybody who is in the directory, where it answers.
    fn look(&mut self, now: Instant) {
        for user in (0..USERS).filter(|user| self.people[*user].here && self.answers(*user)).collect::<Vec<_>>() {
            self.people[user].read_at = now;
            for toolkit in 0..TOOLKITS.len() {
                let place = (user, toolkit);
                let open = self.incidents.iter().position(|incident| incident.open && incident.place == place);
                let old_news = !self.stock_taken;
                let link = &mut self.people[user].links[toolkit];
                let newest = link.accounts.last().cloned().unwrap_or_default();
                match (link.now, open) {
                    (State::Broken { since, .. }, None) => self.incidents.push(Incident {
                        place,
                        anchor: newest,
                        opened_at: now,
                        broke_at: since,
                        old_news,
                        released_at: None,
                        storm: None,
                        open: true,
                        evidence: "",
                        thought: "",
                        end_told: false,
                        mailed: false,
                    }),
                    (State::Broken { .. }, Some(_)) | (State::Works | State::Absent, None) => {}
                    (State::Works | State::Absent, Some(open)) => {
                        let incident = &mut self.incidents[open];
                        incident.open = false;
                        incident.evidence = match &incident.anchor {
                            gone if !link.accounts.contains(gone) => "gone",
                            anchor if *anchor == newest => "active",
                            _ => "superseded",
                        };
                    }
                }
                link.seen_working |= link.now == State::Works;
                link.seen = match (link.now, link.seen) {
                    (State::Broken { transient, .. }, State::Broken { since, .. }) => {
                        State::Broken { transient, since }
                    }
                    (State::Broken { transient, .. }, _) => State::Broken { transient, since: now },
                    (other, _) => other,
                };
            }
        }
    }

    /// The items that were ever put into words about an incident.
    fn items(&self, incident: usize) -> impl Iterator<Item = (&Said, &Item)> {
        let said = self.said.iter().filter(|said| !said.recovered);
        said.flat_map(|said| said.items.iter().map(move |item| (said, item)))
            .filter(move |(_, item)| item.incident == incident)
    }

    fn was_said(&self, incident: usize) -> bool {
        self.items(incident).any(|(_, item)| item.spent)
    }

    fn under_way(&self, incident: usize) -> bool {
        self.items(incident).any(|(said, _)| said.letters.iter().any(Letter::pending))
    }

    /// How many notices of an incident were given or are under way.
    fn given(&self, incident: usize) -> usize {
        let given = self.items(incident).filter(|(said, item)| item.spent || said.letters.iter().any(Letter::pending));
        given.map(|(_, item)| item.number).collect::<BTreeSet<_>>().len()
    }

    /// When the last notice of an incident came to its end.
    fn last_end(&self, incident: usize) -> Instant {
        let spent = self.items(incident).filter(|(_, item)| item.spent);
        let ends = spent.flat_map(|(said, _)| said.letters.iter().filter_map(|letter| letter.ended_at));
        ends.max().unwrap_or(self.incidents[incident].opened_at)
    }
}
