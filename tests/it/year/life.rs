//! A year as a list of things that happen, made from a seed: breakages and what their users do about them, mass
//! breakages, outages, operators' words, people who come, leave and unsubscribe, and the instants of the runs.

use chrono::Weekday;
use fastrand::Rng;

/// Everybody there ever is; the last [`LATE`] join during the year.
pub const USERS: usize = 13;
const LATE: usize = 3;
/// How many of the others have something broken when the first run takes stock.
const OLD: usize = 4;
const YEAR_MIN: i64 = 365 * DAY;
const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;

/// Time zones of users: with and without daylight saving, half hours, none, and one that is no zone.
pub const ZONES: [Option<&str>; 6] = [
    Some("Europe/Warsaw"),
    Some("America/New_York"),
    Some("Asia/Kolkata"),
    Some("Australia/Lord_Howe"),
    None,
    Some("Mars/Olympus_Mons"),
];

/// The toolkits everybody uses.
pub const TOOLKITS: [&str; 3] = ["gmail", "slack", "zoom"];

/// What one user has of one toolkit: user and toolkit by number.
pub type Place = (usize, usize);

/// One thing that happens; where it cannot happen (what is broken cannot break), it does not.
#[derive(Debug, Clone)]
pub enum Event {
    Break(Place, bool),
    HealInPlace(Place),
    Reconnect(Place),
    GiveUp(Place),
    Remove(Place),
    Connect(Place),
    Join(usize),
    Leave(usize),
    Unsubscribe(usize),
    /// From now on the user's mail server refuses the address for good.
    Refuse(usize),
    Silence(Option<usize>, Option<usize>, i64),
    EndSilences,
    /// An operator lets the storms that are held go, or calls their notices off.
    Decide(bool),
    ReleaseBaseline(u32),
    /// Nobody, one user, or everybody can be asked about.
    Provider(Outage),
    Mail(bool),
    Hook(bool),
    Run,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    Over,
    Of(usize),
    Whole,
}

/// The settings of one year, in hours where nothing else is said.
#[derive(Debug, Clone)]
pub struct Rules {
    pub ladder: Vec<i64>,
    pub dwell: i64,
    pub dwell_transient: i64,
    pub digest: i64,
    pub per_day: usize,
    pub per_week: usize,
    /// Local hours, from and to.
    pub quiet_hours: Option<(u32, u32)>,
    pub quiet_days: Vec<Weekday>,
    pub storm_share: f64,
    pub storm_min: usize,
    pub storm_window: i64,
    pub recovered_mail: bool,
}

impl Rules {
    pub fn of(rng: &mut Rng) -> Self {
        let pick = |rng: &mut Rng, choices: &[i64]| choices[rng.usize(..choices.len())];
        let ladders = [vec![0, 72, 240], vec![0, 24, 48, 72], vec![6, 72], vec![0]];
        let dwell = pick(rng, &[0, 0, 5]);
        let per_day = rng.usize(1..=3);
        Self {
            ladder: ladders[rng.usize(..ladders.len())].clone(),
            dwell,
            dwell_transient: dwell.max(pick(rng, &[0, 24, 48])),
            digest: pick(rng, &[0, 12, 30]),
            per_day,
            per_week: per_day.max(rng.usize(1..=6)),
            quiet_hours: [None, Some((22, 8)), Some((9, 13))][rng.usize(..3)],
            quiet_days: [vec![], vec![Weekday::Sat, Weekday::Sun]][rng.usize(..2)].clone(),
            storm_share: 0.3,
            storm_min: 4,
            storm_window: pick(rng, &[12, 24, 72]),
            recovered_mail: rng.bool(),
        }
    }
}

/// A year: each thing with the minute it happens in. Runs fall on tens of minutes, everything else between them.
pub fn year(rng: &mut Rng) -> Vec<(i64, Event)> {
    let mut events = Vec::new();
    for user in 0..USERS {
        for toolkit in 0..TOOLKITS.len() {
            link(rng, (user, toolkit), &mut events);
        }
    }
    for _ in 0..20 {
        // A bad day of one user's.
        let (user, start) = (rng.usize(..USERS), rng.i64(DAY..YEAR_MIN));
        for toolkit in 0..TOOLKITS.len() {
            let at = start + rng.i64(0..30 * HOUR);
            events.push((at, Event::Break((user, toolkit), rng.bool())));
            events.push((at + rng.i64(DAY..15 * DAY), Event::Reconnect((user, toolkit))));
        }
    }
    storms(rng, &mut events);
    operators(rng, &mut events);
    outages(rng, &mut events);
    for late in USERS - LATE..USERS {
        events.push((rng.i64(DAY..200 * DAY), Event::Join(late)));
    }
    for change in [Event::Leave, Event::Unsubscribe, Event::Refuse] {
        for _ in 0..2 {
            events.push((rng.i64(30 * DAY..YEAR_MIN), change(rng.usize(..USERS))));
        }
    }
    for (minute, _) in &mut events {
        *minute = *minute / 10 * 10 + 5;
    }
    // Weeks before the first run some things were broken.
    for (user, days) in (1..).map(|weeks| weeks * 20).take(OLD).enumerate() {
        events.push((-DAY * days, Event::Break((user, rng.usize(..TOOLKITS.len())), rng.bool())));
    }
    let mut minute = 0;
    while minute < YEAR_MIN {
        events.push((minute, Event::Run));
        let gap = match rng.u32(..100) {
            0..70 => rng.i64(2 * HOUR..14 * HOUR),
            70..95 => rng.i64(DAY..2 * DAY),
            _ => rng.i64(3 * DAY..6 * DAY),
        };
        minute += gap / 10 * 10;
    }
    events.sort_by_key(|(minute, _)| *minute); // Stable: what falls together keeps its order.
    events
}

/// What happens to one user's accounts of one toolkit.
fn link(rng: &mut Rng, place: Place, events: &mut Vec<(i64, Event)>) {
    let mut minute = rng.i64(HOUR..60 * DAY);
    while minute < YEAR_MIN {
        events.push((minute, Event::Break(place, rng.u32(..3) == 0)));
        let soon = |rng: &mut Rng| if rng.bool() { rng.i64(10..30 * HOUR) } else { rng.i64(DAY..20 * DAY) };
        minute += soon(rng);
        match rng.u32(..100) {
            0..35 => events.push((minute, Event::HealInPlace(place))),
            35..65 => events.push((minute, Event::Reconnect(place))),
            65..75 => {
                events.push((minute, Event::Remove(place)));
                minute += soon(rng);
                events.push((minute, Event::Connect(place)));
            }
            75..90 => {
                events.push((minute, Event::GiveUp(place)));
                minute += soon(rng);
                events.push((minute, Event::Reconnect(place)));
            }
            _ => {
                minute += rng.i64(20 * DAY..60 * DAY);
                events.push((minute, Event::HealInPlace(place)));
            }
        }
        minute += rng.i64(2 * DAY..80 * DAY);
    }
}

/// Days on which an auth config, or a whole toolkit, fails.
fn storms(rng: &mut Rng, events: &mut Vec<(i64, Event)>) {
    for _ in 0..12 {
        let (start, toolkit) = (rng.i64(5 * DAY..YEAR_MIN), rng.usize(..TOOLKITS.len()));
        let half = rng.bool().then(|| rng.usize(..2));
        let (heals, breaks) = (rng.u32(..3), [5, 9][rng.usize(..2)]);
        for user in (0..USERS).filter(|user| half.is_none_or(|half| user % 2 == half)) {
            if rng.u32(..10) < breaks {
                events.push((start + rng.i64(0..20 * HOUR), Event::Break((user, toolkit), false)));
            }
            if heals == 2 || (heals == 1 && rng.bool()) {
                let back = if rng.bool() { Event::HealInPlace } else { Event::Reconnect };
                events.push((start + rng.i64(10 * HOUR..6 * DAY), back((user, toolkit))));
            }
        }
        if heals < 2 && rng.u32(..4) > 0 {
            events.push((start + rng.i64(12 * HOUR..6 * DAY), Event::Decide(rng.bool())));
        }
    }
}

fn operators(rng: &mut Rng, events: &mut Vec<(i64, Event)>) {
    for _ in 0..40 {
        let (user, toolkit) = (rng.usize(..USERS), rng.usize(..TOOLKITS.len()));
        let (user, toolkit) = [(Some(user), None), (None, Some(toolkit)), (Some(user), Some(toolkit))][rng.usize(..3)];
        events.push((rng.i64(DAY..YEAR_MIN), Event::Silence(user, toolkit, rng.i64(2 * HOUR..10 * DAY))));
    }
    for _ in 0..2 {
        events.push((rng.i64(DAY..YEAR_MIN), Event::EndSilences));
    }
    let start = rng.i64(DAY..100 * DAY);
    events.push((start, Event::ReleaseBaseline(1)));
    events.push((start + rng.i64(HOUR..4 * DAY), Event::ReleaseBaseline(rng.u32(0..=3))));
}

fn outages(rng: &mut Rng, events: &mut Vec<(i64, Event)>) {
    let mut outage = |rng: &mut Rng, longest: i64, begin: Event, end: Event| {
        let start = rng.i64(DAY..YEAR_MIN);
        events.push((start, begin));
        events.push((start + rng.i64(2 * HOUR..longest), end));
        if rng.bool() {
            // What could not be delivered then meets an operator's silence.
            let silence = Event::Silence(None, Some(rng.usize(..TOOLKITS.len())), rng.i64(DAY..4 * DAY));
            events.push((start + rng.i64(2 * HOUR..DAY), silence));
        }
    };
    for _ in 0..8 {
        outage(rng, 3 * DAY, Event::Provider(Outage::Whole), Event::Provider(Outage::Over));
        let one = Outage::Of(rng.usize(..USERS));
        outage(rng, 3 * DAY, Event::Provider(one), Event::Provider(Outage::Over));
        outage(rng, 5 * DAY, Event::Mail(false), Event::Mail(true));
    }
    for _ in 0..5 {
        outage(rng, 5 * DAY, Event::Hook(false), Event::Hook(true));
    }
}
