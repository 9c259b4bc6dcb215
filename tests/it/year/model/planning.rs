//! What is due, to whom, and why the others are told nothing now.

#![expect(clippy::panic, reason = "a test's model")]

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike as _, TimeDelta, Timelike as _};

use super::super::life::{Place, TOOLKITS, USERS, ZONES};
use super::{Incident, Instant, Item, Letter, Model, Said, State, Storm, auth_config, hours};

/// What was counted of an auth config.
struct Counted {
    since: Instant,
    broken: usize,
    working: usize,
    /// It has any account.
    present: bool,
}

impl Model {
    /// Old breakages that may be told now: so many users in any 24 hours, those that broke last first.
    pub(super) fn release(&mut self, now: Instant) {
        let lately = |i: &&Incident| i.released_at.is_some_and(|at| at > now - hours(24));
        let released: BTreeSet<usize> = self.incidents.iter().filter(lately).map(|i| i.place.0).collect();
        let mut waiting: BTreeMap<usize, Instant> = BTreeMap::new();
        for incident in self.incidents.iter().filter(|incident| incident.open && incident.old_news) {
            let newest = waiting.entry(incident.place.0).or_insert(incident.broke_at);
            *newest = incident.broke_at.max(*newest);
        }
        let mut waiting: Vec<(usize, Instant)> = waiting.into_iter().collect();
        waiting.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        for (user, _) in waiting.into_iter().take(self.release_per_day.saturating_sub(released.len())) {
            for incident in self.incidents.iter_mut().filter(|i| i.open && i.old_news && i.place.0 == user) {
                incident.old_news = false;
                incident.released_at = Some(now);
            }
        }
    }

    pub(super) fn hold_storms(&mut self, now: Instant) {
        for (number, storm) in self.storms.iter_mut().enumerate().filter(|(_, storm)| storm.state == "held") {
            if !self.incidents.iter().any(|incident| incident.open && incident.storm == Some(number)) {
                storm.state = "healed";
            }
        }
        let places = || (0..USERS).flat_map(|user| (0..TOOLKITS.len()).map(move |toolkit| (user, toolkit)));
        let configs: BTreeSet<String> = places().map(auth_config).collect();
        let mut rest = BTreeSet::new();
        for config in &configs {
            if !self.hold_one(config, &[config], now) && self.counted(config, now).present {
                rest.insert(config.as_str());
            }
        }
        // Slack alone has two auth configs; together they are a subject of their own where neither is one already.
        let slack: Vec<&str> = rest.into_iter().filter(|config| config.starts_with("ac_slack")).collect();
        if slack.len() > 1 {
            self.hold_one("slack", &slack, now);
        }
    }

    /// The accounts of an auth config: since when breakages count, how many there are, how many work.
    fn counted(&self, config: &str, now: Instant) -> Counted {
        let about =
            |storm: &&Storm| storm.subject == config || (storm.subject == "slack" && config.starts_with("ac_slack"));
        let begin = now - hours(self.rules.storm_window);
        let decided = self.storms.iter().filter(about).filter_map(|storm| storm.decided_at);
        let since = decided.max().map_or(begin, |decided| decided.max(begin));
        let mut counted = Counted { since, broken: 0, working: 0, present: false };
        // Nobody knows of those whose list was not read of late.
        for (user, person) in self.people.iter().enumerate().filter(|(_, person)| now - person.read_at <= hours(6)) {
            for (toolkit, link) in person.links.iter().enumerate() {
                if auth_config((user, toolkit)) != config {
                    continue;
                }
                let shows_since = |incident: &Incident| {
                    incident.open
                        && !incident.old_news
                        && incident.place == (user, toolkit)
                        && incident.opened_at > since
                };
                counted.present |= !link.accounts.is_empty();
                match link.seen {
                    State::Works => counted.working += 1,
                    State::Broken { since: at, .. }
                        if link.seen_working && (at > since || self.incidents.iter().any(shows_since)) =>
                    {
                        counted.broken += 1;
                    }
                    _ => {}
                }
            }
        }
        counted
    }

    /// Holds a subject's storm if too many of these auth configs' accounts broke. Says whether they did.
    fn hold_one(&mut self, subject: &str, configs: &[&str], now: Instant) -> bool {
        let counted: Vec<Counted> = configs.iter().map(|config| self.counted(config, now)).collect();
        let broken: usize = counted.iter().map(|c| c.broken).sum();
        let working: usize = counted.iter().map(|c| c.working).sum();
        let since = counted.iter().map(|c| c.since).min().unwrap_or(now);
        #[expect(clippy::cast_precision_loss, reason = "a dozen")]
        let too_many = broken as f64 > self.rules.storm_share * (broken + working) as f64;
        if broken < self.rules.storm_min || !too_many {
            return false;
        }
        let mine = |place| auth_config(place) == subject || (subject == "slack" && TOOLKITS[place.1] == "slack");
        let fits = |number: &usize| {
            let incident = &self.incidents[*number];
            let news = incident.open && !incident.old_news && incident.opened_at > since;
            news && incident.storm.is_none() && mine(incident.place) && !self.was_said(*number)
        };
        let joining: Vec<usize> = (0..self.incidents.len()).filter(fits).collect();
        let held = self.storms.iter().position(|storm| storm.subject == subject && storm.state == "held");
        if held.is_none() && joining.is_empty() {
            return true; // Of what was told before nobody needs to be kept.
        }
        let storm = held.unwrap_or_else(|| {
            self.storms.push(Storm { subject: subject.to_owned(), state: "held", decided_at: None });
            self.events.push((subject.to_owned(), Letter::new(false)));
            self.storms.len() - 1
        });
        for incident in joining {
            self.incidents[incident].storm = Some(storm);
        }
        true
    }

    pub(super) fn plan(&mut self, now: Instant) {
        let mut due: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for number in 0..self.incidents.len() {
            if self.incidents[number].open {
                match self.why_not(number, now) {
                    Some(reason) => self.incidents[number].thought = reason,
                    None => due.entry(self.incidents[number].place.0).or_default().push(number),
                }
            }
        }
        for (user, incidents) in due {
            if let Some(reason) = self.why_not_now(user, now) {
                for incident in incidents {
                    self.incidents[incident].thought = reason;
                }
                continue;
            }
            let item = |incident: &usize| Item { incident: *incident, number: self.given(*incident), spent: false };
            let items: Vec<Item> = incidents.iter().map(item).collect();
            for item in &items {
                let thought = if item.number == 0 { "first_notice" } else { "reminder" };
                self.incidents[item.incident].thought = thought;
            }
            // What was called off unsaid makes room.
            for said in self.said.iter_mut().filter(|said| !said.letters.iter().any(Letter::pending)) {
                said.items.retain(|item| item.spent || !incidents.contains(&item.incident));
            }
            let letters = vec![Letter::new(true), Letter::new(false)];
            self.said.push(Said { user, recovered: false, items, letters, at: now });
        }
    }

    /// Why nothing is due about an open incident; none if something is.
    fn why_not(&self, number: usize, now: Instant) -> Option<&'static str> {
        let incident = &self.incidents[number];
        let given = self.given(number);
        let State::Broken { transient, .. } = self.people[incident.place.0].links[incident.place.1].seen else {
            panic!("open and not broken: {incident:?}")
        };
        if self.under_way(number) {
            return Some("already_notified");
        }
        if incident.old_news {
            return Some("baseline");
        }
        if given >= self.rules.ladder.len() {
            return Some("ladder_done");
        }
        if given == 0 {
            let dwell = if transient { self.rules.dwell_transient } else { self.rules.dwell };
            if now < incident.opened_at + hours(dwell.max(self.rules.ladder[0])) {
                return Some("dwelling");
            }
        } else {
            let step = self.rules.ladder[given] - self.rules.ladder[given - 1];
            if now < self.last_end(number) + hours(step) {
                return Some("already_notified");
            }
        }
        self.kept_back(number, now)
    }

    /// Why an operator keeps an incident from being told.
    pub(super) fn kept_back(&self, number: usize, now: Instant) -> Option<&'static str> {
        let incident = &self.incidents[number];
        match incident.storm.map(|storm| self.storms[storm].state) {
            Some("held") => return Some("storm_held"),
            Some("discarded") => return Some("storm_discarded"),
            _ => {}
        }
        self.silenced(incident.place, now).then_some("silenced")
    }

    pub(super) fn silenced(&self, (user, toolkit): Place, now: Instant) -> bool {
        self.silenced_until((user, toolkit), now).is_some()
    }

    /// Until when an operator's silence covers a place.
    pub(super) fn silenced_until(&self, (user, toolkit): Place, now: Instant) -> Option<Instant> {
        let covers = self.silences.iter().filter(|(only_user, only_toolkit, until)| {
            now < *until && only_user.is_none_or(|only| only == user) && only_toolkit.is_none_or(|only| only == toolkit)
        });
        covers.map(|(.., until)| *until).max()
    }

    /// Why a user to whom something is due is told later.
    fn why_not_now(&self, user: usize, now: Instant) -> Option<&'static str> {
        let told: Vec<Instant> = self.told_at(user);
        let within = |span: TimeDelta| told.iter().filter(|at| **at > now - span).count();
        let digest = told.iter().max().map(|last| *last + hours(self.rules.digest)).filter(|end| *end > now);
        // Whatever lasts longest is the reason.
        let nth = |n: usize, span: TimeDelta| {
            let mut latest = told.clone();
            latest.sort_by(|a, b| b.cmp(a));
            (within(span) >= n).then(|| latest[n - 1] + span)
        };
        let capped = nth(self.rules.per_day, hours(24)).max(nth(self.rules.per_week, hours(7 * 24)));
        match (digest, capped) {
            (Some(digest), Some(capped)) if digest > capped => Some("digest_window"),
            (_, Some(_)) => Some("capped"),
            (Some(_), None) => Some("digest_window"),
            (None, None) => self.is_quiet(user, now).then_some("quiet_hours"),
        }
    }

    /// When a user was told something: when it arrived, or else when it was decided, if it may still arrive.
    fn told_at(&self, user: usize) -> Vec<Instant> {
        let mine = self.said.iter().filter(|said| said.user == user && !said.recovered);
        let told = mine.filter_map(|said| {
            let arrived = said.letters.iter().filter(|letter| letter.state == "delivered").filter_map(|l| l.ended_at);
            arrived.max().or(said.letters.iter().any(Letter::pending).then_some(said.at))
        });
        told.collect()
    }

    /// What the clock on the user's wall shows.
    pub(super) fn is_quiet(&self, user: usize, now: Instant) -> bool {
        // Who is gone has no wall.
        let zone = ZONES[user % ZONES.len()].filter(|_| self.people[user].here);
        let zone: chrono_tz::Tz = zone.and_then(|zone| zone.parse().ok()).unwrap_or(chrono_tz::Tz::UTC);
        let local = now.with_timezone(&zone);
        let in_hours = self.rules.quiet_hours.is_some_and(|(from, to)| {
            if from < to { (from..to).contains(&local.hour()) } else { local.hour() >= from || local.hour() < to }
        });
        in_hours || self.rules.quiet_days.contains(&local.weekday())
    }

    /// What ended since the last run: told to the product, and to people who were mailed about it.
    pub(super) fn tell_ends(&mut self, now: Instant) {
        let mut ended: BTreeMap<(usize, bool), Vec<Item>> = BTreeMap::new();
        for number in 0..self.incidents.len() {
            let given = self.given(number);
            let incident = &mut self.incidents[number];
            if incident.open || std::mem::replace(&mut incident.end_told, true) {
                continue;
            }
            if given == 0 && incident.thought == "dwelling" {
                continue; // It was never mentioned.
            }
            let mailed = self.rules.recovered_mail && incident.mailed && incident.evidence != "gone";
            let item = Item { incident: number, number: given, spent: false };
            ended.entry((incident.place.0, mailed)).or_default().push(item);
        }
        for ((user, mailed), items) in ended {
            let letters = if mailed { vec![Letter::new(true), Letter::new(false)] } else { vec![Letter::new(false)] };
            self.said.push(Said { user, recovered: true, items, letters, at: now });
        }
    }
}
