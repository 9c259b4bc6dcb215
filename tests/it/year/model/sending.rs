//! What leaves in a run: every delivery that waits is tried once, because runs are further apart than the pause
//! between two tries.

use chrono::TimeDelta;

use super::super::life::TOOLKITS;
use super::{Instant, Item, Model, Outcome, State, hours, name};

/// After so long without success a delivery is given up.
const HORIZON_HOURS: i64 = 72;

/// What one try comes to.
enum End {
    Sent,
    /// Not now; does not count.
    Wait,
    /// The provider was away: tried again, and as if it had not been tried.
    Ours,
    /// Not now; counts towards the horizon.
    Failed,
    Dead,
    /// Nobody can be told: this notice is done with.
    CalledOffForGood,
    /// There is nothing to say (any more).
    CalledOff,
}

impl Model {
    pub(super) fn send(&mut self, now: Instant, outcome: &mut Outcome) {
        for user in 0..self.people.len() {
            let mails = self.said.iter().filter(|said| said.user == user);
            let mails = mails.flat_map(|said| &said.letters).filter(|letter| letter.mail && letter.pending()).count();
            if self.people[user].refuses && !self.people[user].suppressed && mails > 1 {
                outcome.racing.insert(user);
            }
        }
        for said in 0..self.said.len() {
            for letter in 0..self.said[said].letters.len() {
                let waits = &self.said[said].letters[letter];
                if waits.pending() && waits.put_off_until.is_none_or(|until| until <= now) {
                    self.try_one(said, letter, now, outcome);
                }
            }
        }
        for (subject, letter) in self.events.iter_mut().filter(|(_, letter)| letter.pending()) {
            outcome.sends.push(format!("webhook:product storm.held {subject}"));
            let failing_since = *letter.failing_since.get_or_insert(now);
            if self.hook_up {
                letter.state = "delivered";
            } else if now - failing_since >= hours(HORIZON_HOURS) {
                letter.state = "dead";
            }
        }
    }

    fn try_one(&mut self, said: usize, letter: usize, now: Instant, outcome: &mut Outcome) {
        let mail = self.said[said].letters[letter].mail;
        let failing_since = self.said[said].letters[letter].failing_since;
        let mut words = Vec::new();
        let mut end = if let Some(end) = self.obstacle(said, mail, now) {
            end
        } else {
            words = self.sayable(said, mail, now);
            self.say(said, mail, &words, outcome)
        };
        let too_late = failing_since.is_some_and(|since| now - since >= hours(HORIZON_HOURS));
        if matches!(end, End::Failed) && too_late {
            end = End::Dead;
        }
        let spoke = matches!(end, End::Sent | End::Failed) || (matches!(end, End::Dead) && !words.is_empty());
        let all = matches!(end, End::Dead | End::CalledOffForGood);
        for item in &mut self.said[said].items {
            item.spent |= all || (spoke && words.contains(&item.incident));
        }
        if matches!(end, End::Sent) && mail && !self.said[said].recovered {
            for incident in &words {
                self.incidents[*incident].mailed = true;
            }
        }
        let user = self.said[said].user;
        // What another channel has told already is not called off here, but waits for the operator's word to end.
        let again = self.told_elsewhere(said, now).filter(|_| matches!(end, End::CalledOff));
        if again.is_some() {
            end = End::Wait;
        }
        let mut quiet_until = again.unwrap_or(now);
        while again.is_none() && matches!(end, End::Wait) && self.is_quiet(user, quiet_until) {
            quiet_until += TimeDelta::minutes(10);
        }
        let letter = &mut self.said[said].letters[letter];
        letter.put_off_until = Some(quiet_until).filter(|_| matches!(end, End::Wait));
        if matches!(end, End::Wait) {
            letter.failing_since = letter.failing_since.map(|since| since + (quiet_until - now));
        }
        letter.state = match end {
            End::Sent => "delivered",
            End::Wait | End::Ours | End::Failed => "pending",
            End::Dead => "dead",
            End::CalledOff | End::CalledOffForGood => "cancelled",
        };
        if matches!(end, End::Failed) {
            letter.failing_since.get_or_insert(now);
        }
        if !letter.pending() {
            letter.ended_at = Some(now);
        }
    }

    /// When something that is kept back, and was told on another channel, may be said.
    fn told_elsewhere(&self, said: usize, now: Instant) -> Option<Instant> {
        let said = &self.said[said];
        let told = said.items.iter().filter(|item| !said.recovered && item.spent && self.incidents[item.incident].open);
        let until = |item: &Item| match self.kept_back(item.incident, now)? {
            "storm_held" => Some(now + hours(1)),
            "silenced" => self.silenced_until(self.incidents[item.incident].place, now),
            _ => None,
        };
        told.filter_map(until).min()
    }

    /// What stands in the way of saying anything.
    fn obstacle(&self, said: usize, mail: bool, now: Instant) -> Option<End> {
        let said = &self.said[said];
        if said.recovered && !mail {
            return None; // A fact on record.
        }
        let person = &self.people[said.user];
        if !person.here {
            return Some(End::CalledOffForGood);
        }
        if mail && person.suppressed {
            return Some(End::CalledOffForGood);
        }
        if mail && self.is_quiet(said.user, now) {
            return Some(End::Wait);
        }
        let kept = |item: &Item| !self.incidents[item.incident].open || self.kept_back(item.incident, now).is_some();
        if !said.recovered && said.items.iter().all(kept) {
            return Some(End::CalledOff);
        }
        (!self.answers(said.user)).then_some(End::Ours)
    }

    /// The incidents of which something can be said on this channel now.
    fn sayable(&self, said: usize, mail: bool, now: Instant) -> Vec<usize> {
        let said = &self.said[said];
        let holds = |item: &&Item| {
            let incident = &self.incidents[item.incident];
            let (user, toolkit) = incident.place;
            match (said.recovered, mail) {
                (false, _) => incident.open && self.kept_back(item.incident, now).is_none(),
                (true, false) => true,
                (true, true) => {
                    let works = self.people[user].links[toolkit].now == State::Works;
                    works && !self.silenced(incident.place, now)
                }
            }
        };
        said.items.iter().filter(holds).map(|item| item.incident).collect()
    }

    fn say(&mut self, said: usize, mail: bool, words: &[usize], outcome: &mut Outcome) -> End {
        if words.is_empty() {
            return End::CalledOff;
        }
        let Self { said: all, incidents, people, .. } = self;
        let said = &all[said];
        let item = |item: &Item| {
            let toolkit = TOOLKITS[incidents[item.incident].place.1];
            if said.recovered { toolkit.to_owned() } else { format!("{toolkit}:{}", item.number) }
        };
        let mut items: Vec<String> = said.items.iter().filter(|i| words.contains(&i.incident)).map(item).collect();
        items.sort();
        let channel = if mail { "email" } else { "webhook:product" };
        let kind = if said.recovered { "recovered" } else { "reconnect" };
        outcome.sends.push(format!("{channel} {} {kind} {}", name(said.user), items.join(" ")));
        let person = &mut people[said.user];
        match mail {
            true if !self.mail_up => End::Failed,
            true if person.refuses => {
                person.suppressed = true;
                End::Dead
            }
            false if !self.hook_up => End::Failed,
            _ => End::Sent,
        }
    }
}
