//! A schedule as it is written, turned into the instants it names: Unix cron in an IANA time zone.
//!
//! What is accepted is what every Unix cron means the same by: five fields, or six with the seconds first; `*`, values,
//! ranges, steps, lists, three-letter names, Sunday as 0 or 7, and the nicknames. What means different things in
//! different places is refused with what to write instead, and so is what would never come. Instants are found by
//! croner 4; croner 3 loses an hour when clocks go back.
//!
//! Daylight saving: where second, minute and hour are all set (no `*` in any of them), each time that the clocks leave
//! out comes at the first moment after the gap, and each that comes twice counts the first time only. Any other schedule
//! follows the clock on the wall: `*/5` comes every five minutes whatever the clocks do.
//!
//! Nothing here is remembered, and no fault repeats what was written: it could be a secret in the wrong place.

use chrono::{SubsecRound as _, TimeDelta};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

use super::fields::{Field, check_field};
use crate::domain::Timestamp;

/// The nicknames of Unix cron, and what they stand for.
const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// Set times of one day: one every quarter of an hour. Each is searched for on its own.
const MAX_SET_TIMES: usize = 96;

/// The days of each month at their most.
const MOST_DAYS: [u16; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// A search that failed begins anew an hour later, for two days: a zone may leave out a whole day (Pacific/Apia in 2011),
/// and croner gives up on gaps longer than two hours.
const SEARCHES: u32 = 48;

/// What is wrong with a schedule and what to write instead; repeats nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}; {remedy}")]
pub struct CronFault {
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

pub(super) fn fault(what: impl Into<String>, remedy: impl Into<String>) -> CronFault {
    CronFault { what: what.into(), remedy: remedy.into() }
}

/// A schedule that can be followed.
#[derive(Clone, PartialEq, Eq)]
pub struct CronExpression {
    text: String,
    /// One where a `*` stands among second, minute and hour; else one per set time of the day, because croner calls a
    /// list of set times a wildcard.
    crons: Vec<Cron>,
    /// The shortest time between two times of day of it, in seconds.
    shortest_gap_seconds: u32,
}

impl std::fmt::Display for CronExpression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::fmt::Debug for CronExpression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CronExpression({})", self.text)
    }
}

impl CronExpression {
    /// Reads a schedule as in Unix cron.
    pub fn parse(text: &str) -> Result<Self, CronFault> {
        let written = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let lower = expand(&written.to_ascii_lowercase())?;
        let mut words: Vec<&str> = lower.split(' ').collect();
        match words.len() {
            5 => words.insert(0, "0"),
            6 => {}
            7 => return Err(fault("has seven fields", "leave the year out: five fields, or six with seconds first")),
            _ => {
                let remedy = "write minute, hour, day of month, month and day of week, such as \"17 * * * *\"";
                return Err(fault("not a schedule of five fields", remedy));
            }
        }
        let fields = Field::ALL.iter().zip(&words).map(|(field, word)| check_field(*field, word));
        let fields: Vec<String> = fields.collect::<Result<_, _>>()?;
        if fields[3] != "*" && fields[5] != "*" {
            let remedy = "leave one of them \"*\": some crons take both together and some either of them";
            return Err(fault("restricts the day of month and the day of week", remedy));
        }
        let cron = croner_of(&fields.join(" "))?;
        if never_comes(&cron) {
            return Err(fault("names a date that does not exist", "write a day that one of its months has"));
        }
        let shortest_gap_seconds = shortest_gap(&cron);
        let follows_the_wall = fields[..3].iter().any(|field| field.contains('*'));
        let crons = if follows_the_wall { vec![cron] } else { set_times(&cron, &fields)? };
        Ok(Self { text: written, crons, shortest_gap_seconds })
    }

    /// The first instant after `at`, in whole seconds; none only where the calendar of the library ends (year 5000).
    pub fn next_after(&self, at: Timestamp, zone: Tz) -> Option<Timestamp> {
        let from = at.trunc_subsecs(0);
        self.crons.iter().filter_map(|cron| search(cron, from, zone)).min()
    }

    /// At least so long lies between two instants of it, unless a clock change shortens it.
    pub fn shortest_gap(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.shortest_gap_seconds.into())
    }
}

fn expand(text: &str) -> Result<String, CronFault> {
    if !text.starts_with('@') {
        return Ok(text.to_owned());
    }
    if text == "@reboot" {
        let remedy = "leave it out: what was missed is done at start, within catch_up";
        return Err(fault("no instant of time", remedy));
    }
    let known = NICKNAMES.iter().find(|(nickname, _)| *nickname == text);
    known
        .map(|(_, fields)| (*fields).to_owned())
        .ok_or_else(|| fault("not a nickname", "write @hourly, @daily, @weekly, @monthly or @yearly, or five fields"))
}

/// Six checked fields as croner reads them.
fn croner_of(fields: &str) -> Result<Cron, CronFault> {
    // Both days must fit: one of them is "*", so there is nothing to choose between.
    let parser = CronParser::builder().seconds(Seconds::Required).year(Year::Disallowed).dom_and_dow(true).build();
    // What the fields' own check lets through is a cron to croner; should it not be, its words may hold ours.
    parser.parse(fields).map_err(|_| fault("not a schedule", "compare it with \"17 * * * *\""))
}

/// One cron for each time of the day.
fn set_times(cron: &Cron, fields: &[String]) -> Result<Vec<Cron>, CronFault> {
    let pattern = &cron.pattern;
    let (seconds, minutes, hours) = (pattern.seconds.values(), pattern.minutes.values(), pattern.hours.values());
    if seconds.len() * minutes.len() * hours.len() > MAX_SET_TIMES {
        let what = format!("names more than {MAX_SET_TIMES} times of the day one by one");
        return Err(fault(what, "write \"*\" or a step such as \"*/5\" for the minute or the hour"));
    }
    let mut crons = Vec::new();
    for hour in &hours {
        for minute in &minutes {
            for second in &seconds {
                crons.push(croner_of(&format!("{second} {minute} {hour} {}", fields[3..].join(" ")))?);
            }
        }
    }
    Ok(crons)
}

/// Whether no month of it has a day of it. One of the day fields is `*`, so every day of the week comes in time.
fn never_comes(cron: &Cron) -> bool {
    let first = cron.pattern.days.values().into_iter().min().unwrap_or(u16::MAX);
    let most = |month: &u16| MOST_DAYS.get(usize::from(*month).wrapping_sub(1)).copied().unwrap_or(0);
    cron.pattern.months.values().iter().all(|month| most(month) < first)
}

/// Between two times of one day, or the last of one and the first of the next.
fn shortest_gap(cron: &Cron) -> u32 {
    let pattern = &cron.pattern;
    let mut times = Vec::new();
    for hour in pattern.hours.values() {
        for minute in pattern.minutes.values() {
            let minute = u32::from(hour) * 3600 + u32::from(minute) * 60;
            times.extend(pattern.seconds.values().into_iter().map(|second| minute + u32::from(second)));
        }
    }
    let day = 24 * 3600;
    let over_night = times.last().zip(times.first()).map(|(last, first)| day - last + first);
    times.windows(2).map(|pair| pair[1] - pair[0]).chain(over_night).min().unwrap_or(day)
}

fn search(cron: &Cron, from: Timestamp, zone: Tz) -> Option<Timestamp> {
    (0..SEARCHES).find_map(|hours| {
        let start = from.checked_add_signed(TimeDelta::hours(hours.into()))?.with_timezone(&zone);
        let found = cron.find_next_occurrence(&start, false).ok()?.to_utc();
        (found > from).then_some(found)
    })
}

#[cfg(test)]
#[path = "cron_tests.rs"]
mod tests;
