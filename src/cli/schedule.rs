//! `reconnectd schedule`: when every job comes next, in UTC and on the clocks its schedule goes by.
//!
//! Reads the configuration alone; what has been done is in the state database and not looked at.

use std::fmt::Write as _;
use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use super::explain::when;
use super::{Exit, output, setup};
use crate::domain::{JobName, Timestamp};
use crate::schedule::{JobSchedule, Timetable};

/// Instants shown of each job.
const SHOWN: usize = 5;

#[derive(Debug, Args)]
pub(super) struct ScheduleArgs {
    /// As one JSON document.
    #[arg(long)]
    json: bool,
    /// The instants after this one instead of now, such as 2027-03-27T00:00:00Z: what a clock change does to them.
    #[arg(long, value_name = "INSTANT")]
    after: Option<Timestamp>,
}

pub(super) fn run(config: Option<&Path>, args: &ScheduleArgs) -> Exit {
    let app = match setup::start(config) {
        Ok(process) => process.app,
        Err(exit) => return exit,
    };
    let after = args.after.unwrap_or_else(|| app.clock.now());
    let timetable = &app.config.schedule;
    if args.json {
        output::result(&as_json(timetable, after).to_string());
    } else {
        output::result(&in_words(timetable, after));
    }
    Exit::Done
}

fn in_words(timetable: &Timetable, after: Timestamp) -> String {
    let mut text = String::new();
    for (job, code, _) in JobName::CODES {
        let Some(schedule) = timetable.of(job) else {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "{code:<10} off");
            continue;
        };
        let _ = write!(text, "{code:<10} {} ({})", schedule.expression, schedule.timezone.name());
        if !schedule.jitter.is_zero() {
            let _ = write!(text, ", begins up to {} after each", humantime::format_duration(schedule.jitter));
        }
        text.push('\n');
        for (utc, local) in next(schedule, after) {
            let _ = writeln!(text, "  {}   {}", when(utc), local.format("%a %Y-%m-%d %H:%M:%S %:z"));
        }
    }
    let catch_up = humantime::format_duration(timetable.catch_up);
    let _ = write!(text, "what is missed is made up for within {catch_up}, the newest of it once");
    text
}

fn as_json(timetable: &Timetable, after: Timestamp) -> Value {
    let job = |job: JobName| {
        let Some(schedule) = timetable.of(job) else { return json!({ "job": job.code(), "off": true }) };
        let next = next(schedule, after)
            .map(|(utc, local)| json!({ "utc": utc.to_rfc3339_opts(chrono::SecondsFormat::Secs, true), "local": local.to_rfc3339() }));
        json!({
            "job": job.code(),
            "off": false,
            "schedule": schedule.expression.to_string(),
            "timezone": schedule.timezone.name(),
            "jitter_ms": u64::try_from(schedule.jitter.as_millis()).unwrap_or(u64::MAX),
            "next": next.collect::<Vec<_>>(),
        })
    };
    let jobs: Vec<Value> = JobName::CODES.into_iter().map(|(name, ..)| job(name)).collect();
    json!({ "jobs": jobs, "catch_up_ms": u64::try_from(timetable.catch_up.as_millis()).unwrap_or(u64::MAX) })
}

fn next(
    schedule: &JobSchedule,
    after: Timestamp,
) -> impl Iterator<Item = (Timestamp, chrono::DateTime<chrono_tz::Tz>)> {
    schedule.after(after).take(SHOWN).map(|at| (at, at.with_timezone(&schedule.timezone)))
}
